/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What travels with a packet on its walk, beside the mbuf's own fields.
 *
 * Convention for the whole walk: the mbuf's data starts at an Ethernet header of 14 bytes (VLAN tags
 * were stripped by the port) and the IP header follows; a packet that was made here or came from the
 * kernel gets those 14 bytes reserved in front. mbuf->port is the ingress port, and from the rewrite
 * on the egress port.
 */
#ifndef PACKET_META_H
#define PACKET_META_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include <rte_mbuf.h>
#include <rte_mbuf_dyn.h>

struct pkt_meta {
	uint32_t nh;	     /* next-hop index, from the lookup on */
	uint32_t flow_hash;  /* of the 5-tuple; valid where a node says so */
	uint32_t icmp_info;  /* MTU for frag needed / packet too big */
	uint8_t icmp_type;   /* of the error to send, in the packet's own family */
	uint8_t icmp_code;
	uint8_t drop_reason; /* enum drop_reason, for the drop node */
	uint8_t inject;	     /* enum punt_inject, for packets from the control thread */
	uint8_t flow;	     /* PKT_FLOW_*; set by who sends a packet to the lookup where there is NAT */
	uint8_t owner;	     /* worker, for the handover */
	rte_be16_t frag_ports[2]; /* of a fragment's packet, where PKT_FLOW_PORTS is set */
	uint8_t frag_proto;	  /* ...and its upper-layer protocol */
};

#define PKT_FLOW_DONE 0x01  /* was at the flow stage: the lookup does not send it there again */
#define PKT_FLOW_PORTS 0x02 /* handed over with frag_ports and frag_proto */

/* mbuf dynamic field space, at a fixed place so that access costs one constant offset. */
#define PKT_META_OFFSET offsetof(struct rte_mbuf, dynfield1)

static_assert(sizeof(struct pkt_meta) <= sizeof(((struct rte_mbuf *)0)->dynfield1),
	"pkt_meta must fit the mbuf's dynamic field space");

static inline struct pkt_meta *pkt_meta(struct rte_mbuf *m)
{
	return (struct pkt_meta *)((char *)m + PKT_META_OFFSET);
}

/* Reserves the space with DPDK; once, after EAL's start, before a port is configured. 0 or -errno. */
int pkt_meta_register(void);

#endif
