/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Frames from the wire into ARP and neighbour discovery. The first byte picks the parser, and whether
 * the checksum is made right, which no fuzzer guesses. What is accepted must be fit to act on, and the
 * answer to it must parse as one.
 */
#include <stdlib.h>
#include <string.h>

#include <rte_ip.h>

#include "neigh/msg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int ok)
{
	if (!ok)
		abort();
}

static void check_answer(const struct neigh_msg *msg, bool arp)
{
	static const struct rte_ether_addr ours = {{2, 0, 0, 0, 0, 1}};
	struct neigh_frame f = {
		.eth_dst = msg->has_mac ? msg->mac : msg->eth_src,
		.eth_src = ours,
		.target = msg->target,
		.to = msg->sender,
		.solicited = true,
	};
	uint8_t frame[NEIGH_FRAME_MAX];
	struct neigh_msg back;
	size_t len;

	if (msg->sender.family == IP_NONE) /* answered to all nodes: see send.c */
		return;
	f.to_mac = f.eth_dst;
	len = neigh_build_advert(&f, frame);
	require((arp ? arp_parse : nd_parse)(frame, len, &back) == 0);
	require(back.kind == NEIGH_MSG_ADVERT && ip_addr_equal(&back.target, &msg->target));
	require(back.has_mac && rte_is_same_ether_addr(&back.mac, &ours));
}

static void fix_checksum(uint8_t *frame, size_t len)
{
	struct rte_ipv6_hdr *ip = (struct rte_ipv6_hdr *)(frame + RTE_ETHER_HDR_LEN);
	uint16_t sum;

	if (len < RTE_ETHER_HDR_LEN + sizeof(*ip) + 8 || ip->proto != IPPROTO_ICMPV6 ||
		rte_be_to_cpu_16(ip->payload_len) > len - RTE_ETHER_HDR_LEN - sizeof(*ip))
		return;
	memset((uint8_t *)(ip + 1) + 2, 0, 2);
	sum = rte_ipv6_udptcp_cksum(ip, ip + 1);
	memcpy((uint8_t *)(ip + 1) + 2, &sum, 2);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct neigh_msg msg;
	uint8_t *frame;
	bool arp;

	if (size < 1)
		return 0;
	arp = data[0] & 1;
	frame = malloc(size > 1 ? size - 1 : 1); /* exactly: a sanitiser sees a read beyond */
	memcpy(frame, data + 1, size - 1);
	if (!arp && data[0] & 2)
		fix_checksum(frame, size - 1);
	if ((arp ? arp_parse : nd_parse)(frame, size - 1, &msg) == 0 && msg.kind != NEIGH_MSG_OTHER) {
		require(msg.target.family == (arp ? IP_V4 : IP_V6));
		require(!ip_addr_is_multicast(&msg.target) && !ip_addr_is_unspecified(&msg.target));
		require(!msg.has_mac || rte_is_valid_assigned_ether_addr(&msg.mac));
		require(rte_is_valid_assigned_ether_addr(&msg.eth_src));
		require(msg.sender.family == IP_NONE || msg.sender.family == msg.target.family);
		if (msg.kind == NEIGH_MSG_SOLICIT)
			check_answer(&msg, arp);
	}
	free(frame);
	return 0;
}
