/* SPDX-License-Identifier: BSD-3-Clause */
/* Neighbours that never answer: an adjacency per (port, address) in the real next-hop table, with its
 * references counted. Include once. */
#ifndef TESTS_FIBSYNC_FAKE_NEIGH_H
#define TESTS_FIBSYNC_FAKE_NEIGH_H

#include "../rib/fake_bgp.h"
#include "fibsync/fibsync.h"

#define FAKE_NEIGHBOURS 64

struct neigh_table {
	struct nh_table *nh;
	unsigned int n, limit;
	struct fake_neighbour {
		uint16_t port;
		struct ip_addr addr;
		uint32_t nh;
		int refs;
	} entries[FAKE_NEIGHBOURS];
};

uint32_t neigh_acquire(struct neigh_table *t, uint16_t port, const struct ip_addr *a)
{
	struct fake_neighbour *e = t->entries;

	while (e < t->entries + t->n && (e->port != port || !ip_addr_equal(&e->addr, a)))
		e++;
	if (e == t->entries + t->n) {
		if (t->n == t->limit) {
			errno = ENOSPC;
			return NH_NONE;
		}
		t->n++;
		*e = (struct fake_neighbour){.port = port, .addr = *a,
			.nh = nh_new(t->nh, &(struct nh){.kind = NH_PENDING, .family = a->family,
				.port = port, .mtu_bytes = 1500, .addr = *a})};
		assert_int_not_equal(e->nh, NH_NONE);
	}
	e->refs++;
	nh_ref(t->nh, e->nh);
	return e->nh;
}

void neigh_release(struct neigh_table *t, uint32_t nh)
{
	for (unsigned int i = 0; i < t->n; i++) {
		if (t->entries[i].nh == nh) {
			assert_true(t->entries[i].refs > 0);
			t->entries[i].refs--;
			nh_unref(t->nh, nh);
			return;
		}
	}
	fail_msg("%u is no adjacency", nh);
}

#endif
