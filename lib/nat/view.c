/* SPDX-License-Identifier: BSD-3-Clause */
/* What the operator sees of rules, pools and tables: as of now. Control thread. */
#include <stdio.h>
#include <string.h>

#include "base/addr.h"
#include "nat/state.h"

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
		.exempt = rule->exempt,
		.use = nat_use_of(n, nat_rule_of_name(n->old, rule), i),
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
		.use = nat_use_of(n, nat_pool_of_name(n->old, p->name), n->rules->n_rules + i),
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
		s.expired += w->counters.expired;
		s.cleared += w->counters.cleared;
		s.created += w->counters.created;
		s.handed_over += w->counters.handed_over;
		s.fragments_held += reass_held(w->reass);
	}
	/* Workers go on while this is read. */
	s.sessions = s.created > s.expired + s.cleared ? s.created - s.expired - s.cleared : 0;
	*ret_stats = s;
}
