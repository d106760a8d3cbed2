/* SPDX-License-Identifier: BSD-3-Clause */
/* IPv4 to our own addresses: echo is answered, the rest goes to the control thread. */
#include "graph/graph_priv.h"
#include "packet/local.h"

static inline void step(struct worker *w, struct rte_mbuf **pkts, unsigned int n, uint8_t *next)
{
	ip4_local_burst(pkts, n, next);
	flow_mark(w, pkts, n, PKT_FLOW_DONE); /* answers of our own are nobody's flow */
}

NODE_OF_STEP(node_ip4_local, step)
