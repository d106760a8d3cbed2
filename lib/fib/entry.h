/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The 32-bit entry of both tables. A leaf holds the next hop and the length of the prefix that put
 * it there; the length is what lets the writer lay a prefix over a range without asking a second
 * structure: it takes the leaves of shorter prefixes and leaves those of longer ones alone.
 * Zero is a leaf without a route.
 */
#ifndef FIB_ENTRY_H
#define FIB_ENTRY_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

#include "fib/nh.h"

#define ENTRY_SUB (1u << 31) /* not a leaf: the other bits are a group's or a node's index */
#define ENTRY_NH_MASK (NH_INDEX_MAX - 1)
#define ENTRY_LEN_SHIFT NH_INDEX_BITS

static_assert(NH_INDEX_BITS + 8 < 32, "next hop, length and flag fit 32 bits");

static inline uint32_t entry_leaf(uint32_t nh, unsigned int len)
{
	return nh | len << ENTRY_LEN_SHIFT;
}

static inline bool entry_is_sub(uint32_t e)
{
	return (e & ENTRY_SUB) != 0;
}

static inline uint32_t entry_index(uint32_t e)
{
	return e & ~ENTRY_SUB;
}

/* Of a leaf. */
static inline unsigned int entry_len(uint32_t e)
{
	return e >> ENTRY_LEN_SHIFT & 0xff;
}

static inline uint32_t entry_load(const uint32_t *e)
{
	return __atomic_load_n(e, __ATOMIC_RELAXED);
}

/* A leaf in place of a leaf: nothing behind it has to be visible first. */
static inline void entry_store(uint32_t *e, uint32_t v)
{
	__atomic_store_n(e, v, __ATOMIC_RELAXED);
}

/* What the entry leads to was filled before and has to be seen by who sees the entry. */
static inline void entry_publish(uint32_t *e, uint32_t v)
{
	__atomic_store_n(e, v, __ATOMIC_RELEASE);
}

#endif
