/* SPDX-License-Identifier: BSD-3-Clause */
#include "flow/fragment.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include <rte_ip.h>

#include "packet/eth.h"
#include "packet/icmp.h"
#include "packet/ip6_ext.h"
#include "packet/ip6_hdr.h"

#define PACKET_MAX 65535
#define HEADERS_MAX 8
#define TCP_HEADER 20
#define UDP_HEADER 8
#define ICMP_HEADER 8

static bool icmp_query(bool v4, uint8_t type)
{
	if (!v4)
		return type == ICMP6_ECHO || type == ICMP6_ECHO_REPLY;
	return type == ICMP4_ECHO || type == ICMP4_ECHO_REPLY || type == ICMP4_TIMESTAMP ||
	       type == ICMP4_TIMESTAMP_REPLY;
}

bool fragment_without_ports(bool v4, uint8_t proto)
{
	switch (proto) {
	case IPPROTO_TCP:
	case IPPROTO_UDP:
		return false;
	case IPPROTO_ICMP:
		return !v4;
	case IPPROTO_ICMPV6:
	case IPPROTO_HOPOPTS:
	case IPPROTO_ROUTING:
	case IPPROTO_DSTOPTS:
	case IPPROTO_AH:
		return v4;
	default:
		return true;
	}
}

/* The upper-layer header of a first fragment, whole. */
static int upper_parse(const struct rte_mbuf *m, bool v4, unsigned int offset, unsigned int len,
	struct fragment *f)
{
	const uint8_t *at = rte_pktmbuf_mtod_offset(m, const uint8_t *, offset);
	bool icmp = f->upper == (v4 ? IPPROTO_ICMP : IPPROTO_ICMPV6);
	unsigned int need = 0;

	if (f->upper == IPPROTO_TCP)
		need = TCP_HEADER;
	else if (f->upper == IPPROTO_UDP)
		need = UDP_HEADER;
	else if (icmp)
		need = ICMP_HEADER;
	if (need == 0)
		return 0;
	if (len < need || m->data_len < offset + need)
		return -EBADMSG;
	/* Errors are shorter than any MTU; what else is no query belongs to no flow. */
	if (icmp && !icmp_query(v4, at[0]))
		return -EBADMSG;
	f->has_ports = true;
	memcpy(f->ports, icmp ? at + 4 : at, sizeof(f->ports));
	if (icmp)
		f->ports[1] = f->ports[0];
	return 0;
}

static int check(const struct fragment *f, unsigned int header)
{
	if (f->len == 0 || (f->more && f->len % 8 != 0) || header + f->offset + f->len > PACKET_MAX)
		return -EBADMSG;
	if (f->proto == IPPROTO_TCP && f->offset != 0 && f->offset < TCP_HEADER)
		return -EBADMSG;
	return 0;
}

static int parse4(const struct rte_mbuf *m, struct fragment *f)
{
	const struct rte_ipv4_hdr *ip =
		rte_pktmbuf_mtod_offset(m, const struct rte_ipv4_hdr *, PKT_L2_LEN);
	unsigned int header = rte_ipv4_hdr_len(ip);
	uint16_t offset = rte_be_to_cpu_16(ip->fragment_offset);

	*f = (struct fragment){
		.id = ip->packet_id,
		.offset = (offset & RTE_IPV4_HDR_OFFSET_MASK) * 8,
		.more = offset & RTE_IPV4_HDR_MF_FLAG,
		.len = rte_be_to_cpu_16(ip->total_length) - header,
		.proto = ip->next_proto_id,
		.upper = ip->next_proto_id,
	};
	if (check(f, header) < 0)
		return -EBADMSG;
	return f->offset == 0 ? upper_parse(m, true, PKT_L2_LEN + header, f->len, f) : 0;
}

/* The fragment header's place, from the frame's start; 0: none. */
static unsigned int header6_find(const struct rte_mbuf *m)
{
	const uint8_t *frame = rte_pktmbuf_mtod(m, const uint8_t *);
	const struct pkt_ip6_hdr *ip = (const void *)(frame + PKT_L2_LEN);
	unsigned int at = PKT_L2_LEN + sizeof(*ip);
	uint8_t proto = ip->proto;

	for (unsigned int i = 0; i < HEADERS_MAX && m->data_len >= at + 8; i++) {
		if (proto == IPPROTO_FRAGMENT)
			return at;
		if (proto != IPPROTO_HOPOPTS && proto != IPPROTO_ROUTING && proto != IPPROTO_DSTOPTS)
			return 0;
		proto = frame[at];
		at += (frame[at + 1] + 1u) * 8;
	}
	return 0;
}

static int parse6(const struct rte_mbuf *m, struct fragment *f)
{
	const uint8_t *frame = rte_pktmbuf_mtod(m, const uint8_t *);
	const struct pkt_ip6_hdr *ip = (const void *)(frame + PKT_L2_LEN);
	uint32_t end = PKT_L2_LEN + sizeof(*ip) + rte_be_to_cpu_16(ip->payload_len);
	unsigned int at = header6_find(m);
	struct ip6_payload payload;
	uint16_t offset;

	if (at == 0 || end < at + 8)
		return -EBADMSG;
	offset = frame[at + 2] << 8 | frame[at + 3];
	*f = (struct fragment){
		.offset = offset & 0xfff8,
		.more = offset & 1,
		.len = end - at - 8,
		.proto = frame[at],
	};
	memcpy(&f->id, frame + at + 4, sizeof(f->id));
	/* RFC 8200 4.5: what the packet would be without the fragment header. */
	if (check(f, at - PKT_L2_LEN - sizeof(*ip)) < 0)
		return -EBADMSG;
	if (f->offset != 0)
		return 0;
	if (ip6_payload_find(m, &payload) < 0 || payload.offset > end)
		return -EBADMSG;
	f->upper = payload.proto;
	return upper_parse(m, false, payload.offset, end - payload.offset, f);
}

int fragment_parse(const struct rte_mbuf *m, struct fragment *ret_f)
{
	const uint8_t *ip = rte_pktmbuf_mtod_offset(m, const uint8_t *, PKT_L2_LEN);

	return ip[0] >> 4 == 4 ? parse4(m, ret_f) : parse6(m, ret_f);
}
