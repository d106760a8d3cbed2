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

#include <stdbool.h>
#include <stdint.h>

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
	uint64_t now_ms;	    /* of the clock that neigh_run() will be given */
	uint32_t max_entries;	    /* limit on dynamic neighbours; default 65536 */
	uint32_t hold_packets;	    /* per neighbour, waiting for resolution; default 16 */
	uint32_t hold_total;	    /* all together; default 1024 */
	uint32_t reachable_ms;	    /* then probed by unicast; default 30000 */
	uint32_t retransmit_ms;	    /* between probes; default 1000 */
	uint32_t probes;	    /* before it has failed; default 3 */
	uint32_t unused_ms;	    /* a gleaned neighbour that no packet wants is forgotten; default 300000 */
	/* A gleaned neighbour's host route comes and goes: fibsync writes it. It comes when the
	 * neighbour answers and goes when it fails, or for a moment to see whether it is still used.
	 * The callee holds references on nh as it needs them; NULL: no host routes. */
	void (*host_route)(void *arg, const struct ip_addr *addr, uint32_t nh, bool add);
	void *arg;
};

struct neigh_table *neigh_new(const struct neigh_conf *conf);
void neigh_free(struct neigh_table *t);

/* A port's own addresses: answered on, used as source of requests, and announced. With its static
 * neighbours. The port must outlive the table; conf need not. 0 or -errno. */
int neigh_port_add(struct neigh_table *t, const struct port *port, const struct config_port *conf);

/* Addresses that are nobody's port's but ours all the same: answered for on every port on whose connected
 * prefixes they lie. An address is added once. 0 or -errno. */
int neigh_proxy_add(struct neigh_table *t, const struct ip_addr *addr);
void neigh_proxy_del(struct neigh_table *t, const struct ip_addr *addr);

/* The adjacency for a next hop on a port, resolving it now if need be, with one reference for the
 * caller (released by neigh_release). While anybody holds one, the neighbour is kept fresh, and asked
 * for every now and then where it has failed. NH_NONE with errno where the table is full. */
uint32_t neigh_acquire(struct neigh_table *t, uint16_t port_id, const struct ip_addr *addr);
void neigh_release(struct neigh_table *t, uint32_t nh);

/* Punted frames: PUNT_NEIGH (ARP, ND) and PUNT_GLEAN (to be held). For punt_set_ops(). Malformed
 * ones and those beyond a limit are counted drops. */
void neigh_input_frames(void *t, struct rte_mbuf **pkts, unsigned int n);
void neigh_input_glean(void *t, struct rte_mbuf **pkts, unsigned int n);

/*
 * Timers and the kernel's messages. Returns the time of the next deadline, UINT64_MAX where there is
 * none. now_ms is any monotonic clock, and the only one here: what comes in between two calls counts as
 * of the last, so it is called before each punt_poll(), about once a millisecond.
 */
uint64_t neigh_run(struct neigh_table *t, uint64_t now_ms);

/* For lib/ctl: entries in no particular order. */
enum neigh_state {
	NEIGH_INCOMPLETE, /* asking, packets are held */
	NEIGH_REACHABLE,  /* has answered */
	NEIGH_PROBE,	  /* forwarding, asking again by unicast */
	NEIGH_FAILED,	  /* did not answer */
	NEIGH_STATIC,	  /* by configuration */
	NEIGH_KERNEL,	  /* as the kernel's table says: port->kernel_owns_addresses */
};
struct neigh_info {
	uint16_t port_id;
	struct ip_addr addr;
	struct rte_ether_addr mac; /* zero where unknown */
	enum neigh_state state;
	bool resolved;		   /* packets are forwarded to mac */
	bool gleaned;		   /* made by a packet to a connected prefix */
	uint64_t age_ms;	   /* since last confirmed, or made */
	uint32_t held;		   /* packets waiting */
	uint32_t refs;
};
void neigh_foreach(const struct neigh_table *t, void (*fn)(void *arg, const struct neigh_info *),
	void *arg);

struct neigh_stats {
	uint64_t entries, held;			       /* now */
	uint64_t solicits_sent, adverts_sent;	       /* ARP requests and replies, NS and NA */
	uint64_t solicits_received, adverts_received;
	uint64_t ignored;    /* well-formed and of no use: redirects, news of strangers */
	uint64_t conflicts;  /* another host uses an address of ours */
	uint64_t table_full; /* neighbours refused for a limit */
	uint64_t resyncs;    /* netlink messages were lost */
};
void neigh_get_stats(const struct neigh_table *t, struct neigh_stats *ret_stats);

#endif
