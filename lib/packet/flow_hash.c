/* SPDX-License-Identifier: BSD-3-Clause */
#include "packet/flow_hash.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>

#include <rte_ip.h>

#include "packet/eth.h"
#include "packet/ip6_hdr.h"

/* The finaliser of MurmurHash3: every input bit reaches every output bit. */
static uint64_t mix(uint64_t x)
{
	x ^= x >> 33;
	x *= UINT64_C(0xff51afd7ed558ccd);
	x ^= x >> 33;
	x *= UINT64_C(0xc4ceb9fe1a85ec53);
	return x ^ x >> 33;
}

/* Does not change when a and b change places, and loses less than their exclusive or alone. */
static uint64_t mix_pair(uint64_t a, uint64_t b)
{
	return mix(a ^ b) + mix(a + b);
}

static bool has_ports(uint8_t proto)
{
	return proto == IPPROTO_TCP || proto == IPPROTO_UDP || proto == IPPROTO_SCTP;
}

static uint64_t ports(const struct rte_mbuf *m, unsigned int l4_offset, uint8_t proto)
{
	uint16_t port[2];

	if (!has_ports(proto) || m->data_len < l4_offset + sizeof(port))
		return 0;
	memcpy(port, rte_pktmbuf_mtod_offset(m, const uint8_t *, l4_offset), sizeof(port));
	return mix_pair(port[0], port[1]);
}

uint32_t flow_hash_v4(const struct rte_mbuf *m)
{
	const struct rte_ipv4_hdr *ip =
		rte_pktmbuf_mtod_offset(m, const struct rte_ipv4_hdr *, PKT_L2_LEN);
	bool fragment = ip->fragment_offset &
			RTE_BE16(RTE_IPV4_HDR_MF_FLAG | RTE_IPV4_HDR_OFFSET_MASK);
	uint64_t h = mix_pair(ip->src_addr, ip->dst_addr) + ip->next_proto_id;

	if (!fragment)
		h += ports(m, PKT_L2_LEN + rte_ipv4_hdr_len(ip), ip->next_proto_id);
	return mix(h);
}

uint32_t flow_hash_v6(const struct rte_mbuf *m)
{
	const struct pkt_ip6_hdr *ip =
		rte_pktmbuf_mtod_offset(m, const struct pkt_ip6_hdr *, PKT_L2_LEN);
	uint64_t src[2], dst[2], h;

	memcpy(src, ip->src_addr, sizeof(src));
	memcpy(dst, ip->dst_addr, sizeof(dst));
	h = mix_pair(mix(src[0]) + src[1], mix(dst[0]) + dst[1]) + ip->proto;
	h += ports(m, PKT_L2_LEN + sizeof(*ip), ip->proto);
	return mix(h);
}
