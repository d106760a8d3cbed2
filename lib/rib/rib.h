/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The routing information bases: Adj-RIB-In per peer, the decision process (RFC 4271 9.1), Loc-RIB
 * with connected, static and BGP routes of both families, and Adj-RIB-Out. Control thread.
 * The selected routes go to one observer, lib/fibsync.
 */
#ifndef RIB_RIB_H
#define RIB_RIB_H

#include "base/addr.h"
#include "base/ptree.h"
#include "bgp/attr.h"
#include "bgp/bgp.h"

struct rib;
struct rib_peer; /* a BGP peer's Adj-RIB-In and Adj-RIB-Out */

/* In order of preference: a lower source wins over any higher one. */
enum rib_source { RIB_CONNECTED, RIB_LOCAL, RIB_STATIC, RIB_BGP };

enum rib_action {
	RIB_VIA,       /* to next_hop, resolved in the underlay */
	RIB_GLEAN,     /* connected prefix on port */
	RIB_HOST,      /* our own address */
	RIB_BLACKHOLE,
	RIB_DISCARD,   /* an announced superset: what no more specific route covers is dropped */
};

struct rib_route {
	struct rib_route *next; /* the entry's routes, best first */
	struct rib_peer *peer;	/* NULL unless RIB_BGP */
	uint8_t source;		/* enum rib_source */
	uint8_t action;		/* enum rib_action */
	bool multipath;		/* as good as the best: shares its traffic */
	bool usable;		/* next hop resolves; an unusable route is never selected (9.1.2.1) */
	uint16_t port;		/* RIB_GLEAN, RIB_HOST */
	struct ip_addr next_hop;
	const struct bgp_attrs *attrs; /* NULL unless RIB_BGP */
	uint64_t since_ms;
	uint8_t reason; /* enum decide_reason: why the route before it in the list won over it */
};

struct rib_entry {
	struct ptree_node node; /* prefix */
	struct rib_route *routes;
};

struct rib_ops {
	/* The selection for a prefix changed. entry->routes is the new best with its multipaths behind
	 * it, or there is no usable route: then the prefix leaves the FIB. */
	void (*changed)(void *arg, const struct rib_entry *entry);
	/* Next-hop tracking: does it resolve? Called when a route with a new next hop is learned;
	 * later changes come back through rib_next_hop_changed(). */
	bool (*track)(void *arg, const struct ip_addr *next_hop);
	void (*untrack)(void *arg, const struct ip_addr *next_hop);
	void *arg;
};

struct rib *rib_new(const struct rib_ops *ops, unsigned int maximum_paths);
void rib_free(struct rib *r);

/* Routes that are not BGP's: one per (prefix, source, next hop). 0 or -errno (-EEXIST, -ENOENT). */
int rib_add(struct rib *r, const struct ip_prefix *prefix, enum rib_source source,
	enum rib_action action, const struct ip_addr *next_hop, uint16_t port);
int rib_del(struct rib *r, const struct ip_prefix *prefix, enum rib_source source,
	const struct ip_addr *next_hop);

/* A tracked next hop began or ceased to resolve: the routes over it are decided again. */
void rib_next_hop_changed(struct rib *r, const struct ip_addr *next_hop, bool resolves);

/* The BGP side, for bgp_new(); arg is the struct rib. */
void rib_bgp_ops(struct rib *r, struct bgp_ops *ret_ops);

/* For lib/ctl. Trees of struct rib_entry by node. */
const struct ptree *rib_tree(const struct rib *r);
struct rib_counts {
	uint64_t prefixes, routes, selected;
};
void rib_get_counts(const struct rib *r, struct rib_counts *ret_counts);
struct rib_peer_counts {
	uint64_t received;   /* prefixes held in Adj-RIB-In */
	uint64_t selected;   /* of these, best or multipath in Loc-RIB */
	uint64_t advertised; /* prefixes in Adj-RIB-Out, as last sent */
	uint64_t looped;     /* refused for our own AS in the path (9.1.2) */
	uint64_t pending;    /* adverts not sent yet */
};
void rib_peer_get_counts(const struct bgp_peer *peer, struct rib_peer_counts *ret_counts);
/* Adj-RIB-Out, in prefix order. */
void rib_peer_foreach_out(const struct bgp_peer *peer,
	void (*fn)(void *arg, const struct bgp_advert *advert), void *arg);

#endif
