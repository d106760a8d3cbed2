/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The neighbours and the ports that they are on. Control thread. An entry is found by port and address,
 * or by the index of its adjacency, which is what workers and routes hold.
 */
#include "neigh/neigh_priv.h"

#include <errno.h>
#include <stdlib.h>

#include <rte_common.h>
#include <rte_random.h>

#include "base/log.h"
#include "drop/drop.h"

#define ANNOUNCES 3 /* MAX_NEIGHBOR_ADVERTISEMENT, RFC 4861 10 */

static void set_default(uint32_t *value, uint32_t def)
{
	if (*value == 0)
		*value = def;
}

struct neigh_table *neigh_new(const struct neigh_conf *conf)
{
	struct neigh_table *t = calloc(1, sizeof(*t));
	uint32_t buckets;

	if (t == NULL)
		return NULL;
	t->conf = *conf;
	t->now_ms = conf->now_ms;
	ptree_init(&t->proxies);
	set_default(&t->conf.max_entries, 65536);
	set_default(&t->conf.hold_packets, 16);
	set_default(&t->conf.hold_total, 1024);
	set_default(&t->conf.reachable_ms, 30000);
	set_default(&t->conf.retransmit_ms, 1000);
	set_default(&t->conf.probes, 3);
	set_default(&t->conf.unused_ms, 300000);
	t->conf.hold_packets = RTE_MIN(t->conf.hold_packets, 1024u);
	t->conf.probes = RTE_MIN(t->conf.probes, 255u);
	buckets = rte_align32pow2(RTE_MIN(t->conf.max_entries, 1u << 20));
	t->bucket_mask = buckets - 1;
	t->hash_seed = (uint32_t)rte_rand();
	t->buckets = calloc(buckets, sizeof(*t->buckets));
	t->by_nh = calloc(conf->nh->size, sizeof(*t->by_nh));
	if (t->buckets == NULL || t->by_nh == NULL) {
		neigh_free(t);
		errno = ENOMEM;
		return NULL;
	}
	return t;
}

void neigh_free(struct neigh_table *t)
{
	struct ptree_node *proxy;

	if (t == NULL)
		return;
	while ((proxy = ptree_first_from(&t->proxies, NULL)) != NULL)
		neigh_proxy_del(t, &proxy->prefix.addr);
	for (uint32_t i = 0; t->buckets != NULL && i <= t->bucket_mask; i++)
		while (t->buckets[i] != NULL)
			neigh_entry_free(t, t->buckets[i]);
	for (unsigned int i = 0; i < PORT_MAX; i++)
		free(t->ports[i].addrs);
	neigh_kernel_close(t);
	free(t->heap);
	free(t->by_nh);
	free(t->buckets);
	free(t);
}

static uint32_t bucket_of(const struct neigh_table *t, uint16_t port_id, const struct ip_addr *addr)
{
	return ip_addr_hash(addr, t->hash_seed + port_id) & t->bucket_mask;
}

struct neigh_entry *neigh_find(const struct neigh_table *t, uint16_t port_id,
	const struct ip_addr *addr)
{
	struct neigh_entry *e = t->buckets[bucket_of(t, port_id, addr)];

	while (e != NULL && (e->port_id != port_id || !ip_addr_equal(&e->addr, addr)))
		e = e->chain;
	return e;
}

struct neigh_entry *neigh_entry_new(struct neigh_table *t, uint16_t port_id,
	const struct ip_addr *addr, bool gleaned)
{
	const struct neigh_port *np = port_id < PORT_MAX ? &t->ports[port_id] : NULL;
	/* A scan of a connected prefix must not keep a route's next hop out. */
	uint32_t max = t->conf.max_entries - (gleaned ? t->conf.max_entries / 4 : 0);
	struct neigh_entry *e;
	uint32_t bucket;

	if (np == NULL || np->port == NULL) {
		errno = ENODEV;
		return NULL;
	}
	if (t->stats.entries >= max) {
		t->stats.table_full++;
		errno = ENOSPC;
		return NULL;
	}
	e = calloc(1, sizeof(*e) + t->conf.hold_packets * sizeof(e->held[0]));
	if (e == NULL)
		return NULL;
	e->timer = NEIGH_NO_TIMER;
	e->port_id = port_id;
	e->addr = *addr;
	e->gleaned = gleaned;
	e->state = NEIGH_INCOMPLETE;
	e->used_ms = e->confirmed_ms = t->now_ms;
	e->nh = nh_new(t->conf.nh, &(struct nh){.kind = NH_PENDING, .family = addr->family,
		.port = port_id, .mtu_bytes = np->port->mtu_bytes, .addr = *addr});
	if (e->nh == NH_NONE || neigh_timer_set(t, e, NEIGH_NEVER) != 0) {
		int err = e->nh == NH_NONE ? errno : ENOMEM;

		nh_unref(t->conf.nh, e->nh);
		free(e);
		t->stats.table_full++;
		errno = err;
		return NULL;
	}
	t->by_nh[e->nh] = e;
	bucket = bucket_of(t, port_id, addr);
	e->chain = t->buckets[bucket];
	t->buckets[bucket] = e;
	t->stats.entries++;
	return e;
}

void neigh_entry_free(struct neigh_table *t, struct neigh_entry *e)
{
	struct neigh_entry **link = &t->buckets[bucket_of(t, e->port_id, &e->addr)];

	while (*link != e)
		link = &(*link)->chain;
	*link = e->chain;
	neigh_drop_held(t, e, DROP_NEIGH_FAILED);
	neigh_timer_clear(t, e);
	t->by_nh[e->nh] = NULL;
	nh_unref(t->conf.nh, e->nh);
	t->stats.entries--;
	free(e);
}

bool neigh_in_use(const struct neigh_table *t, const struct neigh_entry *e)
{
	return t->conf.nh->nh[e->nh].refs > 1;
}

bool neigh_port_owns(const struct neigh_port *np, const struct ip_addr *addr)
{
	for (size_t i = 0; i < np->n_addrs; i++)
		if (ip_addr_equal(&np->addrs[i].addr, addr))
			return true;
	return addr->family != IP_NONE && ip_addr_equal(&np->link_local, addr);
}

const struct config_address *neigh_port_prefix(const struct neigh_port *np,
	const struct ip_addr *addr)
{
	const struct config_address *best = NULL;

	for (size_t i = 0; i < np->n_addrs; i++) {
		const struct config_address *a = &np->addrs[i];
		struct ip_prefix prefix = {.addr = a->addr, .len = a->len};

		ip_prefix_canonicalise(&prefix);
		if (ip_prefix_contains(&prefix, addr) && (best == NULL || a->len > best->len))
			best = a;
	}
	return best;
}

int neigh_proxy_add(struct neigh_table *t, const struct ip_addr *addr)
{
	struct ptree_node *n = calloc(1, sizeof(*n));
	int rc;

	if (n == NULL)
		return -ENOMEM;
	n->prefix = ip_prefix_host(addr);
	rc = ptree_insert(&t->proxies, n);
	if (rc < 0)
		free(n);
	return rc < 0 ? rc : 0;
}

void neigh_proxy_del(struct neigh_table *t, const struct ip_addr *addr)
{
	struct ip_prefix host = ip_prefix_host(addr);
	struct ptree_node *n = ptree_find(&t->proxies, &host);

	if (n == NULL)
		return;
	ptree_remove(&t->proxies, n);
	free(n);
}

bool neigh_answers(const struct neigh_table *t, const struct neigh_port *np,
	const struct ip_addr *addr)
{
	struct ip_prefix host;

	if (neigh_port_owns(np, addr))
		return true;
	if (t->proxies.count == 0 || addr->family == IP_NONE || neigh_port_prefix(np, addr) == NULL)
		return false;
	host = ip_prefix_host(addr);
	return ptree_find(&t->proxies, &host) != NULL;
}

static int add_static(struct neigh_table *t, uint16_t port_id, const struct config_neighbour *n)
{
	struct neigh_entry *e = neigh_find(t, port_id, &n->addr);

	if (e == NULL)
		e = neigh_entry_new(t, port_id, &n->addr, false);
	if (e == NULL)
		return -errno;
	neigh_set_static(t, e, &n->mac);
	return 0;
}

int neigh_port_add(struct neigh_table *t, const struct port *port, const struct config_port *conf)
{
	struct neigh_port *np = port->id < PORT_MAX ? &t->ports[port->id] : NULL;
	bool has_v6 = false;
	int rc = 0;

	if (np == NULL || np->port != NULL)
		return -EEXIST;
	*np = (struct neigh_port){.port = port, .n_addrs = conf->n_addresses};
	np->addrs = calloc(conf->n_addresses + 1, sizeof(*np->addrs));
	if (np->addrs == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < conf->n_addresses; i++) {
		np->addrs[i] = conf->addresses[i];
		has_v6 |= conf->addresses[i].addr.family == IP_V6;
	}
	if (!has_v6)
		np->link_local = nd_link_local(&port->mac);
	if (port->kernel_owns_addresses)
		rc = neigh_kernel_open(t, np);
	else
		np->announces_left = ANNOUNCES;
	for (size_t i = 0; i < conf->n_neighbours && rc == 0; i++)
		rc = add_static(t, port->id, &conf->neighbours[i]);
	return rc;
}

uint32_t neigh_acquire(struct neigh_table *t, uint16_t port_id, const struct ip_addr *addr)
{
	struct neigh_entry *e = neigh_find(t, port_id, addr);

	if (e == NULL) {
		e = neigh_entry_new(t, port_id, addr, false);
		if (e == NULL)
			return NH_NONE;
		neigh_start(t, e);
	}
	nh_ref(t->conf.nh, e->nh);
	return e->nh;
}

void neigh_release(struct neigh_table *t, uint32_t nh)
{
	if (nh != NH_NONE && nh < t->conf.nh->size && t->by_nh[nh] != NULL)
		t->by_nh[nh]->used_ms = t->now_ms;
	nh_unref(t->conf.nh, nh);
}

void neigh_get_stats(const struct neigh_table *t, struct neigh_stats *ret_stats)
{
	*ret_stats = t->stats;
	ret_stats->held = t->held;
}

void neigh_foreach(const struct neigh_table *t, void (*fn)(void *arg, const struct neigh_info *),
	void *arg)
{
	for (uint32_t i = 0; i <= t->bucket_mask; i++)
		for (const struct neigh_entry *e = t->buckets[i]; e != NULL; e = e->chain) {
			struct neigh_info info = {
				.port_id = e->port_id,
				.addr = e->addr,
				.mac = e->mac,
				.state = e->state,
				.resolved = e->resolved,
				.gleaned = e->gleaned,
				.age_ms = t->now_ms - e->confirmed_ms,
				.held = e->held_count,
				.refs = t->conf.nh->nh[e->nh].refs - 1,
			};
			fn(arg, &info);
		}
}
