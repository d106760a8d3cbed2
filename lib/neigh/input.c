/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What workers punt: ARP and neighbour discovery frames, and packets that wait for a neighbour. All of
 * it is foreign input. Control thread, from punt_poll().
 */
#include <errno.h>

#include <rte_ip.h>

#include "drop/drop.h"
#include "neigh/neigh_priv.h"
#include "packet/meta.h"

#define NEIGH_RUN_TIMERS 1024 /* fired in one neigh_run() */

static void drop(struct rte_mbuf *m, enum drop_reason reason)
{
	drop_count(NEIGH_CONTROL_THREAD, reason, 1);
	rte_pktmbuf_free(m);
}

/*
 * News of a neighbour that nobody asked for. It makes no entry (a stranger must not fill the table) and
 * overrides none: with one forged frame anybody could lead a neighbour's traffic away, so a new MAC is
 * used once it answers. This is stricter than RFC 826 and RFC 4861 7.2.3, and costs one round trip.
 */
static void hear(struct neigh_table *t, uint16_t port_id, const struct ip_addr *addr,
	const struct rte_ether_addr *mac)
{
	struct neigh_entry *e = neigh_find(t, port_id, addr);

	if (e == NULL || e->state == NEIGH_STATIC || e->state == NEIGH_KERNEL)
		return;
	if (!e->resolved)
		neigh_suspect(t, e, mac);
	else if (!rte_is_same_ether_addr(&e->mac, mac))
		neigh_doubt(t, e);
}

/* RFC 4861 7.2.5, but for what hear() says; an ARP reply has the override flag and a MAC always. */
static void advert(struct neigh_table *t, uint16_t port_id, const struct neigh_msg *msg)
{
	struct neigh_entry *e = neigh_find(t, port_id, &msg->target);
	struct rte_ether_addr mac;
	bool same;

	if (e == NULL || e->state == NEIGH_STATIC || e->state == NEIGH_KERNEL) {
		t->stats.ignored++;
		return;
	}
	if (!e->resolved) {
		if (!msg->has_mac)
			t->stats.ignored++;
		else if (msg->solicited)
			neigh_reachable(t, e, &msg->mac);
		else
			neigh_suspect(t, e, &msg->mac);
		return;
	}
	mac = e->mac;
	same = !msg->has_mac || rte_is_same_ether_addr(&msg->mac, &mac);
	if (same && msg->solicited)
		neigh_reachable(t, e, &mac);
	else if (!same && msg->solicited && msg->override && e->state == NEIGH_PROBE &&
		 e->probes_left < t->conf.probes) /* there was a question */
		neigh_reachable(t, e, &msg->mac);
	else if (!same)
		neigh_doubt(t, e);
}

static enum drop_reason solicit(struct neigh_table *t, struct neigh_port *np,
	const struct neigh_msg *msg, enum drop_reason not_local)
{
	if (msg->has_mac && msg->sender.family != IP_NONE)
		hear(t, np->port->id, &msg->sender, &msg->mac);
	if (!neigh_answers(t, np, &msg->target))
		return not_local;
	neigh_send_reply(t, np, msg);
	return DROP_NONE;
}

/* On a port whose neighbours are the kernel's: it knows nothing of addresses that are ours alone. */
static enum drop_reason proxy_input(struct neigh_table *t, struct neigh_port *np,
	const struct neigh_msg *msg)
{
	if (msg->kind != NEIGH_MSG_SOLICIT || neigh_port_owns(np, &msg->target) ||
		!neigh_answers(t, np, &msg->target)) {
		t->stats.ignored++;
		return DROP_NONE;
	}
	t->stats.solicits_received++;
	neigh_send_reply(t, np, msg);
	return DROP_NONE;
}

/* One frame, read only. DROP_NONE where it served its purpose. */
static enum drop_reason frame_input(struct neigh_table *t, const struct rte_mbuf *m)
{
	const uint8_t *frame = rte_pktmbuf_mtod(m, const uint8_t *);
	struct neigh_port *np = m->port < PORT_MAX ? &t->ports[m->port] : NULL;
	struct neigh_msg msg;
	bool arp;

	if (m->data_len < RTE_ETHER_HDR_LEN)
		return DROP_ETH_SHORT;
	arp = frame[12] == RTE_ETHER_TYPE_ARP >> 8 && frame[13] == (RTE_ETHER_TYPE_ARP & 0xff);
	if ((arp ? arp_parse : nd_parse)(frame, m->data_len, &msg) != 0)
		return arp ? DROP_ARP_MALFORMED : DROP_ND_MALFORMED;
	if (np == NULL || np->port == NULL) {
		t->stats.ignored++;
		return DROP_NONE;
	}
	if (np->port->kernel_owns_addresses)
		return proxy_input(t, np, &msg);
	if (rte_is_same_ether_addr(&msg.eth_src, &np->port->mac)) { /* our own, come back */
		t->stats.ignored++;
		return DROP_NONE;
	}
	if (neigh_answers(t, np, &msg.sender)) { /* somebody else has our address */
		t->stats.conflicts++;
		return arp ? DROP_ARP_MALFORMED : DROP_ND_MALFORMED;
	}
	switch (msg.kind) {
	case NEIGH_MSG_SOLICIT:
		t->stats.solicits_received++;
		return solicit(t, np, &msg, arp ? DROP_ARP_NOT_LOCAL : DROP_ND_NOT_LOCAL);
	case NEIGH_MSG_ADVERT:
		t->stats.adverts_received++;
		/* An ARP reply to somebody else answers no question of ours. */
		if (arp && !neigh_port_owns(np, &msg.told))
			msg.solicited = false;
		advert(t, m->port, &msg);
		return DROP_NONE;
	case NEIGH_MSG_OTHER: /* our routes are configured; RFC 4861 8.2: a router takes no redirect */
		t->stats.ignored++;
		return DROP_NONE;
	}
	return DROP_NONE;
}

void neigh_input_frames(void *arg, struct rte_mbuf **pkts, unsigned int n)
{
	struct neigh_table *t = arg;

	for (unsigned int i = 0; i < n; i++) {
		enum drop_reason reason = DROP_NONE;

		if (pkts[i]->nb_segs == 1 || rte_pktmbuf_linearize(pkts[i]) == 0)
			reason = frame_input(t, pkts[i]);
		else
			reason = DROP_NO_BUFFER;
		if (reason != DROP_NONE)
			drop_count(NEIGH_CONTROL_THREAD, reason, 1);
		rte_pktmbuf_free(pkts[i]);
	}
}

/* The destination of an IP packet behind its Ethernet header, in the first segment. */
static bool destination(const struct rte_mbuf *m, struct ip_addr *ret_dst)
{
	const uint8_t *ip = rte_pktmbuf_mtod_offset(m, const uint8_t *, RTE_ETHER_HDR_LEN);

	if (m->data_len >= RTE_ETHER_HDR_LEN + sizeof(struct rte_ipv4_hdr) && ip[0] >> 4 == 4) {
		*ret_dst = ip_addr_v4(((const struct rte_ipv4_hdr *)ip)->dst_addr);
		return true;
	}
	if (m->data_len >= RTE_ETHER_HDR_LEN + sizeof(struct rte_ipv6_hdr) && ip[0] >> 4 == 6) {
		*ret_dst = ip_addr_v6(&((const struct rte_ipv6_hdr *)ip)->dst_addr);
		return true;
	}
	return false;
}

/* Of an IPv4 prefix up to /30: the network and the broadcast address, which nobody has. */
static bool is_edge_of_prefix(const struct config_address *a, const struct ip_addr *dst)
{
	uint32_t mask, addr;

	if (dst->family != IP_V4 || a->len >= 31)
		return false;
	mask = a->len == 0 ? 0 : ~0u << (32 - a->len);
	addr = rte_be_to_cpu_32(ip_addr_be32(dst));
	return (addr & ~mask) == 0 || (addr | mask) == ~0u;
}

/* A packet whose lookup ended at a connected prefix: its destination is the neighbour. */
static struct neigh_entry *glean(struct neigh_table *t, uint16_t port_id, const struct rte_mbuf *m,
	enum drop_reason *ret_reason)
{
	const struct config_address *prefix;
	struct neigh_entry *e;
	struct ip_addr dst;

	*ret_reason = DROP_IP4_DESTINATION;
	if (port_id >= PORT_MAX || t->ports[port_id].port == NULL || !destination(m, &dst))
		return NULL;
	if (dst.family == IP_V6)
		*ret_reason = DROP_IP6_DESTINATION;
	prefix = neigh_port_prefix(&t->ports[port_id], &dst);
	if (prefix == NULL || is_edge_of_prefix(prefix, &dst) || ip_addr_is_multicast(&dst) ||
		neigh_port_owns(&t->ports[port_id], &dst))
		return NULL;
	e = neigh_find(t, port_id, &dst);
	if (e == NULL) {
		e = neigh_entry_new(t, port_id, &dst, true);
		if (e != NULL)
			neigh_start(t, e);
	}
	if (e != NULL)
		e->gleaned = true; /* a gateway's own address is a destination as well */
	*ret_reason = DROP_NEIGH_PENDING;
	return e;
}

void neigh_input_glean(void *arg, struct rte_mbuf **pkts, unsigned int n)
{
	struct neigh_table *t = arg;

	for (unsigned int i = 0; i < n; i++) {
		uint32_t index = pkt_meta(pkts[i])->nh;
		enum drop_reason reason = DROP_NEIGH_PENDING;
		struct neigh_entry *e = NULL;

		/* Since the worker looked, the adjacency may have been resolved, or be gone. */
		if (index < t->conf.nh->size) {
			const struct nh *nh = &t->conf.nh->nh[index];

			e = nh->kind == NH_GLEAN ? glean(t, nh->port, pkts[i], &reason)
						 : t->by_nh[index];
		}
		if (e != NULL)
			neigh_forward(t, e, pkts[i]);
		else
			drop(pkts[i], reason);
	}
}

uint64_t neigh_run(struct neigh_table *t, uint64_t now_ms)
{
	struct neigh_entry *e;
	uint64_t next = NEIGH_NEVER;

	t->now_ms = now_ms;
	if (t->nl != NULL)
		neigh_kernel_poll(t);
	for (unsigned int i = 0; i < NEIGH_RUN_TIMERS; i++) {
		e = neigh_timer_first(t);
		if (e == NULL || e->deadline_ms > now_ms)
			break;
		neigh_timer_fire(t, e);
	}
	for (unsigned int i = 0; i < PORT_MAX; i++) {
		struct neigh_port *np = &t->ports[i];

		if (np->port == NULL || np->announces_left == 0)
			continue;
		if (np->announce_ms <= now_ms) {
			neigh_send_announce(t, np);
			np->announces_left--;
			np->announce_ms = now_ms + t->conf.retransmit_ms;
		}
		if (np->announces_left > 0)
			next = RTE_MIN(next, np->announce_ms);
	}
	e = neigh_timer_first(t);
	return e != NULL ? RTE_MIN(next, e->deadline_ms) : next;
}
