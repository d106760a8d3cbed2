/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Things that a reader may still hold, in the order in which they were let go, each with the QSBR
 * token after which it may be reused. Never waits: the owner pops what is quiescent when it needs
 * something or when it is told to reclaim. Control thread only.
 */
#ifndef FIB_DEFER_H
#define FIB_DEFER_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_rcu_qsbr.h>

struct defer {
	struct rte_rcu_qsbr *qsbr; /* NULL: everything is quiescent at once */
	struct defer_item *ring;
	uint32_t cap; /* power of two, or 0 */
	uint32_t head, count;
};

/* Makes room for `cap` items in all, so that no push can ever fail. 0 or -ENOMEM. */
int defer_reserve(struct defer *d, uint32_t cap);
void defer_fini(struct defer *d);

/* Takes in what was just unlinked. The number of items held must stay within what was reserved. */
void defer_push(struct defer *d, uint32_t item, uint32_t tag);
/* The oldest item, if no reader can hold it any more. */
bool defer_pop(struct defer *d, uint32_t *ret_item, uint32_t *ret_tag);

#endif
