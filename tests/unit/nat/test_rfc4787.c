/* SPDX-License-Identifier: BSD-3-Clause */
/* RFC 4787 (BCP 127): UDP through NAT, requirement by requirement. */
#include "nat/rfc.h"
#include "packet/ip.h"

static struct flow_tuple udp(const char *src, uint16_t sport, const char *dst, uint16_t dport)
{
	return build_tuple(IPPROTO_UDP, src, sport, dst, dport);
}

/* REQ-1: one inside endpoint, one external endpoint, whatever the destination. */
static void req1_endpoint_independent_mapping(void **state)
{
	struct flow_tuple a = udp("10.0.0.7", 4000, "203.0.113.5", 53), b = udp("10.0.0.7", 4000,
		"203.0.113.99", 5353);
	struct flow_tuple a6 = udp("2001:db8:1::7", 4000, "2001:db8:99::5", 53), b6 = udp("2001:db8:1::7",
		4000, "2001:db8:98::1", 5353);
	struct flow_tuple x, y;

	(void)state;
	rfc_start_independent();
	x = rfc_out(&a);
	y = rfc_out(&b);
	assert_true(rfc_same_source(&x, &y));
	x = rfc_out(&a6);
	y = rfc_out(&b6);
	assert_true(rfc_same_source(&x, &y));
}

/* REQ-2: all of an inside address comes from one external address. */
static void req2_paired_pooling(void **state)
{
	struct ip_addr seen[8];
	unsigned int different = 0;

	(void)state;
	rfc_start(rfc_config(CONFIG_NAT_ENDPOINT_INDEPENDENT, "192.0.2.9 192.0.2.10 192.0.2.11 192.0.2.12", NULL));
	for (unsigned int host = 0; host < 8; host++) {
		for (unsigned int i = 0; i < 20; i++) {
			struct flow_tuple in = udp("10.0.0.10", 4000 + i, "203.0.113.5", 53 + i % 3), out;

			in.src.bytes[3] += host;
			out = rfc_out(&in);
			if (i == 0)
				seen[host] = out.src;
			assert_true(ip_addr_equal(&out.src, &seen[host]));
		}
		different += !ip_addr_equal(&seen[host], &seen[0]);
	}
	assert_true(different > 0);
}

/* REQ-3: no two inside endpoints on one external; and the class of the port is kept. */
static void req3_no_overloading_and_class(void **state)
{
	struct config *c = rfc_config(CONFIG_NAT_ENDPOINT_INDEPENDENT, NULL, NULL);
	struct flow_tuple a = udp("10.0.0.7", 4000, "203.0.113.5", 53), b = udp("10.0.0.8", 4000,
		"203.0.113.99", 53), low = udp("10.0.0.7", 500, "203.0.113.5", 500);
	struct flow_tuple x, y;

	(void)state;
	c->nat.pools[0].port_first = 1;
	rfc_start(c);
	x = rfc_out(&a);
	y = rfc_out(&b);
	assert_false(rfc_same_source(&x, &y));
	assert_true(rfc_port(x.sport) >= 1024 && rfc_port(y.sport) >= 1024);
	for (unsigned int i = 0; i < 50; i++) {
		low.src.bytes[3] = i + 1;
		x = rfc_out(&low);
		assert_true(rfc_port(x.sport) < 1024);
	}
}

/* REQ-4: an even port becomes an even one. */
static void req4_parity(void **state)
{
	(void)state;
	rfc_start_independent();
	for (unsigned int i = 0; i < 200; i++) {
		struct flow_tuple in = udp("10.0.0.1", 4000 + i % 2, "203.0.113.5", 53), out;

		in.src.bytes[3] = i + 1; /* all but the first two find their port taken */
		out = rfc_out(&in);
		assert_int_equal(rfc_port(out.sport) % 2, i % 2);
	}
}

/* REQ-5: a mapping lives two minutes at least, five by default, as configured. */
static void req5_timer(void **state)
{
	struct flow_tuple in = udp("10.0.0.7", 4000, "203.0.113.5", 53), out, back;
	struct config *c = rfc_config(CONFIG_NAT_ENDPOINT_DEPENDENT, NULL, NULL);

	(void)state;
	rfc_start_dependent();
	out = rfc_out(&in);
	rfc_wait(298);
	rfc_back(&in, &out, 0);
	rfc_wait(303);
	back = flow_tuple_swapped(&out);
	rfc_drops(&back, OUTSIDE, 0, DROP_NAT_NO_MAPPING);

	c->flows.udp_s = c->flows.udp_new_s = 120;
	rfc_restart(c);
	out = rfc_out(&in);
	rfc_wait(118);
	rfc_back(&in, &out, 0);
	rfc_wait(123);
	rfc_drops(&back, OUTSIDE, 0, DROP_NAT_NO_MAPPING);
}

/* REQ-6: packets from the inside refresh; those from outside as configured. */
static void req6_refresh(void **state)
{
	struct flow_tuple in = udp("10.0.0.7", 4000, "203.0.113.5", 53), out, back;

	(void)state;
	for (unsigned int inbound = 0; inbound < 2; inbound++) {
		for (unsigned int independent = 0; independent < 2; independent++) {
			struct config *c = rfc_config(independent ? CONFIG_NAT_ENDPOINT_INDEPENDENT :
								    CONFIG_NAT_ENDPOINT_DEPENDENT, NULL, NULL);

			c->flows.inbound_refreshes = inbound;
			rfc_restart(c);
			rfc_out(&in);
			for (unsigned int i = 0; i < 3; i++) {
				rfc_wait(200);
				out = rfc_out(&in);
			}
			rfc_wait(200);
			rfc_back(&in, &out, 0);
			rfc_wait(200);
			back = flow_tuple_swapped(&out);
			if (inbound)
				rfc_back(&in, &out, 0);
			else
				rfc_drops(&back, OUTSIDE, 0, DROP_NAT_NO_MAPPING);
		}
	}
}

/* REQ-6 holds for as long as packets come, also where the clock, of 32 bits in ms, goes round between
 * those of the side that is silent; and a binding ends in its time after such a session. */
static void req6_for_two_months(void **state)
{
	struct flow_tuple in = udp("10.0.0.7", 4000, "203.0.113.5", 514), out, again;

	(void)state;
	for (unsigned int independent = 0; independent < 2; independent++) {
		rfc_restart(rfc_config(independent ? CONFIG_NAT_ENDPOINT_INDEPENDENT :
						     CONFIG_NAT_ENDPOINT_DEPENDENT, NULL, NULL));
		out = rfc_out(&in);
		for (unsigned int s = 0; s < 52 * 86400; s += 20) {
			struct nat_flow_stats stats;

			again = rfc_out(&in);
			engine_assert_tuple(&again, &out);
			nat_get_flow_stats(e.nat, &stats);
			assert_int_equal(stats.sessions, 1); /* a binding is none */
			assert_int_equal(stats.table.used, 1 + independent);
			if (stats.expired != 0)
				fail_msg("ended after %u s", s);
			engine_pass(&e, 20000);
		}
		rfc_wait(303 + 303 + 123);
		assert_int_equal(engine_sessions(&e), 0);
	}
}

/* The same where the session ends within the half of the clock's round that looks like the future. */
static void req6_for_a_month(void **state)
{
	struct flow_tuple in = udp("10.0.0.7", 4000, "203.0.113.5", 514);

	(void)state;
	rfc_start_independent();
	for (unsigned int s = 0; s < 30 * 86400; s += 100) {
		rfc_out(&in);
		engine_pass(&e, 100000);
	}
	rfc_wait(303 + 303 + 123);
	assert_int_equal(engine_sessions(&e), 0);
}

/* REQ-7: works where the two sides' prefixes overlap; the FIB tells them apart. */
static void req7_overlapping_prefixes(void **state)
{
	struct flow_tuple in = udp("10.0.0.7", 4000, "10.200.0.5", 53), out;

	(void)state;
	rfc_start_dependent();
	engine_route(&e, "10.200.0.0/16", e.outside);
	out = rfc_out(&in);
	assert_int_equal(pkt_meta(&pkt.m)->nh, e.outside);
	rfc_back(&in, &out, 0);
	assert_int_equal(pkt_meta(&pkt.m)->nh, e.inside);
}

/* REQ-8: who may send to a mapping: anybody, an address that was sent to, or an endpoint. */
static void req8_filtering(void **state)
{
	static const struct {
		enum config_nat_filtering filtering;
		bool address, anybody;
	} modes[] = {
		{CONFIG_NAT_FILTER_ENDPOINT_INDEPENDENT, true, true},
		{CONFIG_NAT_FILTER_ADDRESS, true, false},
		{CONFIG_NAT_FILTER_ADDRESS_PORT, false, false},
	};
	struct flow_tuple in = udp("10.0.0.7", 4000, "203.0.113.5", 53);

	(void)state;
	for (unsigned int i = 0; i < RTE_DIM(modes); i++) {
		struct config *c = rfc_config(CONFIG_NAT_ENDPOINT_INDEPENDENT, NULL, NULL);
		struct flow_tuple out, port, stranger;

		c->nat.snat[0].filtering = modes[i].filtering;
		rfc_restart(c);
		out = rfc_out(&in);
		rfc_back(&in, &out, 0);
		port = flow_tuple_swapped(&out);
		port.sport = rte_cpu_to_be_16(999);
		stranger = flow_tuple_swapped(&out);
		stranger.src = build_addr("203.0.113.66");
		if (modes[i].address)
			rfc_go(&port, OUTSIDE, 0);
		else
			rfc_drops(&port, OUTSIDE, 0, DROP_NAT_FILTERED);
		if (modes[i].anybody)
			rfc_go(&stranger, OUTSIDE, 0);
		else
			rfc_drops(&stranger, OUTSIDE, 0, DROP_NAT_FILTERED);
	}
}

/* REQ-9: the inside reaches the inside by the external endpoint, and is shown as external itself. */
static void req9_hairpin(void **state)
{
	struct flow_tuple server = udp("10.0.0.7", 4000, "203.0.113.5", 53), mapped, in, got, reply, want;

	(void)state;
	rfc_start_independent();
	mapped = rfc_out(&server);
	in = udp("10.0.0.8", 5000, EXTERNAL, rfc_port(mapped.sport));
	got = rfc_out(&in);
	assert_int_equal(pkt_meta(&pkt.m)->nh, e.inside);
	assert_true(ip_addr_equal(&got.src, &mapped.src));
	assert_true(ip_addr_equal(&got.dst, &server.src) && got.dport == server.sport);
	reply = flow_tuple_swapped(&got);
	reply = rfc_go(&reply, INSIDE, 0);
	want = flow_tuple_swapped(&in);
	engine_assert_tuple(&reply, &want);
}

/* REQ-11: the behaviour does not change with conflicts or load: every mapping stays independent of its
 * destination while many inside endpoints want the same port. */
static void req11_deterministic(void **state)
{
	(void)state;
	rfc_start_independent();
	for (unsigned int i = 0; i < 200; i++) {
		struct flow_tuple in = udp("10.0.0.1", 4000, "203.0.113.5", 53), x, y;

		in.src.bytes[3] = i + 1;
		x = rfc_out(&in);
		in.dst.bytes[3] = 77;
		y = rfc_out(&in);
		assert_true(rfc_same_source(&x, &y));
	}
}

/* REQ-12: no ICMP error ends a mapping. */
static void req12_icmp_ends_nothing(void **state)
{
	struct flow_tuple in = udp("10.0.0.7", 4000, "203.0.113.5", 53), out;
	static const uint8_t errors[][2] = {{3, 0}, {3, 1}, {3, 2}, {3, 3}, {3, 4}, {3, 13}, {11, 0}, {12, 0}};

	(void)state;
	rfc_start_independent();
	out = rfc_out(&in);
	for (unsigned int i = 0; i < RTE_DIM(errors); i++) {
		struct flow_tuple inner;

		assert_int_equal(rfc_error("203.0.113.5", errors[i][0], errors[i][1], &out, OUTSIDE),
			FLOW_NEXT_LOOKUP);
		inner = rfc_inner();
		engine_assert_tuple(&inner, &in); /* it was about this flow, and got there */
		rfc_back(&in, &out, 0);
	}
}

/* REQ-13: beyond the MTU: with DF an error that tells it, without DF fragments. */
static void req13_oversize(void **state)
{
	struct flow_tuple in = udp("10.0.0.7", 4000, "203.0.113.5", 53);
	struct rte_mbuf *m = &pkt.m;

	(void)state;
	rfc_start_dependent();
	for (unsigned int df = 0; df < 2; df++) {
		uint8_t *ip = frame_make(&pkt, &in, 1600), next;

		craft_put16(ip + 6, df ? 0x4000 : 0);
		frame_sum(ip);
		assert_int_equal(engine_one(&e, 0, &pkt, INSIDE), FLOW_NEXT_REWRITE);
		engine_tuple(&pkt);
		ip4_rewrite_burst(e.nh, &m, 1, &next);
		if (!df) {
			assert_int_equal(next, IP_REWRITE_FRAG);
			continue;
		}
		assert_int_equal(next, IP_REWRITE_ICMP);
		assert_int_equal(pkt_meta(m)->icmp_type, ICMP4_UNREACHABLE);
		assert_int_equal(pkt_meta(m)->icmp_code, ICMP4_FRAG_NEEDED);
		assert_int_equal(pkt_meta(m)->icmp_info, 1500);
	}
}

/* REQ-14: fragments, in order and not; 16 packets at once, each of three. */
static struct craft frags[3];

static void make_fragments(const struct flow_tuple *t, uint16_t id)
{
	uint8_t *ip = frame_make(&frags[0], t, 24);

	craft_put16(ip + 24, 72);
	craft_put16(ip + 26, 0); /* no UDP checksum: this is about the headers */
	for (unsigned int i = 1; i < 3; i++) {
		memcpy(&frags[i], &frags[0], sizeof(frags[0]));
		frags[i].m.buf_addr = frags[i].room;
		memset(craft_bytes(&frags[i]) + 34, 'a' + i, 24);
	}
	for (unsigned int i = 0; i < 3; i++) {
		ip = craft_bytes(&frags[i]) + 14;
		craft_put16(ip + 4, id);
		craft_put16(ip + 6, i * 3 | (i < 2 ? 0x2000 : 0));
		craft_ip4_sum(ip);
	}
}

static void translated(struct craft *c, bool outward)
{
	const uint8_t *ip = craft_bytes(c) + 14;
	struct ip_addr external = build_addr(EXTERNAL), inside = build_addr("10.0.0.7");

	assert_int_equal(craft_sum(ip, 20, NULL, 0), 0);
	assert_memory_equal(outward ? ip + 12 : ip + 16, outward ? external.bytes : inside.bytes, 4);
}

static void req14_fragments(void **state)
{
	static const unsigned int orders[][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
	struct flow_tuple in = udp("10.0.0.7", 4000, "203.0.113.5", 53), t = in;

	(void)state;
	rfc_start_dependent();
	for (unsigned int k = 0; k < 12; k++) {
		bool outward = k < 6;
		unsigned int gone = 0;

		make_fragments(&t, 100 + k);
		for (unsigned int i = 0; i < 3; i++) {
			struct craft *c = &frags[orders[k % 6][i]];
			struct rte_mbuf *m[4];
			uint8_t next[4], edge = engine_one(&e, 0, c, outward ? INSIDE : OUTSIDE);
			unsigned int n;

			if (edge == FLOW_NEXT_REWRITE) {
				translated(c, outward);
				gone++;
			} else {
				assert_int_equal(edge, FLOW_NEXT_HELD);
			}
			while ((n = nat_released(nat_worker(e.nat, 0), true, m, next, 4)) > 0)
				for (unsigned int j = 0; j < n; j++, gone++) {
					assert_int_equal(next[j], FLOW_NEXT_REWRITE);
					translated((struct craft *)m[j], outward);
				}
		}
		assert_int_equal(gone, 3);
		assert_int_equal(rfc_sessions(), 1);
		if (k == 5) { /* and back */
			t = rfc_out(&in);
			t = flow_tuple_swapped(&t);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RFC_TEST(req1_endpoint_independent_mapping), RFC_TEST(req2_paired_pooling),
		RFC_TEST(req3_no_overloading_and_class), RFC_TEST(req4_parity), RFC_TEST(req5_timer),
		RFC_TEST(req6_refresh), RFC_TEST(req6_for_two_months),
		RFC_TEST(req6_for_a_month), RFC_TEST(req7_overlapping_prefixes), RFC_TEST(req8_filtering),
		RFC_TEST(req9_hairpin), RFC_TEST(req11_deterministic), RFC_TEST(req12_icmp_ends_nothing),
		RFC_TEST(req13_oversize), RFC_TEST(req14_fragments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
