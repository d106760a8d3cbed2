/* SPDX-License-Identifier: BSD-3-Clause */
/* RFC 5508 (BCP 148): ICMP through NAT, requirement by requirement. */
#include "nat/rfc.h"

static struct flow_tuple ping(const char *src, uint16_t id, const char *dst)
{
	bool v4 = strchr(src, ':') == NULL;

	return build_tuple(v4 ? IPPROTO_ICMP : IPPROTO_ICMPV6, src, id, dst, id);
}

static struct flow_tuple udp(const char *src, uint16_t sport, const char *dst, uint16_t dport)
{
	return build_tuple(IPPROTO_UDP, src, sport, dst, dport);
}

/* REQ-1: queries and their answers, both families; with an identifier of its own for each inside. */
static void req1_queries(void **state)
{
	static const char *const dst[] = {"203.0.113.5", "2001:db8:99::5"};

	(void)state;
	for (unsigned int independent = 0; independent < 2; independent++) {
		rfc_restart(rfc_config(independent ? CONFIG_NAT_ENDPOINT_INDEPENDENT :
						     CONFIG_NAT_ENDPOINT_DEPENDENT, NULL, NULL));
		for (unsigned int v6 = 0; v6 < 2; v6++) {
			struct flow_tuple a = ping(v6 ? "2001:db8:1::7" : "10.0.0.7", 77, dst[v6]);
			struct flow_tuple b = ping(v6 ? "2001:db8:1::8" : "10.0.0.8", 77, dst[v6]), x, y;

			x = rfc_out(&a);
			y = rfc_out(&b);
			assert_true(x.sport != y.sport);
			rfc_back(&a, &x, 1);
			rfc_back(&b, &y, 1);
			/* An answer that nobody asked for opens nothing. */
			a.dst = build_addr(v6 ? "2001:db8:99::66" : "203.0.113.66");
			rfc_drops(&a, INSIDE, 1, DROP_FLOW_MIDFLOW);
		}
	}
}

/* REQ-2 (and RFC 7857 11): a query's mapping lives a minute. */
static void req2_query_timer(void **state)
{
	struct flow_tuple in = ping("10.0.0.7", 77, "203.0.113.5"), out, back;

	(void)state;
	rfc_start_dependent();
	out = rfc_out(&in);
	rfc_wait(58);
	rfc_back(&in, &out, 1);
	rfc_wait(64);
	back = flow_tuple_swapped(&out);
	assert_int_equal(rfc_put(&back, OUTSIDE, 1), FLOW_NEXT_DROP);
	assert_int_equal(rfc_sessions(), 0);
}

/* REQ-3: an error is dropped whose own checksum, or that of the IP header inside, is wrong; the upper
 * layer's inside is not looked at. */
static void req3_checksums(void **state)
{
	struct flow_tuple in = udp("10.0.0.7", 4000, "203.0.113.5", 53), out, inner;
	static struct craft good;

	(void)state;
	rfc_start_dependent();
	out = rfc_out(&in);
	rfc_error("203.0.113.5", ICMP4_UNREACHABLE, ICMP4_PORT, &out, OUTSIDE);
	/* What came, as it came. */
	for (unsigned int i = 0; i < 4; i++) {
		uint8_t *ip, next;

		frame_make(&good, &out, 40);
		ip = frame_make(&pkt, &(struct flow_tuple){.src = build_addr("203.0.113.5"),
			.dst = out.src, .proto = IPPROTO_ICMP}, 36);
		memset(ip + 20, 0, 8);
		ip[20] = ICMP4_UNREACHABLE;
		ip[21] = ICMP4_PORT;
		memcpy(ip + 28, craft_bytes(&good) + 14, 28);
		if (i == 1)
			ip[28 + 10] ^= 1; /* the IP header's inside */
		if (i == 2)
			ip[28 + 20 + 6] ^= 1; /* UDP's inside */
		frame_sum(ip);
		if (i == 3)
			ip[22] ^= 1; /* its own */
		next = engine_one(&e, 0, &pkt, OUTSIDE);
		if (i == 1 || i == 3) {
			assert_int_equal(next, FLOW_NEXT_DROP);
			continue;
		}
		assert_int_equal(next, FLOW_NEXT_LOOKUP);
		inner = rfc_inner();
		engine_assert_tuple(&inner, &in);
	}
}

static const uint8_t errors4[][2] = {{3, 0}, {3, 1}, {3, 3}, {3, 4}, {3, 13}, {11, 0}, {12, 0}};
static const uint8_t errors6[][2] = {{1, 0}, {1, 4}, {2, 0}, {3, 0}, {4, 1}};

static void error_comes_in(const struct flow_tuple *in, const char *router, uint8_t type, uint8_t code)
{
	struct flow_tuple out = rfc_out(in), inner, outer;

	assert_int_equal(rfc_error(router, type, code, &out, OUTSIDE), FLOW_NEXT_LOOKUP);
	assert_int_equal(pkt_meta(&pkt.m)->flow, PKT_FLOW_DONE);
	inner = rfc_inner();
	engine_assert_tuple(&inner, in);
	outer = engine_tuple(&pkt);
	assert_true(ip_addr_equal(&outer.dst, &in->src));
	outer.dst = build_addr(router);
	assert_true(ip_addr_equal(&outer.src, &outer.dst));
}

/* REQ-4: an error from outside: the packet inside is the inside's again, and so is the destination; the
 * router that sent it keeps its address. Without a session it is dropped. */
static void req4_inbound_errors(void **state)
{
	struct flow_tuple u = udp("10.0.0.7", 4000, "203.0.113.5", 53), p = ping("10.0.0.7", 77, "203.0.113.5"),
		t = build_tuple(IPPROTO_TCP, "10.0.0.7", 4000, "203.0.113.5", 80);
	struct flow_tuple u6 = udp("2001:db8:1::7", 4000, "2001:db8:99::5", 53);
	struct flow_tuple nobody = udp(EXTERNAL, 4999, "203.0.113.5", 53);

	(void)state;
	rfc_start_dependent();
	for (unsigned int i = 0; i < RTE_DIM(errors4); i++) {
		error_comes_in(&u, "203.0.113.77", errors4[i][0], errors4[i][1]);
		error_comes_in(&p, "203.0.113.77", errors4[i][0], errors4[i][1]);
		error_comes_in(&t, "203.0.113.77", errors4[i][0], errors4[i][1]);
		assert_int_equal(rfc_error("203.0.113.77", errors4[i][0], errors4[i][1], &nobody, OUTSIDE),
			FLOW_NEXT_DROP);
		assert_int_equal(craft_reason(&pkt), DROP_NAT_ICMP_UNKNOWN);
	}
	for (unsigned int i = 0; i < RTE_DIM(errors6); i++)
		error_comes_in(&u6, "2001:db8:98::77", errors6[i][0], errors6[i][1]);
}

/* REQ-5: an error from the inside, of the host or of a router that has no mapping: it comes from the
 * external address, and so does what is in it. About no session it would show the inside: dropped
 * (REQ-5a), but not where it shows none, nor our own. */
static void req5_outbound_errors(void **state)
{
	static const char *const from[] = {"10.0.0.7", "10.9.9.9"};
	struct flow_tuple in = udp("10.0.0.7", 4000, "203.0.113.5", 53), out, answer, inner, outer;
	struct ip_addr external = build_addr(EXTERNAL);

	(void)state;
	rfc_start_dependent();
	out = rfc_out(&in);
	answer = flow_tuple_swapped(&in); /* the answer as it arrived there */
	for (unsigned int i = 0; i < 2; i++) {
		assert_int_equal(rfc_error(from[i], ICMP4_UNREACHABLE, ICMP4_PORT, &answer, INSIDE),
			FLOW_NEXT_LOOKUP);
		inner = rfc_inner();
		inner = flow_tuple_swapped(&inner);
		engine_assert_tuple(&inner, &out);
		outer = engine_tuple(&pkt);
		assert_true(ip_addr_equal(&outer.src, &external) && ip_addr_equal(&outer.dst, &in.dst));
	}
	answer.dport++;
	for (unsigned int i = 0; i < 2; i++) {
		assert_int_equal(rfc_error(from[i], ICMP4_UNREACHABLE, ICMP4_PORT, &answer, INSIDE),
			FLOW_NEXT_DROP);
		assert_int_equal(craft_reason(&pkt), DROP_NAT_ICMP_UNKNOWN);
	}
	assert_int_equal(rfc_error("10.0.0.7", ICMP4_UNREACHABLE, ICMP4_PORT, &answer, OUTSIDE),
		FLOW_NEXT_LOOKUP); /* the rule is for what comes from the inside */
	answer.src = build_addr("192.0.2.1");
	assert_int_equal(rfc_error("10.0.0.7", ICMP4_UNREACHABLE, ICMP4_PORT, &answer, INSIDE),
		FLOW_NEXT_LOOKUP); /* to ourselves */
	answer.src = build_addr("10.0.0.8");
	assert_int_equal(rfc_error("192.0.2.1", ICMP4_TIME_EXCEEDED, 0, &answer, INSIDE),
		FLOW_NEXT_LOOKUP); /* from ourselves */
}

/* REQ-6: an error about a hairpinned packet finds its way back, and shows no inside address. */
static void req6_hairpinned_errors(void **state)
{
	struct flow_tuple server = udp("10.0.0.7", 4000, "203.0.113.5", 53), mapped, in, got, inner, outer;

	(void)state;
	rfc_start_independent();
	mapped = rfc_out(&server);
	in = udp("10.0.0.8", 5000, EXTERNAL, rfc_port(mapped.sport));
	got = rfc_out(&in);
	assert_int_equal(rfc_error("10.0.0.7", ICMP4_UNREACHABLE, ICMP4_PORT, &got, INSIDE), FLOW_NEXT_LOOKUP);
	inner = rfc_inner();
	engine_assert_tuple(&inner, &in);
	outer = engine_tuple(&pkt);
	assert_true(ip_addr_equal(&outer.dst, &in.src) && ip_addr_equal(&outer.src, &in.dst));
}

/* REQ-7 (and RFC 7857 12): an echo to an external address and identifier of the inside. */
static void req7_hairpinned_echo(void **state)
{
	struct flow_tuple a = ping("10.0.0.7", 77, "203.0.113.5"), in, out, got, back, want;

	(void)state;
	rfc_start_independent();
	out = rfc_out(&a);
	in = ping("10.0.0.8", rfc_port(out.sport), EXTERNAL);
	got = rfc_out(&in);
	assert_true(ip_addr_equal(&got.src, &out.src) && ip_addr_equal(&got.dst, &a.src));
	assert_int_equal(rfc_port(got.sport), 77);
	back = flow_tuple_swapped(&got);
	back = rfc_go(&back, INSIDE, 1);
	want = flow_tuple_swapped(&in);
	engine_assert_tuple(&back, &want);
}

/* REQ-8: what policy refuses is told "administratively prohibited". REQ-9: unless policy is silence. */
static void req8_req9_refused(void **state)
{
	struct flow_tuple in = udp("10.0.0.7", 4000, "203.0.113.5", 53), in6 = udp("2001:db8:1::7", 4000,
		"2001:db8:99::5", 53);

	(void)state;
	for (unsigned int silent = 0; silent < 2; silent++) {
		struct config *c = rfc_config(CONFIG_NAT_ENDPOINT_DEPENDENT, NULL, NULL);

		c->nat.snat[0].max_sessions = c->nat.snat[1].max_sessions = 1;
		c->flows.suppress_icmp = silent;
		rfc_restart(c);
		rfc_out(&in);
		rfc_out(&in6);
		in.dport++;
		in6.dport++;
		if (silent) {
			rfc_drops(&in, INSIDE, 0, DROP_NAT_LIMIT);
			continue;
		}
		rfc_answers(&in, INSIDE, ICMP4_UNREACHABLE, ICMP4_PROHIBITED);
		rfc_answers(&in6, INSIDE, ICMP6_UNREACHABLE, ICMP6_PROHIBITED);
	}
}

/* REQ-11: what is neither query nor error is not for us to drop; it goes by the routes. */
static void req11_other_types(void **state)
{
	static const uint8_t others[] = {9, 10, 15, 17, 30, 42};
	struct flow_tuple in = ping("10.0.0.7", 77, "203.0.113.5");

	(void)state;
	rfc_start_dependent();
	for (unsigned int i = 0; i < RTE_DIM(others); i++) {
		uint8_t *ip = frame_make(&pkt, &in, 40);

		ip[20] = others[i];
		frame_sum(ip);
		assert_int_equal(engine_one(&e, 0, &pkt, INSIDE), FLOW_NEXT_LOOKUP);
	}
	assert_int_equal(rfc_sessions(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RFC_TEST(req1_queries), RFC_TEST(req2_query_timer), RFC_TEST(req3_checksums),
		RFC_TEST(req4_inbound_errors), RFC_TEST(req5_outbound_errors), RFC_TEST(req6_hairpinned_errors),
		RFC_TEST(req7_hairpinned_echo), RFC_TEST(req8_req9_refused), RFC_TEST(req11_other_types),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
