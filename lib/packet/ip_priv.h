/* SPDX-License-Identifier: BSD-3-Clause */
/* What ip4.c and ip6.c share: verdicts by next-hop kind, the link-layer header's store. */
#ifndef PACKET_IP_PRIV_H
#define PACKET_IP_PRIV_H

#include <stdbool.h>
#include <string.h>

#include <rte_branch_prediction.h>
#include <rte_common.h>
#include <rte_ether.h>

#include "drop/drop.h"
#include "packet/eth.h"
#include "packet/icmp.h"
#include "packet/ip.h"
#include "packet/ip6_hdr.h"
#include "packet/meta.h"

typedef uint8_t frame_head __attribute__((vector_size(16)));

static inline uint8_t nh_kind(const struct nh *nh)
{
	return __atomic_load_n(&nh->kind, __ATOMIC_ACQUIRE);
}

static inline void icmp_wanted(struct rte_mbuf *m, enum drop_reason reason, uint8_t type,
	uint8_t code, uint32_t info)
{
	struct pkt_meta *meta = pkt_meta(m);

	meta->drop_reason = reason;
	meta->icmp_type = type;
	meta->icmp_code = code;
	meta->icmp_info = info;
}

/*
 * Both MACs in one 16-byte load and one 16-byte store, so that a MAC that changes meanwhile is seen
 * whole; the packet's own bytes 12..15 (EtherType and the IP header's first two) stay.
 */
static inline void l2_rewrite(uint8_t *frame, const struct nh *nh)
{
	frame_head own, l2 = *(const frame_head *)nh->l2;

	memcpy(&own, frame, sizeof(own));
	own = __builtin_shufflevector(own, l2, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 12, 13,
		14, 15);
	memcpy(frame, &own, sizeof(own));
}

/* The edge for a next hop that is no adjacency ready for use. Group members come here resolved. Of a
 * packet meta.flow is set where some address is lib/nat's, and read only there. */
static inline uint8_t ip_lookup_exception(struct rte_mbuf *m, const struct nh *nh, uint8_t kind,
	uint8_t icmp_type, uint8_t icmp_code)
{
	struct pkt_meta *meta = pkt_meta(m);

	switch (kind) {
	case NH_FORWARD:
		return IP_LOOKUP_REWRITE;
	case NH_LOCAL:
		if (__atomic_load_n(&nh->nat, __ATOMIC_RELAXED) && !(meta->flow & PKT_FLOW_DONE))
			return IP_LOOKUP_FLOW;
		return IP_LOOKUP_LOCAL;
	case NH_NAT:
		if (!(meta->flow & PKT_FLOW_DONE))
			return IP_LOOKUP_FLOW;
		meta->drop_reason = DROP_NAT_NO_MAPPING;
		return IP_LOOKUP_DROP;
	case NH_PENDING:
	case NH_GLEAN:
		meta->inject = 0;
		return IP_LOOKUP_PUNT;
	case NH_BLACKHOLE:
		meta->drop_reason = DROP_BLACKHOLE;
		return IP_LOOKUP_DROP;
	case NH_DISCARD:
		icmp_wanted(m, DROP_DISCARD, icmp_type, icmp_code, 0);
		return IP_LOOKUP_ICMP;
	default:
		icmp_wanted(m, DROP_NO_ROUTE, icmp_type, icmp_code, 0);
		return IP_LOOKUP_ICMP;
	}
}

/* The same after the lookup: the adjacency has changed, or the index was never one. */
static inline uint8_t ip_rewrite_exception(struct rte_mbuf *m, uint8_t kind)
{
	if (kind == NH_PENDING || kind == NH_GLEAN)
		return IP_REWRITE_PUNT;
	pkt_meta(m)->drop_reason = DROP_NO_ROUTE;
	return IP_REWRITE_DROP;
}

#endif
