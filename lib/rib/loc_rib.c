/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Loc-RIB: the entries, their candidates of all sources, and the one place where a decision is taken
 * and told to the observer. Adj-RIB-In shares the entries: a BGP peer's route is in the list of its
 * prefix, and in that of its hop. Control thread.
 */
#include <errno.h>

#include "base/clock.h"
#include "rib/decide.h"
#include "rib/rib_priv.h"

/* A route should cost one cache line, its entry another. */
_Static_assert(sizeof(struct rib_route) == 64, "rib_route");
_Static_assert(sizeof(struct rib_entry) == 64, "rib_entry");

struct rib_entry *entry_find(const struct rib *r, const struct ip_prefix *prefix)
{
	struct ptree_node *n = ptree_find(&r->tree, prefix);

	return n != NULL ? ptree_entry(n, struct rib_entry, node) : NULL;
}

struct rib_entry *entry_new(struct rib *r, const struct ip_prefix *prefix)
{
	struct rib_entry *e = slab_alloc(&r->entries);

	if (e == NULL)
		return NULL;
	e->node.prefix = *prefix;
	if (ptree_insert(&r->tree, &e->node) < 0) {
		slab_free(&r->entries, e);
		return NULL;
	}
	return e;
}

/* Keeps the counts of what is selected right: sign -1 before a change of the route, 1 after it. */
static void count(struct rib *r, const struct rib_route *route, int sign)
{
	if (route->best)
		r->selected += (uint64_t)sign;
	if ((route->best || route->multipath) && route->hop->peer != NULL)
		route->hop->peer->selected += (uint64_t)sign;
}

void entry_decide(struct rib *r, struct rib_entry *e)
{
	struct rib_route *route;

	for (route = e->routes; route != NULL; route = route->next)
		count(r, route, -1);
	decide(&e->routes, r->maximum_paths);
	for (route = e->routes; route != NULL; route = route->next)
		count(r, route, 1);
	r->ops.changed(r->ops.arg, e);
	if (e->routes == NULL) {
		ptree_remove(&r->tree, &e->node);
		slab_free(&r->entries, e);
	}
}

struct rib_route *route_new(struct rib *r, struct rib_entry *e, struct rib_hop *hop,
	enum rib_source source, enum rib_action action, const struct bgp_attrs *attrs)
{
	struct rib_route *route = slab_alloc(&r->routes);

	if (route == NULL)
		return NULL;
	route->entry = e;
	route->source = source;
	route->action = action;
	route->attrs = attrs != NULL ? bgp_attrs_ref(attrs) : NULL;
	route->since_ms = clock_now_ms();
	route->next = e->routes;
	e->routes = route;
	hop_link(hop, route);
	return route;
}

void route_free(struct rib *r, struct rib_route *route)
{
	struct rib_entry *e = route->entry;
	struct rib_route **at = &e->routes;

	while (*at != route)
		at = &(*at)->next;
	*at = route->next;
	count(r, route, -1);
	bgp_attrs_unref(route->attrs);
	hop_unlink(r, route);
	slab_free(&r->routes, route);
	entry_decide(r, e);
}

static struct rib_route *find_local(const struct rib_entry *e, enum rib_source source,
	const struct ip_addr *next_hop)
{
	struct rib_route *route;

	for (route = e != NULL ? e->routes : NULL; route != NULL; route = route->next) {
		if (route->source == source && ip_addr_equal(&route->hop->addr, next_hop))
			break;
	}
	return route;
}

int rib_add(struct rib *r, const struct ip_prefix *prefix, enum rib_source source,
	enum rib_action action, const struct ip_addr *next_hop, uint16_t port)
{
	static const struct ip_addr none;
	struct rib_entry *e;
	struct rib_hop *hop;

	if (next_hop == NULL)
		next_hop = &none;
	if (source == RIB_BGP || (action == RIB_VIA) != (next_hop->family != IP_NONE))
		return -EINVAL;
	e = entry_find(r, prefix);
	if (find_local(e, source, next_hop) != NULL)
		return -EEXIST;
	if (e == NULL)
		e = entry_new(r, prefix);
	if (e == NULL)
		return -ENOMEM;
	hop = hop_get(r, NULL, next_hop, action == RIB_VIA ? 0 : port, action);
	if (hop == NULL || route_new(r, e, hop, source, action, NULL) == NULL) {
		if (hop != NULL)
			hop_put_unused(r, hop);
		entry_decide(r, e);
		return -ENOMEM;
	}
	entry_decide(r, e);
	if (action == RIB_HOST)
		hops_check_own(r, &prefix->addr);
	return 0;
}

int rib_del(struct rib *r, const struct ip_prefix *prefix, enum rib_source source,
	const struct ip_addr *next_hop)
{
	static const struct ip_addr none;
	struct rib_route *route =
		find_local(entry_find(r, prefix), source, next_hop != NULL ? next_hop : &none);
	bool host;

	if (route == NULL || source == RIB_BGP)
		return -ENOENT;
	host = route->action == RIB_HOST;
	route_free(r, route);
	if (host)
		hops_check_own(r, &prefix->addr);
	return 0;
}

const struct ptree *rib_tree(const struct rib *r)
{
	return &r->tree;
}

void rib_get_counts(const struct rib *r, struct rib_counts *ret_counts)
{
	*ret_counts = (struct rib_counts){
		.prefixes = r->tree.count,
		.routes = r->routes.used,
		.selected = r->selected,
		.hops = r->n_hops,
		.bytes = r->entries.used * r->entries.size + r->routes.used * r->routes.size +
			r->n_hops * sizeof(struct rib_hop),
	};
}
