/* SPDX-License-Identifier: BSD-3-Clause */
/* The first packet of a flow and the session that it opens; and sessions'
 * end. Workers. After the lookup that found nothing (burst.c), before the rewrite. */
#include "nat/session_priv.h"
#include "packet/icmp.h"

/* A session in the making. */
struct making {
	struct nat_worker *w;
	const struct flow_tuple *tuple;
	struct nat_plan *plan;
	struct flow_tuple reply;
	uint32_t reply_hash;
	uint32_t source, destination; /* parents by which end is translated, or FLOW_NONE */
};

/* What cannot be served is told so, where policy allows it (RFC 5508 REQ-8, REQ-9; RFC 6888 REQ-4). */
static struct nat_verdict refuse(const struct nat_worker *w, const struct flow_tuple *tuple,
	uint8_t reason)
{
	bool v4 = tuple->src.family == IP_V4;
	struct nat_verdict v = nat_verdict_drop(reason);

	if (w->rules->suppress_icmp || (reason != DROP_NAT_NO_PORT && reason != DROP_NAT_LIMIT &&
			reason != DROP_NAT_RATE))
		return v;
	v.next = FLOW_NEXT_ICMP;
	v.icmp_type = v4 ? ICMP4_UNREACHABLE : ICMP6_UNREACHABLE;
	if (reason == DROP_NAT_NO_PORT)
		v.icmp_code = v4 ? ICMP4_HOST : ICMP6_ADDRESS;
	else
		v.icmp_code = v4 ? ICMP4_PROHIBITED : ICMP6_PROHIBITED;
	return v;
}

/* --- its parents and its reply's tuple --- */

/* What was free when it was looked up is free, unless a session of this burst has taken it since. */
static bool is_fresh(const struct nat_worker *w, uint32_t hash)
{
	return (w->fresh[hash / 64 % RTE_DIM(w->fresh)] >> hash % 64 & 1) != 0;
}

static void set_fresh(struct nat_worker *w, uint32_t hash)
{
	w->fresh[hash / 64 % RTE_DIM(w->fresh)] |= 1ULL << hash % 64;
}

static bool is_icmp(uint8_t proto)
{
	return proto == IPPROTO_ICMP || proto == IPPROTO_ICMPV6;
}

/* The remote end's leave to use the binding (RFC 4787 5). */
static uint8_t enter_binding(struct making *k)
{
	uint32_t binding = k->plan->binding;

	switch (nat_binding_filtering(k->w, binding)) {
	case CONFIG_NAT_FILTER_ENDPOINT_INDEPENDENT:
		k->destination = binding;
		break;
	case CONFIG_NAT_FILTER_ADDRESS:
		k->destination = nat_peer_get(k->w, binding, &k->tuple->src, false);
		break;
	case CONFIG_NAT_FILTER_ADDRESS_PORT: /* its sessions are all there is */
		break;
	}
	if (k->destination == FLOW_NONE)
		return DROP_NAT_FILTERED;
	return nat_binding_has_room(k->w, binding) ? DROP_NONE : DROP_NAT_LIMIT;
}

/* Whether the plan's reply is what comes out, and nobody's. */
static bool take_planned(struct making *k)
{
	const struct nat_plan *p = k->plan;

	if (!p->reply_free || p->binding != FLOW_NONE || is_fresh(k->w, p->reply_hash))
		return false;
	k->reply = p->reply;
	k->reply_hash = p->reply_hash;
	return true;
}

/* The reply's tuple is given: nobody may have it yet, nor may it be the original's own. */
static uint8_t take_reply(struct making *k)
{
	if (flow_find(k->w->flows, &k->reply) != FLOW_NONE)
		return DROP_NAT_NO_PORT;
	k->reply_hash = flow_hash(k->w->flows, &k->reply);
	return DROP_NONE;
}

static uint8_t leave_by_binding(struct making *k, uint32_t host)
{
	const struct nat_rule *rule = &k->w->rules->rules[k->plan->snat];
	const struct flow_side *outside;
	uint32_t binding;
	uint8_t reason = nat_binding_get(k->w, k->plan->snat, k->tuple, host, &binding);

	if (reason != DROP_NONE)
		return reason;
	k->source = binding;
	if (rule->filtering == CONFIG_NAT_FILTER_ADDRESS)
		k->source = nat_peer_get(k->w, binding, &k->plan->out.dst, true);
	if (k->source == FLOW_NONE)
		return DROP_FLOW_FULL;
	outside = &k->w->flows->records[binding].side[FLOW_REPLY];
	k->reply.dst = outside->family == IP_V4 ? ip_addr_v4(outside->v4.dst)
						: ip_addr_v6(outside->v6.dst);
	k->reply.dport = outside->dport;
	if (is_icmp(k->reply.proto))
		k->reply.sport = outside->dport;
	return take_reply(k);
}

/* A hairpinned echo keeps the identifier that its receiver knows (RFC 5508 REQ-7). */
static uint8_t leave_with_id(struct making *k, const struct nat_pool *pool)
{
	uint16_t id = rte_be_to_cpu_16(k->plan->out.sport);

	if (nat_port_owner(id, k->w->workers) != k->w->index)
		return DROP_NAT_NO_PORT; /* the answer would come to another worker */
	k->reply.dst = *nat_pool_address(pool, &k->tuple->src);
	return take_reply(k);
}

static uint8_t leave(struct making *k)
{
	const struct nat_ruleset *r = k->w->rules;
	const struct nat_plan *p = k->plan;
	const struct nat_pool *pool;

	k->reply = flow_tuple_swapped(&p->out);
	if (p->pool == NAT_POOL_NONE)
		return take_planned(k) ? DROP_NONE : take_reply(k);
	pool = &r->pools[p->pool];
	if (p->snat != NAT_RULE_NONE) {
		uint8_t reason = nat_host_get(k->w, p->snat, k->tuple, &k->source);

		if (reason != DROP_NONE)
			return reason;
		if (nat_plan_binds(k->w, p, k->tuple->proto))
			return leave_by_binding(k, k->source);
	}
	if (p->keep_id)
		return leave_with_id(k, pool);
	if (!take_planned(k) && nat_alloc_endpoint(k->w, pool, nat_plan_selection(k->w, p), k->tuple,
					&k->reply, &k->reply_hash) < 0)
		return DROP_NAT_NO_PORT;
	return DROP_NONE;
}

/* Counts what was refused where the operator looks for it. */
static void count_refused(const struct making *k, uint8_t reason)
{
	const struct nat_plan *p = k->plan;
	struct nat_worker *w = k->w;

	if (reason != DROP_NAT_NO_PORT)
		return;
	if (p->snat != NAT_RULE_NONE || p->dnat != NAT_RULE_NONE)
		nat_use_rule(w, w->rules, p->snat != NAT_RULE_NONE ? p->snat : p->dnat)->exhausted++;
	if (p->pool != NAT_POOL_NONE)
		nat_use_pool(w, w->rules, p->pool)->exhausted++;
}

/* --- the session --- */

static void fill(const struct making *k, uint32_t rec, uint8_t tcp_flags)
{
	const struct nat_worker *w = k->w;
	struct flow_record *r = &w->flows->records[rec];
	uint8_t state = flow_state_first(k->tuple->proto, tcp_flags);

	flow_side_set_tuple(&r->side[FLOW_ORIGINAL], k->tuple);
	flow_side_set_tuple(&r->side[FLOW_REPLY], &k->reply);
	nat_rewrite_prepare(r);
	for (unsigned int i = 0; i < 2; i++) {
		r->side[i].seen_ms = w->now_ms;
		r->side[i].state = state;
		r->side[i].fib_generation = fib_generation(w->fib) - 1; /* nh is not known */
		if (k->tuple->proto == IPPROTO_TCP)
			r->side[i].flags |= FLOW_F_TRACKED;
	}
	/* RFC 4787 REQ-6: packets from outside need not keep what the inside does not use. */
	if (!w->rules->inbound_refreshes) {
		if (k->plan->binding != FLOW_NONE)
			r->side[FLOW_ORIGINAL].flags |= FLOW_F_NO_REFRESH;
		else if (k->plan->snat != NAT_RULE_NONE && k->plan->pool != NAT_POOL_NONE)
			r->side[FLOW_REPLY].flags |= FLOW_F_NO_REFRESH;
	}
}

/* Parents that were made for this session alone; the others have timers. */
static void give_up(struct making *k, uint32_t joint)
{
	struct nat_worker *w = k->w;

	if (joint != FLOW_NONE)
		nat_parent_end(w, joint); /* a new peer goes with it */
	else if (k->source != FLOW_NONE && nat_is_peer(&w->flows->cold[k->source]) &&
		*nat_parent_refs(w->flows, k->source) == 0)
		nat_parent_end(w, k->source);
}

static uint8_t make_session(struct making *k, uint32_t rec, uint16_t ingress, const struct flow_l4 *l4,
	uint32_t hash)
{
	struct nat_worker *w = k->w;
	uint32_t parent, joint = FLOW_NONE;
	uint16_t rule;
	uint8_t flags, reason = DROP_NONE;
	bool two;

	if (k->plan->binding != FLOW_NONE)
		reason = enter_binding(k);
	if (reason == DROP_NONE)
		reason = leave(k);
	if (reason == DROP_NONE && k->plan->pool != NAT_POOL_NONE && nat_plan_is_bgp(w, &k->reply))
		reason = DROP_NAT_NO_PORT;
	/* Its own answer: hairpin to oneself. */
	if (reason == DROP_NONE && memcmp(&k->reply, k->tuple, sizeof(k->reply)) == 0)
		reason = DROP_FLOW_LOOP;
	if (reason != DROP_NONE)
		goto fail;
	reason = DROP_FLOW_FULL;
	rule = nat_plan_rule(w, k->plan, &flags, &two);
	parent = k->destination != FLOW_NONE ? k->destination : k->source;
	if (two) {
		parent = joint = nat_joint_new(w, k->plan->snat, k->source, k->destination);
		if (joint == FLOW_NONE)
			goto fail;
	}
	fill(k, rec, l4->tcp_flags);
	if (flow_insert(w->flows, rec, hash, k->reply_hash) < 0)
		goto fail;
	nat_use_begin(w, rec, rule, (uint8_t)(flags | ingress << NAT_COLD_INGRESS_SHIFT), true);
	w->flows->cold[rec].parent = parent;
	nat_parent_join(w, parent);
	flow_timer_arm(w->flows, rec, flow_deadline_ms(&w->rules->timeouts, &w->flows->records[rec]));
	set_fresh(w, hash);
	set_fresh(w, k->reply_hash);
	w->counters.created++;
	return DROP_NONE;
fail:
	give_up(k, joint);
	count_refused(k, reason);
	return reason;
}

struct nat_verdict nat_session_new(struct nat_worker *w, struct rte_mbuf *m,
	const struct flow_tuple *tuple, const struct flow_l4 *l4, uint32_t hash, struct nat_plan *plan)
{
	struct making k = {.w = w, .tuple = tuple, .plan = plan, .source = FLOW_NONE,
		.destination = FLOW_NONE};
	uint32_t ref = FLOW_NONE, rec;
	struct nat_plan here;
	struct nat_verdict v;
	uint8_t reason;

	if (plan == NULL || is_fresh(w, hash))
		ref = flow_find(w->flows, tuple);
	if (ref != FLOW_NONE)
		return (struct nat_verdict){.next = FLOW_NEXT_REWRITE, .ref = ref};
	if (plan == NULL) {
		k.plan = &here;
		nat_session_prepare(w, tuple, &m->port, &here, 1);
	}
	nat_plan_binding(w, tuple, k.plan);
	v = nat_admit(w, m, tuple, l4, k.plan);
	if (v.next != FLOW_NEXT_REWRITE)
		return v;
	/* First of all the record: a full table must cost no search for ports. */
	rec = flow_alloc(w->flows, FLOW_SESSION);
	if (rec == FLOW_NONE)
		return nat_verdict_drop(DROP_FLOW_FULL);
	reason = make_session(&k, rec, m->port, l4, hash);
	if (reason == DROP_NONE) {
		v.ref = flow_ref(rec, FLOW_ORIGINAL);
		return v;
	}
	flow_remove(w->flows, rec);
	if (reason == DROP_NAT_FILTERED)
		return nat_unsolicited(w, m, tuple, l4, reason);
	return refuse(w, tuple, reason);
}

/* --- the end --- */

void nat_session_end(struct nat_worker *w, uint32_t record)
{
	const struct flow_cold *c = &w->flows->cold[record];
	const struct flow_side *s = w->flows->records[record].side;
	uint32_t parent = c->parent, seen_ms;

	if (c->kind != FLOW_SESSION) {
		nat_parent_end(w, record);
		return;
	}
	seen_ms = (int32_t)(s[1].seen_ms - s[0].seen_ms) > 0 ? s[1].seen_ms : s[0].seen_ms;
	if (unlikely((int32_t)(w->exhausted_until_ms - w->now_ms) > 0)) {
		struct flow_tuple t;

		/* Either side's tuple may be what somebody wants as a reply's. */
		for (unsigned int dir = 0; dir < 2; dir++) {
			flow_side_get_tuple(&s[dir], &t);
			nat_alloc_freed(w, &t);
		}
	}
	nat_use_end(w, record);
	flow_remove(w->flows, record);
	if (parent != FLOW_NONE)
		nat_parent_leave(w, parent, seen_ms);
}

void nat_session_due(struct nat_worker *w, uint32_t record)
{
	uint8_t kind = w->flows->cold[record].kind;
	uint32_t deadline_ms;

	/* A binding may have gone with its last session, which was due in the same batch. */
	if (kind == FLOW_FREE)
		return;
	if (kind != FLOW_SESSION) {
		nat_parent_due(w, record);
		return;
	}
	flow_keep_close(&w->flows->records[record]);
	deadline_ms = flow_deadline_ms(&w->rules->timeouts, &w->flows->records[record]);
	if ((int32_t)(deadline_ms - w->now_ms) > 0) {
		flow_timer_arm(w->flows, record, deadline_ms);
		return;
	}
	nat_session_end(w, record);
	w->counters.expired++;
}
