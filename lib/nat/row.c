/* SPDX-License-Identifier: BSD-3-Clause */
/* A record as the operator sees it, and whether he asked for it. The worker that owns it calls. */
#include <string.h>

#include "nat/session_priv.h"
#include "nat/sweep_priv.h"

static bool in_prefix(const struct ip_prefix *p, const struct ip_addr *a)
{
	return p->addr.family == IP_NONE || ip_prefix_contains(p, a);
}

/* Either end that translation changed. */
static bool is_translated_to(const struct ip_prefix *p, const struct flow_tuple *o,
	const struct flow_tuple *r)
{
	if (p->addr.family == IP_NONE)
		return true;
	return (!ip_addr_equal(&o->src, &r->dst) && ip_prefix_contains(p, &r->dst)) ||
		(!ip_addr_equal(&o->dst, &r->src) && ip_prefix_contains(p, &r->src));
}

static bool has_address(const struct ip_prefix *p, const struct flow_tuple *o,
	const struct flow_tuple *r)
{
	return in_prefix(p, &o->src) || in_prefix(p, &o->dst) || in_prefix(p, &r->src) ||
		in_prefix(p, &r->dst);
}

static bool has_port(int port, const struct flow_tuple *o, const struct flow_tuple *r)
{
	rte_be16_t p = rte_cpu_to_be_16((uint16_t)port);

	return port < 0 || o->sport == p || o->dport == p || r->sport == p || r->dport == p;
}

bool nat_row_matches(const struct nat_worker *w, const struct nat_filter *f, uint32_t record,
	const char *rule)
{
	const struct flow_record *rec = &w->flows->records[record];
	const struct flow_side *s = &rec->side[FLOW_ORIGINAL];
	struct flow_tuple o, r;

	if ((f->family != 0 && s->family != f->family) || (f->proto >= 0 && s->proto != f->proto) ||
		(f->state >= 0 && s->state != f->state) ||
		(f->worker >= 0 && (unsigned int)f->worker != w->index) ||
		(f->rule[0] != '\0' && strcmp(f->rule, rule) != 0))
		return false;
	flow_side_get_tuple(s, &o);
	flow_side_get_tuple(&rec->side[FLOW_REPLY], &r);
	return in_prefix(&f->source, &o.src) && in_prefix(&f->destination, &o.dst) &&
		is_translated_to(&f->translated, &o, &r) && has_address(&f->address, &o, &r) &&
		has_port(f->port, &o, &r);
}

/* Modulo 2^32; a packet of this very burst may be seen a moment ahead of the clock. */
static uint32_t ms_between(uint32_t from, uint32_t to)
{
	int32_t ms = (int32_t)(to - from);

	return ms > 0 ? (uint32_t)ms : 0;
}

void nat_row_fill(const struct nat_worker *w, uint32_t record, const char *rule,
	struct nat_flow *ret_row)
{
	const struct flow_record *rec = &w->flows->records[record];
	const struct flow_cold *c = &w->flows->cold[record];
	const struct flow_side *s = rec->side;
	uint32_t deadline_ms = flow_deadline_ms(&w->rules->timeouts, rec);
	uint32_t seen_ms = deadline_ms - flow_timeout_ms(&w->rules->timeouts, s->proto, s->state);

	*ret_row = (struct nat_flow){
		.kind = c->kind,
		.state = s->state,
		.worker = (uint16_t)w->index,
		.packets = {flow_side_packets(&s[0]), flow_side_packets(&s[1])},
		.bytes = {flow_side_bytes(&s[0]), flow_side_bytes(&s[1])},
	};
	if (c->kind == FLOW_BINDING) {
		ret_row->sessions = *nat_parent_sessions(w->flows, record);
		ret_row->held = (c->flags & NAT_COLD_HELD) != 0;
	}
	if (ret_row->held) {
		seen_ms = s[FLOW_ORIGINAL].seen_ms;
		deadline_ms = s[FLOW_REPLY].seen_ms + NAT_PORT_HOLD_MS;
	}
	ret_row->idle_ms = ms_between(seen_ms, w->now_ms);
	ret_row->expires_ms = ms_between(w->now_ms, deadline_ms);
	flow_side_get_tuple(&s[FLOW_ORIGINAL], &ret_row->original);
	flow_side_get_tuple(&s[FLOW_REPLY], &ret_row->reply);
	memcpy(ret_row->rule, rule, strlen(rule)); /* a config name: NUL stays behind it */
}
