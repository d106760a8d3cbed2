/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the RFCs' requirements are tested with: the engine, and packets of any protocol in one call.
 * Requirements are quoted in our own words; docs/nat.md lists them with the test of each.
 */
#ifndef TESTS_NAT_RFC_H
#define TESTS_NAT_RFC_H

#include <rte_tcp.h>

#include "nat/engine.h"
#include "packet/icmp.h"

#define FIN RTE_TCP_FIN_FLAG
#define SYN RTE_TCP_SYN_FLAG
#define RST RTE_TCP_RST_FLAG
#define ACK RTE_TCP_ACK_FLAG

#define EXTERNAL "192.0.2.9"
#define EXTERNAL6 "2001:db8:f::9"

static struct engine e;
static struct craft pkt; /* the last one, as it left */

/* Both families from the inside, each from a pool of the addresses named (NULL: one). */
static inline struct config *rfc_config(enum config_nat_mapping mapping, const char *v4, const char *v6)
{
	struct config *c = engine_config();

	build_snat(c, "10.0.0.0/8", NULL, build_pool(c, v4 ? v4 : EXTERNAL));
	build_snat(c, "2001:db8:1::/48", NULL, build_pool(c, v6 ? v6 : EXTERNAL6));
	for (size_t i = 0; i < 2; i++) {
		c->nat.snat[i].match.ports = 1;
		c->nat.snat[i].mapping = mapping;
	}
	return c;
}

static inline void rfc_start(struct config *c)
{
	engine_start(&e, c, 1);
}

static inline void rfc_start_independent(void)
{
	rfc_start(rfc_config(CONFIG_NAT_ENDPOINT_INDEPENDENT, NULL, NULL));
}

static inline void rfc_start_dependent(void)
{
	rfc_start(rfc_config(CONFIG_NAT_ENDPOINT_DEPENDENT, NULL, NULL));
}

static int teardown(void **state)
{
	(void)state;
	if (e.nat != NULL)
		engine_stop(&e);
	e.nat = NULL;
	return 0;
}

/* The engine is one test's; a requirement that has two configurations begins anew. */
static inline void rfc_restart(struct config *c)
{
	teardown(NULL);
	rfc_start(c);
}

/* Time passes as it does: in steps, because a worker's pass looks at so many records. */
static inline void rfc_wait(unsigned int seconds)
{
	for (; seconds > 0; seconds--)
		engine_pass(&e, 1000);
}

/* `flags`: TCP's, or 1 for an ICMP answer. */
static inline uint8_t rfc_put(const struct flow_tuple *t, uint16_t port, uint8_t flags)
{
	uint8_t *ip = frame_make(&pkt, t, 40), *l4 = ip + frame_ip_len(ip);

	if (t->proto == IPPROTO_TCP)
		l4[13] = flags;
	if (flags == 1 && t->proto == IPPROTO_ICMP)
		l4[0] = 0;
	if (flags == 1 && t->proto == IPPROTO_ICMPV6)
		l4[0] = 129;
	frame_sum(ip);
	return engine_one(&e, 0, &pkt, port);
}

/* It goes on; what it became. */
static inline struct flow_tuple rfc_go(const struct flow_tuple *t, uint16_t port, uint8_t flags)
{
	uint8_t next = rfc_put(t, port, flags);

	if (next != FLOW_NEXT_REWRITE)
		fail_msg("edge %u, %s", next, drop_info[craft_reason(&pkt)].name);
	return engine_tuple(&pkt);
}

static inline struct flow_tuple rfc_out(const struct flow_tuple *t)
{
	return rfc_go(t, INSIDE, SYN);
}

static inline void rfc_stops(const struct flow_tuple *t, uint16_t port, uint8_t flags, uint8_t edge,
	enum drop_reason reason)
{
	assert_int_equal(rfc_put(t, port, flags), edge);
	if (edge != FLOW_NEXT_HELD)
		assert_string_equal(drop_info[craft_reason(&pkt)].name, drop_info[reason].name);
}

static inline void rfc_drops(const struct flow_tuple *t, uint16_t port, uint8_t flags,
	enum drop_reason reason)
{
	rfc_stops(t, port, flags, FLOW_NEXT_DROP, reason);
}

/* Answered by an ICMP error of our own. */
static inline void rfc_answers(const struct flow_tuple *t, uint16_t port, uint8_t type, uint8_t code)
{
	assert_int_equal(rfc_put(t, port, SYN), FLOW_NEXT_ICMP);
	assert_int_equal(pkt_meta(&pkt.m)->icmp_type, type);
	assert_int_equal(pkt_meta(&pkt.m)->icmp_code, code);
}

/* The answer to what went out as `out`; it must come to `in`'s sender. */
static inline void rfc_back(const struct flow_tuple *in, const struct flow_tuple *out, uint8_t flags)
{
	struct flow_tuple answer = flow_tuple_swapped(out), want = flow_tuple_swapped(in);

	answer = rfc_go(&answer, OUTSIDE, flags);
	engine_assert_tuple(&answer, &want);
}

/* Opens a TCP connection from the inside. What it went out as. */
static inline struct flow_tuple rfc_connect(const struct flow_tuple *in)
{
	struct flow_tuple out = rfc_go(in, INSIDE, SYN);

	rfc_back(in, &out, SYN | ACK);
	rfc_go(in, INSIDE, ACK);
	return out;
}

static inline uint16_t rfc_port(rte_be16_t port)
{
	return rte_be_to_cpu_16(port);
}

static inline bool rfc_same_source(const struct flow_tuple *a, const struct flow_tuple *b)
{
	return ip_addr_equal(&a->src, &b->src) && a->sport == b->sport;
}

/* Sessions alone, without what they hang on. */
static inline unsigned int rfc_sessions(void)
{
	const struct flow_table *t = nat_worker(e.nat, 0)->flows;
	unsigned int n = 0;

	for (uint32_t i = 0; i < t->capacity; i++)
		n += t->cold[i].kind == FLOW_SESSION;
	return n;
}

/* An ICMP error from `from` about the packet `about` as it was on that side of us, to its sender. */
static inline uint8_t rfc_error(const char *from, uint8_t type, uint8_t code, const struct flow_tuple *about,
	uint16_t port)
{
	bool v4 = about->src.family == IP_V4;
	struct flow_tuple outer = {.src = frame_addr(from), .dst = about->src,
		.proto = v4 ? IPPROTO_ICMP : IPPROTO_ICMPV6};
	static struct craft inner;
	unsigned int n = v4 ? 28 : 48;
	uint8_t *in = frame_make(&inner, about, 40), *ip = frame_make(&pkt, &outer, 8 + n);
	uint8_t *icmp = ip + frame_ip_len(ip);

	memset(icmp, 0, 8);
	icmp[0] = type;
	icmp[1] = code;
	memcpy(icmp + 8, in, n);
	frame_sum(ip);
	return engine_one(&e, 0, &pkt, port);
}

/* What the packet inside the last error has become. */
static inline struct flow_tuple rfc_inner(void)
{
	const uint8_t *ip = craft_bytes(&pkt) + 14, *in = ip + frame_ip_len(ip) + 8;
	const uint8_t *l4 = in + frame_ip_len(in);
	bool v4 = frame_is_v4(in);
	struct flow_tuple t = {.proto = frame_proto(in)};

	t.src.family = t.dst.family = v4 ? IP_V4 : IP_V6;
	memcpy(t.src.bytes, in + (v4 ? 12 : 8), v4 ? 4 : 16);
	memcpy(t.dst.bytes, in + (v4 ? 16 : 24), v4 ? 4 : 16);
	if (t.proto == IPPROTO_ICMP || t.proto == IPPROTO_ICMPV6) {
		memcpy(&t.sport, l4 + 4, 2);
		t.dport = t.sport;
	} else {
		memcpy(&t.sport, l4, 2);
		memcpy(&t.dport, l4 + 2, 2);
	}
	return t;
}

#define RFC_TEST(name) cmocka_unit_test_teardown(name, teardown)

#endif
