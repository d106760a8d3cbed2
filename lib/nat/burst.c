/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A burst at the flow stage. Workers. Before it: validation, the lookup of an address of lib/nat's, or
 * another worker. Behind it: the rewrite with an adjacency that the flow knows, or the lookup.
 */
#include "nat/nat_priv.h"

/* No flow: it goes by its destination, and does not come back here. */
static void pass_on(struct rte_mbuf **pkts, unsigned int n, uint8_t *next)
{
	for (unsigned int i = 0; i < n; i++) {
		pkt_meta(pkts[i])->flow = PKT_FLOW_DONE;
		next[i] = FLOW_NEXT_LOOKUP;
	}
}

void nat4_burst(struct nat_worker *w, struct rte_mbuf **pkts, unsigned int n, uint8_t *next)
{
	(void)w;
	pass_on(pkts, n, next);
}

void nat6_burst(struct nat_worker *w, struct rte_mbuf **pkts, unsigned int n, uint8_t *next)
{
	(void)w;
	pass_on(pkts, n, next);
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
