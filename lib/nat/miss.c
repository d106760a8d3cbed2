/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Packets of a burst that no flow is found for at once: those that are another worker's, those that
 * begin a flow, fragments, ICMP errors. Workers; behind and around burst.c.
 */
#include "nat/burst_priv.h"

/* First packets whose sessions are made together: what they load has to stay in the L1 cache. */
#define PREPARED_MAX 32u

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

/* Fragments and ICMP errors go untranslated: they have no parts here yet. */
bool nat_burst_odd(struct nat_burst *b, unsigned int i, enum flow_packet kind, struct flow_tuple *tuple)
{
	(void)tuple;
	struct rte_mbuf *m = b->pkts[i];

	switch (kind) {
	case FLOW_PACKET_PLAIN:
		return true;
	case FLOW_PACKET_FRAGMENT:
	case FLOW_PACKET_ICMP_ERROR:
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
}

/* Rules for all first, so that the loads of what their sessions need overlap. */
static void missed_some(struct nat_burst *b, const uint8_t *keys, unsigned int n)
{
	struct flow_tuple tuple[PREPARED_MAX];
	struct nat_plan plan[PREPARED_MAX];

	for (unsigned int j = 0; j < n; j++) {
		tuple[j] = tuple_of(b, keys[j]);
		nat_session_prepare(b->w, b->pkts[b->who[keys[j]]]->port, &tuple[j], &plan[j]);
	}
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
	for (unsigned int j = 0; j < b->n_missed; j += PREPARED_MAX)
		missed_some(b, b->missed + j, RTE_MIN(b->n_missed - j, PREPARED_MAX));
}

/* --- what was held --- */

static bool is_v4(const struct rte_mbuf *m)
{
	return *rte_pktmbuf_mtod_offset(m, const uint8_t *, PKT_L2_LEN) >> 4 == 4;
}

static unsigned int room(const struct nat_worker *w)
{
	unsigned int r0 = w->released[0].tail - w->released[0].head;
	unsigned int r1 = w->released[1].tail - w->released[1].head;

	return NAT_RELEASED_MAX - RTE_MAX(r0, r1);
}

static void put(struct nat_worker *w, struct rte_mbuf *m, uint8_t next)
{
	struct nat_released *q = &w->released[is_v4(m)];

	q->pkts[q->tail % NAT_RELEASED_MAX] = m;
	q->next[q->tail++ % NAT_RELEASED_MAX] = next;
}

void nat_release_due(struct nat_worker *w)
{
	struct rte_mbuf *pkts[64];
	uint8_t next[64];
	unsigned int n;
	bool v4;

	if (room(w) < 2 * RTE_DIM(pkts))
		return;
	n = nat_hold_due(w, pkts, next, RTE_DIM(pkts), &v4);
	for (unsigned int i = 0; i < n; i++)
		put(w, pkts[i], next[i]);
}

unsigned int nat_released(struct nat_worker *w, bool v4, struct rte_mbuf **ret_pkts,
	uint8_t *ret_next, unsigned int max)
{
	struct nat_released *q = &w->released[v4];
	unsigned int n = 0;

	for (; n < max && q->head != q->tail; q->head++, n++) {
		ret_pkts[n] = q->pkts[q->head % NAT_RELEASED_MAX];
		ret_next[n] = q->next[q->head % NAT_RELEASED_MAX];
	}
	return n;
}
