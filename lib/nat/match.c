/* SPDX-License-Identifier: BSD-3-Clause */
/* Which rule the first packet of a flow falls under. Workers; pure functions of the rules. */
#include "rules_priv.h"

static inline bool cond_holds(const struct nat_cond *c, uint32_t port_bit, uint8_t proto_bit,
	const struct flow_tuple *t)
{
	return (c->ports & port_bit) != 0 && (c->protos & proto_bit) != 0 &&
		(c->families & 1u << t->src.family) != 0 &&
		(c->source.any || nat_nets_contain(&c->source, &t->src)) &&
		(c->destination.any || nat_nets_contain(&c->destination, &t->dst));
}

static inline uint32_t port_bit(uint16_t ingress)
{
	return ingress < NAT_PORTS_MAX ? 1u << ingress : 0;
}

uint16_t nat_match_snat(const struct nat_ruleset *r, uint16_t ingress, const struct flow_tuple *t)
{
	const struct nat_cond *c = r->matcher->cond;
	uint8_t proto_bit = nat_proto_bit(t->proto);
	uint32_t port = port_bit(ingress);

	for (unsigned int i = 0; i < r->n_snat; i++)
		if (cond_holds(&c[i], port, proto_bit, t))
			return (uint16_t)i;
	return NAT_RULE_NONE;
}

uint16_t nat_match_dnat(const struct nat_ruleset *r, uint16_t ingress, const struct flow_tuple *t)
{
	const struct nat_address *a = nat_address_find(r->addresses, &t->dst);
	const struct nat_endpoint *e;
	uint16_t dport = rte_be_to_cpu_16(t->dport);
	uint8_t proto_bit = nat_proto_bit(t->proto);
	uint32_t port = port_bit(ingress);

	if (a == NULL || !a->before)
		return NAT_RULE_NONE;
	e = &r->addresses->endpoints[a->first];
	for (uint32_t i = 0; i < a->n; i++)
		if (e[i].before && dport >= e[i].first && dport <= e[i].last &&
			cond_holds(&r->matcher->cond[e[i].rule], port, proto_bit, t))
			return e[i].rule;
	return NAT_RULE_NONE;
}

bool nat_is_pool_address(const struct nat_ruleset *r, const struct ip_addr *a)
{
	const struct nat_address *found = nat_address_find(r->addresses, a);

	return found != NULL && found->pool;
}

bool nat_is_address(const struct nat_ruleset *r, const struct ip_addr *a)
{
	const struct nat_address *found = nat_address_find(r->addresses, a);

	return found != NULL && (found->pool || found->before);
}

bool nat_is_dnat_endpoint(const struct nat_ruleset *r, const struct ip_addr *a, uint8_t proto,
	rte_be16_t port)
{
	const struct nat_address *found = nat_address_find(r->addresses, a);
	uint16_t host_port = rte_be_to_cpu_16(port);
	uint8_t proto_bit = nat_proto_bit(proto);
	const struct nat_endpoint *e;

	if (found == NULL || !found->before)
		return false;
	e = &r->addresses->endpoints[found->first];
	for (uint32_t i = 0; i < found->n; i++)
		if (e[i].before && (e[i].protos & proto_bit) != 0 && host_port >= e[i].first &&
			host_port <= e[i].last)
			return true;
	return false;
}

void nat_ruleset_addresses(const struct nat_ruleset *r, nat_address_fn fn, void *arg)
{
	for (uint64_t i = 0; i <= r->addresses->mask; i++) {
		const struct nat_address *a = &r->addresses->slots[i];

		if (a->addr.family != IP_NONE && (a->pool || a->before))
			fn(arg, &a->addr);
	}
}
