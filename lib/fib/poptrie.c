/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The poptrie's write side. Control thread.
 *
 * Two kinds of change, both seen by a reader in one store: an entry's value changes in place, or a
 * node whose runs change is built anew and its parent's entry then points to it. The old block keeps
 * its content until every reader was quiescent.
 *
 * Slots share an entry only where the same prefix put them there. So a prefix always owns whole
 * entries, and one that goes can hand them to the prefix that covers it without any memory; that the
 * node shrinks or goes afterwards is tidying, which may fail.
 */
#include "fib/poptrie.h"

#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "fib/poptrie_priv.h"

#define ROOT_N (1u << POPTRIE_ROOT_BITS)
#define ROOT_BYTES (ROOT_N * sizeof(uint32_t))
/* Address space, taken page by page as nodes need it. */
#define POPTRIE_ARENA_BYTES ((size_t)512 << 20)
#define SLOTS (1u << POPTRIE_STRIDE)
#define NODES_ON_PATH ((128 - POPTRIE_ROOT_BITS + POPTRIE_STRIDE - 1) / POPTRIE_STRIDE)
#define CHUNK_BYTES 4096u

/* Blocks by size. Up to 64 bytes one is never split by a cache line. */
static const uint16_t class_bytes[POPTRIE_CLASSES] = {16, 32, 64, 128, 192, 272};

static unsigned int class_of(uint64_t runs)
{
	unsigned int bytes = sizeof(runs) + __builtin_popcountll(runs) * sizeof(uint32_t), c = 0;

	while (class_bytes[c] < bytes)
		c++;
	return c;
}

int poptrie_init(struct poptrie *p, uint32_t max_nodes, struct rte_rcu_qsbr *qsbr)
{
	*p = (struct poptrie){
		.root = mem_alloc_huge(ROOT_BYTES),
		.arena = mem_alloc_lazy(POPTRIE_ARENA_BYTES),
		.defer = {.qsbr = qsbr},
		.arena_units = POPTRIE_ARENA_BYTES / POPTRIE_UNIT,
		/* Unit 0 is no block: it ends the free lists. */
		.arena_used = CHUNK_BYTES / POPTRIE_UNIT,
		.max_blocks = max_nodes > 0 ? max_nodes : UINT32_MAX,
	};
	if (routes_init(&p->routes, 3) != 0 || p->root == NULL || p->arena == NULL) {
		poptrie_fini(p);
		return -ENOMEM;
	}
	return 0;
}

void poptrie_fini(struct poptrie *p)
{
	mem_free(p->root, ROOT_BYTES);
	mem_free(p->arena, POPTRIE_ARENA_BYTES);
	defer_fini(&p->defer);
	routes_fini(&p->routes);
}

size_t poptrie_bytes(const struct poptrie *p)
{
	return ROOT_BYTES + (size_t)p->arena_used * POPTRIE_UNIT + routes_bytes(&p->routes) +
		p->defer.cap * 16;
}

/* A block that no reader can hold. */
static void block_put(struct poptrie *p, uint32_t index, unsigned int class)
{
	node_at(p, index)->runs = p->free[class];
	p->free[class] = index;
}

void poptrie_reclaim(struct poptrie *p)
{
	uint32_t index, class;

	while (defer_pop(&p->defer, &index, &class))
		block_put(p, index, class);
}

/* Cuts a fresh chunk into blocks of a class. */
static int carve(struct poptrie *p, unsigned int class)
{
	unsigned int n = CHUNK_BYTES / class_bytes[class];
	int rc;

	if (n > p->max_blocks - p->blocks)
		n = p->max_blocks - p->blocks;
	if (n == 0 || p->arena_units - p->arena_used < CHUNK_BYTES / POPTRIE_UNIT)
		return -ENOSPC;
	/* Each block is at most once in the queue: so an unlink never fails. */
	rc = defer_reserve(&p->defer, p->blocks + n);
	if (rc != 0)
		return rc;
	while (n-- > 0) {
		block_put(p, p->arena_used + n * class_bytes[class] / POPTRIE_UNIT, class);
		p->blocks++;
	}
	p->arena_used += CHUNK_BYTES / POPTRIE_UNIT;
	return 0;
}

static int block_get(struct poptrie *p, unsigned int class, uint32_t *ret_index)
{
	uint32_t index;
	int rc;

	if (p->free[class] == 0)
		poptrie_reclaim(p);
	if (p->free[class] == 0) {
		rc = carve(p, class);
		if (rc != 0)
			return rc;
	}
	index = p->free[class];
	p->free[class] = node_at(p, index)->runs;
	*ret_index = index;
	return 0;
}

/* The value of each slot of a node, and back. */
static void expand(const struct poptrie_node *n, uint32_t values[SLOTS])
{
	const uint32_t *e = n->entry - 1;

	for (unsigned int i = 0; i < SLOTS; i++) {
		e += n->runs >> i & 1;
		values[i] = *e;
	}
}

static uint64_t runs_of(const uint32_t values[SLOTS], unsigned int depth)
{
	uint64_t runs = 1;

	for (unsigned int i = 1; i < SLOTS; i++) {
		uint32_t v = values[i];
		unsigned int len = entry_len(v);
		bool start = v != values[i - 1];

		/* A prefix that ends in this node owns its entries alone: one starts wherever a
		 * prefix of that length could. */
		if (!start && !entry_is_sub(v) && len > depth)
			start = (i & ((1u << (depth + POPTRIE_STRIDE - len)) - 1)) == 0;
		runs |= (uint64_t)start << i;
	}
	return runs;
}

static int node_new(struct poptrie *p, const uint32_t values[SLOTS], uint64_t runs,
	uint32_t *ret_entry)
{
	uint32_t index, *e;
	int rc = block_get(p, class_of(runs), &index);

	if (rc != 0)
		return rc;
	node_at(p, index)->runs = runs;
	e = node_at(p, index)->entry;
	for (uint64_t left = runs; left != 0; left &= left - 1)
		*e++ = values[__builtin_ctzll(left)];
	*ret_entry = ENTRY_SUB | index;
	return 0;
}

/* Makes the node behind `link` hold these values. 0, or as block_get with nothing changed. */
static int node_set(struct poptrie *p, uint32_t *link, const uint32_t values[SLOTS],
	unsigned int depth)
{
	struct poptrie_node *n = node_at(p, *link);
	uint64_t runs = runs_of(values, depth);
	uint32_t old = *link, fresh;
	int rc;

	if (runs == n->runs) {
		uint32_t *e = n->entry;

		for (; runs != 0; runs &= runs - 1, e++)
			if (*e != values[__builtin_ctzll(runs)])
				entry_publish(e, values[__builtin_ctzll(runs)]);
		return 0;
	}
	rc = node_new(p, values, runs, &fresh);
	if (rc != 0)
		return rc;
	entry_publish(link, fresh);
	defer_push(&p->defer, entry_index(old), class_of(n->runs));
	return 0;
}

/* Lays a value over everything below a link, as in dir24_8.c. */
static void paint(struct poptrie *p, uint32_t *e, uint32_t n, unsigned int len, uint32_t value)
{
	for (uint32_t i = 0; i < n; i++) {
		if (entry_is_sub(e[i])) {
			struct poptrie_node *node = node_at(p, e[i]);

			paint(p, node->entry, __builtin_popcountll(node->runs), len, value);
		} else if (entry_len(e[i]) <= len) {
			entry_store(&e[i], value);
		}
	}
}

/* The slots that a prefix takes in the node in which it ends: the first, and how many. */
static unsigned int slots_of(uint64_t hi, uint64_t lo, unsigned int len, unsigned int depth,
	unsigned int *ret_n)
{
	*ret_n = 1u << (depth + POPTRIE_STRIDE - len);
	return slot_of(hi, lo, depth);
}

/* In place, for a prefix that has all its entries: one that is replaced or goes. */
static void paint_prefix(struct poptrie *p, uint64_t hi, uint64_t lo, unsigned int len,
	uint32_t value)
{
	uint32_t *link = &p->root[hi >> (64 - POPTRIE_ROOT_BITS)], *first, *last;
	unsigned int depth = POPTRIE_ROOT_BITS, slot, n;

	if (len <= POPTRIE_ROOT_BITS) {
		paint(p, link, 1u << (POPTRIE_ROOT_BITS - len), len, value);
		return;
	}
	for (; len > depth + POPTRIE_STRIDE; depth += POPTRIE_STRIDE)
		link = node_entry(node_at(p, *link), slot_of(hi, lo, depth));
	slot = slots_of(hi, lo, len, depth, &n);
	first = node_entry(node_at(p, *link), slot);
	last = node_entry(node_at(p, *link), slot + n - 1);
	paint(p, first, last - first + 1, len, value);
}

/* Undoes node_chain before anyone has seen it. */
static void chain_put(struct poptrie *p, uint32_t e)
{
	while (entry_is_sub(e)) {
		struct poptrie_node *n = node_at(p, e);
		uint32_t index = entry_index(e);

		e = 0;
		for (unsigned int i = 0; i < (unsigned int)__builtin_popcountll(n->runs); i++)
			if (entry_is_sub(n->entry[i]))
				e = n->entry[i];
		block_put(p, index, class_of(n->runs));
	}
}

/* The nodes that a prefix needs from a depth on, where all addresses got `around` so far. */
static int node_chain(struct poptrie *p, uint64_t hi, uint64_t lo, unsigned int len,
	unsigned int depth, uint32_t around, uint32_t value, uint32_t *ret_entry)
{
	unsigned int at = depth;
	uint32_t below = value;
	int rc;

	while (at + POPTRIE_STRIDE < len)
		at += POPTRIE_STRIDE;
	for (;; at -= POPTRIE_STRIDE) {
		uint32_t values[SLOTS];
		unsigned int slot, n = 1;

		slot = at + POPTRIE_STRIDE >= len ? slots_of(hi, lo, len, at, &n) :
						    slot_of(hi, lo, at);
		for (unsigned int i = 0; i < SLOTS; i++)
			values[i] = i >= slot && i < slot + n ? below : around;
		rc = node_new(p, values, runs_of(values, at), &below);
		if (rc != 0) {
			chain_put(p, below);
			return rc;
		}
		if (at == depth)
			break;
	}
	*ret_entry = below;
	return 0;
}

/* Puts a new prefix beyond the root's bits into the trie. All memory is taken before any change. */
static int insert(struct poptrie *p, uint64_t hi, uint64_t lo, unsigned int len, uint32_t value)
{
	uint32_t *link = &p->root[hi >> (64 - POPTRIE_ROOT_BITS)], *next;
	unsigned int depth = POPTRIE_ROOT_BITS, slot, n;
	uint32_t values[SLOTS], chain = 0;
	int rc;

	if (!entry_is_sub(*link)) {
		rc = node_chain(p, hi, lo, len, depth, *link, value, &chain);
		if (rc == 0)
			entry_publish(link, chain);
		return rc;
	}
	for (; len > depth + POPTRIE_STRIDE; depth += POPTRIE_STRIDE) {
		next = node_entry(node_at(p, *link), slot_of(hi, lo, depth));
		if (!entry_is_sub(*next))
			break;
		link = next;
	}
	expand(node_at(p, *link), values);
	if (len > depth + POPTRIE_STRIDE) {
		slot = slot_of(hi, lo, depth);
		rc = node_chain(p, hi, lo, len, depth + POPTRIE_STRIDE, values[slot], value, &chain);
		if (rc != 0)
			return rc;
		values[slot] = chain;
		rc = node_set(p, link, values, depth);
		if (rc != 0)
			chain_put(p, chain);
		return rc;
	}
	slot = slots_of(hi, lo, len, depth, &n);
	for (unsigned int i = slot; i < slot + n; i++)
		if (!entry_is_sub(values[i]) && entry_len(values[i]) <= len)
			values[i] = value;
	rc = node_set(p, link, values, depth);
	if (rc != 0)
		return rc;
	for (unsigned int i = slot; i < slot + n; i++)
		if (entry_is_sub(values[i]))
			paint(p, &values[i], 1, len, value);
	return 0;
}

/* After a delete: from the prefix's node upwards, drops nodes that say nothing of their own and
 * joins entries that have become one. */
static void tidy(struct poptrie *p, uint64_t hi, uint64_t lo, unsigned int len)
{
	uint32_t *path[NODES_ON_PATH], values[SLOTS];
	unsigned int depth = POPTRIE_ROOT_BITS, k = 0;

	path[0] = &p->root[hi >> (64 - POPTRIE_ROOT_BITS)];
	for (; len > depth + POPTRIE_STRIDE; depth += POPTRIE_STRIDE, k++)
		path[k + 1] = node_entry(node_at(p, *path[k]), slot_of(hi, lo, depth));
	for (;; k--, depth -= POPTRIE_STRIDE) {
		struct poptrie_node *n = node_at(p, *path[k]);
		uint32_t old = *path[k];

		expand(n, values);
		if (runs_of(values, depth) != 1 || entry_is_sub(values[0])) {
			(void)node_set(p, path[k], values, depth);
			return;
		}
		entry_store(path[k], values[0]);
		defer_push(&p->defer, entry_index(old), class_of(n->runs));
		if (k == 0)
			return;
	}
}

int poptrie_add(struct poptrie *p, uint64_t hi, uint64_t lo, unsigned int len, uint32_t nh)
{
	const struct route_key key = route_key_v6(hi, lo, len);
	uint32_t value = entry_leaf(nh, len);
	uint64_t *route;
	int rc;

	poptrie_prefetch(p, hi);
	route = routes_find(&p->routes, &key);
	if (route != NULL) {
		route_set_nh(route, nh);
		paint_prefix(p, hi, lo, len, value);
		return 0;
	}
	rc = routes_reserve(&p->routes);
	if (rc != 0)
		return rc;
	if (len > POPTRIE_ROOT_BITS) {
		rc = insert(p, hi, lo, len, value);
		if (rc != 0)
			return rc;
	} else {
		paint_prefix(p, hi, lo, len, value);
	}
	routes_insert(&p->routes, &key, nh);
	return 0;
}

/* The leaf of the longest prefix that covers this one; see dir24_8.c. */
static uint32_t cover(const struct poptrie *p, uint64_t hi, uint64_t lo, unsigned int len)
{
	uint32_t e;

	if (len == 0)
		return 0;
	e = len <= 64 ? poptrie_lookup(p, hi ^ 1ULL << (64 - len), lo) :
			poptrie_lookup(p, hi, lo ^ 1ULL << (128 - len));
	return entry_len(e) < len ? e : routes_cover(&p->routes, hi, lo, len);
}

int poptrie_del(struct poptrie *p, uint64_t hi, uint64_t lo, unsigned int len)
{
	const struct route_key key = route_key_v6(hi, lo, len);
	uint64_t *route;

	poptrie_prefetch(p, hi);
	route = routes_find(&p->routes, &key);
	if (route == NULL)
		return -ENOENT;
	routes_remove(&p->routes, route);
	paint_prefix(p, hi, lo, len, cover(p, hi, lo, len));
	if (len > POPTRIE_ROOT_BITS)
		tidy(p, hi, lo, len);
	return 0;
}

int poptrie_get(const struct poptrie *p, uint64_t hi, uint64_t lo, unsigned int len,
	uint32_t *ret_nh)
{
	const struct route_key key = route_key_v6(hi, lo, len);
	const uint64_t *route = routes_find(&p->routes, &key);

	if (route == NULL)
		return -ENOENT;
	*ret_nh = route_nh(*route);
	return 0;
}
