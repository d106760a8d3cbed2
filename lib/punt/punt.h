/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The door between workers and the control thread: rings of packets, one pair a worker and class, so
 * that a flood of one class starves no other. Workers never wait and make no syscall here; the control
 * thread polls (punt_poll), about once a millisecond while packets move.
 *
 * Towards the kernel: each port that DPDK owns has a TUN interface with the port's addresses and the
 * underlay's routes, so that BGP, BFD, IKE and ssh are ordinary kernel sockets (docs/punt.md says why
 * a TUN and not a TAP).
 */
#ifndef PUNT_PUNT_H
#define PUNT_PUNT_H

#include <stdint.h>

#include <rte_mbuf.h>
#include <rte_ring.h>

#include "config/config.h"

#define PUNT_WORKERS_MAX 64

enum punt_class {
	PUNT_LOCAL, /* IP packets to our own addresses: to the kernel */
	PUNT_NEIGH, /* ARP and neighbour discovery frames: to lib/neigh */
	PUNT_GLEAN, /* IP packets that wait for a neighbour: to lib/neigh's hold queue */
	PUNT_CLASS_MAX,
};

/*
 * Where a packet from the control thread enters the walk (pkt_meta.inject).
 *
 * A worker that punts to PUNT_GLEAN leaves in meta.inject where the packet goes on once its neighbour
 * is known: PUNT_INJECT_FORWARD for transit, PUNT_INJECT_OUTPUT unchanged for one that was injected
 * as such (the kernel's own packet must not lose a TTL to the wait). PUNT_GLEAN wants meta.nh too.
 */
enum punt_inject {
	PUNT_INJECT_FORWARD, /* a held transit packet: meta.nh is set; continue at the rewrite, TTL and all */
	PUNT_INJECT_OUTPUT,  /* made here or by the kernel: meta.nh is set; L2 header only */
	PUNT_INJECT_TX,	     /* a whole frame for port mbuf->port (ARP, ND) */
	PUNT_INJECT_ICMP,    /* held in vain: meta.icmp_type, _code and drop_reason are set; to the ICMP
			      * error node, as if a worker had found it undeliverable */
	PUNT_INJECT_MAX,
};

struct punt; /* one per process */

struct punt_ops {
	/* Takes the mbufs (frees or keeps them). Control thread. */
	void (*input)(void *arg, struct rte_mbuf **pkts, unsigned int n);
	void *arg;
};

/* `workers` ring sets of `ring_size` (a power of two) each. NULL with errno. */
struct punt *punt_new(unsigned int workers, unsigned int ring_size, struct rte_mempool *pool);
void punt_free(struct punt *p); /* frees what is in the rings; interfaces go with it */

/* Who receives a class; PUNT_LOCAL without one goes to the TUN interfaces. Control thread. */
void punt_set_ops(struct punt *p, enum punt_class c, const struct punt_ops *ops);

/* Worker w hands over up to n packets; returns how many were taken, the caller drops the rest. */
unsigned int punt_to_control(struct punt *p, unsigned int w, enum punt_class c,
	struct rte_mbuf **pkts, unsigned int n);
/* Worker w takes what the control thread injected. */
unsigned int punt_from_control(struct punt *p, unsigned int w, struct rte_mbuf **pkts, unsigned int n);

/* Control thread: injects one packet (meta.inject, meta.nh or mbuf->port set). Consumes the mbuf; a
 * full ring is a counted drop. */
void punt_inject(struct punt *p, struct rte_mbuf *m);
/* Control thread: drains the rings, calls the ops, writes to and reads from the TUN interfaces.
 * Bounded work; returns the packets moved, so that the caller may come again soon. */
unsigned int punt_poll(struct punt *p);

/* A descriptor that is readable while the kernel has packets for punt_poll(): a caller that polls less
 * often while nothing moves waits for it. punt's own; it does not say when a worker has some. */
int punt_fd(const struct punt *p);

/* For lib/ctl. Control thread. */
struct punt_stats {
	uint64_t taken[PUNT_CLASS_MAX];	  /* drained from the workers */
	uint64_t refused[PUNT_CLASS_MAX]; /* did not fit a ring; the worker counts the drop */
	uint64_t to_kernel, from_kernel;  /* packets written to and read from the TUN interfaces */
	uint64_t injected, inject_full;	  /* towards workers; a full ring is DROP_PUNT_FULL */
};
void punt_get_stats(const struct punt *p, struct punt_stats *ret_stats);

/*
 * Creates the TUN interface of a port and gives it the port's addresses and MTU. Packets that the
 * kernel sends there get their next hop from `resolve` (the underlay): an adjacency, or NH_NONE for a
 * counted drop. 0 or -errno with a text for the operator.
 */
typedef uint32_t (*punt_resolve_fn)(void *arg, const struct ip_addr *dst);
int punt_port_add(struct punt *p, uint16_t port_id, const struct config_port *conf, char *err,
	size_t err_len);
void punt_set_resolve(struct punt *p, punt_resolve_fn resolve, void *arg);
/* A route of the underlay on the port's TUN interface, so that kernel sockets reach it. 0 or -errno. */
int punt_route_add(struct punt *p, uint16_t port_id, const struct ip_prefix *prefix);

#endif
