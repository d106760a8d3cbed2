/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A whole struct nat with its FIB, without EAL: packets in at the flow stage, what becomes of them, and
 * time as the test says. Ports by ethdev id: 5 (p0) inside, 0 (p1) outside, 31 (p2) unused.
 *
 *	10.0.0.0/8, 2001:db8:1::/48	over the inside's next hop
 *	0.0.0.0/0, ::/0			over the outside's
 *	192.0.2.1, 2001:db8:f::1	our own address
 *	192.0.2.8/29, 2001:db8:f::8/125 lib/nat's addresses
 *	198.51.100.0/24			discard
 */
#ifndef TESTS_NAT_ENGINE_H
#define TESTS_NAT_ENGINE_H

#include "unit.h"

#include "nat/frames.h"
#include "nat/rules_build.h"
#include "nat/state.h"

#define INSIDE 5
#define OUTSIDE 0
#define TICKS_PER_MS 1000

struct engine {
	struct config *conf;
	struct fib *fib;
	struct nh_table *nh;
	struct nat *nat;
	uint64_t tsc;
	uint32_t inside, outside; /* next hops */
};

static inline uint32_t engine_nh(struct engine *e, uint8_t kind, uint16_t port, const char *addr)
{
	struct nh nh = {.kind = kind, .port = port, .mtu_bytes = 1500, .addr = build_addr(addr)};

	return nh_new(e->nh, &nh);
}

static inline void engine_route(struct engine *e, const char *prefix, uint32_t nh)
{
	struct ip_prefix p = build_prefix(prefix);

	assert_int_equal(fib_add(e->fib, &p, nh), 0);
}

static inline void engine_fib(struct engine *e)
{
	uint32_t own, nat;

	e->fib = fib_new(&(struct fib_conf){.max_v4_groups = 64});
	e->nh = nh_table_new(64, 4, NULL);
	assert_true(e->fib != NULL && e->nh != NULL);
	e->inside = engine_nh(e, NH_FORWARD, INSIDE, "10.0.0.2");
	e->outside = engine_nh(e, NH_FORWARD, OUTSIDE, "192.0.2.2");
	own = engine_nh(e, NH_LOCAL, OUTSIDE, "192.0.2.1");
	e->nh->nh[own].nat = 1;
	nat = engine_nh(e, NH_NAT, 0, "0.0.0.0");
	engine_route(e, "10.0.0.0/8", e->inside);
	engine_route(e, "2001:db8:1::/48", e->inside);
	engine_route(e, "0.0.0.0/0", e->outside);
	engine_route(e, "::/0", e->outside);
	engine_route(e, "192.0.2.1", own);
	engine_route(e, "2001:db8:f::1", own);
	engine_route(e, "192.0.2.8/29", nat);
	engine_route(e, "2001:db8:f::8/125", nat);
	engine_route(e, "198.51.100.0/24", engine_nh(e, NH_DISCARD, 0, "0.0.0.0"));
}

/* Times as by default; no rules yet. */
static inline struct config *engine_config(void)
{
	struct config *c = build_config();

	c->flows = (struct config_flows){.max_sessions = 1000, .tcp_established_s = 7440,
		.tcp_opening_s = 240, .tcp_closing_s = 240, .tcp_reset_s = 10, .udp_s = 300,
		.udp_new_s = 300, .icmp_s = 60, .other_s = 600, .inbound_refreshes = true};
	return c;
}

/* Both families from the inside by 192.0.2.9 and 2001:db8:f::9. */
static inline void engine_config_snat(struct config *c)
{
	struct config_snat *v4 = build_snat(c, "10.0.0.0/8", NULL, build_pool(c, "192.0.2.9"));
	struct config_snat *v6 =
		build_snat(c, "2001:db8:1::/48", NULL, build_pool(c, "2001:db8:f::9"));

	v4->match.ports = v6->match.ports = 1;
}

static inline void engine_pass(struct engine *e, unsigned int ms)
{
	e->tsc += (uint64_t)ms * TICKS_PER_MS;
	for (unsigned int w = 0; w < e->nat->workers; w++)
		nat_begin(nat_worker(e->nat, w), e->tsc);
}

/* Takes over the configuration. */
static inline void engine_start(struct engine *e, struct config *conf, unsigned int workers)
{
	char err[200] = "";

	*e = (struct engine){.conf = conf};
	engine_fib(e);
	e->nat = nat_new(
		&(struct nat_conf){
			.config = conf, .port_ids = build_port_ids, .workers = workers,
			.fib = e->fib, .nh = e->nh, .tsc_hz = TICKS_PER_MS * 1000,
		},
		err, sizeof(err));
	if (e->nat == NULL)
		fail_msg("%s", err);
	e->tsc = (uint64_t)UINT32_MAX * TICKS_PER_MS - 3000; /* the clock wraps soon */
	engine_pass(e, 0);
}

static inline void engine_stop(struct engine *e)
{
	nat_free(e->nat);
	fib_free(e->fib);
	nh_table_free(e->nh);
	build_free(e->conf);
}

/* One packet at one worker; its edge. */
static inline uint8_t engine_one(struct engine *e, unsigned int worker, struct craft *c, uint16_t port)
{
	struct rte_mbuf *m = &c->m;
	uint8_t next = 0xff;

	m->port = port;
	pkt_meta(m)->nh = NH_NONE;
	(frame_is_v4(craft_bytes(c) + 14) ? nat4_burst : nat6_burst)(nat_worker(e->nat, worker), &m, 1,
		&next);
	return next;
}

/* The packet's tuple, with its checksums checked. */
static inline struct flow_tuple engine_tuple(struct craft *c)
{
	uint8_t *ip = craft_bytes(c) + 14, *l4 = ip + frame_ip_len(ip), proto = frame_proto(ip);
	int at = frame_check_at(ip, proto);
	bool v4 = frame_is_v4(ip);
	struct flow_tuple t = {.proto = proto};

	t.src.family = t.dst.family = v4 ? IP_V4 : IP_V6;
	memcpy(t.src.bytes, ip + (v4 ? 12 : 8), v4 ? 4 : 16);
	memcpy(t.dst.bytes, ip + (v4 ? 16 : 24), v4 ? 4 : 16);
	if (v4)
		assert_int_equal(craft_sum(ip, frame_ip_len(ip), NULL, 0), 0);
	if (at >= 0)
		assert_int_equal(craft_get16(l4 + at),
			frame_l4_sum(ip, proto, l4, frame_l4_len(ip)));
	if (proto == IPPROTO_TCP || proto == IPPROTO_UDP) {
		memcpy(&t.sport, l4, 2);
		memcpy(&t.dport, l4 + 2, 2);
	} else if (proto == IPPROTO_ICMP || proto == IPPROTO_ICMPV6) {
		memcpy(&t.sport, l4 + 4, 2);
		t.dport = t.sport;
	}
	return t;
}

static inline void engine_assert_tuple(const struct flow_tuple *a, const struct flow_tuple *b)
{
	assert_memory_equal(a, b, sizeof(*a));
}

static inline uint32_t engine_sessions(const struct engine *e)
{
	struct nat_flow_stats s;

	nat_get_flow_stats(e->nat, &s);
	return s.table.used;
}

#endif
