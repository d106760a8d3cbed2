/* SPDX-License-Identifier: BSD-3-Clause */
/* lib/packet/ip6 and ip6_ext: validation rule by rule, the lookup's edges, the rewrite. */
#include "packet/icmp.h"
#include "packet/ip6_ext.h"
#include "packet/tables.h"

static struct tables tables;

static uint8_t input(struct craft *c)
{
	struct rte_mbuf *m = &c->m;
	uint8_t next = 0xff;

	ip6_input_burst(tables.fib, tables.nh, &m, 1, &next);
	return next;
}

static uint8_t lookup(struct craft *c)
{
	struct rte_mbuf *m = &c->m;
	uint8_t next = 0xff;

	ip6_lookup_burst(tables.fib, tables.nh, &m, 1, &next);
	return next;
}

static uint8_t rewrite(struct craft *c, uint32_t nh)
{
	struct rte_mbuf *m = &c->m;
	uint8_t next = 0xff;

	pkt_meta(m)->nh = nh;
	ip6_rewrite_burst(tables.nh, &m, 1, &next);
	return next;
}

static void assert_input_drops(struct craft *c, enum drop_reason reason)
{
	assert_int_equal(input(c), IP_INPUT_DROP);
	assert_int_equal(craft_reason(c), reason);
}

static void valid_passes_unchanged(void **state)
{
	struct craft c, was;

	(void)state;
	craft_ip6(&c, "2001:db8::1", "2001:db8:1::1", 17, 1, 26);
	was = c;
	assert_int_equal(input(&c), IP_INPUT_LOOKUP);
	assert_memory_equal(&c, &was, sizeof(c));
}

static void lengths_and_version(void **state)
{
	struct craft c;
	uint8_t *ip;

	(void)state;
	for (uint16_t len = 14; len < 54; len++) {
		craft_ip6(&c, "2001:db8::1", "2001:db8:1::1", 17, 64, 26);
		c.m.data_len = c.m.pkt_len = len;
		assert_input_drops(&c, DROP_IP6_SHORT);
	}
	craft_ip6(&c, "2001:db8::1", "2001:db8:1::1", 17, 64, 26);
	c.m.data_len = c.m.pkt_len = 79;
	assert_input_drops(&c, DROP_IP6_SHORT);
	craft_ip6(&c, "2001:db8::1", "2001:db8:1::1", 17, 64, 26);
	c.m.data_len = c.m.pkt_len = 90; /* padding */
	assert_int_equal(input(&c), IP_INPUT_LOOKUP);
	assert_int_equal(c.m.pkt_len, 80);
	for (unsigned int version = 0; version < 16; version++) {
		if (version == 6)
			continue;
		ip = craft_ip6(&c, "2001:db8::1", "2001:db8:1::1", 17, 64, 26);
		ip[0] = version << 4;
		assert_input_drops(&c, DROP_IP6_VERSION);
	}
}

static void addresses(void **state)
{
	static const struct {
		const char *src, *dst;
		enum drop_reason reason; /* DROP_NONE: it passes */
	} cases[] = {
		{"ff02::1", "2001:db8:1::1", DROP_IP6_SOURCE},
		{"ff0e::1", "2001:db8:1::1", DROP_IP6_SOURCE},
		{"::1", "2001:db8:1::1", DROP_IP6_SOURCE},
		{"::", "2001:db8:1::1", DROP_IP6_SOURCE},
		{"2001:db8::1", "::", DROP_IP6_DESTINATION},
		{"2001:db8::1", "::1", DROP_IP6_DESTINATION},
		{"2001:db8::1", "ff0e::1", DROP_IP6_DESTINATION},
		{"2001:db8::1", "fe80::1", DROP_IP6_DESTINATION},
		{"fe80::1", "2001:db8:1::1", DROP_IP6_SOURCE}, /* would leave its link */
		{"fe80::1", "2001:db8:4::1", DROP_NONE},       /* ours */
		{"64:ff9b::1", "2001:db8:1::1", DROP_NONE},
		{"2001:db8::1", "64:ff9b::1", DROP_NONE},
		{"fdff::1", "fd00::1", DROP_NONE},
		{"fec0::1", "2001:db8:1::1", DROP_NONE},
	};

	(void)state;
	for (size_t i = 0; i < RTE_DIM(cases); i++) {
		struct craft c;

		craft_ip6(&c, cases[i].src, cases[i].dst, 17, 64, 26);
		if (cases[i].reason == DROP_NONE)
			assert_int_equal(input(&c), IP_INPUT_LOOKUP);
		else
			assert_input_drops(&c, cases[i].reason);
	}
}

static void neighbour_discovery_to_groups(void **state)
{
	struct craft c;
	uint8_t *ip;

	(void)state;
	for (unsigned int type = 130; type < 140; type++) {
		bool nd = type >= 133 && type <= 137;

		ip = craft_ip6(&c, "fe80::1", "ff02::1:ff00:1", 58, 255, 24);
		ip[40] = type;
		assert_int_equal(input(&c), nd ? IP_INPUT_PUNT : IP_INPUT_DROP);
		ip[7] = 254; /* came through a router */
		assert_input_drops(&c, nd ? DROP_ND_MALFORMED : DROP_IP6_DESTINATION);
	}
	ip = craft_ip6(&c, "::", "ff02::1:ff00:1", 58, 255, 24); /* DAD */
	ip[40] = 135;
	assert_int_equal(input(&c), IP_INPUT_PUNT);
	ip = craft_ip6(&c, "fe80::1", "fe80::2", 58, 255, 24);
	ip[40] = 136;
	assert_int_equal(input(&c), IP_INPUT_PUNT);
}

static void hop_by_hop(void **state)
{
	struct craft c;
	uint8_t *ip;

	(void)state;
	ip = craft_ip6(&c, "2001:db8::1", "2001:db8:1::1", 0, 64, 16);
	ip[40] = 17;
	ip[41] = 1; /* 16 bytes */
	assert_int_equal(input(&c), IP_INPUT_LOOKUP);
	ip[41] = 2; /* 24 of 16 */
	assert_input_drops(&c, DROP_IP6_EXT_HEADER);
	craft_ip6(&c, "2001:db8::1", "2001:db8:1::1", 0, 64, 7);
	assert_input_drops(&c, DROP_IP6_EXT_HEADER);
	craft_ip6(&c, "2001:db8::1", "2001:db8:1::1", 0, 64, 0); /* a jumbogram's length */
	assert_input_drops(&c, DROP_IP6_EXT_HEADER);
}

static void lookup_edges(void **state)
{
	static const struct {
		const char *dst;
		uint8_t kind, next, reason;
	} cases[] = {
		{"2001:db8:1::1", NH_FORWARD, IP_LOOKUP_REWRITE, 0},
		{"2001:db8:2::1", NH_PENDING, IP_LOOKUP_PUNT, 0},
		{"2001:db8:3::1", NH_GLEAN, IP_LOOKUP_PUNT, 0},
		{"2001:db8:4::1", NH_LOCAL, IP_LOOKUP_LOCAL, 0},
		{"2001:db8:5::1", NH_BLACKHOLE, IP_LOOKUP_DROP, DROP_BLACKHOLE},
		{"2001:db8:6::1", NH_DISCARD, IP_LOOKUP_ICMP, DROP_DISCARD},
		{"2001:db9::1", NH_NO_ROUTE, IP_LOOKUP_ICMP, DROP_NO_ROUTE},
	};
	struct craft c;

	(void)state;
	for (size_t i = 0; i < RTE_DIM(cases); i++) {
		craft_ip6(&c, "2001:db8::1", cases[i].dst, 17, 64, 26);
		assert_int_equal(lookup(&c), cases[i].next);
		assert_int_equal(pkt_meta(&c.m)->nh, tables.by_kind[cases[i].kind]);
		if (cases[i].reason != 0)
			assert_int_equal(craft_reason(&c), cases[i].reason);
		if (cases[i].next == IP_LOOKUP_ICMP) {
			assert_int_equal(pkt_meta(&c.m)->icmp_type, 1);
			assert_int_equal(pkt_meta(&c.m)->icmp_code, 0);
		}
	}
	craft_ip6(&c, "2001:db8::1", "2001:db8:7::1", 17, 64, 26);
	assert_int_equal(lookup(&c), IP_LOOKUP_REWRITE);
	assert_true(pkt_meta(&c.m)->nh == tables.members[0] ||
		    pkt_meta(&c.m)->nh == tables.members[1]);
}

static void rewrite_bytes(void **state)
{
	struct craft c, want, was;

	(void)state;
	craft_ip6(&c, "2001:db8::1", "2001:db8:1::1", 17, 2, 26);
	want = c;
	memcpy(craft_bytes(&want), TABLES_DST_MAC TABLES_SRC_MAC, 12);
	craft_bytes(&want)[14 + 7] = 1;
	assert_int_equal(rewrite(&c, tables.by_kind[NH_FORWARD]), IP_REWRITE_TX);
	assert_memory_equal(c.room, want.room, sizeof(c.room));
	assert_int_equal(c.m.port, TABLES_PORT);

	for (unsigned int hops = 0; hops < 2; hops++) {
		craft_ip6(&c, "2001:db8::1", "2001:db8:1::1", 17, hops, 26);
		was = c;
		assert_int_equal(rewrite(&c, tables.by_kind[NH_FORWARD]), IP_REWRITE_ICMP);
		assert_int_equal(craft_reason(&c), DROP_IP6_HOP_LIMIT);
		assert_int_equal(pkt_meta(&c.m)->icmp_type, 3);
		assert_memory_equal(c.room, was.room, sizeof(c.room));
	}
	craft_ip6(&c, "2001:db8::1", "2001:db8:1::1", 17, 64, TABLES_MTU - 40);
	assert_int_equal(rewrite(&c, tables.by_kind[NH_FORWARD]), IP_REWRITE_TX);
	craft_ip6(&c, "2001:db8::1", "2001:db8:1::1", 17, 64, TABLES_MTU - 39);
	assert_int_equal(rewrite(&c, tables.by_kind[NH_FORWARD]), IP_REWRITE_ICMP);
	assert_int_equal(craft_reason(&c), DROP_IP6_TOO_BIG);
	assert_int_equal(pkt_meta(&c.m)->icmp_type, 2);
	assert_int_equal(pkt_meta(&c.m)->icmp_info, TABLES_MTU);
	craft_ip6(&c, "2001:db8::1", "2001:db8:1::1", 17, 64, 26);
	assert_int_equal(rewrite(&c, tables.by_kind[NH_PENDING]), IP_REWRITE_PUNT);
}

static void payload_behind_extension_headers(void **state)
{
	struct ip6_payload p;
	struct craft c;
	uint8_t *ip;

	(void)state;
	craft_ip6(&c, "2001:db8::1", "2001:db8:1::1", 6, 64, 20);
	assert_int_equal(ip6_payload_find(&c.m, &p), 0);
	assert_int_equal(p.offset, 54);
	assert_int_equal(p.proto, 6);

	ip = craft_ip6(&c, "2001:db8::1", "2001:db8:1::1", 0, 64, 48);
	memcpy(ip + 40, "\x2b\x00\x00\x00\x00\x00\x00\x00", 8);		/* hop-by-hop, routing next */
	memcpy(ip + 48, "\x2c\x00\x00\x00\x00\x00\x00\x00", 8);		/* routing, fragment next */
	memcpy(ip + 56, "\x3c\x00\x00\x01\x00\x00\x00\x01", 8);		/* first fragment */
	memcpy(ip + 64, "\x3a\x01", 2);					/* options of 16 bytes */
	assert_int_equal(ip6_payload_find(&c.m, &p), 0);
	assert_int_equal(p.offset, 54 + 40);
	assert_int_equal(p.proto, 58);
	assert_true(p.fragment);
	assert_int_equal(p.fragment_offset, 0);
	memcpy(ip + 56, "\x3c\x00\x01\x00", 4);
	assert_int_equal(ip6_payload_find(&c.m, &p), 0);
	assert_int_equal(p.fragment_offset, 32);
	assert_int_equal(p.offset, 54 + 24);

	for (uint16_t len = 54; len < 54 + 24; len++) {
		c.m.data_len = c.m.pkt_len = len;
		assert_int_equal(ip6_payload_find(&c.m, &p), -EBADMSG);
	}
}

static void chain_of_headers_is_bounded(void **state)
{
	struct ip6_payload p;
	struct craft c;
	uint8_t *ip = craft_ip6(&c, "2001:db8::1", "2001:db8:1::1", 60, 64, 800);

	(void)state;
	for (unsigned int i = 0; i < 100; i++)
		memcpy(ip + 40 + i * 8, "\x3c\x00\x00\x00\x00\x00\x00\x00", 8);
	assert_int_equal(ip6_payload_find(&c.m, &p), -EBADMSG);
}

static void random_bytes_do_no_harm(void **state)
{
	uint64_t seed = unit_seed();

	(void)state;
	for (unsigned int i = 0; i < 100000; i++) {
		struct ip6_payload p;
		struct craft c;
		uint8_t *ip = craft_ip6(&c, "2001:db8::1", "2001:db8:1::1", 0, 64, 64);

		for (unsigned int j = 6; j < 104; j += 8) {
			uint64_t r = unit_random(&seed);

			memcpy(ip + j, &r, RTE_MIN(8u, 104 - j));
		}
		ip[6] = (uint8_t[]){0, 43, 44, 51, 60}[i % 5];
		c.m.data_len = c.m.pkt_len = 54 + unit_random(&seed) % 65;
		if (ip6_payload_find(&c.m, &p) == 0)
			assert_true(p.offset <= c.m.data_len);
		(void)input(&c);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(valid_passes_unchanged),
		cmocka_unit_test(lengths_and_version),
		cmocka_unit_test(addresses),
		cmocka_unit_test(neighbour_discovery_to_groups),
		cmocka_unit_test(hop_by_hop),
		cmocka_unit_test(lookup_edges),
		cmocka_unit_test(rewrite_bytes),
		cmocka_unit_test(payload_behind_extension_headers),
		cmocka_unit_test(chain_of_headers_is_bounded),
		cmocka_unit_test(random_bytes_do_no_harm),
	};
	int ret;

	tables_make(&tables);
	ret = cmocka_run_group_tests(tests, NULL, NULL);
	tables_free(&tables);
	return ret;
}
