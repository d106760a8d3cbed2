/* SPDX-License-Identifier: BSD-3-Clause */
/* What the files of the module share: the worker's state, and the steps of a packet on its way.
 *	burst.c       lookup and the established packet; who comes next
 *	session.c     the first packet: rules, bindings, limits, backends; and the end of sessions
 *		      (session_priv.h: plan.c, parent.c, revalidate.c)
 *	hold.c	      SYNs that nobody asked for
 *	alloc.c       ports
 *	rewrite.[ch]  the packet's bytes
 *	icmp_error.c  errors about translated packets
 *	sweep.c       all records, a slice at a time: show, clear, new rules */
#ifndef NAT_NAT_PRIV_H
#define NAT_NAT_PRIV_H

#include <netinet/in.h>

#include "flow/reass.h"
#include "nat/nat.h"
#include "nat/rewrite.h"
#include "nat/rules.h"
#include "packet/meta.h"

#define NAT_EXPIRE_MAX 128 /* records looked at in one pass, at most */
#define NAT_SWEEP_MAX 64
#define NAT_RELEASED_MAX 1024 /* a power of two: all that reass.c and hold.c may hold, and more */

struct nat_counters {
	uint64_t created, expired, cleared, handed_over;
};

/* Packets of one family that go on by themselves. */
struct nat_released {
	struct rte_mbuf *pkts[NAT_RELEASED_MAX];
	uint8_t next[NAT_RELEASED_MAX];
	unsigned int head, tail;
};

struct nat_worker {
	struct flow_table *flows;
	const struct nat_ruleset *rules; /* as of nat_begin() */
	const struct nat_ruleset *old;	 /* NULL: no record is of an older set */
	const struct fib *fib;
	const struct nh_table *nh;
	struct reass *reass;
	uint32_t now_ms;
	unsigned int index, workers;
	uint64_t random[2]; /* xoroshiro128+, seeded from getrandom: nat_random() */
	struct nat_counters counters; /* read by the control thread */
	struct nat *nat;
	struct nat_sweep *sweep; /* sweep.c's own */
	struct nat_untouched *untouched; /* miss.c's own */
	struct nat_hold *hold;	 /* session.c's own: unsolicited SYNs (RFC 5382 REQ-4) */
	uint64_t ms_mul;	 /* TSC to ms: (tsc * ms_mul) >> 64, as unsigned __int128 */
	/* Destinations found exhausted a moment ago (alloc.c). */
	struct { uint32_t hash, until_ms; } exhausted[64];
	uint32_t exhausted_until_ms; /* the latest of them */
	uint64_t fresh[64]; /* by hash: tuples that this burst's sessions have (session.c) */
	struct nat_released released[2]; /* IPv6, IPv4 */
} __attribute__((aligned(64)));

static inline uint64_t nat_random(struct nat_worker *w)
{
	uint64_t a = w->random[0], b = w->random[1], sum = a + b;

	b ^= a;
	w->random[0] = (a << 24 | a >> 40) ^ b ^ b << 16;
	w->random[1] = b << 37 | b >> 27;
	return sum;
}

static inline struct nat_use *nat_use_rule(const struct nat_worker *w, const struct nat_ruleset *r,
	uint16_t rule)
{
	return &r->use[w->index * nat_use_stride(r) + rule];
}

static inline struct nat_use *nat_use_pool(const struct nat_worker *w, const struct nat_ruleset *r,
	uint16_t pool)
{
	return &r->use[w->index * nat_use_stride(r) + r->n_rules + pool];
}

/* flow_cold.flags: the parity of the version of the rules that flow_cold.rule is an index of. */
#define NAT_COLD_VERSION 0x01
#define NAT_COLD_HAIRPIN 0x02 /* translated because it leaves by the port it came from */
#define NAT_COLD_POOL 0x04    /* counts in its rule's pool too */
/* Sessions: by which port the first packet came, in the bits from here on. Others: */
#define NAT_COLD_INGRESS_SHIFT 3
#define NAT_COLD_HELD 0x08    /* a binding that is over; its port is not reused yet (RFC 6888 REQ-8) */
#define NAT_COLD_DEAD 0x10    /* a binding that takes no more sessions and ends with its last */
#define NAT_COLD_PEER 0x20    /* a host record that is none: session_priv.h */
#define NAT_COLD_JOINT 0x40

/* Protocols whose ports, or identifiers, may be changed. */
static inline bool nat_has_ports(uint8_t proto)
{
	return proto == IPPROTO_TCP || proto == IPPROTO_UDP || proto == IPPROTO_ICMP ||
		proto == IPPROTO_ICMPV6;
}

/* --- alloc.c --- */

/*
 * Chooses the external endpoint for `reply`: the tuple of the answers as they will arrive, complete
 * but for its destination. `tuple` is the original's; allowed endpoints are the pool's, in this
 * worker's slice, no DNAT endpoint, not 65330, of the same half (0-1023 or above, RFC 4787 REQ-3) where
 * the pool has both, and for UDP of the same parity (REQ-4) as long as there is one; the tuple must be
 * in nobody's use. ICMP identifiers: any of the pool's range; both of the reply's ports. Address: by
 * hash of the inside address (paired pooling, REQ-2), or any that has room where sessions are
 * endpoint-dependent. Preserves the port where it may (selection), else random. For a binding the
 * remote end of `reply` is zero. 0 with reply->dst and dport set and the reply's hash, or -EADDRINUSE.
 */
int nat_alloc_endpoint(struct nat_worker *w, const struct nat_pool *pool,
	enum config_nat_ports selection, const struct flow_tuple *tuple, struct flow_tuple *reply,
	uint32_t *ret_hash);
/* The endpoint that would be tried first, in `reply`; whether it is free is for the caller to see. */
bool nat_alloc_guess(struct nat_worker *w, const struct nat_pool *pool,
	enum config_nat_ports selection, const struct flow_tuple *tuple, struct flow_tuple *reply);
/* Under new rules: nothing is known to be exhausted. */
void nat_alloc_forget(struct nat_worker *w);
/* An endpoint that was handed out is free again. */
void nat_alloc_freed(struct nat_worker *w, const struct flow_tuple *reply);

/* The address that the pool has for an inside address; the same in every worker. */
static inline const struct ip_addr *nat_pool_address(const struct nat_pool *pool,
	const struct ip_addr *inside)
{
	return &pool->addresses[pool->n_addresses == 1 ? 0 :
			ip_addr_hash(inside, 0) % pool->n_addresses];
}

/* --- session.c --- */

struct nat_verdict {
	uint8_t next;	     /* enum flow_next; FLOW_NEXT_REWRITE: go on with ref */
	uint8_t drop_reason; /* and for FLOW_NEXT_ICMP the error */
	uint8_t icmp_type, icmp_code;
	uint32_t ref;
};

/* What the rules say about a first packet. */
struct nat_plan {
	uint16_t dnat;	  /* rule, or NAT_RULE_NONE */
	uint16_t snat;	  /* rule, exempt ones too, or NAT_RULE_NONE; none where dnat has a pool of its own */
	uint16_t pool;	  /* the source's, or NAT_POOL_NONE: it stays */
	uint32_t binding; /* whose external endpoint the destination is, or FLOW_NONE */
	bool ours;	  /* the destination is an address of pools or DNAT, and no DNAT rule takes it */
	bool keep_id;	  /* ICMP to a binding: one identifier for both ends, as `out` has it */
	bool reply_free;  /* nobody had `reply` when the plan was made */
	uint32_t reply_hash;
	struct flow_tuple out;	 /* the packet as it leaves, but for a source that a pool translates */
	struct flow_tuple reply; /* the answers, as they would arrive */
};

/* Before a burst is looked up; then what its packets add is told from what was there. */
static inline void nat_session_begin_burst(struct nat_worker *w)
{
	memset(w->fresh, 0, sizeof(w->fresh));
}

/*
 * Looks up the rules for packets that no record knows, of one family, and whether the endpoints that
 * their sessions would take are free; loads what else they will need. At most NAT_PREPARE_MAX packets,
 * before nat_session_new() makes the first of their sessions.
 */
#define NAT_PREPARE_MAX 32u
void nat_session_prepare(struct nat_worker *w, const struct flow_tuple *tuples, const uint16_t *ingress,
	struct nat_plan *ret_plans, unsigned int n);

/*
 * A packet that no record knows (the caller has looked, in this burst): begins a session, or says why
 * not; FLOW_NEXT_LOOKUP for what no rule or stateful port touches. The session's timer runs and both
 * sides are filled but for nh; nothing is counted on it yet. Finds the session where an earlier packet
 * of the burst made it. m is for holding a SYN: it is not changed. FLOW_NEXT_HELD: m was kept. plan:
 * as prepared, and spent here; NULL: none, and nobody has looked.
 */
struct nat_verdict nat_session_new(struct nat_worker *w, struct rte_mbuf *m,
	const struct flow_tuple *tuple, const struct flow_l4 *l4, uint32_t hash, struct nat_plan *plan);
/* Ends any record: parents are told, uses counted down. */
void nat_session_end(struct nat_worker *w, uint32_t record);
/* A record whose timer woke: arms it again, or ends it. It may have ended since, with another of them. */
void nat_session_due(struct nat_worker *w, uint32_t record);
/* Whether the rules of today would make this session or binding the same way; updates its rule. */
bool nat_session_revalidate(struct nat_worker *w, uint32_t record, const struct nat_ruleset *old);
/* Held SYNs whose time has come, with their verdicts. */
unsigned int nat_hold_due(struct nat_worker *w, struct rte_mbuf **ret_pkts, uint8_t *ret_next,
	unsigned int max, bool *ret_v4);
/* Keeps the SYN; false: there is no room. */
bool nat_hold(struct nat_worker *w, struct rte_mbuf *m, const struct flow_tuple *tuple, uint8_t reason);
int nat_hold_init(struct nat_worker *w);
void nat_hold_fini(struct nat_worker *w);

/* --- icmp_error.c --- */

/*
 * An ICMP error: finds the session of the packet inside and translates outside and inside
 * (RFC 5508 4, RFC 6146 3.5.1). Foreign bytes: fuzzed. Changes no state and refreshes nothing
 * (RFC 5508 REQ-3..6, RFC 7857 2.2). FLOW_NEXT_LOOKUP where it was translated or is nobody's here.
 */
struct nat_verdict nat_icmp_error(struct nat_worker *w, struct rte_mbuf *m, bool v4);
/* The tuple of the packet inside, as it was sent: for the owner. 0 or -EBADMSG. */
int nat_icmp_error_tuple(const struct rte_mbuf *m, bool v4, struct flow_tuple *ret_inner);

/* --- sweep.c --- */

/* Control thread, before the worker's first pass and after its last. Queries may still be open then
 * (nobody answers them any more), but are not touched after fini. */
int nat_sweep_init(struct nat_worker *w); /* w->flows is there. 0 or -errno */
void nat_sweep_fini(struct nat_worker *w);
/*
 * The worker, as soon as w->rules are new: looks again at every record that the old rules made, in
 * slices from now on; what today's rules would not make the same way ends. Sessions come before
 * bindings and those before hosts. Not while an earlier change is still looked through.
 */
void nat_sweep_rules(struct nat_worker *w, const struct nat_ruleset *old);
/* Control thread: the worker is through with that for the rules of this version, and reads those
 * before them no more. */
bool nat_sweep_through(const struct nat_worker *w, uint32_t version);
/* A slice of what is asked for; from nat_begin(), after new rules were taken. */
void nat_sweep_run(struct nat_worker *w);

#endif
