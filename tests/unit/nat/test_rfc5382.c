/* SPDX-License-Identifier: BSD-3-Clause */
/* RFC 5382 (BCP 142): TCP through NAT, requirement by requirement. */
#include "nat/rfc.h"

static struct flow_tuple tcp(const char *src, uint16_t sport, const char *dst, uint16_t dport)
{
	return build_tuple(IPPROTO_TCP, src, sport, dst, dport);
}

/* REQ-1: as for UDP. */
static void req1_endpoint_independent_mapping(void **state)
{
	struct flow_tuple a = tcp("10.0.0.7", 4000, "203.0.113.5", 80), b = tcp("10.0.0.7", 4000,
		"203.0.113.99", 443), x, y;

	(void)state;
	rfc_start_independent();
	x = rfc_connect(&a);
	y = rfc_connect(&b);
	assert_true(rfc_same_source(&x, &y));
}

struct line {
	bool back;
	uint8_t flags;
};

/* A connection's packets, from the inside and back, all of which must pass. */
static void talk(uint16_t port, const struct line *lines, unsigned int n)
{
	struct flow_tuple in = tcp("10.0.0.7", port, "203.0.113.5", 80), out = {0};

	for (unsigned int i = 0; i < n; i++) {
		if (lines[i].back)
			rfc_back(&in, &out, lines[i].flags);
		else
			out = rfc_out(&in), out = rfc_go(&in, INSIDE, lines[i].flags);
	}
}
#define TALK(port, ...)                                                                            \
	do {                                                                                       \
		static const struct line lines[] = {__VA_ARGS__};                                  \
		talk(port, lines, RTE_DIM(lines));                                                 \
	} while (0)

/* REQ-2: all valid sequences, simultaneous open among them. */
static void req2_all_valid_sequences(void **state)
{
	(void)state;
	for (unsigned int independent = 0; independent < 2; independent++) {
		rfc_restart(rfc_config(independent ? CONFIG_NAT_ENDPOINT_INDEPENDENT :
						     CONFIG_NAT_ENDPOINT_DEPENDENT, NULL, NULL));
		TALK(4000, {0, SYN}, {1, SYN | ACK}, {0, ACK}, {1, ACK}, {0, FIN | ACK}, {1, ACK}, {1, ACK},
			{1, FIN | ACK}, {0, ACK});
		TALK(4001, {0, SYN}, {1, SYN}, {0, SYN | ACK}, {1, SYN | ACK}, {0, ACK}, {1, ACK});
		TALK(4002, {0, SYN}, {1, SYN}, {0, ACK}, {1, ACK});
		TALK(4003, {0, SYN}, {0, SYN}, {1, SYN | ACK}, {1, SYN | ACK}, {0, ACK}, {1, FIN | ACK},
			{0, FIN | ACK}, {1, ACK});
		TALK(4004, {0, SYN}, {1, RST | ACK}, {0, SYN}, {1, SYN | ACK}, {0, ACK});
		TALK(4005, {0, SYN}, {1, SYN | ACK}, {0, ACK}, {0, RST}, {1, ACK});
	}
}

/* REQ-3: as for UDP; what is filtered is a SYN, so it waits (REQ-4). */
static void req3_filtering(void **state)
{
	struct flow_tuple in = tcp("10.0.0.7", 4000, "203.0.113.5", 80);

	(void)state;
	for (unsigned int address = 0; address < 2; address++) {
		struct config *c = rfc_config(CONFIG_NAT_ENDPOINT_INDEPENDENT, NULL, NULL);
		struct flow_tuple out, stranger;

		if (address)
			c->nat.snat[0].filtering = CONFIG_NAT_FILTER_ADDRESS;
		rfc_restart(c);
		out = rfc_connect(&in);
		stranger = flow_tuple_swapped(&out);
		stranger.sport = rte_cpu_to_be_16(999);
		rfc_go(&stranger, OUTSIDE, SYN);
		stranger.src = build_addr("203.0.113.66");
		if (!address) {
			rfc_go(&stranger, OUTSIDE, SYN);
			continue;
		}
		rfc_drops(&stranger, OUTSIDE, ACK, DROP_FLOW_MIDFLOW);
		rfc_stops(&stranger, OUTSIDE, SYN, FLOW_NEXT_HELD, 0);
		rfc_wait(7);
		assert_int_equal(nat_released(nat_worker(e.nat, 0), true, &(struct rte_mbuf *){NULL},
			&(uint8_t){0}, 1), 1);
	}
}

static uint8_t released(struct craft *c)
{
	struct rte_mbuf *m;
	uint8_t next;

	assert_int_equal(nat_released(nat_worker(e.nat, 0), true, &m, &next, 1), 1);
	assert_ptr_equal(m, &c->m);
	return next;
}

/* REQ-4: silence for six seconds, then ICMP 3/3; nothing if the inside opened it meanwhile. */
static void req4_unsolicited_syn(void **state)
{
	struct flow_tuple in = tcp("10.0.0.7", 4000, "203.0.113.5", 80), syn = tcp("203.0.113.5", 80,
		EXTERNAL, 4000), out;
	static struct craft held;
	struct rte_mbuf *m;
	uint8_t next;

	(void)state;
	rfc_start_dependent();
	for (unsigned int opened = 0; opened < 2; opened++) {
		frame_make(&held, &syn, 20);
		craft_bytes(&held)[14 + 20 + 13] = SYN;
		frame_sum(craft_bytes(&held) + 14);
		assert_int_equal(engine_one(&e, 0, &held, OUTSIDE), FLOW_NEXT_HELD);
		if (opened) {
			out = rfc_out(&in); /* its own SYN passes it: simultaneous open */
			assert_int_equal(rfc_port(out.sport), 4000);
			rfc_back(&in, &out, SYN);
		}
		engine_pass(&e, 5990);
		assert_int_equal(nat_released(nat_worker(e.nat, 0), true, &m, &next, 1), 0);
		engine_pass(&e, 20);
		if (opened) {
			assert_int_equal(released(&held), FLOW_NEXT_DROP);
			continue;
		}
		assert_int_equal(released(&held), FLOW_NEXT_ICMP);
		assert_int_equal(pkt_meta(&held.m)->icmp_type, ICMP4_UNREACHABLE);
		assert_int_equal(pkt_meta(&held.m)->icmp_code, ICMP4_PORT);
	}
}

static bool lives(const struct flow_tuple *out)
{
	struct flow_tuple back = flow_tuple_swapped(out);

	return flow_find(nat_worker(e.nat, 0)->flows, &back) != FLOW_NONE;
}

/* REQ-5: established for 7440 s, opening and closing for 240 s. */
static void req5_timers(void **state)
{
	struct flow_tuple opening = tcp("10.0.0.7", 4000, "203.0.113.5", 80), answered = tcp("10.0.0.7", 4001,
		"203.0.113.5", 80), established = tcp("10.0.0.7", 4002, "203.0.113.5", 80), closed = tcp(
		"10.0.0.7", 4003, "203.0.113.5", 80), o, a, s, c;

	(void)state;
	rfc_start_dependent();
	o = rfc_out(&opening);
	a = rfc_out(&answered);
	rfc_back(&answered, &a, SYN | ACK);
	s = rfc_connect(&established);
	c = rfc_connect(&closed);
	rfc_go(&closed, INSIDE, FIN | ACK);
	rfc_back(&closed, &c, FIN | ACK);
	rfc_wait(239);
	assert_true(lives(&o) && lives(&a) && lives(&s) && lives(&c));
	rfc_wait(4);
	assert_false(lives(&o) || lives(&a) || lives(&c));
	rfc_wait(7440 - 244);
	assert_true(lives(&s));
	rfc_back(&established, &s, ACK);
	rfc_wait(7440 - 2);
	assert_true(lives(&s));
	rfc_wait(5);
	assert_false(lives(&s));
}

/* REQ-7: no two inside endpoints on one external. */
static void req7_no_overloading(void **state)
{
	struct flow_tuple a = tcp("10.0.0.7", 4000, "203.0.113.5", 80), b = tcp("10.0.0.8", 4000,
		"203.0.113.6", 80), x, y;

	(void)state;
	rfc_start_independent();
	x = rfc_connect(&a);
	y = rfc_connect(&b);
	assert_false(rfc_same_source(&x, &y));
}

/* REQ-8: hairpin, the external endpoint as source. */
static void req8_hairpin(void **state)
{
	struct flow_tuple server = tcp("10.0.0.7", 4000, "203.0.113.5", 80), mapped, in, got, back, want;

	(void)state;
	rfc_start_independent();
	mapped = rfc_connect(&server);
	in = tcp("10.0.0.8", 5000, EXTERNAL, rfc_port(mapped.sport));
	want = flow_tuple_swapped(&in);
	got = rfc_go(&in, INSIDE, SYN);
	assert_true(ip_addr_equal(&got.src, &mapped.src) && ip_addr_equal(&got.dst, &server.src));
	back = flow_tuple_swapped(&got);
	back = rfc_go(&back, INSIDE, SYN | ACK);
	engine_assert_tuple(&back, &want);
	rfc_go(&in, INSIDE, ACK);
}

/* REQ-9: destination unreachable is translated. REQ-10: and ends no connection, nor its mapping. */
static void req9_req10_icmp(void **state)
{
	struct flow_tuple in = tcp("10.0.0.7", 4000, "203.0.113.5", 80), out, inner;

	(void)state;
	rfc_start_independent();
	out = rfc_connect(&in);
	for (uint8_t code = 0; code < 16; code++) {
		assert_int_equal(rfc_error("203.0.113.1", ICMP4_UNREACHABLE, code, &out, OUTSIDE),
			FLOW_NEXT_LOOKUP);
		inner = rfc_inner();
		engine_assert_tuple(&inner, &in);
		rfc_back(&in, &out, ACK);
		assert_int_equal(flow_side(nat_worker(e.nat, 0)->flows,
			flow_find(nat_worker(e.nat, 0)->flows, &in))->state, FLOW_TCP_ESTABLISHED);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RFC_TEST(req1_endpoint_independent_mapping), RFC_TEST(req2_all_valid_sequences),
		RFC_TEST(req3_filtering), RFC_TEST(req4_unsolicited_syn), RFC_TEST(req5_timers),
		RFC_TEST(req7_no_overloading), RFC_TEST(req8_hairpin), RFC_TEST(req9_req10_icmp),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
