/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which worker owns a flow, from either direction's tuple as it arrives (rules.h). Workers.
 *
 * Why it is symmetric. Whether an end has a rank does not depend on where in the tuple it stands, so a
 * flow that nothing translates has the same two ends both ways. SNAT puts a pool's address in the place
 * of the source: it outranks the other end and its port was chosen in the slice of the owner. DNAT
 * changes an end that ranks below all others before and after, so that the end which it leaves alone
 * decides, or, between two ends that DNAT knows, the higher port where DNAT changes no port; where it
 * does, no port is the same both ways, and worker 0 owns.
 *
 * A backend all of whose ports DNAT forwards, and whose own flows have endpoint-independent mappings: a
 * packet of its own is not told from an answer, yet its mappings must not depend on the other end. So its
 * port decides, which DNAT leaves alone, or worker 0 where rules that change ports share its addresses.
 */
#include "rules_priv.h"

enum {
	RANK_MOVED = -2,
	RANK_DNAT,
	RANK_OTHER,
	RANK_MAPS,	 /* by its own port */
	RANK_MAPS_MOVED, /* worker 0 */
	RANK_INSIDE,
	RANK_POOL,
};

static inline int dnat_rank(const struct nat_address *a)
{
	if (unlikely(a->maps))
		return a->port_moves ? RANK_MAPS_MOVED : RANK_MAPS;
	return a->port_moves ? RANK_MOVED : RANK_DNAT;
}

static inline int end_rank(const struct nat_ruleset *r, const struct ip_addr *addr, uint8_t proto_bit,
	uint16_t port)
{
	const struct nat_address *a = nat_address_find(r->addresses, addr);

	if (a != NULL) {
		const struct nat_endpoint *e = &r->addresses->endpoints[a->first];

		for (uint32_t i = 0; i < a->n; i++)
			if (port >= e[i].first && port <= e[i].last &&
				(e[i].protos & proto_bit) != 0)
				return dnat_rank(a);
		if (a->pool)
			return RANK_POOL;
	}
	return nat_nets_contain(&r->matcher->inside, addr) ? RANK_INSIDE : RANK_OTHER;
}

unsigned int nat_owner(const struct nat_ruleset *r, const struct flow_tuple *t)
{
	uint16_t sport = rte_be_to_cpu_16(t->sport), dport = rte_be_to_cpu_16(t->dport);
	uint8_t proto_bit;
	int src, dst;

	if (r->workers == 1)
		return 0;
	proto_bit = nat_proto_bit(t->proto);
	src = end_rank(r, &t->src, proto_bit, sport);
	dst = end_rank(r, &t->dst, proto_bit, dport);
	if (unlikely(src == RANK_MAPS_MOVED || dst == RANK_MAPS_MOVED) && src <= RANK_MAPS_MOVED &&
		dst <= RANK_MAPS_MOVED)
		return 0;
	if (src > dst)
		return nat_port_owner(sport, r->workers);
	if (dst > src)
		return nat_port_owner(dport, r->workers);
	if (src == RANK_MOVED)
		return 0;
	return nat_port_owner(sport > dport ? sport : dport, r->workers);
}
