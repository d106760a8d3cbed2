/* SPDX-License-Identifier: BSD-3-Clause */
/* What the two halves of the poptrie share: poptrie.c writes, poptrie_lookup.c reads. */
#ifndef FIB_POPTRIE_PRIV_H
#define FIB_POPTRIE_PRIV_H

#include "fib/poptrie.h"

static inline struct poptrie_node *node_at(const struct poptrie *p, uint32_t e)
{
	return (struct poptrie_node *)(p->arena + (size_t)entry_index(e) * POPTRIE_UNIT);
}

/* The six bits of an address from bit `depth` on, as a node at that depth takes them. */
static inline unsigned int slot_of(uint64_t hi, uint64_t lo, unsigned int depth)
{
	if (depth >= 64)
		return lo << (depth - 64) >> 58;
	if (depth > 58)
		return (hi << depth | lo >> (64 - depth)) >> 58;
	return hi << depth >> 58;
}

/* The entry for a slot: the last run that starts at or before it. */
static inline uint32_t *node_entry(struct poptrie_node *n, unsigned int slot)
{
	return &n->entry[__builtin_popcountll(n->runs << (63 - slot)) - 1];
}

#endif
