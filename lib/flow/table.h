/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The flow table of one worker: records, a hash table from the tuple of either side to the record, and
 * a timer wheel. All memory is taken at the start; nothing here allocates, locks or scans later.
 *
 * Buckets are one cache line: ten 16-bit tags and ten references; a key has two buckets (partial-key
 * cuckoo), and a bucket counts those of its keys that live in their other one, so that a lookup that
 * fails reads one line. Keys lie in the records. The hash is keyed (AES rounds under a secret):
 * who chooses tuples cannot choose buckets. Both families share it.
 *
 * One worker calls everything but new and free (control thread, the worker stopped).
 */
#ifndef FLOW_TABLE_H
#define FLOW_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "flow/key.h"
#include "flow/record.h"

struct flow_bucket;
struct flow_window; /* flow/state.h */

struct flow_table {
	struct flow_record *records;
	struct flow_cold *cold;
	struct flow_window *windows; /* NULL unless asked for */
	struct flow_bucket *buckets;
	uint32_t n_buckets;
	uint32_t capacity;	/* records */
	uint32_t used;		/* records that are not free */
	uint8_t secret[16];
	struct flow_table_priv *priv; /* free list, wheel, statistics */
};

struct flow_table_conf {
	uint32_t capacity; /* records: sessions, and bindings and hosts where rules want them */
	bool windows;	   /* room for TCP window checks */
	uint8_t secret[16]; /* random (getrandom); fixed in tests */
};

#define FLOW_CAPACITY_MAX (1u << 30)

/* NULL with errno. Memory by base/mem.h: huge pages where there are some. */
struct flow_table *flow_table_new(const struct flow_table_conf *conf);
void flow_table_free(struct flow_table *t); /* NULL is legal */
size_t flow_table_bytes(const struct flow_table *t);

/*
 * Looks up n keys, staged so that their loads overlap: ret_ref[i] is a flow_ref() or FLOW_NONE, and the
 * side's line is on its way. ret_hash[i] is for flow_insert(). Best from 16 keys up; n <= 256.
 */
void flow_find4_burst(const struct flow_table *t, const struct flow_key4 *keys, uint32_t *ret_hash,
	uint32_t *ret_ref, unsigned int n);
void flow_find6_burst(const struct flow_table *t, const struct flow_key6 *keys, uint32_t *ret_hash,
	uint32_t *ret_ref, unsigned int n);
/* One key of either family. */
uint32_t flow_find(const struct flow_table *t, const struct flow_tuple *key);
uint32_t flow_hash(const struct flow_table *t, const struct flow_tuple *key);
/* ...whose hash is known. */
uint32_t flow_find_hashed(const struct flow_table *t, const struct flow_tuple *key, uint32_t hash);
void flow_prefetch(const struct flow_table *t, uint32_t hash); /* the key's first bucket */

/* A record, zeroed but for `cold` (kind as given, parent FLOW_NONE, no timer), or FLOW_NONE: full. */
uint32_t flow_alloc(struct flow_table *t, enum flow_kind kind);
/*
 * Makes a record that flow_alloc() gave findable, by both sides' tuples (hosts: the original alone).
 * The sides' key fields are filled and no record has either tuple yet. 0, or -ENOSPC where the keys
 * find no place (counted): then the caller frees it with flow_remove(), as ever.
 */
int flow_insert(struct flow_table *t, uint32_t record, uint32_t hash_original, uint32_t hash_reply);
/* Takes a record out of table and wheel, wherever it was, and frees it. */
void flow_remove(struct flow_table *t, uint32_t record);

/* Wakes the record not before the deadline and less than FLOW_TICK_MS after it, where flow_timer_due()
 * is called as often and with as much room as there are records due; replaces an earlier timer.
 * Deadlines beyond the wheel (2 h 19 min) wake early, and so does what is armed before the first
 * flow_timer_due(): the caller looks at the record anyway. Clock: milliseconds, modulo 2^32. */
#define FLOW_TICK_MS 1024
void flow_timer_arm(struct flow_table *t, uint32_t record, uint32_t deadline_ms);
/*
 * Takes up to max records whose time has come off the wheel and starts loading them; the caller arms
 * or removes each. Constant work for each record; never walks what is not due.
 */
unsigned int flow_timer_due(struct flow_table *t, uint32_t now_ms, uint32_t *ret_records,
	unsigned int max);

struct flow_table_stats {
	uint32_t capacity, used, peak;
	uint64_t full;	     /* flow_alloc() refused */
	uint64_t no_place;   /* flow_insert() refused */
	uint64_t moved;	     /* keys that inserts pushed to their other bucket */
};
void flow_table_get_stats(const struct flow_table *t, struct flow_table_stats *ret_stats);

static inline struct flow_side *flow_side(const struct flow_table *t, uint32_t ref)
{
	return (struct flow_side *)t->records + ref; /* records are nothing but sides */
}

static inline struct flow_side *flow_other_side(const struct flow_table *t, uint32_t ref)
{
	return (struct flow_side *)t->records + (ref ^ 1);
}

/* The side's tuple, and back: fills family, proto, ports and addresses. */
void flow_side_get_tuple(const struct flow_side *s, struct flow_tuple *ret_tuple);
void flow_side_set_tuple(struct flow_side *s, const struct flow_tuple *tuple);

#endif
