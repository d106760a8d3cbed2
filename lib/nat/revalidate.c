/* SPDX-License-Identifier: BSD-3-Clause */
/* Records under new rules: whether these would have made them the same way. Workers. */
#include "nat/rules_priv.h"
#include "nat/session_priv.h"

/* A session as it stands. */
struct standing {
	struct nat_worker *w;
	uint32_t record;
	struct flow_tuple original, reply;
	bool icmp;
	uint32_t joint;		      /* or FLOW_NONE */
	uint32_t source, destination; /* bindings that its ends use, or FLOW_NONE */
};

/* The binding up a chain of parents, or FLOW_NONE. */
static uint32_t binding_above(const struct nat_worker *w, uint32_t parent)
{
	for (; parent != FLOW_NONE; parent = w->flows->cold[parent].parent)
		if (w->flows->cold[parent].kind == FLOW_BINDING)
			break;
	return parent;
}

static bool is_external(const struct nat_worker *w, uint32_t binding, const struct flow_tuple *t)
{
	struct flow_tuple outside;

	flow_side_get_tuple(&w->flows->records[binding].side[FLOW_REPLY], &outside);
	return outside.dport == t->dport && ip_addr_equal(&outside.dst, &t->dst);
}

static struct standing standing_of(struct nat_worker *w, uint32_t record)
{
	const struct flow_record *r = &w->flows->records[record];
	uint32_t parent = w->flows->cold[record].parent, binding;
	struct standing s = {.w = w, .record = record, .joint = FLOW_NONE, .source = FLOW_NONE,
		.destination = FLOW_NONE};

	flow_side_get_tuple(&r->side[FLOW_ORIGINAL], &s.original);
	flow_side_get_tuple(&r->side[FLOW_REPLY], &s.reply);
	s.icmp = s.original.proto == IPPROTO_ICMP || s.original.proto == IPPROTO_ICMPV6;
	if (parent == FLOW_NONE)
		return s;
	if (w->flows->cold[parent].flags & NAT_COLD_JOINT) {
		s.joint = parent;
		s.source = binding_above(w, w->flows->cold[parent].parent);
		s.destination = binding_above(w, *nat_joint_other(w->flows, parent));
		return s;
	}
	binding = binding_above(w, parent);
	if (binding != FLOW_NONE && is_external(w, binding, &s.original))
		s.destination = binding;
	else
		s.source = binding;
	return s;
}

/* --- what the new rules say --- */

static bool destination_stays(const struct standing *s, const struct nat_plan *p)
{
	const struct nat_ruleset *r = s->w->rules;
	/* The identifier of a query is the business of its source. */
	rte_be16_t port = s->icmp ? s->original.dport : s->reply.sport;

	if (p->dnat != NAT_RULE_NONE)
		return s->destination == FLOW_NONE &&
			nat_plan_is_backend(&r->rules[p->dnat], &s->original, &s->reply.src, port);
	if (p->binding != s->destination || p->ours)
		return false;
	return p->binding != FLOW_NONE ||
		(port == s->original.dport && ip_addr_equal(&s->reply.src, &s->original.dst));
}

/* Whether a pool may have handed out the external endpoint. */
static bool pool_has(const struct nat_ruleset *r, const struct nat_pool *pool,
	const struct flow_tuple *reply)
{
	uint16_t port = rte_be_to_cpu_16(reply->dport);

	if (nat_has_ports(reply->proto) && (port < pool->port_first || port > pool->port_last))
		return false;
	if (nat_is_dnat_endpoint(r, &reply->dst, reply->proto, reply->dport))
		return false;
	for (unsigned int i = 0; i < pool->n_addresses; i++)
		if (ip_addr_equal(&pool->addresses[i], &reply->dst))
			return true;
	return false;
}

static bool binding_is_of(const struct nat_worker *w, uint32_t binding, const struct nat_pool *pool)
{
	return !(w->flows->cold[binding].flags & NAT_COLD_DEAD) &&
		w->flows->records[binding].side[FLOW_ORIGINAL].dport == nat_pool_tag(pool);
}

static bool source_stays(const struct standing *s, const struct nat_plan *p)
{
	const struct nat_ruleset *r = s->w->rules;
	bool binds;

	if (p->pool == NAT_POOL_NONE)
		return s->source == FLOW_NONE && ip_addr_equal(&s->reply.dst, &s->original.src) &&
			(s->icmp || s->reply.dport == s->original.sport);
	binds = nat_plan_binds(s->w, p, s->original.proto);
	if (binds != (s->source != FLOW_NONE))
		return false;
	return pool_has(r, &r->pools[p->pool], &s->reply) &&
		(!binds || binding_is_of(s->w, s->source, &r->pools[p->pool]));
}

static bool stays_from(struct standing *s, uint16_t ingress, struct nat_plan *ret_plan)
{
	struct nat_worker *w = s->w;
	uint8_t flags;
	bool two;

	nat_plan(w, ingress, &s->original, ret_plan);
	nat_plan_binding(w, &s->original, ret_plan);
	nat_plan_rule(w, ret_plan, &flags, &two);
	if (two != (s->joint != FLOW_NONE) || !destination_stays(s, ret_plan) ||
		!source_stays(s, ret_plan))
		return false;
	return ret_plan->dnat != NAT_RULE_NONE || ret_plan->binding != FLOW_NONE ||
		ret_plan->pool != NAT_POOL_NONE || (w->rules->stateful_ports & 1u << ingress) != 0;
}

static bool session_stays(struct nat_worker *w, uint32_t record)
{
	uint16_t ingress = w->flows->cold[record].flags >> NAT_COLD_INGRESS_SHIFT, rule;
	struct standing s = standing_of(w, record);
	struct nat_plan plan;
	uint8_t flags;
	bool two;

	/* New rules may give the flow to another worker, which knows nothing of it. */
	if (w->workers > 1 && (nat_owner(w->rules, &s.original) != w->index ||
				      nat_owner(w->rules, &s.reply) != w->index))
		return false;
	if (!stays_from(&s, ingress, &plan))
		return false;
	rule = nat_plan_rule(w, &plan, &flags, &two);
	nat_use_end(w, record);
	nat_use_begin(w, record, rule, (uint8_t)(flags | ingress << NAT_COLD_INGRESS_SHIFT), false);
	if (two) {
		nat_use_end(w, s.joint);
		nat_use_begin(w, s.joint, plan.snat, NAT_COLD_JOINT | NAT_COLD_POOL, false);
	}
	/* Idle times may have changed too. */
	flow_timer_arm(w->flows, record,
		flow_deadline_ms(&w->rules->timeouts, &w->flows->records[record]));
	return true;
}

/* --- bindings --- */

static bool contains(const struct nat_prefixes *p, const struct ip_addr *a)
{
	for (unsigned int i = 0; i < p->n; i++)
		if (ip_prefix_contains(&p->list[i], a))
			return true;
	return p->n == 0;
}

/* A binding is for every destination, and several rules may use it: any will do that has its inside and
 * its pool. So no session that stays loses its binding. */
static bool binding_stays(struct nat_worker *w, uint32_t record)
{
	const struct nat_ruleset *r = w->rules;
	struct flow_cold *c = &w->flows->cold[record];
	struct flow_tuple inside, outside;

	flow_side_get_tuple(&w->flows->records[record].side[FLOW_ORIGINAL], &inside);
	flow_side_get_tuple(&w->flows->records[record].side[FLOW_REPLY], &outside);
	for (unsigned int i = 0; i < r->n_snat; i++) {
		const struct nat_rule *rule = &r->rules[i];

		if (rule->exempt || rule->mapping != CONFIG_NAT_ENDPOINT_INDEPENDENT ||
			!(rule->protos & nat_proto_bit(inside.proto)) ||
			!contains(&rule->source, &inside.src) ||
			!binding_is_of(w, record, &r->pools[rule->pool]) ||
			!pool_has(r, &r->pools[rule->pool], &outside))
			continue;
		nat_use_end(w, record);
		nat_use_begin(w, record, (uint16_t)i,
			NAT_COLD_POOL | (c->flags & NAT_COLD_HELD), false);
		return true;
	}
	return false;
}

bool nat_session_revalidate(struct nat_worker *w, uint32_t record, const struct nat_ruleset *old)
{
	const struct flow_cold *c = &w->flows->cold[record];

	(void)old; /* nat_use_end() finds it */
	if (c->kind == FLOW_SESSION)
		return session_stays(w, record);
	if (c->kind == FLOW_BINDING && !(c->flags & NAT_COLD_DEAD))
		return binding_stays(w, record);
	/* These do not depend on the rules, but on what they serve. */
	nat_use_end(w, record);
	nat_use_begin(w, record, NAT_RULE_NONE, c->flags, false);
	return true;
}
