/* SPDX-License-Identifier: BSD-3-Clause */
/* The IPv6 header (RFC 8200 3). Our own, because DPDK's changed its addresses' type in 24.11. */
#ifndef PACKET_IP6_HDR_H
#define PACKET_IP6_HDR_H

#include <stdint.h>

#include <rte_byteorder.h>

struct pkt_ip6_hdr {
	rte_be32_t vtc_flow;	/* version, traffic class, flow label */
	rte_be16_t payload_len; /* extension headers included */
	uint8_t proto;		/* next header */
	uint8_t hop_limits;
	uint8_t src_addr[16];
	uint8_t dst_addr[16];
} __attribute__((packed, aligned(2)));

#endif
