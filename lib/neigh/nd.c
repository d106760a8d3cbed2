/* SPDX-License-Identifier: BSD-3-Clause */
/* Neighbour discovery frames (RFC 4861) to messages and back. Pure. */
#include <errno.h>

#include <rte_ip.h>

#include "base/buf.h"
#include "neigh/msg.h"

enum {
	ROUTER_SOLICIT = 133,
	ROUTER_ADVERT = 134,
	NEIGH_SOLICIT = 135,
	NEIGH_ADVERT = 136,
	REDIRECT = 137,
};
enum { OPT_SOURCE_LL = 1, OPT_TARGET_LL = 2 };
enum { FLAG_ROUTER = 0x80, FLAG_SOLICITED = 0x40, FLAG_OVERRIDE = 0x20 };

#define ND_HOP_LIMIT 255

/* The options up to the end: the link-layer address of the wanted kind, where there is one. */
static int parse_options(struct buf_reader *r, uint8_t wanted, struct neigh_msg *msg)
{
	while (r->len > 0) {
		uint8_t type = buf_get_u8(r);
		uint8_t units = buf_get_u8(r); /* of 8 bytes, these two included */
		const uint8_t *body;

		if (r->failed || units == 0)
			return -EBADMSG;
		body = buf_take(r, units * 8u - 2);
		if (body == NULL)
			return -EBADMSG;
		if (type != wanted)
			continue;
		if (units != 1 || !rte_is_valid_assigned_ether_addr(
					  (const struct rte_ether_addr *)body))
			return -EBADMSG;
		msg->has_mac = true;
		memcpy(&msg->mac, body, 6);
	}
	return 0;
}

/* Behind the flags: target, options. Source and destination are the packet's. */
static int parse_neighbour(struct buf_reader *r, uint8_t type, uint8_t flags,
	const struct ip_addr *src, const struct ip_addr *dst, struct neigh_msg *msg)
{
	bool solicit = type == NEIGH_SOLICIT;
	const uint8_t *target = buf_take(r, 16);
	struct ip_addr group;

	if (target == NULL)
		return -EBADMSG;
	msg->kind = solicit ? NEIGH_MSG_SOLICIT : NEIGH_MSG_ADVERT;
	msg->target = ip_addr_v6(target);
	if (ip_addr_is_multicast(&msg->target) || ip_addr_is_unspecified(&msg->target) ||
		ip_addr_is_loopback(&msg->target) ||
		parse_options(r, solicit ? OPT_SOURCE_LL : OPT_TARGET_LL, msg) != 0)
		return -EBADMSG;
	group = nd_solicited_node(&msg->target);
	if (solicit) { /* 7.1.1 */
		if (!ip_addr_is_unspecified(src))
			msg->sender = *src;
		else if (memcmp(dst->bytes, group.bytes, 13) != 0 || /* any such group */
			 msg->has_mac)
			return -EBADMSG;
	} else { /* 7.1.2 */
		msg->sender = msg->target;
		msg->solicited = flags & FLAG_SOLICITED;
		msg->override = flags & FLAG_OVERRIDE;
		if (ip_addr_is_unspecified(src) || (ip_addr_is_multicast(dst) && msg->solicited))
			return -EBADMSG;
	}
	return 0;
}

int nd_parse(const uint8_t *frame, size_t len, struct neigh_msg *ret_msg)
{
	const struct rte_ether_hdr *eth = (const struct rte_ether_hdr *)frame;
	const struct rte_ipv6_hdr *ip = (const struct rte_ipv6_hdr *)(frame + sizeof(*eth));
	struct neigh_msg msg = {0};
	struct ip_addr src, dst;
	struct buf_reader r;
	uint8_t type, code, flags;
	size_t icmp_len;

	if (len < sizeof(*eth) + sizeof(*ip) || frame[sizeof(*eth)] >> 4 != 6)
		return -EBADMSG;
	icmp_len = rte_be_to_cpu_16(ip->payload_len);
	/* An extension header in front has no honest use here; RFC 6980 forbids the fragment header. */
	if (icmp_len > len - sizeof(*eth) - sizeof(*ip) || ip->hop_limits != ND_HOP_LIMIT ||
		ip->proto != IPPROTO_ICMPV6 || icmp_len < 8 ||
		!rte_is_valid_assigned_ether_addr(&eth->src_addr) ||
		rte_ipv6_udptcp_cksum_verify(ip, ip + 1) != 0)
		return -EBADMSG;
	src = ip_addr_v6(&ip->src_addr);
	dst = ip_addr_v6(&ip->dst_addr);
	if (ip_addr_is_multicast(&src) || ip_addr_is_loopback(&src))
		return -EBADMSG;
	msg.eth_src = eth->src_addr;
	r = buf_reader(ip + 1, icmp_len);
	type = buf_get_u8(&r);
	code = buf_get_u8(&r);
	buf_get_u16(&r); /* checksum: verified */
	flags = buf_get_u8(&r);
	buf_take(&r, 3);
	if (code != 0)
		return -EBADMSG;
	switch (type) {
	case NEIGH_SOLICIT:
	case NEIGH_ADVERT:
		if (parse_neighbour(&r, type, flags, &src, &dst, &msg) != 0)
			return -EBADMSG;
		break;
	case ROUTER_SOLICIT:
	case ROUTER_ADVERT:
	case REDIRECT:
		msg.kind = NEIGH_MSG_OTHER;
		break;
	default:
		return -EBADMSG;
	}
	*ret_msg = msg;
	return 0;
}

size_t nd_build(const struct neigh_frame *f, uint8_t type, uint8_t frame[NEIGH_FRAME_MAX])
{
	bool solicit = type == NEIGH_SOLICIT;
	struct buf_writer w = buf_writer(frame, NEIGH_FRAME_MAX);
	struct ip_addr group = nd_solicited_node(&f->target);
	const struct ip_addr *dst = solicit ? &f->target : &f->to;
	struct rte_ipv6_hdr *ip;
	const size_t icmp_len = 8 + 16 + 8;
	size_t icmp_at;

	if (solicit && rte_is_multicast_ether_addr(&f->eth_dst))
		dst = &group;
	buf_put(&w, &f->eth_dst, 6);
	buf_put(&w, &f->eth_src, 6);
	buf_put_u16(&w, RTE_ETHER_TYPE_IPV6);
	ip = (struct rte_ipv6_hdr *)buf_reserve(&w, sizeof(*ip));
	ip->vtc_flow = rte_cpu_to_be_32(6u << 28);
	ip->payload_len = rte_cpu_to_be_16(icmp_len);
	ip->proto = IPPROTO_ICMPV6;
	ip->hop_limits = ND_HOP_LIMIT;
	memcpy(&ip->src_addr, solicit ? f->sender.bytes : f->target.bytes, 16);
	memcpy(&ip->dst_addr, dst->bytes, 16);
	icmp_at = w.len;
	buf_put_u8(&w, type);
	buf_put_u8(&w, 0);
	buf_put_u16(&w, 0);
	buf_put_u8(&w, solicit ? 0
			       : FLAG_ROUTER | (f->solicited ? FLAG_SOLICITED : 0) |
					       (f->override ? FLAG_OVERRIDE : 0));
	buf_put(&w, "\0\0", 3);
	buf_put(&w, f->target.bytes, 16);
	buf_put_u8(&w, solicit ? OPT_SOURCE_LL : OPT_TARGET_LL);
	buf_put_u8(&w, 1);
	buf_put(&w, &f->eth_src, 6);
	buf_patch_u16(&w, icmp_at + 2, rte_be_to_cpu_16(rte_ipv6_udptcp_cksum(ip, ip + 1)));
	return w.len;
}

struct ip_addr nd_solicited_node(const struct ip_addr *addr)
{
	struct ip_addr group = {.family = IP_V6,
		.bytes = {0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x01, 0xff}};

	memcpy(group.bytes + 13, addr->bytes + 13, 3);
	return group;
}

struct rte_ether_addr nd_multicast_mac(const struct ip_addr *group)
{
	struct rte_ether_addr mac = {{0x33, 0x33}};

	memcpy(mac.addr_bytes + 2, group->bytes + 12, 4);
	return mac;
}

struct ip_addr nd_link_local(const struct rte_ether_addr *mac)
{
	const uint8_t *m = mac->addr_bytes;

	return (struct ip_addr){.family = IP_V6,
		.bytes = {0xfe, 0x80, 0, 0, 0, 0, 0, 0, m[0] ^ 2, m[1], m[2], 0xff, 0xfe, m[3], m[4],
			m[5]}};
}
