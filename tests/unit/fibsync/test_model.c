/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Random announcements, sessions, ports, statics and neighbours; after each step's work is done every
 * probe address is looked up in the FIB and compared with a model that goes from the RIB's selection to
 * the set of gateways by itself, by searching arrays.
 */
#include <errno.h>

#include "fake_neigh.h"

#define PORTS 3
#define PEERS 3
#define PREFIXES 24
#define HOSTS 6
#define STEPS 6000

/* Port i has 10.i.0.0/24 with gateways .1 and .2. */
static const struct under {
	const char *prefix, *via[2];
} unders[] = {
	{"10.100.0.0/16", {"10.0.0.1"}},
	{"10.100.1.0/24", {"10.0.0.1", "10.1.0.1"}},
	{"10.100.2.0/24", {"10.1.0.2", "10.2.0.1"}},
	{"10.100.2.128/25", {"10.2.0.2"}},
	{"10.100.3.0/24", {NULL}}, /* blackhole */
};
#define UNDERS (sizeof(unders) / sizeof(unders[0]))

static const char *const next_hops[] = {"10.100.0.1", "10.100.0.2", "10.100.1.1", "10.100.2.1",
	"10.100.2.200", "10.100.3.1", "10.2.0.9", "10.1.0.4", "192.168.0.1"};
#define NEXT_HOPS (sizeof(next_hops) / sizeof(next_hops[0]))

static const char *const host_text[HOSTS] = {"10.0.0.20", "10.0.0.200", "10.1.0.20", "10.1.0.130",
	"10.2.0.1", "10.2.0.77"};

static struct neigh_table neigh;
static struct fibsync *fs;
static struct fib *fib;
static struct rib *rib;
static bool down[PORTS], host_on[HOSTS];
static uint32_t host_nh[HOSTS];
static struct ip_prefix prefixes[PREFIXES];

struct set {
	enum nh_kind kind;
	unsigned int n;
	struct ip_addr gateway[16];
};

static int port_of(const struct ip_addr *a)
{
	for (int i = 0; i < PORTS; i++) {
		if (a->bytes[0] == 10 && a->bytes[1] == i && a->bytes[2] == 0)
			return i;
	}
	return -1;
}

static void set_add(struct set *s, const struct ip_addr *gateway)
{
	for (unsigned int i = 0; i < s->n; i++) {
		if (ip_addr_equal(&s->gateway[i], gateway))
			return;
	}
	s->gateway[s->n++] = *gateway;
}

/* The gateways of a next hop, from the arrays above. */
static unsigned int model_resolve(const struct ip_addr *a, struct set *s)
{
	int port = port_of(a), best_len = 33;

	if (port >= 0) {
		if (!down[port])
			set_add(s, a);
		return !down[port];
	}
	while (best_len-- > 0) {
		for (unsigned int i = 0; i < UNDERS; i++) {
			struct ip_prefix p = prefix(unders[i].prefix);
			unsigned int n = 0;

			if (p.len != best_len || !ip_prefix_contains(&p, a))
				continue;
			if (unders[i].via[0] == NULL)
				return 0;
			for (int k = 0; k < 2 && unders[i].via[k] != NULL; k++) {
				struct ip_addr via = addr(unders[i].via[k]);

				if (!down[port_of(&via)]) {
					set_add(s, &via);
					n++;
				}
			}
			if (n > 0)
				return n;
		}
	}
	return 0;
}

/* The RIB's longest match with a selection, by a walk over all entries; is_host where a neighbour's
 * host route comes before it. */
static struct set model(const struct ip_addr *a)
{
	const struct rib_entry *best = NULL;
	struct set s = {.kind = NH_NO_ROUTE};
	struct ptree_node *n;

	PTREE_FOREACH(rib_tree(rib), n) {
		const struct rib_entry *e = ptree_entry(n, struct rib_entry, node);

		if (e->routes->best && ip_prefix_contains(&n->prefix, a) &&
			(best == NULL || n->prefix.len > best->node.prefix.len))
			best = e;
	}
	if (best == NULL)
		return s;
	switch (best->routes->action) {
	case RIB_VIA:
		s.kind = NH_PENDING;
		for (const struct rib_route *r = best->routes; r != NULL && (r->best || r->multipath); r = r->next)
			model_resolve(&r->hop->addr, &s);
		break;
	case RIB_GLEAN:
		assert_false(down[best->routes->hop->port]);
		s.kind = NH_GLEAN;
		for (int i = 0; i < HOSTS; i++) {
			struct ip_addr h = addr(host_text[i]);

			if (host_on[i] && ip_addr_equal(&h, a)) {
				s.kind = NH_PENDING;
				set_add(&s, a);
			}
		}
		break;
	case RIB_HOST:
		s.kind = NH_LOCAL;
		break;
	default:
		s.kind = best->routes->action == RIB_DISCARD ? NH_DISCARD : NH_BLACKHOLE;
		break;
	}
	return s;
}

static void check(const struct ip_addr *a, int step)
{
	struct set want = model(a), got = {0};
	uint32_t index = fib_lookup(fib, a);
	const struct nh *nh = &neigh.nh->nh[index];

	got.kind = nh->kind;
	if (nh->kind == NH_PENDING) {
		set_add(&got, &nh->addr);
	} else if (nh->kind == NH_ECMP) {
		got.kind = NH_PENDING;
		for (unsigned int b = 0; b < NH_GROUP_BUCKETS; b++)
			set_add(&got, &neigh.nh->nh[neigh.nh->buckets[nh->group][b]].addr);
	}
	if (got.kind != want.kind || got.n != want.n)
		fail_msg("step %d: %s: kind %d of %u, not %d of %u", step, IP_ADDR_TEXT(a), got.kind, got.n,
			want.kind, want.n);
	for (unsigned int i = 0; i < want.n; i++)
		set_add(&got, &want.gateway[i]);
	assert_int_equal(got.n, want.n);
	/* A selected route is one that resolves. */
	assert_true(want.kind != NH_PENDING || want.n > 0);
}

static void check_all(int step)
{
	struct fibsync_stats stats;
	struct fib_stats fib_stats;

	for (int i = 0; i < PREFIXES; i++) {
		struct ip_addr a = prefixes[i].addr;

		check(&a, step);
		if (prefixes[i].len < 32)
			a.bytes[3] |= 3;
		check(&a, step);
	}
	for (int i = 0; i < HOSTS; i++) {
		struct ip_addr a = addr(host_text[i]);

		check(&a, step);
	}
	fibsync_get_stats(fs, &stats);
	fib_get_stats(fib, &fib_stats);
	assert_int_equal(stats.routes, fib_stats.v4_routes);
	assert_int_equal(stats.failed, 0);
}

static void toggle_static(uint64_t *rng, const struct ip_prefix *p)
{
	struct ip_addr via = addr(next_hops[unit_random(rng) % NEXT_HOPS]);

	switch (unit_random(rng) % 4) {
	case 0:
		if (rib_add(rib, p, RIB_STATIC, RIB_DISCARD, NULL, 0) == -EEXIST)
			rib_del(rib, p, RIB_STATIC, NULL);
		break;
	case 1:
		if (rib_add(rib, p, RIB_LOCAL, RIB_HOST, NULL, 0) == -EEXIST)
			rib_del(rib, p, RIB_LOCAL, NULL);
		break;
	default:
		if (rib_add(rib, p, RIB_STATIC, RIB_VIA, &via, 0) == -EEXIST)
			rib_del(rib, p, RIB_STATIC, &via);
	}
}

static void one_step(uint64_t *rng, struct bgp_peer *peers, bool *up)
{
	unsigned int what = unit_random(rng) % 100, p = unit_random(rng) % PEERS;
	const struct ip_prefix *pfx = &prefixes[unit_random(rng) % PREFIXES];
	unsigned int port = unit_random(rng) % PORTS, h = unit_random(rng) % HOSTS;

	if (what < 3) {
		up[p] = !up[p];
		if (up[p])
			fake_up(rib, &peers[p]);
		else
			fake_down(rib, &peers[p]);
	} else if (what < 10) {
		down[port] = !down[port];
		fibsync_port_changed(fs, (uint16_t)port, !down[port]);
	} else if (what < 25) {
		struct ip_addr a = addr(host_text[h]);

		host_on[h] = !host_on[h];
		if (host_on[h])
			host_nh[h] = neigh_acquire(&neigh, (uint16_t)port_of(&a), &a);
		fibsync_host_route(fs, &a, host_nh[h], host_on[h]);
		if (!host_on[h])
			neigh_release(&neigh, host_nh[h]);
	} else if (what < 32) {
		toggle_static(rng, pfx);
	} else if (up[p] && what < 45) {
		fake_update(rib, &peers[p], pfx, NULL, NULL);
	} else if (up[p]) {
		fake_update(rib, &peers[p], pfx, next_hops[unit_random(rng) % NEXT_HOPS],
			what % 3 == 0 ? ATTRS(NULL, 65515, 1) : ATTRS(NULL, 65515));
	}
	while (rib_run(rib, 1 + what % 5))
		;
}

static void start(void)
{
	static const char *const text[PREFIXES] = {"0.0.0.0/0", "10.0.0.0/8", "10.0.0.0/16",
		"10.0.0.0/24", "10.0.0.128/25", "10.0.0.20/32", "10.0.0.200/32", "10.1.0.0/24",
		"10.1.0.0/25", "10.1.0.128/26", "10.1.0.4/32", "10.2.0.0/23", "10.2.0.1/32", "10.2.0.64/26",
		"10.100.0.0/16", "10.100.0.1/32", "10.100.2.0/24", "20.0.0.0/8", "20.1.0.0/16",
		"20.1.1.0/24", "20.1.1.128/25", "20.1.1.200/32", "30.0.0.0/15", "30.1.0.0/16"};
	struct rib_ops ops;

	neigh = (struct neigh_table){.nh = nh_table_new(512, 128, NULL), .limit = FAKE_NEIGHBOURS};
	fib = fib_new(&(struct fib_conf){.max_v4_groups = 256});
	fs = fibsync_new(&(struct fibsync_conf){.fib = fib, .nh = neigh.nh, .neigh = &neigh});
	fibsync_rib_ops(fs, &ops);
	rib = rib_new(&ops, 4);
	fibsync_set_rib(fs, rib);
	for (int i = 0; i < PREFIXES; i++)
		prefixes[i] = prefix(text[i]);
	for (uint16_t i = 0; i < PORTS; i++) {
		struct ip_prefix p = {.addr = addr("10.0.0.0"), .len = 24};

		p.addr.bytes[1] = (uint8_t)i;
		assert_int_equal(fibsync_underlay_connected(fs, &p, i), 0);
		assert_int_equal(rib_add(rib, &p, RIB_CONNECTED, RIB_GLEAN, NULL, i), 0);
	}
	for (unsigned int i = 0; i < UNDERS; i++) {
		struct config_route r = {.prefix = prefix(unders[i].prefix),
			.kind = unders[i].via[0] != NULL ? CONFIG_ROUTE_VIA : CONFIG_ROUTE_BLACKHOLE};

		while (r.n_via < 2 && unders[i].via[r.n_via] != NULL) {
			r.via[r.n_via] = addr(unders[i].via[r.n_via]);
			r.n_via++;
		}
		assert_int_equal(fibsync_underlay_route(fs, &r), 0);
	}
}

static void test_random(void **state)
{
	struct bgp_peer peers[PEERS] = {fake_peer("10.100.0.1", 65515), fake_peer("10.100.0.2", 65515),
		fake_peer("10.100.0.3", 65515)};
	bool up[PEERS] = {0};
	uint64_t rng = unit_seed();
	struct fibsync_stats stats;

	(void)state;
	start();
	for (int step = 0; step < STEPS; step++) {
		one_step(&rng, peers, up);
		check_all(step);
	}
	for (int i = 0; i < HOSTS; i++) {
		if (host_on[i])
			neigh_release(&neigh, host_nh[i]);
	}
	rib_free(rib);
	fibsync_get_stats(fs, &stats);
	assert_int_equal(stats.paths, 0);
	fibsync_free(fs);
	for (unsigned int i = 0; i < neigh.n; i++) {
		assert_int_equal(neigh.entries[i].refs, 0);
		assert_int_equal(neigh.nh->nh[neigh.entries[i].nh].refs, 1);
	}
	fib_free(fib);
	nh_table_free(neigh.nh);
	assert_int_equal(bgp_attrs_count(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_random)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
