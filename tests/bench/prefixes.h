/* SPDX-License-Identifier: BSD-3-Clause */
/* The list of real prefixes, and destinations drawn over it, for benchmarks. */
#ifndef BENCH_PREFIXES_H
#define BENCH_PREFIXES_H

#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

struct prefixes {
	struct ip_prefix *p; /* of one family, in random order (the same one each time) */
	size_t n;
};

/*
 * Reads one prefix a line, through xz where the name ends in .xz; NULL: tests/data/prefixes.txt.xz
 * of the source tree. Says what is wrong and exits. Free p yourself.
 */
void prefixes_load(const char *file, struct prefixes *ret_v4, struct prefixes *ret_v6);

/* n addresses, each inside a prefix drawn at random, its other bits random too. */
void prefixes_draw(const struct prefixes *list, uint64_t seed, struct ip_addr *ret_addr, size_t n);

/* splitmix64: the next of a sequence. */
uint64_t prefixes_random(uint64_t *state);

#endif
