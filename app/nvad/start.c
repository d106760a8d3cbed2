/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Start and stop: which part comes after which, and who is told of whom. The order is that of the
 * walks: memory, tables, ports, neighbours, routes, workers, and last the peers and the operator,
 * so that nothing is announced before it can be forwarded.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <rte_errno.h>
#include <rte_malloc.h>
#include <rte_mbuf.h>

#include "base/clock.h"
#include "base/log.h"
#include "nvad.h"
#include "packet/meta.h"
#include "port/port.h"

#define PUNT_RING_SIZE 1024
#define NH_TABLE_SIZE 65536
#define NH_GROUPS 1024
#define STOP_TIMEOUT_MS 20 /* the punt interfaces stand still meanwhile */
#define STOP_DRAIN_MS 200

static int fail(char *err, size_t err_len, int rc, const char *what)
{
	snprintf(err, err_len, "%s: %s", what, strerror(-rc));
	return rc;
}

static int start_tables(struct nvad *n, char *err, size_t err_len)
{
	const struct config_system *sys = &n->conf->system;
	size_t qsbr_bytes = rte_rcu_qsbr_get_memsize(sys->workers);

	if (pkt_meta_register() != 0)
		return fail(err, err_len, -ENOSPC, "packet metadata");
	n->pool = rte_pktmbuf_pool_create("packets", sys->packet_buffers, 256, 0,
		port_data_room(n->conf), (int)rte_socket_id());
	if (n->pool == NULL) {
		snprintf(err, err_len, "no memory for %u packet buffers (system.packet_buffers): %s; "
				       "lower it, or raise system.memory_mb (%u)",
			sys->packet_buffers, rte_strerror(rte_errno), sys->memory_mb);
		return -ENOMEM;
	}
	n->qsbr = rte_zmalloc("qsbr", qsbr_bytes, RTE_CACHE_LINE_SIZE);
	if (n->qsbr == NULL || rte_rcu_qsbr_init(n->qsbr, sys->workers) != 0)
		return fail(err, err_len, -ENOMEM, "quiescence state");
	n->nh = nh_table_new(NH_TABLE_SIZE, NH_GROUPS, n->qsbr);
	if (n->nh == NULL)
		return fail(err, err_len, -errno, "next-hop table");
	n->fib = fib_new(&(struct fib_conf){.max_v4_groups = sys->max_v4_groups, .qsbr = n->qsbr});
	if (n->fib == NULL) {
		snprintf(err, err_len, "forwarding table: %s; raise system.memory_mb (%u)",
			strerror(errno), sys->memory_mb);
		return -ENOMEM;
	}
	return 0;
}

static void host_route(void *arg, const struct ip_addr *addr, uint32_t nh, bool add)
{
	struct nvad *n = arg;

	fibsync_host_route(n->fibsync, addr, nh, add);
}

static int start_routing(struct nvad *n, char *err, size_t err_len)
{
	struct rib_ops ops;

	n->punt = punt_new(n->conf->system.workers, PUNT_RING_SIZE, n->pool);
	if (n->punt == NULL)
		return fail(err, err_len, -errno, "punt rings");
	n->neigh = neigh_new(&(struct neigh_conf){
		.nh = n->nh,
		.punt = n->punt,
		.pool = n->pool,
		.now_ms = clock_now_ms(),
		.host_route = host_route,
		.arg = n,
	});
	if (n->neigh == NULL)
		return fail(err, err_len, -errno, "neighbour table");
	n->fibsync = fibsync_new(&(struct fibsync_conf){.fib = n->fib, .nh = n->nh, .neigh = n->neigh});
	if (n->fibsync == NULL)
		return fail(err, err_len, -errno, "fibsync");
	fibsync_rib_ops(n->fibsync, &ops);
	n->rib = rib_new(&ops, n->conf->bgp.maximum_paths);
	if (n->rib == NULL)
		return fail(err, err_len, -errno, "RIB");
	fibsync_set_rib(n->fibsync, n->rib);
	punt_set_ops(n->punt, PUNT_NEIGH, &(struct punt_ops){neigh_input_frames, n->neigh});
	punt_set_ops(n->punt, PUNT_GLEAN, &(struct punt_ops){neigh_input_glean, n->neigh});
	punt_set_resolve(n->punt, fibsync_resolve, n->fibsync);
	return 0;
}

/* The port's addresses: its connected prefixes in both tables, its own addresses in the main one. */
static int add_address(struct nvad *n, const struct port *p, const struct config_address *a)
{
	struct ip_prefix connected = {.addr = a->addr, .len = a->len};
	struct ip_prefix host = ip_prefix_host(&a->addr);
	int rc;

	ip_prefix_canonicalise(&connected);
	workers_set_port_address(p->id, &a->addr);
	rc = fibsync_underlay_connected(n->fibsync, &connected, p->id);
	if (rc == 0)
		rc = rib_add(n->rib, &host, RIB_LOCAL, RIB_HOST, NULL, p->id);
	if (rc == 0 && connected.len < host.len)
		rc = rib_add(n->rib, &connected, RIB_CONNECTED, RIB_GLEAN, NULL, p->id);
	return rc == -EEXIST ? 0 : rc; /* a second address in the same subnet */
}

static int start_port(struct nvad *n, const struct config_port *conf, char *err, size_t err_len)
{
	struct port *p = port_open(conf, (uint16_t)n->conf->system.workers, n->pool, err, err_len);
	int rc;

	if (p == NULL)
		return errno != 0 ? -errno : -EIO;
	n->port_ids[conf - n->conf->ports] = p->id;
	if (conf->punt && !p->kernel_owns_addresses) {
		rc = punt_port_add(n->punt, p->id, conf, err, err_len);
		if (rc != 0)
			return rc;
	}
	rc = neigh_port_add(n->neigh, p, conf);
	for (size_t i = 0; rc == 0 && i < conf->n_addresses; i++)
		rc = add_address(n, p, &conf->addresses[i]);
	if (!p->link_up)
		fibsync_port_changed(n->fibsync, p->id, false);
	if (rc != 0)
		snprintf(err, err_len, "port %s: its addresses could not be set up: %s", conf->name,
			strerror(-rc));
	return rc;
}

/* The underlay's gateways, also told to the kernel where its sockets must reach them. */
static int add_underlay_route(struct nvad *n, const struct config_route *r)
{
	struct ip_prefix covering;
	struct ip_addr gateway;
	uint16_t port_id;
	int rc = fibsync_underlay_route(n->fibsync, r);

	if (rc != 0 || r->kind != CONFIG_ROUTE_VIA)
		return rc;
	rc = fibsync_underlay_lookup(n->fibsync, &r->via[0], &covering, &port_id, &gateway);
	if (rc != 0)
		return rc;
	rc = punt_route_add(n->punt, port_id, &r->prefix);
	return rc == -ENODEV ? 0 : rc; /* a port without a punt interface */
}

static int add_route(struct nvad *n, const struct config_route *r)
{
	static const enum rib_action actions[] = {
		[CONFIG_ROUTE_VIA] = RIB_VIA,
		[CONFIG_ROUTE_BLACKHOLE] = RIB_BLACKHOLE,
		[CONFIG_ROUTE_DISCARD] = RIB_DISCARD,
	};
	int rc = 0;

	if (r->kind != CONFIG_ROUTE_VIA)
		return rib_add(n->rib, &r->prefix, RIB_STATIC, actions[r->kind], NULL, 0);
	for (unsigned int i = 0; rc == 0 && i < r->n_via; i++)
		rc = rib_add(n->rib, &r->prefix, RIB_STATIC, RIB_VIA, &r->via[i], 0);
	return rc;
}

static int start_routes(struct nvad *n, char *err, size_t err_len)
{
	const struct config *c = n->conf;
	int rc;

	for (size_t i = 0; i < c->n_underlay_routes; i++) {
		rc = add_underlay_route(n, &c->underlay_routes[i]);
		if (rc != 0)
			return fail(err, err_len, rc, IP_PREFIX_TEXT(&c->underlay_routes[i].prefix));
	}
	for (size_t i = 0; i < c->n_routes; i++) {
		rc = add_route(n, &c->routes[i]);
		if (rc != 0)
			return fail(err, err_len, rc, IP_PREFIX_TEXT(&c->routes[i].prefix));
	}
	return 0;
}

static int start_workers(struct nvad *n, char *err, size_t err_len)
{
	n->workers = workers_start(
		&(struct worker_conf){
			.fib = n->fib,
			.nh = n->nh,
			.punt = n->punt,
			.nat = n->nat,
			.qsbr = n->qsbr,
			.pool = n->pool,
			.poll = n->conf->system.poll,
			.workers = n->conf->system.workers,
		},
		err, err_len);
	return n->workers != NULL ? 0 : -EIO;
}

static int start_bgp(struct nvad *n, char *err, size_t err_len)
{
	struct bgp_ops ops;

	if (!n->conf->bgp.enabled)
		return 0;
	rib_bgp_ops(n->rib, &ops);
	n->bgp = bgp_new(n->base, &n->conf->bgp, &ops);
	n->ctl_context.bgp = n->bgp;
	return n->bgp != NULL ? 0 : fail(err, err_len, -errno, "BGP");
}

static int apply(void *arg, struct config *config, char *err, size_t err_len)
{
	return nvad_apply(arg, config, err, err_len);
}

static int start_ctl(struct nvad *n, char *err, size_t err_len)
{
	n->reload = (struct ctl_reload){.path = n->config_path, .apply = apply, .arg = n};
	n->ctl_context = (struct ctl_context){
		.conf = n->conf,
		.fib = n->fib,
		.nh = n->nh,
		.punt = n->punt,
		.neigh = n->neigh,
		.fibsync = n->fibsync,
		.rib = n->rib,
		.workers = n->workers,
		.nat = n->nat,
		.reload = &n->reload,
		.pool = n->pool,
	};
	n->ctl = ctl_new(n->base, &n->ctl_context, err, err_len);
	return n->ctl != NULL ? 0 : -errno;
}

int nvad_start(struct nvad *n, char *err, size_t err_len)
{
	int rc;

	n->base = event_base_new();
	if (n->base == NULL)
		return fail(err, err_len, -ENOMEM, "event loop");
	rc = start_tables(n, err, err_len);
	if (rc == 0)
		rc = start_routing(n, err, err_len);
	for (size_t i = 0; rc == 0 && i < n->conf->n_ports; i++)
		rc = start_port(n, &n->conf->ports[i], err, err_len);
	if (rc == 0)
		rc = start_routes(n, err, err_len);
	if (rc == 0)
		rc = nvad_flows_start(n, err, err_len);
	if (rc == 0)
		rc = start_workers(n, err, err_len);
	/* The socket first: a second nvad ends there, before it disturbs the peers of the first. */
	if (rc == 0)
		rc = start_ctl(n, err, err_len);
	if (rc == 0)
		rc = start_bgp(n, err, err_len);
	return rc;
}

/* What kernel sockets have just sent (the Cease) still has to cross the punt interfaces. */
static void drain_punt(struct nvad *n)
{
	uint64_t until = clock_now_ms() + STOP_DRAIN_MS;

	while (clock_now_ms() < until) {
		neigh_run(n->neigh, clock_now_ms());
		punt_poll(n->punt);
		usleep(500);
	}
}

void nvad_stop(struct nvad *n)
{
	struct port *p;

	if (n->bgp != NULL) {
		bgp_stop(n->bgp, STOP_TIMEOUT_MS);
		drain_punt(n);
	}
	ctl_free(n->ctl);
	if (n->workers != NULL)
		workers_stop(n->workers);
	bgp_free(n->bgp);
	nvad_flows_stop(n);
	rib_free(n->rib);
	fibsync_free(n->fibsync);
	neigh_free(n->neigh);
	punt_free(n->punt);
	while ((p = port_next(NULL)) != NULL)
		port_close(p);
	fib_free(n->fib);
	nh_table_free(n->nh);
	rte_free(n->qsbr);
	rte_mempool_free(n->pool);
	if (n->base != NULL)
		event_base_free(n->base);
}
