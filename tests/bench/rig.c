/* SPDX-License-Identifier: BSD-3-Clause */
/* The rig's port, windows and tables: see rig.h. */
#include "rig.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_lcore.h>
#include <rte_malloc.h>
#include <rte_memcpy.h>

#define POOL_SIZE 16383
#define OVER_POOL_SIZE 262143 /* net_pcap keeps the whole file in packets */
#define OVER_ROOM 512
#define OVER_MTU 256 /* what fits there */
#define WINDOWS_DEFAULT 15
/* After the baseline a large table has to be found by the cache again: in 5 ms that is a tenth. */
#define WINDOW_MS_DEFAULT 20
#define WINDOW_TRIES 12
#define PREFETCH 16

/* The port: what its rx draws from, and who looks at what it sends. */
static struct {
	const struct rig_frame *frames;
	uint32_t n, at;
	bool once;
	uint16_t port;
	struct rte_mempool *pool;
	rig_look_fn look;
	void *look_arg;
	uint16_t over; /* the device of --over */
} source;

void rig_die(const struct rig *rig, const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "bench_%s: ", rig->bench);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(1);
}

static uint16_t source_rx(void *queue, struct rte_mbuf **pkts, uint16_t n)
{
	uint32_t at = source.at;

	(void)queue;
	if (source.once)
		n = RTE_MIN((uint32_t)n, source.n - at);
	if (n == 0 || rte_pktmbuf_alloc_bulk(source.pool, pkts, n) != 0)
		return 0;
	for (uint16_t i = 0; i < n; i++) {
		struct rte_mbuf *m = pkts[i];

		rte_mov64(rte_pktmbuf_mtod(m, uint8_t *), source.frames[at].bytes);
		rte_prefetch0(&source.frames[at + PREFETCH]);
		m->data_len = RIG_FRAME_LEN;
		m->pkt_len = RIG_FRAME_LEN;
		m->port = source.port;
		if (++at == source.n && !source.once)
			at = 0;
	}
	source.at = at;
	return n;
}

static uint16_t sink_tx(void *queue, struct rte_mbuf **pkts, uint16_t n)
{
	(void)queue;
	if (source.look != NULL)
		for (uint16_t i = 0; i < n; i++)
			source.look(source.look_arg, rte_pktmbuf_mtod(pkts[i], const uint8_t *),
				pkts[i]->data_len);
	rte_pktmbuf_free_bulk(pkts, n);
	return n;
}

static uint16_t over_rx(void *queue, struct rte_mbuf **pkts, uint16_t n)
{
	(void)queue;
	return rte_eth_rx_burst(source.over, 0, pkts, n);
}

static uint16_t over_tx(void *queue, struct rte_mbuf **pkts, uint16_t n)
{
	(void)queue;
	return rte_eth_tx_burst(source.over, 0, pkts, n);
}

void rig_deliver(const struct rig_frame *frames, uint32_t n, bool once)
{
	source.frames = frames;
	source.n = n;
	source.at = 0;
	source.once = once;
}

uint32_t rig_delivered(void)
{
	return source.at;
}

void rig_look(rig_look_fn fn, void *arg)
{
	source.look = fn;
	source.look_arg = arg;
}

bool rig_wants(const struct rig *rig, const char *name)
{
	return rig->only == NULL || strcmp(rig->only, name) == 0;
}

struct rig_frame *rig_frames_new(const struct rig *rig, uint32_t n)
{
	struct rig_frame *frames = rte_zmalloc("frames", n * sizeof(*frames), 64);

	if (frames == NULL)
		rig_die(rig, "no memory for the frames");
	return frames;
}

uint32_t rig_neighbour(struct rig *rig, unsigned int i)
{
	struct nh nh = {
		.dst_mac.addr_bytes = {2, 0, 0, 0, 1, i},
		.src_mac = rig->port->mac,
		.kind = NH_FORWARD,
		.family = IP_V4,
		.port = rig->port->id,
		.mtu_bytes = 1500,
		.addr = ip_addr_v4(rte_cpu_to_be_32(0x0a000001 + i)),
	};
	uint32_t index = nh_new(rig->conf.nh, &nh);

	if (index == NH_NONE)
		rig_die(rig, "no next hop");
	return index;
}

struct worker *rig_walk_new(struct rig *rig, const char *name, struct nat *nat)
{
	struct worker_conf conf = rig->conf;
	struct worker *w;

	conf.nat = nat;
	w = worker_new(&conf, 0, rte_lcore_id(), name, graph_nodes);
	if (w == NULL)
		rig_die(rig, "graph: %s", strerror(errno));
	return w;
}

struct worker *rig_empty_new(struct rig *rig)
{
	static const char *const nodes[] = {"rx-empty", "tx", NULL};
	const char *next[] = {"tx"};
	rte_node_t id = rte_node_clone(rte_node_from_name("rx"), "empty");
	struct worker *w;

	if (id == RTE_NODE_ID_INVALID || rte_node_edge_update(id, 0, next, 1) != 1)
		rig_die(rig, "empty graph");
	w = worker_new(&rig->conf, 0, rte_lcore_id(), "empty", nodes);
	if (w == NULL)
		rig_die(rig, "graph: %s", strerror(errno));
	return w;
}

uint64_t rig_waited_ns(void)
{
	FILE *f = fopen("/proc/thread-self/schedstat", "r");
	unsigned long ran, waited = 0;

	if (f == NULL)
		return 0; /* the kernel keeps no count */
	if (fscanf(f, "%lu %lu", &ran, &waited) != 2)
		waited = 0;
	fclose(f);
	return waited;
}

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

double rig_window(struct rig *rig, struct worker *w)
{
	double ticks = 0;

	for (unsigned int i = 0; i < WINDOW_TRIES; i++) {
		uint64_t waited = rig_waited_ns();

		ticks = window_once(w, rig->ms);
		if (rig_waited_ns() - waited <= rig->ms * UINT64_C(10000))
			return ticks;
		rig->repeated++;
	}
	rig->disturbed++;
	return ticks;
}

void rig_note_nodes(struct rig *rig, const char *name, struct worker *w)
{
	struct node_stats nodes[GRAPH_NODES_MAX] = {0};
	char line[512];
	int len = snprintf(line, sizeof(line), "%-9s by node:", name);

	worker_add_node_stats(w, nodes, RTE_DIM(nodes));
	for (unsigned int i = 0; i < RTE_DIM(nodes); i++)
		if (nodes[i].packets > 0 && nodes[i].cycles > 0)
			len += snprintf(line + len, sizeof(line) - len, " %s %.1f", nodes[i].name,
				(double)nodes[i].cycles / nodes[i].packets);
	report_note(rig->report, "%s", line);
}

void rig_check_no_drops(const struct rig *rig, const char *name)
{
	for (enum drop_reason r = 0; r < DROP_REASON_MAX; r++)
		if (drop_total(r) != 0)
			rig_die(rig, "%s: %lu packets dropped: %s", name,
				(unsigned long)drop_total(r), drop_info[r].name);
}

void rig_case(struct rig *rig, const char *name, struct worker *walk, struct worker *base)
{
	double *samples = calloc(2 * rig->windows, sizeof(*samples));
	double *base_samples = samples + rig->windows;

	if (samples == NULL)
		rig_die(rig, "no memory for samples");
	rig_window(rig, walk);
	memset(walk->time, 0, sizeof(walk->time));
	for (unsigned int i = 0; i < rig->windows; i++) {
		base_samples[i] = rig_window(rig, base);
		samples[i] = rig_window(rig, walk);
	}
	rig_check_no_drops(rig, name);
	report_add(rig->report, name, "cycles/packet", samples, rig->windows, base_samples,
		rig->windows);
	rig_note_nodes(rig, name, walk);
	free(samples);
}

static void port_open_null(struct rig *rig)
{
	struct config_port conf = {
		.name = "bench", .device.kind = CONFIG_DEVICE_NULL,
		.mtu_bytes = rig->over != NULL ? OVER_MTU : 1500,
	};
	char err[256];

	rig->port = port_open(&conf, 1, rig->conf.pool, err, sizeof(err));
	if (rig->port == NULL)
		rig_die(rig, "%s", err);
	source.port = rig->port->id;
	source.pool = rig->conf.pool;
	rte_eth_fp_ops[rig->port->id].rx_pkt_burst = rig->over != NULL ? over_rx : source_rx;
	rte_eth_fp_ops[rig->port->id].tx_pkt_burst = rig->over != NULL ? over_tx : sink_tx;
}

static void over_open(struct rig *rig)
{
	struct rte_eth_conf conf = {0};
	char name[RTE_DEV_NAME_MAX_LEN];

	rig->port->mac = (struct rte_ether_addr){.addr_bytes = {2, 0, 0, 0, 0, 1}};
	snprintf(name, sizeof(name), "%.*s", (int)strcspn(rig->over, ","), rig->over);
	if (rte_dev_probe(rig->over) != 0 || rte_eth_dev_get_port_by_name(name, &source.over) != 0)
		rig_die(rig, "no device %s", rig->over);
	if (rte_eth_dev_configure(source.over, 1, 1, &conf) != 0 ||
		rte_eth_rx_queue_setup(source.over, 0, 512, SOCKET_ID_ANY, NULL, rig->conf.pool) != 0 ||
		rte_eth_tx_queue_setup(source.over, 0, 512, SOCKET_ID_ANY, NULL) != 0 ||
		rte_eth_dev_start(source.over) != 0)
		rig_die(rig, "device %s does not start", rig->over);
}

static void tables_make(struct rig *rig)
{
	struct worker_conf *conf = &rig->conf;

	*conf = (struct worker_conf){.workers = 1, .poll = CONFIG_POLL_BUSY};
	if (pkt_meta_register() != 0)
		rig_die(rig, "mbuf field");
	conf->pool = rte_pktmbuf_pool_create("bench", rig->over != NULL ? OVER_POOL_SIZE : POOL_SIZE,
		512, 0, rig->over != NULL ? OVER_ROOM : RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	if (conf->pool == NULL)
		rig_die(rig, "no memory for packets");
	conf->qsbr = rte_zmalloc("qsbr", rte_rcu_qsbr_get_memsize(1), RTE_CACHE_LINE_SIZE);
	if (conf->qsbr == NULL || rte_rcu_qsbr_init(conf->qsbr, 1) != 0)
		rig_die(rig, "qsbr");
	rte_rcu_qsbr_thread_register(conf->qsbr, 0);
	rte_rcu_qsbr_thread_online(conf->qsbr, 0);
	conf->nh = nh_table_new(1024, 16, conf->qsbr);
	conf->punt = punt_new(1, 1024, conf->pool);
	if (conf->nh == NULL || conf->punt == NULL)
		rig_die(rig, "tables");
}

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

static void eal_start(const struct rig *rig, bool huge, const char *lcore, unsigned int memory_mb)
{
	unsigned int wanted = memory_mb / 2; /* pages of 2 MB */
	char memory[16];

	if (huge && huge_pages_free() < wanted) {
		fprintf(stderr, "bench_%s: %u of the wanted %u huge pages of 2 MB are free: this run has "
				"4 KiB pages and is slower; see /proc/sys/vm/nr_hugepages\n",
			rig->bench, huge_pages_free(), wanted);
		huge = false;
	}
	snprintf(memory, sizeof(memory), "%u", memory_mb);

	char *huge_args[] = {"bench", "--no-pci", "--no-telemetry", "--log-level=4", "-l",
		(char *)(uintptr_t)lcore, "--in-memory"};
	/* --in-memory and --no-huge exclude each other in 22.11. */
	char *small_args[] = {"bench", "--no-pci", "--no-telemetry", "--log-level=4", "-l",
		(char *)(uintptr_t)lcore, "--no-shconf", "--no-huge", "-m", memory};

	if (rte_eal_init(huge ? RTE_DIM(huge_args) : RTE_DIM(small_args),
		    huge ? huge_args : small_args) < 0)
		rig_die(rig, "EAL: %s", rte_strerror(rte_errno));
}

static void usage(const struct rig *rig, bool data)
{
	fprintf(stderr, "usage: bench_%s [--json] [--no-huge] [--windows N] [--window-ms MS] [--lcore CPU]\n"
		"       [--only CASE] [--over DEVICE_ARGUMENTS --sessions N]%s\n",
		rig->bench, data ? " [--data PREFIXES.txt.xz]" : "");
	exit(2);
}

void rig_open(struct rig *rig, const char *bench, int argc, char **argv, unsigned int memory_mb,
	const char **ret_data)
{
	static const struct option options[] = {
		{"json", no_argument, NULL, 'j'}, {"no-huge", no_argument, NULL, 'n'},
		{"windows", required_argument, NULL, 'w'},
		{"window-ms", required_argument, NULL, 'm'},
		{"data", required_argument, NULL, 'd'}, {"lcore", required_argument, NULL, 'l'},
		{"over", required_argument, NULL, 'o'}, {"only", required_argument, NULL, 'c'},
		{"sessions", required_argument, NULL, 's'}, {0},
	};
	const char *lcore = "0";
	bool huge = true;
	int c;

	*rig = (struct rig){.bench = bench, .windows = WINDOWS_DEFAULT, .ms = WINDOW_MS_DEFAULT};
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'j')
			rig->json = true;
		else if (c == 'n')
			huge = false;
		else if (c == 'w')
			rig->windows = atoi(optarg);
		else if (c == 'm')
			rig->ms = atoi(optarg);
		else if (c == 'l')
			lcore = optarg;
		else if (c == 'o')
			rig->over = optarg;
		else if (c == 's')
			rig->over_sessions = atoi(optarg);
		else if (c == 'c')
			rig->only = optarg;
		else if (c == 'd' && ret_data != NULL)
			*ret_data = optarg;
		else
			usage(rig, ret_data != NULL);
	}
	if (rig->windows < 5 || rig->ms < 1 || optind != argc)
		usage(rig, ret_data != NULL);
	eal_start(rig, huge, lcore, memory_mb);
	rig->report = report_new(bench);
	tables_make(rig);
	port_open_null(rig);
	if (rig->over != NULL)
		over_open(rig);
}

void rig_close(struct rig *rig)
{
	report_note(rig->report, "%u windows repeated because others took the CPU, %u kept regardless",
		rig->repeated - rig->disturbed, rig->disturbed);
	punt_free(rig->conf.punt);
	if (rig->over != NULL) {
		rte_eth_dev_stop(source.over);
		rte_eth_dev_close(source.over);
	}
	port_close(rig->port);
	nh_table_free(rig->conf.nh);
	rte_mempool_free(rig->conf.pool);
	report_print(rig->report, rig->json);
	report_free(rig->report);
	rte_eal_cleanup();
}
