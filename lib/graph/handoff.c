/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Packets of flows that another worker owns: a ring for each pair of workers, so that each has one
 * producer and one consumer and keeps the order. `handoff` fills them; `flow_input`, a source, empties
 * those towards this worker, and lets go on what timers of the flow stage released.
 */
#include <errno.h>
#include <stdlib.h>

#include "graph/graph_priv.h"
#include "packet/eth.h"
#include "packet/meta.h"

#define HANDOFF_RING 2048
#define HANDOFF_BURST 64

struct handoff {
	unsigned int workers;
	struct rte_ring *rings[]; /* [from * workers + to] */
};

struct handoff *handoff_new(unsigned int workers)
{
	struct handoff *h = calloc(1, sizeof(*h) + workers * workers * sizeof(h->rings[0]));
	static unsigned int serial; /* ring names are global in DPDK */

	if (h == NULL)
		return NULL;
	h->workers = workers;
	for (unsigned int i = 0; i < workers * workers; i++) {
		char name[RTE_RING_NAMESIZE];

		if (i / workers == i % workers)
			continue;
		snprintf(name, sizeof(name), "handoff-%u", serial++);
		h->rings[i] = rte_ring_create(name, HANDOFF_RING, SOCKET_ID_ANY,
			RING_F_SP_ENQ | RING_F_SC_DEQ);
		if (h->rings[i] == NULL) {
			handoff_free(h);
			errno = ENOMEM;
			return NULL;
		}
	}
	return h;
}

void handoff_free(struct handoff *h)
{
	struct rte_mbuf *m;

	if (h == NULL)
		return;
	for (unsigned int i = 0; i < h->workers * h->workers; i++) {
		while (h->rings[i] != NULL && rte_ring_dequeue(h->rings[i], (void **)&m) == 0)
			rte_pktmbuf_free(m);
		rte_ring_free(h->rings[i]);
	}
	free(h);
}

/* The edge table has none: the rings are the edges. Runs of one owner go in bulk. */
NODE_PROCESS(node_handoff)
{
	struct worker *w = node_worker(node);
	struct rte_mbuf **pkts = (struct rte_mbuf **)objs;
	unsigned int at = 0;

	(void)graph;
	while (at < n) {
		uint8_t owner = pkt_meta(pkts[at])->owner;
		unsigned int len = 1, taken;

		while (at + len < n && pkt_meta(pkts[at + len])->owner == owner)
			len++;
		taken = rte_ring_sp_enqueue_burst(
			w->handoff->rings[w->index * w->handoff->workers + owner],
			(void **)pkts + at, len, NULL);
		if (unlikely(taken < len))
			worker_drop(w, DROP_HANDOFF_FULL, pkts + at + taken, len - taken);
		at += len;
	}
	return n;
}

/* From one other worker; the families part. */
static unsigned int take(struct rte_graph *graph, struct rte_node *node, struct rte_ring *ring)
{
	struct rte_mbuf *pkts[HANDOFF_BURST];
	uint8_t next[HANDOFF_BURST];
	unsigned int got = rte_ring_sc_dequeue_burst(ring, (void **)pkts, HANDOFF_BURST, NULL);

	for (unsigned int i = 0; i < got; i++)
		next[i] = *rte_pktmbuf_mtod_offset(pkts[i], uint8_t *, PKT_L2_LEN) >> 4 == 4 ?
				  FLOW_INPUT_NEXT_FLOW4 :
				  FLOW_INPUT_NEXT_FLOW6;
	if (got > 0)
		graph_next_parted(graph, node, (void **)pkts, next, got);
	return got;
}

/* Edges of the flow stage begin at `first`. */
static unsigned int let_go(struct rte_graph *graph, struct rte_node *node, struct nat_worker *nat,
	bool v4, enum flow_input_next first)
{
	struct rte_mbuf *pkts[HANDOFF_BURST];
	uint8_t next[HANDOFF_BURST];
	unsigned int got = nat_released(nat, v4, pkts, next, HANDOFF_BURST);

	for (unsigned int i = 0; i < got; i++)
		next[i] += first;
	if (got > 0)
		graph_next_parted(graph, node, (void **)pkts, next, got);
	return got;
}

NODE_PROCESS(node_flow_input)
{
	struct worker *w = node_worker(node);
	unsigned int total = 0;

	(void)objs;
	(void)n;
	total += let_go(graph, node, w->nat, true, FLOW_INPUT_NEXT_V4);
	total += let_go(graph, node, w->nat, false, FLOW_INPUT_NEXT_V6);
	for (unsigned int i = 0; w->handoff != NULL && i < w->handoff->workers; i++)
		if (i != w->index)
			total += take(graph, node,
				w->handoff->rings[i * w->handoff->workers + w->index]);
	w->taken += total;
	return total;
}
