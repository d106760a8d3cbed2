/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Workers without a graph: rules, tables, a FIB and a clock that the test moves. And a recount of all
 * that lib/nat counts, from nothing but the records.
 */
#ifndef TESTS_NAT_SESSION_RIG_H
#define TESTS_NAT_SESSION_RIG_H

#include "unit.h"

#include <netinet/in.h>

#include <rte_mbuf.h>
#include <rte_tcp.h>

#include "drop/drop.h"
#include "nat/session_priv.h"
#include "rules_build.h"

#define RIG_WORKERS 4
/* Ingress ports, by ethdev id: p1 is the inside, p0 the outside. */
#define RIG_INSIDE 0
#define RIG_OUTSIDE 5

struct rig {
	struct nat_worker *w[RIG_WORKERS];
	unsigned int workers;
	struct nat_ruleset *rules, *old;
	struct fib *fib;
	struct nh_table *nh;
	struct rte_rcu_qsbr *qsbr;
	uint32_t nh_inside, nh_outside, nh_nat, nh_local;
};

static inline void rig_route(struct rig *g, const char *prefix, uint32_t nh)
{
	struct ip_prefix p = build_prefix(prefix);

	assert_int_equal(fib_add(g->fib, &p, nh), 0);
}

static void rig_attract(void *arg, const struct ip_addr *a)
{
	struct rig *g = arg;
	struct ip_prefix p = ip_prefix_host(a);

	assert_int_equal(fib_add(g->fib, &p, g->nh_nat), 0);
}

static inline struct flow_timeouts rig_timeouts(void)
{
	return (struct flow_timeouts){.tcp_opening_ms = 240000, .tcp_established_ms = 7440000,
		.tcp_closing_ms = 240000, .tcp_reset_ms = 10000, .udp_ms = 300000,
		.udp_new_ms = 300000, .icmp_ms = 60000, .other_ms = 600000};
}

static inline void rig_set_rules(struct rig *g, struct nat_ruleset *rules)
{
	rules->timeouts = rig_timeouts();
	g->rules = rules;
	for (unsigned int i = 0; i < g->workers; i++)
		g->w[i]->rules = rules;
	nat_ruleset_addresses(rules, rig_attract, g);
}

static inline void rig_init(struct rig *g, struct nat_ruleset *rules, unsigned int workers,
	uint32_t capacity, uint32_t now_ms)
{
	size_t qsbr_bytes = rte_rcu_qsbr_get_memsize(1);

	*g = (struct rig){.workers = workers};
	g->qsbr = aligned_alloc(64, (qsbr_bytes + 63) / 64 * 64);
	assert_int_equal(rte_rcu_qsbr_init(g->qsbr, 1), 0);
	g->fib = fib_new(&(struct fib_conf){.max_v4_groups = 64, .qsbr = g->qsbr});
	g->nh = nh_table_new(64, 4, g->qsbr);
	assert_non_null(g->fib);
	assert_non_null(g->nh);
	g->nh_inside = nh_new(g->nh, &(struct nh){.kind = NH_FORWARD, .port = RIG_INSIDE});
	g->nh_outside = nh_new(g->nh, &(struct nh){.kind = NH_FORWARD, .port = RIG_OUTSIDE});
	g->nh_nat = nh_new(g->nh, &(struct nh){.kind = NH_NAT});
	g->nh_local = nh_new(g->nh, &(struct nh){.kind = NH_LOCAL});
	rig_route(g, "0.0.0.0/0", g->nh_outside);
	rig_route(g, "::/0", g->nh_outside);
	rig_route(g, "10.0.0.0/8", g->nh_inside);
	rig_route(g, "fd00::/8", g->nh_inside);
	for (unsigned int i = 0; i < workers; i++) {
		struct flow_table_conf conf = {.capacity = capacity};
		struct nat_worker *w = aligned_alloc(64, (sizeof(*w) + 63) / 64 * 64);

		memset(conf.secret, 0x5a + (int)i, sizeof(conf.secret));
		memset(w, 0, sizeof(*w));
		w->flows = flow_table_new(&conf);
		assert_non_null(w->flows);
		w->fib = g->fib;
		w->nh = g->nh;
		w->now_ms = now_ms;
		w->index = i;
		w->workers = workers;
		w->random[0] = 0x0123456789abcdef + i;
		w->random[1] = 0xfedcba9876543210;
		assert_int_equal(nat_hold_init(w), 0);
		g->w[i] = w;
		assert_int_equal(flow_timer_due(w->flows, now_ms, (uint32_t[1]){0}, 1), 0);
	}
	rig_set_rules(g, rules);
}

static inline void rig_fini(struct rig *g)
{
	for (unsigned int i = 0; i < g->workers; i++) {
		nat_hold_fini(g->w[i]);
		flow_table_free(g->w[i]->flows);
		free(g->w[i]);
	}
	fib_free(g->fib);
	nh_table_free(g->nh);
	free(g->qsbr);
	nat_ruleset_free(g->rules);
}

/* What is due now, as nat_begin() has it. */
static inline void rig_expire(struct nat_worker *w)
{
	uint32_t due[NAT_EXPIRE_MAX];
	unsigned int n;

	do {
		n = flow_timer_due(w->flows, w->now_ms, due, NAT_EXPIRE_MAX);
		for (unsigned int i = 0; i < n; i++)
			nat_session_due(w, due[i]);
	} while (n > 0);
}

static inline void rig_advance(struct rig *g, uint32_t ms)
{
	for (unsigned int i = 0; i < g->workers; i++) {
		uint32_t end = g->w[i]->now_ms + ms;

		/* The wheel is turned as workers do: often. */
		while (g->w[i]->now_ms != end) {
			uint32_t left = end - g->w[i]->now_ms;

			g->w[i]->now_ms += left < 500 ? left : 500;
			rig_expire(g->w[i]);
		}
	}
}

/* A packet's verdict in a worker. TCP is a SYN, ICMP a request, unless l4 says. */
static inline struct nat_verdict rig_new_as(struct rig *g, unsigned int worker, uint16_t ingress,
	const struct flow_tuple *t, const struct flow_l4 *l4)
{
	static struct rte_mbuf m; /* only its port is read */

	m.port = ingress;
	return nat_session_new(g->w[worker], &m, t, l4, flow_hash(g->w[worker]->flows, t), NULL);
}

static inline struct flow_l4 rig_l4(const struct flow_tuple *t)
{
	return (struct flow_l4){.proto = t->proto,
		.tcp_flags = t->proto == IPPROTO_TCP ? RTE_TCP_SYN_FLAG : 0,
		.icmp_type = t->proto == IPPROTO_ICMP ? 8 : t->proto == IPPROTO_ICMPV6 ? 128 : 0};
}

static inline struct nat_verdict rig_new(struct rig *g, uint16_t ingress, const struct flow_tuple *t)
{
	struct flow_l4 l4 = rig_l4(t);

	return rig_new_as(g, nat_owner(g->rules, t), ingress, t, &l4);
}

static inline struct flow_tuple rig_side(const struct nat_worker *w, uint32_t ref)
{
	struct flow_tuple t;

	flow_side_get_tuple(flow_side(w->flows, ref), &t);
	return t;
}

/* The reply's tuple of a session that the verdict began. */
static inline struct flow_tuple rig_reply(const struct nat_worker *w, const struct nat_verdict *v)
{
	assert_int_equal(v->next, FLOW_NEXT_REWRITE);
	return rig_side(w, v->ref ^ 1);
}

#define RIG_PORT(be) rte_be_to_cpu_16(be)

/* --- the recount --- */

static inline void rig_count_chain(const struct nat_worker *w, uint32_t parent, uint32_t *sessions)
{
	for (; parent != FLOW_NONE; parent = w->flows->cold[parent].parent) {
		sessions[parent]++;
		if (w->flows->cold[parent].flags & NAT_COLD_JOINT)
			rig_count_chain(w, *nat_joint_other(w->flows, parent), sessions);
	}
}

static inline void rig_check_use(const struct rig *g, const struct nat_worker *w,
	const struct nat_ruleset *r)
{
	unsigned int n = r->n_rules + r->n_pools;
	uint64_t *sessions = calloc(n + 1, sizeof(*sessions)), *bindings = calloc(n + 1, sizeof(*bindings));

	(void)g;
	for (uint32_t i = 0; i < w->flows->capacity; i++) {
		const struct flow_cold *c = &w->flows->cold[i];
		uint64_t *of = c->kind == FLOW_BINDING ? bindings : sessions;

		if (c->kind == FLOW_FREE || c->rule == NAT_RULE_NONE || nat_rules_of(w, c) != r ||
			(c->kind == FLOW_HOST && !(c->flags & NAT_COLD_JOINT)))
			continue;
		of[c->rule]++;
		if (c->flags & NAT_COLD_POOL)
			of[r->n_rules + r->rules[c->rule].pool]++;
	}
	for (unsigned int i = 0; i < n; i++) {
		const struct nat_use *u = &r->use[w->index * nat_use_stride(r) + i];

		assert_int_equal(u->sessions, sessions[i]);
		assert_int_equal(u->bindings, bindings[i]);
		assert_true(u->peak >= u->sessions && u->bindings_peak >= u->bindings);
	}
	free(sessions);
	free(bindings);
}

/* Every count, every parent, every key of the worker's table. */
static inline void rig_check(const struct rig *g, const struct nat_worker *w)
{
	const struct flow_table *t = w->flows;
	uint32_t *sessions = calloc(t->capacity, sizeof(*sessions));
	uint32_t *refs = calloc(t->capacity, sizeof(*refs)), used = 0;

	for (uint32_t i = 0; i < t->capacity; i++) {
		const struct flow_cold *c = &t->cold[i];
		struct flow_tuple tuple;

		if (c->kind == FLOW_FREE)
			continue;
		used++;
		if (c->parent != FLOW_NONE) {
			assert_int_not_equal(t->cold[c->parent].kind, FLOW_FREE);
			assert_int_not_equal(t->cold[c->parent].kind, FLOW_SESSION);
			refs[c->parent]++;
		}
		if (c->kind == FLOW_HOST && c->flags & NAT_COLD_JOINT) {
			if (*nat_joint_other(t, i) != FLOW_NONE)
				refs[*nat_joint_other(t, i)]++;
			continue;
		}
		if (c->kind == FLOW_SESSION)
			rig_count_chain(w, c->parent, sessions);
		/* Found by its tuples, so nobody else has them. */
		for (unsigned int dir = 0; dir < (c->kind == FLOW_HOST ? 1 : 2); dir++) {
			flow_side_get_tuple(&t->records[i].side[dir], &tuple);
			assert_int_equal(flow_find(t, &tuple), flow_ref(i, dir));
		}
	}
	assert_int_equal(used, t->used);
	for (uint32_t i = 0; i < t->capacity; i++) {
		if (t->cold[i].kind != FLOW_BINDING && t->cold[i].kind != FLOW_HOST)
			continue;
		assert_int_equal(*nat_parent_sessions(t, i), sessions[i]);
		assert_int_equal(*nat_parent_refs(t, i), refs[i]);
		/* Peers and joints live by their sessions alone. */
		if (t->cold[i].kind == FLOW_HOST && t->cold[i].flags & (NAT_COLD_PEER | NAT_COLD_JOINT))
			assert_true(refs[i] > 0);
	}
	rig_check_use(g, w, w->rules);
	if (w->old != NULL)
		rig_check_use(g, w, w->old);
	free(sessions);
	free(refs);
}

/* Everything has gone, nothing is left counted. */
static inline void rig_check_empty(const struct rig *g)
{
	for (unsigned int i = 0; i < g->workers; i++) {
		assert_int_equal(g->w[i]->flows->used, 0);
		rig_check(g, g->w[i]);
	}
}

#endif
