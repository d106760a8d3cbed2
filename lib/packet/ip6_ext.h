/* SPDX-License-Identifier: BSD-3-Clause */
/* The walk over IPv6 extension headers (RFC 8200 4), bounded and within the first segment. */
#ifndef PACKET_IP6_EXT_H
#define PACKET_IP6_EXT_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>

struct ip6_payload {
	uint32_t offset;	  /* of the upper-layer header, from the frame's start */
	uint16_t fragment_offset; /* in units of 8 bytes; not 0: there is no upper-layer header */
	uint8_t proto;
	bool fragment; /* a fragment header stands in the chain */
};

/* 0, or -EBADMSG where the chain runs out of the packet or is longer than 8 headers. */
int ip6_payload_find(const struct rte_mbuf *m, struct ip6_payload *ret_payload);

#endif
