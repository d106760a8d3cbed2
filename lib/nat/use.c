/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Use of rules and pools: counters read where the workers write them, with what was counted under earlier
 * sets of rules. A count may be a moment old. Control thread.
 */
#include <string.h>

#include "nat/state.h"

static void add(struct nat_use *sum, const struct nat_use *u)
{
	sum->sessions += u->sessions;
	sum->peak += u->peak;
	sum->created += u->created;
	sum->bindings += u->bindings;
	sum->bindings_peak += u->bindings_peak;
	sum->exhausted += u->exhausted;
	sum->limited += u->limited;
}

/* Summed over workers. i: rule, or n_rules + pool. */
static struct nat_use live(const struct nat_ruleset *r, unsigned int i)
{
	struct nat_use sum = {0};

	for (unsigned int w = 0; w < r->workers; w++)
		add(&sum, &r->use[w * nat_use_stride(r) + i]);
	return sum;
}

/* What was before is no more now, but happened. */
static void add_past(struct nat_use *to, const struct nat_use *past)
{
	to->created += past->created;
	to->exhausted += past->exhausted;
	to->limited += past->limited;
	to->peak = RTE_MAX(to->peak, past->peak);
	to->bindings_peak = RTE_MAX(to->bindings_peak, past->bindings_peak);
}

/* Of one set: what its own counters say, with what was carried over to them. */
static struct nat_use of_set(const struct nat_ruleset *r, const struct nat_use *carried, unsigned int i)
{
	struct nat_use u = live(r, i);

	add_past(&u, &carried[i]);
	return u;
}

int nat_rule_of_name(const struct nat_ruleset *r, const struct nat_rule *rule)
{
	for (unsigned int i = 0; r != NULL && i < r->n_rules; i++)
		if (r->rules[i].dnat == rule->dnat && strcmp(r->rules[i].name, rule->name) == 0)
			return (int)i;
	return -1;
}

int nat_pool_of_name(const struct nat_ruleset *r, const char *name)
{
	for (unsigned int i = 0; r != NULL && i < r->n_pools; i++)
		if (strcmp(r->pools[i].name, name) == 0)
			return (int)(r->n_rules + i);
	return -1;
}

void nat_use_carry(struct nat *n, int from, unsigned int to)
{
	struct nat_use u;

	if (from < 0)
		return;
	u = of_set(n->old, n->carried_old, (unsigned int)from);
	add_past(&n->carried[to], &u);
}

/* While rules change, sessions move from the old set's count to the new one's. */
struct nat_use nat_use_of(const struct nat *n, int old, unsigned int i)
{
	struct nat_use u = of_set(n->rules, n->carried, i), before;

	if (old < 0)
		return u;
	before = of_set(n->old, n->carried_old, (unsigned int)old);
	u.sessions += before.sessions;
	u.bindings += before.bindings;
	add_past(&u, &before);
	return u;
}

struct nat_use nat_use_total(const struct nat *n)
{
	struct nat_use sum = {0};

	for (unsigned int i = 0; i < n->rules->n_rules; i++) {
		struct nat_use u = nat_use_of(n, nat_rule_of_name(n->old, &n->rules->rules[i]), i);

		add(&sum, &u);
	}
	return sum;
}
