/* SPDX-License-Identifier: BSD-3-Clause */
#include "drop/drop.h"

const struct drop_info drop_info[DROP_REASON_MAX] = {
#define X(sym, n, t, h) [DROP_##sym] = {.name = n, .text = t, .hint = h},
	DROP_REASONS(X)
#undef X
};

struct drop_counters drop_counters[DROP_MAX_THREADS];

uint64_t drop_total(enum drop_reason reason)
{
	uint64_t sum = 0;

	for (unsigned int t = 0; t < DROP_MAX_THREADS; t++)
		sum += __atomic_load_n(&drop_counters[t].packets[reason], __ATOMIC_RELAXED);
	return sum;
}
