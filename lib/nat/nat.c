/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The workers' state, and what happens once a pass. Before the bursts (burst.c).
 */
#include "nat/state.h"

struct nat_worker *nat_worker(struct nat *n, unsigned int worker)
{
	return n->worker[worker];
}

uint32_t nat_flow_ports(const struct nat_worker *w)
{
	return w->rules->flow_ports;
}

void nat_begin(struct nat_worker *w, uint64_t tsc)
{
	const struct nat_ruleset *rules = __atomic_load_n(&w->nat->rules, __ATOMIC_ACQUIRE);

	w->now_ms = (uint32_t)((unsigned __int128)tsc * w->ms_mul >> 64);
	if (unlikely(rules != w->rules)) {
		w->old = w->rules;
		w->rules = rules;
	}
}
