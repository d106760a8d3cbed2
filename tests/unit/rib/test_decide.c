/* SPDX-License-Identifier: BSD-3-Clause */
/* The decision process: each step by itself, MED's grouping in every order of arrival, multipath. */
#include "fake_bgp.h"
#include "rib/decide.h"

static bool track(void *arg, struct rib_hop *hop)
{
	(void)arg;
	return hop->addr.bytes[0] != 99; /* 99.x.x.x does not resolve */
}

static void untrack(void *arg, struct rib_hop *hop)
{
	(void)arg;
	(void)hop;
}

static void changed(void *arg, struct rib_entry *e)
{
	(void)arg;
	(void)e;
}

static const struct rib_ops ops = {.changed = changed, .track = track, .untrack = untrack};
static struct ip_prefix pfx;

static const struct rib_route *routes(struct rib *r)
{
	struct ptree_node *n = ptree_find(rib_tree(r), &pfx);

	return n != NULL ? ptree_entry(n, struct rib_entry, node)->routes : NULL;
}

/* Two eBGP or iBGP peers announce in both orders: `best` must win, for `reason`. */
static void expect(struct bgp_peer *best, const struct bgp_attrs *best_attrs,
	struct bgp_peer *other, const struct bgp_attrs *other_attrs, enum decide_reason reason)
{
	for (int order = 0; order < 2; order++) {
		struct rib *r = rib_new(&ops, 8);
		const struct rib_route *first;

		fake_up(r, best);
		fake_up(r, other);
		for (int i = 0; i < 2; i++) {
			if (i == order)
				fake_update(r, best, &pfx, "10.0.0.1", bgp_attrs_ref(best_attrs));
			else
				fake_update(r, other, &pfx, "10.0.0.2", bgp_attrs_ref(other_attrs));
		}
		first = routes(r);
		assert_ptr_equal(rib_peer_bgp(first->hop->peer), best);
		assert_true(first->best);
		assert_int_equal(first->next->reason, reason);
		assert_false(first->next->best);
		rib_free(r);
		best->data = other->data = NULL;
	}
	bgp_attrs_unref(best_attrs);
	bgp_attrs_unref(other_attrs);
}

static void test_steps(void **state)
{
	struct bgp_peer a = fake_peer("10.1.0.1", 65515), b = fake_peer("10.1.0.2", 65516);
	struct bgp_peer ia = fake_peer("10.1.0.1", LOCAL_AS), ib = fake_peer("10.1.0.2", LOCAL_AS);
	struct bgp_attrs pref = {.has_local_pref = true, .local_pref = 200};
	struct bgp_attrs low = {.has_local_pref = true, .local_pref = 50};
	struct bgp_attrs egp = {.origin = BGP_ORIGIN_EGP};
	struct bgp_attrs med = {.has_med = true, .med = 10};

	(void)state;
	expect(&ib, ATTRS(&pref, 1, 2, 3), &ia, ATTRS(NULL, 1), DECIDE_LOCAL_PREF);
	expect(&b, ATTRS(NULL, 65516, 1, 2), &ia, ATTRS(&low, 1), DECIDE_LOCAL_PREF);
	/* LOCAL_PREF of an external peer is nothing. */
	expect(&b, ATTRS(NULL, 65516), &a, ATTRS(&pref, 65515, 1), DECIDE_PATH_LENGTH);
	expect(&b, ATTRS(NULL, 65516, 1), &a, ATTRS(NULL, 65515, 1, 2), DECIDE_PATH_LENGTH);
	expect(&b, ATTRS(NULL, 65516, 1), &a, ATTRS(&egp, 65515, 1), DECIDE_ORIGIN);
	expect(&b, ATTRS(NULL, 65515, 1), &a, ATTRS(&med, 65515, 2), DECIDE_MED);
	expect(&b, ATTRS(NULL, 65516, 1), &ia, ATTRS(NULL, 65515, 1), DECIDE_IBGP);
	/* MED of different neighbours does not compare: down to the identifier, and shared. */
	expect(&a, ATTRS(&med, 65515, 1), &b, ATTRS(NULL, 65516, 1), DECIDE_EQUAL);
}

static void test_identifier(void **state)
{
	struct bgp_peer a = fake_peer("10.1.0.9", 65515), b = fake_peer("10.1.0.2", 65515);
	struct rib *r = rib_new(&ops, 1);

	(void)state;
	a.info.remote_id = rte_cpu_to_be_32(1);
	fake_up(r, &a);
	fake_up(r, &b);
	fake_update(r, &b, &pfx, "10.0.0.1", ATTRS(NULL, 65515));
	fake_update(r, &a, &pfx, "10.0.0.1", ATTRS(NULL, 65515));
	assert_ptr_equal(rib_peer_bgp(routes(r)->hop->peer), &a);
	assert_int_equal(routes(r)->next->reason, DECIDE_ROUTER_ID);
	rib_free(r);

	a.info.remote_id = b.info.remote_id;
	a.data = b.data = NULL;
	r = rib_new(&ops, 1);
	fake_up(r, &a);
	fake_up(r, &b);
	fake_update(r, &a, &pfx, "10.0.0.1", ATTRS(NULL, 65515));
	fake_update(r, &b, &pfx, "10.0.0.1", ATTRS(NULL, 65515));
	assert_ptr_equal(rib_peer_bgp(routes(r)->hop->peer), &b);
	assert_int_equal(routes(r)->next->reason, DECIDE_PEER_ADDRESS);
	rib_free(r);
}

/* The classic: A beats B by MED, B beats C and C beats A by identifier. Whatever the order in which
 * they arrive, MED goes first and C wins. */
static void test_med_grouping(void **state)
{
	static const int orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
	struct bgp_attrs med10 = {.has_med = true, .med = 10}, med20 = {.has_med = true, .med = 20};

	(void)state;
	for (int o = 0; o < 6; o++) {
		struct bgp_peer p[3] = {fake_peer("10.1.0.3", 100), fake_peer("10.1.0.1", 100),
			fake_peer("10.1.0.2", 200)};
		struct rib *r = rib_new(&ops, 1);
		const struct rib_route *route;

		for (int i = 0; i < 3; i++) {
			int k = orders[o][i];

			fake_up(r, &p[k]);
			fake_update(r, &p[k], &pfx, "10.0.0.1",
				k == 0 ? ATTRS(&med10, 100) : k == 1 ? ATTRS(&med20, 100) : ATTRS(NULL, 200));
		}
		route = routes(r);
		assert_ptr_equal(rib_peer_bgp(route->hop->peer), &p[2]);
		assert_ptr_equal(rib_peer_bgp(route->next->hop->peer), &p[0]);
		assert_int_equal(route->next->reason, DECIDE_ROUTER_ID);
		assert_ptr_equal(rib_peer_bgp(route->next->next->hop->peer), &p[1]);
		assert_int_equal(route->next->next->reason, DECIDE_MED);
		rib_free(r);
	}
}

static void test_multipath(void **state)
{
	struct bgp_peer p[5] = {fake_peer("10.1.0.1", 65515), fake_peer("10.1.0.2", 65515),
		fake_peer("10.1.0.3", 65515), fake_peer("10.1.0.4", 65515), fake_peer("10.1.0.5", 65515)};
	static const char *next_hops[5] = {"10.0.0.1", "10.0.0.1", "10.0.0.3", "99.0.0.4", "10.0.0.5"};
	struct rib *r = rib_new(&ops, 2);
	const struct rib_route *route;

	(void)state;
	for (int i = 4; i >= 0; i--) {
		fake_up(r, &p[i]);
		fake_update(r, &p[i], &pfx, next_hops[i], ATTRS(NULL, 65515));
	}
	/* Best 1; 2 has the same next hop; 3 shares; 5 is beyond the limit; 4 is unusable, last. */
	route = routes(r);
	assert_true(route->best && rib_peer_bgp(route->hop->peer) == &p[0]);
	route = route->next;
	assert_true(route->multipath && rib_peer_bgp(route->hop->peer) == &p[2]);
	assert_int_equal(route->reason, DECIDE_EQUAL);
	route = route->next;
	assert_true(!route->multipath && rib_peer_bgp(route->hop->peer) == &p[1]);
	assert_int_equal(route->reason, DECIDE_ROUTER_ID);
	route = route->next;
	assert_true(!route->multipath && rib_peer_bgp(route->hop->peer) == &p[4]);
	route = route->next;
	assert_true(!route->usable && rib_peer_bgp(route->hop->peer) == &p[3]);
	assert_int_equal(route->reason, DECIDE_UNUSABLE);
	assert_null(route->next);
	rib_free(r);
}

static void test_sources(void **state)
{
	struct bgp_peer p = fake_peer("10.1.0.1", 65515);
	struct ip_addr via[2] = {addr("10.0.0.1"), addr("10.0.0.2")};
	struct rib *r = rib_new(&ops, 1);

	(void)state;
	fake_up(r, &p);
	fake_update(r, &p, &pfx, "10.0.0.9", ATTRS(NULL, 65515));
	assert_int_equal(rib_add(r, &pfx, RIB_STATIC, RIB_VIA, &via[1], 0), 0);
	assert_int_equal(rib_add(r, &pfx, RIB_STATIC, RIB_VIA, &via[0], 0), 0);
	/* Static gateways share whatever maximum_paths says of BGP. */
	assert_int_equal(routes(r)->hop->addr.bytes[3], 1);
	assert_true(routes(r)->next->multipath);
	assert_int_equal(routes(r)->next->next->reason, DECIDE_SOURCE);
	assert_int_equal(rib_add(r, &pfx, RIB_CONNECTED, RIB_GLEAN, NULL, 3), 0);
	assert_int_equal(routes(r)->source, RIB_CONNECTED);
	assert_false(routes(r)->next->multipath);
	rib_port_changed(r, 3, false);
	rib_run(r, 10);
	assert_int_equal(routes(r)->source, RIB_STATIC);
	rib_port_changed(r, 3, true);
	rib_run(r, 10);
	assert_int_equal(routes(r)->source, RIB_CONNECTED);
	rib_free(r);
}

static void test_names(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < DECIDE_REASON_MAX; i++) {
		assert_true(strlen(decide_reason_name(i)) > 0 && strlen(decide_reason_text(i)) > 0);
		for (unsigned int j = 0; j < i; j++)
			assert_string_not_equal(decide_reason_name(i), decide_reason_name(j));
	}
	assert_string_equal(decide_reason_name(DECIDE_MED), "med");
	assert_string_equal(decide_reason_name(DECIDE_REASON_MAX), "?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_steps),
		cmocka_unit_test(test_identifier),
		cmocka_unit_test(test_med_grouping),
		cmocka_unit_test(test_multipath),
		cmocka_unit_test(test_sources),
		cmocka_unit_test(test_names),
	};

	pfx = prefix("192.0.2.0/24");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
