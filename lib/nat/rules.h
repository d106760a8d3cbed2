/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Rules as workers read them: compiled from the configuration by the control thread, immutable but
 * for `use`, replaced as a whole under RCU. Everything that decides about the first packet of a flow
 * is here, and so is the rule by which a flow's owner is found.
 */
#ifndef NAT_RULES_H
#define NAT_RULES_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"
#include "flow/key.h"
#include "flow/state.h"
#include "nat/nat.h"

#define NAT_RULE_NONE UINT16_MAX
#define NAT_POOL_NONE UINT16_MAX
#define NAT_PORT_RESERVED 65330 /* Azure's: never a source port */
#define NAT_BACKEND_BUCKETS 256
#define NAT_PORTS_MAX 32 /* ethdev ids that fit a bitmap */

enum nat_proto_bit { NAT_TCP = 1, NAT_UDP = 2, NAT_ICMP = 4, NAT_OTHER = 8, NAT_PROTO_ANY = 15 };

struct nat_prefixes {
	struct ip_prefix *list; /* n 0: any */
	unsigned int n;
};

struct nat_rule {
	char name[CONFIG_NAME_LEN];
	bool dnat, exempt;
	uint8_t protos;	 /* enum nat_proto_bit */
	uint32_t ports;	 /* ingress, bit by ethdev id; any: all bits */
	struct nat_prefixes source, destination;
	uint16_t pool;	 /* SNAT, or DNAT with SNAT on the same packet; NAT_POOL_NONE */
	/* SNAT */
	enum config_nat_mapping mapping;
	enum config_nat_filtering filtering;
	enum config_nat_ports selection;
	uint32_t max_sessions; /* per inside address, here: this worker's share; 0: no limit */
	uint32_t rate;	       /* new sessions a second and inside address, here; 0: no limit */
	uint32_t all_max_sessions, all_rate; /* of all workers, as configured: for the operator */
	/* DNAT: host byte order; port_first 0: every port and protocol as it is */
	uint16_t port_first, port_last;
	bool snat_hairpin_only; /* pool only where the packet would leave by the port it came from */
	bool by_source;		/* backend by source address alone */
	struct nat_backend {
		struct ip_addr addr;
		uint16_t port; /* host byte order, for port_first; 0: unchanged */
	} *backends;
	unsigned int n_backends; /* 1 where destination is a prefix: its first address for theirs, 1:1 */
	uint8_t buckets[NAT_BACKEND_BUCKETS]; /* to a backend: rendezvous hashing */
};

struct nat_pool {
	char name[CONFIG_NAME_LEN];
	struct ip_addr *addresses;
	unsigned int n_addresses;
	uint16_t port_first, port_last; /* host byte order */
	bool endpoint_independent;
};

struct nat_ruleset {
	uint32_t version;
	struct nat_rule *rules; /* SNAT rules first, in order, then DNAT */
	unsigned int n_snat, n_rules;
	struct nat_pool *pools;
	unsigned int n_pools;
	uint32_t flow_ports;	 /* nat_flow_ports() */
	uint32_t stateful_ports; /* sessions without a rule begin here */
	struct flow_timeouts timeouts;
	bool adopt_midflow, tcp_window, inbound_refreshes, suppress_icmp;
	struct nat_address_set *addresses; /* of pools and DNAT, with what each is for */
	struct nat_matcher *matcher;	   /* the rules' conditions, packed for match.c and owner.c */
	char (*port_names)[CONFIG_NAME_LEN]; /* by ethdev id; NAT_PORTS_MAX of them */
	/* [worker * nat_use_stride() + rule, or n_rules + pool]; each worker writes its own lines */
	struct nat_use *use;
	unsigned int workers;
};

/* NULL with errno and a text. The configuration is not kept. */
/* Whole cache lines for each worker: eight are seven. */
static inline unsigned int nat_use_stride(const struct nat_ruleset *r)
{
	static_assert(sizeof(struct nat_use) % 8 == 0, "eight are whole lines");

	return (r->n_rules + r->n_pools + 7) / 8 * 8;
}

struct nat_ruleset *nat_ruleset_new(const struct config *c, const uint16_t *port_ids,
	unsigned int workers, uint32_t version, char *err, size_t err_len);
void nat_ruleset_free(struct nat_ruleset *r);

/* The first rule for a packet as it came in, before translation. Index in rules, or NAT_RULE_NONE.
 * SNAT: an exempt rule is a match. */
uint16_t nat_match_snat(const struct nat_ruleset *r, uint16_t ingress, const struct flow_tuple *t);
uint16_t nat_match_dnat(const struct nat_ruleset *r, uint16_t ingress, const struct flow_tuple *t);
/* Whether the address is one of a pool's / of a pool or DNAT rule. */
bool nat_is_pool_address(const struct nat_ruleset *r, const struct ip_addr *a);
bool nat_is_address(const struct nat_ruleset *r, const struct ip_addr *a);
/* Whether a DNAT rule claims this endpoint: never handed out as a SNAT port. */
bool nat_is_dnat_endpoint(const struct nat_ruleset *r, const struct ip_addr *a, uint8_t proto,
	rte_be16_t port);
void nat_ruleset_addresses(const struct nat_ruleset *r, nat_address_fn fn, void *arg);
void nat_rule_text(const struct nat_ruleset *r, const struct nat_rule *rule, char *match,
	char *action, size_t len);

/*
 * Who owns a flow: the same for both directions' tuples, each as it arrives, by arithmetic on one
 * port. Each end of a tuple has a rank: 2 a pool's address (the port there was allocated in its
 * owner's slice), 1 an inside address under an endpoint-independent rule (its source port decides, for
 * all destinations), 0 others, -1 an endpoint that DNAT changes, before or after, -2 where it changes
 * the port too. The end of the higher rank decides with its port; between equals the higher port does,
 * and worker 0 between two ends of -2, whose ports differ before and after. DNAT endpoints rank before
 * their address. (Between 0 and 1: backends with endpoint-independent mappings of their own, owner.c.)
 */
unsigned int nat_owner(const struct nat_ruleset *r, const struct flow_tuple *t);
/* Ports go to workers in runs of 64. */
static inline unsigned int nat_port_owner(uint16_t port, unsigned int workers)
{
	return workers == 1 ? 0 : (port >> 6) % workers;
}

#endif
