/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the nodes share: the worker that walks the graph, and how a node hands packets on.
 * graph.c is the map, worker.c the loop; each other file is one node, a thin face of a burst function
 * in lib/packet.
 */
#ifndef GRAPH_GRAPH_PRIV_H
#define GRAPH_GRAPH_PRIV_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_ethdev.h>
#include <rte_graph.h>
#include <rte_graph_worker.h>
#include <rte_spinlock.h>

#include "drop/drop.h"
#include "graph/worker.h"
#include "nat/nat.h"
#include "packet/icmp.h"
#include "packet/ip.h"
#include "packet/meta.h"
#include "port/port.h"

/* Packets taken from one queue in one walk. Longer vectors amortise more and thrash the L1 cache:
 * docs/dataplane.md has the measurement. */
#define GRAPH_RX_BURST 64
#define GRAPH_NODES_MAX 32
/* One walk in so many is timed, node by node: two TSC reads a visit cost too much for all of them. A
 * prime, so that it does not beat with traffic that comes every n-th walk. */
#define GRAPH_TIMED_WALKS 61

struct node_time {
	uint64_t packets, cycles; /* of the timed walks, visits without packets left out */
};

struct worker_queue {
	struct port *port;    /* NULL: no such port */
	rte_spinlock_t *lock; /* of a transmit queue that several workers must share, else NULL */
	uint16_t queue;
};

/* Addresses by port, for the source of ICMP errors. */
struct port_address {
	bool has_v4, has_v6;
	uint8_t v4[4], v6[16];
};

struct handoff; /* handoff.c */

/* A worker and what its nodes need. Written before the start by the control thread, except where
 * said; read by this worker. */
struct worker {
	const struct fib *fib;
	const struct nh_table *nh;
	struct punt *punt;
	struct rte_mempool *pool;
	struct rte_rcu_qsbr *qsbr;
	struct rte_graph *graph;
	rte_graph_t graph_id;
	enum config_poll poll;
	unsigned int index; /* also the QSBR thread id; its drop counters are index + 1 */
	unsigned int lcore;
	unsigned int n_rx;
	struct worker_queue rx[PORT_MAX];
	struct worker_queue tx[RTE_MAX_ETHPORTS]; /* by ethdev id */
	uint64_t macs[RTE_MAX_ETHPORTS];	  /* eth_mac_word(), by ethdev id */
	const struct port_address *addresses;	  /* by ethdev id */
	struct nat_worker *nat;			  /* NULL: no flow is tracked */
	struct handoff *handoff;		  /* NULL: one worker owns all flows */

	/* Written by this worker alone; the statistics are read by the control thread. */
	uint64_t now;	/* TSC at the start of the walk */
	uint64_t taken; /* packets from all sources */
	uint32_t flow_ports; /* nat_flow_ports(), as of this walk */
	unsigned int until_timed; /* walks */
	struct icmp_bucket icmp_budget;
	struct worker_stats stats;
	struct node_time time[GRAPH_NODES_MAX]; /* by node id */
	struct rte_mbuf *tx_by_port[RTE_MAX_ETHPORTS][PKT_BURST_MAX];

	bool stop __attribute__((aligned(64))); /* written by the control thread */
} __attribute__((aligned(64)));

/* The node's context holds its worker. */
static inline struct worker *node_worker(struct rte_node *node)
{
	struct worker *w;

	memcpy(&w, node->ctx, sizeof(w));
	return w;
}

/* All nodes of graph.c, NULL at the end; behind the first are those that only NAT needs. */
extern const char *const graph_nodes[];
#define GRAPH_NODES_NAT 1
/* Creates the worker's graph of these nodes and points them at the worker. 0 or -errno. */
int graph_create(struct worker *w, const char *name, const char *const *nodes);
void graph_destroy(struct worker *w);

/* One walk; timed: node by node into w->time. */
void graph_walk(struct worker *w);
void graph_walk_timed(struct worker *w);

/* Frees packets at once, counted under one reason: for nodes at the end of the walk. */
void worker_drop(struct worker *w, enum drop_reason reason, struct rte_mbuf **pkts, unsigned int n);

/* Rings between workers, for worker.handoff. NULL with errno. */
struct handoff *handoff_new(unsigned int workers);
void handoff_free(struct handoff *h); /* with what is in them; NULL is legal */

/* A worker without an lcore, for workers_start() and for what walks by itself: benchmarks and tests.
 * NULL with errno. */
struct worker *worker_new(const struct worker_conf *conf, unsigned int index, unsigned int lcore,
	const char *graph_name, const char *const *nodes);
void worker_free(struct worker *w); /* NULL is legal */
/* One round of the loop; true where there were packets. The caller is registered with the QSBR. */
bool worker_pass(struct worker *w);
/* Adds up to max nodes' counts, in the graph's order. Any thread. */
void worker_add_node_stats(const struct worker *w, struct node_stats *stats, size_t max);

/* Hands n packets on, each over the edge next[i]: for bursts that part. */
void graph_next_parted(struct rte_graph *graph, struct rte_node *node, void **objs,
	const uint8_t *next, unsigned int n);

/* What a node does with a burst of at most PKT_BURST_MAX: fills next[i] with edges. */
typedef void (*node_step)(struct worker *w, struct rte_mbuf **pkts, unsigned int n, uint8_t *next);

static inline bool all_equal(const uint8_t *next, unsigned int n)
{
	uint8_t differ = 0;

	for (unsigned int i = 0; i < n; i++)
		differ |= next[i] ^ next[0];
	return differ == 0;
}

/*
 * A node's process function around its step. A stream holds what several nodes sent and may be longer
 * than a burst; one that goes on undivided is moved, not copied.
 */
static __rte_always_inline uint16_t node_run(struct rte_graph *graph, struct rte_node *node,
	void **objs, uint16_t n, node_step step)
{
	struct worker *w = node_worker(node);
	uint8_t next[PKT_BURST_MAX];

	for (unsigned int at = 0; at < n; at += PKT_BURST_MAX) {
		unsigned int len = RTE_MIN(n - at, (unsigned int)PKT_BURST_MAX);

		step(w, (struct rte_mbuf **)objs + at, len, next);
		if (unlikely(!all_equal(next, len)))
			graph_next_parted(graph, node, objs + at, next, len);
		else if (likely(len == n))
			rte_node_next_stream_move(graph, node, next[0]);
		else
			rte_node_enqueue(graph, node, next[0], objs + at, len);
	}
	return n;
}

/*
 * Where there is NAT: packets that enter the lookup were at the flow stage or were not, and the lookup
 * sends those to lib/nat's addresses there that were not.
 */
static inline void flow_mark(const struct worker *w, struct rte_mbuf **pkts, unsigned int n,
	uint8_t mark)
{
	if (likely(w->nat == NULL))
		return;
	for (unsigned int i = 0; i < n; i++)
		pkt_meta(pkts[i])->flow = mark;
}

/* Validated packets that go to the flow stage first, by the port they came from. */
static inline void flow_divert(const struct worker *w, struct rte_mbuf **pkts, unsigned int n,
	uint8_t *next)
{
	flow_mark(w, pkts, n, 0);
	if (likely(w->flow_ports == 0))
		return;
	for (unsigned int i = 0; i < n; i++)
		if (next[i] == IP_INPUT_LOOKUP && w->flow_ports >> (pkts[i]->port & 31) & 1)
			next[i] = IP_INPUT_FLOW;
}

#define NODE_PROCESS(name)                                                                         \
	uint16_t name(struct rte_graph *graph, struct rte_node *node, void **objs, uint16_t n)

#define NODE_OF_STEP(name, step)                                                                   \
	NODE_PROCESS(name)                                                                         \
	{                                                                                          \
		return node_run(graph, node, objs, n, (step));                                     \
	}

/* In walking order; graph.c gives them their edges. */
NODE_PROCESS(node_rx);
NODE_PROCESS(node_inject);
NODE_PROCESS(node_eth_input);
NODE_PROCESS(node_ip4_input);
NODE_PROCESS(node_ip6_input);
NODE_PROCESS(node_flow_input);
NODE_PROCESS(node_flow4);
NODE_PROCESS(node_flow6);
NODE_PROCESS(node_handoff);
NODE_PROCESS(node_ip4_lookup);
NODE_PROCESS(node_ip6_lookup);
NODE_PROCESS(node_ip4_local);
NODE_PROCESS(node_ip6_local);
NODE_PROCESS(node_ip4_rewrite);
NODE_PROCESS(node_ip6_rewrite);
NODE_PROCESS(node_ip_output);
NODE_PROCESS(node_ip4_frag);
NODE_PROCESS(node_icmp_error);
NODE_PROCESS(node_punt_local);
NODE_PROCESS(node_punt_neigh);
NODE_PROCESS(node_punt_glean);
NODE_PROCESS(node_tx);
NODE_PROCESS(node_drop);

/* Edges of the nodes whose stage is not a burst function of lib/packet. */
enum rx_next { RX_NEXT_ETH_INPUT, RX_NEXT_MAX };
enum inject_next {
	INJECT_NEXT_IP4_REWRITE, /* PUNT_INJECT_FORWARD, by the packet's version */
	INJECT_NEXT_IP6_REWRITE,
	INJECT_NEXT_OUTPUT,
	INJECT_NEXT_TX,
	INJECT_NEXT_ICMP,
	INJECT_NEXT_DROP,
	INJECT_NEXT_MAX,
};
enum flow_input_next { /* an enum flow_next for each family, then what others handed over */
	FLOW_INPUT_NEXT_V4,
	FLOW_INPUT_NEXT_V6 = FLOW_INPUT_NEXT_V4 + FLOW_NEXT_MAX,
	FLOW_INPUT_NEXT_FLOW4 = FLOW_INPUT_NEXT_V6 + FLOW_NEXT_MAX,
	FLOW_INPUT_NEXT_FLOW6,
	FLOW_INPUT_NEXT_MAX,
};
enum frag_next { FRAG_NEXT_TX, FRAG_NEXT_DROP, FRAG_NEXT_MAX };
enum icmp_error_next {
	ICMP_ERROR_NEXT_IP4_LOOKUP,
	ICMP_ERROR_NEXT_IP6_LOOKUP,
	ICMP_ERROR_NEXT_FLOW4, /* where there is NAT: back through the translation */
	ICMP_ERROR_NEXT_FLOW6,
	ICMP_ERROR_NEXT_DROP,
	ICMP_ERROR_NEXT_MAX,
};

#endif
