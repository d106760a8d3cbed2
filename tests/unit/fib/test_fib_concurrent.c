/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One thread changes routes, another looks up and checks every answer.
 *
 * The writer numbers the table's states. Before a change it writes down what each probed address gets
 * in the state to come; a reader notes which states a lookup may have overlapped (the last one
 * finished before it to the last one begun after it) and takes only answers of those. So an address
 * seen with the covering route while its own is replaced, or through a block that was reused too
 * early, is an error.
 *
 * 10^7 lookups a family, or NVAD_LOOKUPS, or 10^9 with NVAD_LONG=1. NVAD_TEST_SEED repeats the writer.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <time.h>

#include "fib/fib.h"
#include "fib/nh.h"

#define PREFIXES 96
#define PROBES 64
#define HISTORY 4096u

struct world {
	uint8_t family;
	struct fib *fib;
	struct rte_rcu_qsbr *qsbr;
	uint64_t rng, lookups_wanted;
	/* Writer. */
	struct ip_prefix prefix[PREFIXES];
	uint32_t nh[PREFIXES]; /* NH_NONE: not in the table */
	uint64_t covers[PREFIXES]; /* which probes it covers, as bits */
	uint8_t over[PROBES][PREFIXES], over_n[PROBES]; /* which prefixes cover it */
	uint64_t adds, replaces, dels, refused;
	/* Both. */
	uint32_t expected[HISTORY][PROBES]; /* by state */
	uint64_t begun, finished;	    /* states */
	bool stop;
	/* Reader. */
	struct ip_addr probe[PROBES];
	uint64_t lookups, overlapped, skipped, wrong;
	uint32_t wrong_got, wrong_old, wrong_new;
	struct ip_addr wrong_addr;
};

static uint64_t rng(struct world *w)
{
	uint64_t z = w->rng += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

/* Nested and neighbouring prefixes over a few addresses, so that each change moves several probes. */
static void make_world(struct world *w)
{
	unsigned int bits = ip_family_bits(w->family);

	for (unsigned int i = 0; i < PROBES; i++) {
		struct ip_addr *a = &w->probe[i];

		*a = (struct ip_addr){.family = w->family, .bytes = {0x20, 0x01, 0x0d, 0xb8}};
		for (unsigned int bit = 8; bit < bits; bit++)
			if (rng(w) % (bit < 20 ? 8 : 3) == 0)
				a->bytes[bit / 8] ^= 0x80 >> bit % 8;
	}
	for (unsigned int i = 0; i < PREFIXES; i++) {
		struct ip_prefix *p = &w->prefix[i];
		bool again;

		do {
			*p = (struct ip_prefix){.addr = w->probe[rng(w) % PROBES]};
			/* Beyond the first level for the greater part. */
			p->len = i == 0 ? 8 : 12 + rng(w) % (bits - 11);
			if (w->family == IP_V4 && i % 2 == 0 && i > 0)
				p->len = 25 + rng(w) % 8;
			if (w->family == IP_V6 && i % 3 != 0)
				p->len = 20 + rng(w) % 30;
			ip_prefix_canonicalise(p);
			again = false;
			for (unsigned int j = 0; j < i; j++)
				again |= ip_prefix_equal(p, &w->prefix[j]);
		} while (again);
		for (unsigned int k = 0; k < PROBES; k++)
			if (ip_prefix_contains(p, &w->probe[k])) {
				w->covers[i] |= 1ULL << k;
				w->over[k][w->over_n[k]++] = i;
			}
	}
}

static uint32_t answer(const struct world *w, unsigned int i)
{
	uint32_t nh = NH_NONE;
	int best = -1;

	for (unsigned int k = 0; k < w->over_n[i]; k++) {
		unsigned int j = w->over[i][k];

		if (w->nh[j] != NH_NONE && w->prefix[j].len > best) {
			best = w->prefix[j].len;
			nh = w->nh[j];
		}
	}
	return nh;
}

/* What each probe gets in the state after the change of prefix j. */
static void expect(struct world *w, uint64_t state, unsigned int j)
{
	uint32_t *row = w->expected[state % HISTORY];

	memcpy(row, w->expected[(state - 1) % HISTORY], sizeof(w->expected[0]));
	for (unsigned int i = 0; i < PROBES; i++)
		if (w->covers[j] >> i & 1)
			row[i] = answer(w, i);
}

static void begin(struct world *w, unsigned int j)
{
	expect(w, w->begun + 1, j);
	/* Before the change: whoever sees any of it also sees that it began. */
	__atomic_store_n(&w->begun, w->begun + 1, __ATOMIC_SEQ_CST);
}

static void change(struct world *w)
{
	unsigned int j = rng(w) % PREFIXES;
	uint32_t old = w->nh[j];
	int rc;

	w->nh[j] = old != NH_NONE && rng(w) % 3 != 0 ? NH_NONE : 1 + rng(w) % 1000;
	begin(w, j);
	if (w->nh[j] == NH_NONE) {
		rc = fib_del(w->fib, &w->prefix[j]);
		w->dels++;
		assert_int_equal(rc, 0);
	} else {
		rc = fib_add(w->fib, &w->prefix[j], w->nh[j]);
		w->adds += old == NH_NONE;
		w->replaces += old != NH_NONE;
		if (rc != 0) {
			/* Out of blocks until the reader is quiescent: as if nothing had been. */
			assert_int_equal(rc, -ENOSPC);
			w->refused++;
			w->nh[j] = old;
			begin(w, j);
		}
	}
	__atomic_store_n(&w->finished, w->begun, __ATOMIC_RELEASE);
}

static void lookup(const struct world *w, const void *addr, uint32_t *ret_nh)
{
	if (w->family == IP_V4)
		fib_lookup_v4_burst(w->fib, addr, ret_nh, PROBES);
	else
		fib_lookup_v6_burst(w->fib, addr, ret_nh, PROBES);
}

static bool allowed(const struct world *w, unsigned int i, uint32_t got, uint64_t from, uint64_t to)
{
	for (uint64_t s = from; s <= to; s++)
		if (w->expected[s % HISTORY][i] == got)
			return true;
	return false;
}

static void *reader(void *arg)
{
	struct world *w = arg;
	uint32_t v4[PROBES], got[PROBES];
	struct fib_v6_key v6[PROBES];

	for (unsigned int i = 0; i < PROBES; i++) {
		rte_be64_t words[2];

		memcpy(words, w->probe[i].bytes, sizeof(words));
		v4[i] = rte_be_to_cpu_32(ip_addr_be32(&w->probe[i]));
		v6[i] = (struct fib_v6_key){rte_be_to_cpu_64(words[0]), rte_be_to_cpu_64(words[1])};
	}
	rte_rcu_qsbr_thread_online(w->qsbr, 0);
	for (uint64_t burst = 0; w->lookups < w->lookups_wanted && w->wrong == 0; burst++) {
		uint64_t from = __atomic_load_n(&w->finished, __ATOMIC_ACQUIRE), to;

		lookup(w, w->family == IP_V4 ? (void *)v4 : (void *)v6, got);
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		to = __atomic_load_n(&w->begun, __ATOMIC_SEQ_CST);
		w->lookups += PROBES;
		w->overlapped += from != to;
		for (unsigned int i = 0; i < PROBES; i++) {
			if (allowed(w, i, got[i], from, to))
				continue;
			/* Rows are written over when the reader slept too long to tell. */
			if (__atomic_load_n(&w->begun, __ATOMIC_SEQ_CST) - from >= HISTORY - 1) {
				w->skipped++;
				continue;
			}
			w->wrong++;
			w->wrong_got = got[i];
			w->wrong_old = w->expected[from % HISTORY][i];
			w->wrong_new = w->expected[to % HISTORY][i];
			w->wrong_addr = w->probe[i];
		}
		/* Not after each burst, so that freed blocks pile up behind a reader. */
		if (burst % 4 == 3)
			rte_rcu_qsbr_quiescent(w->qsbr, 0);
	}
	rte_rcu_qsbr_thread_offline(w->qsbr, 0);
	__atomic_store_n(&w->stop, true, __ATOMIC_RELEASE);
	return NULL;
}

static uint64_t env_number(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text != NULL ? strtoull(text, NULL, 0) : otherwise;
}

static void run(uint8_t family)
{
	struct world *w = calloc(1, sizeof(*w));
	struct fib_conf conf = {
		/* Fewer than there are /24s with longer prefixes: each is soon used again. */
		.max_v4_groups = 20,
		.qsbr = aligned_alloc(RTE_CACHE_LINE_SIZE, rte_rcu_qsbr_get_memsize(1)),
	};
	pthread_t thread;

	assert_non_null(w);
	assert_non_null(conf.qsbr);
	w->family = family;
	w->qsbr = conf.qsbr;
	w->rng = env_number("NVAD_TEST_SEED", time(NULL));
	print_message("NVAD_TEST_SEED=%llu\n", (unsigned long long)w->rng);
	w->lookups_wanted = env_number("NVAD_LOOKUPS",
		env_number("NVAD_LONG", 0) != 0 ? 1000000000 : 10000000);
	make_world(w);
	assert_int_equal(rte_rcu_qsbr_init(conf.qsbr, 1), 0);
	rte_rcu_qsbr_thread_register(conf.qsbr, 0);
	w->fib = fib_new(&conf);
	assert_non_null(w->fib);
	assert_int_equal(pthread_create(&thread, NULL, reader, w), 0);
	while (!__atomic_load_n(&w->stop, __ATOMIC_ACQUIRE))
		change(w);
	pthread_join(thread, NULL);
	print_message("%llu lookups, %llu bursts during a change, %llu not judged; %llu adds, "
		"%llu replaces, %llu deletes, %llu refused\n", (unsigned long long)w->lookups,
		(unsigned long long)w->overlapped, (unsigned long long)w->skipped,
		(unsigned long long)w->adds, (unsigned long long)w->replaces,
		(unsigned long long)w->dels, (unsigned long long)w->refused);
	if (w->wrong > 0)
		fail_msg("%s got %u, neither %u nor %u", IP_ADDR_TEXT(&w->wrong_addr), w->wrong_got,
			w->wrong_old, w->wrong_new);
	assert_true(w->skipped < w->lookups / 100);
	assert_true(w->adds > 0 && w->replaces > 0 && w->dels > 0);
	fib_free(w->fib);
	free(conf.qsbr);
	free(w);
}

static void test_v4(void **state)
{
	(void)state;
	run(IP_V4);
}

static void test_v6(void **state)
{
	(void)state;
	run(IP_V6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_v4),
		cmocka_unit_test(test_v6),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
