/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Interned path attributes: one hash table for the process, chained, that doubles when it is full
 * and shrinks to nothing when the last object goes. Control thread.
 *
 * An object is one allocation: the struct, then its arrays by falling alignment. Before it: codec
 * and RIB, which fill a prototype. After it: every route that holds a reference.
 */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "bgp/attr.h"

#define FIRST_BUCKETS 1024

static struct {
	struct bgp_attrs **buckets;
	size_t n_buckets; /* a power of two, or 0 */
	size_t count, limit;
	uint64_t key; /* so that no peer can choose attributes that fall into one chain */
} table = {.limit = BGP_ATTRS_LIMIT};

/* What follows from the path: RFC 4271 9.1.2.2 (a). Returns -EINVAL where it is not well-formed. */
static int path_derive(struct bgp_attrs *a)
{
	unsigned int at, left;
	const uint8_t *seg;
	uint32_t as;

	a->as_path_length = 0;
	a->neighbour_as = 0;
	a->origin_as = 0;
	for (at = 0; at < a->as_path_bytes; at += 2 + 4u * seg[1]) {
		seg = a->as_path + at;
		left = a->as_path_bytes - at;
		if (left < 2 || seg[1] == 0 || left < 2 + 4u * seg[1])
			return -EINVAL;
		a->as_path_length += seg[0] == BGP_AS_SET ? 1 : seg[1];
		a->origin_as = 0;
		if (seg[0] != BGP_AS_SEQUENCE)
			continue;
		memcpy(&as, seg + 2 + 4 * (seg[1] - 1), 4);
		a->origin_as = rte_be_to_cpu_32(as);
		if (at == 0) {
			memcpy(&as, seg + 2, 4);
			a->neighbour_as = rte_be_to_cpu_32(as);
		}
	}
	return 0;
}

/* Folds the 128-bit product: each input bit reaches every output bit. */
static uint64_t mix(uint64_t a, uint64_t b)
{
	__uint128_t p = (__uint128_t)a * b;

	return (uint64_t)p ^ (uint64_t)(p >> 64);
}

static uint64_t hash_bytes(uint64_t h, const void *data, size_t len)
{
	const uint8_t *p = data;
	uint64_t v, w;

	h = mix(h ^ len, 0x9e3779b97f4a7c15u);
	for (; len > 16; p += 16, len -= 16) {
		memcpy(&v, p, 8);
		memcpy(&w, p + 8, 8);
		h = mix(v ^ h, w ^ 0xe7037ed1a0b428dbu);
	}
	v = w = 0;
	if (len > 8)
		memcpy(&w, p + 8, len - 8);
	if (len > 0)
		memcpy(&v, p, len < 8 ? len : 8);
	return mix(v ^ h, w ^ 0xa0761d6478bd642fu);
}

/* The scalars that count, in a form without padding: equal attributes are equal bytes. */
struct scalars {
	uint32_t flags, med, local_pref, aggregator_as, aggregator_addr;
};

static struct scalars scalars_of(const struct bgp_attrs *a)
{
	return (struct scalars){
		.flags = a->origin | (uint32_t)a->has_med << 8 | (uint32_t)a->has_local_pref << 9 |
			(uint32_t)a->atomic_aggregate << 10 | (uint32_t)a->has_aggregator << 11,
		.med = a->has_med ? a->med : 0,
		.local_pref = a->has_local_pref ? a->local_pref : 0,
		.aggregator_as = a->has_aggregator ? a->aggregator_as : 0,
		.aggregator_addr = a->has_aggregator ? a->aggregator_addr : 0,
	};
}

static uint32_t attrs_hash(const struct bgp_attrs *a)
{
	struct scalars s = scalars_of(a);
	uint64_t h = hash_bytes(table.key, &s, sizeof(s));

	h = hash_bytes(h, a->as_path, a->as_path_bytes);
	h = hash_bytes(h, a->communities, a->n_communities * sizeof(*a->communities));
	if (a->n_large + a->n_ext + a->unknown_bytes > 0) {
		h = hash_bytes(h, a->large, a->n_large * sizeof(*a->large));
		h = hash_bytes(h, a->ext, a->n_ext * 8u);
		h = hash_bytes(h, a->unknown, a->unknown_bytes);
	}
	return (uint32_t)(h ^ h >> 32);
}

static bool same_bytes(const void *a, const void *b, size_t len)
{
	return len == 0 || memcmp(a, b, len) == 0;
}

static bool attrs_equal(const struct bgp_attrs *a, const struct bgp_attrs *b)
{
	struct scalars sa = scalars_of(a), sb = scalars_of(b);

	return memcmp(&sa, &sb, sizeof(sa)) == 0 && a->as_path_bytes == b->as_path_bytes &&
		a->n_communities == b->n_communities && a->n_large == b->n_large &&
		a->n_ext == b->n_ext && a->unknown_bytes == b->unknown_bytes &&
		same_bytes(a->as_path, b->as_path, a->as_path_bytes) &&
		same_bytes(a->communities, b->communities,
			a->n_communities * sizeof(*a->communities)) &&
		same_bytes(a->large, b->large, a->n_large * sizeof(*a->large)) &&
		same_bytes(a->ext, b->ext, a->n_ext * 8u) &&
		same_bytes(a->unknown, b->unknown, a->unknown_bytes);
}

/* Copies an array behind the object; *at moves on. NULL for an empty one. */
static const void *put(uint8_t **at, const void *src, size_t len)
{
	uint8_t *dst = *at;

	if (len == 0)
		return NULL;
	*at += len;
	return memcpy(dst, src, len);
}

static struct bgp_attrs *attrs_copy(const struct bgp_attrs *p, uint32_t hash)
{
	size_t communities = p->n_communities * sizeof(*p->communities);
	size_t large = p->n_large * sizeof(*p->large), ext = p->n_ext * 8u;
	struct bgp_attrs *a;
	uint8_t *at;

	a = malloc(sizeof(*a) + communities + large + ext + p->as_path_bytes + p->unknown_bytes);
	if (a == NULL)
		return NULL;
	*a = *p;
	a->refs = 1;
	a->hash = hash;
	at = (uint8_t *)(a + 1);
	a->communities = put(&at, p->communities, communities);
	a->large = put(&at, p->large, large);
	a->ext = put(&at, p->ext, ext);
	a->as_path = put(&at, p->as_path, p->as_path_bytes);
	a->unknown = put(&at, p->unknown, p->unknown_bytes);
	return a;
}

/* Twice the buckets. Without memory for them the chains merely grow longer. */
static void table_grow(void)
{
	size_t i, n = table.n_buckets > 0 ? table.n_buckets * 2 : FIRST_BUCKETS;
	struct bgp_attrs **buckets = calloc(n, sizeof(*buckets)), *a, *next;

	if (buckets == NULL)
		return;
	for (i = 0; i < table.n_buckets; i++) {
		for (a = table.buckets[i]; a != NULL; a = next) {
			next = a->next;
			a->next = buckets[a->hash & (n - 1)];
			buckets[a->hash & (n - 1)] = a;
		}
	}
	free(table.buckets);
	table.buckets = buckets;
	table.n_buckets = n;
}

const struct bgp_attrs *bgp_attrs_intern(const struct bgp_attrs *proto)
{
	struct bgp_attrs *a, **bucket;
	uint32_t hash;

	if (table.n_buckets == 0) {
		if (getrandom(&table.key, sizeof(table.key), GRND_NONBLOCK) < 0)
			table.key = (uintptr_t)&table;
		table_grow();
	}
	hash = attrs_hash(proto);
	if (table.n_buckets > 0) {
		for (a = table.buckets[hash & (table.n_buckets - 1)]; a != NULL; a = a->next) {
			if (a->hash == hash && attrs_equal(a, proto)) {
				a->refs++;
				return a;
			}
		}
	}
	if (table.count >= table.limit) {
		errno = EOVERFLOW;
		return NULL;
	}
	if (table.count >= table.n_buckets)
		table_grow();
	a = table.n_buckets > 0 ? attrs_copy(proto, hash) : NULL;
	if (a == NULL) {
		errno = ENOMEM;
		return NULL;
	}
	if (path_derive(a) < 0) {
		free(a);
		errno = EINVAL;
		return NULL;
	}
	bucket = &table.buckets[hash & (table.n_buckets - 1)];
	a->next = *bucket;
	*bucket = a;
	table.count++;
	return a;
}

const struct bgp_attrs *bgp_attrs_ref(const struct bgp_attrs *a)
{
	((struct bgp_attrs *)a)->refs++;
	return a;
}

void bgp_attrs_unref(const struct bgp_attrs *attrs)
{
	struct bgp_attrs *a = (struct bgp_attrs *)attrs, **link;

	if (a == NULL)
		return;
	assert(a->refs > 0);
	if (--a->refs > 0)
		return;
	link = &table.buckets[a->hash & (table.n_buckets - 1)];
	while (*link != a)
		link = &(*link)->next;
	*link = a->next;
	free(a);
	if (--table.count == 0) {
		free(table.buckets);
		table.buckets = NULL;
		table.n_buckets = 0;
	}
}

size_t bgp_attrs_count(void)
{
	return table.count;
}

void bgp_attrs_set_limit(size_t limit)
{
	table.limit = limit;
}

bool bgp_as_path_has(const struct bgp_attrs *a, uint32_t as)
{
	rte_be32_t wanted = rte_cpu_to_be_32(as);
	unsigned int at, i;
	const uint8_t *seg;

	for (at = 0; at < a->as_path_bytes; at += 2 + 4u * seg[1]) {
		seg = a->as_path + at;
		for (i = 0; i < seg[1]; i++)
			if (memcmp(seg + 2 + 4 * i, &wanted, 4) == 0)
				return true;
	}
	return false;
}

bool bgp_attrs_has_community(const struct bgp_attrs *a, uint32_t community)
{
	unsigned int i;

	for (i = 0; i < a->n_communities; i++)
		if (a->communities[i] == community)
			return true;
	return false;
}

/* Text that ends in "..." where it did not fit. */
struct text {
	char *buf;
	size_t len, used;
	bool cut;
};

static void text_add(struct text *t, const char *sep, uint32_t v, const char *sep2, uint32_t v2)
{
	char word[40];
	int n;

	n = sep2 != NULL ? snprintf(word, sizeof(word), "%s%u%s%u", sep, v, sep2, v2) :
			   snprintf(word, sizeof(word), "%s%u", sep, v);
	/* Five bytes are kept: a closing brace, "..." and the NUL. */
	if (t->cut || t->used + (size_t)n + 5 > t->len) {
		t->cut = true;
		return;
	}
	memcpy(t->buf + t->used, word, (size_t)n + 1);
	t->used += (size_t)n;
}

static const char *text_end(struct text *t)
{
	if (t->cut)
		snprintf(t->buf + t->used, t->len - t->used, "...");
	return t->buf;
}

const char *bgp_as_path_format(const struct bgp_attrs *a, char *buf, size_t len)
{
	struct text t = {.buf = buf, .len = len};
	unsigned int at, i;
	const uint8_t *seg;
	const char *sep;
	rte_be32_t as;
	bool set;

	if (len == 0)
		return buf;
	buf[0] = '\0';
	for (at = 0; at < a->as_path_bytes && !t.cut; at += 2 + 4u * seg[1]) {
		seg = a->as_path + at;
		set = seg[0] == BGP_AS_SET;
		for (i = 0; i < seg[1]; i++) {
			memcpy(&as, seg + 2 + 4 * i, 4);
			if (i > 0)
				sep = set ? "," : " ";
			else
				sep = set ? (t.used > 0 ? " {" : "{") : (t.used > 0 ? " " : "");
			text_add(&t, sep, rte_be_to_cpu_32(as), NULL, 0);
		}
		if (set && !t.cut) {
			t.buf[t.used++] = '}';
			t.buf[t.used] = '\0';
		}
	}
	return text_end(&t);
}

const char *bgp_communities_format(const struct bgp_attrs *a, char *buf, size_t len)
{
	struct text t = {.buf = buf, .len = len};
	unsigned int i;

	if (len == 0)
		return buf;
	buf[0] = '\0';
	for (i = 0; i < a->n_communities && !t.cut; i++)
		text_add(&t, i > 0 ? " " : "", a->communities[i] >> 16, ":",
			a->communities[i] & 0xffff);
	return text_end(&t);
}
