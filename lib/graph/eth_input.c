/* SPDX-License-Identifier: BSD-3-Clause */
/* Frames to their protocol; ARP to the control thread. */
#include "graph/graph_priv.h"
#include "packet/eth.h"

static inline void step(struct worker *w, struct rte_mbuf **pkts, unsigned int n, uint8_t *next)
{
	eth_input_burst(w->macs, pkts, n, next);
}

NODE_OF_STEP(node_eth_input, step)
