/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From a packet to what names its flow. Workers. Packets are validated (packet/ip.h) and start at
 * their Ethernet header.
 */
#ifndef FLOW_KEY_H
#define FLOW_KEY_H

#include <assert.h>
#include <stdint.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_mbuf.h>

#include "base/addr.h"

/* A tuple of either family, for everything but the lookup of a burst. Unused bytes are zero, so that
 * equal tuples are equal memory. */
struct flow_tuple {
	struct ip_addr src, dst;
	rte_be16_t sport, dport; /* ICMP queries: both the identifier; without ports 0 */
	uint8_t proto;
	uint8_t zero;
};
static_assert(sizeof(struct flow_tuple) == 40, "a tuple has no padding");

/* Keys for the lookup: one AES block, and three. Padding is zero. */
struct flow_key4 {
	rte_be32_t src, dst;
	rte_be16_t sport, dport;
	uint8_t proto;
	uint8_t zero[3];
} __attribute__((aligned(16)));

struct flow_key6 {
	uint8_t src[16], dst[16];
	rte_be16_t sport, dport;
	uint8_t proto;
	uint8_t zero[11];
} __attribute__((aligned(16)));

enum flow_packet {
	FLOW_PACKET_PLAIN,	/* the key is complete */
	FLOW_PACKET_FRAGMENT,	/* ports are not known, or not for the fragments behind it: flow/reass.h */
	FLOW_PACKET_ICMP_ERROR, /* belongs to the flow of the packet that it carries: nat/icmp_error.h */
	FLOW_PACKET_UNTRACKED,	/* ICMP that is neither query nor error; ND; never looked up */
	FLOW_PACKET_MALFORMED,	/* shorter than its header */
};

/* What else the packet says, for the slow paths. */
struct flow_l4 {
	uint16_t offset;    /* of the upper-layer header, from the frame's start */
	uint8_t proto;	    /* behind IPv6 extension headers */
	uint8_t tcp_flags;  /* RTE_TCP_*_FLAG; 0 where it is not TCP */
	uint8_t icmp_type;
	uint8_t icmp_code;
};

/*
 * TCP and UDP have ports; echo and, in IPv4, timestamp have an identifier, which stands as both ports;
 * every other protocol has ports 0. Extension headers of IPv6 are walked (packet/ip6_ext.h).
 * A FRAGMENT has addresses and protocol filled in. Reads only the first segment: what does not have
 * its upper-layer header there is MALFORMED.
 */
enum flow_packet flow_key4_of(const struct rte_mbuf *m, struct flow_key4 *ret_key, struct flow_l4 *ret_l4);
enum flow_packet flow_key6_of(const struct rte_mbuf *m, struct flow_key6 *ret_key, struct flow_l4 *ret_l4);

static inline struct flow_key4 flow_key4_swapped(const struct flow_key4 *k)
{
	return (struct flow_key4){.src = k->dst, .dst = k->src, .sport = k->dport,
		.dport = k->sport, .proto = k->proto};
}

static inline struct flow_tuple flow_tuple_swapped(const struct flow_tuple *t)
{
	return (struct flow_tuple){.src = t->dst, .dst = t->src, .sport = t->dport,
		.dport = t->sport, .proto = t->proto};
}

static inline struct flow_tuple flow_tuple_of_key4(const struct flow_key4 *k)
{
	return (struct flow_tuple){.src = ip_addr_v4(k->src), .dst = ip_addr_v4(k->dst),
		.proto = k->proto, .sport = k->sport, .dport = k->dport};
}

static inline struct flow_tuple flow_tuple_of_key6(const struct flow_key6 *k)
{
	return (struct flow_tuple){.src = ip_addr_v6(k->src), .dst = ip_addr_v6(k->dst),
		.proto = k->proto, .sport = k->sport, .dport = k->dport};
}

static inline struct flow_key4 flow_key4_of_tuple(const struct flow_tuple *t)
{
	return (struct flow_key4){.src = ip_addr_be32(&t->src), .dst = ip_addr_be32(&t->dst),
		.sport = t->sport, .dport = t->dport, .proto = t->proto};
}

static inline struct flow_key6 flow_key6_of_tuple(const struct flow_tuple *t)
{
	struct flow_key6 k = {.sport = t->sport, .dport = t->dport, .proto = t->proto};

	memcpy(k.src, t->src.bytes, sizeof(k.src));
	memcpy(k.dst, t->dst.bytes, sizeof(k.dst));
	return k;
}

#endif
