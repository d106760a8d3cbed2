/* SPDX-License-Identifier: BSD-3-Clause */
/* What the operator sees of rules, pools and tables: counters read where the workers write them. A count
 * may be a moment old. Control thread. */
#include <stdio.h>
#include <string.h>

#include "base/addr.h"
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
		add(&sum, &r->use[w * (r->n_rules + r->n_pools) + i]);
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
static struct nat_use use_of(const struct nat *n, int old, unsigned int i)
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
		struct nat_use u = use_of(n, nat_rule_of_name(n->old, &n->rules->rules[i]), i);

		add(&sum, &u);
	}
	return sum;
}

unsigned int nat_rules_count(const struct nat *n)
{
	return n->rules->n_rules;
}

void nat_rule_get(const struct nat *n, unsigned int i, struct nat_rule_view *ret_view)
{
	const struct nat_rule *rule = &n->rules->rules[i];

	*ret_view = (struct nat_rule_view){
		.name = rule->name,
		.dnat = rule->dnat,
		.use = use_of(n, nat_rule_of_name(n->old, rule), i),
	};
	nat_rule_text(n->rules, rule, ret_view->match, ret_view->action, sizeof(ret_view->match));
}

unsigned int nat_pools_count(const struct nat *n)
{
	return n->rules->n_pools;
}

static void addresses_text(const struct nat_pool *p, char *text, size_t len)
{
	size_t at = 0;

	text[0] = '\0';
	for (unsigned int i = 0; i < p->n_addresses; i++) {
		char one[IP_ADDR_STRLEN];

		ip_addr_format(&p->addresses[i], one);
		if (at + strlen(one) + sizeof(", ...") > len) {
			snprintf(text + at, len - at, "...");
			return;
		}
		at += (size_t)snprintf(text + at, len - at, "%s%s", i > 0 ? ", " : "", one);
	}
}

void nat_pool_get(const struct nat *n, unsigned int i, struct nat_pool_view *ret_view)
{
	const struct nat_pool *p = &n->rules->pools[i];
	unsigned int ports = p->port_last - p->port_first + 1u;

	ports -= p->port_first <= NAT_PORT_RESERVED && p->port_last >= NAT_PORT_RESERVED;
	*ret_view = (struct nat_pool_view){
		.name = p->name,
		.n_addresses = p->n_addresses,
		.port_first = p->port_first,
		.port_last = p->port_last,
		.ports = (uint64_t)p->n_addresses * ports,
		.endpoint_independent = p->endpoint_independent,
		.use = use_of(n, nat_pool_of_name(n->old, p->name), n->rules->n_rules + i),
	};
	addresses_text(p, ret_view->addresses, sizeof(ret_view->addresses));
}

void nat_get_flow_stats(const struct nat *n, struct nat_flow_stats *ret_stats)
{
	struct nat_flow_stats s = {.changing = n->old != NULL};

	for (unsigned int i = 0; i < n->workers; i++) {
		const struct nat_worker *w = n->worker[i];
		struct flow_table_stats t;

		flow_table_get_stats(w->flows, &t);
		s.table.capacity += t.capacity;
		s.table.used += t.used;
		s.table.peak += t.peak;
		s.table.full += t.full;
		s.table.no_place += t.no_place;
		s.table.moved += t.moved;
		s.memory_bytes += flow_table_bytes(w->flows);
		s.created += w->counters.created;
		s.expired += w->counters.expired;
		s.cleared += w->counters.cleared;
		s.handed_over += w->counters.handed_over;
	}
	*ret_stats = s;
}
