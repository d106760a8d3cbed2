/* SPDX-License-Identifier: BSD-3-Clause */
/* What nat.c, use.c and view.c share: the control thread's state. */
#ifndef NAT_STATE_H
#define NAT_STATE_H

#include "nat/nat_priv.h"

/*
 * New rules: the control thread stores nat.rules and leaves nat.old readable. Each worker takes them up
 * in nat_begin(): worker.rules is the new, worker.old the old set, and while old is not NULL records of
 * both are in its table (NAT_COLD_VERSION tells which). sweep.c looks at all of them again. When all
 * workers are through (nat_sweep_through()), nat_poll() frees the old set: that they say so is the
 * grace period, no other is needed.
 */
struct nat {
	struct nat_ruleset *rules; /* written by the control thread, read by workers: acquire, release */
	/* The rest is the control thread's alone. */
	struct nat_ruleset *old;   /* NULL: no change is under way */
	struct nat_use *carried;   /* by rule, then pool of `rules`: counted under earlier sets */
	struct nat_use *carried_old;
	uint16_t *port_ids;
	size_t n_ports;
	uint32_t max_sessions;
	bool windows;
	unsigned int workers;
	uint64_t logged_ms, logged_exhausted, logged_limited;
	struct nat_worker *worker[];
};

/* --- use.c --- */

/* The old set's rule or pool of the same name, as an index of its `use`; -1: none. r NULL is legal. */
int nat_rule_of_name(const struct nat_ruleset *r, const struct nat_rule *rule);
int nat_pool_of_name(const struct nat_ruleset *r, const char *name);
/* Adds what the old set's rule or pool `from` (-1: none) has counted to what is carried for `to`. */
void nat_use_carry(struct nat *n, int from, unsigned int to);
/* Of rule or pool i of today's set; `old` as nat_rule_of_name() and nat_pool_of_name() say. */
struct nat_use nat_use_of(const struct nat *n, int old, unsigned int i);
struct nat_use nat_use_total(const struct nat *n); /* of all rules */

#endif
