/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The map: every node and every edge, in walking order.
 *
 *	rx -> eth_input -> ip[46]_input -> ip[46]_lookup -> ip[46]_rewrite -> tx
 *
 * is the way of a forwarded packet; inject is the second entrance, for what the control thread
 * sends. Where there is NAT, flow[46] stands in front of the lookup, and flow_input is the entrance for
 * what another worker handed over. The enum beside each table names its edges and is what the stage's function answers with.
 * A node is one file; all workers have the same nodes, each in a graph of its own.
 */
#include <errno.h>

#include <rte_errno.h>

#include "graph/graph_priv.h"
#include "packet/eth.h"
#include "packet/local.h"

#define NODE(_name, _process, _flags, _count, ...)                                                 \
	static struct rte_node_register reg_##_name = {                                            \
		.name = #_name,                                                                    \
		.flags = (_flags),                                                                 \
		.process = (_process),                                                             \
		.nb_edges = (_count),                                                              \
		.next_nodes = {__VA_ARGS__},                                                       \
	};                                                                                         \
	RTE_NODE_REGISTER(reg_##_name)

/* enum rx_next: packets from all queues of the worker */
NODE(rx, node_rx, RTE_NODE_SOURCE_F, RX_NEXT_MAX,
	[RX_NEXT_ETH_INPUT] = "eth_input");

/* enum inject_next: packets from the control thread */
NODE(inject, node_inject, RTE_NODE_SOURCE_F, INJECT_NEXT_MAX,
	[INJECT_NEXT_IP4_REWRITE] = "ip4_rewrite",
	[INJECT_NEXT_IP6_REWRITE] = "ip6_rewrite",
	[INJECT_NEXT_OUTPUT] = "ip_output",
	[INJECT_NEXT_TX] = "tx",
	[INJECT_NEXT_ICMP] = "icmp_error",
	[INJECT_NEXT_DROP] = "drop");

/* enum flow_input_next: handed over by other workers, or released by the flow stage's timers */
NODE(flow_input, node_flow_input, RTE_NODE_SOURCE_F, FLOW_INPUT_NEXT_MAX,
	[FLOW_INPUT_NEXT_V4 + FLOW_NEXT_REWRITE] = "ip4_rewrite",
	[FLOW_INPUT_NEXT_V4 + FLOW_NEXT_LOOKUP] = "ip4_lookup",
	[FLOW_INPUT_NEXT_V4 + FLOW_NEXT_HANDOFF] = "handoff",
	[FLOW_INPUT_NEXT_V4 + FLOW_NEXT_ICMP] = "icmp_error",
	[FLOW_INPUT_NEXT_V4 + FLOW_NEXT_DROP] = "drop",
	[FLOW_INPUT_NEXT_V6 + FLOW_NEXT_REWRITE] = "ip6_rewrite",
	[FLOW_INPUT_NEXT_V6 + FLOW_NEXT_LOOKUP] = "ip6_lookup",
	[FLOW_INPUT_NEXT_V6 + FLOW_NEXT_HANDOFF] = "handoff",
	[FLOW_INPUT_NEXT_V6 + FLOW_NEXT_ICMP] = "icmp_error",
	[FLOW_INPUT_NEXT_V6 + FLOW_NEXT_DROP] = "drop",
	[FLOW_INPUT_NEXT_FLOW4] = "flow4",
	[FLOW_INPUT_NEXT_FLOW6] = "flow6");

/* enum eth_next: whose frame, which protocol */
NODE(eth_input, node_eth_input, 0, ETH_NEXT_MAX,
	[ETH_NEXT_IP4] = "ip4_input",
	[ETH_NEXT_IP6] = "ip6_input",
	[ETH_NEXT_PUNT] = "punt_neigh",
	[ETH_NEXT_DROP] = "drop");

/* enum ip_input_next: validation */
NODE(ip4_input, node_ip4_input, 0, IP_INPUT_MAX,
	[IP_INPUT_LOOKUP] = "ip4_lookup",
	[IP_INPUT_FLOW] = "flow4",
	[IP_INPUT_PUNT] = "punt_neigh",
	[IP_INPUT_DROP] = "drop");
NODE(ip6_input, node_ip6_input, 0, IP_INPUT_MAX,
	[IP_INPUT_LOOKUP] = "ip6_lookup",
	[IP_INPUT_FLOW] = "flow6",
	[IP_INPUT_PUNT] = "punt_neigh",
	[IP_INPUT_DROP] = "drop");

/* enum flow_next: connection tracking and NAT; what is held leaves later */
NODE(flow4, node_flow4, 0, FLOW_NEXT_MAX,
	[FLOW_NEXT_REWRITE] = "ip4_rewrite",
	[FLOW_NEXT_LOOKUP] = "ip4_lookup",
	[FLOW_NEXT_HANDOFF] = "handoff",
	[FLOW_NEXT_ICMP] = "icmp_error",
	[FLOW_NEXT_DROP] = "drop");
NODE(flow6, node_flow6, 0, FLOW_NEXT_MAX,
	[FLOW_NEXT_REWRITE] = "ip6_rewrite",
	[FLOW_NEXT_LOOKUP] = "ip6_lookup",
	[FLOW_NEXT_HANDOFF] = "handoff",
	[FLOW_NEXT_ICMP] = "icmp_error",
	[FLOW_NEXT_DROP] = "drop");

/* enum ip_lookup_next: the FIB */
NODE(ip4_lookup, node_ip4_lookup, 0, IP_LOOKUP_MAX,
	[IP_LOOKUP_REWRITE] = "ip4_rewrite",
	[IP_LOOKUP_LOCAL] = "ip4_local",
	[IP_LOOKUP_FLOW] = "flow4",
	[IP_LOOKUP_PUNT] = "punt_glean",
	[IP_LOOKUP_ICMP] = "icmp_error",
	[IP_LOOKUP_DROP] = "drop");
NODE(ip6_lookup, node_ip6_lookup, 0, IP_LOOKUP_MAX,
	[IP_LOOKUP_REWRITE] = "ip6_rewrite",
	[IP_LOOKUP_LOCAL] = "ip6_local",
	[IP_LOOKUP_FLOW] = "flow6",
	[IP_LOOKUP_PUNT] = "punt_glean",
	[IP_LOOKUP_ICMP] = "icmp_error",
	[IP_LOOKUP_DROP] = "drop");

/* enum ip_local_next: for us */
NODE(ip4_local, node_ip4_local, 0, IP_LOCAL_MAX,
	[IP_LOCAL_PUNT] = "punt_local",
	[IP_LOCAL_NEIGH] = "punt_neigh",
	[IP_LOCAL_LOOKUP] = "ip4_lookup",
	[IP_LOCAL_DROP] = "drop");
NODE(ip6_local, node_ip6_local, 0, IP_LOCAL_MAX,
	[IP_LOCAL_PUNT] = "punt_local",
	[IP_LOCAL_NEIGH] = "punt_neigh",
	[IP_LOCAL_LOOKUP] = "ip6_lookup",
	[IP_LOCAL_DROP] = "drop");

/* enum ip_rewrite_next: TTL, MTU, link-layer header; ip_output: without the TTL */
NODE(ip4_rewrite, node_ip4_rewrite, 0, IP_REWRITE_MAX,
	[IP_REWRITE_TX] = "tx",
	[IP_REWRITE_FRAG] = "ip4_frag",
	[IP_REWRITE_PUNT] = "punt_glean",
	[IP_REWRITE_ICMP] = "icmp_error",
	[IP_REWRITE_DROP] = "drop");
NODE(ip6_rewrite, node_ip6_rewrite, 0, IP_REWRITE_MAX,
	[IP_REWRITE_TX] = "tx",
	[IP_REWRITE_FRAG] = "drop", /* RFC 8200 5: routers do not */
	[IP_REWRITE_PUNT] = "punt_glean",
	[IP_REWRITE_ICMP] = "icmp_error",
	[IP_REWRITE_DROP] = "drop");
NODE(ip_output, node_ip_output, 0, IP_REWRITE_MAX,
	[IP_REWRITE_TX] = "tx",
	[IP_REWRITE_FRAG] = "ip4_frag",
	[IP_REWRITE_PUNT] = "punt_glean",
	[IP_REWRITE_ICMP] = "icmp_error",
	[IP_REWRITE_DROP] = "drop");

/* enum frag_next */
NODE(ip4_frag, node_ip4_frag, 0, FRAG_NEXT_MAX,
	[FRAG_NEXT_TX] = "tx",
	[FRAG_NEXT_DROP] = "drop");

/* enum icmp_error_next: the error takes the way of any packet */
NODE(icmp_error, node_icmp_error, 0, ICMP_ERROR_NEXT_MAX,
	[ICMP_ERROR_NEXT_IP4_LOOKUP] = "ip4_lookup",
	[ICMP_ERROR_NEXT_IP6_LOOKUP] = "ip6_lookup",
	[ICMP_ERROR_NEXT_FLOW4] = "flow4",
	[ICMP_ERROR_NEXT_FLOW6] = "flow6",
	[ICMP_ERROR_NEXT_DROP] = "drop");

/* The ends of the walk: the control thread's and other workers' rings, the wire, the counters. */
NODE(punt_local, node_punt_local, 0, 0);
NODE(punt_neigh, node_punt_neigh, 0, 0);
NODE(punt_glean, node_punt_glean, 0, 0);
NODE(handoff, node_handoff, 0, 0);
NODE(tx, node_tx, 0, 0);
NODE(drop, node_drop, 0, 0);

const char *const graph_nodes[] = {
	"flow_input", /* GRAPH_NODES_NAT */
	"rx", "inject", "eth_input", "ip4_input", "ip6_input", "flow4", "flow6", "ip4_lookup",
	"ip6_lookup", "ip4_local", "ip6_local", "ip4_rewrite", "ip6_rewrite", "ip_output",
	"ip4_frag", "icmp_error", "handoff", "punt_local", "punt_neigh", "punt_glean", "tx", "drop",
	NULL,
};

int graph_create(struct worker *w, const char *name, const char *const *nodes)
{
	struct rte_graph_param param = {
		.socket_id = SOCKET_ID_ANY,
		.node_patterns = (const char **)(uintptr_t)nodes,
	};
	struct rte_node *node;
	rte_graph_off_t off;
	rte_node_t count;

	while (nodes[param.nb_node_patterns] != NULL)
		param.nb_node_patterns++;
	w->graph_id = rte_graph_create(name, &param);
	if (w->graph_id == RTE_GRAPH_ID_INVALID)
		return rte_errno != 0 ? -rte_errno : -ENOMEM;
	w->graph = rte_graph_lookup(name);
	rte_graph_foreach_node(count, off, w->graph, node) {
		static_assert(sizeof(w) <= RTE_NODE_CTX_SZ, "a pointer fits");
		memcpy(node->ctx, &w, sizeof(w));
	}
	return 0;
}

void graph_destroy(struct worker *w)
{
	if (w->graph != NULL)
		rte_graph_destroy(w->graph_id);
	w->graph = NULL;
}

void graph_next_parted(struct rte_graph *graph, struct rte_node *node, void **objs,
	const uint8_t *next, unsigned int n)
{
	void *parted[PKT_BURST_MAX];

	/* Edges are few and streams short: one pass per edge keeps each edge's packets in order. */
	for (unsigned int edge = 0; edge < node->nb_edges; edge++) {
		unsigned int count = 0;

		for (unsigned int i = 0; i < n; i++) {
			parted[count] = objs[i];
			count += next[i] == edge;
		}
		if (count > 0)
			rte_node_enqueue(graph, node, edge, parted, count);
	}
}

/*
 * The walk of rte_graph, with its counters kept always and its clock read on request: librte_graph's
 * own choice is all or nothing, at 40 ticks a visit. Source nodes stand at negative heads, what they
 * wake in the ring from 0 on.
 */
static __rte_always_inline void walk(struct worker *w, bool timed)
{
	struct rte_graph *graph = w->graph;
	const rte_graph_off_t *reel = graph->cir_start;
	const rte_node_t mask = graph->cir_mask;
	uint32_t head = graph->head;

	while (likely(head != graph->tail)) {
		struct rte_node *node = RTE_PTR_ADD(graph, reel[(int32_t)head++]);
		void **objs = node->objs;
		uint64_t start = 0;
		uint16_t n;

		rte_prefetch0(objs);
		if (timed)
			start = rte_rdtsc();
		n = node->process(graph, node, objs, node->idx);
		if (n > 0) {
			node->total_calls++;
			node->total_objs += n;
			if (timed) {
				w->time[node->id].cycles += rte_rdtsc() - start;
				w->time[node->id].packets += n;
			}
		}
		node->idx = 0;
		head = likely((int32_t)head > 0) ? head & mask : head;
	}
	graph->tail = 0;
}

void graph_walk(struct worker *w)
{
	walk(w, false);
}

void graph_walk_timed(struct worker *w)
{
	walk(w, true);
}
