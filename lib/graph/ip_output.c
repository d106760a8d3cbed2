/* SPDX-License-Identifier: BSD-3-Clause */
/* Packets made here or by the kernel: MTU and link-layer header. */
#include "graph/graph_priv.h"

static inline void step(struct worker *w, struct rte_mbuf **pkts, unsigned int n, uint8_t *next)
{
	ip_output_burst(w->nh, pkts, n, next);
}

NODE_OF_STEP(node_ip_output, step)
