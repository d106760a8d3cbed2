/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The forwarding table against a list that is searched from end to end: random operations over a few
 * overlapping prefixes of all lengths, the bounds, and refusals. NVAD_TEST_SEED repeats a run.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <time.h>

#include "fib/fib.h"
#include "fib/nh.h"

static uint64_t rng_state;

static uint64_t rng(void)
{
	/* splitmix64 */
	uint64_t z = rng_state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

static void seed(void)
{
	const char *text = getenv("NVAD_TEST_SEED");

	rng_state = text != NULL ? strtoull(text, NULL, 0) : (uint64_t)time(NULL);
	print_message("NVAD_TEST_SEED=%llu\n", (unsigned long long)rng_state);
}

/* The model: prefixes and next hops in a plain list. */
#define MODEL_MAX 4096
static struct {
	struct ip_prefix prefix;
	uint32_t nh;
} model[MODEL_MAX];
static size_t model_n;

static size_t model_find(const struct ip_prefix *p)
{
	size_t i = 0;

	while (i < model_n && !ip_prefix_equal(&model[i].prefix, p))
		i++;
	return i;
}

static void model_add(const struct ip_prefix *p, uint32_t nh)
{
	size_t i = model_find(p);

	if (i == model_n)
		assert_in_range(++model_n, 1, MODEL_MAX);
	model[i].prefix = *p;
	model[i].nh = nh;
}

static int model_del(const struct ip_prefix *p)
{
	size_t i = model_find(p);

	if (i == model_n)
		return -ENOENT;
	model[i] = model[--model_n];
	return 0;
}

static uint32_t model_lookup(const struct ip_addr *a)
{
	uint32_t nh = NH_NONE;
	int best = -1;

	for (size_t i = 0; i < model_n; i++)
		if (model[i].prefix.len > best && ip_prefix_contains(&model[i].prefix, a)) {
			best = model[i].prefix.len;
			nh = model[i].nh;
		}
	return nh;
}

static struct ip_prefix prefix(const char *text)
{
	struct ip_prefix p;

	assert_int_equal(ip_prefix_parse(text, &p), 0);
	return p;
}

static struct ip_addr addr(const char *text)
{
	struct ip_addr a;

	assert_int_equal(ip_addr_parse(text, &a), 0);
	return a;
}

/* An address from a small world: few choices a nibble, so that prefixes cover one another. */
static struct ip_addr random_addr(uint8_t family)
{
	struct ip_addr a = {.family = family};
	unsigned int bytes = ip_family_bits(family) / 8;

	for (unsigned int i = 0; i < bytes; i++) {
		uint64_t r = rng();

		if (r % 4 == 0)
			a.bytes[i] = r >> 32;
		else
			a.bytes[i] = (r >> 8 & 1) * 0x80 | (r >> 9 & 1) * 0x01;
	}
	return a;
}

static struct ip_prefix random_prefix(uint8_t family)
{
	struct ip_prefix p = {.addr = random_addr(family)};

	p.len = rng() % (ip_family_bits(family) + 1);
	/* Painting all of the first level is slow; leave it to the tests of the bounds, mostly. */
	if (family == IP_V4 && p.len < 8 && rng() % 16 != 0)
		p.len += 8 + rng() % 16;
	ip_prefix_canonicalise(&p);
	return p;
}

/* The first and last address of a prefix, and those just outside. */
static void edges(const struct ip_prefix *p, struct ip_addr out[4])
{
	unsigned int bytes = ip_family_bits(p->addr.family) / 8;
	unsigned int i;

	for (i = 0; i < 4; i++)
		out[i] = p->addr;
	for (i = p->len; i < bytes * 8; i++)
		out[1].bytes[i / 8] |= 0x80 >> i % 8;
	out[3] = out[1];
	for (i = bytes; i-- > 0 && out[2].bytes[i]-- == 0;)
		;
	for (i = bytes; i-- > 0 && ++out[3].bytes[i] == 0;)
		;
}

static void burst_one_family(const struct fib *f, const struct ip_addr *a, uint32_t *ret, size_t n)
{
	uint32_t v4[256];
	struct fib_v6_key v6[256];

	assert_in_range(n, 0, 256);
	for (size_t i = 0; i < n; i++) {
		rte_be64_t w[2];

		v4[i] = rte_be_to_cpu_32(ip_addr_be32(&a[i]));
		memcpy(w, a[i].bytes, sizeof(w));
		v6[i].hi = rte_be_to_cpu_64(w[0]);
		v6[i].lo = rte_be_to_cpu_64(w[1]);
	}
	if (n > 0 && a[0].family == IP_V4)
		fib_lookup_v4_burst(f, v4, ret, n);
	else
		fib_lookup_v6_burst(f, v6, ret, n);
}

static void check(const struct fib *f, const struct ip_addr *a, size_t n)
{
	uint32_t got[257];

	memset(got, 0xee, sizeof(got));
	burst_one_family(f, a, got, n);
	assert_int_equal(got[n], 0xeeeeeeee);
	for (size_t i = 0; i < n; i++) {
		uint32_t want = model_lookup(&a[i]);

		if (got[i] != want || fib_lookup(f, &a[i]) != want)
			fail_msg("%s: burst %u, single %u, want %u", IP_ADDR_TEXT(&a[i]), got[i],
				fib_lookup(f, &a[i]), want);
	}
}

/* QSBR with one reader that is quiescent only now and then, so that blocks do get deferred. */
static struct rte_rcu_qsbr *qsbr_new(void)
{
	struct rte_rcu_qsbr *v = aligned_alloc(RTE_CACHE_LINE_SIZE, rte_rcu_qsbr_get_memsize(1));

	assert_non_null(v);
	assert_int_equal(rte_rcu_qsbr_init(v, 1), 0);
	rte_rcu_qsbr_thread_register(v, 0);
	rte_rcu_qsbr_thread_online(v, 0);
	return v;
}

static struct fib *new_fib(uint32_t groups, uint32_t nodes, struct rte_rcu_qsbr *qsbr)
{
	const struct fib_conf conf = {
		.max_v4_groups = groups, .max_v6_nodes = nodes, .qsbr = qsbr};
	struct fib *f = fib_new(&conf);

	assert_non_null(f);
	model_n = 0;
	return f;
}

static void random_step(struct fib *f, uint8_t family)
{
	struct ip_prefix p = random_prefix(family);
	uint32_t nh = 1 + rng() % 5, got;
	struct ip_addr around[4];
	int rc;

	if (model_n > 0 && rng() % 3 == 0)
		p = model[rng() % model_n].prefix; /* one that is there */
	if (rng() % 2 == 0 || model_n > 300) {
		rc = fib_del(f, &p);
		assert_int_equal(rc, model_del(&p));
		assert_int_equal(fib_get(f, &p, &got), -ENOENT);
	} else {
		rc = fib_add(f, &p, nh);
		if (rc == 0) {
			model_add(&p, nh);
			assert_int_equal(fib_get(f, &p, &got), 0);
			assert_int_equal(got, nh);
		} else {
			assert_int_equal(rc, -ENOSPC);
		}
	}
	edges(&p, around);
	check(f, around, 4);
}

static void random_run(uint8_t family, uint32_t groups, uint32_t nodes, unsigned int steps)
{
	struct rte_rcu_qsbr *v = qsbr_new();
	struct fib *f = new_fib(groups, nodes, v);
	struct ip_addr some[100];
	struct fib_stats stats;

	for (unsigned int step = 0; step < steps; step++) {
		random_step(f, family);
		if (step % 64 == 0) {
			size_t n = rng() % 101;

			for (size_t i = 0; i < n; i++)
				some[i] = random_addr(family);
			check(f, some, n);
			rte_rcu_qsbr_quiescent(v, 0);
		}
	}
	/* All goes, and leaves nothing: the tables are as new and no block is lost. */
	while (model_n > 0) {
		struct ip_prefix p = model[rng() % model_n].prefix;

		assert_int_equal(fib_del(f, &p), 0);
		model_del(&p);
	}
	for (size_t i = 0; i < 100; i++)
		some[i] = random_addr(family);
	check(f, some, 100);
	rte_rcu_qsbr_quiescent(v, 0);
	fib_reclaim(f);
	fib_get_stats(f, &stats);
	assert_int_equal(stats.v4_routes + stats.v6_routes, 0);
	assert_int_equal(stats.deferred, 0);
	fib_free(f);
	free(v);
}

static void test_random_v4(void **state)
{
	(void)state;
	random_run(IP_V4, 4096, 0, 20000);
}

static void test_random_v6(void **state)
{
	(void)state;
	random_run(IP_V6, 0, 0, 60000);
}

/* The same where memory runs out all the time: refused adds and deletes that cannot tidy up. */
static void test_random_v4_tight(void **state)
{
	(void)state;
	random_run(IP_V4, 8, 0, 10000);
}

static void test_random_v6_tight(void **state)
{
	(void)state;
	random_run(IP_V6, 0, 600, 60000);
}

static void test_bounds(void **state)
{
	static const char *const lens[] = {"0.0.0.0/0", "128.0.0.0/1", "10.0.0.0/8", "10.1.2.0/23",
		"10.1.2.0/24", "10.1.2.0/25", "10.1.2.0/31", "10.1.2.1/32", "255.255.255.255/32",
		"255.255.255.0/24", "0.0.0.0/32", "::/0", "8000::/1", "2001:d00::/24",
		"2001::/20", "2001:800::/21", "2001:d80::/26", "2001:da0::/27", "2001:db8::/32",
		"2001:db8::/62", "2001:db8::/63", "2001:db8::/64", "2001:db8::/65", "2001:db8::/68",
		"2001:db8::/69", "2001:db8::/126", "2001:db8::/127", "2001:db8::1/128", "::/128",
		"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128"};
	const size_t n = RTE_DIM(lens);
	struct fib *f = new_fib(64, 0, NULL);
	struct fib_stats stats;

	(void)state;
	/* Forth in one order, back in another; after each step the edges of all. */
	for (size_t step = 0; step < 2 * n; step++) {
		struct ip_prefix p = prefix(lens[step < n ? step : (step - n) * 7 % n]);

		if (step < n) {
			assert_int_equal(fib_add(f, &p, step + 1), 0);
			model_add(&p, step + 1);
		} else {
			assert_int_equal(fib_del(f, &p), 0);
			model_del(&p);
			assert_int_equal(fib_del(f, &p), -ENOENT);
		}
		for (size_t i = 0; i < n; i++) {
			struct ip_prefix q = prefix(lens[i]);
			struct ip_addr around[4];

			edges(&q, around);
			check(f, around, 4);
		}
	}
	fib_get_stats(f, &stats);
	assert_int_equal(stats.v4_routes + stats.v6_routes, 0);
	fib_free(f);
	fib_free(NULL);
}

static void test_greatest_next_hop(void **state)
{
	struct fib *f = new_fib(1, 0, NULL);
	struct ip_prefix a = prefix("192.0.2.128/25"), b = prefix("2001:db8::/128");

	(void)state;
	assert_int_equal(fib_add(f, &a, NH_INDEX_MAX - 1), 0);
	assert_int_equal(fib_add(f, &b, NH_INDEX_MAX - 1), 0);
	model_add(&a, NH_INDEX_MAX - 1);
	model_add(&b, NH_INDEX_MAX - 1);
	check(f, (struct ip_addr[]){addr("192.0.2.128"), addr("192.0.2.127")}, 2);
	check(f, (struct ip_addr[]){addr("2001:db8::"), addr("2001:db8::1")}, 2);
	assert_int_equal(fib_lookup(f, &(struct ip_addr){0}), NH_NONE);
	fib_free(f);
}

static void test_groups_run_out(void **state)
{
	struct rte_rcu_qsbr *v = qsbr_new();
	struct fib *f = new_fib(2, 0, v);
	struct ip_prefix wide = prefix("198.51.0.0/16"), a = prefix("198.51.1.0/25"),
			 b = prefix("198.51.2.128/32"), c = prefix("198.51.3.0/26");
	uint32_t nh;

	(void)state;
	assert_int_equal(fib_add(f, &wide, 1), 0);
	assert_int_equal(fib_add(f, &a, 2), 0);
	assert_int_equal(fib_add(f, &b, 3), 0);
	model_add(&wide, 1);
	model_add(&a, 2);
	model_add(&b, 3);
	assert_int_equal(fib_add(f, &c, 4), -ENOSPC);
	assert_int_equal(fib_get(f, &c, &nh), -ENOENT);
	assert_int_equal(fib_del(f, &c), -ENOENT);
	check(f, (struct ip_addr[]){addr("198.51.3.1"), addr("198.51.1.127"), addr("198.51.1.128"),
		addr("198.51.2.128")}, 4);
	/* What has a group takes more of it. */
	assert_int_equal(fib_add(f, &(struct ip_prefix){addr("198.51.1.200"), 32}, 5), 0);
	model_add(&(struct ip_prefix){addr("198.51.1.200"), 32}, 5);
	/* A group that went is free only after the reader was quiescent. */
	assert_int_equal(fib_del(f, &b), 0);
	model_del(&b);
	assert_int_equal(fib_add(f, &c, 4), -ENOSPC);
	rte_rcu_qsbr_quiescent(v, 0);
	assert_int_equal(fib_add(f, &c, 4), 0);
	model_add(&c, 4);
	check(f, (struct ip_addr[]){addr("198.51.3.1"), addr("198.51.3.64"), addr("198.51.1.200"),
		addr("198.51.2.128")}, 4);
	fib_free(f);
	free(v);
}

static void test_nodes_run_out(void **state)
{
	struct fib *f = new_fib(0, 300, NULL);
	unsigned int added = 0, refused = 0;

	(void)state;
	for (unsigned int i = 0; i < 400; i++) {
		struct ip_prefix p = {.addr = random_addr(IP_V6), .len = 128};
		int rc = fib_add(f, &p, 1 + i);
		uint32_t nh;

		if (rc == 0) {
			model_add(&p, 1 + i);
			added++;
		} else {
			assert_int_equal(rc, -ENOSPC);
			assert_int_equal(fib_get(f, &p, &nh), -ENOENT);
			refused++;
		}
		check(f, &p.addr, 1);
	}
	assert_true(added > 0 && refused > 0);
	for (size_t i = 0; i < model_n; i++)
		check(f, &model[i].prefix.addr, 1);
	while (model_n > 0) {
		assert_int_equal(fib_del(f, &model[0].prefix), 0);
		model_del(&model[0].prefix);
		if (model_n > 0)
			check(f, &model[model_n / 2].prefix.addr, 1);
	}
	fib_free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_greatest_next_hop),
		cmocka_unit_test(test_groups_run_out),
		cmocka_unit_test(test_nodes_run_out),
		cmocka_unit_test(test_random_v4),
		cmocka_unit_test(test_random_v6),
		cmocka_unit_test(test_random_v4_tight),
		cmocka_unit_test(test_random_v6_tight),
	};

	seed();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
