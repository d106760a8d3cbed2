/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The lookup of a burst, in stages, each of which starts the loads of the next for all keys: hashes;
 * tags in the home buckets; tags in the other buckets, for the few keys that may lie there; the keys in
 * the records. A tag that was another key's sends its key to the plain search.
 */
#include "flow/table_priv.h"

/* Candidates by tag alone; their sides are on the way. */
static void match_burst(const struct flow_table *t, const uint32_t *hash, uint32_t *ret_ref,
	unsigned int n)
{
	const uint32_t n_buckets = t->n_buckets;
	struct { uint32_t key, bucket; } later[FIND_BURST_MAX];
	unsigned int i, mask, n_later = 0;

	for (i = 0; i < n; i++) {
		uint32_t home = bucket_home(n_buckets, hash[i]);
		const struct flow_bucket *b = &t->buckets[home];
		uint16_t tag = bucket_tag(hash[i]);

		mask = bucket_match(b, tag);
		ret_ref[i] = FLOW_NONE;
		if (likely(mask != 0)) {
			ret_ref[i] = b->refs[__builtin_ctz(mask)];
			side_prefetch(t, ret_ref[i]);
		} else if (b->elsewhere != 0) {
			later[n_later].key = i;
			later[n_later].bucket = bucket_other(n_buckets, home, tag);
			rte_prefetch0(&t->buckets[later[n_later++].bucket]);
		}
	}
	for (i = 0; i < n_later; i++) {
		const struct flow_bucket *b = &t->buckets[later[i].bucket];
		uint32_t key = later[i].key;

		mask = bucket_match(b, bucket_tag(hash[key]));
		if (mask != 0) {
			ret_ref[key] = b->refs[__builtin_ctz(mask)];
			side_prefetch(t, ret_ref[key]);
		}
	}
}

static uint32_t search_bucket(const struct flow_table *t, uint32_t bucket, uint16_t tag,
	const void *key, bool v4)
{
	const struct flow_bucket *b = &t->buckets[bucket];
	unsigned int mask = bucket_match(b, tag);

	for (; mask != 0; mask &= mask - 1) {
		uint32_t ref = b->refs[__builtin_ctz(mask)];
		const struct flow_side *s = flow_side(t, ref);

		if (v4 ? side_is4(s, key) : side_is6(s, key))
			return ref;
	}
	return FLOW_NONE;
}

/* All of the key's places. */
static uint32_t search(const struct flow_table *t, uint32_t hash, const void *key, bool v4)
{
	uint32_t home = bucket_home(t->n_buckets, hash);
	uint16_t tag = bucket_tag(hash);
	uint32_t ref = search_bucket(t, home, tag, key, v4);

	if (ref == FLOW_NONE && t->buckets[home].elsewhere != 0)
		ref = search_bucket(t, bucket_other(t->n_buckets, home, tag), tag, key, v4);
	return ref;
}

void flow_find4_burst(const struct flow_table *t, const struct flow_key4 *keys, uint32_t *ret_hash,
	uint32_t *ret_ref, unsigned int n)
{
	assert(n <= FIND_BURST_MAX);
	hash4_burst(t, keys, ret_hash, n);
	match_burst(t, ret_hash, ret_ref, n);
	for (unsigned int i = 0; i < n; i++)
		if (ret_ref[i] != FLOW_NONE && unlikely(!side_is4(flow_side(t, ret_ref[i]), &keys[i])))
			ret_ref[i] = search(t, ret_hash[i], &keys[i], true);
}

void flow_find6_burst(const struct flow_table *t, const struct flow_key6 *keys, uint32_t *ret_hash,
	uint32_t *ret_ref, unsigned int n)
{
	assert(n <= FIND_BURST_MAX);
	hash6_burst(t, keys, ret_hash, n);
	match_burst(t, ret_hash, ret_ref, n);
	for (unsigned int i = 0; i < n; i++)
		if (ret_ref[i] != FLOW_NONE && unlikely(!side_is6(flow_side(t, ret_ref[i]), &keys[i])))
			ret_ref[i] = search(t, ret_hash[i], &keys[i], false);
}

uint32_t flow_find_hashed(const struct flow_table *t, const struct flow_tuple *key, uint32_t hash)
{
	if (key->src.family == IP_V4) {
		struct flow_key4 k = flow_key4_of_tuple(key);

		return search(t, hash, &k, true);
	}
	struct flow_key6 k = flow_key6_of_tuple(key);

	return search(t, hash, &k, false);
}

uint32_t flow_find(const struct flow_table *t, const struct flow_tuple *key)
{
	return flow_find_hashed(t, key, flow_hash(t, key));
}
