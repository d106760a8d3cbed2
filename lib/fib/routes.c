/* SPDX-License-Identifier: BSD-3-Clause */
/* The writer's hash of routes: see routes.h. */
#include "fib/routes.h"

#include <errno.h>
#include <string.h>

#include <rte_prefetch.h>
#include <rte_random.h>

#include "base/mem.h"
#include "fib/mix.h"

/* Seeded, so that no peer can choose prefixes that collide. */
static size_t home(const struct routes *r, const uint64_t *w)
{
	uint64_t last = w[r->words - 1] & ~(uint64_t)ENTRY_NH_MASK;
	uint64_t h = r->words == 1 ? r->seed : mix64(mix64(w[0] ^ r->seed) + w[1]);

	/* The upper bits: growth then moves slots in their order, from memory that is read in order
	 * to memory that is written in order. */
	return mix64(h ^ last) >> (64 - r->bits);
}

static size_t slots_n(const struct routes *r)
{
	return (size_t)1 << r->bits;
}

static uint64_t *slot(const struct routes *r, size_t i)
{
	return r->slots + i * r->words;
}

static uint64_t *last_word(const struct routes *r, size_t i)
{
	return slot(r, i) + r->words - 1;
}

size_t routes_bytes(const struct routes *r)
{
	return slots_n(r) * r->words * sizeof(uint64_t);
}

int routes_init(struct routes *r, unsigned int words)
{
	*r = (struct routes){.words = words, .seed = rte_rand()};
	/* What fits one huge page. */
	r->bits = words == 1 ? 18 : 16;
	r->slots = mem_alloc_huge(routes_bytes(r));
	return r->slots != NULL ? 0 : -ENOMEM;
}

void routes_fini(struct routes *r)
{
	mem_free(r->slots, routes_bytes(r));
	r->slots = NULL;
}

static void put(struct routes *r, const uint64_t *w)
{
	size_t i = home(r, w);

	while (*last_word(r, i) & ROUTES_USED)
		i = (i + 1) & (slots_n(r) - 1);
	memcpy(slot(r, i), w, r->words * sizeof(*w));
}

int routes_reserve(struct routes *r)
{
	struct routes old = *r;

	if (r->count < slots_n(r) / 4 * 3)
		return 0;
	r->bits++;
	r->slots = mem_alloc_huge(routes_bytes(r));
	if (r->slots == NULL) {
		*r = old;
		return -ENOMEM;
	}
	for (size_t i = 0; i < slots_n(&old); i++)
		if (*last_word(&old, i) & ROUTES_USED)
			put(r, slot(&old, i));
	routes_fini(&old);
	return 0;
}

uint64_t *routes_find(const struct routes *r, const struct route_key *key)
{
	const uint64_t want = key->w[r->words - 1];

	for (size_t i = home(r, key->w);; i = (i + 1) & (slots_n(r) - 1)) {
		uint64_t *last = last_word(r, i);

		if ((*last & ROUTES_USED) == 0)
			return NULL;
		if ((*last & ~(uint64_t)ENTRY_NH_MASK) == want &&
			memcmp(slot(r, i), key->w, (r->words - 1) * sizeof(*last)) == 0)
			return last;
	}
}

void routes_insert(struct routes *r, const struct route_key *key, uint32_t nh)
{
	struct route_key k = *key;

	r->by_len[entry_len(k.w[r->words - 1] & UINT32_MAX)]++;
	r->count++;
	k.w[r->words - 1] |= nh;
	put(r, k.w);
}

void routes_remove(struct routes *r, uint64_t *last)
{
	size_t mask = slots_n(r) - 1, hole = (last - r->slots) / r->words;

	r->by_len[entry_len(*last & UINT32_MAX)]--;
	r->count--;
	/* Close the gap (Knuth 6.4, algorithm R): a later slot moves here unless its home lies
	 * behind the hole. */
	for (size_t i = (hole + 1) & mask; *last_word(r, i) & ROUTES_USED; i = (i + 1) & mask) {
		if (((i - home(r, slot(r, i))) & mask) >= ((i - hole) & mask)) {
			memcpy(slot(r, hole), slot(r, i), r->words * sizeof(*last));
			hole = i;
		}
	}
	*last_word(r, hole) = 0;
}

void routes_prefetch(const struct routes *r, const struct route_key *key)
{
	rte_prefetch0(slot(r, home(r, key->w)));
}

static struct route_key key_of(const struct routes *r, uint64_t hi, uint64_t lo, unsigned int len)
{
	hi = len == 0 ? 0 : len < 64 ? hi & UINT64_MAX << (64 - len) : hi;
	lo = len <= 64 ? 0 : lo & UINT64_MAX << (128 - len);
	return r->words == 1 ? route_key_v4(hi >> 32, len) : route_key_v6(hi, lo, len);
}

uint32_t routes_cover(const struct routes *r, uint64_t hi, uint64_t lo, unsigned int len)
{
	struct route_key key[128];
	unsigned int n = 0;

	/* Of every length that there is, the longest first; their loads overlap. */
	while (len-- > 0) {
		if (r->by_len[len] == 0)
			continue;
		key[n] = key_of(r, hi, lo, len);
		routes_prefetch(r, &key[n++]);
	}
	for (unsigned int i = 0; i < n; i++) {
		const uint64_t *last = routes_find(r, &key[i]);

		if (last != NULL)
			return *last & (ROUTES_USED - 1);
	}
	return 0;
}
