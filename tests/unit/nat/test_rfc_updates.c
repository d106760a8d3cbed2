/* SPDX-License-Identifier: BSD-3-Clause */
/* RFC 7857 (updates of the behavioural requirements), RFC 6888 (carrier grade NAT) and what of RFC 6146
 * (NAT64) is taken for NAT within a family; clause by clause. */
#include "nat/rfc.h"

static struct flow_tuple tcp(const char *src, uint16_t sport, const char *dst, uint16_t dport)
{
	return build_tuple(IPPROTO_TCP, src, sport, dst, dport);
}

static struct flow_tuple udp(const char *src, uint16_t sport, const char *dst, uint16_t dport)
{
	return build_tuple(IPPROTO_UDP, src, sport, dst, dport);
}

static bool lives(const struct flow_tuple *out)
{
	struct flow_tuple back = flow_tuple_swapped(out);

	return flow_find(nat_worker(e.nat, 0)->flows, &back) != FLOW_NONE;
}

/* --- RFC 7857 --- */

/* 2.1: opening and closing have timers of their own. */
static void rfc7857_2_1_transitory_timers(void **state)
{
	struct flow_tuple a = tcp("10.0.0.7", 4000, "203.0.113.5", 80), b = tcp("10.0.0.7", 4001,
		"203.0.113.5", 80), x, y;
	struct config *c = rfc_config(CONFIG_NAT_ENDPOINT_DEPENDENT, NULL, NULL);

	(void)state;
	c->flows.tcp_opening_s = 30;
	c->flows.tcp_closing_s = 60;
	rfc_start(c);
	x = rfc_out(&a);
	y = rfc_connect(&b);
	rfc_go(&b, INSIDE, FIN | ACK);
	rfc_back(&b, &y, FIN | ACK);
	rfc_wait(29);
	assert_true(lives(&x) && lives(&y));
	rfc_wait(4);
	assert_true(!lives(&x) && lives(&y));
	rfc_wait(30);
	assert_false(lives(&y));
}

/* 2.2: a RST is translated; the session ends a while later, unless something else comes. */
static void rfc7857_2_2_reset(void **state)
{
	struct flow_tuple a = tcp("10.0.0.7", 4000, "203.0.113.5", 80), b = tcp("10.0.0.7", 4001,
		"203.0.113.5", 80), x, y;

	(void)state;
	rfc_start_dependent();
	x = rfc_connect(&a);
	y = rfc_connect(&b);
	rfc_back(&a, &x, RST); /* forged: the connection goes on */
	rfc_back(&b, &y, RST);
	rfc_wait(8);
	assert_true(lives(&x) && lives(&y));
	rfc_go(&a, INSIDE, ACK);
	rfc_wait(4);
	assert_true(lives(&x) && !lives(&y));
	rfc_wait(600);
	rfc_back(&a, &x, ACK);
}

/* 3: ports may overlap where the destination differs: one port serves many insides. */
static void rfc7857_3_overlapping_ports(void **state)
{
	struct config *c = rfc_config(CONFIG_NAT_ENDPOINT_DEPENDENT, NULL, NULL);

	(void)state;
	c->nat.pools[0].port_first = c->nat.pools[0].port_last = 5000;
	rfc_start(c);
	for (unsigned int proto = 0; proto < 2; proto++) {
		for (unsigned int i = 0; i < 100; i++) {
			struct flow_tuple in = udp("10.0.0.1", 4000, "203.0.113.0", 53), out;

			in.proto = proto ? IPPROTO_TCP : IPPROTO_UDP;
			in.src.bytes[3] += i;
			in.dst.bytes[3] = i;
			out = rfc_out(&in);
			assert_int_equal(rfc_port(out.sport), 5000);
			rfc_back(&in, &out, SYN | ACK);
		}
	}
}

/* 5 and 6: mappings and filters are of one protocol. */
static void rfc7857_5_6_by_protocol(void **state)
{
	struct flow_tuple u = udp("10.0.0.7", 4000, "203.0.113.5", 53), out, in;

	(void)state;
	rfc_start_independent();
	out = rfc_out(&u);
	in = flow_tuple_swapped(&out);
	in.proto = IPPROTO_TCP;
	rfc_drops(&in, OUTSIDE, ACK, DROP_NAT_NO_MAPPING);
	in.proto = IPPROTO_ICMP;
	in.sport = in.dport;
	assert_int_equal(rfc_put(&in, OUTSIDE, 0), FLOW_NEXT_DROP);
}

/* 7: what is filtered does not refresh the mapping. */
static void rfc7857_7_filtered_does_not_refresh(void **state)
{
	struct flow_tuple u = udp("10.0.0.7", 4000, "203.0.113.5", 53), out, stranger;
	struct config *c = rfc_config(CONFIG_NAT_ENDPOINT_INDEPENDENT, NULL, NULL);

	(void)state;
	c->nat.snat[0].filtering = CONFIG_NAT_FILTER_ADDRESS;
	rfc_start(c);
	out = rfc_out(&u);
	stranger = flow_tuple_swapped(&out);
	stranger.src = build_addr("203.0.113.66");
	for (unsigned int i = 0; i < 5; i++) {
		rfc_wait(59);
		rfc_drops(&stranger, OUTSIDE, 0, DROP_NAT_FILTERED);
	}
	rfc_wait(8);
	assert_int_equal(rfc_sessions(), 0);
}

/* 7.1: nor do ICMP errors and RSTs from the inside. */
static void rfc7857_7_1_errors_do_not_refresh(void **state)
{
	struct flow_tuple u = udp("10.0.0.7", 4000, "203.0.113.5", 53), t = tcp("10.0.0.7", 4000,
		"203.0.113.5", 80), out, answer;

	(void)state;
	rfc_start_dependent();
	rfc_out(&u);
	answer = flow_tuple_swapped(&u);
	for (unsigned int i = 0; i < 5; i++) {
		rfc_wait(59);
		assert_int_equal(rfc_error("10.0.0.7", ICMP4_UNREACHABLE, ICMP4_PORT, &answer, INSIDE),
			FLOW_NEXT_LOOKUP);
	}
	rfc_wait(8);
	assert_int_equal(rfc_sessions(), 0);

	out = rfc_connect(&t);
	for (unsigned int i = 0; i < 4; i++) {
		rfc_go(&t, INSIDE, RST);
		rfc_wait(3);
	}
	assert_false(lives(&out));
}

/* 9: ports that are not kept are random, and so hard to guess (RFC 6888 REQ-15 as well). */
static void rfc7857_9_random_ports(void **state)
{
	struct config *c = rfc_config(CONFIG_NAT_ENDPOINT_DEPENDENT, NULL, NULL);
	unsigned int near = 0, low = 0;
	uint16_t before = 0;

	(void)state;
	c->nat.snat[0].port_selection = CONFIG_NAT_PORTS_RANDOM;
	rfc_start(c);
	for (unsigned int i = 0; i < 400; i++) {
		struct flow_tuple in = tcp("10.0.0.7", 4000 + i, "203.0.113.5", 80), out = rfc_out(&in);
		uint16_t port = rfc_port(out.sport);

		near += abs(port - before) < 300;
		low += port < 32768;
		before = port;
		assert_int_not_equal(port, NAT_PORT_RESERVED);
	}
	assert_true(near < 25); /* 3.7 are expected */
	assert_in_range(low, 120, 280);
}

/* 10: the identification of IPv4 stays the sender's: fragments of one packet keep one. */
static void rfc7857_10_identification(void **state)
{
	struct flow_tuple in = udp("10.0.0.7", 4000, "203.0.113.5", 53);

	(void)state;
	rfc_start_dependent();
	for (unsigned int df = 0; df < 2; df++) {
		uint8_t *ip = frame_make(&pkt, &in, 40);

		craft_put16(ip + 4, 0xabcd);
		craft_put16(ip + 6, df ? 0x4000 : 0);
		frame_sum(ip);
		assert_int_equal(engine_one(&e, 0, &pkt, INSIDE), FLOW_NEXT_REWRITE);
		assert_int_equal(craft_get16(craft_bytes(&pkt) + 14 + 4), 0xabcd);
		assert_int_equal(craft_get16(craft_bytes(&pkt) + 14 + 6), df ? 0x4000 : 0);
	}
}

/* --- RFC 6888 --- */

/* REQ-3: the pool may be any addresses. */
static void rfc6888_req3_any_pool(void **state)
{
	unsigned int used = 0;

	(void)state;
	rfc_start(rfc_config(CONFIG_NAT_ENDPOINT_INDEPENDENT, "192.0.2.9 192.0.2.12 192.0.2.15", NULL));
	for (unsigned int i = 1; i < 60; i++) {
		struct flow_tuple in = udp("10.0.0.0", 4000, "203.0.113.5", 53), out;

		in.src.bytes[3] = i;
		out = rfc_out(&in);
		assert_true(out.src.bytes[3] == 9 || out.src.bytes[3] == 12 || out.src.bytes[3] == 15);
		used |= 1u << out.src.bytes[3];
		rfc_back(&in, &out, 0);
	}
	assert_int_equal(used, 1u << 9 | 1u << 12 | 1u << 15);
}

/* REQ-4: a cap for each inside address, and a rate; others are not touched; it is counted. */
static void rfc6888_req4_limits(void **state)
{
	struct config *c = rfc_config(CONFIG_NAT_ENDPOINT_DEPENDENT, NULL, NULL);
	struct flow_tuple in = udp("10.0.0.7", 4000, "203.0.113.5", 53);
	struct nat_rule_view v;
	unsigned int n = 0;

	(void)state;
	c->nat.snat[0].max_sessions = 20;
	rfc_start(c);
	for (unsigned int i = 0; i < 30; i++, in.sport++)
		n += rfc_put(&in, INSIDE, 0) == FLOW_NEXT_REWRITE;
	assert_int_equal(n, 20);
	nat_rule_get(e.nat, 0, &v);
	assert_int_equal(v.use.limited, 10);
	in.src.bytes[3]++;
	rfc_out(&in);

	c = rfc_config(CONFIG_NAT_ENDPOINT_DEPENDENT, NULL, NULL);
	c->nat.snat[0].rate = 10;
	rfc_restart(c);
	for (unsigned int i = n = 0; i < 40; i++, in.sport++) {
		n += rfc_put(&in, INSIDE, 0) == FLOW_NEXT_REWRITE;
		engine_pass(&e, 25);
	}
	assert_in_range(n, 19, 20); /* a second's worth at once, then ten in the second */
}

/* REQ-5: memory is bounded: a table that is full refuses, and keeps what it has. REQ-11 D: so. */
static void rfc6888_req5_bounded_state(void **state)
{
	struct flow_tuple in = udp("10.0.0.7", 1024, "203.0.113.5", 53), first, out;
	struct nat_flow_stats s;

	(void)state;
	rfc_start_dependent();
	first = rfc_out(&in);
	for (unsigned int i = 1; i < 1000; i++) {
		in.sport = rte_cpu_to_be_16(1024 + i);
		rfc_out(&in);
	}
	for (unsigned int i = 1000; i < 3000; i++) {
		in.sport = rte_cpu_to_be_16(1024 + i);
		rfc_drops(&in, INSIDE, 0, DROP_FLOW_FULL);
	}
	nat_get_flow_stats(e.nat, &s);
	assert_int_equal(s.table.used, 1000);
	assert_int_equal(s.table.full, 2000);
	in.sport = rte_cpu_to_be_16(1024);
	rfc_back(&in, &first, 0);
	out = rfc_out(&in);
	engine_assert_tuple(&out, &first);
}

/* REQ-6: destinations can be exempt. */
static void rfc6888_req6_exempt(void **state)
{
	struct config *c = engine_config();
	struct flow_tuple in = udp("10.0.0.7", 4000, "10.99.0.1", 53);
	struct config_snat *exempt;

	(void)state;
	exempt = build_snat(c, "10.0.0.0/8", "10.0.0.0/8 172.16.0.0/12", 0);
	exempt->exempt = true;
	build_snat(c, "10.0.0.0/8", NULL, build_pool(c, EXTERNAL));
	rfc_start(c);
	assert_int_equal(rfc_put(&in, INSIDE, 0), FLOW_NEXT_LOOKUP);
	in.dst = build_addr("203.0.113.5");
	rfc_out(&in);
	assert_int_equal(rfc_sessions(), 1);
}

/* REQ-7: filtering is endpoint-independent by default where the mapping is. */
static void rfc6888_req7_default_filtering(void **state)
{
	struct flow_tuple in = udp("10.0.0.7", 4000, "203.0.113.5", 53), out, stranger;

	(void)state;
	rfc_start_independent(); /* the rule says nothing of filtering */
	out = rfc_out(&in);
	stranger = flow_tuple_swapped(&out);
	stranger.src = build_addr("198.18.0.1");
	rfc_go(&stranger, OUTSIDE, 0);
}

/* REQ-8: a port is nobody else's for two minutes after its mapping ended; TCP is tracked, and free. */
static void rfc6888_req8_port_is_held(void **state)
{
	(void)state;
	for (unsigned int is_tcp = 0; is_tcp < 2; is_tcp++) {
		struct config *c = rfc_config(CONFIG_NAT_ENDPOINT_INDEPENDENT, NULL, NULL);
		struct flow_tuple a = udp("10.0.0.7", 5000, "203.0.113.5", 53), b = udp("10.0.0.8", 5000,
			"203.0.113.5", 53);

		a.proto = b.proto = is_tcp ? IPPROTO_TCP : IPPROTO_UDP;
		c->nat.pools[0].port_first = c->nat.pools[0].port_last = 5000;
		rfc_restart(c);
		rfc_out(&a);
		rfc_wait(is_tcp ? 244 : 304);
		assert_int_equal(rfc_sessions(), 0);
		if (!is_tcp) {
			rfc_answers(&b, INSIDE, ICMP4_UNREACHABLE, ICMP4_HOST);
			rfc_wait(110);
			rfc_answers(&b, INSIDE, ICMP4_UNREACHABLE, ICMP4_HOST);
			rfc_wait(16);
		} else {
			rfc_wait(244);
		}
		rfc_out(&b);
	}
}

/* REQ-11: what finds no port is dropped (A), told so by ICMP 3/1 (B), counted for the operator (C), and
 * ends nobody's session (D). */
static void rfc6888_req11_exhaustion(void **state)
{
	struct config *c = rfc_config(CONFIG_NAT_ENDPOINT_DEPENDENT, NULL, NULL);
	struct flow_tuple in[8], out[8], more = udp("10.0.0.99", 4000, "203.0.113.5", 53);
	struct flow_tuple more6 = udp("2001:db8:1::99", 4000, "2001:db8:99::5", 53);
	struct nat_pool_view p;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		c->nat.pools[i].port_first = 5000;
		c->nat.pools[i].port_last = 5007;
	}
	rfc_start(c);
	for (unsigned int i = 0; i < 8; i++) {
		in[i] = udp("10.0.0.7", 4000 + i, "203.0.113.5", 53);
		out[i] = rfc_out(&in[i]);
		in[i] = udp("2001:db8:1::7", 4000 + i, "2001:db8:99::5", 53);
		rfc_out(&in[i]);
		in[i] = udp("10.0.0.7", 4000 + i, "203.0.113.5", 53);
	}
	for (unsigned int i = 0; i < 20; i++, more.sport++) {
		rfc_answers(&more, INSIDE, ICMP4_UNREACHABLE, ICMP4_HOST);
		assert_int_equal(craft_reason(&pkt), DROP_NAT_NO_PORT);
	}
	rfc_answers(&more6, INSIDE, ICMP6_UNREACHABLE, ICMP6_ADDRESS);
	nat_pool_get(e.nat, 0, &p);
	assert_int_equal(p.use.exhausted, 20);
	assert_int_equal(p.use.sessions, 8);
	for (unsigned int i = 0; i < 8; i++)
		rfc_back(&in[i], &out[i], 0);
}

/* REQ-13: every port of the pool is used before anybody is refused. */
static void rfc6888_req13_all_ports(void **state)
{
	struct config *c = rfc_config(CONFIG_NAT_ENDPOINT_DEPENDENT, NULL, NULL);
	bool seen[500] = {false};

	(void)state;
	c->nat.pools[0].port_first = 20000;
	c->nat.pools[0].port_last = 20499;
	rfc_start(c);
	for (unsigned int i = 0; i < 500; i++) {
		struct flow_tuple in = tcp("10.0.0.7", 4000 + i, "203.0.113.5", 80), out = rfc_out(&in);

		assert_in_range(rfc_port(out.sport), 20000, 20499);
		assert_false(seen[rfc_port(out.sport) - 20000]);
		seen[rfc_port(out.sport) - 20000] = true;
	}
}

/* --- RFC 6146 --- */

/* 3.4: fragments wait two seconds for their first. */
static void rfc6146_3_4_fragments_wait(void **state)
{
	struct flow_tuple in = udp("10.0.0.7", 4000, "203.0.113.5", 53);
	struct rte_mbuf *m;
	uint8_t *ip, next;

	(void)state;
	rfc_start_dependent();
	ip = frame_make(&pkt, &in, 24);
	craft_put16(ip + 6, 8);
	craft_ip4_sum(ip);
	assert_int_equal(engine_one(&e, 0, &pkt, INSIDE), FLOW_NEXT_HELD);
	engine_pass(&e, 1990);
	assert_int_equal(nat_released(nat_worker(e.nat, 0), true, &m, &next, 1), 0);
	engine_pass(&e, 20);
	assert_int_equal(nat_released(nat_worker(e.nat, 0), true, &m, &next, 1), 1);
	assert_int_equal(next, FLOW_NEXT_DROP);
	assert_int_equal(craft_reason(&pkt), DROP_FRAG_TIMEOUT);
	assert_int_equal(rfc_sessions(), 0);
}

/* 3.5.1.1, 4: a UDP checksum of 0 stays 0 (IPv4): it is not made up for a packet that has none. */
static void rfc6146_checksum_zero(void **state)
{
	struct flow_tuple in = udp("10.0.0.7", 4000, "203.0.113.5", 53);
	uint8_t *ip;

	(void)state;
	rfc_start_dependent();
	ip = frame_make(&pkt, &in, 40);
	craft_put16(ip + 26, 0);
	assert_int_equal(engine_one(&e, 0, &pkt, INSIDE), FLOW_NEXT_REWRITE);
	assert_int_equal(craft_get16(craft_bytes(&pkt) + 14 + 26), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RFC_TEST(rfc7857_2_1_transitory_timers), RFC_TEST(rfc7857_2_2_reset),
		RFC_TEST(rfc7857_3_overlapping_ports), RFC_TEST(rfc7857_5_6_by_protocol),
		RFC_TEST(rfc7857_7_filtered_does_not_refresh), RFC_TEST(rfc7857_7_1_errors_do_not_refresh),
		RFC_TEST(rfc7857_9_random_ports), RFC_TEST(rfc7857_10_identification),
		RFC_TEST(rfc6888_req3_any_pool), RFC_TEST(rfc6888_req4_limits),
		RFC_TEST(rfc6888_req5_bounded_state), RFC_TEST(rfc6888_req6_exempt),
		RFC_TEST(rfc6888_req7_default_filtering), RFC_TEST(rfc6888_req8_port_is_held),
		RFC_TEST(rfc6888_req11_exhaustion), RFC_TEST(rfc6888_req13_all_ports),
		RFC_TEST(rfc6146_3_4_fragments_wait), RFC_TEST(rfc6146_checksum_zero),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
