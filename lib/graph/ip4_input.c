/* SPDX-License-Identifier: BSD-3-Clause */
/* IPv4 validation. */
#include "graph/graph_priv.h"

static inline void step(struct worker *w, struct rte_mbuf **pkts, unsigned int n, uint8_t *next)
{
	ip4_input_burst(w->fib, pkts, n, next);
	flow_divert(w, pkts, n, next);
}

NODE_OF_STEP(node_ip4_input, step)
