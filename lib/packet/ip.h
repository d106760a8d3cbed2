/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The IP stages that every forwarded packet passes, for both families: input (validation), lookup,
 * rewrite; and output, for packets that were made here. Burst functions for workers in a QSBR online
 * section; each fills next[i] with the packet's edge. ip4.c and ip6.c hold them.
 *
 * Packets start at their Ethernet header (packet/meta.h). n is at most PKT_BURST_MAX.
 */
#ifndef PACKET_IP_H
#define PACKET_IP_H

#include <stdint.h>

#include <rte_mbuf.h>

#include "fib/fib.h"
#include "fib/nh.h"

#define PKT_BURST_MAX 256

/* TTL or hop limit of packets made here. Those that enter at the lookup are given one more, which the
 * rewrite takes from every packet. */
#define PKT_ORIGIN_TTL 64

enum ip_input_next {
	IP_INPUT_LOOKUP,
	IP_INPUT_PUNT, /* IPv6 neighbour discovery to a group */
	IP_INPUT_DROP, /* meta.drop_reason is set */
	IP_INPUT_FLOW, /* never by the burst functions: the node's, where there is NAT */
	IP_INPUT_MAX,
};

enum ip_lookup_next {
	IP_LOOKUP_REWRITE, /* meta.nh is an adjacency that was known a moment ago */
	IP_LOOKUP_LOCAL,   /* meta.nh is NH_LOCAL */
	IP_LOOKUP_PUNT,	   /* waits for its neighbour: meta.nh, and meta.inject = 0 for transit */
	IP_LOOKUP_ICMP,	   /* meta.drop_reason, icmp_type and icmp_code are set */
	IP_LOOKUP_DROP,
	IP_LOOKUP_FLOW,	   /* lib/nat's address, and meta.flow lacks PKT_FLOW_DONE */
	IP_LOOKUP_MAX,
};

enum ip_rewrite_next {
	IP_REWRITE_TX,	 /* complete; mbuf->port is the egress port */
	IP_REWRITE_FRAG, /* IPv4 only: complete but for its length (frag.h) */
	IP_REWRITE_PUNT, /* the adjacency went away meanwhile: as IP_LOOKUP_PUNT, packet untouched */
	IP_REWRITE_ICMP, /* packet untouched */
	IP_REWRITE_DROP,
	IP_REWRITE_MAX,
};

/*
 * Validation and the trimming of Ethernet padding.
 *
 * IPv4 (RFC 1812 5.2.2, 5.3.7): lengths, version, header checksum; source and destination outside
 * 0/8, 127/8 and 224/3. Options are carried, not acted on; source routes too are ignored
 * (RFC 7126 4.3 would have them dropped, RFC 1812 5.2.4.1 followed). 169.254/16 passes: in Azure it
 * holds BGP peers, and the FIB decides.
 *
 * IPv6 (RFC 8200, 4291): lengths, version; source no group, not ::1, and :: only in neighbour
 * discovery; destination not :: or ::1. A group destination is punted where it is neighbour
 * discovery (hop limit 255, RFC 4861) and dropped otherwise; link-local addresses never pass from
 * one link to another. Hop-by-hop options must fit the packet and are otherwise ignored
 * (RFC 8200 4.3); jumbograms are dropped.
 */
void ip4_input_burst(const struct fib *fib, struct rte_mbuf **pkts, unsigned int n, uint8_t *next);
void ip6_input_burst(const struct fib *fib, const struct nh_table *nh, struct rte_mbuf **pkts,
	unsigned int n, uint8_t *next);

/* Destination to next hop; ECMP groups are resolved to a member by flow_hash.h. */
void ip4_lookup_burst(const struct fib *fib, const struct nh_table *nh, struct rte_mbuf **pkts,
	unsigned int n, uint8_t *next);
void ip6_lookup_burst(const struct fib *fib, const struct nh_table *nh, struct rte_mbuf **pkts,
	unsigned int n, uint8_t *next);

/* TTL or hop limit, MTU, link-layer header; meta.nh is set. */
void ip4_rewrite_burst(const struct nh_table *nh, struct rte_mbuf **pkts, unsigned int n,
	uint8_t *next);
void ip6_rewrite_burst(const struct nh_table *nh, struct rte_mbuf **pkts, unsigned int n,
	uint8_t *next);

/* Either family: MTU and link-layer header with EtherType only. */
void ip_output_burst(const struct nh_table *nh, struct rte_mbuf **pkts, unsigned int n,
	uint8_t *next);

#endif
