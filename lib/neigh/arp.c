/* SPDX-License-Identifier: BSD-3-Clause */
/* ARP frames (RFC 826) to messages and back. Pure. */
#include <errno.h>

#include <rte_arp.h>

#include "base/buf.h"
#include "neigh/msg.h"

#define ARP_FRAME_MIN 60 /* Ethernet's minimum without its checksum */
#define OP_REQUEST 1
#define OP_REPLY 2

static bool is_unicast_mac(const uint8_t *mac)
{
	return rte_is_valid_assigned_ether_addr((const struct rte_ether_addr *)mac);
}

/* An address that a host may have: not 0/8 (but for a probe's 0.0.0.0), loopback, multicast, class E. */
static bool is_host_v4(const uint8_t *ip)
{
	return ip[0] != 0 && ip[0] != 127 && ip[0] < 224;
}

int arp_parse(const uint8_t *frame, size_t len, struct neigh_msg *ret_msg)
{
	struct buf_reader r = buf_reader(frame, len);
	const uint8_t *eth_src, *sha, *spa, *tpa;
	uint16_t htype, ptype, op;
	uint8_t hlen, plen;
	bool probe;

	buf_take(&r, 6);
	eth_src = buf_take(&r, 6);
	buf_get_u16(&r); /* EtherType: the caller's */
	htype = buf_get_u16(&r);
	ptype = buf_get_u16(&r);
	hlen = buf_get_u8(&r);
	plen = buf_get_u8(&r);
	op = buf_get_u16(&r);
	sha = buf_take(&r, 6);
	spa = buf_take(&r, 4);
	buf_take(&r, 6);
	tpa = buf_take(&r, 4);
	if (r.failed || htype != RTE_ARP_HRD_ETHER || ptype != RTE_ETHER_TYPE_IPV4 || hlen != 6 ||
		plen != 4 || (op != OP_REQUEST && op != OP_REPLY))
		return -EBADMSG;
	/* A probe asks whether an address is taken (RFC 5227 1.1). */
	probe = op == OP_REQUEST && memcmp(spa, "\0\0\0", 4) == 0;
	if (!is_unicast_mac(sha) || !is_unicast_mac(eth_src) || (!probe && !is_host_v4(spa)))
		return -EBADMSG;
	if (op == OP_REQUEST && !is_host_v4(tpa))
		return -EBADMSG;

	struct neigh_msg msg = {
		.has_mac = true,
		.target.family = IP_V4,
	};
	memcpy(&msg.eth_src, eth_src, 6);
	memcpy(&msg.mac, sha, 6);
	if (!probe) {
		msg.sender.family = IP_V4;
		memcpy(msg.sender.bytes, spa, 4);
	}
	if (op == OP_REQUEST && memcmp(spa, tpa, 4) != 0) {
		msg.kind = NEIGH_MSG_SOLICIT;
		memcpy(msg.target.bytes, tpa, 4);
	} else {
		msg.kind = NEIGH_MSG_ADVERT;
		memcpy(msg.target.bytes, spa, 4);
		msg.told.family = IP_V4;
		memcpy(msg.told.bytes, tpa, 4);
		msg.solicited = op == OP_REPLY && rte_is_unicast_ether_addr(
							   (const struct rte_ether_addr *)frame);
		msg.override = true;
	}
	*ret_msg = msg;
	return 0;
}

size_t arp_build(const struct neigh_frame *f, uint16_t op, uint8_t frame[NEIGH_FRAME_MAX])
{
	struct buf_writer w = buf_writer(frame, NEIGH_FRAME_MAX);

	buf_put(&w, &f->eth_dst, 6);
	buf_put(&w, &f->eth_src, 6);
	buf_put_u16(&w, RTE_ETHER_TYPE_ARP);
	buf_put_u16(&w, RTE_ARP_HRD_ETHER);
	buf_put_u16(&w, RTE_ETHER_TYPE_IPV4);
	buf_put_u8(&w, 6);
	buf_put_u8(&w, 4);
	buf_put_u16(&w, op);
	buf_put(&w, &f->eth_src, 6);
	buf_put(&w, op == OP_REPLY ? f->target.bytes : f->sender.bytes, 4);
	if (op == OP_REPLY) {
		buf_put(&w, &f->to_mac, 6);
		buf_put(&w, f->to.bytes, 4);
	} else {
		buf_put(&w, "\0\0\0\0\0", 6);
		buf_put(&w, f->target.bytes, 4);
	}
	memset(frame + w.len, 0, ARP_FRAME_MIN - w.len);
	return ARP_FRAME_MIN;
}

size_t neigh_build_solicit(const struct neigh_frame *f, uint8_t frame[NEIGH_FRAME_MAX])
{
	return f->target.family == IP_V4 ? arp_build(f, OP_REQUEST, frame)
					 : nd_build(f, 135, frame);
}

size_t neigh_build_advert(const struct neigh_frame *f, uint8_t frame[NEIGH_FRAME_MAX])
{
	return f->target.family == IP_V4 ? arp_build(f, OP_REPLY, frame) : nd_build(f, 136, frame);
}
