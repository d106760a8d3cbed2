/* SPDX-License-Identifier: BSD-3-Clause */
/* Packets through the whole of the flow stage: translated, resolved, counted, or sent on. */
#include <rte_tcp.h>

#include "nat/engine.h"

#define FIN RTE_TCP_FIN_FLAG
#define SYN RTE_TCP_SYN_FLAG
#define RST RTE_TCP_RST_FLAG
#define ACK RTE_TCP_ACK_FLAG

static struct engine e;

static int setup(void **state)
{
	struct config *c = engine_config();

	(void)state;
	engine_config_snat(c);
	engine_start(&e, c, 1);
	return 0;
}

static int setup_two(void **state)
{
	struct config *c = engine_config();

	(void)state;
	engine_config_snat(c);
	engine_start(&e, c, 2);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	engine_stop(&e);
	return 0;
}

static void set_tcp(struct craft *c, uint8_t flags)
{
	uint8_t *ip = craft_bytes(c) + 14;

	ip[frame_ip_len(ip) + 13] = flags;
	frame_sum(ip);
}

/* A packet of the tuple into worker 0; the edge is checked, what came out is the result. */
static struct flow_tuple send_tcp(const struct flow_tuple *t, uint16_t port, uint8_t flags, uint8_t edge)
{
	struct craft c;

	frame_make(&c, t, 40);
	if (t->proto == IPPROTO_TCP)
		set_tcp(&c, flags);
	assert_int_equal(engine_one(&e, 0, &c, port), edge);
	if (edge == FLOW_NEXT_REWRITE)
		assert_int_equal(pkt_meta(&c.m)->nh, port == INSIDE ? e.outside : e.inside);
	return engine_tuple(&c);
}

static struct flow_tuple sent(const struct flow_tuple *t, uint16_t port)
{
	return send_tcp(t, port, SYN, FLOW_NEXT_REWRITE);
}

/* The only session, as its original side. */
static const struct flow_side *session(void)
{
	const struct flow_table *t = nat_worker(e.nat, 0)->flows;

	for (uint32_t i = 0; i < t->capacity; i++)
		if (t->cold[i].kind == FLOW_SESSION)
			return t->records[i].side;
	fail_msg("no session");
	return NULL;
}

static void translates_both_ways(void **state)
{
	static const struct { uint8_t proto; const char *src, *dst, *pool; } cases[] = {
		{IPPROTO_UDP, "10.0.0.7", "203.0.113.5", "192.0.2.9"},
		{IPPROTO_TCP, "10.0.0.7", "203.0.113.5", "192.0.2.9"},
		{IPPROTO_UDP, "2001:db8:1::7", "2001:db8:99::5", "2001:db8:f::9"},
		{IPPROTO_TCP, "2001:db8:1::7", "2001:db8:99::5", "2001:db8:f::9"},
		{IPPROTO_ICMP, "10.0.0.7", "203.0.113.5", "192.0.2.9"},
		{IPPROTO_ICMPV6, "2001:db8:1::7", "2001:db8:99::5", "2001:db8:f::9"},
	};

	(void)state;
	for (unsigned int i = 0; i < RTE_DIM(cases); i++) {
		bool icmp = i >= 4;
		struct flow_tuple in = build_tuple(cases[i].proto, cases[i].src, 4000, cases[i].dst,
			icmp ? 4000 : 53), out, back;
		struct ip_addr pool = build_addr(cases[i].pool);
		struct craft c;

		for (unsigned int k = 0; k < 3; k++) {
			struct flow_tuple again = sent(&in, INSIDE);

			if (k > 0)
				engine_assert_tuple(&again, &out);
			out = again;
		}
		assert_true(ip_addr_equal(&out.src, &pool) && ip_addr_equal(&out.dst, &in.dst));
		assert_true(out.dport == in.dport || icmp);
		back = flow_tuple_swapped(&out);
		frame_make(&c, &back, 40);
		if (icmp)
			craft_bytes(&c)[14 + frame_ip_len(craft_bytes(&c) + 14)] = i == 4 ? 0 : 129;
		if (cases[i].proto == IPPROTO_TCP)
			set_tcp(&c, SYN | ACK);
		frame_sum(craft_bytes(&c) + 14);
		assert_int_equal(engine_one(&e, 0, &c, OUTSIDE), FLOW_NEXT_REWRITE);
		assert_int_equal(pkt_meta(&c.m)->nh, e.inside);
		back = engine_tuple(&c);
		in = flow_tuple_swapped(&in);
		engine_assert_tuple(&back, &in);
	}
	assert_int_equal(engine_sessions(&e), RTE_DIM(cases));
}

/* Twenty packets of four new flows in one burst, both families' ways apart. */
static void one_burst_one_session(void **state)
{
	struct rte_mbuf *pkts[20];
	struct flow_tuple in, out[20];
	static struct craft c[20];
	uint8_t next[20];

	(void)state;
	for (unsigned int v6 = 0; v6 < 2; v6++) {
		for (unsigned int i = 0; i < 20; i++) {
			in = v6 ? build_tuple(IPPROTO_UDP, "2001:db8:1::7", 5000 + i % 4, "2001:db8:99::5", 53) :
				  build_tuple(IPPROTO_UDP, "10.0.0.7", 5000 + i % 4, "203.0.113.5", 53);
			frame_make(&c[i], &in, 30);
			c[i].m.port = INSIDE;
			pkts[i] = &c[i].m;
		}
		(v6 ? nat6_burst : nat4_burst)(nat_worker(e.nat, 0), pkts, 20, next);
		for (unsigned int i = 0; i < 20; i++) {
			assert_int_equal(next[i], FLOW_NEXT_REWRITE);
			assert_int_equal(pkt_meta(pkts[i])->nh, e.outside);
			out[i] = engine_tuple(&c[i]);
			engine_assert_tuple(&out[i], &out[i % 4]);
		}
		assert_int_equal(engine_sessions(&e), v6 ? 8 : 4);
	}
	assert_int_equal(flow_side_packets(session()), 5);
	assert_int_equal(flow_side_bytes(session()), 5 * 50);
}

static void tcp_life(void **state)
{
	struct flow_tuple in = build_tuple(IPPROTO_TCP, "10.0.0.7", 4000, "203.0.113.5", 80), out, back;

	(void)state;
	send_tcp(&in, INSIDE, ACK, FLOW_NEXT_DROP);
	assert_int_equal(engine_sessions(&e), 0);
	out = send_tcp(&in, INSIDE, SYN, FLOW_NEXT_REWRITE);
	back = flow_tuple_swapped(&out);
	assert_int_equal(session()->state, FLOW_TCP_SYN);
	send_tcp(&back, OUTSIDE, SYN | ACK, FLOW_NEXT_REWRITE);
	assert_int_equal(session()->state, FLOW_TCP_OPENING);
	send_tcp(&in, INSIDE, ACK, FLOW_NEXT_REWRITE);
	assert_int_equal(session()->state, FLOW_TCP_ESTABLISHED);
	send_tcp(&back, OUTSIDE, ACK, FLOW_NEXT_REWRITE);
	send_tcp(&back, OUTSIDE, SYN | FIN, FLOW_NEXT_DROP);
	send_tcp(&back, OUTSIDE, 0, FLOW_NEXT_DROP);
	assert_int_equal(flow_side_packets(&session()[1]), 2);
	send_tcp(&back, OUTSIDE, FIN | ACK, FLOW_NEXT_REWRITE);
	assert_int_equal(session()->state, FLOW_TCP_FIN_REPLY);
	engine_pass(&e, 300000); /* half closed is not closed */
	send_tcp(&in, INSIDE, ACK, FLOW_NEXT_REWRITE);
	send_tcp(&in, INSIDE, FIN | ACK, FLOW_NEXT_REWRITE);
	assert_int_equal(session()->state, FLOW_TCP_FIN_BOTH);
	engine_pass(&e, 200000);
	assert_int_equal(engine_sessions(&e), 1);
	engine_pass(&e, 43000);
	assert_int_equal(engine_sessions(&e), 0);
}

static void reset_ends_soon(void **state)
{
	struct flow_tuple in = build_tuple(IPPROTO_TCP, "2001:db8:1::7", 4000, "2001:db8:99::5", 80), out, back;

	(void)state;
	out = send_tcp(&in, INSIDE, SYN, FLOW_NEXT_REWRITE);
	back = flow_tuple_swapped(&out);
	send_tcp(&back, OUTSIDE, SYN | ACK, FLOW_NEXT_REWRITE);
	send_tcp(&in, INSIDE, ACK, FLOW_NEXT_REWRITE);
	assert_int_equal(session()->state, FLOW_TCP_ESTABLISHED);
	send_tcp(&in, INSIDE, RST | ACK, FLOW_NEXT_REWRITE);
	engine_pass(&e, 8000);
	assert_int_equal(engine_sessions(&e), 1);
	engine_pass(&e, 4000);
	assert_int_equal(engine_sessions(&e), 0);
}

static void idle_ends(void **state)
{
	struct flow_tuple in = build_tuple(IPPROTO_UDP, "10.0.0.7", 4000, "203.0.113.5", 53), out, back;
	struct nat_flow_stats s;

	(void)state;
	out = sent(&in, INSIDE);
	back = flow_tuple_swapped(&out);
	for (unsigned int i = 0; i < 10; i++) { /* either direction keeps it */
		engine_pass(&e, 250000);
		if (i % 2)
			sent(&in, INSIDE);
		else
			sent(&back, OUTSIDE);
		assert_int_equal(session()->state, FLOW_STATE_REPLIED);
	}
	engine_pass(&e, 298000);
	assert_int_equal(engine_sessions(&e), 1);
	engine_pass(&e, 4000);
	nat_get_flow_stats(e.nat, &s);
	assert_int_equal(s.table.used, 0);
	assert_int_equal(s.created, 1);
	assert_int_equal(s.expired, 1);
	/* The late answer is nobody's. */
	send_tcp(&back, OUTSIDE, 0, FLOW_NEXT_DROP);
}

/* --- next hops --- */

static uint32_t nh_of(const struct flow_tuple *t, uint8_t edge)
{
	struct craft c;

	frame_make(&c, t, 40);
	assert_int_equal(engine_one(&e, 0, &c, INSIDE), edge);
	if (edge == FLOW_NEXT_LOOKUP)
		assert_int_equal(pkt_meta(&c.m)->flow, PKT_FLOW_DONE);
	return pkt_meta(&c.m)->nh;
}

static void follows_routes(void **state)
{
	static const char *const dst[] = {"203.0.113.5", "2001:db8:99::5"};
	static const char *const route[] = {"203.0.113.0/24", "2001:db8:99::/64"};

	(void)state;
	for (unsigned int v6 = 0; v6 < 2; v6++) {
		struct flow_tuple in = build_tuple(IPPROTO_UDP, v6 ? "2001:db8:1::7" : "10.0.0.7", 4000,
			dst[v6], 53);
		uint32_t other = engine_nh(&e, NH_FORWARD, 31, "192.0.2.3");
		uint32_t pending = engine_nh(&e, NH_PENDING, 31, "192.0.2.4");
		uint32_t glean = engine_nh(&e, NH_GLEAN, 31, "0.0.0.0");
		uint32_t members[] = {e.outside, other}, group = nh_group_new(e.nh, members, 2), nh;
		struct ip_prefix p = build_prefix(route[v6]);

		assert_int_equal(nh_of(&in, FLOW_NEXT_REWRITE), e.outside);
		engine_route(&e, route[v6], other);
		assert_int_equal(nh_of(&in, FLOW_NEXT_REWRITE), other);
		engine_route(&e, route[v6], engine_nh(&e, NH_BLACKHOLE, 0, "0.0.0.0"));
		nh_of(&in, FLOW_NEXT_LOOKUP);
		nh_of(&in, FLOW_NEXT_LOOKUP); /* nothing of that is kept */
		/* What waits for its neighbour does so at the rewrite. */
		engine_route(&e, route[v6], pending);
		assert_int_equal(nh_of(&in, FLOW_NEXT_REWRITE), pending);
		engine_route(&e, route[v6], glean);
		assert_int_equal(nh_of(&in, FLOW_NEXT_REWRITE), glean);
		/* Flows spread over a group, each keeps to its member. */
		engine_route(&e, route[v6], group);
		nh = nh_of(&in, FLOW_NEXT_REWRITE);
		assert_true(nh == other || nh == e.outside);
		for (unsigned int i = 0, seen = 0; seen != 3; i++) {
			assert_true(i < 64);
			in.sport = rte_cpu_to_be_16(5000 + i);
			nh = nh_of(&in, FLOW_NEXT_REWRITE);
			assert_int_equal(nh_of(&in, FLOW_NEXT_REWRITE), nh);
			seen |= nh == other ? 1 : nh == e.outside ? 2 : 4;
		}
		assert_int_equal(fib_del(e.fib, &p), 0);
		assert_int_equal(nh_of(&in, FLOW_NEXT_REWRITE), e.outside);
	}
}

/* --- what no flow is made of --- */

static void passes(const struct flow_tuple *t, uint16_t port)
{
	struct craft c, before;

	frame_make(&c, t, 40);
	if (t->proto == IPPROTO_TCP)
		set_tcp(&c, ACK);
	memcpy(&before, &c, sizeof(c));
	assert_int_equal(engine_one(&e, 0, &c, port), FLOW_NEXT_LOOKUP);
	assert_int_equal(pkt_meta(&c.m)->flow, PKT_FLOW_DONE);
	assert_memory_equal(craft_bytes(&c), craft_bytes(&before), c.m.pkt_len);
}

static void passes_what_no_rule_touches(void **state)
{
	struct flow_tuple t[] = {
		build_tuple(IPPROTO_UDP, "203.0.113.5", 53, "10.0.0.7", 4000),
		build_tuple(IPPROTO_TCP, "203.0.113.5", 53, "10.0.0.7", 4000),
		build_tuple(IPPROTO_UDP, "2001:db8:99::5", 53, "2001:db8:1::7", 4000),
		build_tuple(47, "203.0.113.5", 0, "10.0.0.7", 0),
		/* Our own: the kernel's, mid-flow too; neither is the way to it translated. */
		build_tuple(IPPROTO_TCP, "203.0.113.5", 4000, "192.0.2.1", 179),
		build_tuple(IPPROTO_UDP, "2001:db8:99::5", 4000, "2001:db8:f::1", 179),
	};
	struct flow_tuple own = build_tuple(IPPROTO_TCP, "10.0.0.7", 4000, "192.0.2.1", 179);
	struct flow_tuple discard = build_tuple(IPPROTO_UDP, "10.0.0.7", 4000, "198.51.100.1", 53);

	(void)state;
	for (unsigned int i = 0; i < RTE_DIM(t); i++)
		passes(&t[i], OUTSIDE);
	passes(&own, INSIDE);
	passes(&discard, INSIDE);
	assert_int_equal(engine_sessions(&e), 0);
}

/* That a rule touches nothing between two addresses is remembered: for one protocol and port, while the
 * rules stay. */
static void what_passed_once(void **state)
{
	static const char *const src[] = {"10.0.0.7", "2001:db8:1::7"};
	static const char *const dst[] = {"203.0.113.5", "2001:db8:99::5"};
	struct config *c = engine_config(), *all = engine_config();
	struct nat_flow_stats s = {.changing = true};
	char err[200] = "";

	(void)state;
	engine_stop(&e);
	engine_config_snat(c);
	c->nat.snat[0].match.protocols = c->nat.snat[1].match.protocols = CONFIG_TCP;
	engine_start(&e, c, 1);
	for (unsigned int v6 = 0; v6 < 2; v6++) {
		struct flow_tuple udp = build_tuple(IPPROTO_UDP, src[v6], 4000, dst[v6], 53), tcp = udp;

		tcp.proto = IPPROTO_TCP;
		for (unsigned int i = 0; i < 3; i++) {
			udp.sport++;
			passes(&udp, INSIDE);
			tcp.dport = RTE_BE16(81);
			passes(&tcp, OUTSIDE);
			tcp.dport = RTE_BE16(80);
			tcp.sport++;
			send_tcp(&tcp, INSIDE, SYN, FLOW_NEXT_REWRITE);
		}
	}
	engine_config_snat(all);
	assert_int_equal(nat_set_config(e.nat, all, err, sizeof(err)), 0);
	for (unsigned int i = 0; i < 100 && s.changing; i++) {
		engine_pass(&e, 1);
		nat_poll(e.nat, 0);
		nat_get_flow_stats(e.nat, &s);
	}
	for (unsigned int v6 = 0; v6 < 2; v6++) {
		struct flow_tuple udp = build_tuple(IPPROTO_UDP, src[v6], 4000, dst[v6], 53);

		sent(&udp, INSIDE);
	}
	build_free(all);
}

static void odd_packets(void **state)
{
	struct flow_tuple t = build_tuple(IPPROTO_TCP, "10.0.0.7", 4000, "203.0.113.5", 80);
	struct craft c;
	uint8_t *ip;

	(void)state;
	ip = frame_make(&c, &t, 12); /* cut short */
	craft_put16(ip + 2, 32);
	frame_sum(ip);
	assert_int_equal(engine_one(&e, 0, &c, INSIDE), FLOW_NEXT_DROP);
	assert_int_equal(craft_reason(&c), DROP_FLOW_MALFORMED);
	ip = frame_make(&c, &t, 20); /* a SYN whose header would end before it ends: no session stays */
	ip[20 + 12] = 0x40;
	ip[20 + 13] = 2;
	frame_sum(ip);
	assert_int_equal(engine_one(&e, 0, &c, INSIDE), FLOW_NEXT_DROP);
	assert_int_equal(craft_reason(&c), DROP_FLOW_MALFORMED);
	assert_int_equal(engine_sessions(&e), 0);
	t.proto = IPPROTO_ICMP;
	ip = frame_make(&c, &t, 20);
	ip[20] = 9; /* router advertisement */
	frame_sum(ip);
	assert_int_equal(engine_one(&e, 0, &c, INSIDE), FLOW_NEXT_LOOKUP);
	assert_int_equal(pkt_meta(&c.m)->flow, PKT_FLOW_DONE);
	assert_int_equal(engine_sessions(&e), 0);
}

/* --- fragments --- */

/* A fragment of the whole packet `of`: `len` bytes of its payload from `at`. */
static void fragment(struct craft *c, struct craft *of, uint16_t at, uint16_t len)
{
	uint8_t *from = craft_bytes(of) + 14, *ip;
	bool v4 = frame_is_v4(from);
	unsigned int header = v4 ? 20 : 40, ext = v4 ? 0 : 8;
	uint16_t total = frame_l4_len(from);

	craft_init(c, 14 + header + ext + len);
	memcpy(craft_bytes(c), craft_bytes(of), 14 + header);
	ip = craft_bytes(c) + 14;
	memcpy(ip + header + ext, from + header + at, len);
	if (v4) {
		craft_put16(ip + 2, 20 + len);
		craft_put16(ip + 6, (at + len < total ? 0x2000 : 0) | at / 8);
		craft_ip4_sum(ip);
	} else {
		craft_put16(ip + 4, 8 + len);
		ip[40] = ip[6];
		ip[6] = 44;
		craft_put16(ip + 42, at | (at + len < total));
		craft_put16(ip + 46, 0x1234);
	}
	c->m.port = INSIDE;
}

/* Puts the fragments' payloads together in their order; the whole must be right. */
static struct flow_tuple whole_of(struct craft *frags, unsigned int n, struct craft *of)
{
	struct craft whole;
	bool v4 = frame_is_v4(craft_bytes(of) + 14);
	unsigned int header = v4 ? 20 : 40, ext = v4 ? 0 : 8;
	uint8_t *ip;

	memcpy(&whole, of, sizeof(whole));
	whole.m.buf_addr = whole.room;
	ip = craft_bytes(&whole) + 14;
	for (unsigned int i = 0; i < n; i++) {
		uint8_t *from = craft_bytes(&frags[i]) + 14;
		uint16_t at = v4 ? (craft_get16(from + 6) & 0x1fff) * 8 : craft_get16(from + 42) & ~7;

		memcpy(ip + header + at, from + header + ext, frame_l4_len(from) - ext);
		memcpy(v4 ? ip + 12 : ip + 8, v4 ? from + 12 : from + 8, v4 ? 8 : 32);
		if (v4)
			assert_int_equal(craft_sum(from, 20, NULL, 0), 0);
	}
	if (v4)
		craft_ip4_sum(ip);
	return engine_tuple(&whole);
}

static void fragments_in_any_order(void **state)
{
	static const uint8_t orders[][3] = {{0, 1, 2}, {2, 1, 0}, {1, 0, 2}};
	static struct craft frags[3];

	(void)state;
	for (unsigned int k = 0; k < 6; k++) {
		bool v4 = k % 2;
		const uint8_t *order = orders[k / 2];
		struct flow_tuple in = v4 ? build_tuple(IPPROTO_UDP, "10.0.0.7", 4000, "203.0.113.5", 53) :
			build_tuple(IPPROTO_UDP, "2001:db8:1::7", 4000, "2001:db8:99::5", 53), out, plain;
		struct rte_mbuf *pkts[8];
		uint8_t next[8];
		unsigned int got = 0;
		struct craft whole;

		frame_make(&whole, &in, 600);
		for (unsigned int i = 0; i < 3; i++)
			fragment(&frags[i], &whole, i * 200, 200);
		for (unsigned int i = 0; i < 3; i++) {
			bool first_seen = false;

			craft_put16(craft_bytes(&frags[order[i]]) + 14 + (v4 ? 4 : 46), 0x100 + k);
			if (v4)
				craft_ip4_sum(craft_bytes(&frags[order[i]]) + 14);
			for (unsigned int j = 0; j <= i; j++)
				first_seen |= order[j] == 0;
			assert_int_equal(engine_one(&e, 0, &frags[order[i]], INSIDE),
				first_seen ? FLOW_NEXT_REWRITE : FLOW_NEXT_HELD);
			if (order[i] != 0)
				continue;
			/* What waited goes right behind, as it came. */
			got = nat_released(nat_worker(e.nat, 0), v4, pkts, next, RTE_DIM(pkts));
			assert_int_equal(got, i);
			for (unsigned int j = 0; j < got; j++) {
				assert_ptr_equal(pkts[j], &frags[order[j]].m);
				assert_int_equal(next[j], FLOW_NEXT_REWRITE);
				assert_int_equal(pkt_meta(pkts[j])->nh, e.outside);
			}
		}
		out = whole_of(frags, 3, &whole);
		plain = sent(&in, INSIDE);
		engine_assert_tuple(&out, &plain);
	}
	assert_int_equal(engine_sessions(&e), 2);
}

/* What a request is, its first fragment says; the others come behind it in the same burst. */
static void fragments_of_an_echo_request(void **state)
{
	static struct craft frags[3];

	(void)state;
	for (unsigned int k = 0; k < 2; k++) {
		bool v4 = k == 0;
		struct flow_tuple in = v4 ? build_tuple(IPPROTO_ICMP, "10.0.0.7", 4000, "203.0.113.5", 4000) :
			build_tuple(IPPROTO_ICMPV6, "2001:db8:1::7", 4000, "2001:db8:99::5", 4000), out, plain;
		struct rte_mbuf *pkts[3];
		uint8_t next[3];
		struct craft whole;

		frame_make(&whole, &in, 600);
		for (unsigned int i = 0; i < 3; i++) {
			fragment(&frags[i], &whole, i * 200, 200);
			pkts[i] = &frags[i].m;
		}
		(v4 ? nat4_burst : nat6_burst)(nat_worker(e.nat, 0), pkts, 3, next);
		for (unsigned int i = 0; i < 3; i++)
			assert_int_equal(next[i], FLOW_NEXT_REWRITE);
		out = whole_of(frags, 3, &whole);
		plain = sent(&in, INSIDE);
		engine_assert_tuple(&out, &plain);
	}
	assert_int_equal(engine_sessions(&e), 2);
}

static void lost_first_fragment(void **state)
{
	struct flow_tuple in = build_tuple(IPPROTO_UDP, "10.0.0.7", 4000, "203.0.113.5", 53);
	struct rte_mbuf *pkts[8];
	uint8_t next[8];
	struct craft whole, frag;
	struct nat_flow_stats s;

	(void)state;
	frame_make(&whole, &in, 600);
	fragment(&frag, &whole, 200, 400);
	assert_int_equal(engine_one(&e, 0, &frag, INSIDE), FLOW_NEXT_HELD);
	nat_get_flow_stats(e.nat, &s);
	assert_int_equal(s.fragments_held, 1);
	engine_pass(&e, 1900);
	assert_int_equal(nat_released(nat_worker(e.nat, 0), true, pkts, next, 8), 0);
	engine_pass(&e, 1200);
	assert_int_equal(nat_released(nat_worker(e.nat, 0), true, pkts, next, 8), 1);
	assert_int_equal(next[0], FLOW_NEXT_DROP);
	assert_int_equal(craft_reason(&frag), DROP_FRAG_TIMEOUT);
	assert_int_equal(nat_released(nat_worker(e.nat, 0), true, pkts, next, 8), 0);
	assert_int_equal(engine_sessions(&e), 0);
}

/* --- unsolicited --- */

static void a_syn_is_held(void **state)
{
	struct flow_tuple t = build_tuple(IPPROTO_TCP, "203.0.113.5", 4000, "192.0.2.9", 80);
	struct rte_mbuf *pkts[8];
	uint8_t next[8];
	struct craft c;

	(void)state;
	frame_make(&c, &t, 20);
	set_tcp(&c, SYN);
	assert_int_equal(engine_one(&e, 0, &c, OUTSIDE), FLOW_NEXT_HELD);
	engine_pass(&e, 5900);
	assert_int_equal(nat_released(nat_worker(e.nat, 0), true, pkts, next, 8), 0);
	engine_pass(&e, 200);
	assert_int_equal(nat_released(nat_worker(e.nat, 0), true, pkts, next, 8), 1);
	assert_int_equal(next[0], FLOW_NEXT_ICMP);
	assert_int_equal(craft_reason(&c), DROP_NAT_NO_MAPPING);
	assert_int_equal(pkt_meta(&c.m)->icmp_type, 3);
	assert_int_equal(pkt_meta(&c.m)->icmp_code, 3);
}

/* --- ICMP errors --- */

/* The error that `router` sends about a packet of the tuple `about`. */
static void make_error(struct craft *c, const char *router, const struct flow_tuple *about)
{
	struct craft inner;
	uint8_t *ip = frame_make(&inner, about, 40), *outer;
	bool v4 = frame_is_v4(ip);
	char to[IP_ADDR_STRLEN];

	ip_addr_format(&about->src, to);
	outer = v4 ? craft_ip4(c, router, to, IPPROTO_ICMP, 64, 8 + 60) :
		     craft_ip6(c, router, to, IPPROTO_ICMPV6, 64, 8 + 80);
	outer += v4 ? 20 : 40;
	memset(outer, 0, 8);
	outer[0] = v4 ? 11 : 3;
	memcpy(outer + 8, ip, v4 ? 60 : 80);
	frame_sum(craft_bytes(c) + 14);
}

static void errors_about_translated_packets(void **state)
{
	static const char *const router[] = {"203.0.113.200", "2001:db8:99::200"};

	(void)state;
	for (unsigned int v6 = 0; v6 < 2; v6++) {
		struct flow_tuple in = v6 ? build_tuple(IPPROTO_UDP, "2001:db8:1::7", 4000, "2001:db8:99::5", 53) :
			build_tuple(IPPROTO_UDP, "10.0.0.7", 4000, "203.0.113.5", 53), out = sent(&in, INSIDE);
		unsigned int header = v6 ? 40 : 20, addr = v6 ? 16 : 4, src = v6 ? 8 : 12;
		struct craft c;
		uint8_t *ip;

		make_error(&c, router[v6], &out);
		ip = craft_bytes(&c) + 14;
		assert_int_equal(engine_one(&e, 0, &c, OUTSIDE), FLOW_NEXT_LOOKUP);
		assert_int_equal(pkt_meta(&c.m)->flow, PKT_FLOW_DONE);
		engine_tuple(&c); /* sums */
		assert_memory_equal(ip + src + addr, in.src.bytes, addr); /* to the sender */
		assert_memory_equal(ip + header + 8 + src, in.src.bytes, addr);
		assert_memory_equal(ip + header + 8 + header, &in.sport, 2);
		/* About nothing that left here. */
		out.sport ^= 0x1234;
		make_error(&c, router[v6], &out);
		assert_int_equal(engine_one(&e, 0, &c, OUTSIDE), FLOW_NEXT_DROP);
		assert_int_equal(craft_reason(&c), DROP_NAT_ICMP_UNKNOWN);
	}
}

/* --- two workers --- */

/* Whose the packet is, by handing it on as the graph would; at most twice. */
static unsigned int settle(struct craft *c, unsigned int at, uint16_t port)
{
	uint8_t next;

	pkt_meta(&c->m)->flow = 0;
	next = engine_one(&e, at, c, port);
	for (unsigned int hops = 0; next == FLOW_NEXT_HANDOFF; hops++) {
		assert_true(hops < 2);
		assert_int_not_equal(pkt_meta(&c->m)->owner, at);
		at = pkt_meta(&c->m)->owner;
		next = engine_one(&e, at, c, port);
	}
	assert_int_equal(next, FLOW_NEXT_REWRITE);
	return at;
}

static void owners_agree(void **state)
{
	unsigned int owned[2] = {0};
	struct nat_flow_stats s;

	(void)state;
	for (unsigned int i = 0; i < 400; i++) {
		bool v6 = i & 1;
		struct flow_tuple in = v6 ? build_tuple(IPPROTO_UDP, "2001:db8:1::7", 1024 + i * 37, "2001:db8:99::5", 53) :
			build_tuple(IPPROTO_UDP, "10.0.0.7", 1024 + i * 37, "203.0.113.5", 53), out, back;
		unsigned int owner;
		struct craft c, whole;

		frame_make(&c, &in, 30);
		owner = settle(&c, i >> 1 & 1, INSIDE);
		owned[owner]++;
		out = engine_tuple(&c);
		back = flow_tuple_swapped(&out);
		frame_make(&c, &back, 30);
		assert_int_equal(settle(&c, i >> 2 & 1, OUTSIDE), owner);
		out = engine_tuple(&c);
		in = flow_tuple_swapped(&in);
		engine_assert_tuple(&out, &in);
		/* Both halves of an answer, by whatever worker learns their ports. */
		frame_make(&whole, &back, 400);
		for (unsigned int at = 0; at < 400; at += 200) {
			fragment(&c, &whole, at, 200);
			assert_int_equal(settle(&c, (i + at / 200) & 1, OUTSIDE), owner);
		}
	}
	nat_get_flow_stats(e.nat, &s);
	assert_int_equal(s.created, 400);
	assert_true(s.handed_over > 400);
	assert_true(owned[0] > 100 && owned[1] > 100);
}

/* --- new rules --- */

static void rules_are_replaced(void **state)
{
	struct flow_tuple kept = build_tuple(IPPROTO_UDP, "10.0.0.7", 4000, "203.0.113.5", 53), out, again;
	struct flow_tuple gone = build_tuple(IPPROTO_UDP, "2001:db8:1::7", 4000, "2001:db8:99::5", 53);
	struct config *c = engine_config();
	struct nat_rule_view v;
	struct nat_flow_stats s;
	char err[200] = "";

	(void)state;
	out = sent(&kept, INSIDE);
	sent(&gone, INSIDE);
	engine_config_snat(c);
	c->nat.n_snat = 1; /* IPv6 is not translated any more */
	assert_int_equal(nat_set_config(e.nat, c, err, sizeof(err)), 0);
	assert_int_equal(nat_set_config(e.nat, c, err, sizeof(err)), -EBUSY);
	nat_poll(e.nat, 0); /* no worker has looked yet */
	nat_get_flow_stats(e.nat, &s);
	assert_true(s.changing);
	for (unsigned int i = 0; i < 100 && s.changing; i++) {
		again = sent(&kept, INSIDE);
		engine_assert_tuple(&again, &out);
		engine_pass(&e, 1);
		nat_poll(e.nat, 0);
		nat_get_flow_stats(e.nat, &s);
	}
	assert_false(s.changing);
	assert_int_equal(s.table.used, 1);
	assert_int_equal(s.cleared, 1);
	passes(&gone, INSIDE);
	assert_int_equal(nat_rules_count(e.nat), 1);
	nat_rule_get(e.nat, 0, &v);
	assert_int_equal(v.use.sessions, 1);
	assert_int_equal(v.use.created, 1); /* carried over */
	c->nat.n_snat = 2;
	build_free(c);
}

static void refuses_what_needs_a_restart(void **state)
{
	struct config *c = engine_config();
	char err[200] = "";

	(void)state;
	c->flows.max_sessions = 2000;
	assert_int_equal(nat_set_config(e.nat, c, err, sizeof(err)), -EINVAL);
	assert_non_null(strstr(err, "max_sessions"));
	c->flows.max_sessions = 1000;
	c->flows.tcp_window = true;
	assert_int_equal(nat_set_config(e.nat, c, err, sizeof(err)), -EINVAL);
	assert_non_null(strstr(err, "tcp_window"));
	build_free(c);
}

static void views(void **state)
{
	struct flow_tuple in = build_tuple(IPPROTO_UDP, "10.0.0.7", 4000, "203.0.113.5", 53);
	struct nat_pool_view p;

	(void)state;
	sent(&in, INSIDE);
	assert_int_equal(nat_pools_count(e.nat), 2);
	nat_pool_get(e.nat, 0, &p);
	assert_string_equal(p.name, "pool0");
	assert_string_equal(p.addresses, "192.0.2.9");
	assert_int_equal(p.ports, 65535 - 1024); /* 65330 is not one */
	assert_int_equal(p.use.sessions, 1);
	assert_int_equal(p.use.peak, 1);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(translates_both_ways), T(one_burst_one_session), T(tcp_life), T(reset_ends_soon),
		T(idle_ends), T(follows_routes), T(passes_what_no_rule_touches), T(what_passed_once), T(odd_packets),
		T(fragments_in_any_order), T(fragments_of_an_echo_request), T(lost_first_fragment), T(a_syn_is_held),
		T(errors_about_translated_packets), T(rules_are_replaced),
		T(refuses_what_needs_a_restart), T(views),
		cmocka_unit_test_setup_teardown(owners_agree, setup_two, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
