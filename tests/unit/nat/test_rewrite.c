/* SPDX-License-Identifier: BSD-3-Clause */
/* lib/nat/rewrite: what comes out is, byte by byte, the packet that a full computation makes. */
#include "nat/rewrite.h"

#include "frames.h"

static const uint8_t protos4[] = {IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP, IPPROTO_UDPLITE,
	IPPROTO_DCCP, IPPROTO_SCTP, IPPROTO_GRE, IPPROTO_ICMPV6};
static const uint8_t protos6[] = {IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMPV6, IPPROTO_UDPLITE,
	IPPROTO_DCCP, IPPROTO_SCTP, IPPROTO_GRE, IPPROTO_ICMP};

static bool has_ports(uint8_t proto)
{
	return proto == IPPROTO_TCP || proto == IPPROTO_UDP;
}

static bool has_ident(const struct flow_tuple *t)
{
	return t->proto == (t->src.family == IP_V4 ? IPPROTO_ICMP : IPPROTO_ICMPV6);
}

/* Of a session that sends `original` out as `translated`. */
static struct flow_record record(const struct flow_tuple *original,
	const struct flow_tuple *translated)
{
	struct flow_tuple reply = flow_tuple_swapped(translated);
	struct flow_record r = {0};

	flow_side_set_tuple(&r.side[FLOW_ORIGINAL], original);
	flow_side_set_tuple(&r.side[FLOW_REPLY], &reply);
	nat_rewrite_prepare(&r);
	return r;
}

static void rewrite(struct craft *c, const struct flow_record *r, enum flow_dir dir, bool has_l4)
{
	uint8_t *ip = craft_bytes(c) + PKT_L2_LEN;
	unsigned int l4 = PKT_L2_LEN + frame_ip_len(ip);

	if (frame_is_v4(ip))
		nat_rewrite4(&c->m, &r->side[dir], l4, has_l4);
	else
		nat_rewrite6(&c->m, &r->side[dir], &r->side[!dir], l4, has_l4);
}

/* The packet of `from` becomes, through this side, just the packet of `to`. */
static void assert_becomes(struct craft *c, const struct flow_record *r, enum flow_dir dir,
	const struct flow_tuple *to)
{
	struct craft want = *c;
	uint8_t *ip = craft_bytes(&want) + PKT_L2_LEN;

	frame_set_tuple(ip, to);
	rewrite(c, r, dir, true);
	assert_memory_equal(craft_bytes(c), craft_bytes(&want), c->m.data_len);
}

static struct ip_addr random_addr(uint64_t *seed, bool v4)
{
	uint64_t b[2] = {unit_random(seed), unit_random(seed)};

	/* Now and then words that carry: 0 and 0xffff. */
	switch (unit_random(seed) % 8) {
	case 0:
		b[0] |= 0xffffffffffff0000u;
		break;
	case 1:
		b[0] &= 0xffff;
		b[1] = 0;
		break;
	}
	return v4 ? ip_addr_v4((rte_be32_t)b[0]) : ip_addr_v6(b);
}

static struct flow_tuple random_tuple(uint64_t *seed, bool v4, uint8_t proto)
{
	struct flow_tuple t = {.src = random_addr(seed, v4), .dst = random_addr(seed, v4),
		.proto = proto};

	if (has_ports(proto)) {
		t.sport = unit_random(seed) % 4 ? unit_random(seed) : 0xffff;
		t.dport = unit_random(seed) % 4 ? unit_random(seed) : 0;
	} else if (has_ident(&t)) {
		t.sport = t.dport = unit_random(seed);
	}
	return t;
}

static void random_packets(void **state)
{
	uint64_t seed = unit_seed();

	(void)state;
	for (unsigned int i = 0; i < 200000; i++) {
		bool v4 = i % 2;
		uint8_t proto = (v4 ? protos4 : protos6)[unit_random(&seed) % sizeof(protos4)];
		struct flow_tuple a = random_tuple(&seed, v4, proto), b = random_tuple(&seed, v4, proto);
		struct flow_tuple a_back = flow_tuple_swapped(&a), b_back = flow_tuple_swapped(&b);
		struct flow_record r;
		struct craft c;

		if (unit_random(&seed) % 2)
			b.dst = a.dst, b.dport = has_ident(&a) ? b.dport : a.dport;
		b_back = flow_tuple_swapped(&b);
		r = record(&a, &b);
		frame_make(&c, &a, 20 + unit_random(&seed) % 64);
		assert_becomes(&c, &r, FLOW_ORIGINAL, &b);
		frame_make(&c, &b_back, 20 + unit_random(&seed) % 64);
		assert_becomes(&c, &r, FLOW_REPLY, &a_back);
	}
}

/*
 * Every value that a checksum can have, before: a word of the packet runs through all of them. Deltas
 * of every kind: none, addresses swapped (the sum is the same), one up, one down, 0xffff to 0.
 */
static void every_checksum(void **state)
{
	static const struct {
		uint8_t proto;
		const char *src, *dst, *to_src, *to_dst;
		uint16_t sport, dport, to_sport, to_dport;
	} cases[] = {
		{IPPROTO_UDP, "10.0.0.1", "192.0.2.9", "10.0.0.1", "192.0.2.9", 7, 9, 7, 9},
		{IPPROTO_UDP, "10.0.0.1", "192.0.2.9", "192.0.2.9", "10.0.0.1", 7, 9, 9, 7},
		{IPPROTO_UDP, "10.0.0.1", "192.0.2.9", "10.0.0.2", "192.0.2.9", 7, 9, 7, 9},
		{IPPROTO_UDP, "10.0.0.2", "192.0.2.9", "10.0.0.1", "192.0.2.9", 7, 9, 7, 9},
		{IPPROTO_UDP, "10.0.255.255", "192.0.2.9", "10.0.0.0", "192.0.2.9", 7, 9, 7, 9},
		{IPPROTO_UDP, "10.0.0.0", "192.0.2.9", "10.0.255.255", "192.0.2.9", 0, 9, 65535, 9},
		{IPPROTO_UDP, "10.0.0.1", "192.0.2.9", "10.0.0.2", "192.0.2.9", 7, 9, 6, 9},
		{IPPROTO_TCP, "10.0.0.1", "192.0.2.9", "20.0.0.4", "192.0.2.7", 40000, 443, 1, 8443},
		{IPPROTO_TCP, "10.0.0.1", "192.0.2.9", "10.0.0.1", "192.0.2.9", 65535, 443, 0, 443},
		{IPPROTO_ICMP, "10.0.0.1", "192.0.2.9", "20.0.0.4", "192.0.2.9", 1, 1, 2, 2},
		{IPPROTO_ICMP, "10.0.0.1", "192.0.2.9", "20.0.0.4", "192.0.2.9", 0, 0, 65535, 65535},
		{IPPROTO_ICMP, "10.0.0.1", "192.0.2.9", "20.0.0.4", "192.0.2.9", 5, 5, 5, 5},
		{IPPROTO_UDP, "fd00::1", "2001:db8::9", "fd00::2", "2001:db8::9", 7, 9, 6, 9},
		{IPPROTO_UDP, "fd00::ffff", "2001:db8::9", "fd00::", "2001:db8::9", 7, 9, 7, 9},
		{IPPROTO_ICMPV6, "fd00::1", "2001:db8::9", "fd00::2", "2001:db8::9", 3, 3, 2, 2},
		{IPPROTO_TCP, "fd00::1", "2001:db8::9", "2001:db8::9", "fd00::1", 7, 9, 9, 7},
	};

	(void)state;
	for (size_t i = 0; i < RTE_DIM(cases); i++) {
		struct flow_tuple a = frame_tuple(cases[i].proto, cases[i].src, cases[i].sport,
			cases[i].dst, cases[i].dport);
		struct flow_tuple b = frame_tuple(cases[i].proto, cases[i].to_src, cases[i].to_sport,
			cases[i].to_dst, cases[i].to_dport);
		struct flow_record r = record(&a, &b);

		for (unsigned int word = 0; word <= 0xffff; word++) {
			struct craft c;
			uint8_t *ip = frame_make(&c, &a, 24);

			craft_put16(ip + frame_ip_len(ip) + 20, word);
			if (frame_is_v4(ip))
				craft_put16(ip + 4, word); /* the identification */
			frame_sum(ip);
			assert_becomes(&c, &r, FLOW_ORIGINAL, &b);
		}
	}
}

/* RFC 768: no checksum stays no checksum. */
static void udp_without_checksum(void **state)
{
	static const char *const ends[2][3] = {{"10.0.0.1", "192.0.2.9", "20.0.0.4"},
		{"fd00::1", "2001:db8::9", "2001:db8:1::4"}};

	(void)state;
	for (unsigned int i = 0; i < 2; i++) {
		struct flow_tuple a = frame_tuple(17, ends[i][0], 1000, ends[i][1], 53);
		struct flow_tuple b = frame_tuple(17, ends[i][2], 2000, ends[i][1], 53);
		struct flow_record r = record(&a, &b);
		struct craft c, want;
		uint8_t *ip = frame_make(&c, &a, 40);

		craft_put16(ip + frame_ip_len(ip) + 6, 0);
		want = c;
		frame_set_tuple(craft_bytes(&want) + PKT_L2_LEN, &b);
		craft_put16(craft_bytes(&want) + PKT_L2_LEN + frame_ip_len(ip) + 6, 0);
		rewrite(&c, &r, FLOW_ORIGINAL, true);
		assert_memory_equal(craft_bytes(&c), craft_bytes(&want), c.m.data_len);
	}
}

/* The only message whose sum is 0 and not 0xffff, and the delta that would be 0. */
static void zeros(void **state)
{
	struct flow_tuple a = frame_tuple(1, "192.0.2.9", 0xabcd, "20.0.0.4", 0xabcd);
	struct flow_tuple b = frame_tuple(1, "192.0.2.9", 0, "10.0.0.1", 0);
	struct flow_record r = record(&a, &b);
	struct craft c;
	uint8_t *ip = frame_make(&c, &a, 40);

	(void)state;
	memset(ip + 20, 0, 40); /* an echo reply */
	frame_set_tuple(ip, &a);
	assert_becomes(&c, &r, FLOW_ORIGINAL, &b);
	assert_int_equal(craft_get16(ip + 22), 0xffff);

	assert_int_equal(nat_delta(0xffff, 0), NAT_DELTA_NONE);
	assert_int_equal(nat_delta(0, 0), NAT_DELTA_NONE);
	assert_int_equal(nat_check_add(0xffff, nat_delta(0xffff, 0)), 0);
}

/* A checksum that is wrong is as wrong behind the translation: nobody takes the packet for good. */
static void wrong_stays_wrong(void **state)
{
	struct flow_tuple a = frame_tuple(6, "10.0.0.1", 1000, "192.0.2.9", 443);
	struct flow_tuple b = frame_tuple(6, "20.0.0.4", 2000, "192.0.2.9", 443);
	struct flow_record r = record(&a, &b);

	(void)state;
	for (unsigned int off = 1; off < 0xffff; off += 7) {
		struct craft c;
		uint8_t *ip = frame_make(&c, &a, 40), right[2];

		craft_put16(ip + 36, (craft_get16(ip + 36) + off) % 0xffff);
		craft_put16(ip + 10, (craft_get16(ip + 10) + off) % 0xffff);
		rewrite(&c, &r, FLOW_ORIGINAL, true);
		memcpy(right, ip + 36, 2);
		assert_int_equal((frame_l4_sum(ip, 6, ip + 20, 40) + off) % 0xffff,
			craft_get16(right) % 0xffff);
		assert_int_not_equal(craft_sum(ip, 20, NULL, 0), 0);
	}
}

/* Later fragments have no ports: bytes behind the IP header are data. */
static void later_fragment(void **state)
{
	struct flow_tuple a4 = frame_tuple(17, "10.0.0.1", 1000, "192.0.2.9", 53);
	struct flow_tuple b4 = frame_tuple(17, "20.0.0.4", 2000, "192.0.2.9", 53);
	struct flow_tuple a6 = frame_tuple(17, "fd00::1", 1000, "2001:db8::9", 53);
	struct flow_tuple b6 = frame_tuple(17, "fd00::2", 2000, "2001:db8::9", 53);
	struct flow_record r = record(&a4, &b4);
	struct craft c;
	uint8_t *ip, data[40];

	(void)state;
	ip = frame_make(&c, &a4, 40);
	craft_put16(ip + 6, 0x0010);
	craft_ip4_sum(ip);
	memcpy(data, ip + 20, 40);
	rewrite(&c, &r, FLOW_ORIGINAL, false);
	assert_memory_equal(ip + 12, b4.src.bytes, 4);
	assert_int_equal(craft_sum(ip, 20, NULL, 0), 0);
	assert_memory_equal(ip + 20, data, 40);

	r = record(&a6, &b6);
	ip = frame_make(&c, &a6, 40);
	memcpy(data, ip + 40, 40);
	rewrite(&c, &r, FLOW_ORIGINAL, false);
	assert_memory_equal(ip + 8, b6.src.bytes, 16);
	assert_memory_equal(ip + 40, data, 40);
}

/* Behind IPv4 options, and behind an IPv6 destination options header. */
static void header_elsewhere(void **state)
{
	struct flow_tuple a = frame_tuple(6, "10.0.0.1", 1000, "192.0.2.9", 443);
	struct flow_tuple b = frame_tuple(6, "20.0.0.4", 2000, "192.0.2.9", 443);
	struct flow_tuple a6 = frame_tuple(17, "fd00::1", 1000, "2001:db8::9", 53);
	struct flow_tuple b6 = frame_tuple(17, "fd00::2", 2000, "2001:db8::9", 54);
	struct flow_record r = record(&a, &b);
	struct craft c;
	uint8_t *ip;

	(void)state;
	ip = frame_make(&c, &a, 64);
	memmove(ip + 60, ip + 20, 24);
	memset(ip + 20, 1, 40); /* no operation */
	ip[0] = 0x4f;
	frame_set_tuple(ip, &a);
	assert_becomes(&c, &r, FLOW_ORIGINAL, &b);

	r = record(&a6, &b6);
	ip = frame_make(&c, &a6, 40);
	memmove(ip + 48, ip + 40, 32);
	memcpy(ip + 40, "\x11\x00\x01\x04\x00\x00\x00\x00", 8);
	ip[6] = IPPROTO_DSTOPTS;
	craft_put16(ip + 54, frame_l4_sum(ip, 17, ip + 48, 32));
	nat_rewrite6(&c.m, &r.side[0], &r.side[1], PKT_L2_LEN + 48, true);
	assert_memory_equal(ip + 8, b6.src.bytes, 16);
	assert_int_equal(craft_get16(ip + 48), 2000);
	assert_int_equal(craft_get16(ip + 50), 54);
	assert_int_equal(craft_get16(ip + 54), frame_l4_sum(ip, 17, ip + 48, 32));
}

/* What the first segment does not hold is neither read nor written; keys call such packets malformed. */
static void beyond_the_segment(void **state)
{
	static const struct {
		uint8_t proto, least;
	} cases[] = {{IPPROTO_TCP, 18}, {IPPROTO_UDP, 8}, {IPPROTO_ICMP, 8}, {IPPROTO_UDPLITE, 8}};

	(void)state;
	for (size_t i = 0; i < RTE_DIM(cases); i++) {
		uint16_t ident = cases[i].proto == IPPROTO_ICMP ? 1000 : 443;
		struct flow_tuple a = frame_tuple(cases[i].proto, "10.0.0.1", 1000, "192.0.2.9", ident);
		struct flow_tuple b = frame_tuple(cases[i].proto, "20.0.0.4", 2000, "192.0.2.9", ident);
		struct flow_record r = record(&a, &b);

		for (unsigned int len = 0; len < cases[i].least; len++) {
			struct craft c, before;

			frame_make(&c, &a, 40);
			before = c;
			c.m.data_len = 34 + len;
			rewrite(&c, &r, FLOW_ORIGINAL, true);
			assert_memory_equal(craft_bytes(&c) + 34, craft_bytes(&before) + 34, 40);
		}
	}
}

static void says_what_changes(void **state)
{
	struct flow_tuple a = frame_tuple(17, "10.0.0.1", 1000, "192.0.2.9", 53), b;
	struct flow_record r = record(&a, &a);

	(void)state;
	assert_int_equal((r.side[0].flags | r.side[1].flags) & FLOW_F_NAT, 0);
	for (unsigned int i = 0; i < 4; i++) {
		b = a;
		if (i == 0)
			b.src = frame_addr("10.0.0.2");
		else if (i == 1)
			b.dst = frame_addr("10.0.0.2");
		else if (i == 2)
			b.sport = htons(1);
		else
			b.dport = htons(1);
		r = record(&a, &b);
		assert_int_equal(r.side[0].flags & r.side[1].flags, FLOW_F_NAT);
	}
	r.side[0].flags |= FLOW_F_NO_REFRESH;
	nat_rewrite_prepare(&r);
	assert_int_equal(r.side[0].flags, FLOW_F_NAT | FLOW_F_NO_REFRESH);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_packets),	cmocka_unit_test(every_checksum),
		cmocka_unit_test(udp_without_checksum), cmocka_unit_test(zeros),
		cmocka_unit_test(wrong_stays_wrong),	cmocka_unit_test(later_fragment),
		cmocka_unit_test(header_elsewhere),	cmocka_unit_test(beyond_the_segment),
		cmocka_unit_test(says_what_changes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
