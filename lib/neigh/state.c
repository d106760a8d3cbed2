/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A neighbour's states and what moves it between them. Control thread; the only clock is the time that
 * neigh_run() was last given.
 *
 *                        answer                          reachable_ms without one
 *   INCOMPLETE (asking) --------> REACHABLE (forwarding) -------------------------> PROBE (forwarding,
 *        |    ^                       ^                                        asking by unicast)
 *        |    '-- a packet, or        '---------------- answer -------------------------'  |
 *        |        in use: a timer                                                          |
 *        '--> FAILED <--- asked `probes` times in vain <--- INCOMPLETE <--- the same ------'
 *
 * PROBE is RFC 4861's STALE, DELAY and PROBE in one: workers tell nothing of their use of an adjacency,
 * so that each one in use is kept fresh, and each gleaned one as long as it answers.
 */
#include <errno.h>

#include "drop/drop.h"
#include "neigh/neigh_priv.h"
#include "packet/meta.h"

static void set_state(struct neigh_table *t, struct neigh_entry *e, enum neigh_state state,
	uint64_t deadline_ms)
{
	e->state = state;
	neigh_timer_set(t, e, deadline_ms); /* has its place in the heap: cannot fail */
}

/* Between two attempts at a neighbour that has failed. */
static uint64_t failed_ms(const struct neigh_table *t)
{
	return (uint64_t)t->conf.probes * t->conf.retransmit_ms;
}

static void set_routed(struct neigh_table *t, struct neigh_entry *e, bool routed)
{
	if (e->routed == routed)
		return;
	e->routed = routed;
	if (t->conf.host_route != NULL)
		t->conf.host_route(t->conf.arg, &e->addr, e->nh, routed);
}

static void unresolve(struct neigh_table *t, struct neigh_entry *e)
{
	if (e->resolved)
		nh_set_pending(t->conf.nh, e->nh);
	e->resolved = false;
}

static struct rte_mbuf *held_take(struct neigh_table *t, struct neigh_entry *e)
{
	struct rte_mbuf *m = e->held[e->held_first];

	e->held_first = (e->held_first + 1) % t->conf.hold_packets;
	e->held_count--;
	t->held--;
	return m;
}

static void drop(struct rte_mbuf *m, enum drop_reason reason)
{
	drop_count(NEIGH_CONTROL_THREAD, reason, 1);
	rte_pktmbuf_free(m);
}

void neigh_drop_held(struct neigh_table *t, struct neigh_entry *e, enum drop_reason reason)
{
	while (e->held_count > 0)
		drop(held_take(t, e), reason);
}

/* Transit that waited in vain: its sender is told (RFC 1812 4.3.3.1, RFC 4861 7.2.2). */
static void return_held(struct neigh_table *t, struct neigh_entry *e)
{
	while (e->held_count > 0) {
		struct rte_mbuf *m = held_take(t, e);
		struct pkt_meta *meta = pkt_meta(m);

		if (meta->inject != PUNT_INJECT_FORWARD) {
			drop(m, DROP_NEIGH_FAILED);
			continue;
		}
		meta->inject = PUNT_INJECT_ICMP;
		meta->drop_reason = DROP_NEIGH_FAILED;
		meta->icmp_type = e->addr.family == IP_V4 ? 3 : 1;
		meta->icmp_code = e->addr.family == IP_V4 ? 1 : 3; /* host, address unreachable */
		meta->icmp_info = 0;
		punt_inject(t->conf.punt, m);
	}
}

static void hold(struct neigh_table *t, struct neigh_entry *e, struct rte_mbuf *m)
{
	/* The newest are worth most (RFC 1122 2.3.2.2: at least the latest). */
	if (e->held_count > 0 &&
		(e->held_count == t->conf.hold_packets || t->held >= t->conf.hold_total))
		drop(held_take(t, e), DROP_NEIGH_PENDING);
	if (t->held >= t->conf.hold_total) {
		drop(m, DROP_NEIGH_PENDING);
		return;
	}
	e->held[(e->held_first + e->held_count) % t->conf.hold_packets] = m;
	e->held_count++;
	t->held++;
}

/* The MAC is known: forward, and let go what waited. */
static void resolve(struct neigh_table *t, struct neigh_entry *e, const struct rte_ether_addr *mac)
{
	bool is_new = !e->resolved;

	if (is_new || !rte_is_same_ether_addr(&e->mac, mac))
		nh_set_resolved(t->conf.nh, e->nh, mac, &t->ports[e->port_id].port->mac);
	e->mac = *mac;
	e->resolved = true;
	while (e->held_count > 0) {
		struct rte_mbuf *m = held_take(t, e);

		pkt_meta(m)->nh = e->nh;
		punt_inject(t->conf.punt, m);
	}
	/* Not on every answer: the route may be away to see whether it is used, see forget(). */
	if (is_new && e->gleaned && t->now_ms - e->used_ms < t->conf.unused_ms)
		set_routed(t, e, true);
}

void neigh_reachable(struct neigh_table *t, struct neigh_entry *e, const struct rte_ether_addr *mac)
{
	e->confirmed_ms = t->now_ms;
	set_state(t, e, NEIGH_REACHABLE, t->now_ms + t->conf.reachable_ms);
	resolve(t, e, mac);
}

void neigh_suspect(struct neigh_table *t, struct neigh_entry *e, const struct rte_ether_addr *mac)
{
	e->probes_left = (uint8_t)t->conf.probes;
	e->ask_all = false;
	set_state(t, e, NEIGH_PROBE, t->now_ms);
	resolve(t, e, mac);
}

void neigh_doubt(struct neigh_table *t, struct neigh_entry *e)
{
	if (e->state == NEIGH_PROBE && e->ask_all) /* being asked */
		return;
	e->probes_left = (uint8_t)t->conf.probes;
	e->ask_all = true;
	/* RFC 4861 7.2.2: one solicitation in a retransmission interval. */
	set_state(t, e, NEIGH_PROBE, RTE_MAX(t->now_ms, e->tried_ms + t->conf.retransmit_ms));
}

void neigh_set_static(struct neigh_table *t, struct neigh_entry *e, const struct rte_ether_addr *mac)
{
	e->confirmed_ms = t->now_ms;
	set_state(t, e, NEIGH_STATIC, NEIGH_NEVER);
	resolve(t, e, mac);
}

static void ask(struct neigh_table *t, struct neigh_entry *e, bool unicast)
{
	e->tried_ms = t->now_ms;
	neigh_send_solicit(t, e, unicast);
}

/* Asks everybody on the link, from the first of `probes` times on. */
void neigh_start(struct neigh_table *t, struct neigh_entry *e)
{
	unresolve(t, e);
	e->tried_ms = t->now_ms;
	e->probes_left = (uint8_t)(t->conf.probes - 1);
	if (t->ports[e->port_id].port->kernel_owns_addresses) {
		set_state(t, e, NEIGH_KERNEL, t->now_ms + t->conf.retransmit_ms);
		neigh_kernel_ask(t, e);
		return;
	}
	set_state(t, e, NEIGH_INCOMPLETE, t->now_ms + t->conf.retransmit_ms);
	ask(t, e, false);
}

void neigh_fail(struct neigh_table *t, struct neigh_entry *e)
{
	unresolve(t, e);
	return_held(t, e);
	set_routed(t, e, false);
	e->tried_ms = t->now_ms;
	set_state(t, e, e->state == NEIGH_KERNEL ? NEIGH_KERNEL : NEIGH_FAILED,
		t->now_ms + failed_ms(t));
	if (e->state == NEIGH_KERNEL)
		e->probes_left = 0;
}

/* Nobody uses it, and nobody has asked for it for a while. */
static bool forget(struct neigh_table *t, struct neigh_entry *e)
{
	if (e->routed && t->now_ms - e->used_ms >= t->conf.unused_ms) {
		/* Whether packets still come shows without the host route: the next one is
		 * gleaned again and loses nothing but a moment. */
		set_routed(t, e, false);
		e->used_ms = t->now_ms;
		return false;
	}
	if (e->routed || neigh_in_use(t, e) || t->now_ms - e->used_ms < t->conf.reachable_ms)
		return false;
	neigh_entry_free(t, e);
	return true;
}

static void fire_failed(struct neigh_table *t, struct neigh_entry *e)
{
	if (!neigh_in_use(t, e)) {
		neigh_entry_free(t, e);
		return;
	}
	ask(t, e, false);
	neigh_timer_set(t, e, t->now_ms + failed_ms(t));
}

static void fire_kernel(struct neigh_table *t, struct neigh_entry *e)
{
	if (e->resolved) {
		if (forget(t, e))
			return;
		neigh_timer_set(t, e, t->now_ms + t->conf.reachable_ms);
	} else if (e->probes_left > 0) {
		e->probes_left--;
		neigh_timer_set(t, e, t->now_ms + t->conf.retransmit_ms);
	} else {
		neigh_fail(t, e);
		if (!neigh_in_use(t, e)) {
			neigh_entry_free(t, e);
			return;
		}
	}
	neigh_kernel_ask(t, e);
}

void neigh_timer_fire(struct neigh_table *t, struct neigh_entry *e)
{
	switch ((enum neigh_state)e->state) {
	case NEIGH_INCOMPLETE:
		if (e->probes_left == 0) {
			neigh_fail(t, e);
			return;
		}
		break;
	case NEIGH_REACHABLE:
		if (forget(t, e))
			return;
		e->probes_left = (uint8_t)t->conf.probes;
		e->ask_all = false;
		e->state = NEIGH_PROBE;
		break;
	case NEIGH_PROBE:
		if (e->probes_left == 0) { /* its MAC may have changed: ask everybody */
			neigh_start(t, e);
			return;
		}
		break;
	case NEIGH_FAILED:
		fire_failed(t, e);
		return;
	case NEIGH_KERNEL:
		fire_kernel(t, e);
		return;
	case NEIGH_STATIC:
		neigh_timer_set(t, e, NEIGH_NEVER);
		return;
	}
	e->probes_left--;
	ask(t, e, e->state == NEIGH_PROBE && !e->ask_all);
	neigh_timer_set(t, e, t->now_ms + t->conf.retransmit_ms);
}

/* What the kernel's table says: a MAC, or NULL where it has none any more. */
void neigh_kernel_update(struct neigh_table *t, struct neigh_entry *e,
	const struct rte_ether_addr *mac)
{
	if (e->state != NEIGH_KERNEL)
		return;
	if (mac == NULL) {
		if (e->resolved)
			neigh_start(t, e);
		return;
	}
	e->confirmed_ms = t->now_ms;
	if (!e->resolved)
		neigh_timer_set(t, e, t->now_ms + t->conf.reachable_ms);
	resolve(t, e, mac);
}

void neigh_forward(struct neigh_table *t, struct neigh_entry *e, struct rte_mbuf *m)
{
	e->used_ms = t->now_ms;
	if (e->resolved) {
		if (e->gleaned)
			set_routed(t, e, true);
		pkt_meta(m)->nh = e->nh;
		punt_inject(t->conf.punt, m);
		return;
	}
	if (e->state == NEIGH_FAILED) {
		if (t->now_ms - e->tried_ms < t->conf.retransmit_ms) {
			drop(m, DROP_NEIGH_FAILED);
			return;
		}
		neigh_start(t, e);
	}
	hold(t, e, m);
}
