/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The forwarding table beside DPDK's own, in one run: lookups of random destinations in bursts of
 * 64, the load of the real table route by route in random order, single changes, memory.
 *
 * bench_lpm [--json] [PREFIXES]. Lookup windows alternate between the structures. Ticks are TSC's.
 */
#include <err.h>
#include <getopt.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_fib.h>
#include <rte_fib6.h>
#include <rte_log.h>
#include <rte_lpm.h>
#include <rte_malloc.h>
#include <rte_version.h>

#include "fib/fib.h"
#include "fib/nh.h"
#include "prefixes.h"
#include "report.h"

#define DESTINATIONS (1u << 20)
#define BURST 64
#define WINDOWS 9
#define WINDOW_TRIES 50
#define LOADS 5
#define CHANGES 20000u /* a window of deletes and adds */
#define NEXT_HOPS 1000
#define LPM_SECONDS 2
/* Huge pages of 2 MB that rte_fib and rte_fib6 need for the real tables. */
#define HUGE_PAGES_WANTED 380

struct v6_bytes {
	uint8_t b[16];
};

/* rte_fib6's addresses got a type of their own. */
#if RTE_VERSION >= RTE_VERSION_NUM(24, 11, 0, 0)
#define FIB6_ADDR(bytes) ((const struct rte_ipv6_addr *)(bytes))
#define FIB6_ADDRS(bytes) ((const struct rte_ipv6_addr *)(bytes))
#else
#define FIB6_ADDR(bytes) (bytes)
#define FIB6_ADDRS(bytes) ((uint8_t(*)[16])(bytes))
#endif

/* All that is measured; one family at a time, so that it fits 1 GB of huge pages. */
struct rig {
	struct report *report;
	struct prefixes list;
	struct ip_addr *dst;
	/* Destinations as each interface wants them. */
	uint32_t *v4;
	struct fib_v6_key *v6;
	struct v6_bytes *v6_bytes;
	struct fib *own;
	struct rte_fib *fib;
	struct rte_fib6 *fib6;
	struct rte_lpm *lpm;
	uint8_t family;
};

static volatile uint64_t sink;

static uint32_t nh_of(size_t i)
{
	return 1 + i % NEXT_HOPS;
}

static uint32_t v4_of(const struct ip_addr *a)
{
	return rte_be_to_cpu_32(ip_addr_be32(a));
}

static double seconds_since(uint64_t start)
{
	return (double)(rte_rdtsc() - start) / rte_get_tsc_hz();
}

static size_t heap_bytes(void)
{
	struct rte_malloc_socket_stats s;

	return rte_malloc_get_socket_stats(0, &s) == 0 ? s.heap_allocsz_bytes : 0;
}

/* One way to do the same work: a burst of lookups, and a change. */
struct subject {
	const char *name;
	void (*burst)(const struct rig *r, size_t at, uint64_t *sum);
	int (*add)(struct rig *r, size_t i);
	int (*del)(struct rig *r, size_t i);
};

static void own_v4_burst(const struct rig *r, size_t at, uint64_t *sum)
{
	uint32_t nh[BURST];

	fib_lookup_v4_burst(r->own, r->v4 + at, nh, BURST);
	*sum += nh[0] + nh[BURST - 1];
}

static void own_v6_burst(const struct rig *r, size_t at, uint64_t *sum)
{
	uint32_t nh[BURST];

	fib_lookup_v6_burst(r->own, r->v6 + at, nh, BURST);
	*sum += nh[0] + nh[BURST - 1];
}

static void peer4_burst(const struct rig *r, size_t at, uint64_t *sum)
{
	uint64_t nh[BURST];

	rte_fib_lookup_bulk(r->fib, r->v4 + at, nh, BURST);
	*sum += nh[0] + nh[BURST - 1];
}

static void peer6_burst(const struct rig *r, size_t at, uint64_t *sum)
{
	uint64_t nh[BURST];

	rte_fib6_lookup_bulk(r->fib6, FIB6_ADDRS(r->v6_bytes + at), nh, BURST);
	*sum += nh[0] + nh[BURST - 1];
}

static void lpm_burst(const struct rig *r, size_t at, uint64_t *sum)
{
	uint32_t nh[BURST];

	rte_lpm_lookup_bulk(r->lpm, r->v4 + at, nh, BURST);
	*sum += nh[0] + nh[BURST - 1];
}

static int own_add(struct rig *r, size_t i)
{
	return fib_add(r->own, &r->list.p[i], nh_of(i));
}

static int own_del(struct rig *r, size_t i)
{
	return fib_del(r->own, &r->list.p[i]);
}

static int peer4_add(struct rig *r, size_t i)
{
	const struct ip_prefix *p = &r->list.p[i];

	return rte_fib_add(r->fib, v4_of(&p->addr), p->len, nh_of(i));
}

static int peer4_del(struct rig *r, size_t i)
{
	return rte_fib_delete(r->fib, v4_of(&r->list.p[i].addr), r->list.p[i].len);
}

static int peer6_add(struct rig *r, size_t i)
{
	const struct ip_prefix *p = &r->list.p[i];

	return rte_fib6_add(r->fib6, FIB6_ADDR(p->addr.bytes), p->len, nh_of(i));
}

static int peer6_del(struct rig *r, size_t i)
{
	return rte_fib6_delete(r->fib6, FIB6_ADDR(r->list.p[i].addr.bytes), r->list.p[i].len);
}

static const struct subject own_v4 = {"dir24_8-v4", own_v4_burst, own_add, own_del};
static const struct subject own_v6 = {"poptrie-v6", own_v6_burst, own_add, own_del};
static const struct subject peer_v4 = {"rte_fib-v4", peer4_burst, peer4_add, peer4_del};
static const struct subject peer_v6 = {"rte_fib6-v6", peer6_burst, peer6_add, peer6_del};
static const struct subject peer_lpm = {"rte_lpm-v4", lpm_burst, NULL, NULL};

static void put(struct rig *r, const struct subject *s, const char *what, const char *unit,
	const double *v, size_t n, const double *base, size_t n_base)
{
	char name[64];

	snprintf(name, sizeof(name), "%s-%s", s->name, what);
	report_add(r->report, name, unit, v, n, base, n_base);
}

static double load_all(struct rig *r, const struct subject *s)
{
	uint64_t start = rte_rdtsc();

	for (size_t i = 0; i < r->list.n; i++) {
		int rc = s->add(r, i);

		if (rc != 0)
			errx(1, "%s: add %s: %s", s->name, IP_PREFIX_TEXT(&r->list.p[i]),
				rte_strerror(-rc));
	}
	return seconds_since(start);
}

static struct fib *own_new(void)
{
	const struct fib_conf conf = {.max_v4_groups = 65536};
	struct fib *f = fib_new(&conf);

	if (f == NULL)
		err(1, "fib_new");
	return f;
}

static void peer_new(struct rig *r)
{
	struct rte_fib_conf conf = {
		.type = RTE_FIB_DIR24_8,
		.max_routes = r->list.n + 1,
		.dir24_8 = {.nh_sz = RTE_FIB_DIR24_8_4B, .num_tbl8 = 4096},
	};
	struct rte_fib6_conf conf6 = {
		.type = RTE_FIB6_TRIE,
		.max_routes = r->list.n + 1,
		/* Fewer and it refuses routes: it reserves for the worst case. */
		.trie = {.nh_sz = RTE_FIB6_TRIE_4B, .num_tbl8 = 520000},
	};

	if (r->family == IP_V4)
		r->fib = rte_fib_create("bench", 0, &conf);
	else
		r->fib6 = rte_fib6_create("bench", 0, &conf6);
	if (r->fib == NULL && r->fib6 == NULL)
		errx(1, "rte_fib: %s", rte_strerror(rte_errno));
}

/* Loads, with the time and memory they take, and leaves both loaded. */
static void bench_load(struct rig *r, const struct subject *own, const struct subject *peer)
{
	double own_s[LOADS], peer_s, own_b, peer_b;
	size_t before = heap_bytes();
	struct fib_stats stats;

	peer_new(r);
	peer_s = load_all(r, peer);
	peer_b = (double)(heap_bytes() - before) / r->list.n;
	for (unsigned int i = 0; i < LOADS; i++) {
		uint64_t start;

		fib_free(r->own);
		start = rte_rdtsc();
		r->own = own_new();
		/* With the table's making: the kernel clears its pages as the adds touch them. */
		own_s[i] = seconds_since(start);
		own_s[i] += load_all(r, own);
	}
	fib_get_stats(r->own, &stats);
	own_b = (double)(r->family == IP_V4 ? stats.v4_bytes : stats.v6_bytes) / r->list.n;
	put(r, own, "load", "s", own_s, LOADS, &peer_s, 1);
	put(r, peer, "load", "s", &peer_s, 1, NULL, 0);
	put(r, own, "bytes-per-route", "bytes", &own_b, 1, &peer_b, 1);
	put(r, peer, "bytes-per-route", "bytes", &peer_b, 1, NULL, 0);
}

/* Both give each destination the same next hop, or the figures mean nothing. */
static void check_equal(const struct rig *r)
{
	for (size_t i = 0; i < DESTINATIONS; i++) {
		uint32_t own = fib_lookup(r->own, &r->dst[i]);
		uint64_t peer;

		if (r->family == IP_V4)
			rte_fib_lookup_bulk(r->fib, r->v4 + i, &peer, 1);
		else
			rte_fib6_lookup_bulk(r->fib6, FIB6_ADDRS(r->v6_bytes + i), &peer, 1);
		if (own != peer || own == NH_NONE)
			errx(1, "%s: next hop %u here, %lu by DPDK", IP_ADDR_TEXT(&r->dst[i]), own,
				(unsigned long)peer);
	}
}

/* How long this thread was ready to run and did not. */
static uint64_t waited_ns(void)
{
	unsigned long long ran, waited = 0;
	FILE *f = fopen("/proc/thread-self/schedstat", "r");

	if (f != NULL) {
		if (fscanf(f, "%llu %llu", &ran, &waited) != 2)
			waited = 0;
		fclose(f);
	}
	return waited;
}

/* Ticks a lookup, over all destinations; again where others had the CPU meanwhile. */
static double window(const struct rig *r, const struct subject *s, size_t among)
{
	double ticks = 0;

	for (unsigned int try = 0; try < WINDOW_TRIES; try++) {
		uint64_t waited = waited_ns(), start, sum = 0;

		/* Fetches the code; these destinations come last again. */
		s->burst(r, among - BURST, &sum);
		start = rte_rdtsc();
		for (size_t done = 0; done < DESTINATIONS; done += BURST)
			s->burst(r, done & (among - 1), &sum);
		ticks = rte_rdtsc() - start;
		sink += sum;
		waited = waited_ns() - waited;
		if (waited < ticks / rte_get_tsc_hz() * 1e9 / 100)
			break;
	}
	return ticks / DESTINATIONS;
}

static void bench_lookup(struct rig *r, const struct subject *own, const struct subject *peer,
	const struct subject *third, const char *what, size_t among)
{
	double a[WINDOWS], b[WINDOWS], c[WINDOWS];

	for (unsigned int w = 0; w < WINDOWS; w++) {
		a[w] = window(r, own, among);
		b[w] = window(r, peer, among);
		if (third != NULL)
			c[w] = window(r, third, among);
	}
	put(r, own, what, "ticks/lookup", a, WINDOWS, b, WINDOWS);
	put(r, peer, what, "ticks/lookup", b, WINDOWS, NULL, 0);
	if (third != NULL)
		put(r, third, what, "ticks/lookup", c, WINDOWS, NULL, 0);
}

/* Deletes some routes and adds them again. The list is in random order already. */
static void change_window(struct rig *r, const struct subject *s, size_t first, double *ret_del,
	double *ret_add)
{
	size_t n = RTE_MIN((size_t)CHANGES, r->list.n / WINDOWS);
	uint64_t start = rte_rdtsc();
	int bad = 0;

	for (size_t i = first; i < first + n; i++)
		bad |= s->del(r, i);
	*ret_del = seconds_since(start) * 1e6 / n;
	start = rte_rdtsc();
	for (size_t i = first; i < first + n; i++)
		bad |= s->add(r, i);
	*ret_add = seconds_since(start) * 1e6 / n;
	if (bad != 0)
		errx(1, "%s: a change failed: %s", s->name, rte_strerror(-bad));
}

static void bench_change(struct rig *r, const struct subject *own, const struct subject *peer)
{
	double od[WINDOWS], oa[WINDOWS], pd[WINDOWS], pa[WINDOWS];

	for (unsigned int w = 0; w < WINDOWS; w++) {
		size_t first = w * (r->list.n / WINDOWS);

		change_window(r, own, first, &od[w], &oa[w]);
		change_window(r, peer, first, &pd[w], &pa[w]);
	}
	put(r, own, "add", "us", oa, WINDOWS, pa, WINDOWS);
	put(r, peer, "add", "us", pa, WINDOWS, NULL, 0);
	put(r, own, "delete", "us", od, WINDOWS, pd, WINDOWS);
	put(r, peer, "delete", "us", pd, WINDOWS, NULL, 0);
}

/* rte_lpm's adds are quadratic: what it gets into its table in the time it is given. */
static void load_lpm(struct rig *r)
{
	const struct rte_lpm_config conf = {.max_rules = r->list.n, .number_tbl8s = 4096};
	uint64_t start = rte_rdtsc();
	double bytes, taken;
	size_t i, before = heap_bytes();

	r->lpm = rte_lpm_create("bench", 0, &conf);
	if (r->lpm == NULL)
		errx(1, "rte_lpm: %s", rte_strerror(rte_errno));
	bytes = heap_bytes() - before;
	for (i = 0; i < r->list.n; i++) {
		if (rte_lpm_add(r->lpm, v4_of(&r->list.p[i].addr), r->list.p[i].len, nh_of(i)) != 0)
			break;
		if (i % 64 == 0 && seconds_since(start) > LPM_SECONDS)
			break;
	}
	taken = seconds_since(start);
	report_note(r->report, "rte_lpm took %zu of %zu routes in %.1f s (time-boxed) and %.0f MB; "
		"its lookups are over those.", i, r->list.n, taken, bytes / 1e6);
}

static void rig_init(struct rig *r, struct report *report, const struct prefixes *list)
{
	*r = (struct rig){
		.report = report,
		.list = *list,
		.family = list->p[0].addr.family,
		.dst = calloc(DESTINATIONS, sizeof(*r->dst)),
		.v4 = calloc(DESTINATIONS, sizeof(*r->v4)),
		.v6 = calloc(DESTINATIONS, sizeof(*r->v6)),
		.v6_bytes = calloc(DESTINATIONS, sizeof(*r->v6_bytes)),
	};
	if (r->dst == NULL || r->v4 == NULL || r->v6 == NULL || r->v6_bytes == NULL)
		err(1, "destinations");
	prefixes_draw(list, 2, r->dst, DESTINATIONS);
	for (size_t i = 0; i < DESTINATIONS; i++) {
		rte_be64_t w[2];

		memcpy(w, r->dst[i].bytes, sizeof(w));
		memcpy(r->v6_bytes[i].b, r->dst[i].bytes, sizeof(w));
		r->v4[i] = v4_of(&r->dst[i]);
		r->v6[i] = (struct fib_v6_key){rte_be_to_cpu_64(w[0]), rte_be_to_cpu_64(w[1])};
	}
}

static void rig_fini(struct rig *r)
{
	fib_free(r->own);
	rte_fib_free(r->fib);
	rte_fib6_free(r->fib6);
	rte_lpm_free(r->lpm);
	free(r->dst);
	free(r->v4);
	free(r->v6);
	free(r->v6_bytes);
}

static void bench_family(struct report *report, const struct prefixes *list)
{
	bool v4 = list->p[0].addr.family == IP_V4;
	const struct subject *own = v4 ? &own_v4 : &own_v6, *peer = v4 ? &peer_v4 : &peer_v6;
	struct rig r;

	rig_init(&r, report, list);
	bench_load(&r, own, peer);
	check_equal(&r);
	if (v4)
		load_lpm(&r);
	bench_lookup(&r, own, peer, v4 ? &peer_lpm : NULL, "random", DESTINATIONS);
	bench_lookup(&r, own, peer, v4 ? &peer_lpm : NULL, "hot", 4096);
	bench_change(&r, own, peer);
	check_equal(&r);
	rig_fini(&r);
}

static unsigned long huge_pages_free(void)
{
	unsigned long n = 0;
	FILE *f = fopen("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "r");

	if (f != NULL) {
		if (fscanf(f, "%lu", &n) != 1)
			n = 0;
		fclose(f);
	}
	return n;
}

/* On the last CPU that we may use, alone. Returns whether huge pages serve DPDK's tables. */
static bool start_eal(const char *self)
{
	bool huge = huge_pages_free() >= HUGE_PAGES_WANTED;
	char lcores[16] = "0";
	cpu_set_t cpus;
	char *argv[16];
	int argc = 0;

	if (sched_getaffinity(0, sizeof(cpus), &cpus) == 0)
		for (int c = 0; c < CPU_SETSIZE; c++)
			if (CPU_ISSET(c, &cpus))
				snprintf(lcores, sizeof(lcores), "0@%d", c);
	argv[argc++] = (char *)self;
	argv[argc++] = (char *)"--lcores";
	argv[argc++] = lcores;
	argv[argc++] = (char *)"--no-pci";
	argv[argc++] = (char *)"--no-telemetry";
	argv[argc++] = (char *)"--log-level=error";
	if (huge) {
		argv[argc++] = (char *)"--in-memory";
	} else {
		/* EAL refuses the two together. */
		argv[argc++] = (char *)"--no-shconf";
		argv[argc++] = (char *)"--no-huge";
		argv[argc++] = (char *)"-m";
		argv[argc++] = (char *)"1536";
	}
	if (rte_eal_init(argc, argv) < 0)
		errx(1, "EAL: %s", rte_strerror(rte_errno));
	return huge;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {{"json", no_argument, NULL, 'j'}, {0}};
	struct prefixes v4, v6;
	struct report *report;
	bool json = false, huge;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c != 'j')
			errx(2, "usage: bench_lpm [--json] [PREFIXES]");
		json = true;
	}
	if (argc - optind > 1)
		errx(2, "usage: bench_lpm [--json] [PREFIXES]");
	prefixes_load(argv[optind], &v4, &v6);
	huge = start_eal(argv[0]);
	report = report_new("lpm");
	report_note(report, "%zu IPv4 and %zu IPv6 routes; bursts of %d of %u destinations "
		"(hot: 4096); TSC ticks; DPDK's tables on %s pages.", v4.n, v6.n, BURST,
		DESTINATIONS, huge ? "huge" : "SMALL");
	bench_family(report, &v4);
	bench_family(report, &v6);
	report_print(report, json);
	report_free(report);
	free(v4.p);
	free(v6.p);
	return 0;
}
