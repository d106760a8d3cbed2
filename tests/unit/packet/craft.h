/* SPDX-License-Identifier: BSD-3-Clause */
/* Packets by hand, in mbufs without a mempool; sums by a plain reference of their own. */
#ifndef TESTS_CRAFT_H
#define TESTS_CRAFT_H

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <rte_mbuf.h>

#include "drop/drop.h"
#include "packet/eth.h"
#include "packet/ip.h"
#include "packet/meta.h"
#include "unit.h"

#define CRAFT_ROOM 4096
#define CRAFT_MAC_US "\x02\x00\x00\x00\x00\x01"
#define CRAFT_MAC_PEER "\x02\x00\x00\x00\x00\x99"

struct craft {
	struct rte_mbuf m;
	uint8_t room[RTE_PKTMBUF_HEADROOM + CRAFT_ROOM];
};

/* The frame; also of a copy, whose mbuf still points into the original. */
static inline uint8_t *craft_bytes(struct craft *c)
{
	return c->room + c->m.data_off;
}

/* An empty frame of len zero bytes. */
static inline void craft_init(struct craft *c, uint16_t len)
{
	memset(c, 0, sizeof(*c));
	c->m.buf_addr = c->room;
	c->m.buf_len = sizeof(c->room);
	c->m.data_off = RTE_PKTMBUF_HEADROOM;
	c->m.refcnt = 1;
	c->m.nb_segs = 1;
	c->m.data_len = len;
	c->m.pkt_len = len;
}

/* RFC 1071, the plain way: what a checksum field holds, from the two parts of its coverage. */
static inline uint16_t craft_sum(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < a_len; i++)
		sum += i % 2 ? a[i] : a[i] << 8;
	for (size_t i = 0; i < b_len; i++)
		sum += i % 2 ? b[i] : b[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return ~sum & 0xffff;
}

static inline void craft_put16(uint8_t *at, uint16_t v)
{
	at[0] = v >> 8;
	at[1] = v & 0xff;
}

static inline uint16_t craft_get16(const uint8_t *at)
{
	return at[0] << 8 | at[1];
}

static inline void craft_ip4_sum(uint8_t *ip)
{
	craft_put16(ip + 10, 0);
	craft_put16(ip + 10, craft_sum(ip, (ip[0] & 0xf) * 4, NULL, 0));
}

static inline void craft_eth(struct craft *c, uint16_t type)
{
	uint8_t *p = craft_bytes(c);

	memcpy(p, CRAFT_MAC_US, 6);
	memcpy(p + 6, CRAFT_MAC_PEER, 6);
	craft_put16(p + 12, type);
}

/* Ethernet and IPv4 without options around a payload of `payload` bytes 0, 1, 2, ... Returns the
 * IP header. */
static inline uint8_t *craft_ip4(struct craft *c, const char *src, const char *dst, uint8_t proto,
	uint8_t ttl, uint16_t payload)
{
	uint8_t *ip;

	craft_init(c, 34 + payload);
	craft_eth(c, 0x0800);
	ip = craft_bytes(c) + 14;
	ip[0] = 0x45;
	craft_put16(ip + 2, 20 + payload);
	craft_put16(ip + 4, 0x1234);
	ip[8] = ttl;
	ip[9] = proto;
	if (inet_pton(AF_INET, src, ip + 12) != 1 || inet_pton(AF_INET, dst, ip + 16) != 1)
		fail_msg("address");
	for (unsigned int i = 0; i < payload; i++)
		ip[20 + i] = i;
	craft_ip4_sum(ip);
	return ip;
}

static inline uint8_t *craft_ip6(struct craft *c, const char *src, const char *dst, uint8_t proto,
	uint8_t hops, uint16_t payload)
{
	uint8_t *ip;

	craft_init(c, 54 + payload);
	craft_eth(c, 0x86dd);
	ip = craft_bytes(c) + 14;
	ip[0] = 0x60;
	craft_put16(ip + 4, payload);
	ip[6] = proto;
	ip[7] = hops;
	if (inet_pton(AF_INET6, src, ip + 8) != 1 || inet_pton(AF_INET6, dst, ip + 24) != 1)
		fail_msg("address");
	for (unsigned int i = 0; i < payload; i++)
		ip[40 + i] = i;
	return ip;
}

/* What the ICMPv6 checksum field at ip + 42 should hold. */
static inline uint16_t craft_icmp6_sum(const uint8_t *ip)
{
	uint16_t len = craft_get16(ip + 4);
	uint8_t pseudo[40] = {0}, message[CRAFT_ROOM];

	memcpy(pseudo, ip + 8, 32);
	craft_put16(pseudo + 34, len);
	pseudo[39] = 58;
	memcpy(message, ip + 40, len);
	craft_put16(message + 2, 0);
	return craft_sum(pseudo, sizeof(pseudo), message, len);
}

static inline uint16_t craft_icmp4_sum(const uint8_t *ip)
{
	uint16_t len = craft_get16(ip + 2) - 20;
	uint8_t message[CRAFT_ROOM];

	memcpy(message, ip + 20, len);
	craft_put16(message + 2, 0);
	return craft_sum(message, len, NULL, 0);
}

static inline enum drop_reason craft_reason(struct craft *c)
{
	return pkt_meta(&c->m)->drop_reason;
}

#endif
