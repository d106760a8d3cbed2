/* SPDX-License-Identifier: BSD-3-Clause */
#include "packet/icmp.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include <rte_ether.h>
#include <rte_ip.h>

#include "packet/checksum.h"
#include "packet/eth.h"
#include "packet/ip.h"
#include "packet/ip6_ext.h"
#include "packet/ip6_hdr.h"
#include "packet/meta.h"

struct icmp_error_hdr {
	uint8_t type, code;
	uint16_t checksum;
	rte_be32_t info; /* the MTU: 32 bits in ICMPv6, the lower 16 in ICMPv4 (RFC 1191) */
} __attribute__((packed, aligned(2)));

static bool icmp4_error_allowed(const struct rte_mbuf *m)
{
	const struct rte_ipv4_hdr *ip =
		rte_pktmbuf_mtod_offset(m, const struct rte_ipv4_hdr *, PKT_L2_LEN);
	uint32_t l4 = PKT_L2_LEN + rte_ipv4_hdr_len(ip);
	uint8_t src = ip->src_addr & 0xff, dst = ip->dst_addr & 0xff;

	if (ip->fragment_offset & RTE_BE16(RTE_IPV4_HDR_OFFSET_MASK))
		return false;
	if (src == 0 || src == 127 || src >= 224 || dst >= 224)
		return false;
	if (ip->next_proto_id == IPPROTO_ICMP) {
		uint8_t type;

		if (m->data_len <= l4)
			return false;
		type = *rte_pktmbuf_mtod_offset(m, const uint8_t *, l4);
		return type != ICMP4_UNREACHABLE && type != ICMP4_SOURCE_QUENCH &&
		       type != ICMP4_REDIRECT && type != ICMP4_TIME_EXCEEDED &&
		       type != ICMP4_PARAMETER;
	}
	return true;
}

static bool icmp6_error_allowed(const struct rte_mbuf *m)
{
	static const uint8_t unspecified[16];
	const struct pkt_ip6_hdr *ip =
		rte_pktmbuf_mtod_offset(m, const struct pkt_ip6_hdr *, PKT_L2_LEN);
	struct ip6_payload payload;

	if (ip->src_addr[0] == 0xff || ip->dst_addr[0] == 0xff ||
		memcmp(ip->src_addr, unspecified, sizeof(unspecified)) == 0)
		return false;
	if (ip6_payload_find(m, &payload) != 0 || payload.fragment_offset != 0)
		return false;
	if (payload.proto == IPPROTO_ICMPV6) {
		uint8_t type;

		if (m->data_len <= payload.offset)
			return false;
		type = *rte_pktmbuf_mtod_offset(m, const uint8_t *, payload.offset);
		return type >= ICMP6_INFORMATIONAL && type != ICMP6_ND_LAST;
	}
	return true;
}

bool icmp_error_allowed(const struct rte_mbuf *m)
{
	return *rte_pktmbuf_mtod_offset(m, const uint8_t *, PKT_L2_LEN) >> 4 == 4 ?
		       icmp4_error_allowed(m) :
		       icmp6_error_allowed(m);
}

/*
 * Cuts the packet to `keep` bytes of IP in one segment and puts `room` bytes in front of them. Returns
 * the frame's new start.
 */
static uint8_t *make_room(struct rte_mbuf *m, uint16_t keep, uint16_t room)
{
	uint16_t len = RTE_MIN((uint32_t)m->data_len, (uint32_t)keep + PKT_L2_LEN);

	if (!RTE_MBUF_DIRECT(m) || rte_mbuf_refcnt_read(m) != 1 || rte_pktmbuf_headroom(m) < room)
		return NULL;
	if (m->next != NULL) {
		rte_pktmbuf_free(m->next);
		m->next = NULL;
		m->nb_segs = 1;
	}
	m->data_len = len;
	m->pkt_len = len;
	return (uint8_t *)rte_pktmbuf_prepend(m, room);
}

static void ether_type_set(uint8_t *frame, rte_be16_t type)
{
	memcpy(frame + 2 * RTE_ETHER_ADDR_LEN, &type, sizeof(type));
}

int icmp4_error_build(struct rte_mbuf *m, const void *source)
{
	const uint16_t room = sizeof(struct rte_ipv4_hdr) + sizeof(struct icmp_error_hdr);
	const struct pkt_meta *meta = pkt_meta(m);
	uint8_t *frame = make_room(m, ICMP4_ERROR_MAX - room, room);
	struct rte_ipv4_hdr *ip = (void *)(frame + PKT_L2_LEN);
	struct icmp_error_hdr *icmp = (void *)(ip + 1);
	const struct rte_ipv4_hdr *cause = (const void *)(icmp + 1);

	if (frame == NULL)
		return -ENOSPC;
	ether_type_set(frame, RTE_BE16(RTE_ETHER_TYPE_IPV4));
	*ip = (struct rte_ipv4_hdr){
		.version_ihl = RTE_IPV4_VHL_DEF,
		/* RFC 1812 4.3.2.5: precedence 6, internetwork control. */
		.type_of_service = 0xc0,
		.total_length = rte_cpu_to_be_16(m->pkt_len - PKT_L2_LEN),
		.time_to_live = PKT_ORIGIN_TTL + 1,
		.next_proto_id = IPPROTO_ICMP,
		.dst_addr = cause->src_addr,
	};
	memcpy(&ip->src_addr, source, sizeof(ip->src_addr));
	ip->hdr_checksum = ~checksum_fold(checksum_add(0, ip, sizeof(*ip)));
	*icmp = (struct icmp_error_hdr){
		.type = meta->icmp_type,
		.code = meta->icmp_code,
		.info = rte_cpu_to_be_32(meta->icmp_info & 0xffff),
	};
	icmp->checksum = ~checksum_fold(
		checksum_add(0, icmp, m->pkt_len - PKT_L2_LEN - sizeof(*ip)));
	return 0;
}

int icmp6_error_build(struct rte_mbuf *m, const void *source)
{
	const uint16_t room = sizeof(struct pkt_ip6_hdr) + sizeof(struct icmp_error_hdr);
	const struct pkt_meta *meta = pkt_meta(m);
	uint8_t *frame = make_room(m, ICMP6_ERROR_MAX - room, room);
	struct pkt_ip6_hdr *ip = (void *)(frame + PKT_L2_LEN);
	struct icmp_error_hdr *icmp = (void *)(ip + 1);
	const struct pkt_ip6_hdr *cause = (const void *)(icmp + 1);
	uint64_t sum;
	uint16_t len;

	if (frame == NULL)
		return -ENOSPC;
	ether_type_set(frame, RTE_BE16(RTE_ETHER_TYPE_IPV6));
	len = m->pkt_len - PKT_L2_LEN - sizeof(*ip);
	*ip = (struct pkt_ip6_hdr){
		.vtc_flow = RTE_BE32(0x60000000),
		.payload_len = rte_cpu_to_be_16(len),
		.proto = IPPROTO_ICMPV6,
		.hop_limits = PKT_ORIGIN_TTL + 1,
	};
	memcpy(ip->src_addr, source, sizeof(ip->src_addr));
	memcpy(ip->dst_addr, cause->src_addr, sizeof(ip->dst_addr));
	*icmp = (struct icmp_error_hdr){
		.type = meta->icmp_type,
		.code = meta->icmp_code,
		.info = rte_cpu_to_be_32(meta->icmp_info),
	};
	/* RFC 8200 8.1: addresses, length and next header as a pseudo-header. */
	sum = checksum_add(rte_cpu_to_be_32(len) + (uint64_t)RTE_BE32(IPPROTO_ICMPV6), ip->src_addr, 32);
	icmp->checksum = ~checksum_fold(checksum_add(sum, icmp, len));
	return 0;
}

void icmp_bucket_init(struct icmp_bucket *b, uint64_t tsc_hz, unsigned int rate,
	unsigned int burst, uint64_t now)
{
	b->cycles_per_error = tsc_hz / rate;
	b->cycles_max = burst * b->cycles_per_error;
	b->saved = b->cycles_max;
	b->last = now;
}

bool icmp_bucket_take(struct icmp_bucket *b, uint64_t now)
{
	b->saved = RTE_MIN(b->saved + (now - b->last), b->cycles_max);
	b->last = now;
	if (b->saved < b->cycles_per_error)
		return false;
	b->saved -= b->cycles_per_error;
	return true;
}
