/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * External endpoints at every fill: what is handed out is allowed and free, and as long as one is, it
 * is found (small ranges; of large ones, with the certainty that the bound leaves).
 */
#include "session_rig.h"

#include <rte_cycles.h>

#define REMOTE "198.51.100.7"

struct shape {
	unsigned int workers, addresses;
	uint16_t lo, hi;
	uint8_t proto;
	bool v6;
};

static struct nat_ruleset *rules_of(const struct shape *s, bool with_dnat)
{
	static const char *v4[] = {"192.0.2.1", "192.0.2.1 192.0.2.2", "192.0.2.1 192.0.2.2 192.0.2.3"};
	static const char *v6[] = {"2001:db8::1", "2001:db8::1 2001:db8::2", "2001:db8::1 2001:db8::2 2001:db8::3"};
	struct config *c = build_config();
	struct nat_ruleset *r;

	build_pool(c, (s->v6 ? v6 : v4)[s->addresses - 1]);
	c->nat.pools[0].port_first = s->lo;
	c->nat.pools[0].port_last = s->hi;
	build_snat(c, s->v6 ? "fd00::/8" : "10.0.0.0/8", NULL, 0);
	if (with_dnat) {
		struct config_dnat *d = build_dnat(c, s->v6 ? "2001:db8::1" : "192.0.2.1",
			s->v6 ? "fd00::99" : "10.0.0.99");

		d->port_first = d->port_last = s->lo;
		d->match.protocols = CONFIG_TCP | CONFIG_UDP;
		d->to[0].port = 80;
	}
	r = build_rules(c, s->workers);
	build_free(c);
	return r;
}

static struct flow_tuple inside(const struct shape *s, unsigned int host, uint16_t sport)
{
	struct flow_tuple t = s->v6 ? build_tuple(s->proto, "fd00::", 0, "2001:db8:ffff::7", 0)
				    : build_tuple(s->proto, "10.0.0.0", 0, REMOTE, 0);
	unsigned int last = s->v6 ? 15 : 3;

	t.src.bytes[last] = (uint8_t)host;
	t.src.bytes[last - 1] = (uint8_t)(host >> 8);
	t.sport = rte_cpu_to_be_16(sport);
	t.dport = s->proto == IPPROTO_ICMP ? t.sport : rte_cpu_to_be_16(443);
	if (s->proto == IPPROTO_GRE)
		t.sport = t.dport = 0;
	return t;
}

/* In range, slice and class, in the simplest words. */
static bool in_range(const struct shape *s, unsigned int worker, uint16_t own, uint16_t port)
{
	bool classes = s->proto != IPPROTO_ICMP && s->lo < 1024 && s->hi >= 1024;

	return port >= s->lo && port <= s->hi && port / 64 % s->workers == worker &&
		!(classes && (own < 1024) != (port < 1024));
}

/* claimed: DNAT has the first port of this address. */
static bool is_allowed(const struct shape *s, unsigned int worker, uint16_t own, uint16_t port,
	bool claimed)
{
	bool ports = s->proto == IPPROTO_TCP || s->proto == IPPROTO_UDP;

	if (s->proto == IPPROTO_GRE)
		return port == 0;
	if (ports && (port == 65330 || port == 0 || (claimed && port == s->lo)))
		return false;
	return in_range(s, worker, own, port);
}

static bool is_kept(const struct shape *s, uint16_t own, uint16_t port)
{
	return s->proto == IPPROTO_UDP && own % 2 == port % 2;
}

/* Of one address; ret_kept: how many of them keep the parity (RFC 4787 REQ-4). */
static unsigned int n_allowed(const struct shape *s, unsigned int worker, uint16_t own, bool claimed,
	unsigned int *ret_kept)
{
	unsigned int n = 0;

	for (unsigned int p = 0; p < (s->proto == IPPROTO_GRE ? 1 : 65536); p++) {
		bool allowed = is_allowed(s, worker, own, (uint16_t)p, claimed);

		n += allowed;
		*ret_kept += allowed && is_kept(s, own, (uint16_t)p);
	}
	return n;
}

struct taken {
	uint32_t rec;
	struct flow_tuple reply;
};

/* Takes an endpoint for good; false: there was none. */
static bool take(struct nat_worker *w, const struct flow_tuple *t, enum config_nat_ports selection,
	bool binding, uint32_t serial, struct taken *ret)
{
	struct flow_tuple reply = flow_tuple_swapped(t), original = *t;
	uint32_t hash;

	if (binding) {
		reply.src = (struct ip_addr){.family = t->src.family};
		reply.sport = 0;
	}
	if (nat_alloc_endpoint(w, &w->rules->pools[0], selection, t, &reply, &hash) < 0)
		return false;
	assert_int_equal(hash, flow_hash(w->flows, &reply));
	assert_int_equal(flow_find(w->flows, &reply), FLOW_NONE);
	if (t->proto == IPPROTO_ICMP && !binding)
		assert_int_equal(reply.sport, reply.dport);
	/* The other side is nobody's business here, but a key of its own. */
	memcpy(original.dst.bytes, &serial, sizeof(serial));
	original.proto = 200;
	ret->reply = reply;
	ret->rec = flow_alloc(w->flows, FLOW_BINDING);
	assert_int_not_equal(ret->rec, FLOW_NONE);
	flow_side_set_tuple(&w->flows->records[ret->rec].side[0], &original);
	flow_side_set_tuple(&w->flows->records[ret->rec].side[1], &reply);
	assert_int_equal(flow_insert(w->flows, ret->rec, flow_hash(w->flows, &original), hash), 0);
	return true;
}

static void give_back(struct nat_worker *w, const struct taken *e)
{
	flow_remove(w->flows, e->rec);
	nat_alloc_freed(w, &e->reply);
}

/* All that one inside endpoint can get, and some back and forth at the brim. */
static void fill_worker(struct rig *g, const struct shape *s, unsigned int worker, bool binding,
	bool with_dnat, uint64_t *seed)
{
	struct nat_worker *w = g->w[worker];
	struct taken *taken = calloc(w->flows->capacity, sizeof(*taken));
	enum config_nat_ports selection = unit_random(seed) % 2 ? CONFIG_NAT_PORTS_PRESERVE
								: CONFIG_NAT_PORTS_RANDOM;
	uint16_t own = (uint16_t)(unit_random(seed) % 2 ? 40000 + unit_random(seed) % 20000
							: 1 + unit_random(seed) % 1023);
	struct flow_tuple t = inside(s, 1 + unit_random(seed) % 200, own);
	const struct nat_pool *pool = &w->rules->pools[0];
	unsigned int want = 0, want_kept = 0, n = 0, n_kept = 0, at;

	for (unsigned int a = 0; a < s->addresses; a++)
		if (!binding || &pool->addresses[a] == nat_pool_address(pool, &t.src))
			want += n_allowed(s, worker, own, with_dnat && a == 0, &want_kept);
	for (unsigned int step = 0; step < want + 50; step++) {
		if (take(w, &t, selection, binding, step, &taken[n])) {
			bool first = ip_addr_equal(&taken[n].reply.dst, &pool->addresses[0]);

			assert_true(is_allowed(s, worker, own, RIG_PORT(taken[n].reply.dport),
				with_dnat && first));
			if (step == 0 && selection == CONFIG_NAT_PORTS_PRESERVE &&
				is_allowed(s, worker, own, own, with_dnat && first))
				assert_int_equal(taken[n].reply.dport, t.sport);
			/* Of the other parity only once there is none of this. */
			if (is_kept(s, own, RIG_PORT(taken[n].reply.dport)))
				n_kept++;
			else
				assert_int_equal(n_kept, want_kept);
			n++;
			continue;
		}
		assert_int_equal(n, want);
		if (n == 0)
			break;
		/* One comes back; the next finds it at once. */
		at = unit_random(seed) % n;
		n_kept -= is_kept(s, own, RIG_PORT(taken[at].reply.dport));
		give_back(w, &taken[at]);
		taken[at] = taken[--n];
	}
	assert_true(n == want || n + 1 == want);
	while (n > 0)
		give_back(w, &taken[--n]);
	assert_int_equal(w->flows->used, 0);
	free(taken);
}

static void test_exact(void **state)
{
	static const struct shape shapes[] = {
		{1, 1, 5000, 5000, IPPROTO_TCP, false},	   {1, 2, 5000, 5000, IPPROTO_UDP, false},
		{1, 1, 5000, 5009, IPPROTO_TCP, false},	   {1, 2, 5000, 5009, IPPROTO_UDP, true},
		{1, 2, 5001, 5009, IPPROTO_ICMP, false},   {1, 3, 0, 0, IPPROTO_ICMP, false},
		{1, 2, 1000, 1100, IPPROTO_TCP, false},	   {2, 2, 1000, 1100, IPPROTO_UDP, false},
		{1, 1, 65329, 65331, IPPROTO_TCP, false},  {1, 1, 65300, 65535, IPPROTO_UDP, false},
		{3, 1, 1024, 1500, IPPROTO_TCP, true},	   {4, 3, 1, 600, IPPROTO_UDP, false},
		{4, 1, 64000, 65535, IPPROTO_TCP, false},  {2, 3, 2000, 2500, IPPROTO_ICMP, false},
		{1, 3, 1024, 65535, IPPROTO_GRE, false},   {1, 1, 30000, 31023, IPPROTO_TCP, false},
		{4, 2, 5000, 5009, IPPROTO_TCP, false},	   {3, 2, 60, 70, IPPROTO_TCP, false},
	};
	uint64_t seed = unit_seed();

	(void)state;
	for (unsigned int i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
		for (unsigned int variant = 0; variant < 4; variant++) {
			const struct shape *s = &shapes[i];
			bool with_dnat = variant & 1, binding = variant & 2;
			struct rig g;

			rig_init(&g, rules_of(s, with_dnat), s->workers, 4096, 1000);
			for (unsigned int w = 0; w < (s->proto == IPPROTO_GRE ? 1 : s->workers); w++)
				for (unsigned int round = 0; round < 4; round++)
					fill_worker(&g, s, w, binding, with_dnat, &seed);
			rig_fini(&g);
		}
}

/* The slices of 1 to 4 workers: every port of the range once. */
static void test_slices(void **state)
{
	(void)state;
	for (unsigned int workers = 1; workers <= RIG_WORKERS; workers++) {
		struct shape s = {workers, 1, 30000, 30999, IPPROTO_TCP, false};
		bool seen[65536] = {false};
		unsigned int n = 0;
		struct rig g;

		rig_init(&g, rules_of(&s, false), workers, 4096, 1000);
		for (unsigned int w = 0; w < workers; w++) {
			struct flow_tuple t = inside(&s, 1, 50000);
			struct taken e;

			for (uint32_t i = 0; take(g.w[w], &t, CONFIG_NAT_PORTS_RANDOM, false, i, &e); i++, n++) {
				uint16_t port = RIG_PORT(e.reply.dport);

				assert_int_equal(nat_port_owner(port, workers), w);
				assert_int_equal(nat_owner(g.rules, &e.reply), w);
				assert_false(seen[port]);
				seen[port] = true;
			}
		}
		assert_int_equal(n, 1000);
		rig_fini(&g);
	}
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* What an endpoint costs when so much of the range is in use. */
static void print_cost(struct nat_worker *w, const struct flow_tuple *t, unsigned int n, unsigned int want)
{
	uint64_t ticks[64];

	for (unsigned int i = 0; i < 64; i++) {
		struct flow_tuple reply = flow_tuple_swapped(t);
		uint64_t start = rte_rdtsc();
		uint32_t hash;

		nat_alloc_endpoint(w, &w->rules->pools[0], CONFIG_NAT_PORTS_RANDOM, t, &reply, &hash);
		ticks[i] = rte_rdtsc() - start;
	}
	w->now_ms += 20;
	qsort(ticks, 64, sizeof(ticks[0]), by_value);
	fprintf(stderr, "%3u %% in use: %6u ticks, one in ten above %u\n", n * 100 / want,
		(unsigned int)ticks[32], (unsigned int)ticks[57]);
}

/* A large range up to the last port. */
static void test_large(void **state)
{
	struct shape s = {1, 1, 1024, 65535, IPPROTO_TCP, false};
	struct flow_tuple t = inside(&s, 1, 50000);
	unsigned int kept = 0, want = n_allowed(&s, 0, 50000, false, &kept), n = 0, vain = 0, next = 0;
	struct taken *e = calloc(70000, sizeof(*e));
	struct rig g;

	(void)state;
	rig_init(&g, rules_of(&s, false), 1, 70000, 1000);
	assert_int_equal(want, 64511);
	while (n < want) {
		if (n == next) {
			print_cost(g.w[0], &t, n, want);
			next += n < want / 100 * 90 ? want / 10 : n < want / 100 * 95 ? want / 20 : want / 50;
		}
		if (take(g.w[0], &t, CONFIG_NAT_PORTS_RANDOM, false, n, &e[n])) {
			n++;
			continue;
		}
		/* Up to 99 % it never fails: 0.99 to the 1024th. */
		assert_true(n > want / 100 * 99);
		g.w[0]->now_ms += 20; /* given up for 10 ms */
		assert_true(++vain < 100000);
	}
	assert_false(take(g.w[0], &t, CONFIG_NAT_PORTS_RANDOM, false, n, &e[n]));
	print_cost(g.w[0], &t, n, want);
	free(e);
	rig_fini(&g);
}

/* Two addresses: the inside's own first, the other where that is full; its ports per destination. */
static void test_addresses(void **state)
{
	struct shape s = {1, 2, 5000, 5003, IPPROTO_TCP, false};
	struct flow_tuple t = inside(&s, 9, 50000), u = t;
	struct taken e[16];
	struct rig g;

	(void)state;
	u.dst.bytes[3] ^= 1; /* another destination */
	rig_init(&g, rules_of(&s, false), 1, 64, 1000);
	for (unsigned int i = 0; i < 8; i++) {
		assert_true(take(g.w[0], &t, CONFIG_NAT_PORTS_PRESERVE, false, i, &e[i]));
		assert_int_equal(ip_addr_equal(&e[i].reply.dst, nat_pool_address(&g.rules->pools[0], &t.src)),
			i < 4);
	}
	assert_false(take(g.w[0], &t, CONFIG_NAT_PORTS_PRESERVE, false, 8, &e[8]));
	for (unsigned int i = 0; i < 8; i++)
		assert_true(take(g.w[0], &u, CONFIG_NAT_PORTS_PRESERVE, false, 100 + i, &e[8 + i]));
	rig_fini(&g);
}

/* A full destination costs a search once, then nothing until a session there ends. */
static void test_exhausted_is_remembered(void **state)
{
	struct shape s = {1, 1, 5000, 5099, IPPROTO_TCP, false};
	struct flow_tuple t = inside(&s, 9, 50000);
	uint64_t random[2];
	struct taken e[101];
	struct rig g;

	(void)state;
	rig_init(&g, rules_of(&s, false), 1, 256, UINT32_MAX - 500);
	for (unsigned int i = 0; i < 100; i++)
		assert_true(take(g.w[0], &t, CONFIG_NAT_PORTS_RANDOM, false, i, &e[i]));
	assert_false(take(g.w[0], &t, CONFIG_NAT_PORTS_RANDOM, false, 100, &e[100]));
	memcpy(random, g.w[0]->random, sizeof(random));
	assert_false(take(g.w[0], &t, CONFIG_NAT_PORTS_RANDOM, false, 100, &e[100]));
	/* No search, no random number. */
	assert_memory_equal(random, g.w[0]->random, sizeof(random));
	give_back(g.w[0], &e[42]);
	assert_true(take(g.w[0], &t, CONFIG_NAT_PORTS_RANDOM, false, 100, &e[42]));
	assert_false(take(g.w[0], &t, CONFIG_NAT_PORTS_RANDOM, false, 101, &e[100]));
	/* And it is forgotten after a second, whatever happened, over the clock's end. */
	flow_remove(g.w[0]->flows, e[7].rec);
	assert_false(take(g.w[0], &t, CONFIG_NAT_PORTS_RANDOM, false, 102, &e[100]));
	g.w[0]->now_ms += 1001;
	assert_true(take(g.w[0], &t, CONFIG_NAT_PORTS_RANDOM, false, 103, &e[100]));
	/* Also where nobody asks for longer than half the clock's round. */
	assert_false(take(g.w[0], &t, CONFIG_NAT_PORTS_RANDOM, false, 104, &e[7]));
	flow_remove(g.w[0]->flows, e[8].rec);
	g.w[0]->now_ms += (1u << 31) + 5000;
	assert_true(take(g.w[0], &t, CONFIG_NAT_PORTS_RANDOM, false, 105, &e[8]));
	rig_fini(&g);
}

/* RFC 6888 REQ-15, RFC 7857 9: nobody can say which port comes next; at least, they are spread. */
static void test_spread(void **state)
{
	struct shape s = {1, 1, 1024, 65535, IPPROTO_UDP, false};
	struct flow_tuple t = inside(&s, 1, 50000);
	unsigned int bins[16] = {0};
	struct rig g;

	(void)state;
	rig_init(&g, rules_of(&s, false), 1, 20000, 1000);
	for (unsigned int i = 0; i < 16000; i++) {
		struct taken e;

		assert_true(take(g.w[0], &t, CONFIG_NAT_PORTS_RANDOM, false, i, &e));
		bins[(RIG_PORT(e.reply.dport) - 1024) / 4032]++;
	}
	/* 1000 each; ten deviations either way. */
	for (unsigned int i = 0; i < 16; i++)
		assert_in_range(bins[i], 700, 1300);
	rig_fini(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exact),
		cmocka_unit_test(test_slices),
		cmocka_unit_test(test_large),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_exhausted_is_remembered),
		cmocka_unit_test(test_spread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
