/* SPDX-License-Identifier: BSD-3-Clause */
/* A million sessions begin, end by their timers, and begin again: nothing is left of them, and what it
 * costs is printed (TSC ticks a session; NVAD_TEST_SESSIONS for another number). */
#include "session_rig.h"

#include <rte_cycles.h>

#define BURST 64

static const char *const kinds[] = {"preserve", "random", "independent"};

static struct nat_ruleset *rules_of(unsigned int kind)
{
	struct config *c = build_config();
	struct nat_ruleset *r;

	/* Independent mappings take a port each. */
	build_pool(c, kind == 2 ? "192.0.2.0 192.0.2.1 192.0.2.2 192.0.2.3 192.0.2.4 192.0.2.5 192.0.2.6 "
				  "192.0.2.7 192.0.2.8 192.0.2.9 192.0.2.10 192.0.2.11 192.0.2.12 "
				  "192.0.2.13 192.0.2.14 192.0.2.15 192.0.2.16 192.0.2.17 192.0.2.18"
				: "192.0.2.1");
	for (unsigned int i = 0; i < 4; i++) /* rules that do not match come first */
		build_snat(c, "10.0.0.0/8", "10.0.0.0/8 172.16.0.0/12 192.168.0.0/16", 0)->exempt = true;
	build_snat(c, "10.0.0.0/8", NULL, 0);
	c->nat.snat[4].port_selection = kind == 1 ? CONFIG_NAT_PORTS_RANDOM : CONFIG_NAT_PORTS_PRESERVE;
	if (kind == 2)
		c->nat.snat[4].mapping = CONFIG_NAT_ENDPOINT_INDEPENDENT;
	r = build_rules(c, 1);
	build_free(c);
	return r;
}

/* The i-th inside endpoint and its remote, each once. */
static struct flow_key4 key_of(uint32_t i)
{
	uint32_t x = i * 2654435761u;

	return (struct flow_key4){
		.src = rte_cpu_to_be_32(0x0a000000 | (x & 0xffff)),
		.dst = rte_cpu_to_be_32(0xc6336400 + i % 200),
		.sport = rte_cpu_to_be_16((uint16_t)(1024 + (x >> 16) % 60000)),
		.dport = rte_cpu_to_be_16((uint16_t)(443 + i % 50)),
		.proto = IPPROTO_UDP,
	};
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Bursts that another program interrupted do not count. */
static double median(uint64_t *ticks, uint32_t n)
{
	qsort(ticks, n, sizeof(*ticks), by_value);
	return n > 0 ? (double)ticks[n / 2] : 0;
}

/* Ticks a session. */
static double create(struct nat_worker *w, uint32_t n, uint32_t salt, uint32_t *ret_refused)
{
	static struct rte_mbuf m = {.port = RIG_INSIDE};
	struct flow_l4 l4 = {.proto = IPPROTO_UDP};
	uint16_t ingress[BURST];
	uint64_t *ticks = calloc(n / BURST + 1, sizeof(*ticks));
	uint32_t refused = 0;
	double each;

	for (unsigned int k = 0; k < BURST; k++)
		ingress[k] = RIG_INSIDE;
	for (uint32_t i = 0; i < n; i += BURST) {
		struct flow_key4 keys[BURST];
		struct flow_tuple tuples[BURST];
		struct nat_plan plans[BURST];
		uint32_t hash[BURST], ref[BURST];
		unsigned int burst = n - i < BURST ? n - i : BURST;
		uint64_t start;

		for (unsigned int k = 0; k < burst; k++)
			keys[k] = key_of(i + k + salt);
		start = rte_rdtsc();
		flow_find4_burst(w->flows, keys, hash, ref, burst);
		nat_session_begin_burst(w);
		for (unsigned int k = 0; k < burst; k++)
			tuples[k] = flow_tuple_of_key4(&keys[k]);
		for (unsigned int k = 0; k < burst; k++) {
			if (k % NAT_PREPARE_MAX == 0)
				nat_session_prepare(w, tuples + k, ingress, plans + k,
					RTE_MIN(burst - k, NAT_PREPARE_MAX));
			refused += nat_session_new(w, &m, &tuples[k], &l4, hash[k], &plans[k]).next !=
				FLOW_NEXT_REWRITE;
		}
		ticks[i / BURST] = rte_rdtsc() - start;
	}
	*ret_refused = refused;
	each = median(ticks, n / BURST) / BURST;
	free(ticks);
	return each;
}

static double expire(struct nat_worker *w)
{
	uint64_t *ticks = calloc(w->flows->used + 1, sizeof(*ticks));
	uint32_t due[BURST], n_full = 0;
	double each;

	while (w->flows->used > 0) {
		uint64_t start = rte_rdtsc();
		unsigned int n = flow_timer_due(w->flows, w->now_ms, due, BURST);

		for (unsigned int i = 0; i < n; i++)
			nat_session_due(w, due[i]);
		if (n == BURST)
			ticks[n_full++] = rte_rdtsc() - start;
		else
			w->now_ms += 500;
	}
	each = median(ticks, n_full) / BURST;
	free(ticks);
	return each;
}

static void test_million(void **state)
{
	const char *text = getenv("NVAD_TEST_SESSIONS");
	uint32_t n = text != NULL ? (uint32_t)strtoul(text, NULL, 0) : 1000000;

	(void)state;
	for (unsigned int kind = 0; kind < 3; kind++) {
		struct rig g;

		rig_init(&g, rules_of(kind), 1, kind == 2 ? 2 * n + 1000 : n + n / 10, 0xfffe0000);
		for (unsigned int round = 0; round < 3; round++) {
			uint32_t refused;
			double made = create(g.w[0], n, round * 7, &refused), ended;

			assert_int_equal(refused, 0);
			assert_int_equal(g.w[0]->counters.created, (uint64_t)(round + 1) * n);
			if (round == 0)
				rig_check(&g, g.w[0]);
			ended = expire(g.w[0]);
			fprintf(stderr, "%-12s %u sessions: begin %.0f, end %.0f ticks each\n",
				kinds[kind], n, made, ended);
			rig_check_empty(&g);
		}
		rig_fini(&g);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_million),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
