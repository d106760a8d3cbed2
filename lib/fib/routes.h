/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The writer's list of routes: prefix to next hop, exact match only, open addressing. The lookup
 * tables hold what each address gets; this holds what was asked for, so that a delete finds the
 * covering prefix and a replace knows that it is one. Control thread only.
 *
 * A route is `words` 64-bit words (1 for IPv4, 3 for IPv6). The last one carries, from bit 0, the
 * next hop, the length and a bit that marks the slot as used, and for IPv4 the address from bit 32.
 */
#ifndef FIB_ROUTES_H
#define FIB_ROUTES_H

#include <stddef.h>
#include <stdint.h>

#include "fib/entry.h"

#define ROUTES_USED (1ULL << 31)

struct routes {
	uint64_t *slots;
	unsigned int words;
	unsigned int bits; /* 2^bits slots */
	uint32_t count;
	uint32_t by_len[129]; /* routes of each length */
	uint64_t seed;
};

struct route_key {
	uint64_t w[3];
};

static inline struct route_key route_key_v4(uint32_t addr, unsigned int len)
{
	return (struct route_key){.w = {
		(uint64_t)addr << 32 | ROUTES_USED | entry_leaf(0, len)}};
}

static inline struct route_key route_key_v6(uint64_t hi, uint64_t lo, unsigned int len)
{
	return (struct route_key){.w = {hi, lo, ROUTES_USED | entry_leaf(0, len)}};
}

int routes_init(struct routes *r, unsigned int words);
void routes_fini(struct routes *r);

/* Makes room for one more. 0 or -ENOMEM. */
int routes_reserve(struct routes *r);
/* The last word of the route, or NULL. Valid until the next insert or remove. */
uint64_t *routes_find(const struct routes *r, const struct route_key *key);
/* The route is not there yet and there is room. */
void routes_insert(struct routes *r, const struct route_key *key, uint32_t nh);
/* `last` is what routes_find returned. */
void routes_remove(struct routes *r, uint64_t *last);
/*
 * The leaf (fib/entry.h) of the longest prefix shorter than `len` that covers the address (IPv4: in
 * the upper half of hi), 0 without one.
 */
uint32_t routes_cover(const struct routes *r, uint64_t hi, uint64_t lo, unsigned int len);
void routes_prefetch(const struct routes *r, const struct route_key *key);
size_t routes_bytes(const struct routes *r);

static inline uint32_t route_nh(uint64_t last)
{
	return last & ENTRY_NH_MASK;
}

static inline void route_set_nh(uint64_t *last, uint32_t nh)
{
	*last = (*last & ~(uint64_t)ENTRY_NH_MASK) | nh;
}

#endif
