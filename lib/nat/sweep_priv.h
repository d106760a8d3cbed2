/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Between query.c (control thread) and sweep.c (a worker): for each query a mailbox in every worker. A
 * bit of `asked` says whose the mailbox is: the control thread sets it and leaves all but `tail` and
 * `cancelled` alone until the worker has cleared it.
 */
#ifndef NAT_SWEEP_PRIV_H
#define NAT_SWEEP_PRIV_H

#include "nat/nat_priv.h"

#define NAT_QUERIES_MAX 8
#define NAT_PART_ROWS 256 /* that wait to be read, at most; a power of two */

/* A worker's part of a query. */
struct nat_part {
	/* Written by the control thread before it asks. */
	struct nat_filter filter;
	enum nat_query_op op;
	uint32_t cursor; /* the worker's: the next record */
	bool cancelled;	 /* the control thread sets it at any time */

	/* Written by the worker. */
	uint32_t head __attribute__((aligned(64))); /* rows ever put, modulo 2^32 */
	uint32_t ended;				    /* records ended by CLEAR */

	uint32_t tail __attribute__((aligned(64))); /* rows ever read; written by the control thread */

	struct nat_flow rows[NAT_PART_ROWS] __attribute__((aligned(64)));
};

struct nat_sweep {
	uint32_t asked;	    /* by query: bit set by the control thread, cleared by the worker */
	uint32_t through;   /* version of the rules that all records are of; written by the worker */
	/* The worker's own. */
	uint64_t last_tsc;  /* of the last slice; 0: nothing was asked since */
	unsigned int turn;  /* task that comes next */
	const struct nat_ruleset *old; /* being looked through, or NULL */
	uint8_t kind;	    /* ...of these records now */
	uint32_t cursor;
	/* The control thread's own; worker 0's counts. */
	bool taken[NAT_QUERIES_MAX];

	struct nat_part part[NAT_QUERIES_MAX];
};

/* --- row.c: a record as the operator sees it --- */

bool nat_row_matches(const struct nat_worker *w, const struct nat_filter *f, uint32_t record,
	const char *rule);
void nat_row_fill(const struct nat_worker *w, uint32_t record, const char *rule,
	struct nat_flow *ret_row);

#endif
