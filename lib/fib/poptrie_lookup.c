/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Lookups in the poptrie. Workers, wait-free: a node never changes its shape once it is linked, only
 * single entries in it, and an entry is loaded once.
 */
#include "fib/poptrie.h"

#include <rte_vect.h>

#include "fib/fib.h"
#include "fib/poptrie_priv.h"

uint32_t poptrie_lookup(const struct poptrie *p, uint64_t hi, uint64_t lo)
{
	uint32_t e = __atomic_load_n(&p->root[hi >> (64 - POPTRIE_ROOT_BITS)], __ATOMIC_ACQUIRE);

	for (unsigned int depth = POPTRIE_ROOT_BITS; entry_is_sub(e); depth += POPTRIE_STRIDE)
		e = __atomic_load_n(node_entry(node_at(p, e), slot_of(hi, lo, depth)),
			__ATOMIC_ACQUIRE);
	return e;
}

#define BURST 64

/* Level by level for all addresses that are still on their way, so that their loads overlap. */
static void lookup(const struct poptrie *p, const struct fib_v6_key *addr, uint32_t *ret_nh,
	unsigned int n)
{
	uint32_t entry[BURST];
	uint8_t way[BURST];
	unsigned int on_way = 0;

	for (unsigned int i = 0; i < n; i++)
		poptrie_prefetch(p, addr[i].hi);
	for (unsigned int i = 0; i < n; i++) {
		uint32_t e = __atomic_load_n(&p->root[addr[i].hi >> (64 - POPTRIE_ROOT_BITS)],
			__ATOMIC_ACQUIRE);

		ret_nh[i] = e & ENTRY_NH_MASK;
		entry[on_way] = e;
		way[on_way] = i;
		if (entry_is_sub(e)) {
			rte_prefetch0(node_at(p, e));
			on_way++;
		}
	}
	for (unsigned int depth = POPTRIE_ROOT_BITS; on_way > 0; depth += POPTRIE_STRIDE) {
		unsigned int left = 0;

		for (unsigned int j = 0; j < on_way; j++) {
			unsigned int i = way[j];
			uint32_t e = __atomic_load_n(node_entry(node_at(p, entry[j]),
				slot_of(addr[i].hi, addr[i].lo, depth)), __ATOMIC_ACQUIRE);

			ret_nh[i] = e & ENTRY_NH_MASK;
			entry[left] = e;
			way[left] = i;
			if (entry_is_sub(e)) {
				rte_prefetch0(node_at(p, e));
				left++;
			}
		}
		on_way = left;
	}
}

void poptrie_lookup_burst(const struct poptrie *p, const struct fib_v6_key *addr, uint32_t *ret_nh,
	unsigned int n)
{
	for (; n > BURST; n -= BURST, addr += BURST, ret_nh += BURST)
		lookup(p, addr, ret_nh, BURST);
	lookup(p, addr, ret_nh, n);
}
