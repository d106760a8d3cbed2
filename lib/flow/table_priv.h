/* SPDX-License-Identifier: BSD-3-Clause */
/* What the files of the table share.
 *	hash.c    keys to hashes, a burst at a time
 *	bucket.c  where references lie, and how they make room for one another
 *	find.c    the staged lookup
 *	wheel.c   timers
 *	table.c   records and memory */
#ifndef FLOW_TABLE_PRIV_H
#define FLOW_TABLE_PRIV_H

#include <assert.h>
#include <stdbool.h>

#ifdef __SSE2__
#include <immintrin.h>
#endif
#include <rte_branch_prediction.h>
#include <rte_common.h>
#include <rte_prefetch.h>

#include "flow/table.h"

#define BUCKET_SLOTS 10
#define FIND_BURST_MAX 256

struct flow_bucket {
	uint16_t tags[BUCKET_SLOTS]; /* 0: the slot is empty */
	uint16_t elsewhere;	     /* keys of this bucket that lie in their other one */
	uint16_t away;		     /* bit by slot: its key is of another bucket, and lies here */
	uint32_t refs[BUCKET_SLOTS];
} __attribute__((aligned(64)));
static_assert(sizeof(struct flow_bucket) == 64, "a bucket is one cache line");

/*
 * The wheel: slots of a tick, each of a few chains, which are walked side by side because each step of
 * one waits for memory. A chain is doubly linked through flow_cold; the first record's prev is
 * WHEEL_FIRST | chain. FLOW_NONE as prev: no timer.
 */
#define WHEEL_SLOTS 8192u
#define WHEEL_CHAINS 4u
#define WHEEL_FIRST 0x80000000u

struct flow_wheel {
	uint32_t tick; /* being taken; the clock in ticks, modulo 2^22 */
	bool started;  /* the clock is known */
	uint32_t head[WHEEL_SLOTS * WHEEL_CHAINS];
};

struct flow_table_priv {
	uint32_t free_first, free_last; /* linked by cold.next: freed first, used first */
	uint32_t free_ahead, n_loaded;	/* the first that is not being loaded yet, and how many are */
	uint32_t peak;
	uint64_t full, no_place, moved;
	uint32_t most_probed; /* buckets that one insert looked at */
	bool aes; /* the processor has the instructions; tests clear it on an empty table */
	void *memory;
	size_t bytes;
	struct flow_wheel wheel;
};

static inline uint16_t bucket_tag(uint32_t hash)
{
	return (uint16_t)hash != 0 ? (uint16_t)hash : 1;
}

/* Ranges need not be powers of two: the high half of a product. */
static inline uint32_t bucket_home(uint32_t n_buckets, uint32_t hash)
{
	return (uint64_t)hash * n_buckets >> 32;
}

/* A key's other bucket, from either of its two and the tag; may be the same one. */
static inline uint32_t bucket_other(uint32_t n_buckets, uint32_t bucket, uint16_t tag)
{
	uint32_t sum = bucket_home(n_buckets, tag * 0x9e3779b1u);

	return sum >= bucket ? sum - bucket : sum + n_buckets - bucket;
}

static inline unsigned int bucket_match_scalar(const struct flow_bucket *b, uint16_t tag)
{
	unsigned int mask = 0;

	for (unsigned int i = 0; i < BUCKET_SLOTS; i++)
		mask |= (unsigned int)(b->tags[i] == tag) << i;
	return mask;
}

/* Slots with the tag, a bit for each. */
static inline unsigned int bucket_match(const struct flow_bucket *b, uint16_t tag)
{
#if defined(__AVX512BW__) && defined(__AVX512VL__)
	__m256i tags = _mm256_load_si256((const __m256i *)b);

	return _mm256_cmpeq_epi16_mask(tags, _mm256_set1_epi16((short)tag)) &
	       ((1u << BUCKET_SLOTS) - 1);
#elif defined(__SSE2__)
	const __m128i *line = (const __m128i *)b;
	__m128i all = _mm_set1_epi16((short)tag);
	__m128i lo = _mm_cmpeq_epi16(_mm_load_si128(line), all);
	__m128i hi = _mm_cmpeq_epi16(_mm_load_si128(line + 1), all);

	return _mm_movemask_epi8(_mm_packs_epi16(lo, hi)) & ((1u << BUCKET_SLOTS) - 1);
#else
	return bucket_match_scalar(b, tag);
#endif
}

static inline bool side_is4(const struct flow_side *s, const struct flow_key4 *k)
{
	uint64_t a, b;
	uint32_t ports, key_ports;

	memcpy(&a, &s->v4.src, 8);
	memcpy(&b, &k->src, 8);
	memcpy(&ports, &s->sport, 4);
	memcpy(&key_ports, &k->sport, 4);
	return ((a ^ b) | (ports ^ key_ports) | (s->proto ^ k->proto) | (s->family ^ IP_V4)) == 0;
}

static inline bool side_is6(const struct flow_side *s, const struct flow_key6 *k)
{
	uint64_t a[4], b[4];
	uint32_t ports, key_ports;

	memcpy(a, &s->v6, 32);
	memcpy(b, k, 32);
	memcpy(&ports, &s->sport, 4);
	memcpy(&key_ports, &k->sport, 4);
	return ((a[0] ^ b[0]) | (a[1] ^ b[1]) | (a[2] ^ b[2]) | (a[3] ^ b[3]) |
		(ports ^ key_ports) | (s->proto ^ k->proto) | (s->family ^ IP_V6)) == 0;
}

static inline void side_prefetch(const struct flow_table *t, uint32_t ref)
{
	rte_prefetch0(flow_side(t, ref));
}

/* Hashes n keys and starts loading their first buckets. */
void hash4_burst(const struct flow_table *t, const struct flow_key4 *keys, uint32_t *ret_hash,
	unsigned int n);
void hash6_burst(const struct flow_table *t, const struct flow_key6 *keys, uint32_t *ret_hash,
	unsigned int n);
uint32_t hash_side(const struct flow_table *t, const struct flow_side *s);

/* 0 or -ENOSPC. */
int bucket_put(struct flow_table *t, uint32_t hash, uint32_t ref);
/* Whether it was there. */
bool bucket_take(struct flow_table *t, uint32_t hash, uint32_t ref);

void wheel_init(struct flow_wheel *w);
void wheel_disarm(struct flow_table *t, uint32_t record);

#endif
