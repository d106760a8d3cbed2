/* SPDX-License-Identifier: BSD-3-Clause */
/* Solicitations, replies and announcements: whole frames, injected for a port. Control thread. */
#include "drop/drop.h"
#include "neigh/neigh_priv.h"
#include "packet/meta.h"

static const struct rte_ether_addr broadcast_mac = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
static const struct ip_addr all_nodes = {
	.family = IP_V6, .bytes = {0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};

static bool send_frame(struct neigh_table *t, const struct port *port, const uint8_t *frame, size_t len)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(t->conf.pool);
	char *to = m != NULL ? rte_pktmbuf_append(m, (uint16_t)len) : NULL;

	if (to == NULL) {
		drop_count(NEIGH_CONTROL_THREAD, DROP_NO_BUFFER, 1);
		rte_pktmbuf_free(m);
		return false;
	}
	memcpy(to, frame, len);
	m->port = port->id;
	*pkt_meta(m) = (struct pkt_meta){.inject = PUNT_INJECT_TX};
	punt_inject(t->conf.punt, m);
	return true;
}

/*
 * The source of a solicitation: our address on the neighbour's prefix, which it needs to answer, else
 * any of the family; without one, RFC 5227's 0.0.0.0 and in IPv6 the link-local address.
 */
static struct ip_addr source_for(const struct neigh_port *np, const struct ip_addr *target)
{
	const struct config_address *a = neigh_port_prefix(np, target);

	for (size_t i = 0; a == NULL && i < np->n_addrs; i++)
		if (np->addrs[i].addr.family == target->family)
			a = &np->addrs[i];
	if (a != NULL)
		return a->addr;
	return target->family == IP_V6 ? np->link_local : (struct ip_addr){.family = IP_V4};
}

void neigh_send_solicit(struct neigh_table *t, const struct neigh_entry *e, bool unicast)
{
	const struct neigh_port *np = &t->ports[e->port_id];
	uint8_t frame[NEIGH_FRAME_MAX];
	struct ip_addr group = nd_solicited_node(&e->addr);
	struct neigh_frame f = {
		.eth_dst = unicast			 ? e->mac
			   : e->addr.family == IP_V4 ? broadcast_mac
						     : nd_multicast_mac(&group),
		.eth_src = np->port->mac,
		.sender = source_for(np, &e->addr),
		.target = e->addr,
	};

	if (send_frame(t, np->port, frame, neigh_build_solicit(&f, frame)))
		t->stats.solicits_sent++;
}

void neigh_send_reply(struct neigh_table *t, const struct neigh_port *np,
	const struct neigh_msg *solicit)
{
	bool probe = solicit->sender.family == IP_NONE;
	const struct rte_ether_addr *to = solicit->has_mac ? &solicit->mac : &solicit->eth_src;
	uint8_t frame[NEIGH_FRAME_MAX];
	struct neigh_frame f = {
		.eth_dst = *to,
		.eth_src = np->port->mac,
		.target = solicit->target,
		.to = solicit->sender,
		.to_mac = *to,
		.solicited = !probe,
		.override = true,
	};

	if (probe && solicit->target.family == IP_V6) { /* RFC 4861 7.2.4 */
		f.to = all_nodes;
		f.eth_dst = nd_multicast_mac(&all_nodes);
	}
	if (send_frame(t, np->port, frame, neigh_build_advert(&f, frame)))
		t->stats.adverts_sent++;
}

/* Tells the link where our addresses are (RFC 5227 2.3, RFC 4861 7.2.6): after a restart the port may
 * have another MAC. */
void neigh_send_announce(struct neigh_table *t, const struct neigh_port *np)
{
	for (size_t i = 0; i < np->n_addrs; i++) {
		const struct ip_addr *own = &np->addrs[i].addr;
		uint8_t frame[NEIGH_FRAME_MAX];
		struct neigh_frame f = {
			.eth_dst = own->family == IP_V4 ? broadcast_mac : nd_multicast_mac(&all_nodes),
			.eth_src = np->port->mac,
			.sender = *own,
			.target = *own,
			.to = all_nodes,
			.override = true,
		};
		size_t len = own->family == IP_V4 ? neigh_build_solicit(&f, frame)
						  : neigh_build_advert(&f, frame);

		if (send_frame(t, np->port, frame, len))
			t->stats.adverts_sent++;
	}
}
