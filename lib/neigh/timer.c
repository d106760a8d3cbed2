/* SPDX-License-Identifier: BSD-3-Clause */
/* Deadlines of neighbours: a binary heap, in which each entry knows its place. Control thread. */
#include "neigh/neigh_priv.h"

#include <errno.h>
#include <stdlib.h>

static void place(struct neigh_table *t, struct neigh_entry *e, uint32_t at)
{
	t->heap[at] = e;
	e->timer = at;
}

static void sift_up(struct neigh_table *t, struct neigh_entry *e, uint32_t at)
{
	while (at > 0 && t->heap[(at - 1) / 2]->deadline_ms > e->deadline_ms) {
		place(t, t->heap[(at - 1) / 2], at);
		at = (at - 1) / 2;
	}
	place(t, e, at);
}

static void sift_down(struct neigh_table *t, struct neigh_entry *e, uint32_t at)
{
	for (;;) {
		uint32_t child = 2 * at + 1;

		if (child + 1 < t->heap_len &&
			t->heap[child + 1]->deadline_ms < t->heap[child]->deadline_ms)
			child++;
		if (child >= t->heap_len || t->heap[child]->deadline_ms >= e->deadline_ms)
			break;
		place(t, t->heap[child], at);
		at = child;
	}
	place(t, e, at);
}

int neigh_timer_set(struct neigh_table *t, struct neigh_entry *e, uint64_t deadline_ms)
{
	if (e->timer == NEIGH_NO_TIMER) {
		if (t->heap_len == t->heap_cap) {
			uint32_t cap = t->heap_cap != 0 ? t->heap_cap * 2 : 64;
			struct neigh_entry **heap = realloc(t->heap, cap * sizeof(*heap));

			if (heap == NULL)
				return -ENOMEM;
			t->heap = heap;
			t->heap_cap = cap;
		}
		e->timer = t->heap_len++;
	}
	e->deadline_ms = deadline_ms;
	sift_up(t, e, e->timer);
	sift_down(t, e, e->timer);
	return 0;
}

void neigh_timer_clear(struct neigh_table *t, struct neigh_entry *e)
{
	struct neigh_entry *last;
	uint32_t at = e->timer;

	if (at == NEIGH_NO_TIMER)
		return;
	e->timer = NEIGH_NO_TIMER;
	last = t->heap[--t->heap_len];
	if (last == e)
		return;
	sift_up(t, last, at);
	sift_down(t, last, last->timer);
}

struct neigh_entry *neigh_timer_first(const struct neigh_table *t)
{
	return t->heap_len > 0 ? t->heap[0] : NULL;
}
