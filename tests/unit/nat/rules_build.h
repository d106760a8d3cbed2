/* SPDX-License-Identifier: BSD-3-Clause */
/* Configurations of rules in a few words, for the tests that need a ruleset. */
#ifndef TESTS_NAT_RULES_BUILD_H
#define TESTS_NAT_RULES_BUILD_H

#include <string.h>

#include "nat/rules.h"

#define BUILD_PORTS 3

/* Three ports, "p0" to "p2", whose ethdev ids are not their indices. */
static const uint16_t build_port_ids[BUILD_PORTS] = {5, 0, 31};

static inline struct ip_addr build_addr(const char *text)
{
	struct ip_addr a = {0};

	assert_int_equal(ip_addr_parse(text, &a), 0);
	return a;
}

static inline struct ip_prefix build_prefix(const char *text)
{
	struct ip_prefix p = {0};

	if (ip_prefix_parse(text, &p) != 0)
		p = ip_prefix_host(&(struct ip_addr){0}), p.addr = build_addr(text),
		p.len = (uint8_t)ip_family_bits(p.addr.family);
	return p;
}

/* Prefixes or addresses, separated by spaces. */
static inline size_t build_prefixes(const char *text, struct ip_prefix **ret_list)
{
	char copy[400], *save = NULL;
	size_t n = 0;

	*ret_list = calloc(40, sizeof(**ret_list));
	snprintf(copy, sizeof(copy), "%s", text != NULL ? text : "");
	for (char *w = strtok_r(copy, " ", &save); w != NULL; w = strtok_r(NULL, " ", &save))
		(*ret_list)[n++] = build_prefix(w);
	return n;
}

static inline struct config *build_config(void)
{
	struct config *c = calloc(1, sizeof(*c));

	c->ports = calloc(BUILD_PORTS, sizeof(*c->ports));
	c->n_ports = BUILD_PORTS;
	for (size_t i = 0; i < BUILD_PORTS; i++)
		snprintf(c->ports[i].name, sizeof(c->ports[i].name), "p%zu", i);
	c->nat.pools = calloc(8, sizeof(*c->nat.pools));
	c->nat.snat = calloc(64, sizeof(*c->nat.snat));
	c->nat.dnat = calloc(64, sizeof(*c->nat.dnat));
	return c;
}

static inline size_t build_pool(struct config *c, const char *addresses)
{
	struct config_nat_pool *p = &c->nat.pools[c->nat.n_pools];
	struct ip_prefix *list;

	snprintf(p->name, sizeof(p->name), "pool%zu", c->nat.n_pools);
	p->n_addresses = build_prefixes(addresses, &list);
	p->addresses = calloc(p->n_addresses, sizeof(*p->addresses));
	for (size_t i = 0; i < p->n_addresses; i++)
		p->addresses[i] = list[i].addr;
	free(list);
	p->port_first = 1024;
	p->port_last = 65535;
	return c->nat.n_pools++;
}

/* Source and destination: NULL for any. */
static inline struct config_snat *build_snat(struct config *c, const char *source,
	const char *destination, size_t pool)
{
	struct config_snat *s = &c->nat.snat[c->nat.n_snat++];

	snprintf(s->name, sizeof(s->name), "snat%zu", c->nat.n_snat - 1);
	s->match.n_source = build_prefixes(source, &s->match.source);
	s->match.n_destination = build_prefixes(destination, &s->match.destination);
	s->pool = pool;
	return s;
}

/* Backends: addresses separated by spaces; ports are set by the caller. */
static inline struct config_dnat *build_dnat(struct config *c, const char *destination,
	const char *backends)
{
	struct config_dnat *d = &c->nat.dnat[c->nat.n_dnat++];
	struct ip_prefix *list;

	snprintf(d->name, sizeof(d->name), "dnat%zu", c->nat.n_dnat - 1);
	d->match.n_destination = build_prefixes(destination, &d->match.destination);
	d->n_to = build_prefixes(backends, &list);
	d->to = calloc(d->n_to, sizeof(*d->to));
	for (size_t i = 0; i < d->n_to; i++)
		d->to[i].addr = list[i].addr;
	free(list);
	return d;
}

static inline void build_free(struct config *c)
{
	for (size_t i = 0; i < c->nat.n_pools; i++)
		free(c->nat.pools[i].addresses);
	for (size_t i = 0; i < c->nat.n_snat; i++) {
		free(c->nat.snat[i].match.source);
		free(c->nat.snat[i].match.destination);
	}
	for (size_t i = 0; i < c->nat.n_dnat; i++) {
		free(c->nat.dnat[i].match.source);
		free(c->nat.dnat[i].match.destination);
		free(c->nat.dnat[i].to);
	}
	free(c->nat.pools);
	free(c->nat.snat);
	free(c->nat.dnat);
	free(c->ports);
	free(c);
}

static inline struct nat_ruleset *build_rules(const struct config *c, unsigned int workers)
{
	char err[200] = "";
	struct nat_ruleset *r = nat_ruleset_new(c, build_port_ids, workers, 1, err, sizeof(err));

	if (r == NULL)
		fail_msg("%s", err);
	return r;
}

static inline struct flow_tuple build_tuple(uint8_t proto, const char *src, uint16_t sport,
	const char *dst, uint16_t dport)
{
	return (struct flow_tuple){.src = build_addr(src), .dst = build_addr(dst), .proto = proto,
		.sport = rte_cpu_to_be_16(sport), .dport = rte_cpu_to_be_16(dport)};
}

#endif
