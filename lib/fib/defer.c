/* SPDX-License-Identifier: BSD-3-Clause */
/* Deferred reuse by QSBR tokens: see defer.h. */
#include "fib/defer.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include <rte_common.h>

struct defer_item {
	uint64_t token;
	uint32_t item;
	uint32_t tag;
};

int defer_reserve(struct defer *d, uint32_t cap)
{
	struct defer_item *ring;

	if (cap <= d->cap)
		return 0;
	cap = rte_align32pow2(cap);
	ring = calloc(cap, sizeof(*ring));
	if (ring == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < d->count; i++)
		ring[i] = d->ring[(d->head + i) & (d->cap - 1)];
	free(d->ring);
	d->ring = ring;
	d->cap = cap;
	d->head = 0;
	return 0;
}

void defer_fini(struct defer *d)
{
	free(d->ring);
	d->ring = NULL;
	d->cap = d->head = d->count = 0;
}

void defer_push(struct defer *d, uint32_t item, uint32_t tag)
{
	assert(d->count < d->cap);
	d->ring[(d->head + d->count) & (d->cap - 1)] = (struct defer_item){
		.token = d->qsbr != NULL ? rte_rcu_qsbr_start(d->qsbr) : 0,
		.item = item,
		.tag = tag,
	};
	d->count++;
}

bool defer_pop(struct defer *d, uint32_t *ret_item, uint32_t *ret_tag)
{
	const struct defer_item *it;

	if (d->count == 0)
		return false;
	it = &d->ring[d->head];
	if (d->qsbr != NULL && rte_rcu_qsbr_check(d->qsbr, it->token, false) != 1)
		return false;
	*ret_item = it->item;
	*ret_tag = it->tag;
	d->head = (d->head + 1) & (d->cap - 1);
	d->count--;
	return true;
}
