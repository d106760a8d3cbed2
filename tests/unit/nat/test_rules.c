/* SPDX-License-Identifier: BSD-3-Clause */
/* The rules as workers see them: which matches, backends by rendezvous, addresses, shares, texts. */
#include "unit.h"

#include <netinet/in.h>
#include <rte_cycles.h>

#include "rules_build.h"

/* p0 has ethdev id 5, p1 0, p2 31. */
#define IN 5
#define OUT 0

static void test_first_match(void **state)
{
	struct config *c = build_config();
	struct nat_ruleset *r;
	struct flow_tuple t;
	(void)state;

	build_pool(c, "192.0.2.1");
	build_pool(c, "2001:db8::1");
	build_snat(c, "10.0.0.0/8", "10.0.0.0/8 fd00::/8 172.16.0.0/12", 0)->exempt = true;
	build_snat(c, "10.1.0.0/16", NULL, 0)->match.protocols = CONFIG_UDP | CONFIG_OTHER;
	build_snat(c, NULL, NULL, 0)->match.ports = 1; /* p0 */
	build_snat(c, "fd00:5::/33 fd00:7::7", NULL, 1);
	build_snat(c, NULL, "::/0", 0)->exempt = true;
	r = build_rules(c, 1);

	t = build_tuple(IPPROTO_TCP, "10.1.2.3", 1, "172.31.255.255", 2);
	assert_int_equal(nat_match_snat(r, OUT, &t), 0);
	t.dst = build_addr("172.32.0.0");
	assert_int_equal(nat_match_snat(r, OUT, &t), NAT_RULE_NONE);
	assert_int_equal(nat_match_snat(r, IN, &t), 2);
	assert_int_equal(nat_match_snat(r, 31, &t), NAT_RULE_NONE);
	assert_int_equal(nat_match_snat(r, 32, &t), NAT_RULE_NONE); /* no port at all */
	t.proto = IPPROTO_UDP;
	assert_int_equal(nat_match_snat(r, OUT, &t), 1);
	t.proto = IPPROTO_GRE;
	assert_int_equal(nat_match_snat(r, OUT, &t), 1);
	t.proto = IPPROTO_ICMP;
	assert_int_equal(nat_match_snat(r, OUT, &t), NAT_RULE_NONE);

	/* A pool of IPv4 addresses is not for IPv6; an exemption is for both. */
	t = build_tuple(IPPROTO_TCP, "fd00:5:0:0:7fff::", 1, "2001:db8:9::", 2);
	assert_int_equal(nat_match_snat(r, IN, &t), 3);
	t.src = build_addr("fd00:5:0:0:8000::"); /* still in the /33 */
	assert_int_equal(nat_match_snat(r, IN, &t), 3);
	t.src = build_addr("fd00:5:8000::"); /* the 33rd bit */
	assert_int_equal(nat_match_snat(r, IN, &t), 4);
	t.src = build_addr("fd00:7::7");
	assert_int_equal(nat_match_snat(r, IN, &t), 3);
	t.src = build_addr("fd00:7::8");
	assert_int_equal(nat_match_snat(r, IN, &t), 4);
	nat_ruleset_free(r);
	build_free(c);
}

static void test_dnat_match(void **state)
{
	struct config *c = build_config();
	struct config_dnat *d;
	struct nat_ruleset *r;
	struct flow_tuple t;
	(void)state;

	build_pool(c, "192.0.2.1");
	build_snat(c, "10.0.0.0/8", NULL, 0);
	d = build_dnat(c, "192.0.2.1", "10.1.0.10");
	d->port_first = 8000;
	d->port_last = 8010;
	d = build_dnat(c, "192.0.2.1", "10.1.0.11");
	d->match.n_source = build_prefixes("203.0.113.0/24", (free(d->match.source), &d->match.source));
	d->match.ports = 2; /* p1 */
	build_dnat(c, "192.0.2.64/30", "10.3.0.0");
	r = build_rules(c, 2);
	assert_int_equal(r->n_snat, 1);
	assert_int_equal(r->n_rules, 4);

	t = build_tuple(IPPROTO_TCP, "203.0.113.9", 999, "192.0.2.1", 8000);
	assert_int_equal(nat_match_dnat(r, OUT, &t), 1);
	t.dport = rte_cpu_to_be_16(8010);
	assert_int_equal(nat_match_dnat(r, IN, &t), 1);
	t.dport = rte_cpu_to_be_16(8011);
	assert_int_equal(nat_match_dnat(r, OUT, &t), 2);
	assert_int_equal(nat_match_dnat(r, IN, &t), NAT_RULE_NONE);
	t.src = build_addr("203.0.114.9");
	assert_int_equal(nat_match_dnat(r, OUT, &t), NAT_RULE_NONE);
	/* A range of ports is one of TCP and UDP: an identifier is no port. */
	t.dport = t.sport = rte_cpu_to_be_16(8000);
	t.proto = IPPROTO_ICMP;
	assert_int_equal(nat_match_dnat(r, OUT, &t), NAT_RULE_NONE);
	t.dst = build_addr("192.0.2.67");
	assert_int_equal(nat_match_dnat(r, OUT, &t), 3);
	t.dst = build_addr("192.0.2.68");
	assert_int_equal(nat_match_dnat(r, OUT, &t), NAT_RULE_NONE);
	t.dst = build_addr("10.1.0.10"); /* a backend, reached as itself */
	assert_int_equal(nat_match_dnat(r, OUT, &t), NAT_RULE_NONE);

	t.dst = build_addr("192.0.2.1");
	assert_true(nat_is_dnat_endpoint(r, &t.dst, IPPROTO_UDP, rte_cpu_to_be_16(8005)));
	assert_true(nat_is_dnat_endpoint(r, &t.dst, IPPROTO_GRE, 0)); /* the second rule's */
	t.dst = build_addr("10.1.0.10");
	assert_false(nat_is_dnat_endpoint(r, &t.dst, IPPROTO_UDP, rte_cpu_to_be_16(8005)));
	nat_ruleset_free(r);
	build_free(c);
}

static void count_address(void *arg, const struct ip_addr *a)
{
	char *seen = arg;

	strcat(seen, " ");
	strcat(seen, IP_ADDR_TEXT(a));
}

static void test_addresses(void **state)
{
	static const char *const all[] = {"192.0.2.1", "192.0.2.64", "192.0.2.65", "192.0.2.66",
		"192.0.2.67", "2001:db8::1"};
	struct config *c = build_config();
	char seen[400] = "";
	struct nat_ruleset *r;
	size_t len = 0;
	(void)state;

	build_pool(c, "192.0.2.1");
	build_pool(c, "2001:db8::1");
	build_dnat(c, "192.0.2.1", "10.1.0.10");
	build_dnat(c, "192.0.2.64/30", "10.3.0.0");
	r = build_rules(c, 1);
	nat_ruleset_addresses(r, count_address, seen);
	for (size_t i = 0; i < RTE_DIM(all); i++) {
		struct ip_addr a = build_addr(all[i]);

		assert_non_null(strstr(seen, all[i]));
		len += 1 + strlen(all[i]);
		assert_true(nat_is_address(r, &a));
		assert_int_equal(nat_is_pool_address(r, &a), i == 0 || i == 5);
	}
	assert_int_equal(strlen(seen), len); /* each once, and no backend */
	assert_false(nat_is_address(r, &(struct ip_addr){.family = IP_V4, .bytes = {10, 1, 0, 10}}));
	/* The same bytes in the other family. */
	assert_false(nat_is_address(r, &(struct ip_addr){.family = IP_V6, .bytes = {192, 0, 2, 1}}));
	nat_ruleset_free(r);
	build_free(c);
}

/* The address that each bucket leads to. */
static void owners(const char *backends, struct ip_addr ret[NAT_BACKEND_BUCKETS])
{
	struct config *c = build_config();
	struct nat_ruleset *r;

	build_dnat(c, "192.0.2.1", backends);
	r = build_rules(c, 1);
	for (unsigned int i = 0; i < NAT_BACKEND_BUCKETS; i++)
		ret[i] = r->rules[0].backends[r->rules[0].buckets[i]].addr;
	nat_ruleset_free(r);
	build_free(c);
}

static void test_rendezvous(void **state)
{
	struct ip_addr a[NAT_BACKEND_BUCKETS], b[NAT_BACKEND_BUCKETS], less[NAT_BACKEND_BUCKETS];
	struct ip_addr gone = build_addr("10.0.0.2");
	unsigned int count = 0;
	(void)state;

	owners("10.0.0.1 10.0.0.2 10.0.0.3 10.0.0.4", a);
	owners("10.0.0.4 10.0.0.1 10.0.0.3 10.0.0.2", b);
	assert_memory_equal(a, b, sizeof(a));
	owners("10.0.0.1 10.0.0.3 10.0.0.4", less);
	for (unsigned int i = 0; i < NAT_BACKEND_BUCKETS; i++) {
		if (ip_addr_equal(&a[i], &gone)) {
			count++;
			assert_false(ip_addr_equal(&less[i], &gone));
		} else {
			assert_true(ip_addr_equal(&a[i], &less[i]));
		}
	}
	assert_in_range(count, 40, 90); /* 64 of 256 if it were exact */
}

static void test_ports_to_watch(void **state)
{
	struct config *c = build_config();
	struct config_dnat *d;
	struct nat_ruleset *r;
	uint32_t all = 1u << 5 | 1u << 0 | 1u << 31;
	(void)state;

	r = build_rules(c, 1);
	assert_int_equal(r->flow_ports, 0); /* without rules nothing enters */
	nat_ruleset_free(r);

	build_pool(c, "192.0.2.1");
	build_snat(c, NULL, "10.0.0.0/8", 0)->exempt = true;
	build_snat(c, NULL, NULL, 0)->match.ports = 1u << 2; /* p2: id 31 */
	d = build_dnat(c, "192.0.2.9", "10.0.0.9");
	d->has_snat = true;
	r = build_rules(c, 1);
	assert_int_equal(r->flow_ports, 1u << 31);
	assert_int_equal(r->stateful_ports, 0);
	nat_ruleset_free(r);

	d->snat_hairpin_only = true;
	r = build_rules(c, 1);
	assert_int_equal(r->flow_ports, all);
	nat_ruleset_free(r);

	d->snat_hairpin_only = false;
	c->ports[1].stateful = true;
	r = build_rules(c, 1);
	assert_int_equal(r->flow_ports, all);
	assert_int_equal(r->stateful_ports, 1u << 0);
	nat_ruleset_free(r);

	c->ports[1].stateful = false;
	c->nat.snat[1].match.ports = 0;
	r = build_rules(c, 1);
	assert_int_equal(r->flow_ports, all);
	nat_ruleset_free(r);
	build_free(c);
}

static void test_shares_and_switches(void **state)
{
	struct config *c = build_config();
	struct nat_ruleset *r;
	(void)state;

	build_pool(c, "192.0.2.1");
	build_pool(c, "192.0.2.2");
	build_snat(c, "10.0.0.0/8", NULL, 1);
	c->nat.snat[0].max_sessions = 1000;
	c->nat.snat[0].rate = 1;
	c->nat.snat[0].mapping = CONFIG_NAT_ENDPOINT_INDEPENDENT;
	c->flows = (struct config_flows){.tcp_established_s = 7440, .udp_s = 300, .icmp_s = 60,
		.adopt_midflow = true};
	r = build_rules(c, 3);
	assert_int_equal(r->rules[0].max_sessions, 334);
	assert_int_equal(r->rules[0].rate, 1); /* rounded up: never to "no limit" */
	assert_false(r->pools[0].endpoint_independent);
	assert_true(r->pools[1].endpoint_independent);
	assert_int_equal(r->timeouts.tcp_established_ms, 7440000);
	assert_true(r->adopt_midflow && !r->tcp_window);
	nat_ruleset_free(r);
	build_free(c);
}

static void check_text(const struct nat_ruleset *r, unsigned int rule, const char *match,
	const char *action)
{
	char m[200], a[200];

	nat_rule_text(r, &r->rules[rule], m, a, sizeof(m));
	assert_string_equal(m, match);
	assert_string_equal(a, action);
}

static void test_texts(void **state)
{
	struct config *c = build_config();
	struct config_snat *s;
	struct config_dnat *d;
	struct nat_ruleset *r;
	char m[24], a[24];
	(void)state;

	build_pool(c, "192.0.2.1");
	build_snat(c, NULL, NULL, 0)->exempt = true;
	s = build_snat(c, "10.0.0.0/8 172.16.0.1", NULL, 0);
	s->match.ports = 5;
	s->match.protocols = CONFIG_TCP | CONFIG_ICMP;
	s->mapping = CONFIG_NAT_ENDPOINT_INDEPENDENT;
	s->filtering = CONFIG_NAT_FILTER_ADDRESS;
	s->port_selection = CONFIG_NAT_PORTS_RANDOM;
	s->max_sessions = 1000;
	s->rate = 7;
	d = build_dnat(c, "192.0.2.1", "10.1.0.10 10.1.0.11");
	d->port_first = 8000;
	d->port_last = 8010;
	d->to[1].port = 9000;
	d->by_source = true;
	d->has_snat = true;
	d->snat_hairpin_only = true;
	d = build_dnat(c, "2001:db8::/126", "fd00::4");
	d = build_dnat(c, "2001:db8::9", "fd00::9");
	d->port_first = d->port_last = 443;
	d->to[0].port = 8443;
	r = build_rules(c, 2);
	check_text(r, 0, "any", "exempt");
	check_text(r, 1, "tcp, icmp from 10.0.0.0/8, 172.16.0.1 by p0, p2",
		"snat from pool0, endpoint-independent, filtering address, random ports, "
		"at most 1000 sessions an address, at most 7 new a second and address");
	check_text(r, 2, "tcp, udp to 192.0.2.1 port 8000-8010",
		"to 10.1.0.10, 10.1.0.11:9000 by source, snat from pool0 in hairpins");
	check_text(r, 3, "to 2001:db8::/126", "to fd00::4/126");
	check_text(r, 4, "tcp, udp to 2001:db8::9 port 443", "to [fd00::9]:8443");
	nat_rule_text(r, &r->rules[2], m, a, sizeof(m));
	assert_string_equal(m, "tcp, udp to 192.0.2....");
	assert_string_equal(a, "to 10.1.0.10, 10.1.0...");
	nat_ruleset_free(r);
	build_free(c);
}

/* --- against a slow model --- */

static uint16_t model_snat(const struct config *c, size_t port, const struct flow_tuple *t)
{
	uint8_t bit = t->proto == IPPROTO_TCP ? CONFIG_TCP : t->proto == IPPROTO_UDP ? CONFIG_UDP
		: CONFIG_ICMP;

	for (size_t i = 0; i < c->nat.n_snat; i++) {
		const struct config_snat *s = &c->nat.snat[i];
		bool src = s->match.n_source == 0, dst = s->match.n_destination == 0;

		for (size_t k = 0; k < s->match.n_source; k++)
			src |= ip_prefix_contains(&s->match.source[k], &t->src);
		for (size_t k = 0; k < s->match.n_destination; k++)
			dst |= ip_prefix_contains(&s->match.destination[k], &t->dst);
		if (src && dst && (s->match.ports == 0 || (s->match.ports & 1u << port) != 0) &&
			(s->match.protocols == 0 || (s->match.protocols & bit) != 0) &&
			(s->exempt || c->nat.pools[s->pool].addresses[0].family == t->src.family))
			return (uint16_t)i;
	}
	return NAT_RULE_NONE;
}

static struct ip_addr random_addr(uint64_t *rnd, bool v6)
{
	/* Few different bits, all over the address: prefixes of all lengths are met and missed. */
	struct ip_addr a = {.family = v6 ? IP_V6 : IP_V4};

	for (unsigned int i = 0; i < (v6 ? 16u : 4u); i++)
		a.bytes[i] = (uint8_t)(unit_random(rnd) & 0x81);
	return a;
}

static void random_prefixes(uint64_t *rnd, struct ip_prefix **ret_list, size_t *ret_n)
{
	*ret_n = build_prefixes(NULL, ret_list);
	for (unsigned int n = unit_random(rnd) % 3; n > 0; n--) {
		struct ip_prefix p = {.addr = random_addr(rnd, unit_random(rnd) % 2 != 0)};

		p.len = (uint8_t)(unit_random(rnd) % (p.addr.family == IP_V6 ? 20 : 12));
		ip_prefix_canonicalise(&p);
		(*ret_list)[(*ret_n)++] = p;
	}
}

static void test_random_match(void **state)
{
	static const uint8_t protos[] = {IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP};
	uint64_t rnd = unit_seed();
	unsigned int hits = 0;
	(void)state;

	for (unsigned int round = 0; round < 300; round++) {
		struct config *c = build_config();
		struct nat_ruleset *r;

		build_pool(c, "192.0.2.1");
		build_pool(c, "2001:db8::1");
		for (unsigned int i = unit_random(&rnd) % 12; i > 0; i--) {
			struct config_snat *s = &c->nat.snat[c->nat.n_snat++];

			random_prefixes(&rnd, &s->match.source, &s->match.n_source);
			random_prefixes(&rnd, &s->match.destination, &s->match.n_destination);
			s->pool = unit_random(&rnd) % 2;
			s->exempt = unit_random(&rnd) % 3 == 0;
			s->match.ports = unit_random(&rnd) % 3 != 0 ? unit_random(&rnd) % 8 : 0;
			s->match.protocols = unit_random(&rnd) % 3 != 0 ? unit_random(&rnd) % 8 : 0;
		}
		r = build_rules(c, 1);
		for (unsigned int i = 0; i < 500; i++) {
			bool v6 = unit_random(&rnd) % 2 != 0;
			struct flow_tuple t = {.src = random_addr(&rnd, v6), .dst = random_addr(&rnd, v6),
				.proto = protos[unit_random(&rnd) % 3]};
			size_t port = unit_random(&rnd) % BUILD_PORTS;
			uint16_t want = model_snat(c, port, &t);

			assert_int_equal(nat_match_snat(r, build_port_ids[port], &t), want);
			hits += want != NAT_RULE_NONE;
		}
		nat_ruleset_free(r);
		build_free(c);
	}
	assert_in_range(hits, 20000, 140000);
}

/* Printed, not asserted: machines differ. What the first packet of a flow pays. */
static void test_ticks(void **state)
{
	struct config *c = build_config();
	struct nat_ruleset *r;
	struct flow_tuple t[64];
	uint64_t best[3] = {UINT64_MAX, UINT64_MAX, UINT64_MAX}, sum = 0;
	(void)state;

	build_pool(c, "192.0.2.1");
	build_snat(c, "10.0.0.0/8", "10.0.0.0/8 172.16.0.0/12 192.168.0.0/16", 0)->exempt = true;
	build_snat(c, "10.9.0.0/16", NULL, 0)->match.protocols = CONFIG_UDP;
	build_snat(c, "10.0.0.0/8", NULL, 0)->match.ports = 1;
	build_dnat(c, "192.0.2.9", "10.1.0.10");
	r = build_rules(c, 2);
	for (unsigned int i = 0; i < RTE_DIM(t); i++)
		t[i] = build_tuple(IPPROTO_TCP, "10.1.2.3", (uint16_t)(1024 + 77 * i), "198.51.100.7",
			(uint16_t)(80 + i));
	for (unsigned int round = 0; round < 2000; round++) {
		uint64_t t0 = rte_rdtsc(), t1, t2, t3;

		for (unsigned int i = 0; i < RTE_DIM(t); i++)
			sum += nat_match_snat(r, IN, &t[i]);
		t1 = rte_rdtsc();
		for (unsigned int i = 0; i < RTE_DIM(t); i++)
			sum += nat_match_dnat(r, IN, &t[i]);
		t2 = rte_rdtsc();
		for (unsigned int i = 0; i < RTE_DIM(t); i++)
			sum += nat_owner(r, &t[i]);
		t3 = rte_rdtsc();
		best[0] = RTE_MIN(best[0], t1 - t0);
		best[1] = RTE_MIN(best[1], t2 - t1);
		best[2] = RTE_MIN(best[2], t3 - t2);
	}
	assert_true(sum > 0);
	print_message("ticks: snat match %.1f, dnat match %.1f, owner %.1f\n", best[0] / 64.0,
		best[1] / 64.0, best[2] / 64.0);
	nat_ruleset_free(r);
	build_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first_match),
		cmocka_unit_test(test_dnat_match),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_rendezvous),
		cmocka_unit_test(test_ports_to_watch),
		cmocka_unit_test(test_shares_and_switches),
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_random_match),
		cmocka_unit_test(test_ticks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
