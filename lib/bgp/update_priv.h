/* SPDX-License-Identifier: BSD-3-Clause */
/* What the UPDATE decoder and encoder share: the numbers of path attributes, and AS_PATH (path.c). */
#ifndef BGP_UPDATE_PRIV_H
#define BGP_UPDATE_PRIV_H

#include <rte_common.h>

#include "bgp/codec.h"

enum { BGP_AFI_IPV4 = 1, BGP_AFI_IPV6 = 2, BGP_SAFI_UNICAST = 1 };

/* RFC 4271 4.3: attribute flags. */
enum {
	BGP_ATTR_OPTIONAL = 0x80, BGP_ATTR_TRANSITIVE = 0x40, BGP_ATTR_PARTIAL = 0x20,
	BGP_ATTR_EXTENDED = 0x10,
};

enum {
	BGP_ATTR_ORIGIN = 1, BGP_ATTR_AS_PATH = 2, BGP_ATTR_NEXT_HOP = 3, BGP_ATTR_MED = 4,
	BGP_ATTR_LOCAL_PREF = 5, BGP_ATTR_ATOMIC_AGGREGATE = 6, BGP_ATTR_AGGREGATOR = 7,
	BGP_ATTR_COMMUNITIES = 8, BGP_ATTR_ORIGINATOR_ID = 9, BGP_ATTR_CLUSTER_LIST = 10,
	BGP_ATTR_MP_REACH = 14, BGP_ATTR_MP_UNREACH = 15, BGP_ATTR_EXT = 16, BGP_ATTR_AS4_PATH = 17,
	BGP_ATTR_AS4_AGGREGATOR = 18, BGP_ATTR_PMSI_TUNNEL = 22, BGP_ATTR_TUNNEL = 23,
	BGP_ATTR_LARGE = 32, BGP_ATTR_PREFIX_SID = 40,
};

/* Subcodes of UPDATE Message Error (RFC 4271 6.3). */
enum {
	SUB_ATTR_LIST = 1, SUB_UNKNOWN_WELL_KNOWN = 2, SUB_MISSING = 3, SUB_ATTR_FLAGS = 4,
	SUB_ATTR_LENGTH = 5, SUB_ORIGIN = 6, SUB_NEXT_HOP = BGP_UPDATE_BAD_NEXT_HOP, SUB_OPTIONAL = 9, SUB_NETWORK = 10,
	SUB_AS_PATH = 11,
};

/*
 * Checks a path of ASes of as_bytes (2 or 4) and writes it with 4-octet ones. Confederation segments
 * are an error, or left out where drop_confed (RFC 6793 6). Returns what is wrong (RFC 7606 7.2), or NULL.
 */
const char *bgp_path_read(uint8_t *out, size_t cap, struct buf_reader r, unsigned int as_bytes,
	bool drop_confed, uint16_t *ret_bytes);

/*
 * RFC 6793 4.2.3: the leading ASes of the path that the AS4_PATH, being shorter, does not know, then
 * the AS4_PATH. In place; an AS4_PATH that is longer changes nothing. Returns the new path's bytes.
 */
uint16_t bgp_path_merge(uint8_t *path, size_t cap, uint16_t bytes, const uint8_t *as4,
	uint16_t as4_bytes);

/* Whether a host could have it: no 0/8, 127/8, 224/3; no ::, ::1, ff00::/8. */
bool bgp_next_hop_sane(const struct ip_addr *nh);

#endif
