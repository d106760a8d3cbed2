/* SPDX-License-Identifier: BSD-3-Clause */
/* Inside lib/punt: the rings' owner (punt.c), the TUN interfaces (tun.c), rtnetlink (rtnl.c). */
#ifndef PUNT_PUNT_PRIV_H
#define PUNT_PUNT_PRIV_H

#include <stdbool.h>

#include "port/port.h"
#include "punt/punt.h"

/* Work of one punt_poll: packets per class, reads per TUN interface. */
#define PUNT_POLL_PACKETS 256
#define PUNT_POLL_READS 256

#define PUNT_L2_LEN RTE_ETHER_HDR_LEN

struct punt_tun {
	int fd; /* -1: the port has no interface */
	unsigned int ifindex;
	char name[16];
	uint16_t mtu_bytes;
};

/* An address of our own and the port whose interface carries it. */
struct punt_addr {
	struct ip_addr addr;
	uint16_t port_id;
};

struct punt_worker {
	struct rte_ring *to_control[PUNT_CLASS_MAX];
	struct rte_ring *from_control;
	/* Written by the worker, read by the control thread. */
	uint64_t refused[PUNT_CLASS_MAX] __attribute__((aligned(64)));
} __attribute__((aligned(64)));

struct punt {
	unsigned int workers;
	unsigned int turn; /* the worker that the next poll drains first */
	struct rte_mempool *pool;
	struct punt_ops ops[PUNT_CLASS_MAX];
	punt_resolve_fn resolve;
	void *resolve_arg;
	struct punt_tun tun[PORT_MAX]; /* by port id */
	struct punt_addr *addrs;
	size_t n_addrs;
	int epoll; /* all interfaces */
	struct rte_mbuf *spare; /* for the next read, so that an idle interface costs no allocation */
	struct punt_stats stats;
	struct punt_worker worker[];
};

/* Writes IP packets for our own addresses to the interfaces that carry them; consumes the mbufs. */
void punt_tun_write(struct punt *p, struct rte_mbuf **pkts, unsigned int n);
/* Reads what the kernel sends on a port's interface and injects it; returns the number of packets. */
unsigned int punt_tun_read(struct punt *p, uint16_t port_id);
void punt_tun_close(struct punt_tun *tun);

/*
 * rtnetlink, one request and its answer each. 0 or -errno. `up` sets MTU and brings the link up
 * without IFF_MULTICAST, which keeps IGMP and MLD reports off it.
 */
int punt_rtnl_link_up(unsigned int ifindex, uint16_t mtu_bytes);
int punt_rtnl_addr_add(unsigned int ifindex, const struct ip_addr *addr, uint8_t len);
int punt_rtnl_route_add(unsigned int ifindex, const struct ip_prefix *prefix);

#endif
