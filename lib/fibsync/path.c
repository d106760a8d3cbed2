/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Paths: a next-hop index with all that keeps it alive, one object for equal sets of adjacencies, so
 * that two routes over the same gateways have the same index, and a change from one BGP next hop to
 * another behind the same gateway writes nothing to the FIB. Control thread.
 */
#include <errno.h>
#include <stdlib.h>

#include <rte_jhash.h>

#include "fibsync/fibsync_priv.h"

struct fs_path *path_ref(struct fs_path *p)
{
	p->refs++;
	return p;
}

static uint32_t hash_members(const struct fs_gateway *g, unsigned int n)
{
	uint32_t h = n;
	unsigned int i;

	for (i = 0; i < n; i++)
		h = rte_jhash_1word(g[i].nh, h);
	return h;
}

static struct fs_path *find_members(struct fibsync *s, const struct fs_gateway *g, unsigned int n)
{
	uint32_t hash = hash_members(g, n);
	struct fs_path *p;
	unsigned int i;

	for (p = s->paths[hash % FS_PATH_BUCKETS]; p != NULL; p = p->hash_next) {
		if (p->hash != hash || p->n != n)
			continue;
		for (i = 0; i < n && p->members[i].nh == g[i].nh; i++)
			;
		if (i == n)
			return path_ref(p);
	}
	return NULL;
}

static void insert(struct fibsync *s, struct fs_path *p)
{
	struct fs_path **at = &s->paths[p->hash % FS_PATH_BUCKETS];

	p->refs = 1;
	p->hash_next = *at;
	*at = p;
	s->n_paths++;
}

static void release_members(struct fibsync *s, const struct fs_gateway *g, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		neigh_release(s->conf.neigh, g[i].nh);
}

void path_unref(struct fibsync *s, struct fs_path *p)
{
	struct fs_path **at;

	if (p == NULL || --p->refs > 0)
		return;
	for (at = &s->paths[p->hash % FS_PATH_BUCKETS]; *at != p; at = &(*at)->hash_next)
		;
	*at = p->hash_next;
	s->n_paths--;
	if (p->kind != NH_FORWARD) /* an adjacency is lib/neigh's */
		nh_unref(s->conf.nh, p->nh);
	release_members(s, p->members, p->n);
	free(p);
}

/* A path over members that are acquired, ordered and distinct; takes over their references. */
static struct fs_path *new_path(struct fibsync *s, const struct fs_gateway *g, unsigned int n)
{
	uint32_t ids[NH_GROUP_MEMBERS_MAX];
	struct fs_path *p = calloc(1, sizeof(*p) + n * sizeof(*g));
	unsigned int i;

	if (p == NULL)
		goto fail;
	for (i = 0; i < n; i++) {
		ids[i] = g[i].nh;
		p->members[i] = g[i];
	}
	p->n = (uint8_t)n;
	p->kind = n == 1 ? NH_FORWARD : NH_ECMP;
	p->nh = n == 1 ? ids[0] : nh_group_new(s->conf.nh, ids, n);
	if (p->nh == NH_NONE)
		goto fail;
	p->hash = hash_members(g, n);
	insert(s, p);
	return p;
fail:
	free(p);
	release_members(s, g, n);
	return NULL;
}

static int cmp_nh(const void *a, const void *b)
{
	const struct fs_gateway *x = a, *y = b;

	return (x->nh > y->nh) - (x->nh < y->nh);
}

struct fs_path *path_to_gateways(struct fibsync *s, struct fs_gateway *g, unsigned int n,
	unsigned int *ret_n)
{
	struct fs_path *p;
	unsigned int i, got = 0, distinct = 0;

	for (i = 0; i < n; i++) {
		uint32_t nh = neigh_acquire(s->conf.neigh, g[i].port, &g[i].addr);

		if (nh == NH_NONE)
			continue;
		g[got] = g[i];
		g[got++].nh = nh;
	}
	*ret_n = got;
	if (got == 0)
		return NULL;
	qsort(g, got, sizeof(*g), cmp_nh);
	for (i = 0; i < got; i++) {
		if (distinct > 0 && g[distinct - 1].nh == g[i].nh)
			neigh_release(s->conf.neigh, g[i].nh);
		else
			g[distinct++] = g[i];
	}
	p = find_members(s, g, distinct);
	if (p == NULL)
		return new_path(s, g, distinct);
	release_members(s, g, distinct);
	return p;
}

struct fs_path *path_union(struct fibsync *s, struct fs_path *const *paths, unsigned int n)
{
	struct fs_gateway g[NH_GROUP_MEMBERS_MAX];
	struct fs_path *p;
	unsigned int i, j, at, count = 0, got;

	/* Merged in order of the index, so that an equal set is found equal. */
	for (i = 0; i < n; i++) {
		for (j = 0; j < paths[i]->n && count < NH_GROUP_MEMBERS_MAX; j++) {
			const struct fs_gateway *m = &paths[i]->members[j];

			for (at = count; at > 0 && g[at - 1].nh > m->nh; at--)
				;
			if (at > 0 && g[at - 1].nh == m->nh)
				continue;
			memmove(&g[at + 1], &g[at], (count - at) * sizeof(*g));
			g[at] = *m;
			count++;
		}
	}
	p = find_members(s, g, count);
	return p != NULL ? p : path_to_gateways(s, g, count, &got);
}

struct fs_path *path_special(struct fibsync *s, enum nh_kind kind, uint16_t port,
	const struct ip_addr *addr)
{
	static const struct ip_addr none;
	struct fs_path *p;
	uint32_t hash;

	if (addr == NULL)
		addr = &none;
	hash = ip_addr_hash(addr, (uint32_t)kind << 16 | port);
	for (p = s->paths[hash % FS_PATH_BUCKETS]; p != NULL; p = p->hash_next) {
		if (p->hash == hash && p->kind == kind && p->port == port &&
			ip_addr_equal(&p->addr, addr))
			return path_ref(p);
	}
	p = calloc(1, sizeof(*p));
	if (p == NULL)
		return NULL;
	p->hash = hash;
	p->kind = (uint8_t)kind;
	p->port = port;
	p->addr = *addr;
	/* No packet is too long for what does not leave by this next hop. */
	p->nh = nh_new(s->conf.nh, &(struct nh){.kind = (uint8_t)kind, .family = addr->family,
		.port = port, .mtu_bytes = UINT16_MAX, .addr = *addr});
	if (p->nh == NH_NONE) {
		free(p);
		return NULL;
	}
	insert(s, p);
	return p;
}
