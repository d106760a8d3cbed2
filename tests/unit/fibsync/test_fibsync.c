/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From Loc-RIB to FIB, with the real RIB and FIB and neighbours that never answer. The network is the
 * usual one in Azure: our subnet 10.0.0.0/24 with the gateway at .1, two route-server instances in
 * 10.0.1.0/27 that the underlay reaches over that gateway.
 */
#include <errno.h>

#include "fake_neigh.h"

static struct neigh_table neigh;
static struct fibsync *fs;
static struct fib *fib;
static struct rib *rib;
static struct bgp_peer ars[2];

static void add_route(const char *text, const char *via1, const char *via2)
{
	struct config_route r = {.prefix = prefix(text), .kind = CONFIG_ROUTE_VIA, .n_via = 1};

	r.via[0] = addr(via1);
	if (via2 != NULL)
		r.via[r.n_via++] = addr(via2);
	assert_int_equal(fibsync_underlay_route(fs, &r), 0);
}

static void connect_port(const char *text, uint16_t port)
{
	struct ip_prefix p = prefix(text);

	assert_int_equal(fibsync_underlay_connected(fs, &p, port), 0);
	assert_int_equal(rib_add(rib, &p, RIB_CONNECTED, RIB_GLEAN, NULL, port), 0);
}

static void start(uint32_t v4_groups)
{
	struct fib_conf fib_conf = {.max_v4_groups = v4_groups};
	struct rib_ops ops;

	neigh = (struct neigh_table){.nh = nh_table_new(256, 64, NULL), .limit = FAKE_NEIGHBOURS};
	fib = fib_new(&fib_conf);
	assert_non_null(fib);
	fs = fibsync_new(&(struct fibsync_conf){.fib = fib, .nh = neigh.nh, .neigh = &neigh});
	fibsync_rib_ops(fs, &ops);
	rib = rib_new(&ops, 8);
	fibsync_set_rib(fs, rib);
	connect_port("10.0.0.0/24", 0);
	add_route("10.0.1.0/27", "10.0.0.1", NULL);
	for (int i = 0; i < 2; i++) {
		ars[i] = fake_peer(i == 0 ? "10.0.1.4" : "10.0.1.5", 65515);
		fake_up(rib, &ars[i]);
	}
}

static int setup(void **state)
{
	(void)state;
	start(1024);
	return 0;
}

/* Whatever the test left must go without a trace. */
static int teardown(void **state)
{
	struct fib_stats stats;
	struct fibsync_stats s;

	(void)state;
	rib_free(rib);
	fib_get_stats(fib, &stats);
	fibsync_get_stats(fs, &s);
	assert_int_equal(stats.v4_routes + stats.v6_routes, s.hosts);
	assert_int_equal(s.routes, s.hosts);
	assert_int_equal(s.paths, 0);
	assert_int_equal(s.failed, 0);
	fibsync_free(fs);
	fib_get_stats(fib, &stats);
	assert_int_equal(stats.v4_routes + stats.v6_routes, 0);
	for (unsigned int i = 0; i < neigh.n; i++) {
		assert_int_equal(neigh.entries[i].refs, 0);
		assert_int_equal(neigh.nh->nh[neigh.entries[i].nh].refs, 1);
	}
	fib_free(fib);
	nh_table_free(neigh.nh);
	assert_int_equal(bgp_attrs_count(), 0);
	return 0;
}

static uint32_t lookup(const char *text)
{
	struct ip_addr a = addr(text);

	return fib_lookup(fib, &a);
}

static const struct nh *nh_at(const char *text)
{
	return &neigh.nh->nh[lookup(text)];
}

static void learn(int i, const char *text, const char *next_hop)
{
	struct ip_prefix p = prefix(text);

	assert_int_equal(fake_update(rib, &ars[i], &p, next_hop, ATTRS(NULL, 65515)), 0);
}

static void unlearn(int i, const char *text)
{
	struct ip_prefix p = prefix(text);

	assert_int_equal(fake_update(rib, &ars[i], &p, NULL, NULL), 0);
}

static struct fibsync_stats stats(void)
{
	struct fibsync_stats s;

	fibsync_get_stats(fs, &s);
	return s;
}

static void expect_adjacency(const char *dst, const char *gateway, uint16_t port)
{
	const struct nh *nh = nh_at(dst);

	assert_int_equal(nh->kind, NH_PENDING);
	assert_string_equal(IP_ADDR_TEXT(&nh->addr), gateway);
	assert_int_equal(nh->port, port);
}

/* Two instances behind one gateway are one path: losing either writes nothing. */
static void test_instance_lost(void **state)
{
	uint64_t writes;

	(void)state;
	learn(0, "10.2.0.0/16", "10.0.1.4");
	expect_adjacency("10.2.3.4", "10.0.0.1", 0);
	writes = stats().writes;
	learn(1, "10.2.0.0/16", "10.0.1.5");
	assert_int_equal(stats().writes, writes);
	fake_down(rib, &ars[0]);
	expect_adjacency("10.2.3.4", "10.0.0.1", 0);
	assert_int_equal(stats().writes, writes);
	assert_int_equal(stats().paths, 2); /* the gateway and the connected prefix */
	fake_down(rib, &ars[1]);
	assert_int_equal(lookup("10.2.3.4"), NH_NONE);
	assert_int_equal(stats().writes, writes + 1);
}

/* A learned VNet prefix that covers the route servers, and even their own /32s, changes nothing about
 * how they are reached. */
static void test_recursion_trap(void **state)
{
	struct ip_addr server = addr("10.0.1.4"), gateway;
	struct ip_prefix route;
	uint16_t port;

	(void)state;
	learn(0, "10.0.0.0/16", "10.0.1.4");
	learn(0, "10.0.1.4/32", "10.0.1.5");
	learn(0, "0.0.0.0/0", "10.0.1.4");
	expect_adjacency("10.0.1.4", "10.0.0.1", 0);
	expect_adjacency("10.0.200.1", "10.0.0.1", 0);
	expect_adjacency("8.8.8.8", "10.0.0.1", 0);
	assert_int_equal(fibsync_underlay_lookup(fs, &server, &route, &port, &gateway), 0);
	assert_string_equal(IP_PREFIX_TEXT(&route), "10.0.1.0/27");
	assert_string_equal(IP_ADDR_TEXT(&gateway), "10.0.0.1");
	assert_string_equal(
		IP_ADDR_TEXT(&neigh.nh->nh[fibsync_resolve(fs, &server)].addr), "10.0.0.1");
	/* What only the main table reaches does not resolve. */
	learn(1, "10.3.0.0/16", "10.0.200.1");
	assert_int_equal(stats().unresolved, 1);
	expect_adjacency("10.3.0.1", "10.0.0.1", 0); /* by 10.0.0.0/16's default, not by its own route */
	server = addr("10.0.200.1");
	assert_int_equal(fibsync_underlay_lookup(fs, &server, &route, &port, &gateway), -ENOENT);
	assert_int_equal(fibsync_resolve(fs, &server), NH_NONE);
}

static void test_ecmp_and_ports(void **state)
{
	uint32_t group;

	(void)state;
	connect_port("10.5.0.0/24", 1);
	add_route("10.9.0.0/16", "10.0.0.1", "10.5.0.1");
	learn(0, "10.2.0.0/16", "10.9.0.1");
	learn(0, "10.3.0.0/16", "10.9.0.2"); /* another next hop, the same gateways */
	group = lookup("10.2.0.1");
	assert_int_equal(neigh.nh->nh[group].kind, NH_ECMP);
	assert_int_equal(lookup("10.3.0.1"), group);
	/* Multipath over both kinds of next hop: the union is the same set, the same group. */
	learn(0, "10.4.0.0/16", "10.5.0.1");
	expect_adjacency("10.4.0.1", "10.5.0.1", 1);
	learn(1, "10.4.0.0/16", "10.0.1.5");
	assert_int_equal(lookup("10.4.0.1"), group);

	fibsync_port_changed(fs, 1, false);
	expect_adjacency("10.2.0.1", "10.0.0.1", 0);
	expect_adjacency("10.3.0.1", "10.0.0.1", 0);
	expect_adjacency("10.4.0.1", "10.0.0.1", 0);
	assert_int_equal(lookup("10.5.0.77"), NH_NONE); /* the connected prefix is gone too */
	fibsync_port_changed(fs, 0, false);
	assert_int_equal(lookup("10.2.0.1"), NH_NONE);
	assert_int_equal(stats().unresolved, 4);
	assert_int_equal(stats().routes, 0);
	fibsync_port_changed(fs, 0, true);
	fibsync_port_changed(fs, 1, true);
	assert_int_equal(neigh.nh->nh[lookup("10.2.0.1")].kind, NH_ECMP);
	assert_int_equal(lookup("10.3.0.1"), lookup("10.2.0.1"));
	assert_int_equal(lookup("10.4.0.1"), lookup("10.2.0.1"));
	assert_int_equal(nh_at("10.5.0.77")->kind, NH_GLEAN);
}

static void test_kinds(void **state)
{
	struct ip_prefix own = prefix("10.0.0.4/32"), own6 = prefix("fd00::4/128");
	struct ip_prefix hole = prefix("192.0.2.0/24"), hole2 = prefix("198.51.100.0/24");
	struct ip_prefix superset = prefix("10.0.0.0/8");

	(void)state;
	connect_port("fd00::/64", 0);
	rib_add(rib, &own, RIB_LOCAL, RIB_HOST, NULL, 0);
	rib_add(rib, &own6, RIB_LOCAL, RIB_HOST, NULL, 0);
	rib_add(rib, &hole, RIB_STATIC, RIB_BLACKHOLE, NULL, 0);
	rib_add(rib, &hole2, RIB_STATIC, RIB_BLACKHOLE, NULL, 0);
	rib_add(rib, &superset, RIB_STATIC, RIB_DISCARD, NULL, 0);
	assert_int_equal(nh_at("10.0.0.4")->kind, NH_LOCAL);
	assert_int_equal(nh_at("10.0.0.4")->addr.family, IP_V4);
	assert_string_equal(IP_ADDR_TEXT(&nh_at("fd00::4")->addr), "fd00::4");
	assert_int_equal(nh_at("192.0.2.1")->kind, NH_BLACKHOLE);
	assert_int_equal(lookup("192.0.2.1"), lookup("198.51.100.1"));
	assert_int_equal(nh_at("10.7.0.1")->kind, NH_DISCARD);
	assert_int_equal(nh_at("10.0.0.9")->kind, NH_GLEAN);
	assert_int_equal(lookup("10.0.0.9"), lookup("fd00::9"));
	/* A learned route inside the superset takes its own traffic out of it. */
	learn(0, "10.7.0.0/16", "10.0.1.4");
	expect_adjacency("10.7.0.1", "10.0.0.1", 0);
	unlearn(0, "10.7.0.0/16");
	assert_int_equal(nh_at("10.7.0.1")->kind, NH_DISCARD);
}

/* Translation's addresses: a route of their own, or a mark on what is our own anyway. */
static void test_nat_addresses(void **state)
{
	struct ip_prefix pool = prefix("10.0.0.9/32"), far = prefix("192.0.2.1/32"),
			 own = prefix("10.0.0.4/32");

	(void)state;
	rib_add(rib, &own, RIB_LOCAL, RIB_HOST, NULL, 0);
	assert_int_equal(nh_at("10.0.0.9")->kind, NH_GLEAN);
	rib_add(rib, &pool, RIB_LOCAL, RIB_NAT, NULL, 0);
	rib_add(rib, &far, RIB_LOCAL, RIB_NAT, NULL, 0);
	assert_int_equal(nh_at("10.0.0.9")->kind, NH_NAT);
	assert_int_equal(lookup("10.0.0.9"), lookup("192.0.2.1"));
	/* A neighbour that says it has the address does not get its traffic. */
	fibsync_host_route(fs, &pool.addr, lookup("10.0.0.1"), true);
	assert_int_equal(nh_at("10.0.0.9")->kind, NH_NAT);
	fibsync_host_route(fs, &pool.addr, NH_NONE, false);
	rib_del(rib, &pool, RIB_LOCAL, NULL);
	assert_int_equal(nh_at("10.0.0.9")->kind, NH_GLEAN);

	assert_int_equal(fibsync_set_nat(fs, &pool.addr, true), -ENOENT);
	assert_int_equal(fibsync_set_nat(fs, &far.addr, true), -ENOENT);
	assert_int_equal(nh_at("10.0.0.4")->nat, 0);
	assert_int_equal(fibsync_set_nat(fs, &own.addr, true), 0);
	assert_int_equal(nh_at("10.0.0.4")->nat, 1);
	assert_int_equal(fibsync_set_nat(fs, &own.addr, false), 0);
	assert_int_equal(nh_at("10.0.0.4")->nat, 0);
}

static void test_v6(void **state)
{
	(void)state;
	connect_port("fd00::/64", 0);
	add_route("fd00:1::/64", "fd00::1", NULL);
	learn(0, "fd00:2::/48", "fd00:1::4");
	learn(1, "fd00:2::/48", "fd00:1::5");
	expect_adjacency("fd00:2::7", "fd00::1", 0);
	learn(0, "::/0", "fd00:1::4");
	expect_adjacency("2001:db8::1", "fd00::1", 0);
	fibsync_port_changed(fs, 0, false);
	assert_int_equal(lookup("fd00:2::7"), NH_NONE);
}

static void test_host_routes(void **state)
{
	struct ip_addr a = addr("10.0.0.130"), other = addr("10.0.0.9");
	uint32_t nh = neigh_acquire(&neigh, 0, &a), nh_other = neigh_acquire(&neigh, 0, &other);
	uint64_t writes;

	(void)state;
	fibsync_host_route(fs, &a, nh, true);
	fibsync_host_route(fs, &other, nh_other, true);
	assert_int_equal(lookup("10.0.0.130"), nh);
	assert_int_equal(stats().hosts, 2);

	/* A route of the same prefix wins, and gives it back in one write. */
	learn(0, "10.0.0.130/32", "10.0.1.4");
	expect_adjacency("10.0.0.130", "10.0.0.1", 0);
	assert_int_equal(stats().hosts, 1);
	writes = stats().writes;
	unlearn(0, "10.0.0.130/32");
	assert_int_equal(stats().writes, writes + 1);
	assert_int_equal(lookup("10.0.0.130"), nh);

	/* So does a more specific one than the connected prefix, inside which the address lies. */
	learn(0, "10.0.0.128/25", "10.0.1.4");
	expect_adjacency("10.0.0.130", "10.0.0.1", 0);
	assert_int_equal(lookup("10.0.0.9"), nh_other);
	unlearn(0, "10.0.0.128/25");
	assert_int_equal(lookup("10.0.0.130"), nh);

	/* A shorter one does not. */
	learn(0, "10.0.0.0/16", "10.0.1.4");
	assert_int_equal(lookup("10.0.0.130"), nh);

	/* Nor does it outlive its connected prefix. */
	fibsync_port_changed(fs, 0, false);
	assert_int_equal(lookup("10.0.0.130"), NH_NONE);
	fibsync_port_changed(fs, 0, true);
	assert_int_equal(lookup("10.0.0.130"), nh);
	fibsync_host_route(fs, &a, nh, false);
	assert_int_equal(nh_at("10.0.0.130")->kind, NH_GLEAN);
	neigh_release(&neigh, nh);
	neigh_release(&neigh, nh_other);
}

static void test_own_next_hop(void **state)
{
	struct ip_prefix own = prefix("10.0.0.4/32");

	(void)state;
	rib_add(rib, &own, RIB_LOCAL, RIB_HOST, NULL, 0);
	learn(0, "10.2.0.0/16", "10.0.0.4");
	assert_int_equal(lookup("10.2.0.1"), NH_NONE);
	learn(1, "10.2.0.0/16", "10.0.1.5");
	expect_adjacency("10.2.0.1", "10.0.0.1", 0);
}

/* The FIB has room for two second-level blocks: what does not fit is counted and tried again. */
static void test_no_room(void **state)
{
	(void)state;
	assert_int_equal(teardown(NULL), 0);
	start(2); /* one of which the underlay does not need, but a /27 learned here does */
	learn(0, "20.0.0.0/25", "10.0.1.4");
	learn(0, "20.0.1.0/25", "10.0.1.4");
	learn(0, "20.0.2.0/25", "10.0.1.4");
	learn(0, "20.0.3.0/24", "10.0.1.4");
	assert_int_equal(stats().failed, 1);
	assert_int_equal(lookup("20.0.2.1"), NH_NONE);
	expect_adjacency("20.0.3.1", "10.0.0.1", 0);
	fibsync_run(fs, 10000);
	assert_int_equal(stats().failed, 1);
	unlearn(0, "20.0.0.0/25");
	fibsync_run(fs, 10500); /* too soon */
	assert_int_equal(stats().failed, 1);
	fibsync_run(fs, 11000);
	assert_int_equal(stats().failed, 0);
	expect_adjacency("20.0.2.1", "10.0.0.1", 0);
	/* One that goes while it waits is not waited for. */
	learn(0, "20.0.0.0/25", "10.0.1.4");
	assert_int_equal(stats().failed, 1);
	unlearn(0, "20.0.0.0/25");
	assert_int_equal(stats().failed, 0);
}

/* A full neighbour table: the next hop is unresolved until there is room. */
static void test_no_neighbour(void **state)
{
	(void)state;
	neigh.limit = 0;
	learn(0, "10.2.0.0/16", "10.0.1.4");
	assert_int_equal(lookup("10.2.0.1"), NH_NONE);
	assert_int_equal(stats().unresolved, 1);
	neigh.limit = 1;
	fibsync_run(fs, 10000);
	expect_adjacency("10.2.0.1", "10.0.0.1", 0);
	assert_int_equal(stats().unresolved, 0);
}

static void test_bad_underlay(void **state)
{
	struct config_route r = {
		.prefix = prefix("10.20.0.0/16"), .kind = CONFIG_ROUTE_VIA, .via = {addr("10.0.1.1")}, .n_via = 1};
	struct config_route hole = {.prefix = prefix("10.0.1.4/32"), .kind = CONFIG_ROUTE_BLACKHOLE};
	struct ip_prefix p = prefix("10.0.0.0/24");

	(void)state;
	/* A gateway must be on a connected prefix: one behind another gateway is refused. */
	assert_int_equal(fibsync_underlay_route(fs, &r), -ENETUNREACH);
	r.n_via = 0;
	assert_int_equal(fibsync_underlay_route(fs, &r), -EINVAL);
	assert_int_equal(fibsync_underlay_connected(fs, &p, 0), 0);
	assert_int_equal(fibsync_underlay_connected(fs, &p, 1), -EEXIST);
	learn(0, "10.2.0.0/16", "10.0.1.4");
	expect_adjacency("10.2.0.1", "10.0.0.1", 0);
	assert_int_equal(fibsync_underlay_route(fs, &hole), 0);
	assert_int_equal(lookup("10.2.0.1"), NH_NONE);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_instance_lost), T(test_recursion_trap), T(test_ecmp_and_ports), T(test_kinds), T(test_nat_addresses), T(test_v6),
		T(test_host_routes), T(test_own_next_hop), T(test_no_room), T(test_no_neighbour),
		T(test_bad_underlay),
	};
#undef T

	return cmocka_run_group_tests(tests, NULL, NULL);
}
