/* SPDX-License-Identifier: BSD-3-Clause */
/* The sections `underlay` and `routes`: static routes over gateways that the ports can reach. */
#include <stdlib.h>
#include <string.h>

#include "load_priv.h"

const struct config_port *port_towards(const struct config *c, const struct ip_addr *addr)
{
	const struct config_port *p = port_connected(c, addr);
	const struct config_route *best = NULL;

	if (p != NULL)
		return p;
	for (size_t i = 0; i < c->n_underlay_routes; i++) {
		const struct config_route *r = &c->underlay_routes[i];

		if (ip_prefix_contains(&r->prefix, addr) &&
			(best == NULL || r->prefix.len > best->prefix.len))
			best = r;
	}
	return best != NULL ? port_connected(c, &best->via[0]) : NULL;
}

/* One route being read, and the table that it goes to. */
struct draft {
	struct config_route route;
	bool blackhole, discard;
	bool underlay;
};

static int load_gateway(struct loader *l, const struct yaml_node *node, struct draft *d)
{
	struct ip_addr gw;

	if (load_addr(l, node, &gw) < 0)
		return -1;
	if (gw.family != d->route.prefix.addr.family) {
		load_fail(l, node, "the gateway %s and the prefix %s are of different families",
			node->text, IP_PREFIX_TEXT(&d->route.prefix));
		return load_hint(l, gw.family == IP_V4 ? "an IPv6 prefix needs an IPv6 gateway"
						       : "an IPv4 prefix needs an IPv4 gateway");
	}
	if (load_unicast(l, node, &gw) < 0)
		return -1;
	if (port_owning(l->c, &gw) != NULL) {
		load_fail(l, node, "%s is the own address of port '%s'", node->text,
			port_owning(l->c, &gw)->name);
		return load_hint(l, "a gateway is another host: in Azure the subnet's first address");
	}
	if (d->underlay ? port_connected(l->c, &gw) == NULL : port_towards(l->c, &gw) == NULL) {
		load_fail(l, node, "%s is not on a connected prefix", node->text);
		return load_hint(l, d->underlay
			? "a gateway lies in the prefix of one of the ports' addresses"
			: "a gateway lies in the prefix of a port's address or of an underlay route");
	}
	for (unsigned int i = 0; i < d->route.n_via; i++)
		if (ip_addr_equal(&d->route.via[i], &gw)) {
			load_fail(l, node, "duplicate gateway %s", node->text);
			return load_hint(l, "list each gateway once");
		}
	d->route.via[d->route.n_via++] = gw;
	return 0;
}

static int load_via(struct loader *l, const struct yaml_node *node, void *object)
{
	struct draft *d = object;

	if (node->type == YAML_SCALAR)
		return load_gateway(l, node, d);
	if (load_list(l, node, "gateways", CONFIG_VIA_MAX) < 0)
		return -1;
	if (node->n_children == 0) {
		load_fail(l, node, "no gateway");
		return load_hint(l, "name one, or several for ECMP");
	}
	for (const struct yaml_node *v = node->first; v != NULL; v = v->next)
		if (load_gateway(l, v, d) < 0)
			return -1;
	return 0;
}

static int load_route_prefix(struct loader *l, const struct yaml_node *node, void *field)
{
	return load_prefix(l, node, field);
}

static const struct key main_keys[] = {
	{"prefix", KEY_CUSTOM, .required = true, .offset = offsetof(struct draft, route.prefix),
		.load = load_route_prefix},
	{"via", KEY_CUSTOM, .load = load_via},
	{"blackhole", KEY_BOOL, .offset = offsetof(struct draft, blackhole)},
	{"discard", KEY_BOOL, .offset = offsetof(struct draft, discard)},
};

static const struct key underlay_keys[] = {
	{"prefix", KEY_CUSTOM, .required = true, .offset = offsetof(struct draft, route.prefix),
		.load = load_route_prefix},
	{"via", KEY_CUSTOM, .required = true, .load = load_via},
};

static int check_action(struct loader *l, const struct yaml_node *node, struct draft *d)
{
	static const char *const actions[] = {"via", "blackhole", "discard"};
	const struct yaml_node *seen = NULL;

	for (size_t i = 0; i < RTE_DIM(actions); i++) {
		const struct yaml_node *v = yaml_get(node, actions[i]);

		if (v == NULL)
			continue;
		if (seen != NULL) {
			load_fail(l, v->key, "'%s' beside '%s'", actions[i], seen->key->text);
			return load_hint(l, "a route does one thing: delete one of the two");
		}
		seen = v;
	}
	if (seen == NULL) {
		load_fail(l, yaml_get(node, "prefix"), "the route leads nowhere");
		return load_hint(l, "add 'via: GATEWAY', 'blackhole: true' or 'discard: true'");
	}
	if (d->route.n_via == 0 && !d->blackhole && !d->discard) {
		load_fail(l, seen, "'%s: false' leaves the route without an action", seen->key->text);
		return load_hint(l, "write true, or delete the route");
	}
	d->route.kind = d->blackhole ? CONFIG_ROUTE_BLACKHOLE
		: d->discard	     ? CONFIG_ROUTE_DISCARD
				     : CONFIG_ROUTE_VIA;
	return 0;
}

static int load_route_list(struct loader *l, const struct yaml_node *node, bool underlay,
	struct config_route **routes, size_t *n_routes)
{
	if (load_list(l, node, "routes", CONFIG_ROUTES_MAX) < 0)
		return -1;
	*routes = load_array(l, node, sizeof(**routes));
	if (*routes == NULL)
		return -1;
	for (const struct yaml_node *v = node->first; v != NULL; v = v->next) {
		struct draft d = {.underlay = underlay};

		if (load_mapping(l, v, underlay ? underlay_keys : main_keys,
			    underlay ? RTE_DIM(underlay_keys) : RTE_DIM(main_keys), &d) < 0)
			return -1;
		if (!underlay && check_action(l, v, &d) < 0)
			return -1;
		for (size_t i = 0; i < *n_routes; i++)
			if (ip_prefix_equal(&(*routes)[i].prefix, &d.route.prefix)) {
				load_fail(l, yaml_get(v, "prefix"), "duplicate route for %s",
					IP_PREFIX_TEXT(&d.route.prefix));
				return load_hint(l, "several gateways go into one: via: [A, B]");
			}
		(*routes)[(*n_routes)++] = d.route;
	}
	return 0;
}

static int load_underlay_routes(struct loader *l, const struct yaml_node *node, void *object)
{
	struct config *c = object;

	return load_route_list(l, node, true, &c->underlay_routes, &c->n_underlay_routes);
}

static const struct key section_keys[] = {
	{"routes", KEY_CUSTOM, .load = load_underlay_routes},
};

int load_underlay(struct loader *l, const struct yaml_node *node, void *object)
{
	return load_mapping(l, node, section_keys, RTE_DIM(section_keys), object);
}

int load_routes(struct loader *l, const struct yaml_node *node, void *object)
{
	struct config *c = object;

	return load_route_list(l, node, false, &c->routes, &c->n_routes);
}
