/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The forwarder's own cost: cycles (TSC ticks) per 64-byte packet over the whole walk, rx and tx
 * included, in this process on one core. The port is a null device whose rx copies frames from a
 * shuffled table of a million, as a NIC would deliver them, and whose tx frees them. The baseline is
 * the same rig with a graph of rx and tx alone, its windows between those of the case.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_ip.h>
#include <rte_lcore.h>
#include <rte_malloc.h>
#include <rte_udp.h>

#include "graph/graph_priv.h"
#include "packet/checksum.h"
#include "packet/eth.h"
#include "packet/ip6_hdr.h"
#include "packet/meta.h"
#include "prefixes.h"
#include "report.h"

#define FRAMES (1u << 20)
#define FRAME_LEN 64 /* as DPDK counts: without the FCS 60 would do */
#define POOL_SIZE 16383
#define NEIGHBOURS 16
#define WINDOWS_DEFAULT 15
#define WINDOW_MS_DEFAULT 20
#define WINDOW_TRIES 6

struct frame {
	uint8_t bytes[FRAME_LEN];
} __attribute__((aligned(64)));

/* The rig's port: what its rx draws from. */
static struct {
	const struct frame *frames;
	uint32_t at;
	uint16_t port;
	struct rte_mempool *pool;
} source;

static void die(const char *what)
{
	fprintf(stderr, "bench_forward: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint16_t source_rx(void *queue, struct rte_mbuf **pkts, uint16_t n)
{
	(void)queue;
	if (rte_pktmbuf_alloc_bulk(source.pool, pkts, n) != 0)
		return 0;
	for (uint16_t i = 0; i < n; i++) {
		struct rte_mbuf *m = pkts[i];

		rte_mov64(rte_pktmbuf_mtod(m, uint8_t *),
			source.frames[(source.at + i) % FRAMES].bytes);
		m->data_len = FRAME_LEN;
		m->pkt_len = FRAME_LEN;
		m->port = source.port;
	}
	source.at = (source.at + n) % FRAMES;
	return n;
}

static uint16_t sink_tx(void *queue, struct rte_mbuf **pkts, uint16_t n)
{
	(void)queue;
	rte_pktmbuf_free_bulk(pkts, n);
	return n;
}

static void frame_fill(struct frame *f, const struct port *port, const struct ip_addr *dst,
	uint64_t *state)
{
	struct rte_ether_hdr *eth = (void *)f->bytes;
	uint16_t l3_len = FRAME_LEN - PKT_L2_LEN;

	memset(f, 0, sizeof(*f));
	eth->dst_addr = port->mac;
	eth->src_addr.addr_bytes[0] = 2;
	if (dst->family == IP_V4) {
		struct rte_ipv4_hdr *ip = (void *)(eth + 1);

		eth->ether_type = RTE_BE16(RTE_ETHER_TYPE_IPV4);
		ip->version_ihl = RTE_IPV4_VHL_DEF;
		ip->total_length = rte_cpu_to_be_16(l3_len);
		ip->time_to_live = 64;
		ip->next_proto_id = IPPROTO_UDP;
		ip->src_addr = rte_cpu_to_be_32(0x0a000000 | (prefixes_random(state) & 0xffffff));
		ip->dst_addr = ip_addr_be32(dst);
		ip->hdr_checksum = ~checksum_fold(checksum_add(0, ip, sizeof(*ip)));
	} else {
		struct pkt_ip6_hdr *ip = (void *)(eth + 1);

		eth->ether_type = RTE_BE16(RTE_ETHER_TYPE_IPV6);
		ip->vtc_flow = RTE_BE32(0x60000000);
		ip->payload_len = rte_cpu_to_be_16(l3_len - sizeof(*ip));
		ip->hop_limits = 64;
		ip->proto = IPPROTO_UDP;
		memcpy(ip->src_addr, (uint8_t[]){0x20, 1, 0xd, 0xb8, 15}, 5);
		memcpy(ip->dst_addr, dst->bytes, sizeof(ip->dst_addr));
	}
}

/* A million frames to random hosts of random prefixes. */
static struct frame *frames_new(const struct port *port, const struct prefixes *list)
{
	struct frame *frames = rte_malloc("frames", FRAMES * sizeof(*frames), 64);
	struct ip_addr *dst = malloc(FRAMES * sizeof(*dst));
	uint64_t state = 1;

	if (frames == NULL || dst == NULL)
		die("no memory for the frames");
	prefixes_draw(list, 1, dst, FRAMES);
	for (uint32_t i = 0; i < FRAMES; i++)
		frame_fill(&frames[i], port, &dst[i], &state);
	free(dst);
	return frames;
}

/* Martian prefixes of the real list would measure the drop node. */
static void keep_routable(struct prefixes *list)
{
	size_t kept = 0;

	for (size_t i = 0; i < list->n; i++) {
		uint8_t o = list->p[i].addr.bytes[0];
		bool ok = list->p[i].addr.family == IP_V4 ? o != 0 && o != 127 && o < 224 :
							    o != 0 && o < 0xfe;

		if (ok)
			list->p[kept++] = list->p[i];
	}
	list->n = kept;
}

static void routes_add(struct fib *fib, const struct prefixes *list, const uint32_t *nh)
{
	for (size_t i = 0; i < list->n; i++) {
		int ret = fib_add(fib, &list->p[i], nh[i % NEIGHBOURS]);

		if (ret != 0) {
			errno = -ret;
			die("a route was refused");
		}
	}
}

static struct fib *fib_of(const struct prefixes *v4, const struct prefixes *v6, const uint32_t *nh)
{
	struct fib_conf conf = {.max_v4_groups = 65536};
	struct fib *fib = fib_new(&conf);

	if (fib == NULL)
		die("no memory for the table");
	routes_add(fib, v4, nh);
	routes_add(fib, v6, nh);
	return fib;
}

static void neighbours_make(struct nh_table *t, const struct port *port, uint32_t *ret_nh)
{
	for (unsigned int i = 0; i < NEIGHBOURS; i++) {
		struct nh nh = {
			.dst_mac.addr_bytes = {2, 0, 0, 0, 1, i},
			.src_mac = port->mac,
			.kind = NH_FORWARD,
			.family = IP_V4,
			.port = port->id,
			.mtu_bytes = 1500,
			.addr = ip_addr_v4(rte_cpu_to_be_32(0x0a000001 + i)),
		};

		ret_nh[i] = nh_new(t, &nh);
		if (ret_nh[i] == NH_NONE)
			die("no next hop");
	}
}

struct rig {
	struct worker *walk, *empty;
	unsigned int windows, ms;
	unsigned int repeated, disturbed; /* windows that others cut into */
	struct report *report;
};

/* Nanoseconds that this thread was ready and another had its CPU; 0 where the kernel keeps no count. */
static uint64_t waited_ns(void)
{
	FILE *f = fopen("/proc/thread-self/schedstat", "r");
	unsigned long ran, waited = 0;

	if (f == NULL)
		return 0;
	if (fscanf(f, "%lu %lu", &ran, &waited) != 2)
		waited = 0;
	fclose(f);
	return waited;
}

/* One window; returns ticks per packet. */
static double window_once(struct worker *w, unsigned int ms)
{
	uint64_t start, end, until, packets = w->stats.packets;

	w->now = start = rte_rdtsc();
	until = start + rte_get_tsc_hz() / 1000 * ms;
	do {
		for (unsigned int i = 0; i < 64; i++)
			worker_pass(w);
		end = rte_rdtsc();
	} while (end < until);
	return (double)(end - start) / (w->stats.packets - packets);
}

/* A window in which the thread had its CPU for 99 %, of a few tries; the last one where none had. */
static double window(struct rig *rig, struct worker *w)
{
	double ticks = 0;

	for (unsigned int i = 0; i < WINDOW_TRIES; i++) {
		uint64_t waited = waited_ns();

		ticks = window_once(w, rig->ms);
		if (waited_ns() - waited <= rig->ms * UINT64_C(10000))
			return ticks;
		rig->repeated++;
	}
	rig->disturbed++;
	return ticks;
}

static void nodes_note(struct report *report, struct worker *w, const char *name)
{
	struct node_stats nodes[GRAPH_NODES_MAX] = {0};
	char line[512];
	int len = snprintf(line, sizeof(line), "%-9s by node:", name);

	worker_add_node_stats(w, nodes, RTE_DIM(nodes));
	for (unsigned int i = 0; i < RTE_DIM(nodes); i++)
		if (nodes[i].packets > 0 && nodes[i].cycles > 0)
			len += snprintf(line + len, sizeof(line) - len, " %s %.1f", nodes[i].name,
				(double)nodes[i].cycles / nodes[i].packets);
	report_note(report, "%s", line);
}

/* Fails where the case did not forward: a rig that drops would look fast. */
static void check_no_drops(const char *name)
{
	for (enum drop_reason r = 0; r < DROP_REASON_MAX; r++)
		if (drop_total(r) != 0) {
			fprintf(stderr, "bench_forward: %s: %lu packets dropped: %s\n", name,
				(unsigned long)drop_total(r), drop_info[r].name);
			exit(1);
		}
}

static void case_run(struct rig *rig, const char *name, struct fib *fib,
	const struct frame *frames)
{
	double *samples = calloc(rig->windows, sizeof(*samples));
	double *base = calloc(rig->windows, sizeof(*base));

	if (samples == NULL || base == NULL)
		die("samples");
	rig->walk->fib = fib;
	source.frames = frames;
	window(rig, rig->walk);
	memset(rig->walk->time, 0, sizeof(rig->walk->time));
	for (unsigned int i = 0; i < rig->windows; i++) {
		base[i] = window(rig, rig->empty);
		samples[i] = window(rig, rig->walk);
	}
	check_no_drops(name);
	report_add(rig->report, name, "cycles/packet", samples, rig->windows, base, rig->windows);
	nodes_note(rig->report, rig->walk, name);
	free(samples);
	free(base);
}

/* The empty graph: nvad's own rx and tx nodes and nothing between. */
static struct worker *empty_graph_new(const struct worker_conf *conf)
{
	static const char *const nodes[] = {"rx-empty", "tx", NULL};
	const char *next[] = {"tx"};
	rte_node_t id = rte_node_clone(rte_node_from_name("rx"), "empty");

	if (id == RTE_NODE_ID_INVALID || rte_node_edge_update(id, 0, next, 1) != 1)
		die("empty graph");
	return worker_new(conf, 0, rte_lcore_id(), "empty", nodes);
}

static struct port *rig_port_open(struct rte_mempool *pool)
{
	static const struct config_port conf = {
		.name = "bench", .device.kind = CONFIG_DEVICE_NULL, .mtu_bytes = 1500,
	};
	char err[256];
	struct port *port = port_open(&conf, 1, pool, err, sizeof(err));

	if (port == NULL) {
		fprintf(stderr, "bench_forward: %s\n", err);
		exit(1);
	}
	source.port = port->id;
	source.pool = pool;
	rte_eth_fp_ops[port->id].rx_pkt_burst = source_rx;
	rte_eth_fp_ops[port->id].tx_pkt_burst = sink_tx;
	return port;
}

static void worker_conf_make(struct worker_conf *conf)
{
	if (pkt_meta_register() != 0)
		die("mbuf field");
	conf->pool = rte_pktmbuf_pool_create("bench", POOL_SIZE, 512, 0,
		RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	if (conf->pool == NULL)
		die("no memory for packets");
	conf->qsbr = rte_zmalloc("qsbr", rte_rcu_qsbr_get_memsize(1), RTE_CACHE_LINE_SIZE);
	if (conf->qsbr == NULL || rte_rcu_qsbr_init(conf->qsbr, 1) != 0)
		die("qsbr");
	rte_rcu_qsbr_thread_register(conf->qsbr, 0);
	rte_rcu_qsbr_thread_online(conf->qsbr, 0);
	conf->nh = nh_table_new(1024, 16, conf->qsbr);
	conf->punt = punt_new(1, 1024, conf->pool);
	if (conf->nh == NULL || conf->punt == NULL)
		die("tables");
}

static void run(struct report *report, const char *data, unsigned int windows, unsigned int ms)
{
	struct worker_conf conf = {.workers = 1, .poll = CONFIG_POLL_BUSY};
	struct rig rig = {.windows = windows, .ms = ms, .report = report};
	struct ip_prefix one_v4, one_v6;
	struct prefixes one[2] = {{&one_v4, 1}, {&one_v6, 1}}, all[2];
	struct fib *fib_one, *fib_full;
	uint32_t nh[NEIGHBOURS];
	struct port *port;

	prefixes_load(data, &all[0], &all[1]);
	keep_routable(&all[0]);
	keep_routable(&all[1]);
	ip_prefix_parse("198.18.0.0/16", &one_v4);
	ip_prefix_parse("2001:db8::/32", &one_v6);
	worker_conf_make(&conf);
	port = rig_port_open(conf.pool);
	neighbours_make(conf.nh, port, nh);
	fib_one = fib_of(&one[0], &one[1], nh);
	fib_full = fib_of(&all[0], &all[1], nh);
	conf.fib = fib_one;
	rig.walk = worker_new(&conf, 0, rte_lcore_id(), "walk", graph_nodes);
	rig.empty = empty_graph_new(&conf);
	if (rig.walk == NULL || rig.empty == NULL)
		die("graph");
	report_note(report, "%u-byte frames, %u destinations, vectors of %u, %zu + %zu routes, "
		"windows of %u ms, %s pages; cycles are TSC ticks at %lu MHz; baseline: rx to tx",
		FRAME_LEN, FRAMES, GRAPH_RX_BURST, all[0].n, all[1].n, ms,
		rte_eal_has_hugepages() ? "huge" : "4 KiB",
		(unsigned long)(rte_get_tsc_hz() / 1000000));

	for (unsigned int v = 0; v < 2; v++) {
		static const char *const names[2][2] = {{"v4-1route", "v4-full"},
			{"v6-1route", "v6-full"}};
		struct frame *frames = frames_new(port, &one[v]);

		case_run(&rig, names[v][0], fib_one, frames);
		rte_free(frames);
		frames = frames_new(port, &all[v]);
		case_run(&rig, names[v][1], fib_full, frames);
		rte_free(frames);
	}

	report_note(report, "%u windows repeated because others took the CPU, %u kept regardless",
		rig.repeated - rig.disturbed, rig.disturbed);

	worker_free(rig.walk);
	worker_free(rig.empty);
	punt_free(conf.punt);
	port_close(port);
	free(all[0].p);
	free(all[1].p);
	fib_free(fib_one);
	fib_free(fib_full);
	nh_table_free(conf.nh);
	rte_mempool_free(conf.pool);
}

static void usage(void)
{
	fprintf(stderr, "usage: bench_forward [--json] [--no-huge] [--windows N] [--window-ms MS]\n"
		"                     [--lcore CPU] [--data PREFIXES.txt.xz]\n");
	exit(2);
}

/* What the bench wants, as its small pages get it: 512 MB. 0 where there is no such file. */
#define HUGE_PAGES_WANTED 256

static unsigned int huge_pages_free(void)
{
	FILE *f = fopen("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "r");
	unsigned int n = 0;

	if (f == NULL)
		return 0;
	if (fscanf(f, "%u", &n) != 1)
		n = 0;
	fclose(f);
	return n;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"json", no_argument, NULL, 'j'}, {"no-huge", no_argument, NULL, 'n'},
		{"windows", required_argument, NULL, 'w'},
		{"window-ms", required_argument, NULL, 'm'},
		{"data", required_argument, NULL, 'd'}, {"lcore", required_argument, NULL, 'l'}, {0},
	};
	unsigned int windows = WINDOWS_DEFAULT, ms = WINDOW_MS_DEFAULT;
	const char *data = NULL, *lcore = "0";
	bool json = false, huge = true;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'j')
			json = true;
		else if (c == 'n')
			huge = false;
		else if (c == 'w')
			windows = atoi(optarg);
		else if (c == 'm')
			ms = atoi(optarg);
		else if (c == 'l')
			lcore = optarg;
		else if (c == 'd')
			data = optarg;
		else
			usage();
	}
	if (windows < 5 || ms < 1 || optind != argc)
		usage();

	if (huge && huge_pages_free() < HUGE_PAGES_WANTED) {
		fprintf(stderr, "bench_forward: %u of the wanted %u huge pages of 2 MB are free: this run has "
				"4 KiB pages and is slower; see /proc/sys/vm/nr_hugepages\n",
			huge_pages_free(), HUGE_PAGES_WANTED);
		huge = false;
	}

	char *huge_args[] = {"bench_forward", "--no-pci", "--no-telemetry", "--log-level=4", "-l",
		(char *)(uintptr_t)lcore, "--in-memory"};
	/* --in-memory and --no-huge exclude each other in 22.11. */
	char *small_args[] = {"bench_forward", "--no-pci", "--no-telemetry", "--log-level=4", "-l",
		(char *)(uintptr_t)lcore, "--no-shconf", "--no-huge", "-m", "512"};
	char **eal = huge ? huge_args : small_args;
	int eal_argc = huge ? RTE_DIM(huge_args) : RTE_DIM(small_args);

	if (rte_eal_init(eal_argc, eal) < 0) {
		errno = rte_errno;
		die("EAL");
	}
	struct report *report = report_new("forward");

	run(report, data, windows, ms);
	report_print(report, json);
	report_free(report);
	rte_eal_cleanup();
	return 0;
}
