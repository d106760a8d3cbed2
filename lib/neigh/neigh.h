/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Neighbours: ARP (RFC 826) and neighbour discovery (RFC 4861) with a bounded hold queue and ageing,
 * static entries, and for ports whose addresses the kernel owns (af_xdp) a mirror of the kernel's own
 * neighbour table over netlink. Control thread.
 *
 * Each neighbour is one adjacency in the next-hop table (fib/nh.h), updated in place.
 */
#ifndef NEIGH_NEIGH_H
#define NEIGH_NEIGH_H

#include <rte_mbuf.h>

#include "base/addr.h"
#include "fib/nh.h"
#include "port/port.h"
#include "punt/punt.h"

struct neigh_table;

struct neigh_conf {
	struct nh_table *nh;
	struct punt *punt;
	struct rte_mempool *pool;
	uint32_t max_entries;	    /* limit on dynamic neighbours; default 65536 */
	uint32_t hold_packets;	    /* per neighbour, waiting for resolution; default 16 */
	uint32_t hold_total;	    /* all together; default 1024 */
	uint32_t reachable_ms;	    /* then probed by unicast; default 30000 */
	uint32_t retransmit_ms;	    /* between probes; default 1000 */
	uint32_t probes;	    /* before it has failed; default 3 */
	uint32_t unused_ms;	    /* a gleaned neighbour that nothing refers to is forgotten; default 300000 */
	/* A gleaned neighbour's host route comes and goes: fibsync writes it. */
	void (*host_route)(void *arg, const struct ip_addr *addr, uint32_t nh, bool add);
	void *arg;
};

struct neigh_table *neigh_new(const struct neigh_conf *conf);
void neigh_free(struct neigh_table *t);

/* A port's own addresses: answered on, and used as source of requests. */
int neigh_port_add(struct neigh_table *t, const struct port *port, const struct config_port *conf);

/* The adjacency for a next hop on a port, resolving it now if need be, with one reference for the
 * caller (released by neigh_release). NH_NONE with errno where the table is full. */
uint32_t neigh_acquire(struct neigh_table *t, uint16_t port_id, const struct ip_addr *addr);
void neigh_release(struct neigh_table *t, uint32_t nh);

/* Punted frames: PUNT_NEIGH (ARP, ND) and PUNT_GLEAN (to be held). For punt_set_ops(). Malformed
 * ones and those beyond a limit are counted drops. */
void neigh_input_frames(void *t, struct rte_mbuf **pkts, unsigned int n);
void neigh_input_glean(void *t, struct rte_mbuf **pkts, unsigned int n);

/* Timers: returns the time of the next deadline. */
uint64_t neigh_run(struct neigh_table *t, uint64_t now_ms);

/* For lib/ctl: entries in no particular order. */
enum neigh_state { NEIGH_INCOMPLETE, NEIGH_REACHABLE, NEIGH_PROBE, NEIGH_FAILED, NEIGH_STATIC, NEIGH_KERNEL };
struct neigh_info {
	uint16_t port_id;
	struct ip_addr addr;
	struct rte_ether_addr mac; /* zero where unknown */
	enum neigh_state state;
	uint64_t age_ms;	   /* since last confirmed */
	uint32_t held;		   /* packets waiting */
	uint32_t refs;
};
void neigh_foreach(const struct neigh_table *t, void (*fn)(void *arg, const struct neigh_info *),
	void *arg);

#endif
