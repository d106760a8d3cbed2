/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * All records of a worker, a slice each pass: copied or ended for a query of the operator's, or looked
 * at again under new rules. The worker runs everything but init, fini and through. A slice is bounded,
 * whatever is asked for and however many ask: tasks take turns.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>

#include "nat/session_priv.h"
#include "nat/sweep_priv.h"

/* The work of a slice, in slots passed over; to copy, end or look at a record costs as much as eight. */
#define LOOK_COST 1
#define RECORD_COST 8
#define SLICE (NAT_SWEEP_MAX * RECORD_COST)
/* A worker that had nothing to do for so long sleeps between its passes: it takes longer slices, so
 * that a million records do not take seconds. */
#define ASLEEP_US 50
#define ASLEEP_SLICES 8

/* Tasks: the queries, and new rules. */
#define TASK_RULES NAT_QUERIES_MAX
#define TASKS (NAT_QUERIES_MAX + 1)

int nat_sweep_init(struct nat_worker *w)
{
	/* Pages of mailboxes that nobody uses are never touched. */
	struct nat_sweep *s = aligned_alloc(64, sizeof(*s));

	if (s == NULL)
		return -ENOMEM;
	memset(s, 0, offsetof(struct nat_sweep, part));
	for (unsigned int i = 0; i < NAT_QUERIES_MAX; i++)
		memset(&s->part[i], 0, offsetof(struct nat_part, rows));
	w->sweep = s;
	return 0;
}

void nat_sweep_fini(struct nat_worker *w)
{
	free(w->sweep);
	w->sweep = NULL;
}

void nat_sweep_rules(struct nat_worker *w, const struct nat_ruleset *old)
{
	struct nat_sweep *s = w->sweep;

	s->old = old;
	s->kind = FLOW_SESSION;
	s->cursor = 0;
}

bool nat_sweep_through(const struct nat_worker *w, uint32_t version)
{
	return __atomic_load_n(&w->sweep->through, __ATOMIC_ACQUIRE) == version;
}

static bool is_of(const struct flow_cold *c, const struct nat_ruleset *r)
{
	return ((c->flags ^ r->version) & NAT_COLD_VERSION) == 0;
}

/* The name of the rule that made a record; "" where none did. */
static const char *rule_name(const struct nat_worker *w, const struct flow_cold *c)
{
	const struct nat_ruleset *r = is_of(c, w->rules) ? w->rules : w->sweep->old;

	return c->rule != NAT_RULE_NONE && r != NULL && c->rule < r->n_rules ? r->rules[c->rule].name
									      : "";
}

/* Ends what was asked for or no rule makes any more. */
static void end(struct nat_worker *w, uint32_t record)
{
	w->counters.cleared += w->flows->cold[record].kind == FLOW_SESSION;
	nat_session_end(w, record);
}

/* What new rules do not want. A binding that others still use does not end at once: it must not keep the
 * index of an old rule. */
static void end_outdated(struct nat_worker *w, uint32_t record)
{
	const struct flow_cold *c = &w->flows->cold[record];

	end(w, record);
	if (c->kind != FLOW_FREE && !is_of(c, w->rules))
		nat_session_revalidate(w, record, w->sweep->old);
}

/* New rules: sessions first, so that a binding whose rule is gone has none any more when it ends. */
static void sweep_rules(struct nat_worker *w, int budget)
{
	static const uint8_t after[] = {
		[FLOW_SESSION] = FLOW_BINDING,
		[FLOW_BINDING] = FLOW_HOST,
		[FLOW_HOST] = FLOW_FREE,
	};
	struct nat_sweep *s = w->sweep;
	const struct flow_table *t = w->flows;

	for (; budget > 0 && s->cursor < t->capacity; s->cursor++) {
		const struct flow_cold *c = &t->cold[s->cursor];

		budget -= LOOK_COST;
		if (c->kind != s->kind || is_of(c, w->rules))
			continue;
		budget -= RECORD_COST;
		if (!nat_session_revalidate(w, s->cursor, s->old))
			end_outdated(w, s->cursor);
	}
	if (s->cursor < t->capacity)
		return;
	s->cursor = 0;
	s->kind = after[s->kind];
	if (s->kind != FLOW_FREE)
		return;
	s->old = NULL;
	__atomic_store_n(&s->through, w->rules->version, __ATOMIC_RELEASE);
}

static void part_done(struct nat_sweep *s, unsigned int i)
{
	/* Releases head and ended too: who sees the bit gone has them all. */
	__atomic_fetch_and(&s->asked, ~(1u << i), __ATOMIC_RELEASE);
}

/* Rows that the mailbox has room for. */
static uint32_t part_room(const struct nat_part *p)
{
	return NAT_PART_ROWS - (p->head - __atomic_load_n(&p->tail, __ATOMIC_ACQUIRE));
}

/* A binding, or a host, that packets have meanwhile begun sessions with again: who ends it makes its
 * inside endpoint wait for the last of them. */
static bool is_used(const struct flow_table *t, uint32_t record)
{
	return t->cold[record].kind != FLOW_SESSION && *nat_parent_refs(t, record) > 0;
}

static void sweep_part(struct nat_worker *w, unsigned int i, int budget)
{
	struct nat_part *p = &w->sweep->part[i];
	const struct flow_table *t = w->flows;
	uint8_t kind = p->filter.kind != 0 ? p->filter.kind : FLOW_SESSION;
	uint32_t room = p->op == NAT_QUERY_SHOW ? part_room(p) : UINT32_MAX, head = p->head;

	for (; budget > 0 && room > 0 && p->cursor < t->capacity; p->cursor++) {
		const struct flow_cold *c = &t->cold[p->cursor];
		const char *rule;

		budget -= LOOK_COST;
		if (c->kind != kind || (p->op == NAT_QUERY_CLEAR && is_used(t, p->cursor)))
			continue;
		budget -= RECORD_COST;
		rule = rule_name(w, c);
		if (!nat_row_matches(w, &p->filter, p->cursor, rule))
			continue;
		if (p->op == NAT_QUERY_SHOW) {
			nat_row_fill(w, p->cursor, rule, &p->rows[head++ % NAT_PART_ROWS]);
			room--;
		} else {
			end(w, p->cursor);
			__atomic_store_n(&p->ended, p->ended + 1, __ATOMIC_RELAXED);
		}
	}
	__atomic_store_n(&p->head, head, __ATOMIC_RELEASE);
	if (p->cursor >= t->capacity)
		part_done(w->sweep, i);
}

/* Whether the task has anything to do now. */
static bool is_due(struct nat_sweep *s, unsigned int task, uint32_t asked)
{
	const struct nat_part *p = &s->part[task];

	if (task == TASK_RULES)
		return s->old != NULL;
	if ((asked & 1u << task) == 0)
		return false;
	if (__atomic_load_n(&p->cancelled, __ATOMIC_RELAXED)) {
		part_done(s, task);
		return false;
	}
	return p->op == NAT_QUERY_CLEAR || part_room(p) > 0;
}

static int slice_budget(struct nat_worker *w)
{
	uint64_t now = rte_rdtsc(), last = w->sweep->last_tsc;
	/* ms_mul is for milliseconds; these are 1024 to one. */
	uint64_t us = (uint64_t)((unsigned __int128)(now - last) * w->ms_mul >> 54);

	w->sweep->last_tsc = now;
	return last != 0 && us >= ASLEEP_US ? SLICE * ASLEEP_SLICES : SLICE;
}

void nat_sweep_run(struct nat_worker *w)
{
	struct nat_sweep *s = w->sweep;
	uint32_t asked = __atomic_load_n(&s->asked, __ATOMIC_ACQUIRE);

	if (__builtin_expect(asked == 0 && s->old == NULL, 1)) {
		s->last_tsc = 0;
		return;
	}
	for (unsigned int i = 0; i < TASKS; i++) {
		unsigned int task = (s->turn + i) % TASKS;

		if (!is_due(s, task, asked))
			continue;
		s->turn = task + 1;
		if (task == TASK_RULES)
			sweep_rules(w, slice_budget(w));
		else
			sweep_part(w, task, slice_budget(w));
		return;
	}
}
