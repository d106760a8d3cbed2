/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What changed between two configurations: of what can be applied while nvad runs, which sections; of
 * the rest, the names of what would need a restart. Strict: an order that changed is a difference.
 */
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "config/config.h"

/* A field that is added to a struct must be compared here: then set the new size. */
#define COMPARED(type, bytes)                                                                      \
	static_assert(sizeof(void *) != 8 || sizeof(struct type) == (bytes),                        \
		#type " changed: compare it")
COMPARED(config_system, 164);
COMPARED(config_device, 972);
COMPARED(config_port, 1064);
COMPARED(config_route, 164);
COMPARED(config_export, 72);
COMPARED(config_peer, 144);
COMPARED(config_bgp, 40);
COMPARED(config_flows, 40);
COMPARED(config_nat_match, 48);
COMPARED(config_nat_pool, 56);
COMPARED(config_snat, 120);
COMPARED(config_dnat, 128);
COMPARED(config, 360);

struct report {
	char *buf;
	size_t len, used;
};

__attribute__((format(printf, 2, 3))) static void differs(struct report *r, const char *fmt, ...)
{
	char text[160];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (r->used < r->len)
		r->used += (size_t)snprintf(r->buf + r->used, r->len - r->used, "%s%s",
			r->used > 0 ? ", " : "", text);
}

#define SAME(f) (a->f == b->f)
#define SAME_TEXT(f) (strcmp(a->f, b->f) == 0)
#define SAME_ADDR(f) ip_addr_equal(&a->f, &b->f)
/* Of elements without padding. */
#define SAME_LIST(f, n) (a->n == b->n && memcmp_empty(a->f, b->f, a->n * sizeof(*a->f)) == 0)

static int memcmp_empty(const void *a, const void *b, size_t bytes)
{
	return bytes == 0 ? 0 : memcmp(a, b, bytes); /* lists of none are NULL */
}

/* --- what needs a restart --- */

static void compare_system(struct report *r, const struct config_system *a,
	const struct config_system *b)
{
#define ONE(cond, key)                                                                             \
	do {                                                                                       \
		if (!(cond))                                                                       \
			differs(r, "system." key);                                                 \
	} while (0)
	ONE(SAME(workers), "workers");
	ONE(SAME(poll), "poll");
	ONE(SAME(huge_pages), "huge_pages");
	ONE(SAME(memory_mb), "memory_mb");
	ONE(SAME(packet_buffers), "packet_buffers");
	ONE(SAME_TEXT(socket), "socket");
	ONE(SAME_TEXT(socket_group), "socket_group");
	ONE(SAME(max_v4_groups), "max_v4_groups");
#undef ONE
}

static bool same_device(const struct config_device *a, const struct config_device *b)
{
	return SAME(kind) && SAME_TEXT(interface) && SAME_TEXT(address) && SAME(has_mac) &&
		memcmp(&a->mac, &b->mac, sizeof(a->mac)) == 0 && SAME_TEXT(socket) && SAME(server) &&
		SAME(memif_id) && SAME_TEXT(rx_file) && SAME_TEXT(tx_file) && SAME_TEXT(devargs);
}

static bool same_neighbours(const struct config_port *a, const struct config_port *b)
{
	for (size_t i = 0; i < a->n_neighbours && i < b->n_neighbours; i++)
		if (!SAME_ADDR(neighbours[i].addr) ||
			memcmp(&a->neighbours[i].mac, &b->neighbours[i].mac,
				sizeof(a->neighbours[i].mac)) != 0)
			return false;
	return SAME(n_neighbours);
}

static bool same_addresses(const struct config_port *a, const struct config_port *b)
{
	for (size_t i = 0; i < a->n_addresses && i < b->n_addresses; i++)
		if (!SAME_ADDR(addresses[i].addr) || !SAME(addresses[i].len))
			return false;
	return SAME(n_addresses);
}

static void compare_port(struct report *r, const struct config_port *a, const struct config_port *b)
{
#define ONE(cond, key)                                                                             \
	do {                                                                                       \
		if (!(cond))                                                                       \
			differs(r, "port %s: " key, a->name);                                      \
	} while (0)
	ONE(same_device(&a->device, &b->device), "device");
	ONE(SAME(mtu_bytes), "mtu");
	ONE(same_addresses(a, b), "addresses");
	ONE(same_neighbours(a, b), "neighbours");
	ONE(SAME_TEXT(punt_interface), "punt_interface");
	ONE(SAME(punt), "punt");
#undef ONE
}

static void compare_ports(struct report *r, const struct config *a, const struct config *b)
{
	bool same = SAME(n_ports);

	for (size_t i = 0; same && i < a->n_ports; i++)
		same = SAME_TEXT(ports[i].name);
	if (!same) {
		differs(r, "ports: which there are, or their order");
		return;
	}
	for (size_t i = 0; i < a->n_ports; i++)
		compare_port(r, &a->ports[i], &b->ports[i]);
}

static bool same_route(const struct config_route *a, const struct config_route *b)
{
	if (!ip_prefix_equal(&a->prefix, &b->prefix) || !SAME(kind) || !SAME(n_via))
		return false;
	for (unsigned int i = 0; i < a->n_via; i++)
		if (!SAME_ADDR(via[i]))
			return false;
	return true;
}

static void compare_routes(struct report *r, const char *key, const struct config_route *a, size_t n_a,
	const struct config_route *b, size_t n_b)
{
	for (size_t i = 0; i < n_a && i < n_b; i++)
		if (!same_route(&a[i], &b[i])) {
			differs(r, "%s: %s", key, IP_PREFIX_TEXT(&a[i].prefix));
			return;
		}
	if (n_a != n_b)
		differs(r, "%s: their number", key);
}

static bool same_export(const struct config_export *a, const struct config_export *b)
{
	return ip_prefix_equal(&a->prefix, &b->prefix) && SAME(prepend) && SAME(has_med) &&
		SAME(med) && SAME_ADDR(next_hop) && SAME_LIST(communities, n_communities);
}

static bool same_peer(const struct config_peer *a, const struct config_peer *b)
{
	for (size_t i = 0; i < a->n_exports && i < b->n_exports; i++)
		if (!same_export(&a->exports[i], &b->exports[i]))
			return false;
	return SAME(n_exports) && SAME_TEXT(name) && SAME_ADDR(address) && SAME_ADDR(local_address) &&
		SAME_ADDR(next_hop_v4) && SAME_ADDR(next_hop_v6) && SAME(as) && SAME(ttl) &&
		SAME(hold_s) && SAME(connect_retry_s) && SAME(passive) && SAME(port) && SAME(ipv4) &&
		SAME(ipv6) && SAME(max_prefixes);
}

static void compare_bgp(struct report *r, const struct config_bgp *a, const struct config_bgp *b)
{
	if (!SAME(enabled)) {
		differs(r, "bgp");
		return;
	}
	if (!SAME(as) || !SAME(router_id) || !SAME(port) || !SAME(maximum_paths))
		differs(r, "bgp: as, router_id, port or maximum_paths");
	for (size_t i = 0; i < a->n_peers && i < b->n_peers; i++)
		if (!same_peer(&a->peers[i], &b->peers[i]))
			differs(r, "bgp: peer %s", a->peers[i].name);
	if (!SAME(n_peers))
		differs(r, "bgp: the number of peers");
}

/* --- what can be applied --- */

static bool same_flows(const struct config_flows *a, const struct config_flows *b)
{
	/* 0 is what stands there without a rule: memory that is taken stays. */
	return (SAME(max_sessions) || a->max_sessions == 0 || b->max_sessions == 0) && SAME(tcp_established_s) && SAME(tcp_opening_s) &&
		SAME(tcp_closing_s) && SAME(tcp_reset_s) && SAME(udp_s) && SAME(udp_new_s) &&
		SAME(icmp_s) && SAME(other_s) && SAME(adopt_midflow) && SAME(tcp_window) &&
		SAME(inbound_refreshes) && SAME(suppress_icmp);
}

static bool same_match(const struct config_nat_match *a, const struct config_nat_match *b)
{
	return SAME(ports) && SAME(protocols) && SAME_LIST(source, n_source) &&
		SAME_LIST(destination, n_destination);
}

static bool same_pool(const struct config_nat_pool *a, const struct config_nat_pool *b)
{
	return SAME_TEXT(name) && SAME_LIST(addresses, n_addresses) && SAME(port_first) &&
		SAME(port_last);
}

static bool same_snat(const struct config_snat *a, const struct config_snat *b)
{
	return SAME_TEXT(name) && same_match(&a->match, &b->match) && SAME(exempt) && SAME(pool) &&
		SAME(mapping) && SAME(filtering) && SAME(port_selection) && SAME(max_sessions) &&
		SAME(rate);
}

static bool same_dnat(const struct config_dnat *a, const struct config_dnat *b)
{
	for (size_t i = 0; i < a->n_to && i < b->n_to; i++)
		if (!SAME_ADDR(to[i].addr) || !SAME(to[i].port))
			return false;
	return SAME(n_to) && SAME_TEXT(name) && same_match(&a->match, &b->match) && SAME(port_first) &&
		SAME(port_last) && SAME(by_source) && SAME(has_snat) && SAME(snat_pool) &&
		SAME(snat_hairpin_only);
}

static bool same_nat(const struct config_nat *a, const struct config_nat *b)
{
	if (!SAME(n_pools) || !SAME(n_snat) || !SAME(n_dnat))
		return false;
	for (size_t i = 0; i < a->n_pools; i++)
		if (!same_pool(&a->pools[i], &b->pools[i]))
			return false;
	for (size_t i = 0; i < a->n_snat; i++)
		if (!same_snat(&a->snat[i], &b->snat[i]))
			return false;
	for (size_t i = 0; i < a->n_dnat; i++)
		if (!same_dnat(&a->dnat[i], &b->dnat[i]))
			return false;
	return true;
}

bool config_compare(const struct config *a, const struct config *b, struct config_changes *ret_changes,
	char *restart, size_t restart_len)
{
	struct report r = {.buf = restart, .len = restart_len};

	restart[0] = '\0';
	*ret_changes = (struct config_changes){
		.flows = !same_flows(&a->flows, &b->flows),
		.nat = !same_nat(&a->nat, &b->nat),
	};
	for (size_t i = 0; i < a->n_ports && i < b->n_ports; i++)
		ret_changes->stateful |= !SAME(ports[i].stateful);
	compare_system(&r, &a->system, &b->system);
	compare_ports(&r, a, b);
	compare_routes(&r, "underlay", a->underlay_routes, a->n_underlay_routes, b->underlay_routes,
		b->n_underlay_routes);
	compare_routes(&r, "routes", a->routes, a->n_routes, b->routes, b->n_routes);
	compare_bgp(&r, &a->bgp, &b->bgp);
	return r.used == 0;
}
