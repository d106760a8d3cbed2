/* SPDX-License-Identifier: BSD-3-Clause */
/* Connection tracking and translation (lib/nat), between validation and the FIB; only where there is
 * NAT does anything come here. */
#include "graph/graph_priv.h"

/* Hands on what goes on, each over its edge; what was held has none. */
static void next(struct rte_graph *graph, struct rte_node *node, void **objs, const uint8_t *edges,
	unsigned int n)
{
	if (likely(all_equal(edges, n) && edges[0] < FLOW_NEXT_MAX))
		rte_node_enqueue(graph, node, edges[0], objs, n);
	else
		graph_next_parted(graph, node, objs, edges, n);
}

/* What a burst set free goes right behind it. */
static __rte_always_inline uint16_t flow_run(struct rte_graph *graph, struct rte_node *node,
	void **objs, uint16_t n, bool v4)
{
	struct worker *w = node_worker(node);
	struct rte_mbuf *freed[PKT_BURST_MAX];
	uint8_t edges[PKT_BURST_MAX];
	unsigned int got;

	for (unsigned int at = 0; at < n; at += PKT_BURST_MAX) {
		unsigned int len = RTE_MIN(n - at, (unsigned int)PKT_BURST_MAX);
		struct rte_mbuf **pkts = (struct rte_mbuf **)objs + at;

		(v4 ? nat4_burst : nat6_burst)(w->nat, pkts, len, edges);
		if (likely(len == n && all_equal(edges, len) && edges[0] < FLOW_NEXT_MAX))
			rte_node_next_stream_move(graph, node, edges[0]);
		else
			next(graph, node, objs + at, edges, len);
		while ((got = nat_released(w->nat, v4, freed, edges, PKT_BURST_MAX)) > 0)
			next(graph, node, (void **)freed, edges, got);
	}
	return n;
}

NODE_PROCESS(node_flow4)
{
	return flow_run(graph, node, objs, n, true);
}

NODE_PROCESS(node_flow6)
{
	return flow_run(graph, node, objs, n, false);
}
