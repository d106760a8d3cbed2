/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Whatever the rules make of a flow, both its directions have one owner. Random flows through a model
 * of what sessions do: the reply's tuple as it arrives after SNAT, DNAT, both, neither, and hairpins.
 */
#include "unit.h"

#include <netinet/in.h>

#include "rules_build.h"

#define FLOWS 200000

static uint64_t rnd;

static uint32_t below(uint32_t n)
{
	return (uint32_t)(unit_random(&rnd) % n);
}

static uint16_t any_port(void)
{
	/* Servers' ports of the rules among them, so that chance meets them. */
	static const uint16_t known[] = {0, 53, 80, 443, 5000, 8080, 8085, 8443, 9080, 40000, 65535};

	return below(3) == 0 ? known[below(RTE_DIM(known))] : (uint16_t)below(65536);
}

/* Every kind of rule, on two ports: p0 inside, p1 outside. */
static struct config *everything(void)
{
	struct config *c = build_config();
	size_t dependent = build_pool(c, "192.0.2.1 192.0.2.2");
	size_t independent = build_pool(c, "192.0.2.9");
	size_t v6 = build_pool(c, "2001:db8::1");
	struct config_dnat *d;

	build_snat(c, "10.0.0.0/8", "10.0.0.0/8 172.16.0.0/12", 0)->exempt = true;
	build_snat(c, "10.5.0.0/16", NULL, independent)->mapping = CONFIG_NAT_ENDPOINT_INDEPENDENT;
	build_snat(c, "10.0.0.0/8", NULL, dependent);
	build_snat(c, "fd00::/8", NULL, v6);
	d = build_dnat(c, "192.0.2.1", "10.1.0.10 10.1.0.11 10.5.0.12"); /* a pool's address too */
	d->port_first = d->port_last = 443;
	for (size_t i = 0; i < d->n_to; i++)
		d->to[i].port = 8443;
	d = build_dnat(c, "192.0.2.1", "10.1.0.10");
	d->port_first = 8080;
	d->port_last = 8089;
	d->to[0].port = 9080;
	d = build_dnat(c, "192.0.2.100", "10.1.0.20"); /* the whole address */
	d = build_dnat(c, "192.0.2.128/29", "10.2.0.8"); /* 1:1 */
	d = build_dnat(c, "192.0.2.101", "10.1.0.10"); /* and another way to a backend from above */
	d->match.protocols = CONFIG_UDP;
	d->port_first = d->port_last = 53;
	d->has_snat = true;
	d->snat_pool = dependent;
	d = build_dnat(c, "2001:db8::80", "fd00::10 fd00::11");
	d->port_first = d->port_last = 443;
	return c;
}

static struct ip_addr any_addr(bool v6)
{
	static const char *const known4[] = {"192.0.2.100", "192.0.2.101", "10.1.0.10", "10.1.0.11",
		"10.5.0.12", "10.1.0.20", "10.2.0.8", "10.2.0.9", "10.5.1.1", "10.5.1.2", "10.9.9.9",
		"192.0.2.128", "192.0.2.131", "192.0.2.1", "203.0.113.7", "172.16.1.1"};
	static const char *const known6[] = {"2001:db8::80", "fd00::10", "fd00::11", "fd00::1",
		"fd00::2", "2001:db8:1::1"};

	return v6 ? build_addr(known6[below(RTE_DIM(known6))])
		  : build_addr(known4[below(RTE_DIM(known4))]);
}

/* A port that an allocation of the owner could have given: no DNAT endpoint. 0: there is none. */
static uint16_t allocate(const struct nat_ruleset *r, const struct nat_pool *p,
	const struct ip_addr *addr, uint8_t proto, unsigned int owner)
{
	for (unsigned int tries = 0; tries < 1000; tries++) {
		uint16_t port = (uint16_t)(p->port_first + below(p->port_last - p->port_first + 1u));

		if (nat_port_owner(port, r->workers) == owner &&
			!nat_is_dnat_endpoint(r, addr, proto, rte_cpu_to_be_16(port)))
			return port;
	}
	return 0;
}

static struct ip_addr plus(const struct ip_addr *base, uint8_t n)
{
	struct ip_addr a = *base;

	a.bytes[ip_family_bits(a.family) / 8 - 1] += n;
	return a;
}

/* The reply's tuple as it will arrive. false: not a flow that this test speaks of. */
static bool reply_of(const struct nat_ruleset *r, const struct flow_tuple *t, uint16_t ingress,
	struct flow_tuple *ret_reply)
{
	uint16_t dnat = nat_match_dnat(r, ingress, t), snat = nat_match_snat(r, ingress, t);
	uint16_t pool = NAT_POOL_NONE;
	struct flow_tuple reply = flow_tuple_swapped(t);

	if (nat_is_pool_address(r, &t->src))
		return false; /* nobody sends from there */
	if (dnat != NAT_RULE_NONE) {
		const struct nat_rule *rule = &r->rules[dnat];
		const struct nat_backend *b = &rule->backends[below(rule->n_backends)];
		const struct ip_prefix *from = &rule->destination.list[0];
		unsigned int last = ip_family_bits(t->dst.family) / 8 - 1;

		reply.src = plus(&b->addr, t->dst.bytes[last] - from->addr.bytes[last]);
		if (b->port != 0)
			reply.sport = rte_cpu_to_be_16((uint16_t)(b->port +
				rte_be_to_cpu_16(t->dport) - rule->port_first));
		pool = rule->pool;
	} else if (nat_is_pool_address(r, &t->dst)) {
		return false; /* to a binding: that has a test of its own */
	}
	if (pool == NAT_POOL_NONE && snat != NAT_RULE_NONE)
		pool = r->rules[snat].pool; /* of an exempt rule: none */
	if (pool != NAT_POOL_NONE) {
		const struct nat_pool *p = &r->pools[pool];

		reply.dst = p->addresses[below(p->n_addresses)];
		reply.dport = rte_cpu_to_be_16(
			allocate(r, p, &reply.dst, t->proto, nat_owner(r, t)));
		if (reply.dport == 0)
			return false;
		if (t->proto == IPPROTO_ICMP || t->proto == IPPROTO_ICMPV6)
			reply.sport = reply.dport; /* one identifier */
	}
	*ret_reply = reply;
	return true;
}

static void fail_flow(const struct flow_tuple *t, const struct flow_tuple *reply, unsigned int a,
	unsigned int b, unsigned int workers)
{
	fail_msg("proto %u, %u workers: %s:%u -> %s:%u is of %u, %s:%u -> %s:%u of %u", t->proto, workers,
		IP_ADDR_TEXT(&t->src), rte_be_to_cpu_16(t->sport), IP_ADDR_TEXT(&t->dst),
		rte_be_to_cpu_16(t->dport), a, IP_ADDR_TEXT(&reply->src),
		rte_be_to_cpu_16(reply->sport), IP_ADDR_TEXT(&reply->dst),
		rte_be_to_cpu_16(reply->dport), b);
}

static struct flow_tuple any_tuple(bool v6)
{
	static const uint8_t protos[] = {IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP};
	struct flow_tuple t = {.src = any_addr(v6), .dst = any_addr(v6), .proto = protos[below(3)],
		.sport = rte_cpu_to_be_16(any_port()), .dport = rte_cpu_to_be_16(any_port())};

	if (t.proto == IPPROTO_ICMP) {
		t.dport = t.sport;
		if (v6)
			t.proto = IPPROTO_ICMPV6;
	}
	return t;
}

static void test_both_directions(void **state)
{
	struct config *c = everything();
	unsigned int translated = 0, plain = 0, both = 0, spread[8] = {0};
	(void)state;

	for (unsigned int workers = 1; workers <= 8; workers++) {
		struct nat_ruleset *r = build_rules(c, workers);

		for (unsigned int i = 0; i < FLOWS / 8; i++) {
			struct flow_tuple t = any_tuple(below(4) == 0), reply;
			unsigned int a = nat_owner(r, &t), b;

			assert_true(a < workers);
			if (!reply_of(r, &t, build_port_ids[below(2)], &reply))
				continue;
			b = nat_owner(r, &reply);
			if (a != b)
				fail_flow(&t, &reply, a, b, workers);
			spread[a] += workers == 8;
			if (!ip_addr_equal(&t.src, &reply.dst) && !ip_addr_equal(&t.dst, &reply.src))
				both++;
			else if (!ip_addr_equal(&t.src, &reply.dst) || !ip_addr_equal(&t.dst, &reply.src))
				translated++;
			else
				plain++;
		}
		nat_ruleset_free(r);
	}
	assert_true(translated > FLOWS / 10 && plain > FLOWS / 20 && both > FLOWS / 100);
	for (unsigned int i = 0; i < 8; i++)
		assert_true(spread[i] > FLOWS / 8 / 40);
	build_free(c);
}

/* Endpoint-independent: wherever the inside sends to, and whoever sends to the binding, one owner. */
static void test_bindings(void **state)
{
	struct config *c = everything();
	(void)state;

	for (unsigned int workers = 1; workers <= 8; workers++) {
		struct nat_ruleset *r = build_rules(c, workers);
		const struct nat_pool *pool = &r->pools[1];

		for (unsigned int i = 0; i < FLOWS / 8; i++) {
			struct flow_tuple out = build_tuple(IPPROTO_UDP, "10.5.7.7", any_port(),
				below(2) != 0 ? "203.0.113.7" : "198.51.100.9", any_port());
			unsigned int owner = nat_owner(r, &out);
			struct flow_tuple in = {.src = build_addr("203.0.113.99"), .dst = pool->addresses[0],
				.proto = IPPROTO_UDP, .sport = rte_cpu_to_be_16(any_port())};

			assert_int_equal(owner,
				nat_port_owner(rte_be_to_cpu_16(out.sport), workers));
			in.dport = rte_cpu_to_be_16(
				allocate(r, pool, &in.dst, IPPROTO_UDP, owner));
			assert_int_equal(nat_owner(r, &in), owner);
			/* The answer to that one, from the inside. */
			out.dst = in.src;
			out.dport = in.sport;
			assert_int_equal(nat_owner(r, &out), owner);
		}
		nat_ruleset_free(r);
	}
	build_free(c);
}

/* Hosts that are also reached by addresses of their own, all ports; with rules that change ports beside
 * them, or without. */
static void test_bindings_of_backends(void **state)
{
	(void)state;
	for (unsigned int k = 0; k < 4; k++) {
		struct config *c = build_config();
		struct config_dnat *d;

		build_snat(c, "10.5.0.0/16", NULL, build_pool(c, "192.0.2.9"))->mapping =
			CONFIG_NAT_ENDPOINT_INDEPENDENT;
		build_dnat(c, "192.0.2.100", "10.5.0.12");
		if (k & 1)
			build_dnat(c, "192.0.2.101", "10.5.0.12 10.1.0.7");
		if (k & 2) {
			d = build_dnat(c, "192.0.2.102", "10.5.0.12");
			d->port_first = d->port_last = 443;
			d->to[0].port = 8443;
		}
		for (unsigned int workers = 2; workers <= 8; workers++) {
			struct nat_ruleset *r = build_rules(c, workers);

			for (unsigned int i = 0; i < FLOWS / 32; i++) {
				struct flow_tuple a = build_tuple(IPPROTO_UDP, "10.5.0.12", any_port(),
					"203.0.113.7", any_port()), b = a;

				b.dst = build_addr(below(2) != 0 ? "203.0.113.7" : "198.51.100.9");
				b.dport = rte_cpu_to_be_16(any_port());
				assert_int_equal(nat_owner(r, &a), nat_owner(r, &b));
			}
			nat_ruleset_free(r);
		}
		build_free(c);
	}
}

/* A hairpin to a binding: the binding's own external port decides, and the source's new port is from
 * the same worker's slice. */
static void test_hairpin_to_binding(void **state)
{
	struct config *c = everything();
	(void)state;

	for (unsigned int workers = 1; workers <= 8; workers++) {
		struct nat_ruleset *r = build_rules(c, workers);
		const struct nat_pool *pool = &r->pools[1];

		for (unsigned int i = 0; i < FLOWS / 8; i++) {
			unsigned int target = below(workers), owner;
			uint16_t port = allocate(r, pool, &pool->addresses[0], IPPROTO_UDP, target);
			struct flow_tuple t = {.src = build_addr("10.5.1.1"), .dst = pool->addresses[0],
				.proto = IPPROTO_UDP, .sport = rte_cpu_to_be_16(any_port()),
				.dport = rte_cpu_to_be_16(port)};
			struct flow_tuple reply = {.src = build_addr("10.5.1.2"),
				.dst = pool->addresses[0], .proto = IPPROTO_UDP,
				.sport = rte_cpu_to_be_16(any_port())};

			owner = nat_owner(r, &t);
			assert_int_equal(owner, target);
			reply.dport = rte_cpu_to_be_16(
				allocate(r, pool, &reply.dst, IPPROTO_UDP, owner));
			assert_int_equal(nat_owner(r, &reply), owner);
		}
		nat_ruleset_free(r);
	}
	build_free(c);
}

/* Random rules, to meet what everything() does not think of: endpoints that rules share in any way. */
static void test_random_rules(void **state)
{
	static const char *const outside[] = {"192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"};
	static const char *const inside[] = {"10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.1 10.0.0.2",
		"10.0.0.3 10.0.0.4"};
	(void)state;

	for (unsigned int round = 0; round < 300; round++) {
		struct config *c = build_config();
		unsigned int workers = 2 + below(7);
		struct nat_ruleset *r;

		if (below(3) == 0)
			build_snat(c, "10.0.0.0/31", NULL, build_pool(c, "192.0.2.8"))->mapping =
				CONFIG_NAT_ENDPOINT_INDEPENDENT;
		if (below(2) != 0)
			build_snat(c, "10.0.0.0/30", NULL, build_pool(c, "192.0.2.1 192.0.2.7"));
		for (unsigned int i = 1 + below(4); i > 0; i--) {
			struct config_dnat *d = build_dnat(c, outside[below(4)], inside[below(5)]);

			if (below(3) == 0)
				continue;
			d->port_first = (uint16_t)(1 + below(4) * 200);
			d->port_last = (uint16_t)(d->port_first + below(300));
			for (size_t k = 0; k < d->n_to && below(2) != 0; k++)
				d->to[k].port = (uint16_t)(1 + below(500));
		}
		r = build_rules(c, workers);
		for (unsigned int i = 0; i < 2000; i++) {
			struct flow_tuple t = build_tuple(IPPROTO_TCP, below(2) != 0 ? "10.0.0.1" :
				inside[below(3)], (uint16_t)below(1000), below(2) != 0 ? outside[below(4)] :
				inside[below(3)], (uint16_t)below(1000)), reply;

			if (below(4) == 0)
				t.src = build_addr("203.0.113.7");
			if (!reply_of(r, &t, build_port_ids[0], &reply))
				continue;
			if (nat_owner(r, &t) != nat_owner(r, &reply))
				fail_flow(&t, &reply, nat_owner(r, &t), nat_owner(r, &reply), workers);
		}
		nat_ruleset_free(r);
		build_free(c);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_both_directions),
		cmocka_unit_test(test_bindings),
		cmocka_unit_test(test_bindings_of_backends),
		cmocka_unit_test(test_hairpin_to_binding),
		cmocka_unit_test(test_random_rules),
	};

	rnd = unit_seed();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
