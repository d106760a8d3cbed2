/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Adj-RIB-In: what a peer's UPDATEs say, put into the entries (RFC 4271 9, 9.1). Between the session
 * (lib/bgp) and the decision (loc_rib.c). Control thread.
 */
#include <errno.h>

#include "base/clock.h"
#include "rib/rib_priv.h"

/* The peer's route in an entry: at most one, of this session or left from the one before. */
static struct rib_route *find_route(const struct rib_entry *e, const struct rib_peer *p)
{
	struct rib_route *route;

	for (route = e != NULL ? e->routes : NULL; route != NULL; route = route->next) {
		if (route->hop->peer == p)
			break;
	}
	return route;
}

static void withdraw(struct rib *r, struct rib_peer *p, const struct ip_prefix *prefix)
{
	struct rib_route *route = find_route(entry_find(r, prefix), p);

	if (route != NULL)
		route_free(r, route);
}

/* Implicit replacement (RFC 4271 3.1): the new route takes the old one's place in one step. */
static void replace(struct rib *r, struct rib_route *route, struct rib_hop *hop,
	const struct bgp_attrs *attrs)
{
	const struct bgp_attrs *old = route->attrs;

	if (route->hop == hop && old == attrs)
		return;
	if (route->hop != hop) {
		/* The selected counts go by the hop's peer, which stays the same. */
		hop_unlink(r, route);
		hop_link(hop, route);
	}
	route->attrs = bgp_attrs_ref(attrs);
	bgp_attrs_unref(old);
	route->since_ms = clock_now_ms();
	entry_decide(r, route->entry);
}

static int announce(struct rib *r, struct rib_peer *p, const struct ip_prefix *prefix,
	struct rib_hop *hop, const struct bgp_attrs *attrs)
{
	struct rib_entry *e = entry_find(r, prefix);
	struct rib_route *route = find_route(e, p);

	if (p->conf->max_prefixes != 0 && (route == NULL || route->hop->flushing) &&
		p->received >= p->conf->max_prefixes)
		return -EDQUOT;
	if (route != NULL) {
		replace(r, route, hop, attrs);
		return 0;
	}
	if (e == NULL)
		e = entry_new(r, prefix);
	if (e == NULL)
		return -ENOMEM;
	route = route_new(r, e, hop, RIB_BGP, RIB_VIA, attrs);
	entry_decide(r, e); /* also frees an entry that got no route */
	return route != NULL ? 0 : -ENOMEM;
}

/* Reachable prefixes of one family: they share the next hop. */
static int announce_family(struct rib *r, struct rib_peer *p, const struct bgp_update *u,
	uint8_t family, const struct ip_addr *next_hop)
{
	struct rib_hop *hop = NULL;
	size_t i;
	int ret = 0;

	for (i = 0; i < u->n_reach && ret == 0; i++) {
		if (u->reach[i].addr.family != family)
			continue;
		if (hop == NULL)
			hop = hop_get(r, p, next_hop, 0, RIB_VIA);
		ret = hop != NULL ? announce(r, p, &u->reach[i], hop, u->attrs) : -ENOMEM;
	}
	if (hop != NULL)
		hop_put_unused(r, hop);
	return ret;
}

int adj_in_update(struct rib *r, struct rib_peer *p, const struct bgp_update *u)
{
	size_t i;
	int ret;

	for (i = 0; i < u->n_unreach; i++)
		withdraw(r, p, &u->unreach[i]);
	if (u->attrs == NULL)
		return 0;
	/* 9.1.2: a path that holds our own AS is not eligible. It still replaces what the peer said
	 * of the prefix before. */
	if (bgp_as_path_has(u->attrs, p->local_as)) {
		for (i = 0; i < u->n_reach; i++)
			withdraw(r, p, &u->reach[i]);
		p->looped += u->n_reach;
		return 0;
	}
	ret = announce_family(r, p, u, IP_V4, &u->next_hop_v4);
	return ret < 0 ? ret : announce_family(r, p, u, IP_V6, &u->next_hop_v6);
}
