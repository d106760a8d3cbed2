/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Next hops: what a route leads to. The FIB yields an index into this table; a worker reads one cache
 * line of it per packet, hot where few next hops serve many routes.
 *
 * Written by the control thread (lib/neigh for adjacencies, lib/fibsync for the rest), read by workers
 * under QSBR: an index is reused only after every worker was quiescent.
 */
#ifndef FIB_NH_H
#define FIB_NH_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_ether.h>
#include <rte_rcu_qsbr.h>

#include "base/addr.h"

/* The edge that a packet takes after the lookup. Append only: nodes index tables by it. */
enum nh_kind {
	NH_NO_ROUTE = 0, /* index 0 is this, always: drop, ICMP unreachable */
	NH_FORWARD,	 /* an adjacency whose L2 header is known */
	NH_PENDING,	 /* an adjacency that waits for ARP or ND: to the hold queue */
	NH_GLEAN,	 /* a connected prefix: create a neighbour for the destination */
	NH_LOCAL,	 /* our own address */
	NH_BLACKHOLE,	 /* drop, silently */
	NH_DISCARD,	 /* what an announced superset attracts: drop, ICMP unreachable */
	NH_ECMP,	 /* pick one of a group by flow hash */
	NH_NAT,		 /* an address of lib/nat's alone: to the flow stage */
	NH_KIND_MAX,
};

#define NH_INDEX_BITS 20
#define NH_INDEX_MAX (1u << NH_INDEX_BITS)
#define NH_NONE 0u

/* Members of an ECMP group are picked through this many buckets. */
#define NH_GROUP_BUCKETS 256
#define NH_GROUP_MEMBERS_MAX 32

struct nh {
	/* The frame's first 16 bytes, destination MAC first, written as one 16-byte store; the two
	 * EtherType bytes behind the MACs are the packet's own. */
	union {
		struct {
			struct rte_ether_addr dst_mac;
			struct rte_ether_addr src_mac;
		};
		uint8_t l2[16];
	} __attribute__((aligned(16)));
	uint8_t kind;	    /* enum nh_kind; stored last, with release */
	uint8_t family;	    /* of addr, for adjacencies */
	uint16_t port;	    /* egress ethdev id; of the connected prefix for NH_GLEAN, NH_LOCAL */
	uint16_t mtu_bytes; /* longest IP packet that fits */
	uint8_t nat; /* NH_LOCAL: the address is lib/nat's too: to the flow stage first */
	uint8_t spare;
	uint32_t group; /* NH_ECMP: index of the group's buckets */
	uint32_t refs;	/* control thread only */
	struct ip_addr addr; /* the neighbour, or the local address */
} __attribute__((aligned(64)));

struct nh_table {
	struct nh *nh;	      /* NH_INDEX_MAX or fewer, index 0 is NH_NO_ROUTE */
	uint32_t (*buckets)[NH_GROUP_BUCKETS]; /* by group: indices of adjacencies */
	uint32_t size;
	struct nh_writer *writer; /* control thread: free lists, deferred frees */
};

struct nh_table *nh_table_new(uint32_t size, uint32_t groups, struct rte_rcu_qsbr *qsbr);
void nh_table_free(struct nh_table *t);

/* A fresh index of this kind with one reference, or NH_NONE with errno ENOSPC. Control thread. */
uint32_t nh_new(struct nh_table *t, const struct nh *init);
void nh_ref(struct nh_table *t, uint32_t index);
/* The last reference frees the index after quiescence. nh_unref(NH_NONE) is legal. */
void nh_unref(struct nh_table *t, uint32_t index);

/* An adjacency's state, in place: every route over it follows at once. Control thread. */
void nh_set_resolved(struct nh_table *t, uint32_t index, const struct rte_ether_addr *dst,
	const struct rte_ether_addr *src);
void nh_set_pending(struct nh_table *t, uint32_t index);

/*
 * An ECMP group over n (2..NH_GROUP_MEMBERS_MAX) distinct adjacencies: each bucket goes to the member
 * with the highest hash of (bucket, member address) (rendezvous hashing, RFC 2991 3.4's HRW), so that
 * a member that leaves moves only its own flows and one that comes takes just its share. The same
 * set always gives the same buckets. Takes its own references on the members.
 * Returns an index with one reference, or NH_NONE with errno.
 */
uint32_t nh_group_new(struct nh_table *t, const uint32_t *members, unsigned int n);

/* Workers: the adjacency that a group's flow takes. */
static inline uint32_t nh_group_pick(const struct nh_table *t, uint32_t index, uint32_t flow_hash)
{
	return t->buckets[t->nh[index].group][flow_hash % NH_GROUP_BUCKETS];
}

/* Frees what has become quiescent; called from time to time by the control thread. */
void nh_table_reclaim(struct nh_table *t);

#endif
