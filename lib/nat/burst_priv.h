/* SPDX-License-Identifier: BSD-3-Clause */
/* Between burst.c, where packets of known flows go, miss.c, where all others do, and release.c, from where
 * those that were held go on. */
#ifndef NAT_BURST_PRIV_H
#define NAT_BURST_PRIV_H

#include "drop/drop.h"
#include "nat/nat_priv.h"
#include "packet/eth.h"
#include "packet/ip.h"

/* A burst under way. Packets are numbered as they came, keys as they were found; who[] says whose. */
struct nat_burst {
	struct nat_worker *w;
	struct rte_mbuf **pkts;
	uint8_t *next;
	uint32_t generation; /* of the FIB, before anything was looked up */
	bool v4;
	unsigned int n_keys, n_missed, n_stale;
	struct flow_l4 l4[PKT_BURST_MAX]; /* by packet; offset 0: no upper-layer header in it */
	uint8_t who[PKT_BURST_MAX];	  /* by key */
	uint32_t ref[PKT_BURST_MAX], hash[PKT_BURST_MAX]; /* by key */
	uint8_t missed[PKT_BURST_MAX];	  /* keys */
	/* Packets whose side's adjacency is of an older FIB. */
	uint8_t stale_who[PKT_BURST_MAX];
	struct flow_side *stale[PKT_BURST_MAX];
	union {
		struct flow_key4 v4[PKT_BURST_MAX];
		struct flow_key6 v6[PKT_BURST_MAX];
	} keys;
};

static inline uint8_t nat_drop(struct rte_mbuf *m, enum drop_reason reason)
{
	pkt_meta(m)->drop_reason = reason;
	return FLOW_NEXT_DROP;
}

/* It goes by its destination, and does not come back here. */
static inline uint8_t nat_pass(struct rte_mbuf *m)
{
	pkt_meta(m)->flow = PKT_FLOW_DONE;
	return FLOW_NEXT_LOOKUP;
}

/* --- burst.c --- */

/* A packet of a known flow: the session's state, counters, the packet's bytes, its next hop. first: the
 * packet began the session. */
void nat_burst_hit(struct nat_burst *b, unsigned int i, uint32_t ref, bool first);

/* --- miss.c --- */

/* A packet that is not simply looked up; true: it is a fragment whose key is complete now. */
bool nat_burst_odd(struct nat_burst *b, unsigned int i, enum flow_packet kind, struct flow_tuple *tuple);
/* Keys that no record has. */
void nat_burst_missed(struct nat_burst *b);

/* --- release.c --- */

/* Held fragments whose first came in this burst take their way too, for nat_released(). */
typedef void (*nat_burst_fn)(struct nat_worker *w, struct rte_mbuf **pkts, unsigned int n, uint8_t *next);
void nat_release_fragments(struct nat_worker *w, nat_burst_fn burst4, nat_burst_fn burst6);
/* Fragments and SYNs that have waited long enough. */
void nat_release_due(struct nat_worker *w);

#endif
