/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The next-hop table. Control thread; workers only read. What a worker may still hold, a next hop
 * or a group's buckets, keeps its content until every worker was quiescent, and only then is reused.
 */
#include "fib/nh.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include <rte_vect.h>

#include "fib/defer.h"
#include "base/mem.h"
#include "fib/mix.h"

struct nh_writer {
	struct defer defer;
	uint32_t *free_nh; /* stack of free indices */
	uint32_t free_nh_n;
	uint32_t *free_group;
	uint32_t free_group_n;
	uint32_t groups;
};

static_assert(sizeof(struct nh) == 64, "a next hop is one cache line");
static_assert(offsetof(struct nh, kind) == sizeof(((struct nh *)0)->l2), "l2 is 16 bytes");

static uint32_t *index_stack(uint32_t first, uint32_t n)
{
	uint32_t *stack = calloc(n > 0 ? n : 1, sizeof(*stack));

	/* The lowest index on top: few next hops then share few pages. */
	for (uint32_t i = 0; stack != NULL && i < n; i++)
		stack[i] = first + n - 1 - i;
	return stack;
}

struct nh_table *nh_table_new(uint32_t size, uint32_t groups, struct rte_rcu_qsbr *qsbr)
{
	struct nh_table *t = calloc(1, sizeof(*t));
	struct nh_writer *w = calloc(1, sizeof(*w));

	assert(size >= 1 && size <= NH_INDEX_MAX);
	if (t == NULL || w == NULL) {
		free(w);
		free(t);
		errno = ENOMEM;
		return NULL;
	}
	*w = (struct nh_writer){
		.defer = {.qsbr = qsbr},
		.groups = groups,
		.free_nh = index_stack(1, size - 1),
		.free_nh_n = size - 1,
		.free_group = index_stack(0, groups),
		.free_group_n = groups,
	};
	*t = (struct nh_table){
		.nh = mem_alloc_lazy(size * sizeof(*t->nh)),
		.buckets = mem_alloc_lazy((groups > 0 ? groups : 1) * sizeof(*t->buckets)),
		.size = size,
		.writer = w,
	};
	if (t->nh == NULL || t->buckets == NULL || w->free_nh == NULL || w->free_group == NULL ||
		defer_reserve(&w->defer, size) != 0) {
		nh_table_free(t);
		errno = ENOMEM;
		return NULL;
	}
	t->nh[NH_NONE].kind = NH_NO_ROUTE;
	return t;
}

void nh_table_free(struct nh_table *t)
{
	struct nh_writer *w;

	if (t == NULL)
		return;
	w = t->writer;
	mem_free(t->nh, t->size * sizeof(*t->nh));
	mem_free(t->buckets, (w->groups > 0 ? w->groups : 1) * sizeof(*t->buckets));
	defer_fini(&w->defer);
	free(w->free_nh);
	free(w->free_group);
	free(w);
	free(t);
}

void nh_table_reclaim(struct nh_table *t)
{
	struct nh_writer *w = t->writer;
	uint32_t index, unused;

	while (defer_pop(&w->defer, &index, &unused)) {
		if (t->nh[index].kind == NH_ECMP)
			w->free_group[w->free_group_n++] = t->nh[index].group;
		w->free_nh[w->free_nh_n++] = index;
	}
}

uint32_t nh_new(struct nh_table *t, const struct nh *init)
{
	struct nh_writer *w = t->writer;
	uint32_t index;
	struct nh *nh;

	assert(init->kind < NH_KIND_MAX);
	if (w->free_nh_n == 0)
		nh_table_reclaim(t);
	if (w->free_nh_n == 0) {
		errno = ENOSPC;
		return NH_NONE;
	}
	index = w->free_nh[--w->free_nh_n];
	nh = &t->nh[index];
	/* No worker knows the index yet; it learns it from a store that comes after this. */
	*nh = *init;
	nh->refs = 1;
	__atomic_store_n(&nh->kind, init->kind, __ATOMIC_RELEASE);
	return index;
}

void nh_ref(struct nh_table *t, uint32_t index)
{
	assert(index < t->size);
	if (index == NH_NONE)
		return;
	assert(t->nh[index].refs > 0);
	t->nh[index].refs++;
}

/* A group holds one reference on each adjacency that has at least one bucket. */
static void group_ref_members(struct nh_table *t, uint32_t group, bool take)
{
	const uint32_t *b = t->buckets[group];

	for (unsigned int i = 0; i < NH_GROUP_BUCKETS; i++) {
		unsigned int j = 0;

		while (b[j] != b[i])
			j++;
		if (j < i)
			continue; /* seen before */
		if (take)
			nh_ref(t, b[i]);
		else
			nh_unref(t, b[i]);
	}
}

void nh_unref(struct nh_table *t, uint32_t index)
{
	struct nh *nh;

	assert(index < t->size);
	if (index == NH_NONE)
		return;
	nh = &t->nh[index];
	assert(nh->refs > 0);
	if (--nh->refs > 0)
		return;
	/* Its content stays for those who still hold it, members included: a member that this frees
	 * gets a later token than the group. */
	defer_push(&t->writer->defer, index, 0);
	if (nh->kind == NH_ECMP)
		group_ref_members(t, nh->group, false);
}

void nh_set_resolved(struct nh_table *t, uint32_t index, const struct rte_ether_addr *dst,
	const struct rte_ether_addr *src)
{
	struct nh *nh = &t->nh[index];
	union {
		struct rte_ether_addr mac[2];
		uint8_t bytes[16];
		xmm_t word;
	} l2 = {.mac = {*dst, *src}};

	assert(index < t->size && (nh->kind == NH_FORWARD || nh->kind == NH_PENDING));
	/* One 16-byte store: a worker sees the old pair of addresses or the new one, no mixture. */
	*(volatile xmm_t *)nh->l2 = l2.word;
	__atomic_store_n(&nh->kind, NH_FORWARD, __ATOMIC_RELEASE);
}

void nh_set_pending(struct nh_table *t, uint32_t index)
{
	struct nh *nh = &t->nh[index];

	assert(index < t->size && (nh->kind == NH_FORWARD || nh->kind == NH_PENDING));
	__atomic_store_n(&nh->kind, NH_PENDING, __ATOMIC_RELEASE);
}

/* Of the address and the port: link-local neighbours on two ports may share an address. */
static uint64_t member_hash(const struct nh *nh)
{
	uint64_t w[2];

	memcpy(w, nh->addr.bytes, sizeof(w));
	return mix64(mix64(mix64(w[0] + nh->addr.family) + w[1]) + nh->port);
}

static void group_fill(const struct nh_table *t, uint32_t *buckets, const uint32_t *members,
	unsigned int n)
{
	uint64_t hash[NH_GROUP_MEMBERS_MAX];

	for (unsigned int m = 0; m < n; m++)
		hash[m] = member_hash(&t->nh[members[m]]);
	for (unsigned int b = 0; b < NH_GROUP_BUCKETS; b++) {
		uint64_t best = 0;
		uint32_t pick = NH_NONE;

		for (unsigned int m = 0; m < n; m++) {
			uint64_t h = mix64(hash[m] ^ mix64(b + 1));

			/* Equal hashes: the lower index, whatever the order of the members. */
			if (pick == NH_NONE || h > best || (h == best && members[m] < pick)) {
				best = h;
				pick = members[m];
			}
		}
		buckets[b] = pick;
	}
}

uint32_t nh_group_new(struct nh_table *t, const uint32_t *members, unsigned int n)
{
	struct nh_writer *w = t->writer;
	struct nh init = {.kind = NH_ECMP};
	uint32_t index;

	if (n < 2 || n > NH_GROUP_MEMBERS_MAX) {
		errno = EINVAL;
		return NH_NONE;
	}
	if (w->free_group_n == 0)
		nh_table_reclaim(t);
	if (w->free_group_n == 0) {
		errno = ENOSPC;
		return NH_NONE;
	}
	init.group = w->free_group[w->free_group_n - 1];
	group_fill(t, t->buckets[init.group], members, n);
	index = nh_new(t, &init);
	if (index == NH_NONE)
		return NH_NONE;
	w->free_group_n--;
	group_ref_members(t, init.group, true);
	return index;
}
