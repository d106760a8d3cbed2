/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The forwarding table: longest prefix match from an address to a next-hop index (fib/nh.h).
 * IPv4 is a DIR-24-8, IPv6 a poptrie; docs/fib.md says why and shows the measurements.
 *
 * Any number of workers look up, wait-free, while the control thread alone writes. A lookup that
 * overlaps a change sees the table before it or after it, for that prefix, and never anything else.
 * Memory that a reader may still hold is reused only after quiescence.
 */
#ifndef FIB_FIB_H
#define FIB_FIB_H

#include <stdint.h>

#include <rte_rcu_qsbr.h>

#include "base/addr.h"

struct fib;

struct fib_conf {
	uint32_t max_v4_groups;	  /* second-level blocks of 256 entries for prefixes beyond /24 */
	uint32_t max_v6_nodes;	  /* poptrie nodes; 0: grows as needed up to a limit of its own */
	struct rte_rcu_qsbr *qsbr; /* NULL: no concurrent readers, memory is reused at once */
};

struct fib_stats {
	uint64_t v4_routes, v6_routes;
	uint64_t v4_bytes, v6_bytes; /* memory, with what the writer needs */
	uint64_t deferred;	     /* blocks that wait for quiescence */
};

struct fib *fib_new(const struct fib_conf *conf);
void fib_free(struct fib *f);

/* Adds or replaces. 0, -ENOSPC (a counted, logged refusal for the caller; table unchanged), -ENOMEM. */
int fib_add(struct fib *f, const struct ip_prefix *prefix, uint32_t nh);
/* 0, or -ENOENT. Never fails for want of memory. */
int fib_del(struct fib *f, const struct ip_prefix *prefix);
/* The next hop of exactly this prefix; 0 or -ENOENT. */
int fib_get(const struct fib *f, const struct ip_prefix *prefix, uint32_t *ret_nh);
void fib_get_stats(const struct fib *f, struct fib_stats *ret_stats);
/* Frees what has become quiescent; called from time to time by the control thread. */
void fib_reclaim(struct fib *f);

/* One address, either thread: the next hop, NH_NONE without a route. */
uint32_t fib_lookup(const struct fib *f, const struct ip_addr *addr);

/* An IPv6 address as two words in host order. */
struct fib_v6_key {
	uint64_t hi, lo;
};

/*
 * A burst of addresses in host byte order to next hops, NH_NONE without a route. Workers, in a QSBR
 * online section. Any n; best from 16 up. Loads are overlapped over the burst.
 */
void fib_lookup_v4_burst(const struct fib *f, const uint32_t *addr, uint32_t *ret_nh, unsigned int n);
void fib_lookup_v6_burst(const struct fib *f, const struct fib_v6_key *addr, uint32_t *ret_nh,
	unsigned int n);

/*
 * Changes with every fib_add() and fib_del(), after the change can be seen: who reads it first and looks
 * up then may keep the answer for as long as it stays the same. A next hop's index is not reused before.
 */
uint32_t fib_generation(const struct fib *f);

/* Starts the load of an address's first-level entry, early, as soon as the address is known. */
void fib_prefetch_v4(const struct fib *f, uint32_t addr);
void fib_prefetch_v6(const struct fib *f, uint64_t hi);

#endif
