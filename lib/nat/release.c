/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Packets that were held and go on by themselves: fragments behind their first, and what has waited too
 * long. Each family's stand in a queue until the graph takes them. Workers.
 */
#include "nat/burst_priv.h"

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

void nat_release_fragments(struct nat_worker *w, nat_burst_fn burst4, nat_burst_fn burst6)
{
	struct rte_mbuf *pkts[64];
	uint8_t next[64];
	unsigned int n;

	while (room(w) >= RTE_DIM(pkts) &&
		unlikely((n = reass_released(w->reass, pkts, RTE_DIM(pkts))) > 0)) {
		unsigned int at = 0;

		while (at < n) { /* runs of one family */
			bool v4 = is_v4(pkts[at]);
			unsigned int end = at + 1;

			while (end < n && is_v4(pkts[end]) == v4)
				end++;
			(v4 ? burst4 : burst6)(w, pkts + at, end - at, next + at);
			at = end;
		}
		for (unsigned int i = 0; i < n; i++)
			if (next[i] != FLOW_NEXT_HELD)
				put(w, pkts[i], next[i]);
	}
}

void nat_release_due(struct nat_worker *w)
{
	struct rte_mbuf *pkts[64];
	uint8_t next[64];
	unsigned int n;
	bool v4;

	if (room(w) < 2 * RTE_DIM(pkts))
		return;
	n = reass_expired(w->reass, w->now_ms, pkts, RTE_DIM(pkts));
	for (unsigned int i = 0; i < n; i++)
		put(w, pkts[i], FLOW_NEXT_DROP);
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
