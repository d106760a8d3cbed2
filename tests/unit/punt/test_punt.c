/* SPDX-License-Identifier: BSD-3-Clause */
/* The rings between workers and control thread. The TUN interfaces are tested in tests/netns. */
#include "unit.h"

#include <errno.h>
#include <string.h>

#include <rte_eal.h>

#include "drop/drop.h"
#include "packet/meta.h"
#include "punt/punt.h"

#define RING 512 /* holds one less */

static struct rte_mempool *pool;

struct got {
	unsigned int calls, packets;
	unsigned int of_worker[4]; /* by mbuf->port */
};

static void input(void *arg, struct rte_mbuf **pkts, unsigned int n)
{
	struct got *got = arg;

	got->calls++;
	got->packets += n;
	for (unsigned int i = 0; i < n; i++)
		got->of_worker[pkts[i]->port]++;
	rte_pktmbuf_free_bulk(pkts, n);
}

static unsigned int hand_over(struct punt *p, unsigned int w, enum punt_class c, unsigned int n)
{
	unsigned int taken = 0;

	for (unsigned int i = 0; i < n; i++) {
		struct rte_mbuf *m = rte_pktmbuf_alloc(pool);

		assert_non_null(m);
		m->port = (uint16_t)w;
		if (punt_to_control(p, w, c, &m, 1) == 1)
			taken++;
		else
			rte_pktmbuf_free(m);
	}
	return taken;
}

/* A flood of one class takes neither room nor work from another, nor one worker's from another's. */
static void test_classes_and_budget(void **state)
{
	struct got neigh = {0}, glean = {0};
	struct punt *p = punt_new(3, RING, pool);
	struct punt_stats stats;

	(void)state;
	assert_non_null(p);
	punt_set_ops(p, PUNT_NEIGH, &(struct punt_ops){.input = input, .arg = &neigh});
	punt_set_ops(p, PUNT_GLEAN, &(struct punt_ops){.input = input, .arg = &glean});
	for (unsigned int w = 0; w < 3; w++)
		assert_int_equal(hand_over(p, w, PUNT_GLEAN, RING + 10), RING - 1);
	assert_int_equal(hand_over(p, 1, PUNT_NEIGH, 5), 5);
	assert_int_equal(punt_poll(p), 256 + 5);
	assert_int_equal(glean.packets, 256);
	assert_int_equal(neigh.packets, 5);
	punt_poll(p);
	punt_poll(p);
	for (unsigned int w = 0; w < 3; w++) /* each had its turn */
		assert_int_equal(glean.of_worker[w], 256);
	while (punt_poll(p) > 0)
		;
	assert_int_equal(glean.packets, 3 * (RING - 1));
	punt_get_stats(p, &stats);
	assert_int_equal(stats.taken[PUNT_GLEAN], 3 * (RING - 1));
	assert_int_equal(stats.refused[PUNT_GLEAN], 3 * 11);
	assert_int_equal(stats.refused[PUNT_NEIGH], 0);
	assert_int_equal(stats.taken[PUNT_NEIGH], 5);
	punt_free(p);
}

/* What goes to one neighbour or port stays on one worker and in order. */
static void test_inject(void **state)
{
	struct punt *p = punt_new(2, RING, pool);
	uint64_t full = drop_total(DROP_PUNT_FULL);
	struct rte_mbuf *pkts[RING];
	struct punt_stats stats;
	unsigned int n;

	(void)state;
	for (unsigned int i = 0; i < 100; i++) {
		struct rte_mbuf *m = rte_pktmbuf_alloc(pool);

		assert_non_null(m);
		m->port = 1;
		*pkt_meta(m) = (struct pkt_meta){.nh = 8, .flow_hash = i,
			.inject = i % 2 != 0 ? PUNT_INJECT_TX : PUNT_INJECT_OUTPUT};
		punt_inject(p, m);
	}
	for (unsigned int w = 0; w < 2; w++) {
		n = punt_from_control(p, w, pkts, RING);
		assert_int_equal(n, 50);
		for (unsigned int i = 0; i < n; i++)
			assert_int_equal(pkt_meta(pkts[i])->flow_hash, 2 * i + w);
		rte_pktmbuf_free_bulk(pkts, n);
	}
	for (unsigned int i = 0; i < RING + 4; i++) {
		struct rte_mbuf *m = rte_pktmbuf_alloc(pool);

		assert_non_null(m);
		*pkt_meta(m) = (struct pkt_meta){.nh = 1, .inject = PUNT_INJECT_FORWARD};
		punt_inject(p, m);
	}
	assert_int_equal(drop_total(DROP_PUNT_FULL) - full, 5);
	punt_get_stats(p, &stats);
	assert_int_equal(stats.injected, 100 + RING - 1);
	assert_int_equal(stats.inject_full, 5);
	punt_free(p);
}

static struct rte_mbuf *packet(const uint8_t *bytes, size_t len)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);

	assert_non_null(m);
	memcpy(rte_pktmbuf_append(m, (uint16_t)len), bytes, len);
	m->port = 0;
	return m;
}

/* For the kernel, on ports without an interface: each one is a counted drop. */
static void test_local_without_interface(void **state)
{
	uint64_t none = drop_total(DROP_PUNT_NO_KERNEL), bad = drop_total(DROP_PUNT_MALFORMED);
	struct punt *p = punt_new(1, RING, pool);
	uint8_t v4[34] = {[14] = 0x45, [17] = 20, [30] = 10};
	uint8_t v6[54] = {[14] = 0x60};
	struct rte_mbuf *m;

	(void)state;
	m = packet(v4, sizeof(v4));
	assert_int_equal(punt_to_control(p, 0, PUNT_LOCAL, &m, 1), 1);
	m = packet(v6, sizeof(v6));
	assert_int_equal(punt_to_control(p, 0, PUNT_LOCAL, &m, 1), 1);
	v4[17] = 21; /* longer than it is */
	m = packet(v4, sizeof(v4));
	assert_int_equal(punt_to_control(p, 0, PUNT_LOCAL, &m, 1), 1);
	m = packet(v4, 13);
	assert_int_equal(punt_to_control(p, 0, PUNT_LOCAL, &m, 1), 1);
	m = packet(v6, 53);
	assert_int_equal(punt_to_control(p, 0, PUNT_LOCAL, &m, 1), 1);
	assert_int_equal(punt_poll(p), 5);
	assert_int_equal(drop_total(DROP_PUNT_NO_KERNEL) - none, 2);
	assert_int_equal(drop_total(DROP_PUNT_MALFORMED) - bad, 3);
	assert_int_equal(punt_route_add(p, 0, &(struct ip_prefix){.addr.family = IP_V4}), -ENODEV);
	punt_free(p);
}

static void test_limits(void **state)
{
	(void)state;
	errno = 0;
	assert_null(punt_new(0, RING, pool));
	assert_int_equal(errno, EINVAL);
	errno = 0;
	assert_null(punt_new(PUNT_WORKERS_MAX + 1, RING, pool));
	assert_int_equal(errno, EINVAL);
	errno = 0;
	assert_null(punt_new(1, 100, pool)); /* no power of two */
	assert_int_equal(errno, EINVAL);
	punt_free(NULL);
}

static int setup(void **state)
{
	*state = (void *)(uintptr_t)rte_mempool_avail_count(pool);
	return 0;
}

/* No test may lose an mbuf. */
static int teardown(void **state)
{
	assert_int_equal(rte_mempool_avail_count(pool), (uintptr_t)*state);
	return 0;
}

int main(void)
{
	char *argv[] = {"test", "--no-huge", "--no-pci", "--no-shconf", "--no-telemetry", "--log-level=error",
		"-m", "64", "-l", "0", NULL};
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_classes_and_budget),
		T(test_inject),
		T(test_local_without_interface),
		T(test_limits),
	};

	if (rte_eal_init(10, argv) < 0)
		return 1;
	pool = rte_pktmbuf_pool_create("test", 2047, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	if (pool == NULL)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
