/* SPDX-License-Identifier: BSD-3-Clause */
/* The next-hop table: references, reuse after quiescence, adjacency state, ECMP groups. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <errno.h>

#include "fib/nh.h"

static struct nh adjacency(unsigned int i)
{
	return (struct nh){
		.kind = NH_PENDING,
		.family = IP_V4,
		.port = 1,
		.mtu_bytes = 1500,
		.addr = ip_addr_v4(rte_cpu_to_be_32(0x0a000000 + i)),
	};
}

static struct rte_rcu_qsbr *qsbr_new(void)
{
	struct rte_rcu_qsbr *v = aligned_alloc(RTE_CACHE_LINE_SIZE, rte_rcu_qsbr_get_memsize(1));

	assert_non_null(v);
	assert_int_equal(rte_rcu_qsbr_init(v, 1), 0);
	rte_rcu_qsbr_thread_register(v, 0);
	rte_rcu_qsbr_thread_online(v, 0);
	return v;
}

static void test_index_zero(void **state)
{
	struct nh_table *t = nh_table_new(4, 0, NULL);

	(void)state;
	assert_int_equal(t->nh[NH_NONE].kind, NH_NO_ROUTE);
	nh_ref(t, NH_NONE);
	nh_unref(t, NH_NONE);
	nh_unref(t, NH_NONE);
	assert_int_equal(t->nh[NH_NONE].kind, NH_NO_ROUTE);
	nh_table_free(t);
	nh_table_free(NULL);
}

static void test_references_and_exhaustion(void **state)
{
	struct nh_table *t = nh_table_new(4, 0, NULL);
	struct nh init = adjacency(1);
	uint32_t a = nh_new(t, &init), b = nh_new(t, &init), c = nh_new(t, &init);

	(void)state;
	assert_true(a != b && b != c && a != c);
	assert_true(a > 0 && a < 4 && b > 0 && b < 4 && c > 0 && c < 4);
	assert_int_equal(t->nh[a].refs, 1);
	errno = 0;
	assert_int_equal(nh_new(t, &init), NH_NONE);
	assert_int_equal(errno, ENOSPC);
	nh_ref(t, b);
	nh_unref(t, b);
	assert_int_equal(nh_new(t, &init), NH_NONE);
	nh_unref(t, b);
	assert_int_equal(nh_new(t, &init), b);
	assert_int_equal(t->nh[b].refs, 1);
	nh_table_free(t);
}

static void test_reuse_waits_for_quiescence(void **state)
{
	struct rte_rcu_qsbr *v = qsbr_new();
	struct nh_table *t = nh_table_new(2, 0, v);
	struct nh init = adjacency(7), other = adjacency(8);
	uint32_t a = nh_new(t, &init);

	(void)state;
	nh_unref(t, a);
	nh_table_reclaim(t);
	/* The reader was not quiescent: neither reused nor touched. */
	assert_int_equal(nh_new(t, &other), NH_NONE);
	assert_true(ip_addr_equal(&t->nh[a].addr, &init.addr));
	assert_int_equal(t->nh[a].kind, NH_PENDING);
	rte_rcu_qsbr_quiescent(v, 0);
	assert_int_equal(nh_new(t, &other), a);
	assert_true(ip_addr_equal(&t->nh[a].addr, &other.addr));
	nh_table_free(t);
	free(v);
}

static void test_adjacency_state(void **state)
{
	struct nh_table *t = nh_table_new(4, 0, NULL);
	struct nh init = adjacency(1);
	uint32_t a = nh_new(t, &init);
	const struct rte_ether_addr dst = {{2, 0, 0, 0, 0, 1}}, src = {{2, 0, 0, 0, 0, 2}};
	static const uint8_t zero[4];

	(void)state;
	nh_set_resolved(t, a, &dst, &src);
	assert_int_equal(t->nh[a].kind, NH_FORWARD);
	assert_memory_equal(&t->nh[a].dst_mac, &dst, 6);
	assert_memory_equal(&t->nh[a].src_mac, &src, 6);
	assert_memory_equal(t->nh[a].l2 + 12, zero, 4);
	/* Nothing else moved. */
	assert_int_equal(t->nh[a].family, IP_V4);
	assert_int_equal(t->nh[a].port, 1);
	assert_int_equal(t->nh[a].mtu_bytes, 1500);
	assert_int_equal(t->nh[a].refs, 1);
	nh_set_pending(t, a);
	assert_int_equal(t->nh[a].kind, NH_PENDING);
	nh_table_free(t);
}

#define MEMBERS 8

static void fill(struct nh_table *t, uint32_t members[MEMBERS])
{
	for (unsigned int i = 0; i < MEMBERS; i++) {
		struct nh init = adjacency(i + 1);

		members[i] = nh_new(t, &init);
		assert_int_not_equal(members[i], NH_NONE);
	}
}

static void test_group_moves_least(void **state)
{
	struct nh_table *t = nh_table_new(64, 8, NULL);
	uint32_t m[MEMBERS], shuffled[MEMBERS];
	uint32_t all, again;

	(void)state;
	fill(t, m);
	all = nh_group_new(t, m, MEMBERS);
	assert_int_not_equal(all, NH_NONE);
	for (unsigned int i = 0; i < MEMBERS; i++)
		shuffled[i] = m[(i * 5 + 3) % MEMBERS];
	again = nh_group_new(t, shuffled, MEMBERS);
	for (uint32_t b = 0; b < NH_GROUP_BUCKETS; b++)
		assert_int_equal(nh_group_pick(t, all, b), nh_group_pick(t, again, b));
	nh_unref(t, again);

	for (unsigned int gone = 0; gone < MEMBERS; gone++) {
		uint32_t rest[MEMBERS - 1], less, n = 0;

		for (unsigned int i = 0; i < MEMBERS; i++)
			if (i != gone)
				rest[n++] = m[i];
		less = nh_group_new(t, rest, n);
		for (uint32_t b = 0; b < NH_GROUP_BUCKETS; b++) {
			uint32_t before = nh_group_pick(t, all, b);
			uint32_t after = nh_group_pick(t, less, b);

			if (before == m[gone])
				assert_int_not_equal(after, m[gone]);
			else
				assert_int_equal(after, before);
		}
		nh_unref(t, less);
	}
	nh_table_free(t);
}

static void test_group_spread(void **state)
{
	struct nh_table *t = nh_table_new(64, 8, NULL);
	uint32_t m[MEMBERS];

	(void)state;
	fill(t, m);
	for (unsigned int n = 2; n <= MEMBERS; n++) {
		uint32_t g = nh_group_new(t, m, n);

		for (unsigned int i = 0; i < n; i++) {
			unsigned int share = 0;

			for (uint32_t b = 0; b < NH_GROUP_BUCKETS; b++)
				share += nh_group_pick(t, g, b) == m[i];
			/* Binomial: four standard deviations are at most 32 of 128, 22 of 32. */
			assert_in_range(share, NH_GROUP_BUCKETS / n / 3, NH_GROUP_BUCKETS * 5 / n / 3);
		}
		nh_unref(t, g);
	}
	nh_table_free(t);
}

static void test_group_references(void **state)
{
	struct rte_rcu_qsbr *v = qsbr_new();
	struct nh_table *t = nh_table_new(64, 1, v);
	uint32_t m[MEMBERS], g;

	(void)state;
	fill(t, m);
	assert_int_equal(nh_group_new(t, m, 1), NH_NONE);
	assert_int_equal(errno, EINVAL);
	g = nh_group_new(t, m, 3);
	assert_int_equal(t->nh[m[0]].refs, 2);
	assert_int_equal(t->nh[m[3]].refs, 1);
	errno = 0;
	assert_int_equal(nh_group_new(t, m, 2), NH_NONE);
	assert_int_equal(errno, ENOSPC);
	/* The group alone keeps its members; with it they go. */
	for (unsigned int i = 0; i < 3; i++)
		nh_unref(t, m[i]);
	assert_int_equal(t->nh[m[0]].refs, 1);
	nh_unref(t, g);
	assert_int_equal(t->nh[m[0]].refs, 0);
	/* The buckets stay while a reader may pick from them. */
	assert_int_equal(nh_group_new(t, m + 3, 2), NH_NONE);
	assert_true(nh_group_pick(t, g, 0) == m[0] || nh_group_pick(t, g, 0) == m[1] ||
		nh_group_pick(t, g, 0) == m[2]);
	rte_rcu_qsbr_quiescent(v, 0);
	assert_int_not_equal(nh_group_new(t, m + 3, 2), NH_NONE);
	nh_table_free(t);
	free(v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_index_zero),
		cmocka_unit_test(test_references_and_exhaustion),
		cmocka_unit_test(test_reuse_waits_for_quiescence),
		cmocka_unit_test(test_adjacency_state),
		cmocka_unit_test(test_group_moves_least),
		cmocka_unit_test(test_group_spread),
		cmocka_unit_test(test_group_references),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
