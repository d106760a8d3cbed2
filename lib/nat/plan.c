/* SPDX-License-Identifier: BSD-3-Clause */
/* What the rules say about a first packet: where it goes, and from which pool it comes. Workers. */
#include <string.h>

#include "fib/mix.h"
#include "nat/session_priv.h"

#define BGP_PORT RTE_BE16(179)

/* --- destinations --- */

static bool is_prefix(const struct nat_rule *rule)
{
	const struct ip_prefix *d = &rule->destination.list[0];

	return d->len < ip_family_bits(d->addr.family);
}

/* The address at the same place of another prefix of that length. */
static struct ip_addr move_prefix(const struct ip_prefix *from, const struct ip_addr *to,
	const struct ip_addr *a)
{
	struct ip_addr moved = *to;

	for (unsigned int i = from->len / 8; i < ip_family_bits(to->family) / 8; i++) {
		uint8_t host = i == from->len / 8u ? 0xff >> from->len % 8 : 0xff;

		moved.bytes[i] = (to->bytes[i] & ~host) | (a->bytes[i] & host);
	}
	return moved;
}

static rte_be16_t backend_port(const struct nat_rule *rule, const struct nat_backend *b,
	rte_be16_t dport)
{
	if (rule->port_first == 0 || b->port == 0)
		return dport;
	return rte_cpu_to_be_16((uint16_t)(rte_be_to_cpu_16(dport) - rule->port_first + b->port));
}

/* The same on every worker and every NVA with these backends, so that a client whose packets come to
 * another stays with its server. */
static unsigned int backend_bucket(const struct nat_rule *rule, const struct flow_tuple *t)
{
	uint64_t s[2], h;

	memcpy(s, t->src.bytes, sizeof(s));
	h = mix64(s[0] ^ mix64(s[1] + 1));
	if (!rule->by_source) {
		uint64_t d[2];

		memcpy(d, t->dst.bytes, sizeof(d));
		h = mix64(h ^ ((uint64_t)t->proto << 32 | (uint32_t)t->sport << 16 | t->dport));
		h = mix64(h ^ d[0] ^ mix64(d[1] + 1));
	}
	return h % NAT_BACKEND_BUCKETS;
}

void nat_plan_backend(const struct nat_rule *rule, const struct flow_tuple *tuple,
	struct flow_tuple *ret_out)
{
	const struct nat_backend *b = &rule->backends[0];

	if (is_prefix(rule)) {
		ret_out->dst = move_prefix(&rule->destination.list[0], &b->addr, &tuple->dst);
		return;
	}
	if (rule->n_backends > 1)
		b = &rule->backends[rule->buckets[backend_bucket(rule, tuple)]];
	ret_out->dst = b->addr;
	ret_out->dport = backend_port(rule, b, tuple->dport);
}

bool nat_plan_is_backend(const struct nat_rule *rule, const struct flow_tuple *tuple,
	const struct ip_addr *addr, rte_be16_t port)
{
	struct flow_tuple out = *tuple;

	if (is_prefix(rule)) {
		nat_plan_backend(rule, tuple, &out);
		return ip_addr_equal(&out.dst, addr) && out.dport == port;
	}
	for (unsigned int i = 0; i < rule->n_backends; i++)
		if (ip_addr_equal(&rule->backends[i].addr, addr) &&
			backend_port(rule, &rule->backends[i], tuple->dport) == port)
			return true;
	return false;
}

/* --- where it leaves --- */

static const struct nh *next_hop(const struct nat_worker *w, const struct ip_addr *addr)
{
	const struct nh *nh = &w->nh->nh[fib_lookup(w->fib, addr)];

	/* Members of a group lead to one place; any of them says by which port. */
	return nh->kind == NH_ECMP ? &w->nh->nh[w->nh->buckets[nh->group][0]] : nh;
}

uint8_t nat_plan_nh_kind(const struct nat_worker *w, const struct ip_addr *addr)
{
	return next_hop(w, addr)->kind;
}

bool nat_plan_is_bgp(const struct nat_worker *w, const struct flow_tuple *t)
{
	return t->proto == IPPROTO_TCP && (t->sport == BGP_PORT || t->dport == BGP_PORT) &&
		nat_plan_nh_kind(w, &t->dst) == NH_LOCAL;
}

static bool leaves_by(const struct nat_worker *w, const struct ip_addr *addr, uint16_t port)
{
	const struct nh *nh = next_hop(w, addr);

	return (nh->kind == NH_FORWARD || nh->kind == NH_PENDING || nh->kind == NH_GLEAN) &&
		nh->port == port;
}

/* --- all of it --- */

void nat_plan_binding(struct nat_worker *w, const struct flow_tuple *tuple, struct nat_plan *p)
{
	const struct flow_side *inside;

	if (!p->ours || !nat_has_ports(tuple->proto) || nat_plan_is_bgp(w, tuple))
		return;
	p->binding = nat_binding_find(w, tuple);
	if (p->binding == FLOW_NONE)
		return;
	p->ours = false;
	inside = &w->flows->records[p->binding].side[FLOW_ORIGINAL];
	p->out.dst = inside->family == IP_V4 ? ip_addr_v4(inside->v4.src) : ip_addr_v6(inside->v6.src);
	p->out.dport = inside->sport;
	if (tuple->proto == IPPROTO_ICMP || tuple->proto == IPPROTO_ICMPV6) {
		/* A message has one identifier: the inside's, whoever sends. */
		p->out.sport = inside->sport;
		p->keep_id = true;
	}
}

void nat_plan(const struct nat_worker *w, uint16_t ingress, const struct flow_tuple *tuple,
	struct nat_plan *ret_plan)
{
	const struct nat_ruleset *r = w->rules;
	struct nat_plan *p = ret_plan;

	*p = (struct nat_plan){.pool = NAT_POOL_NONE, .binding = FLOW_NONE, .out = *tuple};
	p->dnat = nat_match_dnat(r, ingress, tuple);
	p->snat = nat_match_snat(r, ingress, tuple);
	if (p->dnat != NAT_RULE_NONE) {
		const struct nat_rule *rule = &r->rules[p->dnat];

		nat_plan_backend(rule, tuple, &p->out);
		if (rule->pool != NAT_POOL_NONE &&
			(!rule->snat_hairpin_only || leaves_by(w, &p->out.dst, ingress))) {
			p->snat = NAT_RULE_NONE;
			p->pool = rule->pool;
			return;
		}
	} else {
		p->ours = nat_is_address(r, &tuple->dst);
	}
	if (p->snat != NAT_RULE_NONE)
		p->pool = r->rules[p->snat].pool;
}

static void prefetch_route(const struct nat_worker *w, const struct ip_addr *a)
{
	rte_be64_t hi;

	if (a->family == IP_V4) {
		fib_prefetch_v4(w->fib, rte_be_to_cpu_32(ip_addr_be32(a)));
		return;
	}
	memcpy(&hi, a->bytes, sizeof(hi));
	fib_prefetch_v6(w->fib, rte_be_to_cpu_64(hi));
}

/* The answers' tuple, where it can be told without a binding. Else what will be asked for first is on
 * its way. */
static bool guess_reply(struct nat_worker *w, const struct flow_tuple *tuple, struct nat_plan *p)
{
	const struct nat_pool *pool = p->pool != NAT_POOL_NONE ? &w->rules->pools[p->pool] : NULL;
	struct flow_tuple key;

	if (!p->ours && !nat_plan_binds(w, p, tuple->proto)) {
		p->reply = flow_tuple_swapped(&p->out);
		return pool == NULL ||
			nat_alloc_guess(w, pool, nat_plan_selection(w, p), tuple, &p->reply);
	}
	key = p->ours ? nat_binding_outside(tuple) : nat_binding_inside(pool, tuple);
	flow_prefetch(w->flows, flow_hash(w->flows, &key));
	return false;
}

void nat_session_prepare(struct nat_worker *w, const struct flow_tuple *tuples, const uint16_t *ingress,
	struct nat_plan *ret_plans, unsigned int n)
{
	bool v4 = tuples[0].src.family == IP_V4;
	struct flow_key4 key4[NAT_PREPARE_MAX];
	struct flow_key6 key6[NAT_PREPARE_MAX];
	uint32_t hash[NAT_PREPARE_MAX], ref[NAT_PREPARE_MAX];
	uint8_t who[NAT_PREPARE_MAX];
	unsigned int asked = 0;

	for (unsigned int i = 0; i < n; i++) {
		struct nat_plan *p = &ret_plans[i];

		nat_plan(w, ingress[i], &tuples[i], p);
		prefetch_route(w, &p->out.dst);
		if (!guess_reply(w, &tuples[i], p))
			continue;
		if (v4)
			key4[asked] = flow_key4_of_tuple(&p->reply);
		else
			key6[asked] = flow_key6_of_tuple(&p->reply);
		who[asked++] = (uint8_t)i;
	}
	if (asked == 0)
		return;
	if (v4)
		flow_find4_burst(w->flows, key4, hash, ref, asked);
	else
		flow_find6_burst(w->flows, key6, hash, ref, asked);
	for (unsigned int k = 0; k < asked; k++) {
		ret_plans[who[k]].reply_hash = hash[k];
		ret_plans[who[k]].reply_free = ref[k] == FLOW_NONE;
	}
}

enum config_nat_ports nat_plan_selection(const struct nat_worker *w, const struct nat_plan *p)
{
	return p->snat != NAT_RULE_NONE ? w->rules->rules[p->snat].selection : CONFIG_NAT_PORTS_PRESERVE;
}

uint16_t nat_plan_rule(const struct nat_worker *w, const struct nat_plan *p, uint8_t *ret_flags,
	bool *ret_two)
{
	bool pool = p->pool != NAT_POOL_NONE;

	*ret_two = (p->dnat != NAT_RULE_NONE || p->binding != FLOW_NONE) && p->snat != NAT_RULE_NONE &&
		pool;
	*ret_flags = 0;
	if (p->dnat != NAT_RULE_NONE) {
		if (pool && !*ret_two)
			*ret_flags = NAT_COLD_POOL |
				(w->rules->rules[p->dnat].snat_hairpin_only ? NAT_COLD_HAIRPIN : 0);
		return p->dnat;
	}
	if (p->binding != FLOW_NONE) {
		*ret_flags = NAT_COLD_POOL;
		return w->flows->cold[p->binding].rule;
	}
	if (pool)
		*ret_flags = NAT_COLD_POOL;
	return p->snat;
}

bool nat_plan_binds(const struct nat_worker *w, const struct nat_plan *p, uint8_t proto)
{
	return p->snat != NAT_RULE_NONE && p->pool != NAT_POOL_NONE && nat_has_ports(proto) &&
		!p->keep_id && w->rules->rules[p->snat].mapping == CONFIG_NAT_ENDPOINT_INDEPENDENT;
}
