/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The table's memory, all in one piece, and its records. Free records queue up in the order in which
 * they were freed: what was made together mostly ends together, and lies together again.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/mem.h"
#include "flow/state.h"
#include "flow/table_priv.h"

/* Of a bucket's slots when every record has both of its keys. */
#define LOAD_PERCENT 86
/* Free records that are in the cache already, about. */
#define FREE_LOADED 8
/* Few buckets vary more around the average. */
#define BUCKETS_MORE 4

static bool have_aes(void)
{
#ifdef __SSE2__
	return __builtin_cpu_supports("aes");
#else
	return false;
#endif
}

/* The next piece of the memory; with NULL, how much there is. */
static void *carve(void *memory, size_t *at, size_t bytes)
{
	void *p = memory != NULL ? (char *)memory + *at : NULL;

	*at += RTE_ALIGN_CEIL(bytes, RTE_CACHE_LINE_SIZE);
	return p;
}

static size_t lay_out(struct flow_table *t, void *memory, bool windows)
{
	size_t at = 0;

	t->records = carve(memory, &at, t->capacity * sizeof(*t->records));
	t->buckets = carve(memory, &at, t->n_buckets * sizeof(*t->buckets));
	t->cold = carve(memory, &at, t->capacity * sizeof(*t->cold));
	if (windows)
		t->windows = carve(memory, &at, t->capacity * sizeof(*t->windows));
	return at;
}

struct flow_table *flow_table_new(const struct flow_table_conf *conf)
{
	struct flow_table *t = aligned_alloc(RTE_CACHE_LINE_SIZE,
		RTE_ALIGN_CEIL(sizeof(*t), RTE_CACHE_LINE_SIZE));
	struct flow_table_priv *p = calloc(1, sizeof(*p));

	if (t == NULL || p == NULL || conf->capacity >= FLOW_CAPACITY_MAX) {
		errno = t == NULL || p == NULL ? ENOMEM : EINVAL;
		goto fail;
	}
	*t = (struct flow_table){.capacity = conf->capacity, .priv = p};
	t->n_buckets = 2 * (uint64_t)t->capacity * 100 / (LOAD_PERCENT * BUCKET_SLOTS) + BUCKETS_MORE;
	memcpy(t->secret, conf->secret, sizeof(t->secret));
	p->bytes = lay_out(t, NULL, conf->windows);
	p->memory = mem_alloc_huge(p->bytes);
	if (p->memory == NULL)
		goto fail;
	lay_out(t, p->memory, conf->windows);
	p->aes = have_aes();
	wheel_init(&p->wheel);
	for (uint32_t i = 0; i < t->capacity; i++)
		t->cold[i] = (struct flow_cold){.next = i + 1 < t->capacity ? i + 1 : FLOW_NONE,
			.prev = FLOW_NONE, .parent = FLOW_NONE};
	p->free_first = t->capacity > 0 ? 0 : FLOW_NONE;
	p->free_last = t->capacity - 1;
	p->free_ahead = p->free_first;
	return t;
fail:
	free(p);
	free(t);
	return NULL;
}

void flow_table_free(struct flow_table *t)
{
	if (t == NULL)
		return;
	mem_free(t->priv->memory, t->priv->bytes);
	free(t->priv);
	free(t);
}

size_t flow_table_bytes(const struct flow_table *t)
{
	return sizeof(*t) + sizeof(*t->priv) + t->priv->bytes;
}

/* Starts loading the records that will be taken soon. Each step reads the link of the one before, which
 * was asked for a call ago. */
static void free_list_load(struct flow_table *t)
{
	struct flow_table_priv *p = t->priv;

	while (p->n_loaded < FREE_LOADED && p->free_ahead != FLOW_NONE) {
		side_prefetch(t, flow_ref(p->free_ahead, FLOW_ORIGINAL));
		side_prefetch(t, flow_ref(p->free_ahead, FLOW_REPLY));
		p->free_ahead = t->cold[p->free_ahead].next;
		if (p->free_ahead != FLOW_NONE)
			rte_prefetch0(&t->cold[p->free_ahead]);
		p->n_loaded++;
	}
}

uint32_t flow_alloc(struct flow_table *t, enum flow_kind kind)
{
	struct flow_table_priv *p = t->priv;
	uint32_t record = p->free_first;
	struct flow_cold *c;

	if (unlikely(record == FLOW_NONE)) {
		p->full++;
		return FLOW_NONE;
	}
	free_list_load(t);
	c = &t->cold[record];
	p->free_first = c->next;
	p->n_loaded--;
	*c = (struct flow_cold){.next = FLOW_NONE, .prev = FLOW_NONE, .parent = FLOW_NONE,
		.kind = (uint8_t)kind};
	memset(&t->records[record], 0, sizeof(t->records[record]));
	if (t->windows != NULL)
		memset(&t->windows[record], 0, sizeof(t->windows[record]));
	if (++t->used > p->peak)
		p->peak = t->used;
	return record;
}

int flow_insert(struct flow_table *t, uint32_t record, uint32_t hash_original, uint32_t hash_reply)
{
	int ret = bucket_put(t, hash_original, flow_ref(record, FLOW_ORIGINAL));

	if (ret != 0 || t->cold[record].kind == FLOW_HOST)
		return ret;
	ret = bucket_put(t, hash_reply, flow_ref(record, FLOW_REPLY));
	if (ret != 0)
		bucket_take(t, hash_original, flow_ref(record, FLOW_ORIGINAL));
	return ret;
}

static void free_list_append(struct flow_table *t, uint32_t record)
{
	struct flow_table_priv *p = t->priv;

	t->cold[record].next = FLOW_NONE;
	if (p->free_first == FLOW_NONE)
		p->free_first = record;
	else
		t->cold[p->free_last].next = record;
	p->free_last = record;
	if (p->free_ahead == FLOW_NONE)
		p->free_ahead = record;
}

void flow_remove(struct flow_table *t, uint32_t record)
{
	struct flow_record *r = &t->records[record];

	assert(t->cold[record].kind != FLOW_FREE);
	bucket_take(t, hash_side(t, &r->side[FLOW_ORIGINAL]), flow_ref(record, FLOW_ORIGINAL));
	if (t->cold[record].kind != FLOW_HOST)
		bucket_take(t, hash_side(t, &r->side[FLOW_REPLY]), flow_ref(record, FLOW_REPLY));
	wheel_disarm(t, record);
	t->cold[record].kind = FLOW_FREE;
	t->used--;
	free_list_append(t, record);
}

void flow_table_get_stats(const struct flow_table *t, struct flow_table_stats *ret_stats)
{
	const struct flow_table_priv *p = t->priv;

	*ret_stats = (struct flow_table_stats){.capacity = t->capacity, .used = t->used,
		.peak = p->peak, .full = p->full, .no_place = p->no_place, .moved = p->moved};
}
