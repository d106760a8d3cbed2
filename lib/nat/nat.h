/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Connection tracking and address translation in the packet's walk: finds the flow, makes the packet
 * what the flow says, and begins flows as the rules want (docs/nat.md). Both families.
 *
 * One struct nat for the process, written by the control thread; one struct nat_worker for each worker
 * and only its own. Rules are published by RCU. What the control thread wants of a worker's flows it
 * asks by messages that the worker answers a slice at a time.
 */
#ifndef NAT_NAT_H
#define NAT_NAT_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>
#include <rte_rcu_qsbr.h>

#include "config/config.h"
#include "fib/fib.h"
#include "fib/nh.h"
#include "flow/key.h"
#include "flow/record.h"
#include "flow/state.h"
#include "flow/table.h"

struct nat;
struct nat_worker;

/* --- control thread --- */

struct nat_conf {
	const struct config *config; /* flows, nat, and the ports' names; not kept */
	const uint16_t *port_ids;    /* ethdev id by index in config->ports */
	unsigned int workers;
	struct rte_rcu_qsbr *qsbr;
	const struct fib *fib;
	const struct nh_table *nh;
	uint64_t tsc_hz; /* of nat_begin()'s clock */
};

/* Takes all memory that flows will ever need: 160 bytes a session. NULL with errno and a text. */
struct nat *nat_new(const struct nat_conf *conf, char *err, size_t err_len);
void nat_free(struct nat *n); /* workers stopped; NULL is legal */

/*
 * Takes the sections flows and nat of a new configuration. Sessions that the new rules would make the
 * same way stay, others end, within a second. -EBUSY while an earlier change is still being carried
 * out; -EINVAL with a text where it cannot be applied (sizes need a restart). Then nothing changed.
 */
int nat_set_config(struct nat *n, const struct config *config, char *err, size_t err_len);
/* Frees rules that nobody reads any more, logs events (exhaustion). From time to time. */
void nat_poll(struct nat *n, uint64_t now_ms);

/* The addresses that answers to translated packets and inbound connections come to: nvad attracts and
 * answers for them. Calls fn for each, in no order. */
typedef void (*nat_address_fn)(void *arg, const struct ip_addr *addr);
void nat_addresses(const struct nat *n, nat_address_fn fn, void *arg);

/* --- workers --- */

struct nat_worker *nat_worker(struct nat *n, unsigned int worker);

/* Packets received on these ports (bit: ethdev id) go to the flow stage first; packets from others
 * only where their destination is one of nat_addresses(). Read after nat_begin(). */
uint32_t nat_flow_ports(const struct nat_worker *w);

/* Once a pass, before the bursts: clock, new rules, what is due, a slice of what the control thread
 * asked for. tsc: rte_rdtsc(). */
void nat_begin(struct nat_worker *w, uint64_t tsc);

enum flow_next {
	FLOW_NEXT_REWRITE, /* translated or tracked; meta.nh is an adjacency */
	FLOW_NEXT_LOOKUP,  /* goes on by its destination; meta.flow is PKT_FLOW_DONE */
	FLOW_NEXT_HANDOFF, /* another worker's flow: meta.owner */
	FLOW_NEXT_ICMP,	   /* as IP_LOOKUP_ICMP */
	FLOW_NEXT_DROP,	   /* meta.drop_reason */
	FLOW_NEXT_MAX,
	FLOW_NEXT_HELD = FLOW_NEXT_MAX, /* kept here; no edge */
};

/* Validated packets; those handed over by other workers too. n <= PKT_BURST_MAX. */
void nat4_burst(struct nat_worker *w, struct rte_mbuf **pkts, unsigned int n, uint8_t *next);
void nat6_burst(struct nat_worker *w, struct rte_mbuf **pkts, unsigned int n, uint8_t *next);
/* Packets of a family that were held and go on now, or end now, with their edges: after nat_begin() and
 * each burst, until it returns 0. */
unsigned int nat_released(struct nat_worker *w, bool v4, struct rte_mbuf **ret_pkts,
	uint8_t *ret_next, unsigned int max);

/* --- the operator's view; control thread --- */

struct nat_use {
	uint64_t sessions, peak; /* now, and most at once (sum of the workers' peaks) */
	uint64_t created;
	uint64_t bindings, bindings_peak;
	uint64_t exhausted; /* packets refused for want of a port */
	uint64_t limited;   /* ...for a limit or rate per inside address */
};

struct nat_rule_view {
	const char *name;
	bool dnat, exempt;
	char match[200], action[200]; /* as text */
	struct nat_use use;
};
unsigned int nat_rules_count(const struct nat *n);
void nat_rule_get(const struct nat *n, unsigned int i, struct nat_rule_view *ret_view);

struct nat_pool_view {
	const char *name;
	char addresses[200];
	unsigned int n_addresses;
	uint16_t port_first, port_last;
	uint64_t ports; /* for each remote endpoint and protocol, or at all where mapping is endpoint-independent */
	bool endpoint_independent;
	struct nat_use use;
};
unsigned int nat_pools_count(const struct nat *n);
void nat_pool_get(const struct nat *n, unsigned int i, struct nat_pool_view *ret_view);

struct nat_flow_stats {
	struct flow_table_stats table; /* of records, summed over workers: bindings too */
	uint64_t sessions;
	uint64_t memory_bytes;
	uint64_t created, expired, cleared;
	uint64_t handed_over;
	uint32_t fragments_held;
	bool changing; /* a change of rules is being carried out */
};
void nat_get_flow_stats(const struct nat *n, struct nat_flow_stats *ret_stats);

/* Every field that is set must match. */
struct nat_filter {
	uint8_t kind;			/* enum flow_kind, 0: sessions */
	uint8_t family;			/* 0: both */
	struct ip_prefix source, destination; /* of the original side; family IP_NONE: any */
	struct ip_prefix translated;	/* the reply side's destination (SNAT) or source (DNAT) */
	struct ip_prefix address;	/* any of the four */
	int proto, port, state, worker; /* -1: any; port: any of the four */
	char rule[CONFIG_NAME_LEN];	/* "": any */
};
#define NAT_FILTER_ANY {.proto = -1, .port = -1, .state = -1, .worker = -1}

struct nat_flow {
	uint8_t kind; /* enum flow_kind */
	uint8_t state; /* enum flow_state */
	uint16_t worker;
	struct flow_tuple original, reply;
	uint64_t packets[2], bytes[2]; /* by enum flow_dir */
	uint32_t idle_ms, expires_ms;
	uint32_t sessions; /* of a binding or host; while it has some, its times mean nothing */
	bool held;	   /* a binding that is over: its port is not given to another yet (RFC 6888) */
	char rule[CONFIG_NAME_LEN];
};

enum nat_query_op { NAT_QUERY_SHOW, NAT_QUERY_CLEAR };
struct nat_query;
/* Asks every worker, or the one of the filter. At most 8 at once: NULL with errno EBUSY. */
struct nat_query *nat_query_new(struct nat *n, enum nat_query_op op, const struct nat_filter *filter);
/*
 * What has been answered so far, up to max rows. 1: there may be more, ask again (0 rows: a little
 * later); 0: that was all. CLEAR yields no rows; *ret_n counts what it ended since the last call.
 * What begins or ends meanwhile may be missing or not; everything else is there once.
 */
int nat_query_read(struct nat_query *q, struct nat_flow *ret_rows, unsigned int max,
	unsigned int *ret_n);
/* At any time before nat_free(): workers give up what nobody reads. NULL is legal. */
void nat_query_free(struct nat_query *q);

#endif
