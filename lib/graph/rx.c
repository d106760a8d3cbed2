/* SPDX-License-Identifier: BSD-3-Clause */
/* The source: polls the queues of this worker. */
#include "graph/graph_priv.h"
#include <rte_prefetch.h>

/* Queues that the driver fills a stream with before it is passed on. */
#define STREAM_MAX PKT_BURST_MAX

NODE_PROCESS(node_rx)
{
	struct worker *w = node_worker(node);
	unsigned int total = 0;

	(void)objs;
	(void)n;
	for (unsigned int q = 0; q < w->n_rx; q++) {
		struct rte_mbuf **room = (struct rte_mbuf **)node->objs + node->idx;
		uint16_t port = w->rx[q].port->id;
		uint16_t got = rte_eth_rx_burst(port, w->rx[q].queue, room, GRAPH_RX_BURST);

		/* Not every driver says where the packet came from (af_xdp before 22.11.5, ring). */
		for (unsigned int i = 0; i < got; i++)
			room[i]->port = port;
		node->idx += got;
		total += got;
		if (unlikely(node->idx + GRAPH_RX_BURST > STREAM_MAX)) {
			rte_node_enqueue(graph, node, RX_NEXT_ETH_INPUT, node->objs, node->idx);
			node->idx = 0;
		}
	}
	if (node->idx > 0)
		rte_node_next_stream_move(graph, node, RX_NEXT_ETH_INPUT);
	w->taken += total;
	w->stats.packets += total;
	return total;
}
