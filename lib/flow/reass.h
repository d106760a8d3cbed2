/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Virtual reassembly: finds the ports that a fragment's packet has, without putting it together
 * (RFC 4787 REQ-14, RFC 6146 3.4). Fragments that come before the first are held, in bounded number,
 * for RFC 6146's 2 s, and go on behind it in the order in which they came. Fragments that overlap or
 * contradict one another take their packet with them (RFC 5722 4, for IPv4 as well: RFC 3128); a
 * fragment that came twice is dropped once, because networks duplicate.
 *
 * Bounded: a fragment that would have to wait is refused where too many do already, because who
 * throws out the oldest lets a flood throw out everyone's. Packets whose ports are known hold no
 * memory but their record; of these the oldest makes room for a new one.
 *
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

/*
 * Ports (or identifier) of the packet whose fragment this is: validated, offset or more-fragments set,
 * or IPv6 with a fragment header. `tuple` has addresses and protocol; the protocol becomes the first
 * fragment's, where IPv6 extension headers stand behind the fragment header. An IPv6 packet that is
 * its own only fragment is known at once, whatever else has its identification (RFC 6946).
 */
enum reass_verdict reass_input(struct reass *r, struct rte_mbuf *m, struct flow_tuple *tuple,
	uint32_t now_ms, rte_be16_t ret_ports[2], uint8_t *ret_reason);

/* Held fragments whose first has come; they are KNOWN when they are put in again, which has to be done
 * at once. */
unsigned int reass_released(struct reass *r, struct rte_mbuf **ret_pkts, unsigned int max);
/* Held fragments that end here, because their time is over or their packet is none: meta.drop_reason.
 * Constant work. */
unsigned int reass_expired(struct reass *r, uint32_t now_ms, struct rte_mbuf **ret_pkts,
	unsigned int max);
unsigned int reass_held(const struct reass *r);

#endif
