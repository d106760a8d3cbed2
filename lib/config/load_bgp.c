/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The section `bgp`: the speaker, its peers, and what is announced to each. Knows what Azure Route
 * Server refuses silently, so that it is refused here with a reason.
 */
#include <stdlib.h>
#include <string.h>

#include "base/scalar.h"
#include "load_priv.h"

#define AS_TRANS 23456	     /* RFC 6793 9 */
#define AS_ROUTE_SERVER 65515 /* Azure Route Server's, always */
#define COMMUNITY(as, value) ((uint32_t)(as) << 16 | (value))

/* What Azure reserves (Route Server FAQ: "Can I use any ASN?"). */
#define AZURE_RESERVED                                                                             \
	"8074, 8075, 12076, 23456, 64496-64511, 65515, 65517-65520, 65535-65551"
static const struct {
	uint32_t from, to;
} azure_reserved[] = {
	{8074, 8075}, {12076, 12076}, {23456, 23456}, {64496, 64511}, {65515, 65515},
	{65517, 65520}, {65535, 65551},
};

static int load_as(struct loader *l, const struct yaml_node *node, void *field)
{
	const struct key key = {"as", KEY_U32, .min = 1, .max = UINT32_MAX - 1};
	uint32_t as = 0;

	if (node->type == YAML_SCALAR && node->plain && strcmp(node->text, "0") == 0) {
		load_fail(l, node, "AS 0 is never used by a BGP speaker (RFC 7607)");
		return load_hint(l, "in Azure a private one: 64512 to 65514");
	}
	if (load_value(l, node, &key, &as) < 0)
		return -1;
	if (as == AS_TRANS || as == 65535) {
		load_fail(l, node, "AS %u is reserved (%s)", as, as == AS_TRANS ? "RFC 6793" : "RFC 7300");
		return load_hint(l, "in Azure a private one: 64512 to 65514");
	}
	*(uint32_t *)field = as;
	return 0;
}

static int load_router_id(struct loader *l, const struct yaml_node *node, void *field)
{
	struct ip_addr id;

	if (load_want_scalar(l, node, "10.0.1.4") < 0)
		return -1;
	if (ip_addr_parse(node->text, &id) < 0 || id.family != IP_V4) {
		load_fail(l, node, "'%.64s' is not a router id", node->text);
		return load_hint(l, "four octets, as in 10.0.1.4: commonly an address of a port");
	}
	if (ip_addr_is_unspecified(&id)) {
		load_fail(l, node, "the router id 0.0.0.0 is not valid (RFC 6286 2.1)");
		return load_hint(l, "commonly an IPv4 address of a port");
	}
	*(rte_be32_t *)field = ip_addr_be32(&id);
	return 0;
}

/* --- exports --- */

static int load_community(struct loader *l, const struct yaml_node *node, uint32_t *ret_community)
{
	static const struct {
		const char *name;
		uint32_t value;
	} known[] = {
		{"no-export", COMMUNITY(65535, 65281)},
		{"no-advertise", COMMUNITY(65535, 65282)},
		{"no-export-subconfed", COMMUNITY(65535, 65283)},
	};
	char high[16];
	const char *colon;
	uint64_t as, value;

	if (load_want_scalar(l, node, "\"65535:65282\"") < 0)
		return -1;
	for (size_t i = 0; i < RTE_DIM(known); i++)
		if (strcmp(node->text, known[i].name) == 0) {
			*ret_community = known[i].value;
			return 0;
		}
	colon = strchr(node->text, ':');
	if (colon == NULL || (size_t)(colon - node->text) >= sizeof(high))
		goto fail;
	memcpy(high, node->text, (size_t)(colon - node->text));
	high[colon - node->text] = '\0';
	if (scalar_parse_u64(high, 0, UINT16_MAX, &as) < 0 ||
		scalar_parse_u64(colon + 1, 0, UINT16_MAX, &value) < 0)
		goto fail;
	*ret_community = COMMUNITY(as, value);
	if (*ret_community == COMMUNITY(65517, 65517)) {
		load_fail(l, node, "community 65517:65517 is Azure's own");
		return load_hint(l, "Route Server gives it a meaning of its own: never send it");
	}
	return 0;
fail:
	load_fail(l, node, "'%.64s' is not a community", node->text);
	return load_hint(l, "\"AS:VALUE\", both up to 65535, or no-advertise, no-export, "
		"no-export-subconfed");
}

static int load_communities(struct loader *l, const struct yaml_node *node, void *object)
{
	struct config_export *e = object;

	if (load_list(l, node, "communities", CONFIG_COMMUNITIES_MAX) < 0)
		return -1;
	e->communities = load_array(l, node, sizeof(*e->communities));
	if (e->communities == NULL)
		return -1;
	for (const struct yaml_node *v = node->first; v != NULL; v = v->next) {
		uint32_t community = 0;

		if (load_community(l, v, &community) < 0)
			return -1;
		for (size_t i = 0; i < e->n_communities; i++)
			if (e->communities[i] == community) {
				load_fail(l, v, "duplicate community %.64s", v->text);
				return load_hint(l, "list each once");
			}
		e->communities[e->n_communities++] = community;
	}
	return 0;
}

static int load_next_hop(struct loader *l, const struct yaml_node *node, void *field)
{
	struct ip_addr a;

	if (node->type == YAML_SCALAR && strcmp(node->text, "self") == 0) {
		memset(field, 0, sizeof(a)); /* IP_NONE */
		return 0;
	}
	if (node->type == YAML_SCALAR && ip_addr_parse(node->text, &a) < 0) {
		load_fail(l, node, "'%.64s' is not a next hop", node->text);
		return load_hint(l, "self, or the address of a load balancer or another appliance");
	}
	if (load_addr(l, node, &a) < 0 || load_unicast(l, node, &a) < 0)
		return -1;
	*(struct ip_addr *)field = a;
	return 0;
}

static int load_export_prefix(struct loader *l, const struct yaml_node *node, void *field)
{
	return load_prefix(l, node, field);
}

#define FIELD(f) offsetof(struct config_export, f)
static const struct key export_keys[] = {
	{"prefix", KEY_CUSTOM, .required = true, .offset = FIELD(prefix), .load = load_export_prefix},
	{"prepend", KEY_U8, .offset = FIELD(prepend), .max = 32},
	{"communities", KEY_CUSTOM, .load = load_communities},
	{"med", KEY_U32, .offset = FIELD(med), .max = UINT32_MAX},
	{"next_hop", KEY_CUSTOM, .offset = FIELD(next_hop), .load = load_next_hop},
};
#undef FIELD

static int load_exports(struct loader *l, const struct yaml_node *node, void *object)
{
	struct config_peer *p = object;

	if (load_list(l, node, "exports", CONFIG_EXPORTS_MAX) < 0)
		return -1;
	p->exports = load_array(l, node, sizeof(*p->exports));
	if (p->exports == NULL)
		return -1;
	for (const struct yaml_node *v = node->first; v != NULL; v = v->next) {
		/* Counted at once, so that an error frees what it holds. */
		struct config_export *e = &p->exports[p->n_exports++];

		if (load_mapping(l, v, export_keys, RTE_DIM(export_keys), e) < 0)
			return -1;
		e->has_med = yaml_get(v, "med") != NULL;
		if (e->next_hop.family != IP_NONE && e->next_hop.family != e->prefix.addr.family) {
			load_fail(l, yaml_get(v, "next_hop"),
				"the next hop and the prefix %s are of different families",
				IP_PREFIX_TEXT(&e->prefix));
			return load_hint(l, "an %s next hop, or self",
				e->prefix.addr.family == IP_V4 ? "IPv4" : "IPv6");
		}
		for (size_t i = 0; i + 1 < p->n_exports; i++)
			if (ip_prefix_equal(&p->exports[i].prefix, &e->prefix)) {
				load_fail(l, yaml_get(v, "prefix"), "duplicate export of %s",
					IP_PREFIX_TEXT(&e->prefix));
				return load_hint(l, "a prefix is announced once to a peer");
			}
	}
	return 0;
}

/* --- peers --- */

static int load_multihop(struct loader *l, const struct yaml_node *node, void *field)
{
	const struct key key = {"multihop", KEY_U8, .min = 1, .max = 255};
	bool yes = false;

	if (node->type == YAML_SCALAR && node->plain && scalar_parse_bool(node->text, &yes) == 0) {
		*(uint8_t *)field = yes ? 64 : 1;
		return 0;
	}
	if (load_value(l, node, &key, field) == 0)
		return 0;
	return load_hint(l, "true (a TTL of 64), false (a TTL of 1), or the TTL from 1 to 255");
}

static int load_families(struct loader *l, const struct yaml_node *node, void *object)
{
	static const char *const names[] = {"ipv4", "ipv6", NULL};
	const struct key key = {"families", KEY_ENUM, .names = names};
	struct config_peer *p = object;

	p->ipv4 = p->ipv6 = false;
	if (load_list(l, node, "families", 2) < 0)
		return -1;
	if (node->n_children == 0) {
		load_fail(l, node, "no family");
		return load_hint(l, "ipv4, ipv6 or both");
	}
	for (const struct yaml_node *v = node->first; v != NULL; v = v->next) {
		unsigned int i = 0;
		bool *family;

		if (load_value(l, v, &key, &i) < 0)
			return -1;
		family = i == 0 ? &p->ipv4 : &p->ipv6;
		if (*family) {
			load_fail(l, v, "duplicate family %s", v->text);
			return load_hint(l, "list each once");
		}
		*family = true;
	}
	return 0;
}

#define FIELD(f) offsetof(struct config_peer, f)
static const struct key peer_keys[] = {
	{"name", KEY_NAME, .required = true, .offset = FIELD(name), .max = CONFIG_NAME_LEN},
	{"address", KEY_ADDR, .required = true, .offset = FIELD(address)},
	{"local_address", KEY_ADDR, .offset = FIELD(local_address)},
	{"as", KEY_CUSTOM, .required = true, .offset = FIELD(as), .load = load_as},
	{"multihop", KEY_CUSTOM, .offset = FIELD(ttl), .load = load_multihop},
	{"hold_time", KEY_SECONDS, .offset = FIELD(hold_s), .max = 65535},
	{"connect_retry", KEY_SECONDS, .offset = FIELD(connect_retry_s), .min = 1, .max = 3600},
	{"passive", KEY_BOOL, .offset = FIELD(passive)},
	{"port", KEY_U16, .offset = FIELD(port), .min = 1, .max = 65535},
	{"families", KEY_CUSTOM, .load = load_families},
	{"next_hop_v4", KEY_CUSTOM, .offset = FIELD(next_hop_v4), .load = load_next_hop},
	{"next_hop_v6", KEY_CUSTOM, .offset = FIELD(next_hop_v6), .load = load_next_hop},
	{"max_prefixes", KEY_U32, .offset = FIELD(max_prefixes), .max = 10000000},
	{"export", KEY_CUSTOM, .load = load_exports},
};
#undef FIELD

/* Towards Route Server the local AS must be one that Azure accepts; it drops others silently. */
static int check_azure_as(struct loader *l, const struct config_peer *p)
{
	uint32_t as = l->c->bgp.as;
	bool wide = as > UINT16_MAX;

	if (p->as != AS_ROUTE_SERVER)
		return 0;
	for (size_t i = 0; i < RTE_DIM(azure_reserved); i++)
		if (as >= azure_reserved[i].from && as <= azure_reserved[i].to) {
			load_fail(l, l->bgp_as, "AS %u is reserved by Azure, and peer '%s' is a Route Server",
				as, p->name);
			return load_hint(l, "Azure refuses " AZURE_RESERVED "; take one of 64512-65514");
		}
	if (!wide)
		return 0;
	load_fail(l, l->bgp_as, "AS %u has 32 bits, and peer '%s' is an Azure Route Server", as, p->name);
	return load_hint(l, "Route Server peers with 16-bit AS numbers only; not " AZURE_RESERVED);
}

static int check_peer_addresses(struct loader *l, const struct yaml_node *node,
	const struct config_peer *p)
{
	const struct yaml_node *address = yaml_get(node, "address");
	const struct yaml_node *local = yaml_get(node, "local_address");
	const struct yaml_node *nh4 = yaml_get(node, "next_hop_v4");
	const struct yaml_node *nh6 = yaml_get(node, "next_hop_v6");

	if (load_unicast(l, address, &p->address) < 0)
		return -1;
	if (port_owning(l->c, &p->address) != NULL) {
		load_fail(l, address, "%s is the own address of port '%s'", address->text,
			port_owning(l->c, &p->address)->name);
		return load_hint(l, "name the peer's address");
	}
	if (local != NULL && p->local_address.family != p->address.family) {
		load_fail(l, local, "%s and the peer's %s are of different families", local->text,
			address->text);
		return load_hint(l, "one TCP connection has addresses of one family");
	}
	if (local != NULL && port_owning(l->c, &p->local_address) == NULL) {
		load_fail(l, local, "%s is no address of a port", local->text);
		return load_hint(l, "one of ports[].addresses, without the length; or delete the key");
	}
	if (nh4 != NULL && p->next_hop_v4.family == IP_V6) {
		load_fail(l, nh4, "%s is not an IPv4 address", nh4->text);
		return load_hint(l, "the next hop of announced IPv4 prefixes; or self");
	}
	if (nh6 != NULL && p->next_hop_v6.family == IP_V4) {
		load_fail(l, nh6, "%s is not an IPv6 address", nh6->text);
		return load_hint(l, "the next hop of announced IPv6 prefixes; or self");
	}
	return 0;
}

/* The first that another router could use as next hop; NULL: none. */
static const struct ip_addr *port_address(const struct config_port *p, uint8_t family)
{
	for (size_t i = 0; i < p->n_addresses; i++)
		if (p->addresses[i].addr.family == family &&
			!ip_addr_is_link_local(&p->addresses[i].addr))
			return &p->addresses[i].addr;
	return NULL;
}

/*
 * The family is negotiated, and "self" has an address to stand for: of the session's own family that
 * of the connection, of the other one the port's.
 */
static int check_exports(struct loader *l, const struct yaml_node *node, struct config_peer *p)
{
	const struct config_port *out = port_towards(l->c, &p->address);
	const struct yaml_node *list = yaml_get(node, "export");
	const struct yaml_node *v = list != NULL ? list->first : NULL;

	if (p->local_address.family != IP_NONE)
		out = port_owning(l->c, &p->local_address);
	for (size_t i = 0; i < p->n_exports; i++, v = v->next) {
		const struct config_export *e = &p->exports[i];
		uint8_t family = e->prefix.addr.family;
		const char *name = family == IP_V4 ? "ipv4" : "ipv6";
		struct ip_addr *self = family == IP_V4 ? &p->next_hop_v4 : &p->next_hop_v6;

		if (family == IP_V4 ? !p->ipv4 : !p->ipv6) {
			load_fail(l, yaml_get(v, "prefix"), "'families' of peer '%s' does not list %s",
				p->name, name);
			return load_hint(l, "add %s to 'families', or delete the export", name);
		}
		if (e->next_hop.family != IP_NONE || self->family != IP_NONE || out == NULL)
			continue;
		if (port_address(out, family) == NULL) {
			load_fail(l, yaml_get(v, "prefix"),
				"port '%s', which leads to the peer, has no %s address to be the next hop",
				out->name, family == IP_V4 ? "IPv4" : "IPv6");
			return load_hint(l, "set 'next_hop_v%d' of the peer, or give the port an address",
				family);
		}
		if (family != p->address.family)
			*self = *port_address(out, family);
	}
	return 0;
}

static int check_peer(struct loader *l, const struct yaml_node *node, struct config_peer *p)
{
	const struct config_bgp *b = &l->c->bgp;
	const struct yaml_node *address = yaml_get(node, "address");
	const struct yaml_node *hold = yaml_get(node, "hold_time");
	bool ebgp = p->as != b->as;

	for (size_t i = 0; i + 1 < b->n_peers; i++) {
		if (strcmp(b->peers[i].name, p->name) == 0) {
			load_fail(l, yaml_get(node, "name"), "duplicate peer name '%s'", p->name);
			return load_hint(l, "each peer needs a name of its own");
		}
		if (ip_addr_equal(&b->peers[i].address, &p->address)) {
			load_fail(l, address, "peer '%s' has the same address", b->peers[i].name);
			return load_hint(l, "one session a peer carries both families");
		}
	}
	if (check_peer_addresses(l, node, p) < 0 || check_azure_as(l, p) < 0)
		return -1;
	if (hold != NULL && p->hold_s > 0 && p->hold_s < 3) {
		load_fail(l, hold, "a hold time of %s", hold->text);
		return load_hint(l, "0s (none) or at least 3s (RFC 4271 4.2)");
	}
	if (p->passive && b->port == 0) {
		load_fail(l, yaml_get(node, "passive"), "a passive peer, and 'bgp.port: 0' does not listen");
		return load_hint(l, "one side has to open the connection");
	}
	/* A TTL of 1 reaches neighbours only; iBGP has no such limit. */
	if (p->ttl == 0)
		p->ttl = ebgp ? 1 : 64;
	if (ebgp && p->ttl == 1 && port_connected(l->c, &p->address) == NULL) {
		load_fail(l, address, "%s is not on a connected prefix", address->text);
		return load_hint(l, "add 'multihop: true'%s", p->as == AS_ROUTE_SERVER
			? ": Route Server is in a subnet of its own" : "");
	}
	if (check_exports(l, node, p) < 0)
		return -1;
	if (port_towards(l->c, &p->address) == NULL) {
		load_warn(l, address, "neither a connected prefix nor an underlay route leads to %s",
			address->text);
		load_hint(l, "next hops at the peer's address do not resolve: add it to underlay.routes");
	}
	if (p->n_exports == 0) {
		load_warn(l, yaml_get(node, "name"), "nothing is exported to peer '%s'", p->name);
		load_hint(l, "what 'export' does not list is not announced");
	}
	return 0;
}

static int load_peers(struct loader *l, const struct yaml_node *node, void *object)
{
	struct config_bgp *b = object;
	const struct yaml_node *server = NULL;
	unsigned int servers = 0;

	if (load_list(l, node, "peers", CONFIG_PEERS_MAX) < 0)
		return -1;
	b->peers = load_array(l, node, sizeof(*b->peers));
	if (b->peers == NULL)
		return -1;
	for (const struct yaml_node *v = node->first; v != NULL; v = v->next) {
		struct config_peer *p = &b->peers[b->n_peers++];

		p->hold_s = 180;
		p->connect_retry_s = 5;
		p->port = 179;
		p->ipv4 = p->ipv6 = true;
		if (load_mapping(l, v, peer_keys, RTE_DIM(peer_keys), p) < 0 || check_peer(l, v, p) < 0)
			return -1;
		if (p->as == AS_ROUTE_SERVER) {
			servers++;
			server = yaml_get(v, "name");
		}
	}
	if (servers == 1) {
		load_warn(l, server, "only one Route Server instance is a peer");
		load_hint(l, "Azure runs two and may take one down: peer with both");
	}
	return 0;
}

static int load_own_as(struct loader *l, const struct yaml_node *node, void *field)
{
	l->bgp_as = node;
	return load_as(l, node, field);
}

#define FIELD(f) offsetof(struct config_bgp, f)
static const struct key bgp_keys[] = {
	{"as", KEY_CUSTOM, .required = true, .offset = FIELD(as), .load = load_own_as},
	{"router_id", KEY_CUSTOM, .offset = FIELD(router_id), .load = load_router_id},
	{"port", KEY_U16, .offset = FIELD(port), .max = 65535},
	{"maximum_paths", KEY_U32, .offset = FIELD(maximum_paths), .min = 1, .max = 32},
	{"peers", KEY_CUSTOM, .required = true, .load = load_peers},
};
#undef FIELD

/* The first IPv4 address of the first port that has one, in the order of the file. */
static rte_be32_t default_router_id(const struct config *c)
{
	for (size_t i = 0; i < c->n_ports; i++)
		for (size_t k = 0; k < c->ports[i].n_addresses; k++)
			if (c->ports[i].addresses[k].addr.family == IP_V4)
				return ip_addr_be32(&c->ports[i].addresses[k].addr);
	return 0;
}

int load_bgp(struct loader *l, const struct yaml_node *node, void *object)
{
	struct config *c = object;

	c->bgp.enabled = true;
	c->bgp.port = 179;
	c->bgp.maximum_paths = 8;
	if (load_mapping(l, node, bgp_keys, RTE_DIM(bgp_keys), &c->bgp) < 0)
		return -1;
	if (c->bgp.router_id == 0)
		c->bgp.router_id = default_router_id(c);
	if (c->bgp.router_id == 0) {
		load_fail(l, node->first->key, "no router id, and no port has an IPv4 address to take");
		return load_hint(l, "add 'router_id: A.B.C.D', unique among the speakers");
	}
	return 0;
}
