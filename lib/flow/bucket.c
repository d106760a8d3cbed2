/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where references lie: partial-key cuckoo hashing, so that a key can be moved by its tag alone,
 * without its record. A key goes to its home bucket, else to its other one, else one of the keys there
 * moves to its own other bucket, or a chain of keys does. The table is never more than 86 % full; then
 * buckets looked at beyond 22 are rare and beyond PROBES_MAX do not happen.
 */
#include <errno.h>

#include "flow/table_priv.h"

#define PROBES_MAX 256

static void slot_set(struct flow_bucket *b, unsigned int slot, uint16_t tag, uint32_t ref, bool away)
{
	b->tags[slot] = tag;
	b->refs[slot] = ref;
	b->away = (b->away & ~(1u << slot)) | (unsigned int)away << slot;
}

static bool slot_is_away(const struct flow_bucket *b, unsigned int slot)
{
	return b->away >> slot & 1;
}

static bool put_at(struct flow_table *t, uint32_t bucket, uint32_t home, uint16_t tag, uint32_t ref)
{
	struct flow_bucket *b = &t->buckets[bucket];
	unsigned int empty = bucket_match(b, 0);

	if (empty == 0)
		return false;
	slot_set(b, __builtin_ctz(empty), tag, ref, bucket != home);
	if (bucket != home)
		t->buckets[home].elsewhere++;
	return true;
}

/* Moves the key in a slot to an empty slot of its other bucket. */
static void move(struct flow_table *t, uint32_t from, unsigned int slot, uint32_t to)
{
	struct flow_bucket *b = &t->buckets[from], *o = &t->buckets[to];
	bool away = slot_is_away(b, slot);

	slot_set(o, __builtin_ctz(bucket_match(o, 0)), b->tags[slot], b->refs[slot], !away);
	if (away)
		o->elsewhere--;
	else
		b->elsewhere++;
	slot_set(b, slot, 0, FLOW_NONE, false);
	t->priv->moved++;
}

/* A bucket that a chain of moves would reach: by the key in `slot` of the bucket probe[parent]. */
struct probe {
	uint32_t bucket;
	uint16_t parent;
	uint16_t slot;
};

/* The moves from the end of the chain to its beginning, each into the slot that the last one left. */
static void move_chain(struct flow_table *t, const struct probe *probes, unsigned int at)
{
	while (probes[at].parent != at) {
		const struct probe *p = &probes[at];

		move(t, probes[p->parent].bucket, p->slot, p->bucket);
		at = p->parent;
	}
}

/* Makes room in either bucket; the shortest chain, breadth first. A bucket on a shortest chain cannot
 * come twice: its first visit would have found the rest of the chain earlier. */
static bool make_room(struct flow_table *t, uint32_t home, uint32_t other)
{
	struct probe probes[PROBES_MAX];
	unsigned int n = home == other ? 1 : 2;

	probes[0] = (struct probe){home, 0, 0};
	probes[1] = (struct probe){other, 1, 0};
	for (unsigned int at = 0; at < n; at++) {
		const struct flow_bucket *b = &t->buckets[probes[at].bucket];
		unsigned int first = n;

		for (unsigned int s = 0; s < BUCKET_SLOTS && n < PROBES_MAX; s++) {
			uint32_t to = bucket_other(t->n_buckets, probes[at].bucket, b->tags[s]);

			if (to == probes[at].bucket)
				continue;
			probes[n++] = (struct probe){to, (uint16_t)at, (uint16_t)s};
			rte_prefetch0(&t->buckets[to]);
		}
		for (; first < n; first++)
			if (bucket_match(&t->buckets[probes[first].bucket], 0) != 0) {
				t->priv->most_probed = RTE_MAX(t->priv->most_probed, n);
				move_chain(t, probes, first);
				return true;
			}
	}
	return false;
}

int bucket_put(struct flow_table *t, uint32_t hash, uint32_t ref)
{
	uint32_t home = bucket_home(t->n_buckets, hash);
	uint16_t tag = bucket_tag(hash);
	uint32_t other;

	if (likely(put_at(t, home, home, tag, ref)))
		return 0;
	other = bucket_other(t->n_buckets, home, tag);
	if (put_at(t, other, home, tag, ref))
		return 0;
	if (make_room(t, home, other) &&
		(put_at(t, home, home, tag, ref) || put_at(t, other, home, tag, ref)))
		return 0;
	t->priv->no_place++;
	return -ENOSPC;
}

static bool take_at(struct flow_table *t, uint32_t bucket, uint16_t tag, uint32_t ref, bool *ret_away)
{
	struct flow_bucket *b = &t->buckets[bucket];

	for (unsigned int mask = bucket_match(b, tag); mask != 0; mask &= mask - 1) {
		unsigned int slot = __builtin_ctz(mask);

		if (b->refs[slot] == ref) {
			*ret_away = slot_is_away(b, slot);
			slot_set(b, slot, 0, FLOW_NONE, false);
			return true;
		}
	}
	return false;
}

bool bucket_take(struct flow_table *t, uint32_t hash, uint32_t ref)
{
	uint32_t home = bucket_home(t->n_buckets, hash);
	uint16_t tag = bucket_tag(hash);
	bool away;

	if (take_at(t, home, tag, ref, &away))
		return true;
	if (t->buckets[home].elsewhere == 0 ||
		!take_at(t, bucket_other(t->n_buckets, home, tag), tag, ref, &away))
		return false;
	t->buckets[home].elsewhere--;
	return true;
}
