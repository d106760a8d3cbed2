/* SPDX-License-Identifier: BSD-3-Clause */
#include "packet/eth.h"

#include <stdbool.h>

#include <rte_byteorder.h>
#include <rte_ip.h>
#include <rte_prefetch.h>

#include "drop/drop.h"
#include "packet/ip6_hdr.h"
#include "packet/meta.h"

#define PREFETCH_AHEAD 8
#define MAC_WORD_MASK UINT64_C(0xffffffffffff)

static uint8_t drop(struct rte_mbuf *m, enum drop_reason reason)
{
	pkt_meta(m)->drop_reason = reason;
	return ETH_NEXT_DROP;
}

/* Anything but a unicast frame to the port that carries IP. */
static __attribute__((noinline)) uint8_t eth_input_slow(struct rte_mbuf *m, uint64_t own_mac)
{
	const struct rte_ether_hdr *eth = rte_pktmbuf_mtod(m, const struct rte_ether_hdr *);
	bool group;

	if (m->data_len < PKT_L2_LEN)
		return drop(m, DROP_ETH_SHORT);
	group = rte_is_multicast_ether_addr(&eth->dst_addr);
	if (!group && eth_mac_word(&eth->dst_addr) != own_mac)
		return drop(m, DROP_ETH_NOT_FOR_US);
	switch (eth->ether_type) {
	case RTE_BE16(RTE_ETHER_TYPE_ARP):
		return ETH_NEXT_PUNT;
	case RTE_BE16(RTE_ETHER_TYPE_IPV4):
		return group ? drop(m, DROP_IP4_DESTINATION) : ETH_NEXT_IP4;
	case RTE_BE16(RTE_ETHER_TYPE_IPV6): {
		const struct pkt_ip6_hdr *ip = (const void *)(eth + 1);

		if (group && m->data_len >= PKT_L2_LEN + sizeof(*ip) && ip->dst_addr[0] != 0xff)
			return drop(m, DROP_IP6_DESTINATION);
		return ETH_NEXT_IP6;
	}
	default:
		return drop(m, DROP_ETH_TYPE);
	}
}

void eth_input_burst(const uint64_t *macs, struct rte_mbuf **pkts, unsigned int n, uint8_t *next)
{
	for (unsigned int i = 0; i < n; i++) {
		struct rte_mbuf *m = pkts[i];
		const uint8_t *frame = rte_pktmbuf_mtod(m, const uint8_t *);
		uint64_t own_mac = macs[m->port];
		uint64_t dst;
		uint16_t type;

		if (i + PREFETCH_AHEAD < n)
			rte_prefetch0(rte_pktmbuf_mtod(pkts[i + PREFETCH_AHEAD], void *));
		memcpy(&dst, frame, sizeof(dst));
		memcpy(&type, frame + 12, sizeof(type));
		if (likely((dst & MAC_WORD_MASK) == own_mac && m->data_len >= PKT_L2_LEN &&
			   (type == RTE_BE16(RTE_ETHER_TYPE_IPV4) ||
				   type == RTE_BE16(RTE_ETHER_TYPE_IPV6))))
			next[i] = type == RTE_BE16(RTE_ETHER_TYPE_IPV4) ? ETH_NEXT_IP4 : ETH_NEXT_IP6;
		else
			next[i] = eth_input_slow(m, own_mac);
	}
}
