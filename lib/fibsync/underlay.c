/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The underlay: connected prefixes and the configuration's underlay routes. Next hops, BGP peers and
 * tunnel endpoints resolve here and nowhere else, and nothing that is learned enters: a route server's
 * VNet prefix that covers the route server itself cannot make its own next hop recurse. Control thread.
 */
#include <errno.h>
#include <stdlib.h>

#include "fibsync/fibsync_priv.h"

#define underlay_of(n) ptree_entry((n), struct fs_underlay, node)

static struct fs_underlay *find(const struct fibsync *s, const struct ip_prefix *prefix)
{
	struct ptree_node *n = ptree_find(&s->underlay, prefix);

	return n != NULL ? underlay_of(n) : NULL;
}

/* The longest connected prefix that holds the address; up_only leaves out ports that are down. */
static const struct fs_underlay *connected_to(const struct fibsync *s, const struct ip_addr *addr,
	bool up_only)
{
	struct ptree_node *n;

	for (n = ptree_match(&s->underlay, addr); n != NULL;
		n = ptree_covering(&s->underlay, &n->prefix)) {
		const struct fs_underlay *u = underlay_of(n);

		if (u->connected && !(up_only && s->down[u->port]))
			return u;
	}
	return NULL;
}

static int add(struct fibsync *s, const struct fs_underlay *proto)
{
	struct fs_underlay *u = malloc(sizeof(*u));
	int ret;

	if (u == NULL)
		return -ENOMEM;
	*u = *proto;
	ret = ptree_insert(&s->underlay, &u->node);
	if (ret < 0) {
		free(u);
		return ret;
	}
	fibsync_review_hops(s, false);
	return 0;
}

int fibsync_underlay_connected(struct fibsync *s, const struct ip_prefix *prefix, uint16_t port)
{
	const struct fs_underlay *u = find(s, prefix);
	struct fs_underlay proto = {.node.prefix = *prefix, .connected = true, .port = port};

	if (port >= PORT_MAX)
		return -EINVAL;
	if (u != NULL) /* a second address in the same subnet */
		return u->connected && u->port == port ? 0 : -EEXIST;
	return add(s, &proto);
}

int fibsync_underlay_route(struct fibsync *s, const struct config_route *route)
{
	struct fs_underlay proto = {
		.node.prefix = route->prefix, .kind = route->kind, .n_via = route->n_via};
	unsigned int i;

	if (route->n_via > CONFIG_VIA_MAX || (route->kind == CONFIG_ROUTE_VIA && route->n_via == 0))
		return -EINVAL;
	for (i = 0; i < route->n_via; i++) {
		if (connected_to(s, &route->via[i], false) == NULL)
			return -ENETUNREACH;
		proto.via[i] = route->via[i];
	}
	return add(s, &proto);
}

static unsigned int gateways_of(const struct fibsync *s, const struct fs_underlay *u,
	struct fs_gateway *ret_gateways)
{
	unsigned int i, n = 0;

	for (i = 0; i < u->n_via; i++) {
		const struct fs_underlay *c = connected_to(s, &u->via[i], true);

		if (c != NULL)
			ret_gateways[n++] = (struct fs_gateway){.addr = u->via[i], .port = c->port};
	}
	return n;
}

unsigned int underlay_resolve(const struct fibsync *s, const struct ip_addr *addr,
	struct fs_gateway *ret_gateways, struct ip_prefix *ret_route)
{
	struct ptree_node *n;
	unsigned int count = 0;

	if (addr->family == IP_NONE || ip_addr_is_unspecified(addr) || ip_addr_is_multicast(addr) ||
		ip_addr_is_loopback(addr))
		return 0;
	/* What leads over ports that are all down does not count; a shorter prefix may do. */
	for (n = ptree_match(&s->underlay, addr); n != NULL && count == 0;
		n = ptree_covering(&s->underlay, &n->prefix)) {
		const struct fs_underlay *u = underlay_of(n);

		if (u->connected) {
			if (s->down[u->port])
				continue;
			ret_gateways[0] = (struct fs_gateway){.addr = *addr, .port = u->port};
			count = 1;
		} else if (u->kind != CONFIG_ROUTE_VIA) {
			return 0;
		} else {
			count = gateways_of(s, u, ret_gateways);
		}
		if (count > 0 && ret_route != NULL)
			*ret_route = n->prefix;
	}
	return count;
}

bool underlay_is_connected(const struct fibsync *s, const struct ip_prefix *prefix)
{
	const struct fs_underlay *u = find(s, prefix);
	struct ptree_node *n;

	if (u != NULL && u->connected)
		return true;
	for (n = ptree_covering(&s->underlay, prefix); n != NULL;
		n = ptree_covering(&s->underlay, &n->prefix)) {
		if (underlay_of(n)->connected)
			return true;
	}
	return false;
}

uint32_t fibsync_resolve(void *arg, const struct ip_addr *dst)
{
	struct fs_gateway gateways[CONFIG_VIA_MAX];
	struct fibsync *s = arg;
	unsigned int i, n = underlay_resolve(s, dst, gateways, NULL);
	uint32_t nh = NH_NONE;

	/* lib/neigh keeps an entry for a while after its last reference; the caller uses the index
	 * at once. */
	for (i = 0; i < n && nh == NH_NONE; i++) {
		nh = neigh_acquire(s->conf.neigh, gateways[i].port, &gateways[i].addr);
		if (nh != NH_NONE)
			neigh_release(s->conf.neigh, nh);
	}
	return nh;
}

int fibsync_underlay_lookup(struct fibsync *s, const struct ip_addr *dst, struct ip_prefix *ret_route,
	uint16_t *ret_port, struct ip_addr *ret_gateway)
{
	struct fs_gateway gateways[CONFIG_VIA_MAX];

	if (underlay_resolve(s, dst, gateways, ret_route) == 0)
		return -ENOENT;
	*ret_port = gateways[0].port;
	*ret_gateway = gateways[0].addr;
	return 0;
}

void underlay_free(struct fibsync *s)
{
	struct ptree_node *n;

	while ((n = ptree_first_from(&s->underlay, NULL)) != NULL) {
		ptree_remove(&s->underlay, n);
		free(underlay_of(n));
	}
}
