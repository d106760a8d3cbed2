/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A packet becomes what its side of the flow says. Workers; inline, because nat_rewrite4() is most of
 * what translation costs an established packet.
 *
 * Checksums by RFC 1624 equation 3: ~check' = ~check + delta, in one's complement. Deltas are never 0
 * (0xffff says the same), and so ~check' is never 0, as in a sum over the whole: there, some byte is
 * not zero. The result is bit by bit what a full computation yields; a checksum that was wrong stays
 * so. The one message that may be all zeros is an echo reply: nat_rewrite_l4_other().
 */
#ifndef NAT_REWRITE_H
#define NAT_REWRITE_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <netinet/in.h>

#include <rte_branch_prediction.h>
#include <rte_ip.h>
#include <rte_mbuf.h>

#include "flow/record.h"
#include "packet/checksum.h"
#include "packet/eth.h"
#include "packet/ip6_hdr.h"

#define NAT_DELTA_NONE 0xffff

enum { NAT_TCP_CHECK = 16, NAT_UDP_CHECK = 6, NAT_ICMP_CHECK = 2, NAT_ICMP_IDENT = 4 };

static inline uint16_t nat_check_add(uint16_t check, uint16_t delta)
{
	uint32_t sum = (uint16_t)~check + delta;

	return ~(sum + (sum >> 16));
}

/* A UDP checksum of 0 is none (RFC 768), and one computed as 0 is sent as 0xffff. */
static inline uint16_t nat_check_add_udp(uint16_t check, uint16_t delta)
{
	uint16_t sum = nat_check_add(check, delta);

	sum = sum == 0 ? 0xffff : sum;
	return check == 0 ? 0 : sum;
}

/* From the sums (checksum_add()) of what is there and of what will be. */
static inline uint16_t nat_delta(uint64_t before, uint64_t after)
{
	return checksum_fold32(after + NAT_DELTA_NONE + (uint16_t)~checksum_fold32(before));
}

/* Protocols other than TCP and UDP. */
void nat_rewrite_l4_other(uint8_t *l4, unsigned int room, uint8_t proto, uint8_t icmp,
	rte_be16_t ident, uint16_t delta);

/* l4 has `room` bytes; icmp: the family's ICMP, the other's is a protocol without ports; ports: as in
 * the packet, or the identifier twice. */
static inline void nat_rewrite_l4(uint8_t *l4, unsigned int room, uint8_t proto, uint8_t icmp,
	uint32_t ports, uint16_t delta)
{
	bool tcp = proto == IPPROTO_TCP;
	unsigned int at = tcp ? NAT_TCP_CHECK : NAT_UDP_CHECK;
	uint16_t check, sum;

	if (unlikely(!tcp && proto != IPPROTO_UDP)) {
		nat_rewrite_l4_other(l4, room, proto, icmp, ports & 0xffff, delta);
		return;
	}
	if (unlikely(room < at + sizeof(check)))
		return;
	memcpy(&check, l4 + at, sizeof(check));
	sum = nat_check_add(check, delta);
	if (!tcp)
		sum = nat_check_add_udp(check, delta);
	memcpy(l4, &ports, sizeof(ports));
	memcpy(l4 + at, &sum, sizeof(sum));
}

/*
 * l4_offset: of the upper-layer header, from the frame's start, at most data_len. has_l4 false: a later
 * fragment, which has none. flow_key4_of() and flow_key6_of() see to it that it lies in the first
 * segment; what does not is left as it is.
 */
static inline void nat_rewrite4(struct rte_mbuf *m, const struct flow_side *s,
	unsigned int l4_offset, bool has_l4)
{
	uint8_t *frame = rte_pktmbuf_mtod(m, uint8_t *);
	struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)(frame + PKT_L2_LEN);
	uint64_t addresses;
	uint32_t ports;

	memcpy(&addresses, &s->v4.to.src, sizeof(addresses));
	memcpy(&ip->src_addr, &addresses, sizeof(addresses));
	ip->hdr_checksum = nat_check_add(ip->hdr_checksum, s->v4.ip_delta);
	if (likely(has_l4)) {
		memcpy(&ports, &s->v4.to.sport, sizeof(ports));
		nat_rewrite_l4(frame + l4_offset, m->data_len - l4_offset, s->proto, IPPROTO_ICMP,
			ports, s->v4.l4_delta);
	}
}

/* IPv6 sides have no room for what the packet becomes: that is the other side's tuple, reversed. */
static inline void nat_rewrite6(struct rte_mbuf *m, const struct flow_side *s,
	const struct flow_side *other, unsigned int l4_offset, bool has_l4)
{
	uint8_t *frame = rte_pktmbuf_mtod(m, uint8_t *);
	struct pkt_ip6_hdr *ip = (struct pkt_ip6_hdr *)(frame + PKT_L2_LEN);
	uint64_t before = (uint64_t)s->sport, after = (uint64_t)other->dport;

	memcpy(ip->src_addr, other->v6.dst, sizeof(ip->src_addr));
	memcpy(ip->dst_addr, other->v6.src, sizeof(ip->dst_addr));
	if (unlikely(!has_l4))
		return;
	if (likely(s->proto != IPPROTO_ICMPV6)) { /* whose identifier stands in the tuple twice */
		before += s->dport;
		after += other->sport;
	}
	before = checksum_add(before, s->v6.src, sizeof(s->v6.src) + sizeof(s->v6.dst));
	after = checksum_add(after, other->v6.src, sizeof(other->v6.src) + sizeof(other->v6.dst));
	nat_rewrite_l4(frame + l4_offset, m->data_len - l4_offset, s->proto, IPPROTO_ICMPV6,
		(uint32_t)other->dport | (uint32_t)other->sport << 16, nat_delta(before, after));
}

/* Fills what the packets of each side become: `to`, deltas and FLOW_F_NAT, from both tuples. */
void nat_rewrite_prepare(struct flow_record *r);

#endif
