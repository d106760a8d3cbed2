/* SPDX-License-Identifier: BSD-3-Clause */
#include "flow/key.h"

#include <netinet/in.h>

#include <rte_ip.h>
#include <rte_tcp.h>
#include <rte_udp.h>

#include "packet/eth.h"
#include "packet/icmp.h"
#include "packet/ip6_ext.h"
#include "packet/ip6_hdr.h"

#define ICMP_HDR_LEN 8
#define ICMP_IDENT 4 /* of a query; RFC 792 */
#define TCP_FLAGS 13

/* Timestamps (RFC 792) are the one other query that hosts still answer (RFC 6918). */
static enum flow_packet icmp4_kind(uint8_t type)
{
	switch (type) {
	case ICMP4_ECHO:
	case ICMP4_ECHO_REPLY:
	case ICMP4_TIMESTAMP:
	case ICMP4_TIMESTAMP_REPLY:
		return FLOW_PACKET_PLAIN;
	case ICMP4_UNREACHABLE:
	case ICMP4_SOURCE_QUENCH:
	case ICMP4_REDIRECT:
	case ICMP4_TIME_EXCEEDED:
	case ICMP4_PARAMETER:
		return FLOW_PACKET_ICMP_ERROR;
	default:
		return FLOW_PACKET_UNTRACKED;
	}
}

static enum flow_packet icmp6_kind(uint8_t type)
{
	if (type == ICMP6_ECHO || type == ICMP6_ECHO_REPLY)
		return FLOW_PACKET_PLAIN;
	return type < ICMP6_INFORMATIONAL ? FLOW_PACKET_ICMP_ERROR : FLOW_PACKET_UNTRACKED;
}

/* ICMP without its header is no query, and so has no flow. */
static enum flow_packet icmp_read(const struct rte_mbuf *m, struct flow_l4 *l4, rte_be16_t ports[2])
{
	const uint8_t *icmp = rte_pktmbuf_mtod_offset(m, const uint8_t *, l4->offset);
	enum flow_packet kind;

	if (m->data_len < l4->offset + ICMP_HDR_LEN)
		return FLOW_PACKET_MALFORMED;
	l4->icmp_type = icmp[0];
	l4->icmp_code = icmp[1];
	kind = l4->proto == IPPROTO_ICMP ? icmp4_kind(icmp[0]) : icmp6_kind(icmp[0]);
	if (kind == FLOW_PACKET_PLAIN) {
		memcpy(&ports[0], icmp + ICMP_IDENT, 2);
		ports[1] = ports[0];
	}
	return kind;
}

/* The upper-layer header at l4->offset: fills l4 and ports. */
static enum flow_packet l4_read(const struct rte_mbuf *m, bool v4, struct flow_l4 *l4,
	rte_be16_t ports[2])
{
	const uint8_t *at = rte_pktmbuf_mtod_offset(m, const uint8_t *, l4->offset);

	switch (l4->proto) {
	case IPPROTO_TCP:
		if (m->data_len < l4->offset + sizeof(struct rte_tcp_hdr))
			return FLOW_PACKET_MALFORMED;
		l4->tcp_flags = at[TCP_FLAGS];
		memcpy(ports, at, 4);
		return FLOW_PACKET_PLAIN;
	case IPPROTO_UDP:
		if (m->data_len < l4->offset + sizeof(struct rte_udp_hdr))
			return FLOW_PACKET_MALFORMED;
		memcpy(ports, at, 4);
		return FLOW_PACKET_PLAIN;
	case IPPROTO_ICMP: /* the other family's ICMP is a protocol like any other */
		return v4 ? icmp_read(m, l4, ports) : FLOW_PACKET_PLAIN;
	case IPPROTO_ICMPV6:
		return v4 ? FLOW_PACKET_PLAIN : icmp_read(m, l4, ports);
	default:
		return FLOW_PACKET_PLAIN;
	}
}

enum flow_packet flow_key4_of(const struct rte_mbuf *m, struct flow_key4 *ret_key,
	struct flow_l4 *ret_l4)
{
	const struct rte_ipv4_hdr *ip =
		rte_pktmbuf_mtod_offset(m, const struct rte_ipv4_hdr *, PKT_L2_LEN);
	struct flow_l4 l4 = {.offset = PKT_L2_LEN + rte_ipv4_hdr_len(ip),
		.proto = ip->next_proto_id};
	enum flow_packet kind = FLOW_PACKET_FRAGMENT;
	rte_be16_t ports[2] = {0};

	if (likely((ip->fragment_offset &
			   RTE_BE16(RTE_IPV4_HDR_MF_FLAG | RTE_IPV4_HDR_OFFSET_MASK)) == 0))
		kind = l4_read(m, true, &l4, ports);
	*ret_key = (struct flow_key4){.src = ip->src_addr, .dst = ip->dst_addr, .sport = ports[0],
		.dport = ports[1], .proto = l4.proto};
	*ret_l4 = l4;
	return kind;
}

enum flow_packet flow_key6_of(const struct rte_mbuf *m, struct flow_key6 *ret_key,
	struct flow_l4 *ret_l4)
{
	const struct pkt_ip6_hdr *ip =
		rte_pktmbuf_mtod_offset(m, const struct pkt_ip6_hdr *, PKT_L2_LEN);
	struct flow_l4 l4 = {.offset = PKT_L2_LEN + sizeof(*ip), .proto = ip->proto};
	enum flow_packet kind = FLOW_PACKET_FRAGMENT;
	rte_be16_t ports[2] = {0};
	struct ip6_payload p = {0};

	if (unlikely(l4.proto != IPPROTO_TCP && l4.proto != IPPROTO_UDP &&
		    l4.proto != IPPROTO_ICMPV6)) {
		if (ip6_payload_find(m, &p) != 0)
			return FLOW_PACKET_MALFORMED;
		l4.offset = (uint16_t)p.offset;
		l4.proto = p.proto;
	}
	if (likely(!p.fragment))
		kind = l4_read(m, false, &l4, ports);
	*ret_key = (struct flow_key6){.sport = ports[0], .dport = ports[1], .proto = l4.proto};
	memcpy(ret_key->src, ip->src_addr, sizeof(ret_key->src));
	memcpy(ret_key->dst, ip->dst_addr, sizeof(ret_key->dst));
	*ret_l4 = l4;
	return kind;
}
