/* SPDX-License-Identifier: BSD-3-Clause */
/* The walk over IPv6 extension headers (RFC 8200 4), bounded and within what is at hand. */
#ifndef PACKET_IP6_EXT_H
#define PACKET_IP6_EXT_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>

struct ip6_payload {
	uint32_t offset;	  /* of the upper-layer header */
	uint16_t fragment_offset; /* in units of 8 bytes; not 0: there is no upper-layer header */
	uint8_t proto;
	bool fragment; /* a fragment header stands in the chain */
};

/* Within the packet's first segment; offset from the frame's start. 0, or -EBADMSG where the chain runs
 * out of it or is longer than 8 headers. */
int ip6_payload_find(const struct rte_mbuf *m, struct ip6_payload *ret_payload);
/* The same of `len` bytes, 40 or more, that begin with an IPv6 header; offset from there. */
int ip6_payload_find_at(const uint8_t *ip, uint32_t len, struct ip6_payload *ret_payload);

#endif
