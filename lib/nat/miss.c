/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Packets of a burst that no flow is found for at once: those that are another worker's, those that
 * begin a flow, fragments, ICMP errors. Workers; behind and around burst.c.
 */
#include <netinet/in.h>

#include <rte_ip.h>
#include <rte_prefetch.h>

#include "fib/mix.h"
#include "nat/burst_priv.h"
#include "nat/untouched.h"
#include "packet/ip6_ext.h"

static uint8_t hand_over(struct nat_burst *b, struct rte_mbuf *m, unsigned int owner)
{
	pkt_meta(m)->owner = owner;
	b->w->counters.handed_over++;
	return FLOW_NEXT_HANDOFF;
}

/* The edge, with what the packet must say there. */
static uint8_t follow(struct rte_mbuf *m, const struct nat_verdict *v)
{
	struct pkt_meta *meta = pkt_meta(m);

	if (v->next == FLOW_NEXT_LOOKUP)
		return nat_pass(m);
	if (v->next == FLOW_NEXT_DROP || v->next == FLOW_NEXT_ICMP) {
		meta->drop_reason = v->drop_reason;
		meta->icmp_type = v->icmp_type;
		meta->icmp_code = v->icmp_code;
		meta->icmp_info = 0;
	}
	return v->next;
}

/* --- fragments --- */

/* The worker that learns a fragmented packet's ports: the same for all its fragments. */
static unsigned int fragment_owner(const struct nat_burst *b, const struct rte_mbuf *m,
	const struct flow_tuple *t)
{
	const struct rte_ipv4_hdr *ip =
		rte_pktmbuf_mtod_offset(m, const struct rte_ipv4_hdr *, PKT_L2_LEN);
	uint64_t w[4];

	memcpy(w, t->src.bytes, 16);
	memcpy(w + 2, t->dst.bytes, 16);
	w[0] = mix64(w[0] ^ mix64(w[1] ^ mix64(w[2] ^ mix64(w[3]))));
	if (b->v4) /* IPv6: behind extension headers only the first knows its protocol */
		w[0] = mix64(w[0] ^ ip->packet_id ^ (uint32_t)t->proto << 16);
	return nat_port_owner((uint16_t)w[0], b->w->workers);
}

/* Only the first fragment has an upper-layer header, whole or not. */
static void fragment_l4(const struct rte_mbuf *m, bool v4, struct flow_l4 *l4)
{
	const struct rte_ipv4_hdr *ip =
		rte_pktmbuf_mtod_offset(m, const struct rte_ipv4_hdr *, PKT_L2_LEN);
	struct ip6_payload payload;
	const uint8_t *at;
	bool first;

	if (v4)
		first = !(ip->fragment_offset & RTE_BE16(RTE_IPV4_HDR_OFFSET_MASK));
	else
		first = ip6_payload_find(m, &payload) == 0 && payload.fragment_offset == 0;
	if (!first) {
		l4->offset = 0;
		return;
	}
	at = rte_pktmbuf_mtod_offset(m, const uint8_t *, l4->offset);
	if (l4->proto == IPPROTO_TCP && m->data_len > l4->offset + 13u) {
		l4->tcp_flags = at[13];
	} else if (l4->proto == (v4 ? IPPROTO_ICMP : IPPROTO_ICMPV6) && m->data_len > l4->offset + 1u) {
		l4->icmp_type = at[0];
		l4->icmp_code = at[1];
	}
}

static bool fragment(struct nat_burst *b, unsigned int i, struct flow_tuple *t)
{
	struct nat_worker *w = b->w;
	struct rte_mbuf *m = b->pkts[i];
	struct pkt_meta *meta = pkt_meta(m);
	unsigned int owner = w->index;
	uint8_t reason;

	if (!(meta->flow & PKT_FLOW_PORTS)) {
		if (w->workers > 1)
			owner = fragment_owner(b, m, t);
		if (owner != w->index) {
			b->next[i] = hand_over(b, m, owner);
			return false;
		}
		switch (reass_input(w->reass, m, t, w->now_ms, meta->frag_ports, &reason)) {
		case REASS_KNOWN:
			meta->flow |= PKT_FLOW_PORTS;
			meta->frag_proto = t->proto;
			break;
		case REASS_HELD:
			b->next[i] = FLOW_NEXT_HELD;
			return false;
		case REASS_DROP:
			b->next[i] = nat_drop(m, reason);
			return false;
		}
	}
	t->sport = meta->frag_ports[0];
	t->dport = meta->frag_ports[1];
	t->proto = b->l4[i].proto = meta->frag_proto;
	fragment_l4(m, b->v4, &b->l4[i]);
	return true;
}

/* --- ICMP errors --- */

static uint8_t icmp_error(struct nat_burst *b, struct rte_mbuf *m)
{
	struct flow_tuple inner;
	struct nat_verdict v;
	unsigned int owner;

	if (b->w->workers > 1 && nat_icmp_error_tuple(m, b->v4, &inner) == 0) {
		owner = nat_owner(b->w->rules, &inner);
		if (owner != b->w->index)
			return hand_over(b, m, owner);
	}
	v = nat_icmp_error(b->w, m, b->v4);
	return follow(m, &v);
}

bool nat_burst_odd(struct nat_burst *b, unsigned int i, enum flow_packet kind, struct flow_tuple *tuple)
{
	struct rte_mbuf *m = b->pkts[i];

	switch (kind) {
	case FLOW_PACKET_PLAIN:
		return true;
	case FLOW_PACKET_FRAGMENT:
		return fragment(b, i, tuple);
	case FLOW_PACKET_ICMP_ERROR:
		b->next[i] = icmp_error(b, m);
		return false;
	case FLOW_PACKET_UNTRACKED:
		b->next[i] = nat_pass(m);
		return false;
	case FLOW_PACKET_MALFORMED:
		break;
	}
	b->next[i] = nat_drop(m, DROP_FLOW_MALFORMED);
	return false;
}

/* --- first packets --- */

static struct flow_tuple tuple_of(const struct nat_burst *b, unsigned int key)
{
	return b->v4 ? flow_tuple_of_key4(&b->keys.v4[key]) : flow_tuple_of_key6(&b->keys.v6[key]);
}

/* nat_session_new() may find what an earlier packet of this burst began. */
static bool is_first(const struct flow_table *t, uint32_t ref)
{
	return (ref & 1) == FLOW_ORIGINAL && flow_side(t, ref)->count == 0 &&
	       flow_side(t, ref)->packets_256 == 0;
}

/* Those that rules are known not to touch go on; what stays is the caller's. */
static unsigned int untouched_pass(struct nat_burst *b)
{
	struct nat_untouched *u = b->w->untouched;
	uint32_t version = b->w->rules->version;
	unsigned int kept = 0;

	for (unsigned int j = 0; j < b->n_missed; j++) {
		unsigned int key = b->missed[j], i = b->who[key];
		uint16_t ingress = b->pkts[i]->port;

		if (b->v4 ? nat_is_untouched4(u, &b->keys.v4[key], ingress, version) :
			    nat_is_untouched6(u, &b->keys.v6[key], ingress, version))
			b->next[i] = nat_pass(b->pkts[i]);
		else
			b->missed[kept++] = key;
	}
	return kept;
}

static void untouched_set(struct nat_burst *b, unsigned int key, const struct ip_addr *dst,
	const struct nat_plan *plan)
{
	const struct nat_ruleset *r = b->w->rules;
	uint16_t ingress = b->pkts[b->who[key]]->port;

	if (plan->pool != NAT_POOL_NONE || ingress >= NAT_PORTS_MAX ||
		(r->stateful_ports & 1u << ingress) != 0 || nat_is_address(r, dst))
		return;
	if (b->v4)
		nat_set_untouched4(b->w->untouched, &b->keys.v4[key], ingress, r->version);
	else
		nat_set_untouched6(b->w->untouched, &b->keys.v6[key], ingress, r->version);
}

static void missed_one(struct nat_burst *b, unsigned int key, const struct flow_tuple *tuple,
	struct nat_plan *plan)
{
	struct nat_worker *w = b->w;
	unsigned int i = b->who[key];
	struct nat_verdict v;

	v = nat_session_new(w, b->pkts[i], tuple, &b->l4[i], b->hash[key], plan);
	if (v.next == FLOW_NEXT_REWRITE)
		nat_burst_hit(b, i, v.ref, is_first(w->flows, v.ref));
	else
		b->next[i] = follow(b->pkts[i], &v);
	if (v.next == FLOW_NEXT_LOOKUP)
		untouched_set(b, key, &tuple->dst, plan);
}

/* Rules and endpoints for all first, so that the loads of what their sessions need overlap. */
static void missed_some(struct nat_burst *b, const uint8_t *keys, unsigned int n)
{
	struct flow_tuple tuple[NAT_PREPARE_MAX];
	struct nat_plan plan[NAT_PREPARE_MAX];
	uint16_t ingress[NAT_PREPARE_MAX];

	if (unlikely(n == 0))
		return;

	for (unsigned int j = 0; j < n; j++) {
		tuple[j] = tuple_of(b, keys[j]);
		ingress[j] = b->pkts[b->who[keys[j]]]->port;
	}
	nat_session_prepare(b->w, tuple, ingress, plan, n);
	for (unsigned int j = 0; j < n; j++)
		missed_one(b, keys[j], &tuple[j], &plan[j]);
}

/* Hands over what is another worker's; what stays is the caller's. */
static unsigned int part_with(struct nat_burst *b)
{
	unsigned int kept = 0;

	for (unsigned int j = 0; j < b->n_missed; j++) {
		unsigned int key = b->missed[j], i = b->who[key], owner;
		struct flow_tuple tuple = tuple_of(b, key);

		owner = nat_owner(b->w->rules, &tuple);
		if (owner != b->w->index)
			b->next[i] = hand_over(b, b->pkts[i], owner);
		else
			b->missed[kept++] = key;
	}
	return kept;
}

__rte_noinline void nat_burst_missed(struct nat_burst *b)
{
	if (b->w->workers > 1)
		b->n_missed = part_with(b);
	b->n_missed = untouched_pass(b);
	if (b->n_missed == 0)
		return;
	nat_session_begin_burst(b->w);
	for (unsigned int j = 0; j < b->n_missed; j += NAT_PREPARE_MAX)
		missed_some(b, b->missed + j, RTE_MIN(b->n_missed - j, NAT_PREPARE_MAX));
}
