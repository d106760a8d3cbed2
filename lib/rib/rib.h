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

struct rib_link {
	struct rib_link *next, *prev; /* circular */
};

/* In order of preference: a lower source wins over any higher one. */
enum rib_source { RIB_CONNECTED, RIB_LOCAL, RIB_STATIC, RIB_BGP };

enum rib_action {
	RIB_VIA,       /* to next_hop, resolved in the underlay */
	RIB_GLEAN,     /* connected prefix on port */
	RIB_HOST,      /* our own address */
	RIB_BLACKHOLE,
	RIB_NAT,       /* an address of lib/nat's that is not one of our own */
	RIB_DISCARD,   /* an announced superset: what no more specific route covers is dropped */
};

/* A next hop as one source gave it, shared by all its routes. IP_NONE where the action needs none. */
struct rib_hop {
	struct ip_addr addr;
	uint16_t port;	       /* RIB_GLEAN, RIB_HOST */
	bool resolves;	       /* what the observer or the port's state says */
	bool own;	       /* one of our own addresses: never usable */
	bool flushing;	       /* its session is over; the routes are being withdrawn */
	struct rib_peer *peer; /* NULL unless RIB_BGP */
	void *sink;	       /* the observer's own */
	struct rib_hop *hash_next;
	struct rib_link siblings;      /* the peer's hops */
	struct rib_link routes, todo;  /* decided with the flags above; to be decided again */
	struct rib_link work;	       /* in the RIB's list while todo is not empty */
	uint64_t n_routes;
};

struct rib_route {
	struct rib_route *next; /* the entry's routes, best first, its multipaths behind it */
	struct rib_entry *entry;
	struct rib_hop *hop;
	const struct bgp_attrs *attrs; /* NULL unless RIB_BGP */
	struct rib_link link;	       /* in the hop's routes or todo */
	uint64_t since_ms;
	uint8_t source;		/* enum rib_source */
	uint8_t action;		/* enum rib_action */
	uint8_t reason;		/* enum decide_reason: why the best won over it */
	bool best;
	bool multipath;		/* as good as the best: shares its traffic */
	bool usable;		/* next hop resolves; an unusable route is never selected (9.1.2.1) */
};

struct rib_entry {
	struct ptree_node node; /* prefix */
	struct rib_route *routes;
	void *sink; /* the observer's own: NULL while nothing is installed */
};

struct rib_ops {
	/* The selection for a prefix may have changed, or what its next hops resolve to has: the first
	 * route with its multipaths behind it where `usable`, else the prefix leaves the FIB. The
	 * last call for an entry comes with routes NULL. Must not call back into the RIB. */
	void (*changed)(void *arg, struct rib_entry *entry);
	/* Next-hop tracking, for RIB_VIA: does hop->addr resolve? Once per hop, so an address may be
	 * tracked several times; later changes come through rib_next_hop_changed(). */
	bool (*track)(void *arg, struct rib_hop *hop);
	void (*untrack)(void *arg, struct rib_hop *hop);
	void *arg;
};

/* maximum_paths (>= 1) bounds the multipaths of BGP routes. rib_free() after bgp_free(). */
struct rib *rib_new(const struct rib_ops *ops, unsigned int maximum_paths);
void rib_free(struct rib *r);

/* Routes that are not BGP's: one per (prefix, source, next hop). 0 or -errno (-EEXIST, -ENOENT). */
int rib_add(struct rib *r, const struct ip_prefix *prefix, enum rib_source source,
	enum rib_action action, const struct ip_addr *next_hop, uint16_t port);
int rib_del(struct rib *r, const struct ip_prefix *prefix, enum rib_source source,
	const struct ip_addr *next_hop);

/* A tracked next hop began or ceased to resolve, or resolves otherwise: rib_run() decides the routes
 * over it again and calls `changed` for each. */
void rib_next_hop_changed(struct rib *r, const struct ip_addr *next_hop, bool resolves);
/* A port went up or down, and with it the RIB_GLEAN routes on it: as above. */
void rib_port_changed(struct rib *r, uint16_t port, bool up);

/*
 * The next slice of what peers that went down and next hops that changed left to do: up to `budget`
 * routes. Returns true where there is more. The end of a session runs a first slice itself, enough
 * for small tables; the control loop calls this often (every few ms), cheap when idle.
 */
#define RIB_SLICE 4096 /* about 2 ms */
bool rib_run(struct rib *r, unsigned int budget);

/* The BGP side, for bgp_new(); arg is the struct rib. */
void rib_bgp_ops(struct rib *r, struct bgp_ops *ret_ops);

/* For lib/ctl. Trees of struct rib_entry by node. */
const struct ptree *rib_tree(const struct rib *r);
struct rib_counts {
	uint64_t prefixes, routes; /* held, all sources */
	uint64_t selected;	   /* prefixes with a usable route */
	uint64_t hops;		   /* distinct (peer, next hop) */
	uint64_t bytes;		   /* entries, routes and hops; without the tree's branch nodes */
};
void rib_get_counts(const struct rib *r, struct rib_counts *ret_counts);
struct rib_peer_counts {
	uint64_t received;   /* prefixes held in Adj-RIB-In */
	uint64_t selected;   /* of these, best or multipath in Loc-RIB */
	uint64_t advertised; /* prefixes in Adj-RIB-Out, as last sent */
	uint64_t looped;     /* refused for our own AS in the path (9.1.2) */
	uint64_t pending;    /* adverts not sent yet */
};
/* The session that a rib_hop's peer stands for. */
const struct bgp_peer *rib_peer_bgp(const struct rib_peer *peer);
void rib_peer_get_counts(const struct bgp_peer *peer, struct rib_peer_counts *ret_counts);
/* Adj-RIB-Out, in prefix order. */
void rib_peer_foreach_out(const struct bgp_peer *peer,
	void (*fn)(void *arg, const struct bgp_advert *advert), void *arg);

#endif
