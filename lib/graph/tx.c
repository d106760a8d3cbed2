/* SPDX-License-Identifier: BSD-3-Clause */
/* The wire: a bulk for each egress port (mbuf->port). */
#include "graph/graph_priv.h"

/* What the driver does not take is dropped: to wait here would stop the other ports too. */
static void port_send(struct worker *w, uint16_t port_id, struct rte_mbuf **pkts, uint16_t n)
{
	const struct worker_queue *q = &w->tx[port_id];
	uint16_t sent;

	if (unlikely(q->port == NULL)) {
		worker_drop(w, DROP_PORT_DOWN, pkts, n);
		return;
	}
	if (unlikely(q->lock != NULL))
		rte_spinlock_lock(q->lock);
	sent = rte_eth_tx_burst(port_id, q->queue, pkts, n);
	if (unlikely(sent > 0 && sent < n)) /* drivers have limits of their own a call */
		sent += rte_eth_tx_burst(port_id, q->queue, pkts + sent, n - sent);
	if (unlikely(q->lock != NULL))
		rte_spinlock_unlock(q->lock);
	if (unlikely(sent < n))
		worker_drop(w, q->port->link_up ? DROP_TX_FULL : DROP_PORT_DOWN, pkts + sent,
			n - sent);
}

static bool one_port(struct rte_mbuf **pkts, unsigned int n)
{
	uint16_t differ = 0;

	for (unsigned int i = 0; i < n; i++)
		differ |= pkts[i]->port ^ pkts[0]->port;
	return differ == 0;
}

static __rte_noinline void send_parted(struct worker *w, struct rte_mbuf **pkts, unsigned int n)
{
	uint16_t count[RTE_MAX_ETHPORTS] = {0};

	for (unsigned int i = 0; i < n; i++) {
		uint16_t port = pkts[i]->port;

		if (unlikely(port >= RTE_MAX_ETHPORTS))
			worker_drop(w, DROP_PORT_DOWN, &pkts[i], 1);
		else
			w->tx_by_port[port][count[port]++] = pkts[i];
	}
	for (unsigned int port = 0; port < RTE_MAX_ETHPORTS; port++)
		if (count[port] > 0)
			port_send(w, port, w->tx_by_port[port], count[port]);
}

NODE_PROCESS(node_tx)
{
	struct worker *w = node_worker(node);
	struct rte_mbuf **pkts = (struct rte_mbuf **)objs;

	(void)graph;
	for (unsigned int at = 0; at < n; at += PKT_BURST_MAX) {
		unsigned int len = RTE_MIN((unsigned int)n - at, (unsigned int)PKT_BURST_MAX);

		if (likely(one_port(pkts + at, len) && pkts[at]->port < RTE_MAX_ETHPORTS))
			port_send(w, pkts[at]->port, pkts + at, len);
		else
			send_parted(w, pkts + at, len);
	}
	return n;
}
