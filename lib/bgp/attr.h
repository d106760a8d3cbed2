/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * BGP path attributes, interned: equal attributes are one object, shared by all the routes that carry
 * them, immutable and reference-counted. The next hop is not among them; it is the route's own.
 * Control thread.
 */
#ifndef BGP_ATTR_H
#define BGP_ATTR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

enum bgp_origin { BGP_ORIGIN_IGP = 0, BGP_ORIGIN_EGP = 1, BGP_ORIGIN_INCOMPLETE = 2 };

enum bgp_segment_type { BGP_AS_SET = 1, BGP_AS_SEQUENCE = 2 };

#define BGP_COMMUNITY_NO_EXPORT 0xffffff01u
#define BGP_COMMUNITY_NO_ADVERTISE 0xffffff02u
#define BGP_COMMUNITY_NO_EXPORT_SUBCONFED 0xffffff03u

struct bgp_large_community {
	uint32_t global, local1, local2; /* host order (RFC 8092) */
};

struct bgp_attrs {
	uint32_t refs;
	uint32_t hash;
	struct bgp_attrs *next; /* the intern table's chain */

	uint8_t origin;
	bool has_med, has_local_pref, atomic_aggregate, has_aggregator;
	uint32_t med, local_pref;
	uint32_t aggregator_as;
	rte_be32_t aggregator_addr;

	/* AS_PATH in wire form with 4-octet AS numbers (RFC 6793): segments of type, count, ASNs. */
	const uint8_t *as_path;
	uint16_t as_path_bytes;
	/* The next three follow from as_path and are worked out when the attributes are interned. */
	uint16_t as_path_length; /* RFC 4271 9.1.2.2 (a): a set counts as one */
	uint32_t neighbour_as;	 /* leftmost AS of the path, 0 for an empty one or a leading set */
	uint32_t origin_as;	 /* rightmost, 0 as above */

	const uint32_t *communities; /* host order, as received */
	const struct bgp_large_community *large;
	const uint8_t *ext;	/* 8 bytes each, wire form (RFC 4360) */
	const uint8_t *unknown; /* optional transitive ones nvad does not know, whole, partial bit set */
	uint16_t n_communities, n_large, n_ext, unknown_bytes;
};

/*
 * The interned object equal to *proto, with one more reference. What the pointers lead to is copied;
 * refs, hash, next and what follows from as_path are ignored; a value whose has_ flag is clear does
 * not count. NULL with errno ENOMEM, EOVERFLOW at the table's limit, EINVAL where as_path is not
 * well-formed.
 */
const struct bgp_attrs *bgp_attrs_intern(const struct bgp_attrs *proto);
const struct bgp_attrs *bgp_attrs_ref(const struct bgp_attrs *a);
void bgp_attrs_unref(const struct bgp_attrs *a); /* NULL is legal */
size_t bgp_attrs_count(void);

#define BGP_ATTRS_LIMIT (4u << 20) /* distinct objects, unless set otherwise */
void bgp_attrs_set_limit(size_t limit);

bool bgp_as_path_has(const struct bgp_attrs *a, uint32_t as);
bool bgp_attrs_has_community(const struct bgp_attrs *a, uint32_t community);

/* "65515 65001 {7,8}" and "65535:65282 ..."; cut with "..." where the buffer ends. Returns buf. */
const char *bgp_as_path_format(const struct bgp_attrs *a, char *buf, size_t len);
const char *bgp_communities_format(const struct bgp_attrs *a, char *buf, size_t len);

#endif
