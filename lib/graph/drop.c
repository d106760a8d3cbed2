/* SPDX-License-Identifier: BSD-3-Clause */
/* The end of what goes no further: counted by meta.drop_reason and freed. */
#include "graph/graph_priv.h"
#include "packet/meta.h"

NODE_PROCESS(node_drop)
{
	struct worker *w = node_worker(node);

	(void)graph;
	for (unsigned int i = 0; i < n; i++)
		drop_count(w->index + 1, pkt_meta(objs[i])->drop_reason, 1);
	rte_pktmbuf_free_bulk((struct rte_mbuf **)objs, n);
	return n;
}
