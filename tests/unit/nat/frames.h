/* SPDX-License-Identifier: BSD-3-Clause */
/* Packets with checksums computed in full by craft.h's plain reference, for what translates them. */
#ifndef TESTS_FRAMES_H
#define TESTS_FRAMES_H

#include <netinet/in.h>

#include "flow/key.h"
#include "flow/table.h"
#include "packet/craft.h"

#ifndef IPPROTO_DCCP
#define IPPROTO_DCCP 33
#endif

static inline bool frame_is_v4(const uint8_t *ip)
{
	return ip[0] >> 4 == 4;
}

/* Of the checksum field in the upper-layer header; -1: the protocol has none that we know. */
static inline int frame_check_at(const uint8_t *ip, uint8_t proto)
{
	switch (proto) {
	case IPPROTO_TCP:
		return 16;
	case IPPROTO_UDP:
	case IPPROTO_UDPLITE:
	case IPPROTO_DCCP:
		return 6;
	case IPPROTO_ICMP:
		return frame_is_v4(ip) ? 2 : -1;
	case IPPROTO_ICMPV6:
		return frame_is_v4(ip) ? -1 : 2;
	default:
		return -1;
	}
}

/* What the checksum of an upper-layer message should be, as RFC 768, 792, 9293 and 8200 8.1 have it. */
static inline uint16_t frame_l4_sum(const uint8_t *ip, uint8_t proto, const uint8_t *l4, uint16_t len)
{
	uint8_t pseudo[40] = {0}, message[CRAFT_ROOM];
	int at = frame_check_at(ip, proto);
	size_t n = 0;
	uint16_t sum;

	if (at < 0)
		return 0;
	memcpy(message, l4, len);
	craft_put16(message + at, 0);
	if (!frame_is_v4(ip)) {
		memcpy(pseudo, ip + 8, 32);
		craft_put16(pseudo + 34, len);
		pseudo[39] = proto;
		n = 40;
	} else if (proto != IPPROTO_ICMP) {
		memcpy(pseudo, ip + 12, 8);
		pseudo[9] = proto;
		craft_put16(pseudo + 10, len);
		n = 12;
	}
	sum = craft_sum(pseudo, n, message, len);
	return sum == 0 && (proto == IPPROTO_UDP || proto == IPPROTO_UDPLITE) ? 0xffff : sum;
}

static inline unsigned int frame_ip_len(const uint8_t *ip)
{
	return frame_is_v4(ip) ? (ip[0] & 0xf) * 4 : 40;
}

static inline uint16_t frame_l4_len(const uint8_t *ip)
{
	return frame_is_v4(ip) ? craft_get16(ip + 2) - frame_ip_len(ip) : craft_get16(ip + 4);
}

static inline uint8_t frame_proto(const uint8_t *ip)
{
	return frame_is_v4(ip) ? ip[9] : ip[6];
}

/* Computes both checksums anew. */
static inline void frame_sum(uint8_t *ip)
{
	uint8_t proto = frame_proto(ip), *l4 = ip + frame_ip_len(ip);
	int at = frame_check_at(ip, proto);

	if (frame_is_v4(ip))
		craft_ip4_sum(ip);
	if (at >= 0)
		craft_put16(l4 + at, frame_l4_sum(ip, proto, l4, frame_l4_len(ip)));
}

static inline struct ip_addr frame_addr(const char *text)
{
	struct ip_addr a;

	if (ip_addr_parse(text, &a) != 0)
		fail_msg("%s", text);
	return a;
}

static inline struct flow_tuple frame_tuple(uint8_t proto, const char *src, uint16_t sport,
	const char *dst, uint16_t dport)
{
	return (struct flow_tuple){.src = frame_addr(src), .dst = frame_addr(dst), .proto = proto,
		.sport = htons(sport), .dport = htons(dport)};
}

/* Makes the packet the tuple's, and its checksums right. */
static inline void frame_set_tuple(uint8_t *ip, const struct flow_tuple *t)
{
	uint8_t *l4 = ip + frame_ip_len(ip);

	if (frame_is_v4(ip)) {
		memcpy(ip + 12, t->src.bytes, 4);
		memcpy(ip + 16, t->dst.bytes, 4);
	} else {
		memcpy(ip + 8, t->src.bytes, 16);
		memcpy(ip + 24, t->dst.bytes, 16);
	}
	if (t->proto == IPPROTO_TCP || t->proto == IPPROTO_UDP) {
		memcpy(l4, &t->sport, 2);
		memcpy(l4 + 2, &t->dport, 2);
	} else if (t->proto == (frame_is_v4(ip) ? IPPROTO_ICMP : IPPROTO_ICMPV6)) {
		memcpy(l4 + 4, &t->sport, 2);
	}
	frame_sum(ip);
}

/* A packet of the tuple with `len` bytes behind the IP header. ICMP is an echo request. */
static inline uint8_t *frame_make(struct craft *c, const struct flow_tuple *t, uint16_t len)
{
	bool v4 = t->src.family == IP_V4;
	uint8_t *ip = v4 ? craft_ip4(c, "0.0.0.0", "0.0.0.0", t->proto, 64, len) :
			   craft_ip6(c, "::", "::", t->proto, 64, len);
	uint8_t *l4 = ip + frame_ip_len(ip);

	if (t->proto == IPPROTO_TCP)
		l4[12] = 0x50;
	else if (t->proto == IPPROTO_UDP || t->proto == IPPROTO_UDPLITE)
		craft_put16(l4 + 4, len);
	else if (t->proto == IPPROTO_ICMP)
		l4[0] = 8, l4[1] = 0;
	else if (t->proto == IPPROTO_ICMPV6)
		l4[0] = 128, l4[1] = 0;
	frame_set_tuple(ip, t);
	return ip;
}

#endif
