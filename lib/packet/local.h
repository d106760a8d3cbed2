/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Packets to our own addresses: echo requests are answered here, neighbour discovery and the rest is
 * punted unchanged. Workers. Before it: the lookup. After it: the lookup again, or the punt.
 */
#ifndef PACKET_LOCAL_H
#define PACKET_LOCAL_H

#include <stdint.h>

#include <rte_mbuf.h>

enum ip_local_next {
	IP_LOCAL_PUNT,	 /* to the kernel */
	IP_LOCAL_NEIGH,	 /* neighbour discovery */
	IP_LOCAL_LOOKUP, /* the echo reply, in the request's place */
	IP_LOCAL_DROP,
	IP_LOCAL_MAX,
};

/*
 * An echo request that is fragmented, or lies behind options or extension headers, or in several
 * segments, is the kernel's to answer.
 */
void ip4_local_burst(struct rte_mbuf **pkts, unsigned int n, uint8_t *next);
void ip6_local_burst(struct rte_mbuf **pkts, unsigned int n, uint8_t *next);

#endif
