/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ICMP errors about translated packets (RFC 5508 4, RFC 6146 3.5.1). Workers; foreign bytes, fuzzed.
 *
 * An error goes against the direction of the packet that it carries, which is as we sent it. So that
 * packet's tuple reversed is the tuple of one of the session's sides, as the far end's packets arrive:
 * what they become, the error becomes outside, and the packet inside becomes what its sender sent.
 *
 * The outer source is translated like the far end's wherever that is translated, also where a router on
 * the way sent the error: who gets it shall not see addresses of the other realm (RFC 5508 REQ-5). A
 * router outside keeps its address, because the far end's is not translated then: traceroute works.
 */
#include <errno.h>

#include "drop/drop.h"
#include "nat/nat_priv.h"
#include "packet/icmp.h"
#include "packet/ip6_ext.h"

#define ICMP_HDR_LEN 8
#define L4_SEEN_MAX 20 /* no further does translation reach into the packet inside */
/* RFC 4884 3: a length given is no less, and the packet inside is padded with zeros to it. */
#define EXTENDED_LEN_MIN 128

struct icmp_error {
	uint8_t *ip, *icmp; /* outside */
	uint32_t icmp_offset, icmp_len;
	uint8_t *inner, *l4; /* the packet inside; l4_room 0: it has no upper-layer header there */
	uint32_t l4_room;
	struct flow_tuple sent; /* ...and its tuple */
};

/* --- parsing --- */

static bool is_icmp(const struct flow_tuple *t)
{
	return t->proto == (t->src.family == IP_V4 ? IPPROTO_ICMP : IPPROTO_ICMPV6);
}

static bool is_query(bool v4, uint8_t type)
{
	if (v4)
		return type == ICMP4_ECHO || type == ICMP4_ECHO_REPLY || type == ICMP4_TIMESTAMP ||
		       type == ICMP4_TIMESTAMP_REPLY;
	return type == ICMP6_ECHO || type == ICMP6_ECHO_REPLY;
}

/* Ports or identifier, from an upper-layer header of which 8 bytes are promised (RFC 792). */
static int ports_read(struct icmp_error *e, bool later_fragment)
{
	struct flow_tuple *t = &e->sent;
	bool v4 = t->src.family == IP_V4;

	if (later_fragment)
		e->l4_room = 0;
	if (t->proto != IPPROTO_TCP && t->proto != IPPROTO_UDP && !is_icmp(t))
		return 0;
	if (e->l4_room < ICMP_HDR_LEN)
		return -EBADMSG;
	if (!is_icmp(t)) {
		memcpy(&t->sport, e->l4, sizeof(t->sport));
		memcpy(&t->dport, e->l4 + 2, sizeof(t->dport));
		return 0;
	}
	if (!is_query(v4, e->l4[0]))
		return -EBADMSG;
	memcpy(&t->sport, e->l4 + NAT_ICMP_IDENT, sizeof(t->sport));
	t->dport = t->sport;
	return 0;
}

/* `room`: of what the message has of the packet. It may say itself that it is shorter. */
static int inner4_parse(struct icmp_error *e, uint32_t room)
{
	const struct rte_ipv4_hdr *ip = (const void *)e->inner;
	uint32_t len, total;

	if (room < sizeof(*ip) || ip->version_ihl >> 4 != 4)
		return -EBADMSG;
	len = (ip->version_ihl & 0xf) * 4;
	if (len < sizeof(*ip) || len > room)
		return -EBADMSG;
	total = rte_be_to_cpu_16(ip->total_length);
	if (total >= len && total < room)
		room = total;
	e->l4 = e->inner + len;
	e->l4_room = room - len;
	e->sent = (struct flow_tuple){.src = ip_addr_v4(ip->src_addr),
		.dst = ip_addr_v4(ip->dst_addr), .proto = ip->next_proto_id};
	return ports_read(e, ip->fragment_offset & RTE_BE16(RTE_IPV4_HDR_OFFSET_MASK));
}

static int inner6_parse(struct icmp_error *e, uint32_t room)
{
	const struct pkt_ip6_hdr *ip = (const void *)e->inner;
	struct ip6_payload p;
	uint32_t total;

	if (room < sizeof(*ip) || e->inner[0] >> 4 != 6)
		return -EBADMSG;
	total = sizeof(*ip) + rte_be_to_cpu_16(ip->payload_len);
	if (total < room)
		room = total;
	if (ip6_payload_find_at(e->inner, room, &p) != 0)
		return -EBADMSG;
	e->l4 = e->inner + p.offset;
	e->l4_room = room - p.offset;
	e->sent = (struct flow_tuple){.src = ip_addr_v6(ip->src_addr),
		.dst = ip_addr_v6(ip->dst_addr), .proto = p.proto};
	return ports_read(e, p.fragment_offset != 0);
}

/* Where the outer ICMP message is. Fragments of errors are not put together: nobody sends such. */
static int outer_parse(const struct rte_mbuf *m, bool v4, struct icmp_error *e)
{
	e->ip = rte_pktmbuf_mtod_offset(m, uint8_t *, PKT_L2_LEN);
	if (v4) {
		const struct rte_ipv4_hdr *ip = (const void *)e->ip;

		if (ip->next_proto_id != IPPROTO_ICMP ||
			(ip->fragment_offset &
				RTE_BE16(RTE_IPV4_HDR_MF_FLAG | RTE_IPV4_HDR_OFFSET_MASK)))
			return -EBADMSG;
		e->icmp_offset = PKT_L2_LEN + rte_ipv4_hdr_len(ip);
		e->icmp_len = PKT_L2_LEN + rte_be_to_cpu_16(ip->total_length) - e->icmp_offset;
	} else {
		const struct pkt_ip6_hdr *ip = (const void *)e->ip;
		struct ip6_payload p;

		if (ip6_payload_find(m, &p) != 0 || p.fragment || p.proto != IPPROTO_ICMPV6)
			return -EBADMSG;
		e->icmp_offset = p.offset;
		e->icmp_len = PKT_L2_LEN + sizeof(*ip) + rte_be_to_cpu_16(ip->payload_len);
		if (e->icmp_len < p.offset)
			return -EBADMSG;
		e->icmp_len -= p.offset;
	}
	e->icmp = rte_pktmbuf_mtod_offset(m, uint8_t *, e->icmp_offset);
	return e->icmp_len < ICMP_HDR_LEN || m->data_len < e->icmp_offset + ICMP_HDR_LEN ?
		       -EBADMSG :
		       0;
}

/* RFC 4884 4: where extensions follow, how long the packet in front of them is; else 0. */
static uint32_t extended_len(const struct icmp_error *e, bool v4)
{
	uint8_t type = e->icmp[0];
	uint32_t len = 0;

	if (v4 && (type == ICMP4_UNREACHABLE || type == ICMP4_TIME_EXCEEDED ||
			  type == ICMP4_PARAMETER))
		len = e->icmp[5] * 4;
	if (!v4 && (type == ICMP6_UNREACHABLE || type == ICMP6_TIME_EXCEEDED))
		len = e->icmp[4] * 8;
	return len < EXTENDED_LEN_MIN ? 0 : len;
}

static int icmp_error_parse(const struct rte_mbuf *m, bool v4, struct icmp_error *e)
{
	uint32_t room, extended;

	if (outer_parse(m, v4, e) != 0)
		return -EBADMSG;
	switch (e->icmp[0]) {
	case ICMP4_UNREACHABLE: /* 3 and 4 are errors in both families */
	case ICMP4_SOURCE_QUENCH:
		break;
	case ICMP6_UNREACHABLE:
	case ICMP6_PACKET_TOO_BIG:
		if (v4)
			return -EBADMSG;
		break;
	case ICMP4_REDIRECT:
	case ICMP4_TIME_EXCEEDED:
	case ICMP4_PARAMETER:
		if (!v4)
			return -EBADMSG;
		break;
	default:
		return -EBADMSG;
	}
	room = RTE_MIN(e->icmp_len, m->data_len - e->icmp_offset) - ICMP_HDR_LEN;
	extended = extended_len(e, v4);
	if (extended != 0 && extended < room)
		room = extended;
	e->inner = e->icmp + ICMP_HDR_LEN;
	return v4 ? inner4_parse(e, room) : inner6_parse(e, room);
}

int nat_icmp_error_tuple(const struct rte_mbuf *m, bool v4, struct flow_tuple *ret_inner)
{
	struct icmp_error e;

	if (icmp_error_parse(m, v4, &e) != 0)
		return -EBADMSG;
	*ret_inner = e.sent;
	return 0;
}

/* --- translation --- */

/* Over all segments. rte_raw_cksum_mbuf() of 22.11 loses carries behind a segment of odd length. */
static uint64_t message_sum(const struct rte_mbuf *m, uint32_t offset, uint32_t len)
{
	uint64_t sum = 0;
	bool odd = false;

	for (; m != NULL && len != 0; m = m->next) {
		uint32_t part = m->data_len > offset ? RTE_MIN(m->data_len - offset, len) : 0;
		uint16_t s = checksum_fold32(checksum_add(0,
			rte_pktmbuf_mtod_offset(m, const uint8_t *, part == 0 ? 0 : offset), part));

		sum += odd ? rte_bswap16(s) : s;
		odd ^= part & 1;
		len -= part;
		offset -= RTE_MIN(offset, (uint32_t)m->data_len);
	}
	return sum;
}

/* The message's sum, and the one of the IP header inside (RFC 5508 REQ-3 and 3a). The upper layer's
 * inside is not looked at (3c): there is seldom all of it. */
static bool checksums_right(const struct rte_mbuf *m, const struct icmp_error *e, bool v4)
{
	uint64_t sum = message_sum(m, e->icmp_offset, e->icmp_len);

	if (!v4) /* RFC 4443 2.3: the pseudo-header */
		sum = checksum_add(sum + rte_cpu_to_be_32(e->icmp_len) +
			(uint64_t)RTE_BE32(IPPROTO_ICMPV6),
			((const struct pkt_ip6_hdr *)e->ip)->src_addr, 32);
	if (checksum_fold32(sum) != 0xffff)
		return false;
	return !v4 || checksum_fold32(checksum_add(0, e->inner, (e->inner[0] & 0xf) * 4)) == 0xffff;
}

static void check_adjust(uint8_t *at, uint16_t delta)
{
	uint16_t check;

	memcpy(&check, at, sizeof(check));
	check = nat_check_add(check, delta);
	memcpy(at, &check, sizeof(check));
}

/* Both addresses of an IP header, and its checksum. Returns what they add to a pseudo-header's sum. */
static uint16_t addresses_set(uint8_t *hdr, const struct ip_addr *src, const struct ip_addr *dst)
{
	bool v4 = src->family == IP_V4;
	size_t len = v4 ? 4 : 16;
	uint8_t *at = hdr + (v4 ? offsetof(struct rte_ipv4_hdr, src_addr) :
				  offsetof(struct pkt_ip6_hdr, src_addr));
	uint64_t before = checksum_add(0, at, 2 * len);
	uint16_t delta;

	memcpy(at, src->bytes, len);
	memcpy(at + len, dst->bytes, len);
	delta = nat_delta(before, checksum_add(0, at, 2 * len));
	if (v4)
		check_adjust(hdr + offsetof(struct rte_ipv4_hdr, hdr_checksum), delta);
	return delta;
}

/* The upper-layer header inside: often only its first 8 bytes are there. */
static void inner_l4_set(const struct icmp_error *e, const struct flow_tuple *to, uint16_t addresses)
{
	uint8_t icmp = to->src.family == IP_V4 ? IPPROTO_ICMP : IPPROTO_ICMPV6;
	const struct flow_tuple *from = &e->sent;
	uint64_t before = from->sport, after = to->sport;

	if (to->proto != icmp) {
		before += from->dport;
		after += to->dport;
	}
	if (to->proto != IPPROTO_ICMP || icmp != IPPROTO_ICMP)
		after += addresses;
	if (to->proto == IPPROTO_TCP && e->l4_room < NAT_TCP_CHECK + sizeof(uint16_t)) {
		memcpy(e->l4, &to->sport, sizeof(to->sport));
		memcpy(e->l4 + 2, &to->dport, sizeof(to->dport));
		return;
	}
	nat_rewrite_l4(e->l4, e->l4_room, to->proto, icmp,
		(uint32_t)to->sport | (uint32_t)to->dport << 16, nat_delta(before, after));
}

/* s: the side on which the error came; the other's tuple is that of the packet inside as it was sent. */
static void translate(const struct icmp_error *e, const struct flow_side *s,
	const struct flow_side *other)
{
	uint32_t len = e->l4 - e->inner + RTE_MIN(e->l4_room, (uint32_t)L4_SEEN_MAX);
	uint64_t before = checksum_add(0, e->inner, len), after;
	struct flow_tuple from, to;
	struct ip_addr source;
	uint16_t delta;

	flow_side_get_tuple(s, &from);
	flow_side_get_tuple(other, &to);
	delta = addresses_set(e->inner, &to.src, &to.dst);
	if (e->l4_room != 0)
		inner_l4_set(e, &to, delta);
	after = checksum_add(0, e->inner, len);

	if (!ip_addr_equal(&from.src, &to.dst))
		source = to.dst;
	else if (to.src.family == IP_V4)
		source = ip_addr_v4(((const struct rte_ipv4_hdr *)e->ip)->src_addr);
	else
		source = ip_addr_v6(((const struct pkt_ip6_hdr *)e->ip)->src_addr);
	delta = addresses_set(e->ip, &source, &to.src);
	if (to.src.family == IP_V6)
		after += delta;
	check_adjust(e->icmp + NAT_ICMP_CHECK, nat_delta(before, after));
}

/* What the error itself says of its ends. */
static struct flow_tuple outer_tuple(const struct rte_mbuf *m, bool v4)
{
	const uint8_t *ip = rte_pktmbuf_mtod_offset(m, const uint8_t *, PKT_L2_LEN);
	const struct rte_ipv4_hdr *ip4 = (const void *)ip;
	const struct pkt_ip6_hdr *ip6 = (const void *)ip;

	if (v4)
		return (struct flow_tuple){.src = ip_addr_v4(ip4->src_addr),
			.dst = ip_addr_v4(ip4->dst_addr), .proto = IPPROTO_ICMP};
	return (struct flow_tuple){.src = ip_addr_v6(ip6->src_addr), .dst = ip_addr_v6(ip6->dst_addr),
		.proto = IPPROTO_ICMPV6};
}

static uint8_t nh_kind(const struct nat_worker *w, const struct ip_addr *addr)
{
	return __atomic_load_n(&w->nh->nh[fib_lookup(w->fib, addr)].kind, __ATOMIC_RELAXED);
}

/* An error about no session of ours goes on as it is, unless it is to an address of translation's, or
 * would show a source that a rule hides (RFC 5508 REQ-5a). Our own errors come by here as well. */
static bool belongs_to_nobody(const struct nat_worker *w, const struct rte_mbuf *m,
	const struct flow_tuple *outer)
{
	uint16_t rule;

	switch (nh_kind(w, &outer->dst)) {
	case NH_NAT:
		return true;
	case NH_LOCAL:
		return false;
	}
	rule = nat_match_snat(w->rules, m->port, outer);
	return rule != NAT_RULE_NONE && !w->rules->rules[rule].exempt &&
	       nh_kind(w, &outer->src) != NH_LOCAL;
}

static struct nat_verdict drop(enum drop_reason reason)
{
	return (struct nat_verdict){.next = FLOW_NEXT_DROP, .drop_reason = reason};
}

struct nat_verdict nat_icmp_error(struct nat_worker *w, struct rte_mbuf *m, bool v4)
{
	static const struct nat_verdict pass = {.next = FLOW_NEXT_LOOKUP, .ref = FLOW_NONE};
	struct flow_tuple outer = outer_tuple(m, v4);
	uint32_t ref = FLOW_NONE;
	struct icmp_error e;

	/* Errors go to who sent the packet; with another destination it is not about ours. */
	if (icmp_error_parse(m, v4, &e) == 0 && ip_addr_equal(&outer.dst, &e.sent.src)) {
		struct flow_tuple key = flow_tuple_swapped(&e.sent);

		ref = flow_find(w->flows, &key);
		if (ref != FLOW_NONE && w->flows->cold[ref >> 1].kind != FLOW_SESSION)
			ref = FLOW_NONE;
	}
	if (ref == FLOW_NONE)
		return belongs_to_nobody(w, m, &outer) ? drop(DROP_NAT_ICMP_UNKNOWN) : pass;
	if (!(flow_side(w->flows, ref)->flags & FLOW_F_NAT))
		return pass;
	if (!checksums_right(m, &e, v4))
		return drop(DROP_FLOW_MALFORMED);
	/* A gateway's address means nothing on the other side, and shows it what this side is like. */
	if (v4 && e.icmp[0] == ICMP4_REDIRECT)
		return drop(DROP_NAT_ICMP_UNKNOWN);
	translate(&e, flow_side(w->flows, ref), flow_other_side(w->flows, ref));
	return pass;
}
