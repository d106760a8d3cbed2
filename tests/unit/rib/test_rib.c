/* SPDX-License-Identifier: BSD-3-Clause */
/* Adj-RIB-In and Loc-RIB: loops, limits, next hops, sessions that end and come back. */
#include <errno.h>

#include "fake_bgp.h"
#include "rib/decide.h"
#include "rib/rib_priv.h"

static struct ip_addr unresolved; /* the one next hop that does not resolve */
static unsigned int changes;
static int tracked;

static bool track(void *arg, struct rib_hop *hop)
{
	(void)arg;
	tracked++;
	return !ip_addr_equal(&hop->addr, &unresolved);
}

static void untrack(void *arg, struct rib_hop *hop)
{
	(void)arg;
	(void)hop;
	tracked--;
}

static void changed(void *arg, struct rib_entry *e)
{
	(void)arg;
	(void)e;
	changes++;
}

static const struct rib_ops ops = {.changed = changed, .track = track, .untrack = untrack};

static const struct rib_route *best(struct rib *r, const char *text)
{
	struct ip_prefix p = prefix(text);
	struct ptree_node *n = ptree_find(rib_tree(r), &p);
	const struct rib_route *route = n != NULL ? ptree_entry(n, struct rib_entry, node)->routes : NULL;

	return route != NULL && route->best ? route : NULL;
}

static int update(struct rib *r, struct bgp_peer *p, const char *text, const char *next_hop,
	const struct bgp_attrs *attrs)
{
	struct ip_prefix pfx = prefix(text);

	return fake_update(r, p, &pfx, next_hop, attrs);
}

static int teardown(void **state)
{
	(void)state;
	assert_int_equal(tracked, 0);
	assert_int_equal(bgp_attrs_count(), 0);
	unresolved = (struct ip_addr){0};
	return 0;
}

static void test_loop(void **state)
{
	struct bgp_peer p = fake_peer("10.1.0.4", 65515);
	struct rib *r = rib_new(&ops, 8);
	struct rib_peer_counts counts;

	(void)state;
	fake_up(r, &p);
	assert_int_equal(update(r, &p, "10.2.0.0/16", "10.1.0.4", ATTRS(NULL, 65515)), 0);
	assert_non_null(best(r, "10.2.0.0/16"));
	/* Our own AS in the path takes the route away that stood there. */
	assert_int_equal(update(r, &p, "10.2.0.0/16", "10.1.0.4", ATTRS(NULL, 65515, LOCAL_AS, 7)), 0);
	assert_null(best(r, "10.2.0.0/16"));
	rib_peer_get_counts(&p, &counts);
	assert_int_equal(counts.looped, 1);
	assert_int_equal(counts.received, 0);
	assert_int_equal(rib_tree(r)->count, 0);
	rib_free(r);
}

static void test_quota(void **state)
{
	struct bgp_peer p = fake_peer("10.1.0.4", 65515);
	struct rib *r = rib_new(&ops, 8);
	struct rib_peer_counts counts;

	(void)state;
	p.conf.max_prefixes = 2;
	fake_up(r, &p);
	assert_int_equal(update(r, &p, "10.2.0.0/16", "10.1.0.4", ATTRS(NULL, 65515)), 0);
	assert_int_equal(update(r, &p, "10.3.0.0/16", "10.1.0.4", ATTRS(NULL, 65515)), 0);
	assert_int_equal(update(r, &p, "10.3.0.0/16", "10.1.0.4", ATTRS(NULL, 65515, 1)), 0);
	assert_int_equal(update(r, &p, "10.4.0.0/16", "10.1.0.4", ATTRS(NULL, 65515)), -EDQUOT);
	assert_int_equal(update(r, &p, "10.3.0.0/16", NULL, NULL), 0);
	assert_int_equal(update(r, &p, "10.4.0.0/16", "10.1.0.4", ATTRS(NULL, 65515)), 0);
	rib_peer_get_counts(&p, &counts);
	assert_int_equal(counts.received, 2);
	assert_int_equal(counts.selected, 2);
	rib_free(r);
}

static void test_next_hops(void **state)
{
	struct bgp_peer p = fake_peer("10.1.0.4", 65515);
	struct ip_addr own = addr("10.0.0.4"), far = addr("10.9.0.1");
	struct ip_prefix own_host = prefix("10.0.0.4/32");
	struct rib *r = rib_new(&ops, 8);

	(void)state;
	unresolved = far;
	fake_up(r, &p);
	assert_int_equal(rib_add(r, &own_host, RIB_LOCAL, RIB_HOST, NULL, 0), 0);
	update(r, &p, "10.2.0.0/16", "10.0.0.4", ATTRS(NULL, 65515)); /* ourselves */
	update(r, &p, "10.3.0.0/16", "10.9.0.1", ATTRS(NULL, 65515)); /* does not resolve */
	assert_null(best(r, "10.2.0.0/16"));
	assert_null(best(r, "10.3.0.0/16"));
	rib_next_hop_changed(r, &far, true);
	assert_false(rib_run(r, 10));
	assert_non_null(best(r, "10.3.0.0/16"));
	rib_next_hop_changed(r, &far, false);
	assert_false(rib_run(r, 10));
	assert_null(best(r, "10.3.0.0/16"));
	assert_int_equal(rib_del(r, &own_host, RIB_LOCAL, NULL), 0);
	assert_non_null(best(r, "10.2.0.0/16"));
	assert_int_equal(rib_add(r, &own_host, RIB_LOCAL, RIB_HOST, NULL, 0), 0);
	assert_null(best(r, "10.2.0.0/16"));
	assert_int_equal(rib_add(r, &own_host, RIB_LOCAL, RIB_HOST, NULL, 0), -EEXIST);
	assert_int_equal(rib_del(r, &own_host, RIB_STATIC, &own), -ENOENT);
	assert_int_equal(rib_add(r, &own_host, RIB_STATIC, RIB_VIA, NULL, 0), -EINVAL);
	rib_free(r);
}

/* One UPDATE with both families, each with its own next hop, and the same again: no change. */
static void test_families_and_repeat(void **state)
{
	struct ip_prefix reach[] = {prefix("10.2.0.0/16"), prefix("fd00:2::/48"), prefix("10.3.0.0/16")};
	struct bgp_peer p = fake_peer("10.1.0.4", 65515);
	const struct bgp_attrs *attrs = ATTRS(NULL, 65515);
	struct bgp_update u = {.attrs = attrs, .next_hop_v4 = addr("10.1.0.4"),
		.next_hop_v6 = addr("fd00::4"), .reach = reach, .n_reach = 3};
	struct rib *r = rib_new(&ops, 8);
	struct bgp_ops bgp;

	(void)state;
	rib_bgp_ops(r, &bgp);
	fake_up(r, &p);
	assert_int_equal(bgp.update(bgp.arg, &p, &u), 0);
	assert_string_equal(IP_ADDR_TEXT(&best(r, "fd00:2::/48")->hop->addr), "fd00::4");
	assert_string_equal(IP_ADDR_TEXT(&best(r, "10.3.0.0/16")->hop->addr), "10.1.0.4");
	assert_int_equal(tracked, 2);
	changes = 0;
	assert_int_equal(bgp.update(bgp.arg, &p, &u), 0);
	assert_int_equal(changes, 0);
	/* Withdrawals come first within an UPDATE (RFC 4271 3.1): reach wins. */
	u.unreach = reach;
	u.n_unreach = 1;
	assert_int_equal(bgp.update(bgp.arg, &p, &u), 0);
	assert_non_null(best(r, "10.2.0.0/16"));
	bgp_attrs_unref(attrs);
	rib_free(r);
}

/* A large flush in slices; the session comes back in the middle of it and says some of it again. */
static void test_flush_in_slices(void **state)
{
	enum { N = 3 * RIB_SLICE };
	struct bgp_peer p = fake_peer("10.1.0.4", 65515), q = fake_peer("10.1.0.5", 65515);
	struct ip_prefix pfx = {.addr.family = IP_V4, .len = 24};
	struct rib *r = rib_new(&ops, 8);
	struct rib_peer_counts counts;
	struct rib_counts all;

	(void)state;
	p.conf.max_prefixes = N;
	fake_up(r, &p);
	fake_up(r, &q);
	for (int i = 0; i < N; i++) {
		pfx.addr.bytes[0] = 20;
		pfx.addr.bytes[1] = (uint8_t)(i >> 8);
		pfx.addr.bytes[2] = (uint8_t)i;
		assert_int_equal(fake_update(r, &p, &pfx, "10.1.0.4", ATTRS(NULL, 65515)), 0);
		if (i < 10)
			fake_update(r, &q, &pfx, "10.1.0.5", ATTRS(NULL, 65515, 3));
	}
	fake_down(r, &p);
	rib_get_counts(r, &all);
	assert_int_equal(all.routes, N - RIB_SLICE + 10);
	rib_peer_get_counts(&p, &counts);
	assert_int_equal(counts.received, 0);

	fake_up(r, &p);
	/* The last prefix is still there from the old session; the new one takes it over. */
	assert_int_equal(fake_update(r, &p, &pfx, "10.1.0.4", ATTRS(NULL, 65515)), 0);
	rib_peer_get_counts(&p, &counts);
	assert_int_equal(counts.received, 1);
	assert_true(rib_run(r, 100));
	while (rib_run(r, 1000))
		;
	rib_get_counts(r, &all);
	assert_int_equal(all.routes, 11);
	assert_int_equal(all.prefixes, 11);
	assert_int_equal(all.selected, 11);
	rib_peer_get_counts(&p, &counts);
	assert_int_equal(counts.received, 1);
	assert_int_equal(counts.selected, 1);
	rib_peer_get_counts(&q, &counts);
	assert_int_equal(counts.selected, 10);
	assert_int_equal(tracked, 2);
	fake_down(r, &p);
	fake_down(r, &q);
	rib_get_counts(r, &all);
	assert_int_equal(all.prefixes, 0);
	assert_int_equal(all.hops, 0);
	rib_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_loop, teardown),
		cmocka_unit_test_teardown(test_quota, teardown),
		cmocka_unit_test_teardown(test_next_hops, teardown),
		cmocka_unit_test_teardown(test_families_and_repeat, teardown),
		cmocka_unit_test_teardown(test_flush_in_slices, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
