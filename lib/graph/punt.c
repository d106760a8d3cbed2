/* SPDX-License-Identifier: BSD-3-Clause */
/* The way to the control thread, one node a class of punt/punt.h. */
#include "graph/graph_priv.h"
#include "packet/meta.h"

/* lib/packet leaves 0 in meta.inject of transit packets that wait for a neighbour. */
static_assert(PUNT_INJECT_FORWARD == 0, "the lookup writes 0");

static inline uint16_t punt(struct rte_node *node, void **objs, uint16_t n, enum punt_class c)
{
	struct worker *w = node_worker(node);
	struct rte_mbuf **pkts = (struct rte_mbuf **)objs;
	unsigned int taken = punt_to_control(w->punt, w->index, c, pkts, n);

	if (taken < n)
		worker_drop(w, DROP_PUNT_FULL, pkts + taken, n - taken);
	return n;
}

NODE_PROCESS(node_punt_local)
{
	(void)graph;
	return punt(node, objs, n, PUNT_LOCAL);
}

NODE_PROCESS(node_punt_neigh)
{
	(void)graph;
	return punt(node, objs, n, PUNT_NEIGH);
}

NODE_PROCESS(node_punt_glean)
{
	(void)graph;
	return punt(node, objs, n, PUNT_GLEAN);
}
