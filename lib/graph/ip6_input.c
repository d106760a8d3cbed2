/* SPDX-License-Identifier: BSD-3-Clause */
/* IPv6 validation; neighbour discovery to groups goes to the control thread. */
#include "graph/graph_priv.h"

static inline void step(struct worker *w, struct rte_mbuf **pkts, unsigned int n, uint8_t *next)
{
	ip6_input_burst(w->fib, w->nh, pkts, n, next);
	flow_divert(w, pkts, n, next);
}

NODE_OF_STEP(node_ip6_input, step)
