/* SPDX-License-Identifier: BSD-3-Clause */
/* A small FIB and next-hop table with one of each kind, for both families. */
#ifndef TESTS_TABLES_H
#define TESTS_TABLES_H

#include "packet/craft.h"

#define TABLES_MTU 1000
#define TABLES_PORT 3
#define TABLES_DST_MAC "\x02\x00\x00\x00\x01\x00"
#define TABLES_SRC_MAC "\x02\x00\x00\x00\x02\x00"

struct tables {
	struct fib *fib;
	struct nh_table *nh;
	uint32_t by_kind[NH_KIND_MAX]; /* an index of each kind */
	uint32_t members[2];	       /* of by_kind[NH_ECMP], both NH_FORWARD */
};

/* Prefixes by kind: 10.KIND.0.0/16 and 2001:db8:KIND::/48; NH_NO_ROUTE has none. */
static inline void tables_route(struct tables *t, const char *text, uint32_t nh)
{
	struct ip_prefix p;

	assert_int_equal(ip_prefix_parse(text, &p), 0);
	assert_int_equal(fib_add(t->fib, &p, nh), 0);
}

static inline uint32_t tables_nh(struct tables *t, uint8_t kind, uint8_t last)
{
	struct nh nh = {.kind = kind, .family = IP_V4, .port = TABLES_PORT, .mtu_bytes = TABLES_MTU};
	uint32_t index;

	memcpy(&nh.dst_mac, TABLES_DST_MAC, 6);
	memcpy(&nh.src_mac, TABLES_SRC_MAC, 6);
	nh.dst_mac.addr_bytes[5] = last;
	nh.addr = ip_addr_v4(rte_cpu_to_be_32(0x0afe0000 + last));
	index = nh_new(t->nh, &nh);
	assert_int_not_equal(index, NH_NONE);
	return index;
}

static inline void tables_make(struct tables *t)
{
	struct fib_conf conf = {.max_v4_groups = 64};

	*t = (struct tables){.fib = fib_new(&conf), .nh = nh_table_new(64, 4, NULL)};
	assert_non_null(t->fib);
	assert_non_null(t->nh);
	for (uint8_t kind = NH_FORWARD; kind < NH_KIND_MAX; kind++) {
		char text[64];

		if (kind == NH_ECMP) {
			t->members[0] = tables_nh(t, NH_FORWARD, 0x11);
			t->members[1] = tables_nh(t, NH_FORWARD, 0x22);
			t->by_kind[kind] = nh_group_new(t->nh, t->members, 2);
			assert_int_not_equal(t->by_kind[kind], NH_NONE);
		} else {
			t->by_kind[kind] = tables_nh(t, kind, 0);
		}
		snprintf(text, sizeof(text), "10.%u.0.0/16", kind);
		tables_route(t, text, t->by_kind[kind]);
		snprintf(text, sizeof(text), "2001:db8:%u::/48", kind);
		tables_route(t, text, t->by_kind[kind]);
	}
}

static inline void tables_free(struct tables *t)
{
	fib_free(t->fib);
	nh_table_free(t->nh);
}

#endif
