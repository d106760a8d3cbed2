/* SPDX-License-Identifier: BSD-3-Clause */
/* What a fragment says, for reass.c. */
#ifndef FLOW_FRAGMENT_H
#define FLOW_FRAGMENT_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_byteorder.h>
#include <rte_mbuf.h>

struct fragment {
	uint32_t id;	 /* as on the wire */
	uint32_t offset; /* bytes, of its part of the packet's fragmentable part */
	uint32_t len;
	bool more;
	uint8_t proto; /* of the header behind the IP or fragment header */
	/* The first: */
	uint8_t upper; /* protocol of the upper-layer header */
	bool has_ports;
	rte_be16_t ports[2]; /* or the identifier, twice */
};

/* 0, or -EBADMSG where it can be part of no packet: empty, not in units of 8 bytes, beyond 64 KiB; where
 * a first does not hold its upper-layer header; or one that would lie over it (RFC 1858, 3128, 7112). */
int fragment_parse(const struct rte_mbuf *m, struct fragment *ret_f);

/* Whether packets of this protocol, as it stands in `fragment.proto`, have nothing that only the first
 * fragment says. */
bool fragment_without_ports(bool v4, uint8_t proto);

#endif
