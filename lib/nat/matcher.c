/* SPDX-License-Identifier: BSD-3-Clause */
/* The conditions of the rules, packed for match.c and owner.c: prefixes as values and masks, of each family
 * by itself. Built by the control thread. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rules_priv.h"

static struct nat_net6 net6_of(const struct ip_prefix *p)
{
	uint8_t mask[16] = {0};
	struct nat_net6 n;

	for (unsigned int i = 0; i < p->len; i++)
		mask[i / 8] |= (uint8_t)(0x80 >> i % 8);
	memcpy(n.mask, mask, sizeof(mask));
	memcpy(n.value, p->addr.bytes, sizeof(n.value));
	return n;
}

static struct nat_nets pack(struct nat_matcher *m, const struct nat_prefixes *p)
{
	struct nat_nets nets = {.v4 = m->net4 + m->n_net4, .v6 = m->net6 + m->n_net6, .any = p->n == 0};

	for (unsigned int i = 0; i < p->n; i++) {
		struct nat_net6 n = net6_of(&p->list[i]);

		if (p->list[i].addr.family == IP_V6)
			nets.v6[nets.n6++] = n;
		else
			nets.v4[nets.n4++] = (struct nat_net4){
				.value = ip_addr_be32(&p->list[i].addr), .mask = (uint32_t)n.mask[0]};
	}
	m->n_net4 += nets.n4;
	m->n_net6 += nets.n6;
	return nets;
}

/* A pool of IPv4 addresses translates nothing of IPv6, whatever the rule's prefixes. */
static uint8_t families(const struct nat_ruleset *r, const struct nat_rule *rule)
{
	if (rule->dnat)
		return (uint8_t)(1u << rule->destination.list[0].addr.family);
	if (!rule->exempt)
		return (uint8_t)(1u << r->pools[rule->pool].addresses[0].family);
	return 1u << IP_V4 | 1u << IP_V6;
}

int nat_matcher_build(struct nat_ruleset *r)
{
	struct nat_matcher *m = calloc(1, sizeof(*m));
	struct nat_prefixes inside = {0};
	size_t n = 0;

	r->matcher = m;
	for (unsigned int i = 0; i < r->n_rules; i++)
		n += 2 * r->rules[i].source.n + r->rules[i].destination.n;
	if (m == NULL)
		return -ENOMEM;
	m->cond = calloc(r->n_rules + 1, sizeof(*m->cond));
	m->net4 = calloc(n + 1, sizeof(*m->net4));
	m->net6 = calloc(n + 1, sizeof(*m->net6));
	inside.list = calloc(n + 1, sizeof(*inside.list));
	if (m->cond == NULL || m->net4 == NULL || m->net6 == NULL || inside.list == NULL) {
		free(inside.list);
		return -ENOMEM;
	}
	for (unsigned int i = 0; i < r->n_rules; i++) {
		const struct nat_rule *rule = &r->rules[i];

		m->cond[i] = (struct nat_cond){
			.ports = rule->ports,
			.rule = (uint16_t)i,
			.protos = rule->protos,
			.families = families(r, rule),
			.source = pack(m, &rule->source),
			.destination = {.any = true},
		};
		if (!rule->dnat)
			m->cond[i].destination = pack(m, &rule->destination);
		if (rule->dnat || rule->exempt || rule->mapping != CONFIG_NAT_ENDPOINT_INDEPENDENT)
			continue;
		for (unsigned int k = 0; k < rule->source.n; k++)
			inside.list[inside.n++] = rule->source.list[k];
	}
	m->inside = pack(m, &inside);
	m->inside.any = false;
	free(inside.list);
	return 0;
}

void nat_matcher_free(struct nat_matcher *m)
{
	if (m == NULL)
		return;
	free(m->cond);
	free(m->net4);
	free(m->net6);
	free(m);
}
