/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * IPv4 longest prefix match after Gupta, Lin and McKeown's DIR-24-8: one entry for each /24, and
 * for a /24 that holds longer prefixes a group of 256 entries. Behind fib/fib.h, which says who may
 * call what; addresses are in host byte order here.
 */
#ifndef FIB_DIR24_8_H
#define FIB_DIR24_8_H

#include <stdint.h>

#include <rte_prefetch.h>
#include <rte_rcu_qsbr.h>

#include "fib/defer.h"
#include "fib/entry.h"
#include "fib/routes.h"

/* The index of an entry in the groups must fit 31 bits. */
#define DIR24_8_GROUPS_MAX (1u << 22)

struct dir24_8 {
	/* Readers. */
	uint32_t *tbl24;
	uint32_t (*groups)[256];
	/* Writer. */
	struct routes routes;
	struct defer defer;
	uint16_t *group_routes; /* prefixes beyond /24 in the group */
	uint32_t *free;		/* stack */
	uint32_t free_n;
	uint32_t max_groups;
	uint32_t groups_touched; /* for the statistics: groups that ever held something */
};

int dir24_8_init(struct dir24_8 *d, uint32_t max_groups, struct rte_rcu_qsbr *qsbr);
void dir24_8_fini(struct dir24_8 *d);

int dir24_8_add(struct dir24_8 *d, uint32_t addr, unsigned int len, uint32_t nh);
int dir24_8_del(struct dir24_8 *d, uint32_t addr, unsigned int len);
int dir24_8_get(const struct dir24_8 *d, uint32_t addr, unsigned int len, uint32_t *ret_nh);
void dir24_8_reclaim(struct dir24_8 *d);
size_t dir24_8_bytes(const struct dir24_8 *d);

void dir24_8_lookup_burst(const struct dir24_8 *d, const uint32_t *addr, uint32_t *ret_nh,
	unsigned int n);

static inline uint32_t dir24_8_lookup(const struct dir24_8 *d, uint32_t addr)
{
	uint32_t e = __atomic_load_n(&d->tbl24[addr >> 8], __ATOMIC_ACQUIRE);

	return entry_is_sub(e) ? entry_load(&d->groups[entry_index(e)][addr & 0xff]) : e;
}

static inline void dir24_8_prefetch(const struct dir24_8 *d, uint32_t addr)
{
	rte_prefetch0(&d->tbl24[addr >> 8]);
}

#endif
