/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the RIB's own files share. The walk of a route: adj_in.c takes it from the session, hop.c ties
 * it to its next hop, decide.c chooses, loc_rib.c tells the observer. adj_out.c is the way back.
 */
#ifndef RIB_RIB_PRIV_H
#define RIB_RIB_PRIV_H

#include "rib/rib.h"
#include "rib/slab.h"

struct adj_out {
	struct ptree entries; /* struct out_entry */
	struct rib_link queue;
	uint64_t advertised, pending;
};

struct rib_peer {
	struct rib *rib;
	struct bgp_peer *bgp;
	const struct config_peer *conf;
	struct rib_peer *next;
	bool up;
	bool ebgp;
	uint32_t remote_id; /* host order */
	uint32_t remote_as, local_as;
	struct rib_link hops; /* of the present session */
	uint64_t received, selected, looped;
	struct adj_out out;
};

struct rib {
	struct rib_ops ops;
	unsigned int maximum_paths;
	struct ptree tree; /* struct rib_entry */
	struct slab entries, routes;
	struct rib_peer *peers;
	uint64_t selected;

	struct rib_hop **hop_table;
	uint32_t hop_mask;
	uint64_t n_hops;
	struct rib_link local_hops; /* those of no peer */
	struct rib_link work;	    /* hops with something in todo */
};

static inline void rib_link_init(struct rib_link *l)
{
	l->next = l->prev = l;
}

static inline bool rib_link_empty(const struct rib_link *l)
{
	return l->next == l;
}

static inline void rib_link_append(struct rib_link *head, struct rib_link *l)
{
	l->prev = head->prev;
	l->next = head;
	head->prev->next = l;
	head->prev = l;
}

/* Leaves l linked to itself, so that a second removal is harmless. */
static inline void rib_link_remove(struct rib_link *l)
{
	l->prev->next = l->next;
	l->next->prev = l->prev;
	rib_link_init(l);
}

/* Moves all of `from` behind what `to` holds. */
static inline void rib_link_splice(struct rib_link *to, struct rib_link *from)
{
	if (rib_link_empty(from))
		return;
	from->next->prev = to->prev;
	to->prev->next = from->next;
	from->prev->next = to;
	to->prev = from->prev;
	rib_link_init(from);
}

#define rib_link_entry(l, type, member) ((type *)((char *)(l) - offsetof(type, member)))

/* hop.c. hop_get finds or makes the hop of the peer's present session (peer NULL: of none); NULL for
 * want of memory. One that has no route yet must get one, or be given to hop_put_unused(). */
int hops_init(struct rib *r);
void hops_fini(struct rib *r);
struct rib_hop *hop_get(struct rib *r, struct rib_peer *peer, const struct ip_addr *addr,
	uint16_t port, enum rib_action action);
struct rib_hop *hop_find(const struct rib *r, const struct rib_peer *peer,
	const struct ip_addr *addr, uint16_t port);
void hop_put_unused(struct rib *r, struct rib_hop *hop);
void hop_link(struct rib_hop *hop, struct rib_route *route);
/* Frees the hop with its last route. */
void hop_unlink(struct rib *r, struct rib_route *route);
/* All its routes are to be looked at again by rib_run(). */
void hop_redo(struct rib *r, struct rib_hop *hop);
/* The session is over: all its hops are flushed by rib_run(). */
void hops_flush(struct rib *r, struct rib_peer *peer);
/* An address may have become our own, or ceased to be. */
void hops_check_own(struct rib *r, const struct ip_addr *addr);

/* loc_rib.c */
struct rib_entry *entry_find(const struct rib *r, const struct ip_prefix *prefix);
/* For a prefix that has none; it must get a route, or be given to entry_decide(). NULL: no memory. */
struct rib_entry *entry_new(struct rib *r, const struct ip_prefix *prefix);
/* Decides and tells the observer; frees an entry without routes. */
void entry_decide(struct rib *r, struct rib_entry *e);
/* A new route, linked to its hop and not decided yet; takes a reference on attrs. */
struct rib_route *route_new(struct rib *r, struct rib_entry *e, struct rib_hop *hop,
	enum rib_source source, enum rib_action action, const struct bgp_attrs *attrs);
/* Takes the route out and decides what is left. */
void route_free(struct rib *r, struct rib_route *route);

/* adj_in.c */
int adj_in_update(struct rib *r, struct rib_peer *p, const struct bgp_update *u);

/* adj_out.c */
void adj_out_init(struct adj_out *o);
void adj_out_fini(struct adj_out *o);
/* What the peer should have: nothing happens where it has it already. attrs NULL withdraws. */
int adj_out_set(struct adj_out *o, const struct ip_prefix *prefix, const struct ip_addr *next_hop,
	const struct bgp_attrs *attrs);
/* The configured exports, for the session that just came up. */
void adj_out_export(struct rib_peer *p, const struct bgp_peer_info *info);
void adj_out_refresh(struct adj_out *o, uint8_t family);
size_t adj_out_pull(struct adj_out *o, struct bgp_advert *ret_adverts, size_t max);

#endif
