/* SPDX-License-Identifier: BSD-3-Clause */
/* IPv4 packets above the MTU of their egress port that may be fragmented. */
#include "graph/graph_priv.h"
#include "packet/frag.h"
#include "packet/meta.h"

NODE_PROCESS(node_ip4_frag)
{
	struct worker *w = node_worker(node);

	for (unsigned int i = 0; i < n; i++) {
		struct rte_mbuf *m = objs[i], *frags[IP4_FRAGMENTS_MAX];
		uint16_t mtu = w->nh->nh[pkt_meta(m)->nh].mtu_bytes;
		int count = ip4_fragment(m, mtu, w->pool, frags, RTE_DIM(frags));

		if (count < 0) {
			pkt_meta(m)->drop_reason = DROP_IP4_FRAG;
			rte_node_enqueue_x1(graph, node, FRAG_NEXT_DROP, m);
			continue;
		}
		rte_node_enqueue(graph, node, FRAG_NEXT_TX, (void **)frags, count);
		rte_pktmbuf_free(m);
	}
	return n;
}
