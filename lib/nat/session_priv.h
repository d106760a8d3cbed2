/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The first packet's way, file by file:
 *	session.c     all below in turn, and the session itself; its end
 *	plan.c        what the rules say about it
 *	admit.c       whether it may open a session
 *	parent.c      what sessions share: counts, inside addresses under a limit
 *	binding.c     ...and endpoint-independent mappings
 *	revalidate.c  the same questions again, when the rules have changed
 *
 * Parents are records that count. A session's parent is one of
 *	a host	   an inside address under a limit, with one rule: {address:tag -> 0:0}, protocol 0
 *	a binding  {inside -> 0:tag} and {0:0 -> external}; its parent: the host, or none
 *	a peer	   a remote address that a binding of filtering `address` lets in, for as long as a
 *		   session with it lives: {remote:n -> 0:n}, n the binding's index; its parent: the binding
 *	a joint	   of a session that two rules made (its destination is one rule's, its source another's):
 *		   cannot be found; its rule is the source's, it has two parents
 * A tag stands for the rule's or pool's name, so that two of them do not meet in one record. Peers and
 * joints are of kind FLOW_HOST. No packet has a tuple with an address 0, so none finds any of these.
 */
#ifndef NAT_SESSION_PRIV_H
#define NAT_SESSION_PRIV_H

#include "drop/drop.h"
#include "nat/nat_priv.h"

/* --- plan.c --- */

/* All but a binding. */
void nat_plan(const struct nat_worker *w, uint16_t ingress, const struct flow_tuple *tuple,
	struct nat_plan *ret_plan);
/* The binding, where there is one and no DNAT rule comes before it; late, because making another
 * session may end it. */
void nat_plan_binding(struct nat_worker *w, const struct flow_tuple *tuple, struct nat_plan *p);
/* The rule that a session of this plan is of, and its flags. Two rules, the destination's and the
 * source's, want a joint: then the source's is p->snat, and this is the other. */
uint16_t nat_plan_rule(const struct nat_worker *w, const struct nat_plan *p, uint8_t *ret_flags,
	bool *ret_two);
enum config_nat_ports nat_plan_selection(const struct nat_worker *w, const struct nat_plan *p);
/* Whether its source has a binding. */
bool nat_plan_binds(const struct nat_worker *w, const struct nat_plan *p, uint8_t proto);
/* Where a DNAT rule sends a packet. */
void nat_plan_backend(const struct nat_rule *rule, const struct flow_tuple *tuple,
	struct flow_tuple *ret_out);
bool nat_plan_is_backend(const struct nat_rule *rule, const struct flow_tuple *tuple,
	const struct ip_addr *addr, rte_be16_t port);
/* The kind of next hop that an address has now. */
uint8_t nat_plan_nh_kind(const struct nat_worker *w, const struct ip_addr *addr);
/* A packet of BGP, to an address that is nvad's own too: the kernel's, whatever ports the pool has, so that
 * nobody inside can take nvad's sessions away by opening the same from his end. */
bool nat_plan_is_bgp(const struct nat_worker *w, const struct flow_tuple *t);

/* --- admit.c --- */

static inline struct nat_verdict nat_verdict_drop(uint8_t reason)
{
	return (struct nat_verdict){.next = FLOW_NEXT_DROP, .drop_reason = reason, .ref = FLOW_NONE};
}

/* Whether a packet of this plan may open a session: FLOW_NEXT_REWRITE; or what becomes of it. */
struct nat_verdict nat_admit(struct nat_worker *w, struct rte_mbuf *m, const struct flow_tuple *tuple,
	const struct flow_l4 *l4, const struct nat_plan *p);
/* Nobody asked for it: a SYN is held, all else is dropped for this reason. */
struct nat_verdict nat_unsolicited(struct nat_worker *w, struct rte_mbuf *m,
	const struct flow_tuple *tuple, const struct flow_l4 *l4, uint8_t reason);

/* --- parent.c --- */

/* RFC 6888 REQ-8: so long an external port is not given to another. TCP is tracked: at once. */
#define NAT_PORT_HOLD_MS 120000

static inline bool nat_is_peer(const struct flow_cold *c)
{
	return (c->flags & NAT_COLD_PEER) != 0;
}

/* Sessions below a parent, and records whose parent it is. */
static inline uint32_t *nat_parent_sessions(const struct flow_table *t, uint32_t record)
{
	return &t->records[record].side[FLOW_ORIGINAL].nh;
}

static inline uint32_t *nat_parent_refs(const struct flow_table *t, uint32_t record)
{
	return &t->records[record].side[FLOW_ORIGINAL].fib_generation;
}

/* A host's: thousandths of sessions that it may begin, as of seen_ms. */
static inline uint32_t *nat_parent_tokens(const struct flow_table *t, uint32_t record)
{
	return &t->records[record].side[FLOW_ORIGINAL].packets_256;
}

/* A joint's second parent, on the destination's side. */
static inline uint32_t *nat_joint_other(const struct flow_table *t, uint32_t record)
{
	return &t->records[record].side[FLOW_REPLY].nh;
}

static inline struct ip_addr nat_no_address(uint8_t family)
{
	return (struct ip_addr){.family = family};
}

/* A record of this kind that is found by these tuples (hosts: the first alone), or FLOW_NONE. */
uint32_t nat_parent_make(struct nat_worker *w, enum flow_kind kind, const struct flow_tuple *original,
	const struct flow_tuple *reply, uint32_t reply_hash);
/* Another record whose parent it is; FLOW_NONE is legal. */
void nat_parent_ref(struct nat_worker *w, uint32_t parent);

/* The ruleset that a record's rule is an index of. */
const struct nat_ruleset *nat_rules_of(const struct nat_worker *w, const struct flow_cold *c);
/* Names the rule in a record, counts it and its pool (NAT_COLD_POOL); and back. */
void nat_use_begin(struct nat_worker *w, uint32_t record, uint16_t rule, uint8_t flags, bool created);
void nat_use_end(struct nat_worker *w, uint32_t record);

/*
 * The host of a tuple's source under a rule with limits, allowed another session (DROP_NONE), which
 * the caller then counts; or the reason why not. FLOW_NONE where the rule has no limit.
 */
uint8_t nat_host_get(struct nat_worker *w, uint16_t rule, const struct flow_tuple *tuple,
	uint32_t *ret_host);
/* FLOW_NONE: the table is full. */
uint32_t nat_joint_new(struct nat_worker *w, uint16_t rule, uint32_t source, uint32_t destination);

/* A session below `parent` begins or ends. */
void nat_parent_join(struct nat_worker *w, uint32_t parent);
void nat_parent_leave(struct nat_worker *w, uint32_t parent, uint32_t seen_ms);
/* A parent nobody needs: ends it, or lets its timer end it. */
void nat_parent_unused(struct nat_worker *w, uint32_t record);
void nat_parent_due(struct nat_worker *w, uint32_t record);
void nat_parent_end(struct nat_worker *w, uint32_t record);

/* --- binding.c --- */

/* Whether the binding that an inbound packet uses may have another session. */
bool nat_binding_has_room(struct nat_worker *w, uint32_t binding);

/* The live binding of an inside endpoint, made where there is none; or the reason why not. */
uint8_t nat_binding_get(struct nat_worker *w, uint16_t rule, const struct flow_tuple *tuple,
	uint32_t host, uint32_t *ret_binding);
/* The live binding of an external endpoint, or FLOW_NONE. */
uint32_t nat_binding_find(struct nat_worker *w, const struct flow_tuple *tuple);
/* The key of a binding by its inside, and by its external endpoint. */
struct flow_tuple nat_binding_inside(const struct nat_pool *pool, const struct flow_tuple *tuple);
struct flow_tuple nat_binding_outside(const struct flow_tuple *tuple);
rte_be16_t nat_pool_tag(const struct nat_pool *pool);
/* A binding's filtering. */
enum config_nat_filtering nat_binding_filtering(const struct nat_worker *w, uint32_t binding);
/* The peer of a remote address, or FLOW_NONE; made where `make`, FLOW_NONE: the table is full. */
uint32_t nat_peer_get(struct nat_worker *w, uint32_t binding, const struct ip_addr *remote, bool make);

#endif
