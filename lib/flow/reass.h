/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Virtual reassembly: finds the ports that a fragment's packet has, without putting it together
 * (RFC 4787 REQ-14, RFC 6146 3.4). Fragments that come before the first are held, in bounded number,
 * for RFC 6146's 2 s, and go on behind it in the order in which they came. Overlapping or impossible
 * fragments take their packet with them (RFC 5722 4, for IPv4 as well: RFC 3128).
 * One for each worker and only its own; memory is taken at the start.
 */
#ifndef FLOW_REASS_H
#define FLOW_REASS_H

#include <stdint.h>

#include <rte_mbuf.h>

#include "flow/key.h"

#define REASS_PACKETS 1024   /* whose fragments are known at once, per worker */
#define REASS_HELD_MAX 256   /* fragments that wait, per worker */
#define REASS_FRAGMENTS_MAX 64 /* of one packet */
#define REASS_TIMEOUT_MS 2000

enum reass_verdict {
	REASS_KNOWN, /* the ports are known: ret_ports */
	REASS_HELD,  /* kept; comes back by reass_released() */
	REASS_DROP,  /* *ret_reason */
};

struct reass;
struct reass *reass_new(const uint8_t secret[16]);
void reass_free(struct reass *r); /* with what it holds; NULL is legal */

/* Ports (or identifier) of the packet whose fragment this is. `tuple` has addresses and protocol. */
enum reass_verdict reass_input(struct reass *r, struct rte_mbuf *m, const struct flow_tuple *tuple,
	uint32_t now_ms, rte_be16_t ret_ports[2], uint8_t *ret_reason);

/* Held fragments whose first has come; they are KNOWN when they are put in again. */
unsigned int reass_released(struct reass *r, struct rte_mbuf **ret_pkts, unsigned int max);
/* Held fragments whose time is over, for the caller to drop (DROP_FRAG_TIMEOUT). Constant work. */
unsigned int reass_expired(struct reass *r, uint32_t now_ms, struct rte_mbuf **ret_pkts,
	unsigned int max);
unsigned int reass_held(const struct reass *r);

#endif
