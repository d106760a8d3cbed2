/* SPDX-License-Identifier: BSD-3-Clause */
/* Rules of the section `nat` against one another, and against what else uses the same ports. */
#include "load_nat_priv.h"

#define EPHEMERAL_FIRST 32768 /* as in load_nat_pools.c */
#define EPHEMERAL_LAST 60999
#define SSH_PORT 22

/* --- rules that never match --- */

static bool list_covers(const struct ip_prefix *list, size_t n, const struct ip_prefix *inner,
	size_t n_inner)
{
	if (n == 0)
		return true;
	for (size_t i = 0; i < n_inner; i++) {
		bool covered = false;

		for (size_t k = 0; k < n; k++)
			covered |= ip_prefix_covers(&list[k], &inner[i]);
		if (!covered)
			return false;
	}
	return n_inner > 0;
}

static bool bits_cover(uint32_t bits, uint32_t inner, uint32_t all)
{
	bits = bits != 0 ? bits : all;
	return ((inner != 0 ? inner : all) & ~bits) == 0;
}

static bool match_covers(const struct config *c, const struct config_nat_match *m,
	const struct config_nat_match *inner)
{
	uint32_t ports = (uint32_t)((1ull << c->n_ports) - 1);

	return bits_cover(m->ports, inner->ports, ports) &&
		bits_cover(m->protocols, inner->protocols,
			CONFIG_TCP | CONFIG_UDP | CONFIG_ICMP | CONFIG_OTHER) &&
		list_covers(m->source, m->n_source, inner->source, inner->n_source) &&
		list_covers(m->destination, m->n_destination, inner->destination, inner->n_destination);
}

static void warn_shadowed(struct loader *l, const struct yaml_node *rule, const char *name,
	const char *by)
{
	load_warn(l, yaml_get(rule, "name"), "rule '%s' never matches: '%s' before it takes all of it",
		name, by);
	load_hint(l, "the first rule that matches counts: put the narrower one first");
}

/* A pool is of one family, and so is a rule with one. */
static uint8_t snat_family(const struct config *c, const struct config_snat *s)
{
	return s->exempt ? IP_NONE : c->nat.pools[s->pool].addresses[0].family;
}

void warn_shadowed_snat(struct loader *l, const struct yaml_node *rule)
{
	const struct config_nat *nat = &l->c->nat;
	const struct config_snat *last = &nat->snat[nat->n_snat - 1];

	for (const struct config_snat *s = nat->snat; s < last; s++) {
		uint8_t family = snat_family(l->c, s);

		/* Of an exemption without prefixes the other family is left. */
		if (family != IP_NONE && family != snat_family(l->c, last) &&
			s->match.n_source + s->match.n_destination == 0)
			continue;
		if (!match_covers(l->c, &s->match, &last->match))
			continue;
		warn_shadowed(l, rule, last->name, s->name);
		return;
	}
}

void warn_shadowed_dnat(struct loader *l, const struct yaml_node *rule)
{
	const struct config_nat *nat = &l->c->nat;
	const struct config_dnat *last = &nat->dnat[nat->n_dnat - 1];

	for (const struct config_dnat *d = nat->dnat; d < last; d++) {
		if (!match_covers(l->c, &d->match, &last->match))
			continue;
		if (d->port_first != 0 && (last->port_first < d->port_first ||
						  last->port_last > d->port_last))
			continue;
		warn_shadowed(l, rule, last->name, d->name);
		return;
	}
}

/* --- what a DNAT rule takes away --- */

static bool claims_port(const struct config_dnat *d, uint16_t first, uint16_t last)
{
	return d->port_first == 0 || (d->port_first <= last && d->port_last >= first);
}

static bool claims_tcp(const struct config_dnat *d)
{
	return d->match.protocols == 0 || (d->match.protocols & CONFIG_TCP) != 0;
}

/* Whether a packet of the peer would match: by its address, and by the port that it comes in by. */
static bool claims_peer(const struct config *c, const struct config_dnat *d, const struct config_peer *p)
{
	const struct config_port *port = port_towards(c, &p->address);
	bool source = d->match.n_source == 0;

	if (p->address.family != d->match.destination[0].addr.family)
		return false;
	for (size_t i = 0; i < d->match.n_source; i++)
		source |= ip_prefix_contains(&d->match.source[i], &p->address);
	return source && (d->match.ports == 0 || port == NULL ||
				 (d->match.ports & 1u << (port - c->ports)) != 0);
}

static int check_own_address(struct loader *l, const struct yaml_node *rule, const struct config_dnat *d,
	const struct config_port *own)
{
	const struct yaml_node *at = yaml_get(rule, d->port_first != 0 ? "destination_ports" : "destination");
	const struct config_bgp *bgp = &l->c->bgp;
	bool ephemeral = claims_port(d, EPHEMERAL_FIRST, EPHEMERAL_LAST);
	bool listening = bgp->port != 0 && claims_port(d, bgp->port, bgp->port);

	for (size_t i = 0; claims_tcp(d) && i < bgp->n_peers; i++) {
		if (!claims_peer(l->c, d, &bgp->peers[i]) ||
			!(listening || (!bgp->peers[i].passive && d->port_first == 0)))
			continue;
		load_fail(l, at, "this takes the BGP session of peer '%s' away from port '%s'",
			bgp->peers[i].name, own->name);
		return load_hint(l, "name 'destination_ports' without %u, restrict 'source', or use "
			"another address", bgp->port);
	}
	if (d->port_first == 0 && claims_tcp(d)) {
		load_warn(l, at, "the rule takes everything that is for port '%s' itself, ssh too",
			own->name);
		load_hint(l, "name 'destination_ports', or use another address");
	}
	if (d->port_first != 0 && claims_tcp(d) && claims_port(d, SSH_PORT, SSH_PORT)) {
		load_warn(l, at, "the rule takes ssh to port '%s' away", own->name);
		load_hint(l, "use another port or address, unless there is another way to log in");
	}
	if (d->port_first != 0 && ephemeral) {
		load_warn(l, at, "the kernel's own connections use ports %u-%u of port '%s's address",
			EPHEMERAL_FIRST, EPHEMERAL_LAST, own->name);
		load_hint(l, "use ports below %u, or another address", EPHEMERAL_FIRST);
	}
	return 0;
}

/* A claimed port is never handed out: that must not be all that a pool has of an address. */
static int check_pools(struct loader *l, const struct yaml_node *rule, const struct config_dnat *d)
{
	const struct config_nat *nat = &l->c->nat;

	for (size_t i = 0; i < nat->n_pools; i++) {
		const struct config_nat_pool *p = &nat->pools[i];

		if (d->port_first != 0 && (d->port_first > p->port_first || d->port_last < p->port_last))
			continue;
		for (size_t k = 0; k < p->n_addresses; k++) {
			if (!ip_prefix_contains(&d->match.destination[0], &p->addresses[k]))
				continue;
			load_fail(l, yaml_get(rule, d->port_first != 0 ? "destination_ports" : "destination"),
				"the rule takes every port of %s that pool '%s' has",
				IP_ADDR_TEXT(&p->addresses[k]), p->name);
			return load_hint(l, "name fewer 'destination_ports', or use another address");
		}
	}
	return 0;
}

int check_dnat_claims(struct loader *l, const struct yaml_node *rule)
{
	const struct config_nat *nat = &l->c->nat;
	const struct config_dnat *d = &nat->dnat[nat->n_dnat - 1];
	const struct config *c = l->c;

	if (check_pools(l, rule, d) < 0)
		return -1;
	for (size_t i = 0; i < c->n_ports; i++)
		for (size_t k = 0; k < c->ports[i].n_addresses; k++)
			if (ip_prefix_contains(&d->match.destination[0], &c->ports[i].addresses[k].addr))
				return check_own_address(l, rule, d, &c->ports[i]);
	return 0;
}
