/* SPDX-License-Identifier: BSD-3-Clause */
/* The second source: what the control thread sends, by where it enters (punt/punt.h). */
#include "graph/graph_priv.h"
#include "packet/eth.h"
#include "packet/meta.h"

#define INJECT_BURST 32

static uint8_t entrance(struct rte_mbuf *m)
{
	switch (pkt_meta(m)->inject) {
	case PUNT_INJECT_FORWARD:
		return *rte_pktmbuf_mtod_offset(m, uint8_t *, PKT_L2_LEN) >> 4 == 4 ?
			       INJECT_NEXT_IP4_REWRITE :
			       INJECT_NEXT_IP6_REWRITE;
	case PUNT_INJECT_OUTPUT:
		return INJECT_NEXT_OUTPUT;
	case PUNT_INJECT_TX:
		return INJECT_NEXT_TX;
	case PUNT_INJECT_ICMP:
		return INJECT_NEXT_ICMP;
	default:
		pkt_meta(m)->drop_reason = DROP_NONE;
		return INJECT_NEXT_DROP;
	}
}

NODE_PROCESS(node_inject)
{
	struct worker *w = node_worker(node);
	struct rte_mbuf *pkts[INJECT_BURST];
	uint8_t next[INJECT_BURST];
	unsigned int got = punt_from_control(w->punt, w->index, pkts, INJECT_BURST);

	(void)objs;
	(void)n;
	if (likely(got == 0))
		return 0;
	for (unsigned int i = 0; i < got; i++)
		next[i] = entrance(pkts[i]);
	graph_next_parted(graph, node, (void **)pkts, next, got);
	w->taken += got;
	return got;
}
