/* SPDX-License-Identifier: BSD-3-Clause */
/* The finaliser of MurmurHash3: each bit of the input moves half of the output's. */
#ifndef FIB_MIX_H
#define FIB_MIX_H

#include <stdint.h>

static inline uint64_t mix64(uint64_t x)
{
	x ^= x >> 33;
	x *= 0xff51afd7ed558ccdULL;
	x ^= x >> 33;
	x *= 0xc4ceb9fe1a85ec53ULL;
	return x ^ x >> 33;
}

#endif
