/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * IPv4 fragmentation (RFC 791 3.2) for packets above the egress MTU without DF: a slow path. Workers.
 * The fragments are copies in one segment each, so that any driver sends them; that is why this is
 * not librte_ip_frag, whose fragments are chains.
 */
#ifndef PACKET_FRAG_H
#define PACKET_FRAG_H

#include <stdint.h>

#include <rte_mbuf.h>
#include <rte_mempool.h>

/* A packet of 64 KiB over the smallest MTU that is configurable (1280) needs 53. */
#define IP4_FRAGMENTS_MAX 64

/*
 * Splits a rewritten packet; each fragment has its Ethernet header, port and metadata. The packet
 * itself stays the caller's. Returns the count of fragments, -EMSGSIZE where more than max would be
 * needed or the header leaves no room, or -ENOMEM with nothing allocated.
 */
int ip4_fragment(struct rte_mbuf *m, uint16_t mtu_bytes, struct rte_mempool *pool,
	struct rte_mbuf **ret_frags, unsigned int max);

#endif
