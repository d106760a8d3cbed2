/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A full table through the whole walk: UPDATEs of one peer into Adj-RIB-In, Loc-RIB and FIB, then a
 * second peer with the same table, then the loss of each. Prints seconds and bytes. 50,000 prefixes;
 * NVAD_TEST_LONG=1: 900,000.
 */
#include <errno.h>
#include <malloc.h>

#include "base/clock.h"
#include "fake_neigh.h"

#define PER_UPDATE 6 /* prefixes per attribute set, as in real tables */

static struct ip_prefix *prefixes;
static uint32_t n_prefixes;

/* Distinct random prefixes: 60 % /24, the rest /16 to /23, some /32, in random order. */
static void make_prefixes(uint64_t *rng)
{
	struct seen {
		struct ptree_node node;
	} *seen = calloc(n_prefixes, sizeof(*seen));
	struct ptree tree;

	ptree_init(&tree);
	for (uint32_t i = 0; i < n_prefixes;) {
		uint64_t x = unit_random(rng);
		rte_be32_t be = rte_cpu_to_be_32((uint32_t)x % 0xdf000000u + 0x01000000u);
		unsigned int kind = (x >> 40) % 1000;
		struct ip_prefix *p = &seen[i].node.prefix;

		*p = (struct ip_prefix){.addr = ip_addr_v4(be)};
		p->len = (uint8_t)(kind < 600 ? 24 : kind < 601 ? 32 : 16 + kind % 8);
		ip_prefix_canonicalise(p);
		if (ptree_insert(&tree, &seen[i].node) == 0) {
			prefixes[i] = *p;
			i++;
		}
	}
	for (uint32_t i = 0; i < n_prefixes; i++)
		ptree_remove(&tree, &seen[i].node);
	free(seen);
}

static double seconds(uint64_t since_ns)
{
	return (double)(clock_now_ns() - since_ns) / 1e9;
}

/* Peers' UPDATEs as the codec would hand them up; attributes are made beforehand. */
static double feed(struct rib *r, struct bgp_peer *p, const char *next_hop,
	const struct bgp_attrs *const *attrs)
{
	struct bgp_update u = {.next_hop_v4 = addr(next_hop)};
	struct bgp_ops ops;
	uint64_t start = clock_now_ns();

	rib_bgp_ops(r, &ops);
	for (uint32_t i = 0; i < n_prefixes; i += PER_UPDATE) {
		u.attrs = attrs[i / PER_UPDATE];
		u.reach = &prefixes[i];
		u.n_reach = n_prefixes - i < PER_UPDATE ? n_prefixes - i : PER_UPDATE;
		assert_int_equal(ops.update(ops.arg, p, &u), 0);
	}
	return seconds(start);
}

/* The longest slice of 10,000 routes, in seconds. */
static double drain(struct rib *r)
{
	double longest = 0;
	bool more;

	do {
		uint64_t start = clock_now_ns();
		double s;

		more = rib_run(r, 10000);
		s = seconds(start);
		if (s > longest)
			longest = s;
	} while (more);
	return longest;
}

static void test_full_table(void **state)
{
	struct neigh_table neigh = {.nh = nh_table_new(1024, 64, NULL), .limit = FAKE_NEIGHBOURS};
	struct ip_prefix lan = {.addr = addr("10.0.0.0"), .len = 24};
	struct bgp_peer a = fake_peer("10.0.0.5", 65515), b = fake_peer("10.0.0.6", 65515);
	struct fib *fib = fib_new(&(struct fib_conf){.max_v4_groups = 65536});
	struct fibsync *fs = fibsync_new(
		&(struct fibsync_conf){.fib = fib, .nh = neigh.nh, .neigh = &neigh});
	const struct bgp_attrs **attrs;
	uint64_t rng = unit_seed(), start;
	struct fibsync_stats stats;
	struct fib_stats fib_stats;
	struct rib_counts counts;
	struct rib_ops ops;
	struct rib *r;
	double total, longest, first;
	size_t heap;

	(void)state;
	n_prefixes = getenv("NVAD_TEST_LONG") != NULL ? 900000 : 50000;
	prefixes = calloc(n_prefixes, sizeof(*prefixes));
	make_prefixes(&rng);
	attrs = calloc(n_prefixes / PER_UPDATE + 1, sizeof(*attrs));
	for (uint32_t i = 0; i <= n_prefixes / PER_UPDATE; i++)
		attrs[i] = ATTRS(NULL, 65515, 100000 + i, 4200000000u);
	fibsync_rib_ops(fs, &ops);
	r = rib_new(&ops, 8);
	fibsync_set_rib(fs, r);
	assert_int_equal(fibsync_underlay_connected(fs, &lan, 0), 0);
	fake_up(r, &a);
	fake_up(r, &b);

	heap = mallinfo2().uordblks + mallinfo2().hblkhd;
	printf("%u prefixes\n", n_prefixes);
	printf("  first peer into RIB and FIB   %.3f s\n", feed(r, &a, "10.0.0.5", attrs));
	heap = mallinfo2().uordblks + mallinfo2().hblkhd - heap;
	rib_get_counts(r, &counts);
	fib_get_stats(fib, &fib_stats);
	fibsync_get_stats(fs, &stats);
	assert_int_equal(stats.routes, n_prefixes);
	assert_int_equal(fib_stats.v4_routes, n_prefixes);
	printf("  RIB %.0f bytes a prefix with its route; heap grew %.0f, FIB's own part included\n",
		(double)counts.bytes / n_prefixes, (double)heap / n_prefixes);

	heap = mallinfo2().uordblks + mallinfo2().hblkhd;
	printf("  the same again, no change     %.3f s\n", feed(r, &a, "10.0.0.5", attrs));
	printf("  second peer, shares each      %.3f s\n", feed(r, &b, "10.0.0.6", attrs));
	heap = mallinfo2().uordblks + mallinfo2().hblkhd - heap;
	printf("  heap grew %.0f bytes a route\n", (double)heap / n_prefixes);
	rib_get_counts(r, &counts);
	assert_int_equal(counts.routes, 2 * n_prefixes);

	start = clock_now_ns();
	fake_down(r, &a);
	first = seconds(start);
	longest = drain(r);
	total = seconds(start);
	printf("  first peer lost               %.3f s in slices, first %.1f ms, longest %.1f ms\n", total,
		first * 1e3, longest * 1e3);
	fibsync_get_stats(fs, &stats);
	assert_int_equal(stats.routes, n_prefixes);

	start = clock_now_ns();
	fibsync_port_changed(fs, 0, false);
	longest = drain(r);
	printf("  port down                     %.3f s, longest slice %.1f ms\n", seconds(start), longest * 1e3);
	fibsync_get_stats(fs, &stats);
	assert_int_equal(stats.routes, 0);
	start = clock_now_ns();
	fibsync_port_changed(fs, 0, true);
	longest = drain(r);
	printf("  port up                       %.3f s, longest slice %.1f ms\n", seconds(start), longest * 1e3);

	start = clock_now_ns();
	fake_down(r, &b);
	longest = drain(r);
	printf("  second peer lost              %.3f s, longest slice %.1f ms\n", seconds(start), longest * 1e3);
	rib_get_counts(r, &counts);
	fib_get_stats(fib, &fib_stats);
	assert_int_equal(counts.prefixes, 0);
	assert_int_equal(fib_stats.v4_routes, 0);

	rib_free(r);
	fibsync_free(fs);
	fib_free(fib);
	nh_table_free(neigh.nh);
	for (uint32_t i = 0; i <= n_prefixes / PER_UPDATE; i++)
		bgp_attrs_unref(attrs[i]);
	assert_int_equal(bgp_attrs_count(), 0);
	free(attrs);
	free(prefixes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_full_table)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
