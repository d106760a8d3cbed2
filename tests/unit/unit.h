/* SPDX-License-Identifier: BSD-3-Clause */
/* What every unit test includes: cmocka in its required order, and the seed of random tests. */
#ifndef TESTS_UNIT_H
#define TESTS_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

/* The seed of a random test: NVAD_TEST_SEED, or a new one; printed, so that a failure repeats. */
static inline uint64_t unit_seed(void)
{
	const char *text = getenv("NVAD_TEST_SEED");
	uint64_t seed = text != NULL ? strtoull(text, NULL, 0) : (uint64_t)time(NULL);

	fprintf(stderr, "seed: NVAD_TEST_SEED=%llu\n", (unsigned long long)seed);
	return seed;
}

/* splitmix64: small, seedable, the same on every machine. */
static inline uint64_t unit_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

#endif
