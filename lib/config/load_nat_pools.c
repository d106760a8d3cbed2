/* SPDX-License-Identifier: BSD-3-Clause */
/* nat.pools: addresses and ports that sources are translated to. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/suggest.h"
#include "load_nat_priv.h"

#define EPHEMERAL_FIRST 32768 /* the kernel's own: net.ipv4.ip_local_port_range */
#define EPHEMERAL_LAST 60999
#define RUN_SHIFT 6 /* ports go to workers in runs of 64 (nat/rules.h) */

static uint32_t addr_bits(const struct ip_addr *v4)
{
	return (uint32_t)v4->bytes[0] << 24 | (uint32_t)v4->bytes[1] << 16 | (uint32_t)v4->bytes[2] << 8 |
		v4->bytes[3];
}

static bool route_uses(const struct config_route *routes, size_t n, const struct ip_addr *a)
{
	for (size_t i = 0; i < n; i++)
		for (unsigned int k = 0; k < routes[i].n_via; k++)
			if (ip_addr_equal(&routes[i].via[k], a))
				return true;
	return false;
}

int check_outside_address(struct loader *l, const struct yaml_node *node, const struct ip_addr *a)
{
	const struct config *c = l->c;
	const char *whose = NULL;

	if (load_unicast(l, node, a) < 0)
		return -1;
	for (size_t i = 0; i < c->n_ports; i++)
		for (size_t k = 0; k < c->ports[i].n_neighbours; k++)
			if (ip_addr_equal(&c->ports[i].neighbours[k].addr, a))
				whose = "a neighbour's";
	if (route_uses(c->underlay_routes, c->n_underlay_routes, a) ||
		route_uses(c->routes, c->n_routes, a))
		whose = "a gateway's";
	for (size_t i = 0; i < c->bgp.n_peers; i++)
		if (ip_addr_equal(&c->bgp.peers[i].address, a))
			whose = "a BGP peer's";
	if (whose == NULL)
		return 0;
	load_fail(l, node, "%s is %s address", IP_ADDR_TEXT(a), whose);
	return load_hint(l, "nvad answers for these addresses itself: choose others");
}

/* --- addresses --- */

static int add_address(struct loader *l, const struct yaml_node *node, struct config_nat_pool *p,
	const struct ip_addr *a)
{
	if (p->n_addresses > 0 && a->family != p->addresses[0].family) {
		load_fail(l, node, "%s and %s are of different families", node->text,
			IP_ADDR_TEXT(&p->addresses[0]));
		return load_hint(l, "make a pool for each family");
	}
	if (p->n_addresses == CONFIG_NAT_SPAN_MAX) {
		load_fail(l, node, "more than %u addresses in a pool", CONFIG_NAT_SPAN_MAX);
		return load_hint(l, "a prefix stands for all of its addresses: divide them among pools");
	}
	for (size_t i = 0; i < p->n_addresses; i++)
		if (ip_addr_equal(&p->addresses[i], a)) {
			load_fail(l, node, "%s is in the pool already", IP_ADDR_TEXT(a));
			return load_hint(l, "list each address once");
		}
	if (check_outside_address(l, node, a) < 0)
		return -1;
	p->addresses[p->n_addresses++] = *a;
	return 0;
}

static int load_pool_item(struct loader *l, const struct yaml_node *node, void *object)
{
	struct config_nat_pool *p = object;
	struct ip_prefix prefix;
	unsigned int host_bits;

	if (load_prefix_or_addr(l, node, &prefix) < 0)
		return -1;
	host_bits = ip_family_bits(prefix.addr.family) - prefix.len;
	if (host_bits > 8) {
		load_fail(l, node, "%s stands for more than %u addresses", node->text,
			CONFIG_NAT_SPAN_MAX);
		return load_hint(l, "a prefix stands for all of its addresses; a pool has at most %u",
			CONFIG_NAT_SPAN_MAX);
	}
	for (unsigned int i = 0; i < 1u << host_bits; i++) {
		struct ip_addr a = prefix.addr;

		a.bytes[ip_family_bits(a.family) / 8 - 1] |= (uint8_t)i;
		if (add_address(l, node, p, &a) < 0)
			return -1;
	}
	return 0;
}

static int load_pool_addresses(struct loader *l, const struct yaml_node *node, void *object)
{
	struct config_nat_pool *p = object;

	p->addresses = calloc(CONFIG_NAT_SPAN_MAX, sizeof(*p->addresses));
	if (p->addresses == NULL)
		return load_no_memory(l);
	return load_one_or_list(l, node, "addresses", CONFIG_NAT_SPAN_MAX, load_pool_item, p);
}

/* --- ports --- */

static int load_pool_ports(struct loader *l, const struct yaml_node *node, void *object)
{
	struct config_nat_pool *p = object;
	unsigned int workers = l->c->system.workers;

	if (load_port_range(l, node, &p->port_first, &p->port_last) < 0)
		return -1;
	if (p->port_first == CONFIG_RESERVED_PORT && p->port_last == CONFIG_RESERVED_PORT) {
		load_fail(l, node, "Azure keeps port %u: the range is empty", CONFIG_RESERVED_PORT);
		return load_hint(l, "as in 1024-65535; %u is left out by itself", CONFIG_RESERVED_PORT);
	}
	if ((p->port_last >> RUN_SHIFT) - (p->port_first >> RUN_SHIFT) + 1u < workers) {
		load_fail(l, node, "the range %s has no port for some of the %u workers", node->text,
			workers);
		return load_hint(l, "ports go to workers in runs of 64: at least %u ports",
			workers << RUN_SHIFT);
	}
	return 0;
}

#define FIELD(f) offsetof(struct config_nat_pool, f)
static const struct key pool_keys[] = {
	{"name", KEY_NAME, .required = true, .offset = FIELD(name), .max = CONFIG_NAME_LEN},
	{"addresses", KEY_CUSTOM, .required = true, .load = load_pool_addresses},
	{"ports", KEY_CUSTOM, .load = load_pool_ports},
};
#undef FIELD

/* --- pools --- */

static bool pool_has(const struct config_nat_pool *p, const struct ip_addr *a)
{
	for (size_t i = 0; i < p->n_addresses; i++)
		if (ip_addr_equal(&p->addresses[i], a))
			return true;
	return false;
}

static int check_other_pool(struct loader *l, const struct yaml_node *node,
	const struct config_nat_pool *p, const struct config_nat_pool *other)
{
	if (strcmp(p->name, other->name) == 0) {
		load_fail(l, yaml_get(node, "name"), "duplicate pool name '%s'", p->name);
		return load_hint(l, "each pool needs a name of its own");
	}
	if (p->port_first > other->port_last || other->port_first > p->port_last)
		return 0;
	for (size_t i = 0; i < p->n_addresses; i++) {
		if (!pool_has(other, &p->addresses[i]))
			continue;
		load_fail(l, yaml_get(node, "addresses"), "pool '%s' has %s too, with ports of these",
			other->name, IP_ADDR_TEXT(&p->addresses[i]));
		return load_hint(l, "pools may share an address where their 'ports' do not overlap");
	}
	return 0;
}

/* The first and the last address of a connected IPv4 prefix are no host's; Azure keeps them. */
static bool is_network_or_broadcast(const struct config *c, const struct ip_addr *a)
{
	for (size_t i = 0; a->family == IP_V4 && i < c->n_ports; i++)
		for (size_t k = 0; k < c->ports[i].n_addresses; k++) {
			const struct ip_addr *own = &c->ports[i].addresses[k].addr;
			uint8_t len = c->ports[i].addresses[k].len;
			uint32_t host = len < 31 ? UINT32_MAX >> len : 0, bits = addr_bits(a);

			if (own->family == IP_V4 && host != 0 && ((bits ^ addr_bits(own)) & ~host) == 0 &&
				((bits & host) == 0 || (bits & host) == host))
				return true;
		}
	return false;
}

static void warn_network_address(struct loader *l, const struct yaml_node *node,
	const struct config_nat_pool *p)
{
	for (size_t i = 0; i < p->n_addresses; i++) {
		if (!is_network_or_broadcast(l->c, &p->addresses[i]))
			continue;
		load_warn(l, yaml_get(node, "addresses"), "%s is the first or last address of its subnet, and no host's",
			IP_ADDR_TEXT(&p->addresses[i]));
		load_hint(l, "list the addresses that the NIC has; a prefix stands for all of its own");
		return;
	}
}

static int check_pool(struct loader *l, const struct yaml_node *node, const struct config_nat_pool *p)
{
	for (const struct config_nat_pool *other = l->c->nat.pools; other < p; other++)
		if (check_other_pool(l, node, p, other) < 0)
			return -1;
	warn_network_address(l, node, p);
	if (p->port_first > EPHEMERAL_LAST || p->port_last < EPHEMERAL_FIRST)
		return 0;
	for (size_t i = 0; i < p->n_addresses; i++) {
		const struct config_port *port = port_owning(l->c, &p->addresses[i]);

		if (port == NULL)
			continue;
		load_warn(l, yaml_get(node, yaml_get(node, "ports") != NULL ? "ports" : "name"),
			"%s is port '%s's own address, and the kernel's connections use %u-%u there",
			IP_ADDR_TEXT(&p->addresses[i]), port->name, EPHEMERAL_FIRST, EPHEMERAL_LAST);
		load_hint(l, "narrow the range, as in 'ports: 1024-%u', or use another address",
			EPHEMERAL_FIRST - 1);
		return 0;
	}
	return 0;
}

int load_pools(struct loader *l, const struct yaml_node *node, void *object)
{
	struct config_nat *nat = object;

	if (load_list(l, node, "pools", CONFIG_POOLS_MAX) < 0)
		return -1;
	nat->pools = load_array(l, node, sizeof(*nat->pools));
	if (nat->pools == NULL)
		return -1;
	for (const struct yaml_node *v = node->first; v != NULL; v = v->next) {
		struct config_nat_pool *p = &nat->pools[nat->n_pools];

		p->port_first = 1024;
		p->port_last = UINT16_MAX;
		l->pools[nat->n_pools++].name = yaml_get(v, "name");
		if (load_mapping(l, v, pool_keys, RTE_DIM(pool_keys), p) < 0 ||
			check_pool(l, v, p) < 0)
			return -1;
	}
	return 0;
}

int load_pool_name(struct loader *l, const struct yaml_node *node, void *index)
{
	const struct config_nat *nat = &l->c->nat;
	const char *names[CONFIG_POOLS_MAX], *meant;

	if (load_want_scalar(l, node, "outside") < 0)
		return -1;
	for (size_t i = 0; i < nat->n_pools; i++) {
		names[i] = nat->pools[i].name;
		if (strcmp(names[i], node->text) == 0) {
			*(size_t *)index = i;
			return 0;
		}
	}
	load_fail(l, node, "there is no pool '%.64s'", node->text);
	meant = suggest_word(node->text, names, nat->n_pools);
	return meant != NULL ? load_hint(l, "did you mean '%s'?", meant)
			     : load_hint(l, "define it under nat.pools");
}

int use_pool(struct loader *l, const struct yaml_node *at, size_t pool, const char *rule,
	bool independent)
{
	struct loader_pool *p = &l->pools[pool];

	if (p->user == NULL) {
		p->user = rule;
		p->independent = independent;
		return 0;
	}
	if (p->independent == independent)
		return 0;
	load_fail(l, at, "rule '%s' uses pool '%s' with endpoint-%s mapping", p->user,
		l->c->nat.pools[pool].name, p->independent ? "independent" : "dependent");
	return load_hint(l, "an endpoint-%s rule needs a pool of its own%s",
		independent ? "independent" : "dependent", independent ? "" : "; DNAT rules are such");
}
