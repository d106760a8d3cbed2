/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * IPv6 longest prefix match: a multibit trie compressed by population count, after Asai and Ohara's
 * Poptrie (SIGCOMM 2015), with its direct table in front. Unlike theirs, a node is one block with
 * one bitmap for leaves and children together, which docs/fib.md explains. Behind fib/fib.h, which
 * says who may call what.
 */
#ifndef FIB_POPTRIE_H
#define FIB_POPTRIE_H

#include <stdint.h>

#include <rte_prefetch.h>
#include <rte_rcu_qsbr.h>

#include "fib/defer.h"
#include "fib/entry.h"
#include "fib/routes.h"

/* 20 + 18 * 6 = 128, and both /32 and /44 end at a node's last bit. */
#define POPTRIE_ROOT_BITS 20
#define POPTRIE_STRIDE 6
#define POPTRIE_CLASSES 6

/* A node for 64 slots, each one a bit of the address further; equal neighbours share an entry. */
struct poptrie_node {
	uint64_t runs; /* bit i: slot i starts an entry; bit 0 is always set */
	uint32_t entry[];
};

/* Nodes lie in one piece of memory and are named by their place in it, in units of 16 bytes. */
#define POPTRIE_UNIT 16

struct poptrie {
	/* Readers. */
	uint32_t *root;
	uint8_t *arena;
	/* Writer. */
	struct routes routes;
	struct defer defer;
	uint32_t free[POPTRIE_CLASSES]; /* lists of free blocks, linked through `runs` */
	uint32_t arena_used, arena_units;
	uint32_t blocks, max_blocks; /* carved so far, and their limit */
};

/* max_nodes 0: as many as fit POPTRIE_ARENA_BYTES. */
int poptrie_init(struct poptrie *p, uint32_t max_nodes, struct rte_rcu_qsbr *qsbr);
void poptrie_fini(struct poptrie *p);

int poptrie_add(struct poptrie *p, uint64_t hi, uint64_t lo, unsigned int len, uint32_t nh);
int poptrie_del(struct poptrie *p, uint64_t hi, uint64_t lo, unsigned int len);
int poptrie_get(const struct poptrie *p, uint64_t hi, uint64_t lo, unsigned int len,
	uint32_t *ret_nh);
void poptrie_reclaim(struct poptrie *p);
size_t poptrie_bytes(const struct poptrie *p);

struct fib_v6_key;
void poptrie_lookup_burst(const struct poptrie *p, const struct fib_v6_key *addr, uint32_t *ret_nh,
	unsigned int n);
/* The leaf; entry.h says what it holds. */
uint32_t poptrie_lookup(const struct poptrie *p, uint64_t hi, uint64_t lo);

static inline void poptrie_prefetch(const struct poptrie *p, uint64_t hi)
{
	rte_prefetch0(&p->root[hi >> (64 - POPTRIE_ROOT_BITS)]);
}

#endif
