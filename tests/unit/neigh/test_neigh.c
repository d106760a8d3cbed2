/* SPDX-License-Identifier: BSD-3-Clause */
/* The neighbours' states under virtual time, frames in and out through the punt's rings. */
#include "unit.h"

#include <errno.h>
#include <string.h>

#include <rte_eal.h>
#include <rte_ip.h>

#include "drop/drop.h"
#include "neigh/msg.h"
#include "neigh/neigh.h"
#include "packet/meta.h"

#define POOL_SIZE 2047
#define PORT_ID 3
#define HOLD 4

static struct rte_mempool *pool;
static const struct rte_ether_addr our_mac = {{0x02, 0, 0, 0, 0, 0x01}};
static const struct rte_ether_addr peer_mac = {{0x02, 0, 0, 0, 0, 0x0b}};
static const struct rte_ether_addr other_mac = {{0x02, 0, 0, 0, 0, 0x0c}};

struct fixture {
	struct nh_table *nh;
	struct punt *punt;
	struct neigh_table *table;
	struct port port;
	uint64_t now;
	uint64_t drops[DROP_REASON_MAX];
	unsigned int available;
	/* the last host route callback, and how many routes stand */
	struct ip_addr route;
	uint32_t route_nh;
	int routes;
};

static struct ip_addr ip(const char *text)
{
	struct ip_addr a;

	assert_int_equal(ip_addr_parse(text, &a), 0);
	return a;
}

static void host_route(void *arg, const struct ip_addr *addr, uint32_t nh, bool add)
{
	struct fixture *f = arg;

	f->route = *addr;
	f->route_nh = nh;
	f->routes += add ? 1 : -1;
	if (add)
		nh_ref(f->nh, nh);
	else
		nh_unref(f->nh, nh);
}

static uint64_t dropped(const struct fixture *f, enum drop_reason reason)
{
	return drop_total(reason) - f->drops[reason];
}

/* What the worker would take next; NULL where there is nothing. The caller frees it. */
static struct rte_mbuf *taken(struct fixture *f)
{
	struct rte_mbuf *m;

	return punt_from_control(f->punt, 0, &m, 1) == 1 ? m : NULL;
}

static unsigned int take_all(struct fixture *f)
{
	struct rte_mbuf *m;
	unsigned int n;

	for (n = 0; (m = taken(f)) != NULL; n++)
		rte_pktmbuf_free(m);
	return n;
}

static void run(struct fixture *f, uint64_t ms)
{
	f->now += ms;
	neigh_run(f->table, f->now);
}

static int setup_with(void **state, uint32_t max_entries)
{
	static struct config_address addrs[2];
	static struct config_neighbour neighbour;
	struct config_port conf = {.name = "eth0", .addresses = addrs, .n_addresses = 2,
		.neighbours = &neighbour, .n_neighbours = 1};
	struct fixture *f = calloc(1, sizeof(*f));

	addrs[0] = (struct config_address){.addr = ip("10.0.0.4"), .len = 24};
	addrs[1] = (struct config_address){.addr = ip("2001:db8::4"), .len = 64};
	neighbour = (struct config_neighbour){.addr = ip("10.0.0.1"), .mac = other_mac};
	for (unsigned int i = 0; i < DROP_REASON_MAX; i++)
		f->drops[i] = drop_total(i);
	f->available = rte_mempool_avail_count(pool);
	f->nh = nh_table_new(1024, 0, NULL);
	f->punt = punt_new(1, 256, pool);
	assert_non_null(f->punt);
	f->port = (struct port){.id = PORT_ID, .name = "eth0", .mac = our_mac, .mtu_bytes = 1500};
	f->table = neigh_new(&(struct neigh_conf){.nh = f->nh, .punt = f->punt, .pool = pool,
		.max_entries = max_entries, .hold_packets = HOLD, .hold_total = 10,
		.host_route = host_route, .arg = f});
	assert_non_null(f->table);
	assert_int_equal(neigh_port_add(f->table, &f->port, &conf), 0);
	f->now = 1000000;
	neigh_run(f->table, f->now); /* announcements: see test_announce */
	run(f, 1000);
	run(f, 1000);
	assert_int_equal(take_all(f), 6);
	*state = f;
	return 0;
}

static int setup(void **state)
{
	return setup_with(state, 100);
}

static int setup_tiny(void **state)
{
	return setup_with(state, 8);
}

/* No test may lose an mbuf. */
static int teardown(void **state)
{
	struct fixture *f = *state;

	neigh_free(f->table);
	punt_free(f->punt);
	nh_table_free(f->nh);
	assert_int_equal(rte_mempool_avail_count(pool), f->available);
	free(f);
	return 0;
}

static void frame_in(struct fixture *f, const uint8_t *frame, size_t len)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);

	assert_non_null(m);
	memcpy(rte_pktmbuf_append(m, (uint16_t)len), frame, len);
	m->port = PORT_ID;
	neigh_input_frames(f->table, &m, 1);
}

/* The peer with this MAC says where `who` is; `flags` in IPv6 only. */
static void answer(struct fixture *f, const char *who, const struct rte_ether_addr *mac, bool solicited,
	bool override)
{
	uint8_t frame[NEIGH_FRAME_MAX];
	struct neigh_frame a = {.eth_dst = our_mac, .eth_src = *mac, .target = ip(who),
		.to_mac = our_mac, .solicited = solicited, .override = override};

	a.to = a.target.family == IP_V4 ? ip("10.0.0.4") : ip("2001:db8::4");
	frame_in(f, frame, neigh_build_advert(&a, frame));
}

static void ask_us(struct fixture *f, const char *sender, const char *target,
	const struct rte_ether_addr *mac)
{
	uint8_t frame[NEIGH_FRAME_MAX];
	struct neigh_frame s = {.eth_dst = our_mac, .eth_src = *mac, .sender = ip(sender),
		.target = ip(target)};

	frame_in(f, frame, neigh_build_solicit(&s, frame));
}

/* A transit packet that a worker punts, its lookup having ended at nh. */
static void glean(struct fixture *f, const char *dst, uint32_t nh, enum punt_inject inject, uint16_t id)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
	struct ip_addr a = ip(dst);
	uint8_t *p;

	assert_non_null(m);
	p = (uint8_t *)rte_pktmbuf_append(m, 80);
	memset(p, 0, 80);
	p[14] = a.family == IP_V4 ? 0x45 : 0x60;
	memcpy(p + 14 + (a.family == IP_V4 ? 16 : 24), a.bytes, a.family == IP_V4 ? 4 : 16);
	memcpy(p + 78, &id, 2);
	m->port = PORT_ID;
	*pkt_meta(m) = (struct pkt_meta){.nh = nh, .inject = inject};
	neigh_input_glean(f->table, &m, 1);
}

static uint16_t id_of(const struct rte_mbuf *m)
{
	uint16_t id;

	memcpy(&id, rte_pktmbuf_mtod_offset(m, char *, 78), 2);
	return id;
}

/* The next frame out is a solicitation for `who`, to this MAC (NULL: to the group). */
static void expect_solicit(struct fixture *f, const char *who, const struct rte_ether_addr *to)
{
	struct ip_addr target = ip(who);
	struct rte_mbuf *m = taken(f);
	struct neigh_msg msg;

	assert_non_null(m);
	assert_int_equal(pkt_meta(m)->inject, PUNT_INJECT_TX);
	assert_int_equal(m->port, PORT_ID);
	assert_int_equal((target.family == IP_V4 ? arp_parse : nd_parse)(
		rte_pktmbuf_mtod(m, uint8_t *), m->data_len, &msg), 0);
	assert_int_equal(msg.kind, NEIGH_MSG_SOLICIT);
	assert_true(ip_addr_equal(&msg.target, &target));
	assert_true(rte_is_same_ether_addr(&msg.mac, &our_mac));
	if (to != NULL)
		assert_memory_equal(rte_pktmbuf_mtod(m, uint8_t *), to, 6);
	else
		assert_true(rte_pktmbuf_mtod(m, uint8_t *)[0] & 1);
	rte_pktmbuf_free(m);
}

static void find_one(void *arg, const struct neigh_info *info)
{
	struct neigh_info *want = arg;

	if (ip_addr_equal(&want->addr, &info->addr)) {
		*want = *info;
		want->age_ms++; /* zero means not found */
	}
}

static bool info_of(struct fixture *f, const char *who, struct neigh_info *ret)
{
	*ret = (struct neigh_info){.addr = ip(who)};
	neigh_foreach(f->table, find_one, ret);
	return ret->age_ms != 0;
}

static enum neigh_state state_of(struct fixture *f, const char *who)
{
	struct neigh_info info;

	assert_true(info_of(f, who, &info));
	return info.state;
}

static void resolve_and_refresh(struct fixture *f, const char *who)
{
	struct ip_addr addr = ip(who);
	uint32_t nh = neigh_acquire(f->table, PORT_ID, &addr);

	assert_int_not_equal(nh, NH_NONE);
	assert_int_equal(f->nh->nh[nh].kind, NH_PENDING);
	assert_int_equal(f->nh->nh[nh].port, PORT_ID);
	assert_int_equal(f->nh->nh[nh].mtu_bytes, 1500);
	expect_solicit(f, who, NULL);
	assert_int_equal(neigh_acquire(f->table, PORT_ID, &addr), nh);
	neigh_release(f->table, nh);
	answer(f, who, &peer_mac, true, true);
	assert_int_equal(f->nh->nh[nh].kind, NH_FORWARD);
	assert_true(rte_is_same_ether_addr(&f->nh->nh[nh].dst_mac, &peer_mac));
	assert_true(rte_is_same_ether_addr(&f->nh->nh[nh].src_mac, &our_mac));
	assert_int_equal(state_of(f, who), NEIGH_REACHABLE);

	run(f, 29999);
	assert_int_equal(take_all(f), 0);
	run(f, 1); /* reachable_ms: a unicast check, forwarding meanwhile */
	expect_solicit(f, who, &peer_mac);
	assert_int_equal(state_of(f, who), NEIGH_PROBE);
	assert_int_equal(f->nh->nh[nh].kind, NH_FORWARD);
	answer(f, who, &peer_mac, true, true);
	assert_int_equal(state_of(f, who), NEIGH_REACHABLE);

	/* It goes away: three unicast, then three to everybody, each at its time, then failed. */
	run(f, 30000);
	for (unsigned int i = 0; i < 3; i++) {
		expect_solicit(f, who, &peer_mac);
		run(f, 999);
		assert_int_equal(take_all(f), 0);
		run(f, 1);
	}
	for (unsigned int i = 0; i < 3; i++) {
		assert_int_equal(state_of(f, who), NEIGH_INCOMPLETE);
		assert_int_equal(f->nh->nh[nh].kind, NH_PENDING);
		expect_solicit(f, who, NULL);
		run(f, 1000);
	}
	assert_int_equal(state_of(f, who), NEIGH_FAILED);
	assert_int_equal(take_all(f), 0);
	run(f, 3000); /* in use: asked for slowly */
	expect_solicit(f, who, NULL);
	answer(f, who, &other_mac, true, true);
	assert_int_equal(f->nh->nh[nh].kind, NH_FORWARD);
	assert_true(rte_is_same_ether_addr(&f->nh->nh[nh].dst_mac, &other_mac));

	/* Nobody's any more: forgotten when it would be checked. */
	neigh_release(f->table, nh);
	run(f, 30000);
	struct neigh_info info;
	assert_false(info_of(f, who, &info));
	assert_int_equal(take_all(f), 0);
}

static void test_resolve_v4(void **state)
{
	resolve_and_refresh(*state, "10.0.0.9");
}

static void test_resolve_v6(void **state)
{
	resolve_and_refresh(*state, "2001:db8::9");
}

static void test_resolve_link_local(void **state)
{
	resolve_and_refresh(*state, "fe80::9");
}

/* Packets wait, the oldest go first where there are too many, and leave in order. */
static void test_hold(void **state)
{
	struct fixture *f = *state;
	struct ip_addr addr = ip("10.0.0.9");
	uint32_t nh = neigh_acquire(f->table, PORT_ID, &addr);
	struct neigh_info info;

	take_all(f);
	for (uint16_t i = 0; i < HOLD + 2; i++)
		glean(f, "192.0.2.1", nh, i == 3 ? PUNT_INJECT_OUTPUT : PUNT_INJECT_FORWARD, i);
	assert_true(info_of(f, "10.0.0.9", &info));
	assert_int_equal(info.held, HOLD);
	assert_int_equal(dropped(f, DROP_NEIGH_PENDING), 2);
	assert_int_equal(take_all(f), 0);
	answer(f, "10.0.0.9", &peer_mac, true, true);
	for (uint16_t i = 2; i < HOLD + 2; i++) {
		struct rte_mbuf *m = taken(f);

		assert_non_null(m);
		assert_int_equal(id_of(m), i);
		assert_int_equal(pkt_meta(m)->nh, nh);
		/* The kernel's own packet must not lose a TTL to the wait. */
		assert_int_equal(pkt_meta(m)->inject,
			i == 3 ? PUNT_INJECT_OUTPUT : PUNT_INJECT_FORWARD);
		rte_pktmbuf_free(m);
	}
	/* A late one, punted before it was resolved, goes straight on. */
	glean(f, "192.0.2.1", nh, PUNT_INJECT_FORWARD, 77);
	assert_int_equal(take_all(f), 1);
}

static void test_hold_total(void **state)
{
	struct fixture *f = *state;
	struct neigh_stats stats;
	uint32_t nh[4];

	for (unsigned int i = 0; i < 4; i++) {
		struct ip_addr addr = ip("10.0.0.20");

		addr.bytes[3] += i;
		nh[i] = neigh_acquire(f->table, PORT_ID, &addr);
		for (uint16_t k = 0; k < HOLD; k++)
			glean(f, "192.0.2.1", nh[i], PUNT_INJECT_FORWARD, k);
	}
	neigh_get_stats(f->table, &stats);
	assert_int_equal(stats.held, 10);
	assert_int_equal(dropped(f, DROP_NEIGH_PENDING), 4 * HOLD - 10);
}

static void test_failure_returns_held(void **state)
{
	struct fixture *f = *state;
	struct ip_addr v4 = ip("10.0.0.9"), v6 = ip("2001:db8::9");
	uint32_t nh4 = neigh_acquire(f->table, PORT_ID, &v4);
	uint32_t nh6 = neigh_acquire(f->table, PORT_ID, &v6);
	unsigned int seen = 0;

	glean(f, "192.0.2.1", nh4, PUNT_INJECT_FORWARD, 4);
	glean(f, "192.0.2.1", nh4, PUNT_INJECT_OUTPUT, 5); /* the kernel's: it times out by itself */
	glean(f, "2001:db8:1::1", nh6, PUNT_INJECT_FORWARD, 6);
	run(f, 1000);
	run(f, 1000);
	assert_int_equal(take_all(f), 6); /* solicitations */
	run(f, 1000);
	for (struct rte_mbuf *m; (m = taken(f)) != NULL; rte_pktmbuf_free(m), seen++) {
		const struct pkt_meta *meta = pkt_meta(m);
		bool is_v4 = id_of(m) == 4;

		assert_int_equal(meta->inject, PUNT_INJECT_ICMP);
		assert_int_equal(meta->drop_reason, DROP_NEIGH_FAILED);
		assert_int_equal(meta->icmp_type, is_v4 ? 3 : 1);
		assert_int_equal(meta->icmp_code, is_v4 ? 1 : 3);
	}
	assert_int_equal(seen, 2);
	assert_int_equal(dropped(f, DROP_NEIGH_FAILED), 1);

	/* Traffic tries again, though not at once. */
	glean(f, "192.0.2.1", nh4, PUNT_INJECT_FORWARD, 7);
	assert_int_equal(dropped(f, DROP_NEIGH_FAILED), 2);
	run(f, 1000);
	glean(f, "192.0.2.1", nh4, PUNT_INJECT_FORWARD, 8);
	expect_solicit(f, "10.0.0.9", NULL);
	assert_int_equal(state_of(f, "10.0.0.9"), NEIGH_INCOMPLETE);
	assert_int_equal(dropped(f, DROP_NEIGH_FAILED), 2);
}

static uint32_t connected(struct fixture *f)
{
	return nh_new(f->nh, &(struct nh){.kind = NH_GLEAN, .family = IP_V4, .port = PORT_ID});
}

static void test_glean(void **state)
{
	struct fixture *f = *state;
	uint32_t net = connected(f);
	struct neigh_info info;

	glean(f, "10.0.0.77", net, PUNT_INJECT_FORWARD, 1);
	glean(f, "10.0.0.77", net, PUNT_INJECT_FORWARD, 2);
	expect_solicit(f, "10.0.0.77", NULL);
	assert_int_equal(f->routes, 0); /* a scan makes no routes */
	answer(f, "10.0.0.77", &peer_mac, true, true);
	assert_int_equal(f->routes, 1);
	assert_true(f->route.bytes[3] == 77);
	assert_int_equal(f->nh->nh[f->route_nh].kind, NH_FORWARD);
	assert_int_equal(take_all(f), 2);

	/* It stays as long as it answers and is used... */
	for (unsigned int i = 0; i < 10; i++) {
		run(f, 30000);
		if (i < 9) {
			expect_solicit(f, "10.0.0.77", &peer_mac);
			answer(f, "10.0.0.77", &peer_mac, true, true);
		}
	}
	/* ...then its route is taken away to see whether it is; the next packet brings it back */
	assert_int_equal(f->routes, 0);
	take_all(f);
	answer(f, "10.0.0.77", &peer_mac, true, true);
	glean(f, "10.0.0.77", net, PUNT_INJECT_FORWARD, 3);
	assert_int_equal(f->routes, 1);
	assert_int_equal(take_all(f), 1);
	/* ...and without one, it is forgotten. */
	for (unsigned int i = 0; i < 11; i++) {
		run(f, 30000);
		take_all(f);
		answer(f, "10.0.0.77", &peer_mac, true, true);
	}
	assert_int_equal(f->routes, 0);
	assert_false(info_of(f, "10.0.0.77", &info));
	nh_unref(f->nh, net);
}

static void test_glean_failure(void **state)
{
	struct fixture *f = *state;
	uint32_t net = connected(f);
	struct neigh_info info;

	glean(f, "10.0.0.78", net, PUNT_INJECT_FORWARD, 1);
	for (unsigned int i = 0; i < 3; i++)
		run(f, 1000);
	assert_int_equal(state_of(f, "10.0.0.78"), NEIGH_FAILED);
	assert_int_equal(take_all(f), 4); /* three solicitations, one ICMP error */
	run(f, 3000);
	assert_false(info_of(f, "10.0.0.78", &info));
	assert_int_equal(f->routes, 0);
	nh_unref(f->nh, net);
}

/* Addresses that no neighbour has: not asked for, and counted. */
static void test_glean_impossible(void **state)
{
	static const char *const dst[] = {"10.0.0.255", "10.0.0.0", "10.0.0.4", "10.0.1.1", "224.0.0.1"};
	struct fixture *f = *state;
	uint32_t net = connected(f);
	struct neigh_stats before, after;

	neigh_get_stats(f->table, &before);
	for (unsigned int i = 0; i < 5; i++)
		glean(f, dst[i], net, PUNT_INJECT_FORWARD, 1);
	glean(f, "2001:db8:1::1", net, PUNT_INJECT_FORWARD, 1);
	glean(f, "10.0.0.9", 1023, PUNT_INJECT_FORWARD, 1);	 /* an index that is free */
	glean(f, "10.0.0.9", UINT32_MAX, PUNT_INJECT_FORWARD, 1); /* and one that is none */
	neigh_get_stats(f->table, &after);
	assert_int_equal(after.entries, before.entries);
	assert_int_equal(dropped(f, DROP_IP4_DESTINATION), 5);
	assert_int_equal(dropped(f, DROP_IP6_DESTINATION), 1);
	assert_int_equal(dropped(f, DROP_NEIGH_PENDING), 2);
	assert_int_equal(take_all(f), 0);
	nh_unref(f->nh, net);
}

/* Eight entries: a scan takes six of them, the others are left for next hops. */
static void test_limit(void **state)
{
	struct fixture *f = *state;
	uint32_t net = connected(f);
	struct neigh_stats stats;

	for (unsigned int i = 0; i < 20; i++) {
		char dst[20];

		snprintf(dst, sizeof(dst), "10.0.0.%u", 100 + i);
		glean(f, dst, net, PUNT_INJECT_FORWARD, 1);
	}
	neigh_get_stats(f->table, &stats);
	assert_int_equal(stats.entries, 6);
	assert_int_equal(stats.table_full, 15);
	assert_int_equal(dropped(f, DROP_NEIGH_PENDING), 15);
	for (unsigned int i = 0; i < 3; i++) {
		struct ip_addr addr = ip("10.0.0.50");
		uint32_t nh;

		addr.bytes[3] += i;
		errno = 0;
		nh = neigh_acquire(f->table, PORT_ID, &addr);
		assert_true(i < 2 ? nh != NH_NONE : nh == NH_NONE && errno == ENOSPC);
	}
	nh_unref(f->nh, net);
}

static void expect_reply(struct fixture *f, const char *target, const struct rte_ether_addr *to)
{
	struct ip_addr own = ip(target);
	struct rte_mbuf *m = taken(f);
	struct neigh_msg msg;

	assert_non_null(m);
	assert_int_equal((own.family == IP_V4 ? arp_parse : nd_parse)(
		rte_pktmbuf_mtod(m, uint8_t *), m->data_len, &msg), 0);
	assert_int_equal(msg.kind, NEIGH_MSG_ADVERT);
	assert_true(ip_addr_equal(&msg.target, &own));
	assert_true(rte_is_same_ether_addr(&msg.mac, &our_mac));
	assert_memory_equal(rte_pktmbuf_mtod(m, uint8_t *), to, 6);
	rte_pktmbuf_free(m);
}

static void test_replies(void **state)
{
	static const struct rte_ether_addr all_nodes = {{0x33, 0x33, 0, 0, 0, 1}};
	struct fixture *f = *state;
	struct neigh_info info;
	uint8_t frame[NEIGH_FRAME_MAX];
	uint16_t sum;
	struct rte_ipv6_hdr *h = (struct rte_ipv6_hdr *)(frame + 14);
	struct neigh_frame probe = {.eth_dst = {{0x33, 0x33, 0xff, 0, 0, 4}}, .eth_src = peer_mac,
		.target = ip("2001:db8::4"), .sender = {.family = IP_V6}};

	ask_us(f, "10.0.0.9", "10.0.0.4", &peer_mac);
	expect_reply(f, "10.0.0.4", &peer_mac);
	ask_us(f, "2001:db8::9", "2001:db8::4", &peer_mac);
	expect_reply(f, "2001:db8::4", &peer_mac);
	assert_false(info_of(f, "10.0.0.9", &info)); /* a stranger makes no entry */
	ask_us(f, "0.0.0.0", "10.0.0.4", &peer_mac);
	expect_reply(f, "10.0.0.4", &peer_mac);
	/* A probe for duplicates in IPv6: :: and no option; answered to everybody. */
	neigh_build_solicit(&probe, frame);
	h->payload_len = rte_cpu_to_be_16(24);
	memset(frame + 56, 0, 2);
	sum = rte_ipv6_udptcp_cksum(h, h + 1);
	memcpy(frame + 56, &sum, 2);
	frame_in(f, frame, 78);
	expect_reply(f, "2001:db8::4", &all_nodes);

	ask_us(f, "10.0.0.9", "10.0.0.5", &peer_mac);
	ask_us(f, "2001:db8::9", "2001:db8::5", &peer_mac);
	assert_int_equal(dropped(f, DROP_ARP_NOT_LOCAL), 1);
	assert_int_equal(dropped(f, DROP_ND_NOT_LOCAL), 1);
	assert_int_equal(take_all(f), 0);
}

/* Addresses that translation attracts: answered where they lie on the port's prefixes. */
static void test_proxies(void **state)
{
	struct ip_addr in = ip("10.0.0.5"), in6 = ip("2001:db8::5"), off = ip("192.0.2.1");
	struct fixture *f = *state;
	struct neigh_stats stats;

	assert_int_equal(neigh_proxy_add(f->table, &in), 0);
	assert_int_equal(neigh_proxy_add(f->table, &in6), 0);
	assert_int_equal(neigh_proxy_add(f->table, &off), 0);
	assert_int_equal(neigh_proxy_add(f->table, &off), -EEXIST);
	ask_us(f, "10.0.0.9", "10.0.0.5", &peer_mac);
	expect_reply(f, "10.0.0.5", &peer_mac);
	ask_us(f, "2001:db8::9", "2001:db8::5", &peer_mac);
	expect_reply(f, "2001:db8::5", &peer_mac);
	ask_us(f, "10.0.0.9", "192.0.2.1", &peer_mac);
	ask_us(f, "10.0.0.9", "10.0.0.6", &peer_mac);
	assert_int_equal(dropped(f, DROP_ARP_NOT_LOCAL), 2);
	ask_us(f, "10.0.0.5", "10.0.0.4", &peer_mac); /* somebody else has it */
	neigh_get_stats(f->table, &stats);
	assert_int_equal(stats.conflicts, 1);
	neigh_proxy_del(f->table, &in);
	neigh_proxy_del(f->table, &in);
	ask_us(f, "10.0.0.9", "10.0.0.5", &peer_mac);
	assert_int_equal(dropped(f, DROP_ARP_NOT_LOCAL), 3);
	assert_int_equal(take_all(f), 0);
}

/* Where the kernel has the port's addresses, it answers for them; for ours alone nobody else would. */
static void test_proxies_on_a_port_of_the_kernel(void **state)
{
	struct ip_addr in = ip("10.0.0.5"), own = ip("10.0.0.4");
	struct fixture *f = *state;

	f->port.kernel_owns_addresses = true;
	assert_int_equal(neigh_proxy_add(f->table, &in), 0);
	assert_int_equal(neigh_proxy_add(f->table, &own), 0);
	ask_us(f, "10.0.0.9", "10.0.0.5", &peer_mac);
	expect_reply(f, "10.0.0.5", &peer_mac);
	ask_us(f, "10.0.0.9", "10.0.0.4", &peer_mac);
	ask_us(f, "10.0.0.9", "10.0.0.6", &peer_mac);
	assert_int_equal(take_all(f), 0);
	f->port.kernel_owns_addresses = false;
}

static void test_bad_frames(void **state)
{
	struct fixture *f = *state;
	struct neigh_stats stats;
	uint8_t frame[NEIGH_FRAME_MAX] = {0};

	ask_us(f, "10.0.0.4", "10.0.0.4", &peer_mac);	    /* announces our address */
	ask_us(f, "2001:db8::4", "2001:db8::4", &peer_mac); /* the same */
	frame[12] = 0x08;
	frame[13] = 0x06;
	frame_in(f, frame, 60);
	frame[12] = 0x86;
	frame[13] = 0xdd;
	frame_in(f, frame, 60);
	frame_in(f, frame, 13);
	assert_int_equal(dropped(f, DROP_ARP_MALFORMED), 2);
	assert_int_equal(dropped(f, DROP_ND_MALFORMED), 2);
	assert_int_equal(dropped(f, DROP_ETH_SHORT), 1);
	ask_us(f, "10.0.0.4", "10.0.0.9", &our_mac); /* our own, come back: no conflict */
	neigh_get_stats(f->table, &stats);
	assert_int_equal(stats.conflicts, 2);
	assert_int_equal(take_all(f), 0);
}

/* In several segments, as a port may deliver. */
static void test_segmented(void **state)
{
	struct fixture *f = *state;
	uint8_t frame[NEIGH_FRAME_MAX];
	struct rte_mbuf *a = rte_pktmbuf_alloc(pool), *b = rte_pktmbuf_alloc(pool);
	struct neigh_frame s = {.eth_dst = our_mac, .eth_src = peer_mac, .sender = ip("10.0.0.9"),
		.target = ip("10.0.0.4")};

	neigh_build_solicit(&s, frame);
	memcpy(rte_pktmbuf_append(a, 20), frame, 20);
	memcpy(rte_pktmbuf_append(b, 40), frame + 20, 40);
	assert_int_equal(rte_pktmbuf_chain(a, b), 0);
	a->port = PORT_ID;
	neigh_input_frames(f->table, &a, 1);
	expect_reply(f, "10.0.0.4", &peer_mac);
}

/* News that nobody asked for: of a known neighbour only, and checked. */
static void test_unsolicited(void **state)
{
	struct fixture *f = *state;
	struct ip_addr v4 = ip("10.0.0.9"), v6 = ip("2001:db8::9");
	uint32_t nh4 = neigh_acquire(f->table, PORT_ID, &v4);
	uint32_t nh6;
	struct neigh_info info;

	take_all(f);
	answer(f, "10.0.0.9", &peer_mac, true, true);
	/* It moves, and says so by gratuitous ARP: asked for, though not twice in a second, and used
	 * once it answers; who only says so changes nothing. */
	for (unsigned int i = 0; i < 3; i++)
		ask_us(f, "10.0.0.9", "10.0.0.9", &other_mac);
	answer(f, "10.0.0.9", &other_mac, false, true);
	assert_int_equal(state_of(f, "10.0.0.9"), NEIGH_PROBE);
	run(f, 999);
	assert_int_equal(take_all(f), 0);
	run(f, 1);
	assert_true(rte_is_same_ether_addr(&f->nh->nh[nh4].dst_mac, &peer_mac));
	expect_solicit(f, "10.0.0.9", NULL);
	answer(f, "10.0.0.9", &other_mac, true, true);
	assert_int_equal(state_of(f, "10.0.0.9"), NEIGH_REACHABLE);
	assert_true(rte_is_same_ether_addr(&f->nh->nh[nh4].dst_mac, &other_mac));
	/* An answer to no question moves it no more than that. */
	answer(f, "10.0.0.9", &peer_mac, true, true);
	assert_true(rte_is_same_ether_addr(&f->nh->nh[nh4].dst_mac, &other_mac));
	run(f, 1000);
	expect_solicit(f, "10.0.0.9", NULL);
	answer(f, "10.0.0.9", &other_mac, true, true);
	assert_true(rte_is_same_ether_addr(&f->nh->nh[nh4].dst_mac, &other_mac));
	take_all(f);

	nh6 = neigh_acquire(f->table, PORT_ID, &v6);
	/* A solicitation tells where its sender is (RFC 4861 7.2.3), where that is unknown. */
	ask_us(f, "2001:db8::9", "2001:db8::4", &peer_mac);
	assert_int_equal(f->nh->nh[nh6].kind, NH_FORWARD);
	assert_int_equal(state_of(f, "2001:db8::9"), NEIGH_PROBE);
	take_all(f);
	run(f, 1);
	expect_solicit(f, "2001:db8::9", &peer_mac);
	answer(f, "2001:db8::9", &peer_mac, true, false);
	assert_int_equal(state_of(f, "2001:db8::9"), NEIGH_REACHABLE);
	ask_us(f, "2001:db8::9", "2001:db8::4", &other_mac); /* and elsewhere: a forgery, it may be */
	take_all(f);
	assert_true(rte_is_same_ether_addr(&f->nh->nh[nh6].dst_mac, &peer_mac));
	run(f, 1000);
	expect_solicit(f, "2001:db8::9", NULL);
	/* Another MAC without the override flag: no change (7.2.5). */
	answer(f, "2001:db8::9", &other_mac, true, false);
	assert_int_equal(state_of(f, "2001:db8::9"), NEIGH_PROBE);
	assert_true(rte_is_same_ether_addr(&f->nh->nh[nh6].dst_mac, &peer_mac));
	answer(f, "2001:db8::9", &other_mac, true, true);
	assert_int_equal(state_of(f, "2001:db8::9"), NEIGH_REACHABLE);
	assert_true(rte_is_same_ether_addr(&f->nh->nh[nh6].dst_mac, &other_mac));

	answer(f, "10.0.0.200", &peer_mac, true, true);
	answer(f, "2001:db8::200", &peer_mac, true, true);
	assert_false(info_of(f, "10.0.0.200", &info));
	assert_false(info_of(f, "2001:db8::200", &info));
}

static void test_static(void **state)
{
	struct fixture *f = *state;
	struct ip_addr addr = ip("10.0.0.1");
	uint32_t nh = neigh_acquire(f->table, PORT_ID, &addr);
	uint32_t net = connected(f);

	assert_int_equal(f->nh->nh[nh].kind, NH_FORWARD);
	assert_true(rte_is_same_ether_addr(&f->nh->nh[nh].dst_mac, &other_mac));
	ask_us(f, "10.0.0.1", "10.0.0.1", &peer_mac);
	answer(f, "10.0.0.1", &peer_mac, true, true);
	assert_true(rte_is_same_ether_addr(&f->nh->nh[nh].dst_mac, &other_mac));
	glean(f, "10.0.0.1", net, PUNT_INJECT_FORWARD, 1);
	assert_int_equal(take_all(f), 1);
	assert_int_equal(f->routes, 1);
	run(f, 10000000);
	assert_int_equal(state_of(f, "10.0.0.1"), NEIGH_STATIC);
	assert_int_equal(take_all(f), 0);
	neigh_release(f->table, nh);
	nh_unref(f->nh, net);
}

static void test_announce(void **state)
{
	struct fixture *f = *state;
	struct config_address addr = {.addr = ip("10.1.0.4"), .len = 24};
	struct config_port conf = {.name = "eth1", .addresses = &addr, .n_addresses = 1};
	struct port port = {.id = 5, .mac = our_mac, .mtu_bytes = 1500};
	struct rte_mbuf *m;
	struct neigh_msg msg;

	assert_int_equal(neigh_port_add(f->table, &port, &conf), 0);
	assert_int_equal(neigh_port_add(f->table, &port, &conf), -EEXIST);
	assert_int_equal(neigh_run(f->table, f->now), f->now + 1000);
	m = taken(f);
	assert_non_null(m);
	assert_int_equal(m->port, 5);
	assert_int_equal(arp_parse(rte_pktmbuf_mtod(m, uint8_t *), m->data_len, &msg), 0);
	assert_int_equal(msg.kind, NEIGH_MSG_ADVERT);
	assert_true(ip_addr_equal(&msg.target, &addr.addr));
	rte_pktmbuf_free(m);
	run(f, 1000);
	run(f, 1000);
	run(f, 1000);
	assert_int_equal(take_all(f), 2);
	/* An address of a port that is not here. */
	assert_int_equal(neigh_acquire(f->table, 6, &addr.addr), NH_NONE);
}

/* Many deadlines in random order fire in order, each once. */
static void test_timers(void **state)
{
	struct fixture *f = *state;
	uint64_t seed = unit_seed();
	uint64_t next = 0;

	for (unsigned int i = 0; i < 90; i++) {
		struct ip_addr addr = ip("10.0.0.100");

		addr.bytes[3] += i;
		assert_int_not_equal(neigh_acquire(f->table, PORT_ID, &addr), NH_NONE);
		assert_int_equal(take_all(f), 1);
		f->now += unit_random(&seed) % 10;
		next = neigh_run(f->table, f->now);
	}
	for (unsigned int sent = 0; sent < 2 * 90;) {
		assert_true(next > f->now);
		f->now = next;
		next = neigh_run(f->table, f->now);
		sent += take_all(f);
		assert_true(sent <= 2 * 90);
	}
}

struct walk_sum {
	struct fixture *f;
	uint32_t held;
	unsigned int entries;
};

static void check_entry(void *arg, const struct neigh_info *info)
{
	struct walk_sum *sum = arg;
	uint32_t nh = neigh_acquire(sum->f->table, info->port_id, &info->addr);

	assert_int_equal(sum->f->nh->nh[nh].kind, info->resolved ? NH_FORWARD : NH_PENDING);
	assert_true(!info->resolved || rte_is_same_ether_addr(&sum->f->nh->nh[nh].dst_mac, &info->mac));
	assert_true(info->resolved == (info->state == NEIGH_REACHABLE || info->state == NEIGH_PROBE ||
					      info->state == NEIGH_STATIC));
	assert_true(info->held <= HOLD && (info->held == 0 || info->state == NEIGH_INCOMPLETE));
	nh_unref(sum->f->nh, nh);
	sum->held += info->held;
	sum->entries++;
}

/* Anything in any order: what the table says of itself holds, and in the end nothing is left. */
static void test_random_walk(void **state)
{
	struct fixture *f = *state;
	uint64_t seed = unit_seed();
	uint32_t net = connected(f), held_nh[24] = {0};
	struct walk_sum sum;
	struct neigh_stats stats;
	char who[32];

	for (unsigned int step = 0; step < 100000; step++) {
		unsigned int i = unit_random(&seed) % 24;
		const struct rte_ether_addr *mac = unit_random(&seed) % 2 != 0 ? &peer_mac : &other_mac;
		struct ip_addr addr;

		snprintf(who, sizeof(who), i < 12 ? "10.0.0.%u" : "2001:db8::%u", i + 20);
		addr = ip(who);
		switch (unit_random(&seed) % 8) {
		case 0:
			if (held_nh[i] == NH_NONE)
				held_nh[i] = neigh_acquire(f->table, PORT_ID, &addr);
			break;
		case 1:
			neigh_release(f->table, held_nh[i]);
			held_nh[i] = NH_NONE;
			break;
		case 2:
			glean(f, who, net, PUNT_INJECT_FORWARD, 0);
			break;
		case 3:
			if (held_nh[i] != NH_NONE)
				glean(f, "192.0.2.1", held_nh[i], PUNT_INJECT_OUTPUT, 0);
			break;
		case 4:
			answer(f, who, mac, unit_random(&seed) & 1, unit_random(&seed) & 1);
			break;
		case 5:
			ask_us(f, who, i < 12 ? "10.0.0.4" : "2001:db8::4", mac);
			break;
		case 6:
			run(f, unit_random(&seed) % 1000);
			break;
		default:
			run(f, unit_random(&seed) % 100 == 0 ? 400000 : 1);
			break;
		}
		take_all(f);
		if (step % 16 != 0)
			continue;
		sum = (struct walk_sum){.f = f};
		neigh_foreach(f->table, check_entry, &sum);
		neigh_get_stats(f->table, &stats);
		assert_int_equal(sum.held, stats.held);
		assert_int_equal(sum.entries, stats.entries);
		assert_true(stats.held <= 10 && f->routes >= 0);
	}
	for (unsigned int i = 0; i < 24; i++)
		neigh_release(f->table, held_nh[i]);
	for (unsigned int i = 0; i < 1000; i++)
		run(f, 1000);
	take_all(f);
	neigh_get_stats(f->table, &stats);
	assert_int_equal(stats.entries, 1); /* the static one */
	assert_int_equal(stats.held, 0);
	assert_int_equal(f->routes, 0);
	nh_unref(f->nh, net);
}

int main(void)
{
	char *argv[] = {"test", "--no-huge", "--no-pci", "--no-shconf", "--no-telemetry", "--log-level=error",
		"-m", "64", "-l", "0", NULL};
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_resolve_v4),
		T(test_resolve_v6),
		T(test_resolve_link_local),
		T(test_hold),
		T(test_hold_total),
		T(test_failure_returns_held),
		T(test_glean),
		T(test_glean_failure),
		T(test_glean_impossible),
		cmocka_unit_test_setup_teardown(test_limit, setup_tiny, teardown),
		T(test_replies),
		T(test_proxies),
		T(test_proxies_on_a_port_of_the_kernel),
		T(test_bad_frames),
		T(test_segmented),
		T(test_unsolicited),
		T(test_static),
		T(test_announce),
		T(test_timers),
		T(test_random_walk),
	};

	if (rte_eal_init(10, argv) < 0)
		return 1;
	pool = rte_pktmbuf_pool_create("test", POOL_SIZE, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
		SOCKET_ID_ANY);
	if (pool == NULL)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
