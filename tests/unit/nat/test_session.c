/* SPDX-License-Identifier: BSD-3-Clause */
/* First packets, case by case: what each rule makes of them, what is refused, and how sessions,
 * bindings and limits end. */
#include "session_rig.h"

#include "packet/icmp.h"

#define NOW 0xffff0000u /* the clock wraps within each test that waits */

static struct rig g;

static void begin(struct config *c, unsigned int workers)
{
	struct nat_ruleset *r = build_rules(c, workers);

	build_free(c);
	rig_init(&g, r, workers, 4096, NOW);
}

static void end(void)
{
	for (unsigned int i = 0; i < g.workers; i++)
		rig_check(&g, g.w[i]);
	rig_advance(&g, 8000000); /* beyond every timer */
	rig_check_empty(&g);
	rig_fini(&g);
}

static struct config *egress(void)
{
	struct config *c = build_config();

	build_pool(c, "192.0.2.1");
	build_pool(c, "2001:db8::1");
	build_snat(c, "10.0.0.0/8", NULL, 0)->match.ports = 1u << 1;
	build_snat(c, "fd00::/8", NULL, 1)->match.ports = 1u << 1;
	return c;
}

static struct config *independent(enum config_nat_filtering filtering)
{
	struct config *c = egress();

	for (unsigned int i = 0; i < 2; i++) {
		c->nat.snat[i].mapping = CONFIG_NAT_ENDPOINT_INDEPENDENT;
		c->nat.snat[i].filtering = filtering;
	}
	return c;
}

/* A packet that has to open a session; its reply's tuple. */
static struct flow_tuple opened(uint16_t ingress, const struct flow_tuple *t)
{
	struct nat_verdict v = rig_new(&g, ingress, t);

	return rig_reply(g.w[nat_owner(g.rules, t)], &v);
}

static uint8_t refused(uint16_t ingress, const struct flow_tuple *t)
{
	struct nat_verdict v = rig_new(&g, ingress, t);

	assert_int_equal(v.next, FLOW_NEXT_DROP);
	return v.drop_reason;
}

static void assert_endpoint(const struct ip_addr *a, rte_be16_t port, const char *text, uint16_t want)
{
	assert_string_equal(IP_ADDR_TEXT(a), text);
	assert_int_equal(RIG_PORT(port), want);
}

static struct flow_tuple udp(const char *src, uint16_t sport, const char *dst, uint16_t dport)
{
	return build_tuple(IPPROTO_UDP, src, sport, dst, dport);
}

static struct flow_tuple tcp(const char *src, uint16_t sport, const char *dst, uint16_t dport)
{
	return build_tuple(IPPROTO_TCP, src, sport, dst, dport);
}

static struct flow_tuple ping(const char *src, uint16_t id, const char *dst)
{
	return build_tuple(IPPROTO_ICMP, src, id, dst, id);
}

/* --- SNAT --- */

static void test_snat(void **state)
{
	struct flow_tuple t = tcp("10.0.0.5", 40000, "198.51.100.7", 443), r;
	struct flow_tuple t6 = tcp("fd00::5", 40000, "2001:db8:ffff::7", 443);
	struct nat_verdict v;

	(void)state;
	begin(egress(), 1);
	r = opened(RIG_INSIDE, &t);
	assert_endpoint(&r.src, r.sport, "198.51.100.7", 443);
	assert_endpoint(&r.dst, r.dport, "192.0.2.1", 40000);
	r = opened(RIG_INSIDE, &t6);
	assert_endpoint(&r.dst, r.dport, "2001:db8::1", 40000);
	/* Once more: the same session. */
	v = rig_new(&g, RIG_INSIDE, &t);
	assert_int_equal(v.next, FLOW_NEXT_REWRITE);
	assert_int_equal(g.w[0]->flows->used, 2);
	/* Another inside's same port: another external one. To another place: the same. */
	t.src.bytes[3] = 6;
	r = opened(RIG_INSIDE, &t);
	assert_int_not_equal(RIG_PORT(r.dport), 40000);
	t.dst.bytes[3] = 8;
	r = opened(RIG_INSIDE, &t);
	assert_int_equal(RIG_PORT(r.dport), 40000);
	/* From another port the rule is not for. */
	v = rig_new(&g, RIG_OUTSIDE, &(struct flow_tuple){.src = t.src, .dst = t.dst, .proto = t.proto});
	assert_int_equal(v.next, FLOW_NEXT_LOOKUP);
	assert_int_equal(nat_use_rule(g.w[0], g.rules, 0)->sessions, 3);
	assert_int_equal(nat_use_pool(g.w[0], g.rules, 1)->sessions, 1);
	assert_int_equal(g.w[0]->counters.created, 4);
	end();
	assert_int_equal(g.workers, 1);
}

static void test_exempt_and_untouched(void **state)
{
	struct config *c = build_config();
	struct flow_tuple t = udp("10.0.0.5", 40000, "10.9.0.1", 53);

	(void)state;
	build_pool(c, "192.0.2.1");
	build_snat(c, "10.0.0.0/8", "10.0.0.0/8", 0)->exempt = true;
	build_snat(c, "10.0.0.0/8", NULL, 0);
	begin(c, 1);
	assert_int_equal(rig_new(&g, RIG_INSIDE, &t).next, FLOW_NEXT_LOOKUP);
	t = udp("198.51.100.9", 40000, "10.9.0.1", 53);
	assert_int_equal(rig_new(&g, RIG_OUTSIDE, &t).next, FLOW_NEXT_LOOKUP);
	assert_int_equal(g.w[0]->flows->used, 0);
	/* Nor what has no route, or is for nvad itself. */
	rig_route(&g, "198.51.100.0/24", nh_new(g.nh, &(struct nh){.kind = NH_DISCARD}));
	t = udp("10.0.0.5", 40000, "198.51.100.1", 53);
	assert_int_equal(rig_new(&g, RIG_INSIDE, &t).next, FLOW_NEXT_LOOKUP);
	rig_route(&g, "203.0.113.4/32", g.nh_local);
	t = udp("10.0.0.5", 40000, "203.0.113.4", 53);
	assert_int_equal(rig_new(&g, RIG_INSIDE, &t).next, FLOW_NEXT_LOOKUP);
	assert_int_equal(g.w[0]->flows->used, 0);
	end();
}

static void test_icmp(void **state)
{
	struct flow_tuple t = ping("10.0.0.5", 2000, "198.51.100.7"), r;
	struct flow_l4 l4 = rig_l4(&t);
	struct nat_verdict v;

	(void)state;
	begin(egress(), 1);
	r = opened(RIG_INSIDE, &t);
	assert_endpoint(&r.dst, r.dport, "192.0.2.1", 2000);
	assert_int_equal(r.sport, r.dport);
	t.src.bytes[3] = 6;
	r = opened(RIG_INSIDE, &t);
	assert_int_not_equal(RIG_PORT(r.dport), 2000);
	assert_int_equal(r.sport, r.dport);
	/* A reply that nobody asked for opens nothing. */
	t.src.bytes[3] = 7;
	l4.icmp_type = ICMP4_ECHO_REPLY;
	v = rig_new_as(&g, 0, RIG_INSIDE, &t, &l4);
	assert_int_equal(v.next, FLOW_NEXT_DROP);
	assert_int_equal(v.drop_reason, DROP_FLOW_MIDFLOW);
	end();
}

static void test_portless(void **state)
{
	struct flow_tuple t = build_tuple(IPPROTO_GRE, "10.0.0.5", 0, "198.51.100.7", 0), r;
	struct nat_verdict v;

	(void)state;
	begin(egress(), 1);
	r = opened(RIG_INSIDE, &t);
	assert_endpoint(&r.dst, r.dport, "192.0.2.1", 0);
	t.src.bytes[3] = 6;
	v = rig_new(&g, RIG_INSIDE, &t);
	assert_int_equal(v.next, FLOW_NEXT_ICMP);
	assert_int_equal(v.drop_reason, DROP_NAT_NO_PORT);
	assert_int_equal(v.icmp_type, 3);
	assert_int_equal(v.icmp_code, 1);
	t.dst.bytes[3] = 8; /* unique for each remote */
	opened(RIG_INSIDE, &t);
	assert_int_equal(nat_use_rule(g.w[0], g.rules, 0)->exhausted, 1);
	assert_int_equal(nat_use_pool(g.w[0], g.rules, 0)->exhausted, 1);
	end();
}

static void test_midflow(void **state)
{
	struct flow_tuple t = tcp("10.0.0.5", 40000, "198.51.100.7", 443);
	struct flow_l4 l4 = {.proto = IPPROTO_TCP, .tcp_flags = RTE_TCP_ACK_FLAG};
	struct nat_verdict v;

	(void)state;
	begin(egress(), 1);
	v = rig_new_as(&g, 0, RIG_INSIDE, &t, &l4);
	assert_int_equal(v.drop_reason, DROP_FLOW_MIDFLOW);
	l4.tcp_flags = RTE_TCP_SYN_FLAG | RTE_TCP_FIN_FLAG;
	v = rig_new_as(&g, 0, RIG_INSIDE, &t, &l4);
	assert_int_equal(v.drop_reason, DROP_FLOW_TCP_FLAGS);
	g.rules->adopt_midflow = true;
	l4.tcp_flags = RTE_TCP_RST_FLAG;
	v = rig_new_as(&g, 0, RIG_INSIDE, &t, &l4);
	assert_int_equal(v.drop_reason, DROP_FLOW_MIDFLOW);
	l4.tcp_flags = RTE_TCP_ACK_FLAG;
	v = rig_new_as(&g, 0, RIG_INSIDE, &t, &l4);
	assert_int_equal(v.next, FLOW_NEXT_REWRITE);
	assert_int_equal(flow_side(g.w[0]->flows, v.ref)->state, FLOW_TCP_ADOPTED);
	assert_true(flow_side(g.w[0]->flows, v.ref)->flags & FLOW_F_TRACKED);
	assert_true(flow_side(g.w[0]->flows, v.ref)->flags & FLOW_F_NAT);
	end();
}

static void test_stateful_port(void **state)
{
	struct config *c = egress();
	struct flow_tuple t = tcp("172.16.0.1", 40000, "198.51.100.7", 443), r;
	struct flow_l4 l4 = {.proto = IPPROTO_TCP, .tcp_flags = RTE_TCP_ACK_FLAG};
	struct nat_verdict v;

	(void)state;
	begin(c, 1);
	g.rules->stateful_ports = 1u << RIG_INSIDE;
	v = rig_new(&g, RIG_INSIDE, &t);
	r = rig_reply(g.w[0], &v);
	assert_endpoint(&r.dst, r.dport, "172.16.0.1", 40000);
	assert_false(flow_side(g.w[0]->flows, v.ref)->flags & FLOW_F_NAT);
	assert_int_equal(g.w[0]->flows->cold[v.ref >> 1].rule, NAT_RULE_NONE);
	t.sport ^= 1;
	assert_int_equal(rig_new(&g, RIG_OUTSIDE, &t).next, FLOW_NEXT_LOOKUP);
	v = rig_new_as(&g, 0, RIG_INSIDE, &t, &l4);
	assert_int_equal(v.drop_reason, DROP_FLOW_MIDFLOW);
	/* One endpoint that talks to itself would be its own answer. */
	t = udp("172.16.0.1", 7, "172.16.0.1", 7);
	assert_int_equal(refused(RIG_INSIDE, &t), DROP_FLOW_LOOP);
	end();
}

static void test_full(void **state)
{
	struct flow_tuple t = udp("10.0.0.5", 40000, "198.51.100.7", 53);
	struct nat_verdict v;

	(void)state;
	begin(egress(), 1);
	for (unsigned int i = 0; i < 4096; i++) {
		t.src.bytes[2] = (uint8_t)(i >> 8), t.src.bytes[3] = (uint8_t)i;
		opened(RIG_INSIDE, &t);
	}
	t.src.bytes[1] = 1;
	v = rig_new(&g, RIG_INSIDE, &t);
	assert_int_equal(v.next, FLOW_NEXT_DROP);
	assert_int_equal(v.drop_reason, DROP_FLOW_FULL);
	end();
}

/* --- DNAT --- */

static struct config *inbound(void)
{
	struct config *c = egress();
	struct config_dnat *d = build_dnat(c, "192.0.2.9", "10.1.0.10 10.1.0.11");

	d->port_first = d->port_last = 443;
	d->to[0].port = d->to[1].port = 8443;
	d->match.protocols = CONFIG_TCP;
	d->match.ports = 1u << 0;
	return c;
}

static void test_dnat(void **state)
{
	struct flow_tuple t = tcp("198.51.100.7", 40000, "192.0.2.9", 443), r;
	bool seen[2] = {false, false};

	(void)state;
	begin(inbound(), 1);
	for (unsigned int i = 0; i < 64; i++) {
		t.sport = rte_cpu_to_be_16((uint16_t)(40000 + i));
		r = opened(RIG_OUTSIDE, &t);
		assert_int_equal(RIG_PORT(r.sport), 8443);
		assert_int_equal(r.dport, t.sport);
		assert_in_range(r.src.bytes[3], 10, 11);
		seen[r.src.bytes[3] - 10] = true;
	}
	assert_true(seen[0] && seen[1]);
	assert_int_equal(nat_use_rule(g.w[0], g.rules, 2)->sessions, 64);
	/* Nothing else of the address. */
	t.dport = rte_cpu_to_be_16(80);
	assert_int_equal(rig_new(&g, RIG_OUTSIDE, &t).next, FLOW_NEXT_HELD);
	t.proto = IPPROTO_UDP;
	assert_int_equal(refused(RIG_OUTSIDE, &t), DROP_NAT_NO_MAPPING);
	end();
}

static void test_dnat_by_source(void **state)
{
	struct config *c = inbound();
	struct flow_tuple t = tcp("198.51.100.7", 40000, "192.0.2.9", 443), r, first;

	(void)state;
	c->nat.dnat[0].by_source = true;
	begin(c, 1);
	first = opened(RIG_OUTSIDE, &t);
	for (unsigned int i = 1; i < 32; i++) {
		t.sport = rte_cpu_to_be_16((uint16_t)(40000 + i));
		r = opened(RIG_OUTSIDE, &t);
		assert_true(ip_addr_equal(&r.src, &first.src));
	}
	end();
}

static void test_dnat_range_and_prefix(void **state)
{
	struct config *c = egress();
	struct config_dnat *d = build_dnat(c, "192.0.2.9", "10.1.0.10");
	struct flow_tuple t = udp("198.51.100.7", 40000, "192.0.2.9", 8005), r;

	(void)state;
	d->port_first = 8000;
	d->port_last = 8010;
	d->to[0].port = 9000;
	build_dnat(c, "203.0.113.16/28", "10.2.3.32");
	build_dnat(c, "2001:db8:5::40/122", "fd00::80");
	begin(c, 1);
	r = opened(RIG_OUTSIDE, &t);
	assert_endpoint(&r.src, r.sport, "10.1.0.10", 9005);
	t = udp("198.51.100.7", 40000, "203.0.113.29", 77);
	r = opened(RIG_OUTSIDE, &t);
	assert_endpoint(&r.src, r.sport, "10.2.3.45", 77);
	t = udp("2001:db8:ffff::1", 40000, "2001:db8:5::47", 77);
	r = opened(RIG_OUTSIDE, &t);
	assert_endpoint(&r.src, r.sport, "fd00::87", 77);
	t = ping("198.51.100.7", 40000, "203.0.113.30");
	r = opened(RIG_OUTSIDE, &t);
	assert_endpoint(&r.src, r.sport, "10.2.3.46", 40000);
	end();
}

/* Both ends of one packet: DNAT with its own pool; that on hairpins only; a SNAT rule's. */
static void test_dnat_with_snat(void **state)
{
	struct config *c = inbound();
	struct flow_tuple t = tcp("198.51.100.7", 40000, "192.0.2.9", 443), r;
	struct nat_verdict v;

	(void)state;
	c->nat.dnat[0].has_snat = true;
	c->nat.dnat[0].snat_pool = 0;
	begin(c, 1);
	r = opened(RIG_OUTSIDE, &t);
	assert_int_equal(RIG_PORT(r.sport), 8443);
	assert_endpoint(&r.dst, r.dport, "192.0.2.1", 40000);
	assert_int_equal(nat_use_pool(g.w[0], g.rules, 0)->sessions, 1);
	end();

	c = inbound();
	c->nat.dnat[0].has_snat = true;
	c->nat.dnat[0].snat_hairpin_only = true;
	c->nat.dnat[0].match.ports = 0;
	begin(c, 1);
	r = opened(RIG_OUTSIDE, &t);
	assert_endpoint(&r.dst, r.dport, "198.51.100.7", 40000);
	t = tcp("10.1.0.99", 40000, "192.0.2.9", 443);
	v = rig_new(&g, RIG_INSIDE, &t);
	r = rig_reply(g.w[0], &v);
	assert_endpoint(&r.dst, r.dport, "192.0.2.1", 40000);
	assert_true(g.w[0]->flows->cold[v.ref >> 1].flags & NAT_COLD_HAIRPIN);
	end();

	c = inbound();
	c->nat.dnat[0].match.ports = 0;
	begin(c, 1);
	t = tcp("10.1.0.99", 40000, "192.0.2.9", 443);
	r = opened(RIG_INSIDE, &t);
	assert_int_equal(RIG_PORT(r.sport), 8443);
	assert_endpoint(&r.dst, r.dport, "192.0.2.1", 40000);
	/* Both rules count it. */
	assert_int_equal(nat_use_rule(g.w[0], g.rules, 0)->sessions, 1);
	assert_int_equal(nat_use_rule(g.w[0], g.rules, 2)->sessions, 1);
	assert_int_equal(nat_use_pool(g.w[0], g.rules, 0)->sessions, 1);
	end();
}

/* Two addresses to one server: the second connection's answers would be the first's. */
static void test_dnat_conflict(void **state)
{
	struct config *c = egress();
	struct flow_tuple t = tcp("198.51.100.7", 40000, "192.0.2.9", 443);

	(void)state;
	build_dnat(c, "192.0.2.9", "10.1.0.10");
	build_dnat(c, "192.0.2.10", "10.1.0.10");
	begin(c, 1);
	opened(RIG_OUTSIDE, &t);
	t.dst.bytes[3] = 10;
	assert_int_equal(rig_new(&g, RIG_OUTSIDE, &t).drop_reason, DROP_NAT_NO_PORT);
	end();
}

/* --- endpoint-independent --- */

/* RFC 4787 REQ-1, REQ-8: one mapping for all destinations; who may use it is the filtering's. */
static void test_binding(void **state)
{
	static const enum config_nat_filtering filterings[] = {CONFIG_NAT_FILTER_ENDPOINT_INDEPENDENT,
		CONFIG_NAT_FILTER_ADDRESS, CONFIG_NAT_FILTER_ADDRESS_PORT};

	(void)state;
	for (unsigned int f = 0; f < 3; f++) {
		struct flow_tuple t = udp("10.0.0.5", 40000, "198.51.100.7", 53), r, in;
		struct nat_verdict v;

		begin(independent(filterings[f]), 1);
		r = opened(RIG_INSIDE, &t);
		assert_endpoint(&r.dst, r.dport, "192.0.2.1", 40000);
		t.dst.bytes[3] = 8;
		t.dport = rte_cpu_to_be_16(99);
		r = opened(RIG_INSIDE, &t);
		assert_endpoint(&r.dst, r.dport, "192.0.2.1", 40000);
		/* Nobody else gets that port, wherever he sends. */
		t.src.bytes[3] = 6;
		t.dst.bytes[3] = 9;
		r = opened(RIG_INSIDE, &t);
		assert_int_not_equal(RIG_PORT(r.dport), 40000);
		assert_int_equal(nat_use_pool(g.w[0], g.rules, 0)->bindings, 2);
		/* A stranger; an address that the inside knows, from another port. */
		in = udp("198.51.100.99", 1, "192.0.2.1", 40000);
		if (f == 0) {
			r = opened(RIG_OUTSIDE, &in);
			assert_endpoint(&r.src, r.sport, "10.0.0.5", 40000);
			assert_endpoint(&r.dst, r.dport, "198.51.100.99", 1);
		} else {
			assert_int_equal(refused(RIG_OUTSIDE, &in), DROP_NAT_FILTERED);
			in.proto = IPPROTO_TCP; /* no such binding */
			assert_int_equal(rig_new(&g, RIG_OUTSIDE, &in).next, FLOW_NEXT_HELD);
		}
		in = udp("198.51.100.7", 54, "192.0.2.1", 40000);
		if (f == 2)
			assert_int_equal(refused(RIG_OUTSIDE, &in), DROP_NAT_FILTERED);
		else
			opened(RIG_OUTSIDE, &in);
		/* The answer proper has a session. */
		in = udp("198.51.100.7", 53, "192.0.2.1", 40000);
		v = rig_new(&g, RIG_OUTSIDE, &in);
		assert_int_equal(v.next, FLOW_NEXT_REWRITE);
		assert_int_equal(v.ref & 1, FLOW_REPLY);
		end();
	}
}

/* A remote address may come in only while a session with it lives. */
static void test_peer_ends(void **state)
{
	struct flow_tuple t = udp("10.0.0.5", 40000, "198.51.100.7", 53), u = t, in;

	(void)state;
	begin(independent(CONFIG_NAT_FILTER_ADDRESS), 1);
	opened(RIG_INSIDE, &t);
	rig_advance(&g, 200000);
	u.dst.bytes[3] = 8;
	opened(RIG_INSIDE, &u);
	rig_advance(&g, 150000); /* the first is over, the second is not */
	in = udp("198.51.100.7", 54, "192.0.2.1", 40000);
	assert_int_equal(refused(RIG_OUTSIDE, &in), DROP_NAT_FILTERED);
	in = udp("198.51.100.8", 54, "192.0.2.1", 40000);
	opened(RIG_OUTSIDE, &in);
	rig_check(&g, g.w[0]);
	end();
}

/* RFC 6888 REQ-8: 120 s between a mapping's end and its port's next use; its own inside may at once. */
static void test_hold_down(void **state)
{
	struct config *c = independent(CONFIG_NAT_FILTER_ENDPOINT_INDEPENDENT);
	struct flow_tuple t = udp("10.0.0.5", 5000, "198.51.100.7", 53), u = udp("10.0.0.6", 5000,
		"198.51.100.7", 53), in = udp("198.51.100.9", 1, "192.0.2.1", 5000), r;

	(void)state;
	c->nat.pools[0].port_first = c->nat.pools[0].port_last = 5000;
	begin(c, 1);
	opened(RIG_INSIDE, &t);
	assert_int_equal(rig_new(&g, RIG_INSIDE, &u).drop_reason, DROP_NAT_NO_PORT);
	rig_advance(&g, 303000);
	assert_int_equal(nat_use_pool(g.w[0], g.rules, 0)->sessions, 0);
	assert_int_equal(rig_new(&g, RIG_INSIDE, &u).drop_reason, DROP_NAT_NO_PORT);
	assert_int_equal(refused(RIG_OUTSIDE, &in), DROP_NAT_NO_MAPPING);
	r = opened(RIG_INSIDE, &t);
	assert_int_equal(RIG_PORT(r.dport), 5000);
	opened(RIG_OUTSIDE, &in);
	rig_advance(&g, 303000 + 122000);
	assert_int_equal(g.w[0]->flows->used, 0);
	opened(RIG_INSIDE, &u);
	end();

	/* TCP is tracked: at once. */
	c = independent(CONFIG_NAT_FILTER_ENDPOINT_INDEPENDENT);
	c->nat.pools[0].port_first = c->nat.pools[0].port_last = 5000;
	begin(c, 1);
	t = tcp("10.0.0.5", 5000, "198.51.100.7", 53);
	u = tcp("10.0.0.6", 5000, "198.51.100.7", 53);
	opened(RIG_INSIDE, &t);
	rig_advance(&g, 245000);
	opened(RIG_INSIDE, &u);
	end();
}

/* A binding that was ended goes with its last session, even where both are due in one batch. */
static void test_ended_binding(void **state)
{
	struct flow_tuple t = udp("10.0.0.5", 40000, "198.51.100.7", 53), in = udp("198.51.100.9", 1,
		"192.0.2.1", 40000), other;
	struct nat_verdict v;

	(void)state;
	for (unsigned int order = 0; order < 2; order++) {
		uint32_t binding;

		begin(independent(CONFIG_NAT_FILTER_ENDPOINT_INDEPENDENT), 1);
		v = rig_new(&g, RIG_INSIDE, &t);
		binding = g.w[0]->flows->cold[v.ref >> 1].parent;
		nat_session_end(g.w[0], binding);
		assert_int_equal(g.w[0]->flows->cold[binding].kind, FLOW_BINDING);
		assert_int_equal(nat_use_pool(g.w[0], g.rules, 0)->bindings, 0);
		/* It takes no more, from either end. */
		assert_int_equal(refused(RIG_OUTSIDE, &in), DROP_NAT_NO_MAPPING);
		other = t;
		other.dport ^= 1;
		assert_int_equal(rig_new(&g, RIG_INSIDE, &other).drop_reason, DROP_NAT_NO_PORT);
		rig_check(&g, g.w[0]);
		if (order) /* the other is looked at first */
			flow_timer_arm(g.w[0]->flows, binding, g.w[0]->now_ms + 300000);
		rig_advance(&g, 303000);
		assert_int_equal(g.w[0]->flows->used, 0);
		opened(RIG_INSIDE, &t);
		end();
	}
}

/* RFC 4787 REQ-9, RFC 5382 REQ-8: the source that is shown is the external one. */
static void test_hairpin(void **state)
{
	struct flow_tuple a = udp("10.0.0.5", 40000, "198.51.100.7", 53), b = udp("10.0.0.6", 50000,
		"192.0.2.1", 40000), r;

	(void)state;
	begin(independent(CONFIG_NAT_FILTER_ENDPOINT_INDEPENDENT), 1);
	opened(RIG_INSIDE, &a);
	r = opened(RIG_INSIDE, &b);
	assert_endpoint(&r.src, r.sport, "10.0.0.5", 40000);
	assert_endpoint(&r.dst, r.dport, "192.0.2.1", 50000);
	rig_check(&g, g.w[0]);
	/* ...and the other way: a session of its own answers it. */
	b = udp("10.0.0.5", 40000, "192.0.2.1", 50000);
	assert_int_equal(rig_new(&g, RIG_INSIDE, &b).next, FLOW_NEXT_REWRITE);
	/* To its own external endpoint: it would be its own answer. */
	b = udp("10.0.0.5", 40000, "192.0.2.1", 40000);
	assert_int_equal(refused(RIG_INSIDE, &b), DROP_FLOW_LOOP);
	rig_check(&g, g.w[0]);
	end();
}

/* RFC 5508 REQ-7 */
static void test_hairpin_icmp(void **state)
{
	struct flow_tuple a = ping("10.0.0.5", 3000, "198.51.100.7"), b = ping("10.0.0.6", 4000,
		"198.51.100.7"), h, r;

	(void)state;
	begin(independent(CONFIG_NAT_FILTER_ENDPOINT_INDEPENDENT), 1);
	opened(RIG_INSIDE, &a);
	r = opened(RIG_INSIDE, &b);
	h = ping("10.0.0.7", RIG_PORT(r.dport), "192.0.2.1");
	r = opened(RIG_INSIDE, &h);
	assert_endpoint(&r.src, r.sport, "10.0.0.6", 4000);
	assert_endpoint(&r.dst, r.dport, "192.0.2.1", 4000);
	end();
}

/* --- limits --- */

static void test_max_sessions(void **state)
{
	for (unsigned int independent_too = 0; independent_too < 2; independent_too++) {
		struct config *c = independent_too ? independent(CONFIG_NAT_FILTER_ADDRESS) : egress();
		struct flow_tuple t = udp("10.0.0.5", 40000, "198.51.100.7", 53);
		struct nat_verdict v;

		(void)state;
		c->nat.snat[0].max_sessions = 3;
		begin(c, 1);
		for (unsigned int i = 0; i < 3; i++) {
			t.dport = rte_cpu_to_be_16((uint16_t)(53 + i));
			opened(RIG_INSIDE, &t);
		}
		t.dport = rte_cpu_to_be_16(99);
		v = rig_new(&g, RIG_INSIDE, &t);
		assert_int_equal(v.next, FLOW_NEXT_ICMP);
		assert_int_equal(v.drop_reason, DROP_NAT_LIMIT);
		assert_int_equal(v.icmp_code, 13);
		g.rules->suppress_icmp = true; /* RFC 5508 REQ-9 */
		assert_int_equal(refused(RIG_INSIDE, &t), DROP_NAT_LIMIT);
		assert_int_equal(nat_use_rule(g.w[0], g.rules, 0)->limited, 2);
		if (independent_too) {
			struct flow_tuple in = udp("198.51.100.7", 7, "192.0.2.1", 40000);

			assert_int_equal(refused(RIG_OUTSIDE, &in), DROP_NAT_LIMIT);
		}
		/* Others are not touched. */
		t.src.bytes[3] = 6;
		opened(RIG_INSIDE, &t);
		/* What ends makes room. */
		rig_advance(&g, 303000);
		t.src.bytes[3] = 5;
		opened(RIG_INSIDE, &t);
		end();
	}
}

static void test_rate(void **state)
{
	struct config *c = egress();
	struct flow_tuple t = udp("10.0.0.5", 40000, "198.51.100.7", 53);
	unsigned int n = 0;

	(void)state;
	c->nat.snat[0].rate = 10;
	begin(c, 1);
	/* A second's worth at once, then ten a second. */
	for (unsigned int ms = 0; ms < 3000; ms += 5) {
		t.sport = rte_cpu_to_be_16((uint16_t)(40000 + ms));
		if (rig_new(&g, RIG_INSIDE, &t).next == FLOW_NEXT_REWRITE)
			n++;
		rig_advance(&g, 5);
	}
	assert_in_range(n, 39, 40);
	end();
}

/* An inside address that had sessions for more than half the clock's round goes in its time, too. */
static void test_old_host(void **state)
{
	struct config *c = egress();
	struct flow_tuple t = udp("10.0.0.5", 40000, "198.51.100.7", 53);
	struct nat_verdict v;
	uint32_t host;

	(void)state;
	c->nat.snat[0].max_sessions = 3;
	begin(c, 1);
	v = rig_new(&g, RIG_INSIDE, &t);
	host = g.w[0]->flows->cold[v.ref >> 1].parent;
	g.w[0]->flows->records[host].side[FLOW_ORIGINAL].seen_ms -= (1u << 31) + 10000;
	rig_advance(&g, 310000);
	assert_int_equal(g.w[0]->flows->used, 0);
	end();
}

/* --- who nobody asked for --- */

static void test_held_syn(void **state)
{
	struct flow_tuple in = tcp("198.51.100.7", 443, "192.0.2.1", 40000), t;
	struct rte_mbuf m[3] = {{.port = RIG_OUTSIDE}, {.port = RIG_OUTSIDE}, {.port = RIG_OUTSIDE}};
	struct rte_mbuf *pkts[4];
	struct flow_l4 l4 = rig_l4(&in);
	struct flow_tuple in6 = tcp("2001:db8:ffff::7", 443, "2001:db8::1", 40000);
	uint8_t next[4];
	bool v4;

	(void)state;
	begin(egress(), 1);
	assert_int_equal(nat_session_new(g.w[0], &m[0], &in, &l4, 0, NULL).next, FLOW_NEXT_HELD);
	in.dport = rte_cpu_to_be_16(40001);
	assert_int_equal(nat_session_new(g.w[0], &m[1], &in, &l4, 0, NULL).next, FLOW_NEXT_HELD);
	assert_int_equal(nat_session_new(g.w[0], &m[2], &in6, &l4, 0, NULL).next, FLOW_NEXT_HELD);
	/* The inside opens the first from its end. */
	t = tcp("10.0.0.5", 40000, "198.51.100.7", 443);
	opened(RIG_INSIDE, &t);
	g.w[0]->now_ms += 5999;
	assert_int_equal(nat_hold_due(g.w[0], pkts, next, 4, &v4), 0);
	g.w[0]->now_ms += 1;
	assert_int_equal(nat_hold_due(g.w[0], pkts, next, 4, &v4), 2);
	assert_true(v4);
	assert_ptr_equal(pkts[0], &m[0]);
	assert_int_equal(next[0], FLOW_NEXT_DROP);
	assert_int_equal(next[1], FLOW_NEXT_ICMP);
	assert_int_equal(pkt_meta(&m[1])->icmp_type, 3);
	assert_int_equal(pkt_meta(&m[1])->icmp_code, 3);
	assert_int_equal(pkt_meta(&m[1])->drop_reason, DROP_NAT_NO_MAPPING);
	assert_int_equal(nat_hold_due(g.w[0], pkts, next, 4, &v4), 1);
	assert_false(v4);
	assert_int_equal(pkt_meta(&m[2])->icmp_type, 1);
	assert_int_equal(pkt_meta(&m[2])->icmp_code, 4);
	/* Bounded. */
	for (unsigned int i = 0; i < 256; i++)
		assert_int_equal(nat_session_new(g.w[0], &m[0], &in, &l4, 0, NULL).next, FLOW_NEXT_HELD);
	assert_int_equal(nat_session_new(g.w[0], &m[0], &in, &l4, 0, NULL).drop_reason, DROP_NAT_NO_MAPPING);
	g.w[0]->now_ms += 6000;
	for (unsigned int i = 0; i < 256; i += 4)
		assert_int_equal(nat_hold_due(g.w[0], pkts, next, 4, &v4), 4);
	assert_int_equal(nat_hold_due(g.w[0], pkts, next, 4, &v4), 0);
	end();
}

/* An address that is nvad's own beside the pool's: what no session has is local. */
static void test_shared_address(void **state)
{
	struct flow_tuple in = tcp("198.51.100.7", 443, "192.0.2.1", 22);

	(void)state;
	begin(egress(), 1);
	rig_route(&g, "192.0.2.1/32", g.nh_local);
	assert_int_equal(rig_new(&g, RIG_OUTSIDE, &in).next, FLOW_NEXT_LOOKUP);
	end();
}

/* nvad's BGP sessions, from such an address or to it, are nobody else's. */
static void test_shared_address_bgp(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 2; i++) {
		struct flow_tuple t = tcp("10.0.0.5", 40000, "198.51.100.7", 179), in;

		begin(i ? independent(CONFIG_NAT_FILTER_ENDPOINT_INDEPENDENT) : egress(), 1);
		rig_route(&g, "192.0.2.1/32", g.nh_local);
		/* Its answers would be those of the kernel's connection from that port. */
		assert_int_equal(rig_new(&g, RIG_INSIDE, &t).drop_reason, DROP_NAT_NO_PORT);
		t.dport = rte_cpu_to_be_16(443);
		opened(RIG_INSIDE, &t);
		/* A binding for everybody, but not for these. */
		in = tcp("198.51.100.9", 179, "192.0.2.1", 40000);
		assert_int_equal(rig_new(&g, RIG_OUTSIDE, &in).next, FLOW_NEXT_LOOKUP);
		in = tcp("198.51.100.9", 40000, "192.0.2.1", 179);
		assert_int_equal(rig_new(&g, RIG_OUTSIDE, &in).next, FLOW_NEXT_LOOKUP);
		if (i) {
			in = tcp("198.51.100.9", 178, "192.0.2.1", 40000);
			opened(RIG_OUTSIDE, &in);
		}
		/* An address of translation's alone has no such sessions. */
		rig_route(&g, "192.0.2.1/32", g.nh_nat);
		t.dport = rte_cpu_to_be_16(179);
		opened(RIG_INSIDE, &t);
		end();
	}
}

/* RFC 4787 REQ-6: inbound packets need not keep a mapping. */
static void test_inbound_refresh(void **state)
{
	struct flow_tuple t = udp("10.0.0.5", 40000, "198.51.100.7", 53), in = udp("198.51.100.9", 1,
		"192.0.2.1", 40000);
	struct nat_verdict v;

	(void)state;
	begin(independent(CONFIG_NAT_FILTER_ENDPOINT_INDEPENDENT), 1);
	g.rules->inbound_refreshes = false;
	v = rig_new(&g, RIG_INSIDE, &t);
	assert_false(flow_side(g.w[0]->flows, v.ref)->flags & FLOW_F_NO_REFRESH);
	assert_true(flow_side(g.w[0]->flows, v.ref ^ 1)->flags & FLOW_F_NO_REFRESH);
	v = rig_new(&g, RIG_OUTSIDE, &in);
	assert_true(flow_side(g.w[0]->flows, v.ref)->flags & FLOW_F_NO_REFRESH);
	assert_false(flow_side(g.w[0]->flows, v.ref ^ 1)->flags & FLOW_F_NO_REFRESH);
	end();
}

/* With several workers the answer's tuple has the same owner. */
static void test_workers(void **state)
{
	uint64_t seed = unit_seed();

	(void)state;
	for (unsigned int workers = 1; workers <= RIG_WORKERS; workers++)
		for (unsigned int kind = 0; kind < 2; kind++) {
			struct config *c = kind ? independent(CONFIG_NAT_FILTER_ADDRESS) : egress();

			begin(c, workers);
			for (unsigned int i = 0; i < 300; i++) {
				uint8_t proto = i % 3 == 0 ? IPPROTO_ICMP : i % 3 == 1 ? IPPROTO_TCP
										       : IPPROTO_UDP;
				struct flow_tuple t = build_tuple(proto, "10.0.0.5",
					1024 + unit_random(&seed) % 64000, "198.51.100.7", 443), r;

				if (proto == IPPROTO_ICMP)
					t.dport = t.sport;
				r = opened(RIG_INSIDE, &t);
				assert_int_equal(nat_owner(g.rules, &r), nat_owner(g.rules, &t));
			}
			end();
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_snat),
		cmocka_unit_test(test_exempt_and_untouched),
		cmocka_unit_test(test_icmp),
		cmocka_unit_test(test_portless),
		cmocka_unit_test(test_midflow),
		cmocka_unit_test(test_stateful_port),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_dnat),
		cmocka_unit_test(test_dnat_by_source),
		cmocka_unit_test(test_dnat_range_and_prefix),
		cmocka_unit_test(test_dnat_with_snat),
		cmocka_unit_test(test_dnat_conflict),
		cmocka_unit_test(test_binding),
		cmocka_unit_test(test_peer_ends),
		cmocka_unit_test(test_hold_down),
		cmocka_unit_test(test_ended_binding),
		cmocka_unit_test(test_hairpin),
		cmocka_unit_test(test_hairpin_icmp),
		cmocka_unit_test(test_max_sessions),
		cmocka_unit_test(test_rate),
		cmocka_unit_test(test_old_host),
		cmocka_unit_test(test_held_syn),
		cmocka_unit_test(test_shared_address), cmocka_unit_test(test_shared_address_bgp),
		cmocka_unit_test(test_inbound_refresh),
		cmocka_unit_test(test_workers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
