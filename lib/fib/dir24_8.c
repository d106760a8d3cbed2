/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * DIR-24-8. Each entry that a change touches goes from the old value to the new in one store, so
 * that no address is ever seen with a third. A group is filled before it is linked; one that is
 * unlinked keeps its content until every reader was quiescent.
 */
#include "fib/dir24_8.h"

#include <errno.h>
#include <stdlib.h>

#include <rte_branch_prediction.h>
#include <rte_prefetch.h>
#include <rte_vect.h>

#include "base/mem.h"

#define TBL24_N (1u << 24)
#define TBL24_BYTES (TBL24_N * sizeof(uint32_t))

int dir24_8_init(struct dir24_8 *d, uint32_t max_groups, struct rte_rcu_qsbr *qsbr)
{
	uint32_t n = max_groups > 0 ? max_groups : 1;

	if (max_groups > DIR24_8_GROUPS_MAX)
		return -EINVAL;
	*d = (struct dir24_8){
		.tbl24 = mem_alloc_huge(TBL24_BYTES),
		.groups = mem_alloc_lazy(n * sizeof(*d->groups)),
		.defer = {.qsbr = qsbr},
		.group_routes = calloc(n, sizeof(*d->group_routes)),
		.free = calloc(n, sizeof(*d->free)),
		.free_n = max_groups,
		.max_groups = max_groups,
	};
	if (routes_init(&d->routes, 1) != 0 || d->tbl24 == NULL || d->groups == NULL ||
		d->group_routes == NULL || d->free == NULL || defer_reserve(&d->defer, n) != 0) {
		dir24_8_fini(d);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < max_groups; i++)
		d->free[i] = max_groups - 1 - i;
	return 0;
}

void dir24_8_fini(struct dir24_8 *d)
{
	uint32_t n = d->max_groups > 0 ? d->max_groups : 1;

	mem_free(d->tbl24, TBL24_BYTES);
	mem_free(d->groups, n * sizeof(*d->groups));
	free(d->group_routes);
	free(d->free);
	defer_fini(&d->defer);
	routes_fini(&d->routes);
}

void dir24_8_reclaim(struct dir24_8 *d)
{
	uint32_t group, unused;

	while (defer_pop(&d->defer, &group, &unused))
		d->free[d->free_n++] = group;
}

size_t dir24_8_bytes(const struct dir24_8 *d)
{
	return TBL24_BYTES + d->groups_touched * sizeof(*d->groups) + routes_bytes(&d->routes) +
		d->max_groups * (sizeof(*d->group_routes) + sizeof(*d->free));
}

/*
 * Lays a value over n entries for a prefix of this length, or what covers it over the prefix's own.
 * Leaves of longer prefixes stay. (When a prefix goes, no leaf of a shorter one is in its range.)
 */
static void paint(struct dir24_8 *d, uint32_t *e, uint32_t n, unsigned int len, uint32_t value)
{
	/* Leaves up to this length are less than this, and what leads on is not. */
	const uint32_t limit = entry_leaf(0, len + 1);

	for (uint32_t i = 0; i < n; i++) {
		if (likely(e[i] < limit)) {
			entry_store(&e[i], value);
		} else if (entry_is_sub(e[i])) {
			uint32_t *sub = d->groups[entry_index(e[i])];

			for (unsigned int j = 0; j < 256; j++)
				if (sub[j] < limit)
					entry_store(&sub[j], value);
		}
	}
}

static void paint_prefix(struct dir24_8 *d, uint32_t addr, unsigned int len, uint32_t value)
{
	uint32_t *e = &d->tbl24[addr >> 8];

	if (len <= 24)
		paint(d, e, 1u << (24 - len), len, value);
	else
		paint(d, &d->groups[entry_index(*e)][addr & 0xff], 1u << (32 - len), len, value);
}

/* Gives the /24 around the address a group, without a change to what its addresses get. */
static int group_link(struct dir24_8 *d, uint32_t addr)
{
	uint32_t *e = &d->tbl24[addr >> 8];
	uint32_t group;

	if (entry_is_sub(*e))
		return 0;
	if (d->free_n == 0)
		dir24_8_reclaim(d);
	if (d->free_n == 0)
		return -ENOSPC;
	group = d->free[--d->free_n];
	if (group >= d->groups_touched)
		d->groups_touched = group + 1;
	for (unsigned int i = 0; i < 256; i++)
		d->groups[group][i] = *e;
	entry_publish(e, ENTRY_SUB | group);
	return 0;
}

/* After the last prefix beyond /24 went, all 256 entries hold what covers the /24. */
static void group_unlink(struct dir24_8 *d, uint32_t addr)
{
	uint32_t *e = &d->tbl24[addr >> 8];
	uint32_t group = entry_index(*e);

	entry_store(e, d->groups[group][0]);
	defer_push(&d->defer, group, 0);
}

int dir24_8_add(struct dir24_8 *d, uint32_t addr, unsigned int len, uint32_t nh)
{
	const struct route_key key = route_key_v4(addr, len);
	uint64_t *route;
	int rc;

	dir24_8_prefetch(d, addr);
	route = routes_find(&d->routes, &key);
	if (route == NULL) {
		rc = routes_reserve(&d->routes);
		if (rc == 0 && len > 24)
			rc = group_link(d, addr);
		if (rc != 0)
			return rc;
		routes_insert(&d->routes, &key, nh);
		if (len > 24)
			d->group_routes[entry_index(d->tbl24[addr >> 8])]++;
	} else {
		route_set_nh(route, nh);
	}
	paint_prefix(d, addr, len, entry_leaf(nh, len));
	return 0;
}

/* The leaf of the longest prefix that covers this one. */
static uint32_t cover(const struct dir24_8 *d, uint32_t addr, unsigned int len)
{
	uint32_t e;

	if (len == 0)
		return 0;
	/* A leaf of a shorter prefix in the other half of the prefix one bit up is that of the
	 * longest one that covers both halves. */
	e = dir24_8_lookup(d, addr ^ 1u << (32 - len));
	return entry_len(e) < len ? e : routes_cover(&d->routes, (uint64_t)addr << 32, 0, len);
}

int dir24_8_del(struct dir24_8 *d, uint32_t addr, unsigned int len)
{
	const struct route_key key = route_key_v4(addr, len);
	uint64_t *route;

	dir24_8_prefetch(d, addr);
	route = routes_find(&d->routes, &key);
	if (route == NULL)
		return -ENOENT;
	routes_remove(&d->routes, route);
	paint_prefix(d, addr, len, cover(d, addr, len));
	if (len > 24 && --d->group_routes[entry_index(d->tbl24[addr >> 8])] == 0)
		group_unlink(d, addr);
	return 0;
}

int dir24_8_get(const struct dir24_8 *d, uint32_t addr, unsigned int len, uint32_t *ret_nh)
{
	const struct route_key key = route_key_v4(addr, len);
	const uint64_t *route = routes_find(&d->routes, &key);

	if (route == NULL)
		return -ENOENT;
	*ret_nh = route_nh(*route);
	return 0;
}

#ifdef __AVX512F__
/* Sixteen at a time: the loads of a gather, and of gathers that follow one another, overlap. */
static inline void lookup16(const struct dir24_8 *d, const uint32_t *addr, uint32_t *ret_nh,
	__mmask16 lanes)
{
	__m512i a = _mm512_maskz_loadu_epi32(lanes, addr);
	__m512i e = _mm512_mask_i32gather_epi32(_mm512_setzero_si512(), lanes,
		_mm512_srli_epi32(a, 8), d->tbl24, 4);
	__mmask16 sub = _mm512_cmplt_epi32_mask(e, _mm512_setzero_si512());

	if (sub != 0) {
		/* The shift drops ENTRY_SUB. */
		__m512i i = _mm512_or_si512(_mm512_slli_epi32(e, 8),
			_mm512_and_si512(a, _mm512_set1_epi32(0xff)));

		e = _mm512_mask_i32gather_epi32(e, sub, i, d->groups, 4);
	}
	_mm512_mask_storeu_epi32(ret_nh, lanes,
		_mm512_and_si512(e, _mm512_set1_epi32(ENTRY_NH_MASK)));
}

void dir24_8_lookup_burst(const struct dir24_8 *d, const uint32_t *addr, uint32_t *ret_nh,
	unsigned int n)
{
	unsigned int i;

	/* More loads in flight than the gathers alone keep. */
	for (i = 0; i < n; i++)
		dir24_8_prefetch(d, addr[i]);
	for (i = 0; i + 16 <= n; i += 16)
		lookup16(d, addr + i, ret_nh + i, 0xffff);
	if (i < n)
		lookup16(d, addr + i, ret_nh + i, (1u << (n - i)) - 1);
}
#else
void dir24_8_lookup_burst(const struct dir24_8 *d, const uint32_t *addr, uint32_t *ret_nh,
	unsigned int n)
{
	const unsigned int ahead = 16;

	for (unsigned int i = 0; i < ahead && i < n; i++)
		dir24_8_prefetch(d, addr[i]);
	for (unsigned int i = 0; i < n; i++) {
		if (i + ahead < n)
			dir24_8_prefetch(d, addr[i + ahead]);
		ret_nh[i] = dir24_8_lookup(d, addr[i]) & ENTRY_NH_MASK;
	}
}
#endif
