/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Timers: a wheel of 8192 ticks of 1.024 s, 2 h 19 min; the longest time-out (7440 s) fits. Ticks are
 * the clock's upper 22 bits, of which the slot is the lower 13, so that both wrap together.
 */
#include "flow/table_priv.h"

#define TICK_SHIFT 10
#define TICK_MASK (UINT32_MAX >> TICK_SHIFT)
#define TICK_HALF (TICK_MASK / 2)

static_assert(1u << TICK_SHIFT == FLOW_TICK_MS, "a tick is a power of two");
static_assert((TICK_MASK + 1) % WHEEL_SLOTS == 0, "slots wrap with the clock");

void wheel_init(struct flow_wheel *w)
{
	memset(w->head, 0xff, sizeof(w->head));
}

void wheel_disarm(struct flow_table *t, uint32_t record)
{
	struct flow_cold *c = &t->cold[record];

	if (c->prev == FLOW_NONE)
		return;
	if (c->prev & WHEEL_FIRST)
		t->priv->wheel.head[c->prev & ~WHEEL_FIRST] = c->next;
	else
		t->cold[c->prev].next = c->next;
	if (c->next != FLOW_NONE)
		t->cold[c->next].prev = c->prev;
	c->prev = c->next = FLOW_NONE;
}

static void chain_push(struct flow_table *t, uint32_t slot, uint32_t record)
{
	uint32_t chain = slot * WHEEL_CHAINS + record % WHEEL_CHAINS;
	uint32_t *head = &t->priv->wheel.head[chain];
	struct flow_cold *c = &t->cold[record];

	c->next = *head;
	c->prev = WHEEL_FIRST | chain;
	if (*head != FLOW_NONE)
		t->cold[*head].prev = record;
	*head = record;
}

void flow_timer_arm(struct flow_table *t, uint32_t record, uint32_t deadline_ms)
{
	struct flow_wheel *w = &t->priv->wheel;
	uint32_t tick = (deadline_ms + FLOW_TICK_MS - 1) >> TICK_SHIFT;
	uint32_t ahead = (tick - w->tick) & TICK_MASK;

	wheel_disarm(t, record);
	if (ahead > TICK_HALF || !w->started)
		ahead = 0; /* over already; and before the first flow_timer_due(), who knows */
	else if (ahead >= WHEEL_SLOTS)
		ahead = WHEEL_SLOTS - 1;
	chain_push(t, (w->tick + ahead) % WHEEL_SLOTS, record);
}

/* Takes from the slot's chains in turn. */
static unsigned int slot_take(struct flow_table *t, uint32_t slot, uint32_t *ret_records,
	unsigned int max)
{
	uint32_t *head = &t->priv->wheel.head[slot * WHEEL_CHAINS];
	unsigned int n = 0, before;

	do {
		before = n;
		for (unsigned int i = 0; i < WHEEL_CHAINS && n < max; i++) {
			uint32_t record = head[i];

			if (record == FLOW_NONE)
				continue;
			ret_records[n++] = record;
			wheel_disarm(t, record);
			side_prefetch(t, flow_ref(record, FLOW_ORIGINAL));
			side_prefetch(t, flow_ref(record, FLOW_REPLY));
		}
	} while (n > before);
	return n;
}

/* The clock's first reading: what was armed before it wakes now. */
static void wheel_start(struct flow_table *t, uint32_t now_tick)
{
	struct flow_wheel *w = &t->priv->wheel;
	uint32_t from = w->tick % WHEEL_SLOTS, to = now_tick % WHEEL_SLOTS;

	w->started = true;
	w->tick = now_tick;
	if (from == to)
		return;
	for (unsigned int i = 0; i < WHEEL_CHAINS; i++)
		while (w->head[from * WHEEL_CHAINS + i] != FLOW_NONE) {
			uint32_t record = w->head[from * WHEEL_CHAINS + i];

			wheel_disarm(t, record);
			chain_push(t, to, record);
		}
}

/* Most records that are due end: their buckets come in together, not one by one when they are removed. */
static void buckets_prefetch(const struct flow_table *t, const uint32_t *records, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		for (unsigned int dir = 0; dir < 2; dir++)
			flow_prefetch(t, hash_side(t, &t->records[records[i]].side[dir]));
}

unsigned int flow_timer_due(struct flow_table *t, uint32_t now_ms, uint32_t *ret_records,
	unsigned int max)
{
	struct flow_wheel *w = &t->priv->wheel;
	uint32_t now_tick = now_ms >> TICK_SHIFT, behind;
	unsigned int n = 0;

	if (unlikely(!w->started))
		wheel_start(t, now_tick);
	behind = (now_tick - w->tick) & TICK_MASK;
	if (behind > TICK_HALF)
		return 0; /* the clock went back */
	if (behind >= WHEEL_SLOTS) {
		/* A turn in one step passes each slot once. The one being taken is the last. */
		w->tick = (now_tick - (WHEEL_SLOTS - 1)) & TICK_MASK;
		behind = WHEEL_SLOTS - 1;
	}
	for (;;) {
		n += slot_take(t, w->tick % WHEEL_SLOTS, ret_records + n, max - n);
		if (n == max || behind-- == 0)
			break;
		w->tick = (w->tick + 1) & TICK_MASK;
	}
	buckets_prefetch(t, ret_records, n);
	return n;
}
