/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Packets whose sender is owed an ICMP error: the packet is counted under its own reason, once, and
 * its buffer becomes the error, which goes to the lookup like any packet; where there is NAT by the flow
 * stage, which makes of the packet inside what its sender knows. Where none may be sent the
 * packet is just dropped; one that the budget refuses is counted besides, as icmp-rate.
 */
#include "graph/graph_priv.h"
#include "packet/meta.h"

/* The address of the ingress port, so that a traceroute shows the way; else any port's. */
static const void *source(const struct worker *w, const struct rte_mbuf *m, bool v4)
{
	const struct port_address *a = w->addresses;

	if (m->port < RTE_MAX_ETHPORTS) {
		a += m->port;
		if (v4 ? a->has_v4 : a->has_v6)
			return v4 ? a->v4 : a->v6;
	}
	for (a = w->addresses; a < w->addresses + RTE_MAX_ETHPORTS; a++)
		if (v4 ? a->has_v4 : a->has_v6)
			return v4 ? a->v4 : a->v6;
	return NULL;
}

static inline void step(struct worker *w, struct rte_mbuf **pkts, unsigned int n, uint8_t *next)
{
	uint64_t now = rte_rdtsc();

	for (unsigned int i = 0; i < n; i++) {
		struct rte_mbuf *m = pkts[i];
		enum drop_reason reason = pkt_meta(m)->drop_reason;
		bool v4 = *rte_pktmbuf_mtod_offset(m, uint8_t *, sizeof(struct rte_ether_hdr)) >> 4 == 4;
		const void *from = source(w, m, v4);

		next[i] = ICMP_ERROR_NEXT_DROP;
		if (from == NULL || !icmp_error_allowed(m))
			continue;
		if (!icmp_bucket_take(&w->icmp_budget, now)) {
			drop_count(w->index + 1, DROP_ICMP_RATE, 1);
			continue;
		}
		if ((v4 ? icmp4_error_build(m, from) : icmp6_error_build(m, from)) != 0)
			continue;
		drop_count(w->index + 1, reason, 1);
		if (w->nat != NULL)
			next[i] = v4 ? ICMP_ERROR_NEXT_FLOW4 : ICMP_ERROR_NEXT_FLOW6;
		else
			next[i] = v4 ? ICMP_ERROR_NEXT_IP4_LOOKUP : ICMP_ERROR_NEXT_IP6_LOOKUP;
	}
	flow_mark(w, pkts, n, 0);
}

NODE_OF_STEP(node_icmp_error, step)
