/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The operator's questions about flows: one mailbox in each worker that is asked, read as the workers
 * fill them (sweep.c). Control thread; it waits for nobody.
 */
#include <errno.h>
#include <stdlib.h>

#include "nat/sweep_priv.h"

struct nat_query {
	struct nat *nat;
	enum nat_query_op op;
	unsigned int slot; /* which of a worker's mailboxes */
	unsigned int first, end; /* workers that were asked */
	unsigned int next;	 /* whose rows are read next: they take turns */
	uint32_t counted;	 /* records ended, as told so far */
};

static struct nat_sweep *sweep_of(struct nat *n, unsigned int worker)
{
	return nat_worker(n, worker)->sweep;
}

static bool is_asked(const struct nat_sweep *s, unsigned int slot)
{
	return (__atomic_load_n(&s->asked, __ATOMIC_ACQUIRE) & 1u << slot) != 0;
}

/* A mailbox that no query has and that every worker has given back; NAT_QUERIES_MAX: none. */
static unsigned int find_slot(struct nat *n, unsigned int workers)
{
	for (unsigned int slot = 0; slot < NAT_QUERIES_MAX; slot++) {
		bool free = !sweep_of(n, 0)->taken[slot];

		for (unsigned int w = 0; w < workers && free; w++)
			free = !is_asked(sweep_of(n, w), slot);
		if (free)
			return slot;
	}
	return NAT_QUERIES_MAX;
}

static void ask(struct nat_sweep *s, unsigned int slot, enum nat_query_op op,
	const struct nat_filter *filter)
{
	struct nat_part *p = &s->part[slot];

	p->filter = *filter;
	p->op = op;
	p->cursor = 0;
	p->cancelled = false;
	p->head = p->tail = 0;
	p->ended = 0;
	__atomic_fetch_or(&s->asked, 1u << slot, __ATOMIC_RELEASE);
}

struct nat_query *nat_query_new(struct nat *n, enum nat_query_op op, const struct nat_filter *filter)
{
	unsigned int workers = nat_worker(n, 0)->workers, slot = find_slot(n, workers);
	struct nat_query *q;

	if (slot == NAT_QUERIES_MAX) {
		errno = EBUSY;
		return NULL;
	}
	q = calloc(1, sizeof(*q));
	if (q == NULL)
		return NULL;
	*q = (struct nat_query){.nat = n, .op = op, .slot = slot, .end = workers};
	if (filter->worker >= 0) {
		q->first = (unsigned int)filter->worker < workers ? (unsigned int)filter->worker : workers;
		q->end = q->first < workers ? q->first + 1 : workers;
	}
	q->next = q->first;
	sweep_of(n, 0)->taken[slot] = true;
	for (unsigned int w = q->first; w < q->end; w++)
		ask(sweep_of(n, w), slot, op, filter);
	return q;
}

static unsigned int take_rows(struct nat_part *p, struct nat_flow *rows, unsigned int max)
{
	uint32_t tail = p->tail, there = __atomic_load_n(&p->head, __ATOMIC_ACQUIRE) - tail;
	uint32_t n = there < max ? there : max;

	for (uint32_t i = 0; i < n; i++)
		rows[i] = p->rows[(tail + i) % NAT_PART_ROWS];
	__atomic_store_n(&p->tail, tail + n, __ATOMIC_RELEASE);
	return n;
}

static unsigned int count_ended(struct nat_query *q)
{
	uint32_t sum = 0, more;

	for (unsigned int w = q->first; w < q->end; w++)
		sum += __atomic_load_n(&sweep_of(q->nat, w)->part[q->slot].ended, __ATOMIC_RELAXED);
	more = sum - q->counted;
	q->counted = sum;
	return more;
}

int nat_query_read(struct nat_query *q, struct nat_flow *ret_rows, unsigned int max,
	unsigned int *ret_n)
{
	unsigned int asked = q->end - q->first, n = 0;
	bool more = false;

	for (unsigned int i = 0; i < asked; i++) {
		struct nat_sweep *s = sweep_of(q->nat, q->next);
		struct nat_part *p = &s->part[q->slot];

		/* First the bit: then nothing can come behind what is read. */
		more |= is_asked(s, q->slot);
		if (q->op == NAT_QUERY_SHOW) {
			n += take_rows(p, ret_rows + n, max - n);
			more |= p->tail != __atomic_load_n(&p->head, __ATOMIC_RELAXED);
		}
		q->next = q->next + 1 < q->end ? q->next + 1 : q->first;
		if (n == max && q->op == NAT_QUERY_SHOW) {
			more = true; /* others were not looked at */
			break;
		}
	}
	*ret_n = q->op == NAT_QUERY_CLEAR ? count_ended(q) : n;
	return more;
}

void nat_query_free(struct nat_query *q)
{
	if (q == NULL)
		return;
	for (unsigned int w = q->first; w < q->end; w++) {
		struct nat_sweep *s = sweep_of(q->nat, w);

		__atomic_store_n(&s->part[q->slot].cancelled, true, __ATOMIC_RELAXED);
	}
	sweep_of(q->nat, 0)->taken[q->slot] = false;
	free(q);
}
