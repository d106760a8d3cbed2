/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Next hops as the RIB sees them: one object per (peer, address), with the list of its routes, so that
 * a session's end or a change of resolution finds exactly the routes it concerns. Those wait in `todo`
 * and are worked off in slices by rib_run(). Control thread.
 *
 * When a session ends its hops are marked and leave the peer's list. A session that comes back before
 * the flush is done gets new hops, and moves what it announces again over to them.
 */
#include <errno.h>
#include <stdlib.h>

#include "rib/rib_priv.h"

int hops_init(struct rib *r)
{
	r->hop_mask = 63;
	r->hop_table = calloc(r->hop_mask + 1, sizeof(*r->hop_table));
	rib_link_init(&r->local_hops);
	rib_link_init(&r->work);
	return r->hop_table != NULL ? 0 : -ENOMEM;
}

void hops_fini(struct rib *r)
{
	free(r->hop_table);
}

static struct rib_hop **bucket(const struct rib *r, const struct ip_addr *addr)
{
	return &r->hop_table[ip_addr_hash(addr, 0) & r->hop_mask];
}

static void grow(struct rib *r)
{
	struct rib_hop **old = r->hop_table, *hop, **to;
	uint32_t n = r->hop_mask + 1, i;
	struct rib_hop **table = calloc(2 * (size_t)n, sizeof(*table));

	if (table == NULL)
		return; /* longer chains, then */
	r->hop_table = table;
	r->hop_mask = 2 * n - 1;
	for (i = 0; i < n; i++) {
		while ((hop = old[i]) != NULL) {
			old[i] = hop->hash_next;
			to = bucket(r, &hop->addr);
			hop->hash_next = *to;
			*to = hop;
		}
	}
	free(old);
}

struct rib_hop *hop_find(const struct rib *r, const struct rib_peer *peer,
	const struct ip_addr *addr, uint16_t port)
{
	struct rib_hop *hop;

	for (hop = *bucket(r, addr); hop != NULL; hop = hop->hash_next) {
		if (hop->peer == peer && !hop->flushing && hop->port == port &&
			ip_addr_equal(&hop->addr, addr))
			return hop;
	}
	return NULL;
}

/* Whether the RIB holds the address as one of ours. */
static bool is_own(const struct rib *r, const struct ip_addr *addr)
{
	struct ip_prefix host = ip_prefix_host(addr);
	const struct rib_entry *e = entry_find(r, &host);
	const struct rib_route *route;

	for (route = e != NULL ? e->routes : NULL; route != NULL; route = route->next) {
		if (route->action == RIB_HOST)
			return true;
	}
	return false;
}

struct rib_hop *hop_get(struct rib *r, struct rib_peer *peer, const struct ip_addr *addr,
	uint16_t port, enum rib_action action)
{
	struct rib_hop *hop = hop_find(r, peer, addr, port), **at;

	if (hop != NULL)
		return hop;
	hop = calloc(1, sizeof(*hop));
	if (hop == NULL)
		return NULL;
	if (r->n_hops > r->hop_mask)
		grow(r);
	hop->addr = *addr;
	hop->port = port;
	hop->peer = peer;
	rib_link_init(&hop->routes);
	rib_link_init(&hop->todo);
	rib_link_init(&hop->work);
	at = bucket(r, addr);
	hop->hash_next = *at;
	*at = hop;
	r->n_hops++;
	rib_link_append(peer != NULL ? &peer->hops : &r->local_hops, &hop->siblings);
	if (action == RIB_VIA) {
		hop->own = is_own(r, addr);
		hop->resolves = r->ops.track(r->ops.arg, hop);
	} else {
		hop->resolves = true;
	}
	return hop;
}

void hop_put_unused(struct rib *r, struct rib_hop *hop)
{
	struct rib_hop **at;

	if (hop->n_routes > 0)
		return;
	if (hop->addr.family != IP_NONE)
		r->ops.untrack(r->ops.arg, hop);
	for (at = bucket(r, &hop->addr); *at != hop; at = &(*at)->hash_next)
		;
	*at = hop->hash_next;
	r->n_hops--;
	rib_link_remove(&hop->siblings);
	rib_link_remove(&hop->work);
	free(hop);
}

void hop_link(struct rib_hop *hop, struct rib_route *route)
{
	route->hop = hop;
	rib_link_append(&hop->routes, &route->link);
	hop->n_routes++;
	if (hop->peer != NULL)
		hop->peer->received++;
}

void hop_unlink(struct rib *r, struct rib_route *route)
{
	struct rib_hop *hop = route->hop;

	rib_link_remove(&route->link);
	hop->n_routes--;
	if (hop->peer != NULL && !hop->flushing)
		hop->peer->received--;
	route->hop = NULL;
	hop_put_unused(r, hop);
}

void hop_redo(struct rib *r, struct rib_hop *hop)
{
	rib_link_splice(&hop->todo, &hop->routes);
	if (rib_link_empty(&hop->work))
		rib_link_append(&r->work, &hop->work);
}

void hops_flush(struct rib *r, struct rib_peer *peer)
{
	while (!rib_link_empty(&peer->hops)) {
		struct rib_hop *hop = rib_link_entry(peer->hops.next, struct rib_hop, siblings);

		rib_link_remove(&hop->siblings);
		hop->flushing = true;
		hop_redo(r, hop);
	}
	peer->received = 0;
}

void hops_check_own(struct rib *r, const struct ip_addr *addr)
{
	bool own = is_own(r, addr);
	struct rib_hop *hop;

	for (hop = *bucket(r, addr); hop != NULL; hop = hop->hash_next) {
		if (ip_addr_equal(&hop->addr, addr) && hop->own != own) {
			hop->own = own;
			hop_redo(r, hop);
		}
	}
	rib_run(r, RIB_SLICE);
}

void rib_next_hop_changed(struct rib *r, const struct ip_addr *next_hop, bool resolves)
{
	struct rib_hop *hop;

	for (hop = *bucket(r, next_hop); hop != NULL; hop = hop->hash_next) {
		if (ip_addr_equal(&hop->addr, next_hop)) {
			hop->resolves = resolves;
			hop_redo(r, hop);
		}
	}
}

void rib_port_changed(struct rib *r, uint16_t port, bool up)
{
	struct rib_link *l;

	for (l = r->local_hops.next; l != &r->local_hops; l = l->next) {
		struct rib_hop *hop = rib_link_entry(l, struct rib_hop, siblings);

		/* Next hops with an address are the observer's to resolve. */
		if (hop->addr.family == IP_NONE && hop->port == port && hop->resolves != up) {
			hop->resolves = up;
			hop_redo(r, hop);
		}
	}
}

bool rib_run(struct rib *r, unsigned int budget)
{
	while (!rib_link_empty(&r->work)) {
		struct rib_hop *hop = rib_link_entry(r->work.next, struct rib_hop, work);
		struct rib_route *route;

		if (rib_link_empty(&hop->todo)) {
			rib_link_remove(&hop->work);
			continue;
		}
		if (budget-- == 0)
			return true;
		route = rib_link_entry(hop->todo.next, struct rib_route, link);
		if (hop->flushing) {
			route_free(r, route);
		} else {
			rib_link_remove(&route->link);
			rib_link_append(&hop->routes, &route->link);
			entry_decide(r, route->entry);
		}
	}
	return false;
}
