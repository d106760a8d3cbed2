/* SPDX-License-Identifier: BSD-3-Clause */
/* Rules in the form that packets are held against: what matcher.c and addresses.c build, and match.c and
 * owner.c read. */
#ifndef NAT_RULES_PRIV_H
#define NAT_RULES_PRIV_H

#include <netinet/in.h>

#include "nat/rules.h"

struct nat_net4 {
	uint32_t value, mask; /* as they lie in memory, in network order */
};

struct nat_net6 {
	uint64_t value[2], mask[2];
};

/* Prefixes of both families; workers read those of the packet's. */
struct nat_nets {
	struct nat_net4 *v4;
	struct nat_net6 *v6;
	uint16_t n4, n6;
	bool any;
};

struct nat_cond {
	uint32_t ports;
	uint16_t rule;
	uint8_t protos;
	uint8_t families; /* bit: enum ip_family */
	struct nat_nets source, destination; /* destination: SNAT only; DNAT's is in the address set */
};

struct nat_matcher {
	struct nat_cond *cond;	/* of every rule, SNAT first, by the rule's index */
	struct nat_nets inside; /* sources of endpoint-independent rules */
	struct nat_net4 *net4;	/* all of the above */
	struct nat_net6 *net6;
	unsigned int n_net4, n_net6;
};

/* What a DNAT rule does with an address: a range of its ports, before translation or after it. */
struct nat_endpoint {
	uint16_t first, last; /* host byte order */
	uint16_t rule;
	uint8_t protos;
	bool before;
};

struct nat_address {
	struct ip_addr addr; /* IP_NONE: a free slot */
	bool pool;
	bool before;	 /* some endpoint is one before translation */
	bool port_moves; /* DNAT changes ports here, or where it is connected to by rules */
	bool maps;	 /* so with backends all of whose ports are DNAT's and whose sources are EIM's */
	uint32_t first, n; /* endpoints, in the order of the rules */
};

/* Every single address that a rule or pool names: a hash table with linear probing, at most half full. */
struct nat_address_set {
	struct nat_address *slots;
	uint64_t mask;
	struct nat_endpoint *endpoints;
	uint32_t n_endpoints;
};

/* Both are built from the rules and pools of r, into r. 0 or -ENOMEM; what is there is r's to free. */
int nat_matcher_build(struct nat_ruleset *r);
void nat_matcher_free(struct nat_matcher *m);
int nat_address_set_build(struct nat_ruleset *r);
void nat_address_set_free(struct nat_address_set *s);

static inline uint8_t nat_proto_bit(uint8_t proto)
{
	switch (proto) {
	case IPPROTO_TCP:
		return NAT_TCP;
	case IPPROTO_UDP:
		return NAT_UDP;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		return NAT_ICMP;
	default:
		return NAT_OTHER;
	}
}

/* The slot of the address, or the free one where it would go. The set is fixed, and its clusters are
 * short whoever sends: a plain multiplication will do. */
static inline struct nat_address *nat_address_slot(const struct nat_address_set *s,
	const struct ip_addr *a)
{
	uint64_t w[2], h;

	memcpy(w, a->bytes, sizeof(w));
	h = (w[0] ^ w[1] * 0x9e3779b97f4a7c15ULL) * 0xff51afd7ed558ccdULL;
	for (h >>= 32;; h++) {
		struct nat_address *slot = &s->slots[h & s->mask];

		if (slot->addr.family == IP_NONE || ip_addr_equal(&slot->addr, a))
			return slot;
	}
}

static inline const struct nat_address *nat_address_find(const struct nat_address_set *s,
	const struct ip_addr *a)
{
	const struct nat_address *slot = nat_address_slot(s, a);

	return slot->addr.family == IP_NONE ? NULL : slot;
}

static inline bool nat_nets_contain(const struct nat_nets *n, const struct ip_addr *a)
{
	uint64_t w[2];

	if (a->family == IP_V4) {
		uint32_t v4 = ip_addr_be32(a);

		for (unsigned int i = 0; i < n->n4; i++)
			if (((v4 ^ n->v4[i].value) & n->v4[i].mask) == 0)
				return true;
		return false;
	}
	memcpy(w, a->bytes, sizeof(w));
	for (unsigned int i = 0; i < n->n6; i++)
		if ((((w[0] ^ n->v6[i].value[0]) & n->v6[i].mask[0]) |
			    ((w[1] ^ n->v6[i].value[1]) & n->v6[i].mask[1])) == 0)
			return true;
	return false;
}

#endif
