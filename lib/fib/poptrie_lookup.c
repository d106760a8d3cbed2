/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Lookups in the poptrie. Workers, wait-free: a node never changes its shape once it is linked,
 * only single entries in it, and an entry is loaded once.
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

#if defined(__AVX512F__) && defined(__AVX512DQ__) && defined(__AVX512VL__) && \
	defined(__AVX512VPOPCNTDQ__) && defined(__BMI2__)
#define LANES 8

/* Eight addresses in host order, the upper and the lower words apart. */
static inline void load8(const struct fib_v6_key *addr, __mmask8 lanes, __m512i *ret_hi,
	__m512i *ret_lo)
{
	const __mmask16 words = _pdep_u32(lanes, 0x5555) * 3;
	__m512i a = _mm512_maskz_loadu_epi64(words, addr);
	__m512i b = _mm512_maskz_loadu_epi64(words >> 8, addr + LANES / 2);

	*ret_hi = _mm512_permutex2var_epi64(a, _mm512_set_epi64(14, 12, 10, 8, 6, 4, 2, 0), b);
	*ret_lo = _mm512_permutex2var_epi64(a, _mm512_set_epi64(15, 13, 11, 9, 7, 5, 3, 1), b);
}

/* One level down for the lanes that have one: what slot_of() and node_entry() do. */
static inline __m256i step8(const struct poptrie *p, __m256i e, __mmask8 lanes, __m512i hi,
	__m512i lo, unsigned int depth)
{
	__m512i node = _mm512_cvtepu32_epi64(
		_mm256_andnot_si256(_mm256_set1_epi32((int)ENTRY_SUB), e));
	__m512i runs = _mm512_mask_i64gather_epi64(_mm512_setzero_si512(), lanes,
		_mm512_slli_epi64(node, 1), p->arena, 8);
	__m512i word, slot, at;

	if (depth >= 64)
		word = _mm512_slli_epi64(lo, depth - 64);
	else if (depth > 58)
		word = _mm512_or_si512(_mm512_slli_epi64(hi, depth),
			_mm512_srli_epi64(lo, 64 - depth));
	else
		word = _mm512_slli_epi64(hi, depth);
	slot = _mm512_srli_epi64(word, 58);
	runs = _mm512_sllv_epi64(runs, _mm512_sub_epi64(_mm512_set1_epi64(63), slot));
	at = _mm512_add_epi64(_mm512_slli_epi64(node, 2), _mm512_popcnt_epi64(runs));
	/* The bitmap is two entries long, and the first run has the count one. */
	return _mm512_mask_i64gather_epi32(e, lanes, at, p->arena + sizeof(uint32_t), 4);
}

/* Level by level for all addresses that are still on their way, so that their loads overlap. */
static void lookup(const struct poptrie *p, const struct fib_v6_key *addr, uint32_t *ret_nh,
	unsigned int n)
{
	const unsigned int vectors = (n + LANES - 1) / LANES;
	__m512i hi[BURST / LANES], lo[BURST / LANES];
	__m256i e[BURST / LANES];
	unsigned int left = 0;

	for (unsigned int i = 0; i < n; i++)
		poptrie_prefetch(p, addr[i].hi);
	for (unsigned int v = 0; v < vectors; v++) {
		__mmask8 lanes = n - v * LANES >= LANES ? 0xff : (1u << (n - v * LANES)) - 1;

		load8(addr + v * LANES, lanes, &hi[v], &lo[v]);
		e[v] = _mm512_mask_i64gather_epi32(_mm256_setzero_si256(), lanes,
			_mm512_srli_epi64(hi[v], 64 - POPTRIE_ROOT_BITS), p->root, 4);
		left |= _mm256_movepi32_mask(e[v]);
	}
	for (unsigned int depth = POPTRIE_ROOT_BITS; left != 0; depth += POPTRIE_STRIDE) {
		left = 0;
		for (unsigned int v = 0; v < vectors; v++) {
			__mmask8 lanes = _mm256_movepi32_mask(e[v]);

			if (lanes == 0)
				continue;
			e[v] = step8(p, e[v], lanes, hi[v], lo[v], depth);
			left |= _mm256_movepi32_mask(e[v]);
		}
	}
	for (unsigned int v = 0; v < vectors; v++) {
		__mmask8 lanes = n - v * LANES >= LANES ? 0xff : (1u << (n - v * LANES)) - 1;

		_mm256_mask_storeu_epi32(ret_nh + v * LANES, lanes,
			_mm256_and_si256(e[v], _mm256_set1_epi32(ENTRY_NH_MASK)));
	}
}
#else
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
#endif

void poptrie_lookup_burst(const struct poptrie *p, const struct fib_v6_key *addr, uint32_t *ret_nh,
	unsigned int n)
{
	for (; n > BURST; n -= BURST, addr += BURST, ret_nh += BURST)
		lookup(p, addr, ret_nh, BURST);
	lookup(p, addr, ret_nh, n);
}
