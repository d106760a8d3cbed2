/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Endpoint-independent mappings (RFC 4787 4.1): an inside endpoint has one external endpoint, for all
 * that it talks to; and the peers that a filtering by address lets in. Workers.
 */
#include "nat/session_priv.h"

bool nat_binding_has_room(struct nat_worker *w, uint32_t binding)
{
	const struct flow_cold *c = &w->flows->cold[binding];
	uint32_t max = w->rules->rules[c->rule].max_sessions;

	if (max == 0 || c->parent == FLOW_NONE || *nat_parent_sessions(w->flows, c->parent) < max)
		return true;
	nat_use_rule(w, w->rules, c->rule)->limited++;
	return false;
}

enum config_nat_filtering nat_binding_filtering(const struct nat_worker *w, uint32_t binding)
{
	return w->rules->rules[w->flows->cold[binding].rule].filtering;
}

/* A binding that the rules of today would make, or FLOW_NONE. */
static uint32_t binding_at(struct nat_worker *w, uint32_t at)
{
	uint32_t binding = at >> 1;
	const struct flow_cold *c = &w->flows->cold[binding];

	if (at == FLOW_NONE)
		return FLOW_NONE;
	if (nat_rules_of(w, c) != w->rules && !nat_session_revalidate(w, binding, w->old)) {
		nat_session_end(w, binding);
		return FLOW_NONE;
	}
	return c->flags & NAT_COLD_DEAD ? FLOW_NONE : binding;
}

struct flow_tuple nat_binding_inside(const struct nat_pool *pool, const struct flow_tuple *tuple)
{
	return (struct flow_tuple){.src = tuple->src, .dst = nat_no_address(tuple->src.family),
		.proto = tuple->proto, .sport = tuple->sport, .dport = nat_pool_tag(pool)};
}

struct flow_tuple nat_binding_outside(const struct flow_tuple *tuple)
{
	return (struct flow_tuple){.src = nat_no_address(tuple->dst.family), .dst = tuple->dst,
		.proto = tuple->proto, .dport = tuple->dport};
}

uint32_t nat_binding_find(struct nat_worker *w, const struct flow_tuple *tuple)
{
	struct flow_tuple key = nat_binding_outside(tuple);
	uint32_t binding = binding_at(w, flow_find(w->flows, &key));

	return binding != FLOW_NONE && (w->flows->cold[binding].flags & NAT_COLD_HELD) ? FLOW_NONE
										       : binding;
}

/* The inside's own again before its port is anybody's. */
static void binding_revive(struct nat_worker *w, uint32_t binding)
{
	struct flow_record *r = &w->flows->records[binding];

	w->flows->cold[binding].flags &= ~NAT_COLD_HELD;
	r->side[FLOW_ORIGINAL].seen_ms = r->side[FLOW_REPLY].seen_ms = w->now_ms;
}

/* A binding that a rule without limits made comes under one with limits: all it has counts now. */
static void binding_adopt_host(struct nat_worker *w, uint32_t binding, uint32_t host)
{
	if (host == FLOW_NONE || w->flows->cold[binding].parent != FLOW_NONE)
		return;
	w->flows->cold[binding].parent = host;
	nat_parent_ref(w, host);
	*nat_parent_sessions(w->flows, host) += *nat_parent_sessions(w->flows, binding);
}

uint8_t nat_binding_get(struct nat_worker *w, uint16_t rule, const struct flow_tuple *tuple,
	uint32_t host, uint32_t *ret_binding)
{
	const struct nat_rule *snat = &w->rules->rules[rule];
	const struct nat_pool *pool = &w->rules->pools[snat->pool];
	struct flow_tuple inside = nat_binding_inside(pool, tuple);
	struct flow_tuple outside = {.src = nat_no_address(tuple->src.family), .proto = tuple->proto};
	uint32_t at = flow_find(w->flows, &inside), binding, hash;

	if (at != FLOW_NONE) {
		binding = binding_at(w, at);
		if (binding == FLOW_NONE && flow_find(w->flows, &inside) != FLOW_NONE)
			return DROP_NAT_NO_PORT; /* its last sessions are about to end */
		if (binding != FLOW_NONE) {
			if (w->flows->cold[binding].flags & NAT_COLD_HELD)
				binding_revive(w, binding);
			binding_adopt_host(w, binding, host);
			*ret_binding = binding;
			return DROP_NONE;
		}
	}
	if (nat_alloc_endpoint(w, pool, snat->selection, tuple, &outside, &hash) < 0)
		return DROP_NAT_NO_PORT;
	binding = nat_parent_make(w, FLOW_BINDING, &inside, &outside, hash);
	if (binding == FLOW_NONE)
		return DROP_FLOW_FULL;
	/* The state says which idle time: TCP's transitory one, the others' full one. */
	for (unsigned int i = 0; i < 2; i++)
		w->flows->records[binding].side[i].state =
			tuple->proto == IPPROTO_TCP ? FLOW_TCP_SYN : FLOW_STATE_REPLIED;
	w->flows->cold[binding].parent = host;
	nat_parent_ref(w, host);
	nat_use_begin(w, binding, rule, NAT_COLD_POOL, true);
	flow_timer_arm(w->flows, binding,
		flow_deadline_ms(&w->rules->timeouts, &w->flows->records[binding]));
	*ret_binding = binding;
	return DROP_NONE;
}

/* --- peers --- */

uint32_t nat_peer_get(struct nat_worker *w, uint32_t binding, const struct ip_addr *remote, bool make_it)
{
	struct flow_tuple key = {.src = *remote, .dst = nat_no_address(remote->family),
		.proto = w->flows->records[binding].side[FLOW_ORIGINAL].proto,
		.sport = (rte_be16_t)binding, .dport = (rte_be16_t)(binding >> 16)};
	uint32_t at = flow_find(w->flows, &key), peer;

	if (at != FLOW_NONE || !make_it)
		return at != FLOW_NONE ? at >> 1 : FLOW_NONE;
	peer = nat_parent_make(w, FLOW_HOST, &key, &key, 0);
	if (peer == FLOW_NONE)
		return FLOW_NONE;
	nat_use_begin(w, peer, NAT_RULE_NONE, NAT_COLD_PEER, false);
	w->flows->cold[peer].parent = binding;
	nat_parent_ref(w, binding);
	return peer;
}
