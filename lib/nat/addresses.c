/* SPDX-License-Identifier: BSD-3-Clause */
/* The set of the addresses that pools and DNAT rules name. Built by the control thread. */
#include <errno.h>
#include <stdlib.h>

#include "rules_priv.h"

/* How many addresses the DNAT rule names before translation: as many again for each backend. */
static uint32_t span(const struct nat_rule *rule)
{
	const struct ip_prefix *p = &rule->destination.list[0];

	return 1u << (ip_family_bits(p->addr.family) - p->len);
}

static struct ip_addr addr_plus(const struct ip_addr *base, uint32_t i)
{
	struct ip_addr a = *base;
	uint8_t *low = a.bytes + ip_family_bits(a.family) / 8 - sizeof(uint32_t);
	rte_be32_t word;

	memcpy(&word, low, sizeof(word));
	word = rte_cpu_to_be_32(rte_be_to_cpu_32(word) + i);
	memcpy(low, &word, sizeof(word));
	return a;
}

static struct nat_address *add(struct nat_address_set *s, const struct ip_addr *addr)
{
	struct nat_address *a = nat_address_slot(s, addr);

	a->addr = *addr;
	return a;
}

/* Counts endpoints in the first round, and writes them in the second. */
static void add_endpoint(struct nat_address_set *s, const struct ip_addr *addr,
	const struct nat_endpoint *e)
{
	struct nat_address *a = add(s, addr);

	a->before |= e->before;
	if (s->endpoints != NULL)
		s->endpoints[a->first + a->n] = *e;
	else
		s->n_endpoints++;
	a->n++;
}

static void add_dnat(struct nat_address_set *s, const struct nat_rule *rule, uint16_t index)
{
	uint32_t n = span(rule);
	struct nat_endpoint e = {.first = 0, .last = UINT16_MAX, .rule = index,
		.protos = rule->protos, .before = true};

	if (rule->port_first != 0) {
		e.first = rule->port_first;
		e.last = rule->port_last;
	}
	for (uint32_t i = 0; i < n; i++) {
		struct ip_addr a = addr_plus(&rule->destination.list[0].addr, i);

		add_endpoint(s, &a, &e);
	}
	e.before = false;
	for (unsigned int b = 0; b < rule->n_backends; b++) {
		const struct nat_backend *to = &rule->backends[b];

		if (to->port != 0) {
			e.first = to->port;
			e.last = (uint16_t)(to->port + (rule->port_last - rule->port_first));
		} else if (rule->port_first != 0) {
			e.first = rule->port_first;
			e.last = rule->port_last;
		}
		for (uint32_t i = 0; i < n; i++) {
			struct ip_addr a = addr_plus(&to->addr, i);

			add_endpoint(s, &a, &e);
		}
	}
}

static void add_all(struct nat_address_set *s, const struct nat_ruleset *r)
{
	for (unsigned int i = 0; i < r->n_pools; i++)
		for (unsigned int k = 0; k < r->pools[i].n_addresses; k++)
			add(s, &r->pools[i].addresses[k])->pool = true;
	for (unsigned int i = r->n_snat; i < r->n_rules; i++)
		add_dnat(s, &r->rules[i], (uint16_t)i);
}

static bool rule_moves_port(const struct nat_rule *rule)
{
	for (unsigned int b = 0; b < rule->n_backends; b++)
		if (rule->backends[b].port != 0 && rule->backends[b].port != rule->port_first)
			return true;
	return false;
}

/* A backend whose every port is forwarded here, and whose own flows have endpoint-independent mappings. */
static bool rule_maps(const struct nat_ruleset *r, const struct nat_rule *rule)
{
	for (unsigned int b = 0; b < rule->n_backends && rule->port_first == 0; b++)
		for (uint32_t i = 0; i < span(rule); i++) {
			struct ip_addr a = addr_plus(&rule->backends[b].addr, i);

			if (nat_nets_contain(&r->matcher->inside, &a))
				return true;
		}
	return false;
}

enum { MOVES = 1, MAPS = 2 };

/* What is true of one rule becomes true of its addresses, and of all rules of those. */
static void spread(struct nat_address_set *s, uint8_t *of_rule)
{
	bool changed = true;

	while (changed) {
		changed = false;
		for (uint64_t i = 0; i <= s->mask; i++) {
			struct nat_address *a = &s->slots[i];
			const struct nat_endpoint *e = &s->endpoints[a->first];
			uint8_t all = 0;

			for (uint32_t k = 0; k < a->n; k++)
				all |= of_rule[e[k].rule];
			for (uint32_t k = 0; k < a->n; k++) {
				changed |= of_rule[e[k].rule] != all;
				of_rule[e[k].rule] = all;
			}
			a->port_moves = (all & MOVES) != 0;
			a->maps = (all & MAPS) != 0;
		}
	}
}

/*
 * An address where some rule changes ports, and every address that is connected with it by a rule, has
 * port_moves: the two ends of one translation must have one rank, whichever rules share them. The same
 * for maps.
 */
static int mark(struct nat_address_set *s, const struct nat_ruleset *r)
{
	uint8_t *of_rule = calloc(r->n_rules > 0 ? r->n_rules : 1, sizeof(*of_rule));

	if (of_rule == NULL)
		return -ENOMEM;
	for (unsigned int i = r->n_snat; i < r->n_rules; i++)
		of_rule[i] = (rule_moves_port(&r->rules[i]) ? MOVES : 0) |
			(rule_maps(r, &r->rules[i]) ? MAPS : 0);
	spread(s, of_rule);
	free(of_rule);
	return 0;
}

int nat_address_set_build(struct nat_ruleset *r)
{
	struct nat_address_set *s = calloc(1, sizeof(*s));
	uint64_t names = 0, slots = 16;
	uint32_t at = 0;

	if (s == NULL)
		return -ENOMEM;
	r->addresses = s;
	for (unsigned int i = 0; i < r->n_pools; i++)
		names += r->pools[i].n_addresses;
	for (unsigned int i = r->n_snat; i < r->n_rules; i++)
		names += (uint64_t)span(&r->rules[i]) * (1 + r->rules[i].n_backends);
	while (slots < 2 * names)
		slots *= 2;
	s->slots = calloc(slots, sizeof(*s->slots));
	if (s->slots == NULL)
		return -ENOMEM;
	s->mask = slots - 1;
	add_all(s, r);
	for (uint64_t i = 0; i < slots; i++) {
		s->slots[i].first = at;
		at += s->slots[i].n;
		s->slots[i].n = 0;
	}
	s->endpoints = calloc(at > 0 ? at : 1, sizeof(*s->endpoints));
	if (s->endpoints == NULL)
		return -ENOMEM;
	add_all(s, r);
	return mark(s, r);
}

void nat_address_set_free(struct nat_address_set *s)
{
	if (s == NULL)
		return;
	free(s->slots);
	free(s->endpoints);
	free(s);
}
