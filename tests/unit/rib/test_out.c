/* SPDX-License-Identifier: BSD-3-Clause */
/* Adj-RIB-Out: what is announced to whom, and that nothing is said twice. */
#include "fake_bgp.h"
#include "rib/rib_priv.h"

static bool track(void *arg, struct rib_hop *hop)
{
	(void)arg;
	(void)hop;
	return true;
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

static size_t pull(struct rib *r, struct bgp_peer *p, struct bgp_advert *a, size_t max)
{
	struct bgp_ops bgp;

	rib_bgp_ops(r, &bgp);
	return bgp.pull(bgp.arg, p, a, max);
}

static void drop(struct bgp_advert *a, size_t n)
{
	for (size_t i = 0; i < n; i++)
		bgp_attrs_unref(a[i].attrs);
}

static void test_export(void **state)
{
	uint32_t communities[] = {65535u << 16 | 65282};
	struct config_export exports[] = {
		{.prefix = prefix("0.0.0.0/0"), .prepend = 2, .communities = communities, .n_communities = 1},
		{.prefix = prefix("10.0.0.0/8"), .has_med = true, .med = 7, .next_hop = addr("10.0.0.100")},
		{.prefix = prefix("::/0")},
	};
	struct bgp_peer a = fake_peer("10.1.0.4", 65515), b = fake_peer("10.1.0.5", 65515);
	struct rib *r = rib_new(&ops, 8);
	struct rib_peer_counts counts;
	struct bgp_advert ad[8];
	struct bgp_ops bgp;
	char text[64];

	(void)state;
	a.conf.exports = exports;
	a.conf.n_exports = 3;
	a.conf.next_hop_v6 = addr("fd00::4");
	rib_bgp_ops(r, &bgp);
	fake_up(r, &a);
	fake_up(r, &b);
	assert_int_equal(a.kicks, 1);
	assert_int_equal(b.kicks, 0);
	assert_int_equal(pull(r, &b, ad, 8), 0); /* nothing that its configuration does not name */

	rib_peer_get_counts(&a, &counts);
	assert_int_equal(counts.pending, 3);
	assert_int_equal(counts.advertised, 0);
	assert_int_equal(pull(r, &a, ad, 2), 2);
	assert_int_equal(pull(r, &a, ad + 2, 6), 1);
	assert_int_equal(pull(r, &a, ad + 3, 5), 0);
	assert_true(ip_prefix_equal(&ad[0].prefix, &exports[0].prefix));
	assert_string_equal(bgp_as_path_format(ad[0].attrs, text, sizeof(text)), "65001 65001 65001");
	assert_int_equal(ad[0].attrs->origin, BGP_ORIGIN_IGP);
	assert_int_equal(ad[0].attrs->n_communities, 1);
	assert_true(bgp_attrs_has_community(ad[0].attrs, BGP_COMMUNITY_NO_ADVERTISE));
	assert_false(ad[0].attrs->has_med || ad[0].attrs->has_local_pref);
	assert_string_equal(IP_ADDR_TEXT(&ad[0].next_hop), "10.0.0.4"); /* our end of the connection */
	assert_string_equal(bgp_as_path_format(ad[1].attrs, text, sizeof(text)), "65001");
	assert_true(ad[1].attrs->has_med && ad[1].attrs->med == 7);
	assert_string_equal(IP_ADDR_TEXT(&ad[1].next_hop), "10.0.0.100");
	assert_string_equal(IP_ADDR_TEXT(&ad[2].next_hop), "fd00::4");
	drop(ad, 3);
	rib_peer_get_counts(&a, &counts);
	assert_int_equal(counts.pending, 0);
	assert_int_equal(counts.advertised, 3);

	/* ROUTE-REFRESH of one family sends that family again, once. */
	bgp.refresh(bgp.arg, &a, IP_V4);
	bgp.refresh(bgp.arg, &a, IP_V4);
	assert_int_equal(a.kicks, 3);
	assert_int_equal(pull(r, &a, ad, 8), 2);
	drop(ad, 2);
	assert_int_equal(pull(r, &a, ad, 8), 0);

	/* A new session begins from nothing. */
	fake_down(r, &a);
	assert_int_equal(pull(r, &a, ad, 8), 0);
	fake_up(r, &a);
	assert_int_equal(pull(r, &a, ad, 8), 3);
	drop(ad, 3);
	rib_free(r);
	assert_int_equal(bgp_attrs_count(), 0);
}

/* Without a next hop of the family, or without the family, a route is not sent. */
static void test_no_next_hop(void **state)
{
	struct config_export exports[] = {{.prefix = prefix("0.0.0.0/0")}, {.prefix = prefix("::/0")}};
	struct bgp_peer a = fake_peer("10.1.0.4", 65515);
	struct rib *r = rib_new(&ops, 8);
	struct bgp_advert ad[8];

	(void)state;
	a.conf.exports = exports;
	a.conf.n_exports = 2;
	fake_up(r, &a);
	assert_int_equal(pull(r, &a, ad, 8), 1);
	assert_int_equal(ad[0].prefix.addr.family, IP_V4);
	drop(ad, 1);
	fake_down(r, &a);
	a.info.ipv4 = false;
	fake_up(r, &a);
	assert_int_equal(pull(r, &a, ad, 8), 0);
	rib_free(r);
}

static void test_ibgp_and_long_path(void **state)
{
	struct config_export exports[] = {{.prefix = prefix("0.0.0.0/0"), .prepend = 255}};
	struct bgp_peer i = fake_peer("10.1.0.4", LOCAL_AS), e = fake_peer("10.1.0.5", 65515);
	struct rib *r = rib_new(&ops, 8);
	struct bgp_advert ad[2];

	(void)state;
	i.conf.exports = e.conf.exports = exports;
	i.conf.n_exports = e.conf.n_exports = 1;
	fake_up(r, &i);
	fake_up(r, &e);
	assert_int_equal(pull(r, &i, &ad[0], 1), 1);
	assert_int_equal(ad[0].attrs->as_path_bytes, 0);
	assert_true(ad[0].attrs->has_local_pref && ad[0].attrs->local_pref == 100);
	assert_int_equal(pull(r, &e, &ad[1], 1), 1);
	assert_int_equal(ad[1].attrs->as_path_length, 256);
	assert_int_equal(ad[1].attrs->as_path_bytes, 256 * 4 + 2 * 2); /* a segment holds 255 */
	drop(ad, 2);
	rib_free(r);
}

/* The queue itself: replaced in place, withdrawn only when sent, never twice. */
static void test_queue(void **state)
{
	const struct bgp_attrs *x = ATTRS(NULL, 1), *y = ATTRS(NULL, 2);
	struct ip_prefix p = prefix("192.0.2.0/24");
	struct ip_addr nh = addr("10.0.0.1"), nh2 = addr("10.0.0.2");
	struct bgp_advert ad[4];
	struct adj_out o;

	(void)state;
	adj_out_init(&o);
	adj_out_set(&o, &p, &nh, x);
	adj_out_set(&o, &p, NULL, NULL); /* taken back before it was sent */
	assert_int_equal(adj_out_pull(&o, ad, 4), 0);
	assert_int_equal(o.pending, 0);

	adj_out_set(&o, &p, &nh, x);
	adj_out_set(&o, &p, &nh, y);
	assert_int_equal(o.pending, 1);
	assert_int_equal(adj_out_pull(&o, ad, 4), 1);
	assert_ptr_equal(ad[0].attrs, y);
	drop(ad, 1);

	adj_out_set(&o, &p, &nh, y); /* as sent */
	assert_int_equal(adj_out_pull(&o, ad, 4), 0);
	adj_out_set(&o, &p, &nh, x);
	adj_out_set(&o, &p, &nh, y); /* and back */
	assert_int_equal(adj_out_pull(&o, ad, 4), 0);
	adj_out_set(&o, &p, &nh2, y); /* another next hop is another route: implicit replace */
	assert_int_equal(adj_out_pull(&o, ad, 4), 1);
	assert_ptr_equal(ad[0].attrs, y);
	drop(ad, 1);
	assert_int_equal(o.advertised, 1);

	adj_out_set(&o, &p, NULL, NULL);
	assert_int_equal(adj_out_pull(&o, ad, 4), 1);
	assert_null(ad[0].attrs);
	assert_int_equal(o.advertised, 0);
	assert_int_equal(adj_out_pull(&o, ad, 4), 0);
	adj_out_fini(&o);
	bgp_attrs_unref(x);
	bgp_attrs_unref(y);
	assert_int_equal(bgp_attrs_count(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_export),
		cmocka_unit_test(test_no_next_hop),
		cmocka_unit_test(test_ibgp_and_long_path),
		cmocka_unit_test(test_queue),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
