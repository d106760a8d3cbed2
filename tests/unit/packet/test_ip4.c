/* SPDX-License-Identifier: BSD-3-Clause */
/* lib/packet/ip4: validation rule by rule, the lookup's edges, the rewrite byte by byte. */
#include "packet/icmp.h"
#include "packet/tables.h"

static struct tables tables;

static uint8_t input(struct craft *c)
{
	struct rte_mbuf *m = &c->m;
	uint8_t next = 0xff;

	ip4_input_burst(tables.fib, &m, 1, &next);
	return next;
}

static uint8_t lookup(struct craft *c)
{
	struct rte_mbuf *m = &c->m;
	uint8_t next = 0xff;

	ip4_lookup_burst(tables.fib, tables.nh, &m, 1, &next);
	return next;
}

static uint8_t rewrite(struct craft *c, uint32_t nh)
{
	struct rte_mbuf *m = &c->m;
	uint8_t next = 0xff;

	pkt_meta(m)->nh = nh;
	ip4_rewrite_burst(tables.nh, &m, 1, &next);
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
	craft_ip4(&c, "192.0.2.1", "10.1.2.3", 17, 1, 26);
	was = c;
	assert_int_equal(input(&c), IP_INPUT_LOOKUP);
	assert_memory_equal(&c, &was, sizeof(c));
}

static void padding_is_trimmed(void **state)
{
	struct craft c;

	(void)state;
	craft_ip4(&c, "192.0.2.1", "10.1.2.3", 17, 64, 8);
	c.m.data_len = c.m.pkt_len = 60;
	assert_int_equal(input(&c), IP_INPUT_LOOKUP);
	assert_int_equal(c.m.pkt_len, 42);
	assert_int_equal(c.m.data_len, 42);
}

static void lengths(void **state)
{
	struct craft c;
	uint8_t *ip;

	(void)state;
	for (uint16_t len = 14; len < 34; len++) {
		craft_ip4(&c, "192.0.2.1", "10.1.2.3", 17, 64, 8);
		c.m.data_len = c.m.pkt_len = len;
		assert_input_drops(&c, DROP_IP4_SHORT);
	}
	craft_ip4(&c, "192.0.2.1", "10.1.2.3", 17, 64, 8);
	c.m.data_len = c.m.pkt_len = 41; /* one byte of the payload is missing */
	assert_input_drops(&c, DROP_IP4_SHORT);
	ip = craft_ip4(&c, "192.0.2.1", "10.1.2.3", 17, 64, 8);
	craft_put16(ip + 2, 19); /* shorter than its header */
	craft_ip4_sum(ip);
	assert_input_drops(&c, DROP_IP4_SHORT);
	ip = craft_ip4(&c, "192.0.2.1", "10.1.2.3", 17, 64, 8);
	craft_put16(ip + 2, 65535);
	craft_ip4_sum(ip);
	assert_input_drops(&c, DROP_IP4_SHORT);
}

static void header_fields(void **state)
{
	struct craft c;
	uint8_t *ip;

	(void)state;
	for (unsigned int version = 0; version < 16; version++) {
		if (version == 4)
			continue;
		ip = craft_ip4(&c, "192.0.2.1", "10.1.2.3", 17, 64, 40);
		ip[0] = version << 4 | 5;
		craft_ip4_sum(ip);
		assert_input_drops(&c, DROP_IP4_VERSION);
	}
	for (unsigned int ihl = 0; ihl < 5; ihl++) {
		ip = craft_ip4(&c, "192.0.2.1", "10.1.2.3", 17, 64, 40);
		ip[0] = 0x40 | ihl;
		assert_input_drops(&c, DROP_IP4_HEADER_LEN);
	}
	ip = craft_ip4(&c, "192.0.2.1", "10.1.2.3", 17, 64, 8);
	ip[0] = 0x4f; /* 60 bytes of header in a packet of 28 */
	assert_input_drops(&c, DROP_IP4_HEADER_LEN);
}

static void options_pass(void **state)
{
	struct craft c;
	uint8_t *ip;

	(void)state;
	ip = craft_ip4(&c, "192.0.2.1", "10.1.2.3", 17, 64, 40);
	ip[0] = 0x4a; /* 20 bytes of options */
	memset(ip + 20, 1, 20);
	craft_ip4_sum(ip);
	assert_int_equal(input(&c), IP_INPUT_LOOKUP);
	ip[25] ^= 1;
	assert_input_drops(&c, DROP_IP4_CHECKSUM);
}

/* A header checksum finds each single flipped bit, whatever else it breaks. */
static void every_flipped_bit_is_found(void **state)
{
	(void)state;
	for (unsigned int bit = 0; bit < 160; bit++) {
		struct craft c;
		uint8_t *ip = craft_ip4(&c, "192.0.2.1", "10.1.2.3", 17, 64, 26);

		ip[bit / 8] ^= 0x80 >> bit % 8;
		assert_int_equal(input(&c), IP_INPUT_DROP);
		assert_int_not_equal(craft_reason(&c), DROP_NONE);
	}
}

/* 0xffff and 0x0000 both stand for zero in ones' complement; a header of zeros has neither. */
static void checksum_corners(void **state)
{
	uint64_t seed = unit_seed();

	(void)state;
	for (unsigned int i = 0; i < 200000; i++) {
		struct craft c;
		uint8_t *ip = craft_ip4(&c, "192.0.2.1", "10.1.2.3", 17, 64, 26);
		uint64_t r = unit_random(&seed);

		craft_put16(ip + 4, r);
		craft_put16(ip + 14, r >> 16);
		craft_put16(ip + 18, r >> 32);
		craft_ip4_sum(ip);
		assert_int_equal(input(&c), IP_INPUT_LOOKUP);
		assert_int_equal(rewrite(&c, tables.by_kind[NH_FORWARD]), IP_REWRITE_TX);
		assert_int_equal(craft_sum(ip, 20, NULL, 0), 0);
	}
}

static void martians(void **state)
{
	static const char *const bad[] = {"0.0.0.0", "0.1.2.3", "127.0.0.1", "127.255.255.255",
		"224.0.0.1", "239.1.2.3", "240.0.0.1", "255.255.255.255"};
	static const char *const good[] = {"1.0.0.0", "126.255.255.255", "128.0.0.1", "223.1.1.1",
		"169.254.169.254"};
	struct craft c;

	(void)state;
	for (size_t i = 0; i < RTE_DIM(bad); i++) {
		craft_ip4(&c, bad[i], "10.1.2.3", 17, 64, 26);
		assert_input_drops(&c, DROP_IP4_SOURCE);
		craft_ip4(&c, "192.0.2.1", bad[i], 17, 64, 26);
		assert_input_drops(&c, DROP_IP4_DESTINATION);
	}
	for (size_t i = 0; i < RTE_DIM(good); i++) {
		craft_ip4(&c, good[i], "10.1.2.3", 17, 64, 26);
		assert_int_equal(input(&c), IP_INPUT_LOOKUP);
		craft_ip4(&c, "192.0.2.1", good[i], 17, 64, 26);
		assert_int_equal(input(&c), IP_INPUT_LOOKUP);
	}
}

static void lookup_edges(void **state)
{
	static const struct {
		const char *dst;
		uint8_t kind, next, reason;
	} cases[] = {
		{"10.1.0.1", NH_FORWARD, IP_LOOKUP_REWRITE, 0},
		{"10.2.0.1", NH_PENDING, IP_LOOKUP_PUNT, 0},
		{"10.3.0.1", NH_GLEAN, IP_LOOKUP_PUNT, 0},
		{"10.4.0.1", NH_LOCAL, IP_LOOKUP_LOCAL, 0},
		{"10.5.0.1", NH_BLACKHOLE, IP_LOOKUP_DROP, DROP_BLACKHOLE},
		{"10.6.0.1", NH_DISCARD, IP_LOOKUP_ICMP, DROP_DISCARD},
		{"172.16.0.1", NH_NO_ROUTE, IP_LOOKUP_ICMP, DROP_NO_ROUTE},
	};

	(void)state;
	for (size_t i = 0; i < RTE_DIM(cases); i++) {
		struct craft c;

		craft_ip4(&c, "192.0.2.1", cases[i].dst, 17, 64, 26);
		pkt_meta(&c.m)->inject = 0xee;
		assert_int_equal(lookup(&c), cases[i].next);
		assert_int_equal(pkt_meta(&c.m)->nh, tables.by_kind[cases[i].kind]);
		if (cases[i].next == IP_LOOKUP_PUNT)
			assert_int_equal(pkt_meta(&c.m)->inject, 0);
		if (cases[i].reason != 0)
			assert_int_equal(craft_reason(&c), cases[i].reason);
		if (cases[i].next == IP_LOOKUP_ICMP) {
			assert_int_equal(pkt_meta(&c.m)->icmp_type, 3);
			assert_int_equal(pkt_meta(&c.m)->icmp_code, 0);
		}
	}
}

static void ecmp_shares_by_flow(void **state)
{
	unsigned int count[2] = {0};

	(void)state;
	for (unsigned int port = 0; port < 1000; port++) {
		struct craft c;
		uint8_t *ip = craft_ip4(&c, "192.0.2.1", "10.7.2.3", 17, 64, 26);
		uint32_t first;

		craft_put16(ip + 20, port);
		assert_int_equal(lookup(&c), IP_LOOKUP_REWRITE);
		first = pkt_meta(&c.m)->nh;
		assert_true(first == tables.members[0] || first == tables.members[1]);
		count[first == tables.members[1]]++;
		assert_int_equal(lookup(&c), IP_LOOKUP_REWRITE);
		assert_int_equal(pkt_meta(&c.m)->nh, first);
	}
	assert_in_range(count[0], 400, 600);
}

static void rewrite_bytes(void **state)
{
	(void)state;
	for (unsigned int ttl = 2; ttl < 256; ttl++) {
		struct craft c, want;
		uint8_t *ip;

		craft_ip4(&c, "192.0.2.1", "10.1.2.3", 17, ttl, 26);
		want = c;
		memcpy(craft_bytes(&want) + 0, TABLES_DST_MAC, 6);
		memcpy(craft_bytes(&want) + 6, TABLES_SRC_MAC, 6);
		ip = craft_bytes(&want) + 14;
		ip[8] = ttl - 1;
		craft_ip4_sum(ip);
		assert_int_equal(rewrite(&c, tables.by_kind[NH_FORWARD]), IP_REWRITE_TX);
		assert_int_equal(c.m.port, TABLES_PORT);
		assert_int_equal(c.m.pkt_len, 60);
		assert_memory_equal(c.room, want.room, sizeof(c.room));
	}
}

static void ttl_runs_out(void **state)
{
	(void)state;
	for (unsigned int ttl = 0; ttl < 2; ttl++) {
		struct craft c, was;

		craft_ip4(&c, "192.0.2.1", "10.1.2.3", 17, ttl, 26);
		was = c;
		assert_int_equal(rewrite(&c, tables.by_kind[NH_FORWARD]), IP_REWRITE_ICMP);
		assert_int_equal(craft_reason(&c), DROP_IP4_TTL);
		assert_int_equal(pkt_meta(&c.m)->icmp_type, 11);
		assert_int_equal(pkt_meta(&c.m)->icmp_code, 0);
		assert_memory_equal(c.room, was.room, sizeof(c.room));
	}
}

static void mtu(void **state)
{
	struct craft c, was;
	uint8_t *ip;

	(void)state;
	craft_ip4(&c, "192.0.2.1", "10.1.2.3", 17, 64, TABLES_MTU - 20);
	assert_int_equal(rewrite(&c, tables.by_kind[NH_FORWARD]), IP_REWRITE_TX);

	ip = craft_ip4(&c, "192.0.2.1", "10.1.2.3", 17, 64, TABLES_MTU - 19);
	ip[6] = 0x40;
	craft_ip4_sum(ip);
	was = c;
	assert_int_equal(rewrite(&c, tables.by_kind[NH_FORWARD]), IP_REWRITE_ICMP);
	assert_int_equal(craft_reason(&c), DROP_IP4_DF);
	assert_int_equal(pkt_meta(&c.m)->icmp_type, 3);
	assert_int_equal(pkt_meta(&c.m)->icmp_code, 4);
	assert_int_equal(pkt_meta(&c.m)->icmp_info, TABLES_MTU);
	assert_memory_equal(c.room, was.room, sizeof(c.room));

	ip = craft_ip4(&c, "192.0.2.1", "10.1.2.3", 17, 64, TABLES_MTU - 19);
	assert_int_equal(rewrite(&c, tables.by_kind[NH_FORWARD]), IP_REWRITE_FRAG);
	assert_int_equal(ip[8], 63);
	assert_int_equal(craft_sum(ip, 20, NULL, 0), 0);
}

static void adjacency_went_away(void **state)
{
	struct craft c, was;

	(void)state;
	craft_ip4(&c, "192.0.2.1", "10.1.2.3", 17, 64, 26);
	pkt_meta(&c.m)->inject = 0xee;
	was = c;
	assert_int_equal(rewrite(&c, tables.by_kind[NH_PENDING]), IP_REWRITE_PUNT);
	assert_int_equal(pkt_meta(&c.m)->inject, 0);
	assert_memory_equal(c.room, was.room, sizeof(c.room));
	assert_int_equal(rewrite(&c, NH_NONE), IP_REWRITE_DROP);
	assert_int_equal(craft_reason(&c), DROP_NO_ROUTE);
}

static uint8_t output(struct craft *c, uint32_t nh)
{
	struct rte_mbuf *m = &c->m;
	uint8_t next = 0xff;

	pkt_meta(m)->nh = nh;
	ip_output_burst(tables.nh, &m, 1, &next);
	return next;
}

static void output_sets_the_link_layer_only(void **state)
{
	struct craft c, want;
	uint8_t *ip;

	(void)state;
	craft_ip4(&c, "192.0.2.1", "10.1.2.3", 17, 1, 26);
	want = c;
	memcpy(craft_bytes(&want), TABLES_DST_MAC TABLES_SRC_MAC, 12);
	memset(craft_bytes(&c), 0, 14);
	assert_int_equal(output(&c, tables.by_kind[NH_FORWARD]), IP_REWRITE_TX);
	assert_memory_equal(c.room, want.room, sizeof(c.room));
	assert_int_equal(c.m.port, TABLES_PORT);

	craft_ip6(&c, "2001:db8::1", "2001:db8:1::1", 17, 1, 26);
	memset(craft_bytes(&c), 0, 14);
	assert_int_equal(output(&c, tables.by_kind[NH_FORWARD]), IP_REWRITE_TX);
	assert_int_equal(craft_get16(craft_bytes(&c) + 12), 0x86dd);

	/* Its way back after the wait is the output again. */
	pkt_meta(&c.m)->inject = 1;
	assert_int_equal(output(&c, tables.by_kind[NH_PENDING]), IP_REWRITE_PUNT);
	assert_int_equal(pkt_meta(&c.m)->inject, 1);

	craft_ip4(&c, "192.0.2.1", "10.1.2.3", 17, 1, 1200);
	assert_int_equal(output(&c, tables.by_kind[NH_FORWARD]), IP_REWRITE_FRAG);
	ip = craft_ip4(&c, "192.0.2.1", "10.1.2.3", 17, 1, 1200);
	ip[6] = 0x40;
	assert_int_equal(output(&c, tables.by_kind[NH_FORWARD]), IP_REWRITE_ICMP);
	craft_ip6(&c, "2001:db8::1", "2001:db8:1::1", 17, 1, 1200);
	assert_int_equal(output(&c, tables.by_kind[NH_FORWARD]), IP_REWRITE_ICMP);
	assert_int_equal(craft_reason(&c), DROP_IP6_TOO_BIG);
	assert_int_equal(pkt_meta(&c.m)->icmp_type, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(valid_passes_unchanged),
		cmocka_unit_test(padding_is_trimmed),
		cmocka_unit_test(lengths),
		cmocka_unit_test(header_fields),
		cmocka_unit_test(options_pass),
		cmocka_unit_test(every_flipped_bit_is_found),
		cmocka_unit_test(checksum_corners),
		cmocka_unit_test(martians),
		cmocka_unit_test(lookup_edges),
		cmocka_unit_test(ecmp_shares_by_flow),
		cmocka_unit_test(rewrite_bytes),
		cmocka_unit_test(ttl_runs_out),
		cmocka_unit_test(mtu),
		cmocka_unit_test(adjacency_went_away),
		cmocka_unit_test(output_sets_the_link_layer_only),
	};
	int ret;

	tables_make(&tables);
	ret = cmocka_run_group_tests(tests, NULL, NULL);
	tables_free(&tables);
	return ret;
}
