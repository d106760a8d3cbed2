/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The Ethernet stage: is the frame ours, and what does it carry? Workers.
 * Before it: rx. After it: ip4.h, ip6.h, the punt.
 */
#ifndef PACKET_ETH_H
#define PACKET_ETH_H

#include <stdint.h>
#include <string.h>

#include <rte_ether.h>
#include <rte_mbuf.h>

/* Where the IP header starts (packet/meta.h). */
#define PKT_L2_LEN RTE_ETHER_HDR_LEN

enum eth_next {
	ETH_NEXT_IP4,
	ETH_NEXT_IP6,
	ETH_NEXT_PUNT, /* ARP */
	ETH_NEXT_DROP, /* meta.drop_reason is set */
	ETH_NEXT_MAX,
};

/* A MAC address as the low 48 bits of a frame's first eight bytes. */
static inline uint64_t eth_mac_word(const struct rte_ether_addr *mac)
{
	uint64_t word = 0;

	memcpy(&word, mac, sizeof(*mac));
	return word;
}

/*
 * Fills next[i] (enum eth_next) for each frame. macs: the ports' own addresses as eth_mac_word(),
 * by ethdev id (mbuf->port). A frame to a group address passes with ARP, and with IPv6 where the
 * IPv6 destination is a group too; IPv4 that came as a link-layer broadcast is never forwarded
 * (RFC 1812 5.3.4).
 */
void eth_input_burst(const uint64_t *macs, struct rte_mbuf **pkts, unsigned int n, uint8_t *next);

#endif
