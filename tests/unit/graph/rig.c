/* SPDX-License-Identifier: BSD-3-Clause */
#include "rig.h"

#include <unistd.h>

#include <rte_eal.h>
#include <rte_malloc.h>

struct rig rig;

static struct {
	struct rte_mbuf *pkts[RIG_QUEUE_MAX];
	unsigned int head, tail;
} in[2];

/* The queue argument tells the ports apart: see port_play(). */
static uint16_t play_rx(void *queue, struct rte_mbuf **pkts, uint16_t n)
{
	unsigned int p = (uintptr_t)queue - 1, got = 0;
	unsigned int tail = __atomic_load_n(&in[p].tail, __ATOMIC_ACQUIRE);

	while (got < n && in[p].head < tail)
		pkts[got++] = in[p].pkts[in[p].head++];
	return got;
}

static uint16_t play_tx(void *queue, struct rte_mbuf **pkts, uint16_t n)
{
	uint16_t taken = RTE_MIN((unsigned int)n, rig.tx_room);

	rig.tx_room -= taken;
	for (uint16_t i = 0; i < taken; i++) {
		struct rig_frame *f = &rig.out[rig.n_out];

		if (rig.n_out == RIG_QUEUE_MAX - 1 || pkts[i]->nb_segs != 1 ||
			pkts[i]->pkt_len != pkts[i]->data_len || pkts[i]->pkt_len > sizeof(f->bytes))
			abort();
		f->port = (uintptr_t)queue - 1;
		f->len = pkts[i]->pkt_len;
		memcpy(f->bytes, rte_pktmbuf_mtod(pkts[i], void *), f->len);
		__atomic_store_n(&rig.n_out, rig.n_out + 1, __ATOMIC_RELEASE);
	}
	rte_pktmbuf_free_bulk(pkts, taken);
	return taken;
}

static void capture(enum punt_class c, struct rte_mbuf **pkts, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		struct rig_frame *f = &rig.punted[c][rig.n_punted[c] % 256];

		f->port = pkts[i]->port;
		f->len = pkts[i]->pkt_len;
		memcpy(f->bytes, rte_pktmbuf_mtod(pkts[i], void *), f->len);
		rig.punted_meta[c][rig.n_punted[c] % 256] = *pkt_meta(pkts[i]);
		rig.n_punted[c]++;
	}
	rte_pktmbuf_free_bulk(pkts, n);
}

static void capture_local(void *arg, struct rte_mbuf **pkts, unsigned int n)
{
	(void)arg;
	capture(PUNT_LOCAL, pkts, n);
}

static void capture_neigh(void *arg, struct rte_mbuf **pkts, unsigned int n)
{
	(void)arg;
	capture(PUNT_NEIGH, pkts, n);
}

static void capture_glean(void *arg, struct rte_mbuf **pkts, unsigned int n)
{
	(void)arg;
	capture(PUNT_GLEAN, pkts, n);
}

static void eal_start(void)
{
	char lcores[64];
	char *argv[] = {"test_graph", "--no-huge", "--no-pci", "--no-shconf", "--no-telemetry",
		"--log-level=4", "-m", "256", lcores, NULL};
	unsigned int last = sysconf(_SC_NPROCESSORS_ONLN) - 1;

	/* Two lcores, on whatever CPUs there are. */
	snprintf(lcores, sizeof(lcores), "--lcores=0@(0-%u),1@(0-%u)", last, last);
	if (rte_eal_init(9, argv) < 0 || pkt_meta_register() != 0) {
		fprintf(stderr, "EAL does not start\n");
		exit(1);
	}
}

static void port_play(unsigned int i)
{
	struct config_port *conf = &rig.port_conf[i];
	char err[256] = "";
	struct rte_eth_fp_ops *ops;

	*conf = (struct config_port){.device.kind = CONFIG_DEVICE_NULL, .mtu_bytes = 1500};
	snprintf(conf->name, sizeof(conf->name), "p%u", i);
	rig.port[i] = port_open(conf, 1, rig.conf.pool, err, sizeof(err));
	if (rig.port[i] == NULL || rig.port[i]->id != i) {
		fprintf(stderr, "port %u: %s\n", i, err);
		exit(1);
	}
	ops = &rte_eth_fp_ops[rig.port[i]->id];
	ops->rx_pkt_burst = play_rx;
	ops->tx_pkt_burst = play_tx;
	ops->rxq.data[0] = (void *)(uintptr_t)(i + 1);
	ops->txq.data[0] = (void *)(uintptr_t)(i + 1);
	rig.port[i]->link_up = true;
}

static void route(const char *fmt, unsigned int i, uint32_t nh)
{
	char text[64];
	struct ip_prefix p;

	snprintf(text, sizeof(text), fmt, i);
	if (ip_prefix_parse(text, &p) != 0 || nh == NH_NONE ||
		fib_add((struct fib *)rig.conf.fib, &p, nh) != 0) {
		fprintf(stderr, "route %s\n", text);
		exit(1);
	}
}

static uint32_t next_hop(uint8_t kind, unsigned int port, uint16_t mtu, const char *addr)
{
	struct nh nh = {.kind = kind, .port = port, .mtu_bytes = mtu,
		.src_mac = rig.port[port]->mac, .dst_mac.addr_bytes = {2, 0, 0, 0, port, 2}};

	if (ip_addr_parse(addr, &nh.addr) != 0)
		exit(1);
	nh.family = nh.addr.family;
	return nh_new((struct nh_table *)rig.conf.nh, &nh);
}

static void routes_of_port(unsigned int i)
{
	char a[64];
	struct ip_addr own;

	route("10.0.%u.0/24", i, next_hop(NH_GLEAN, i, 1500, "0.0.0.0"));
	route("2001:db8:%u::/64", i, next_hop(NH_GLEAN, i, 1500, "::"));
	rig.own[i] = next_hop(NH_LOCAL, i, 1500, "0.0.0.0");
	route("10.0.%u.1/32", i, rig.own[i]);
	rig.own6[i] = next_hop(NH_LOCAL, i, 1500, "::");
	route("2001:db8:%u::1/128", i, rig.own6[i]);
	snprintf(a, sizeof(a), "10.0.%u.2", i);
	rig.neighbour[i] = next_hop(NH_FORWARD, i, 1500, a);
	route("10.0.%u.2/32", i, rig.neighbour[i]);
	route("192.0.%u.0/24", i, rig.neighbour[i]);
	snprintf(a, sizeof(a), "2001:db8:%u::2", i);
	rig.neighbour6[i] = next_hop(NH_FORWARD, i, 1500, a);
	route("2001:db8:%u::2/128", i, rig.neighbour6[i]);
	route("2001:db8:10%u::/48", i, rig.neighbour6[i]);

	snprintf(a, sizeof(a), "10.0.%u.1", i);
	ip_addr_parse(a, &own);
	workers_set_port_address(i, &own);
	snprintf(a, sizeof(a), "2001:db8:%u::1", i);
	ip_addr_parse(a, &own);
	workers_set_port_address(i, &own);
}

static void tables_make(void)
{
	static const struct punt_ops ops[PUNT_CLASS_MAX] = {
		[PUNT_LOCAL] = {.input = capture_local},
		[PUNT_NEIGH] = {.input = capture_neigh},
		[PUNT_GLEAN] = {.input = capture_glean},
	};
	struct fib_conf fib_conf = {.max_v4_groups = 64};

	rig.conf.qsbr = rte_zmalloc("qsbr", rte_rcu_qsbr_get_memsize(2), RTE_CACHE_LINE_SIZE);
	if (rig.conf.qsbr == NULL || rte_rcu_qsbr_init(rig.conf.qsbr, 2) != 0)
		exit(1);
	rig.conf.fib = fib_new(&fib_conf);
	rig.conf.nh = nh_table_new(64, 4, NULL);
	rig.conf.punt = punt_new(1, RIG_PUNT_RING, rig.conf.pool);
	if (rig.conf.fib == NULL || rig.conf.nh == NULL || rig.conf.punt == NULL)
		exit(1);
	for (unsigned int c = 0; c < PUNT_CLASS_MAX; c++)
		punt_set_ops(rig.conf.punt, c, &ops[c]);
	routes_of_port(0);
	routes_of_port(1);
	rig.narrow = next_hop(NH_FORWARD, 1, 1300, "10.0.1.3");
	rig.narrow6 = next_hop(NH_FORWARD, 1, 1300, "2001:db8:1::3");
	route("192.168.0.0/24", 0, rig.narrow);
	route("2001:db8:200::/48", 0, rig.narrow6);
	route("192.168.9.9/32", 0, next_hop(NH_NAT, 0, 1500, "192.168.9.9"));
	route("2001:db8:9::9/128", 0, next_hop(NH_NAT, 0, 1500, "2001:db8:9::9"));
	route("198.51.100.0/24", 0, next_hop(NH_DISCARD, 0, 0, "0.0.0.0"));
	route("203.0.113.0/24", 0, next_hop(NH_BLACKHOLE, 0, 0, "0.0.0.0"));
}

void rig_start(void)
{
	eal_start();
	rig.conf.workers = 1;
	rig.conf.poll = CONFIG_POLL_BUSY;
	rig.conf.pool = rte_pktmbuf_pool_create("rig", 8191, 32, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
		SOCKET_ID_ANY);
	if (rig.conf.pool == NULL)
		exit(1);
	port_play(0);
	port_play(1);
	tables_make();
	rte_rcu_qsbr_thread_register(rig.conf.qsbr, 0);
	rte_rcu_qsbr_thread_online(rig.conf.qsbr, 0);
}

void rig_stop(void)
{
	punt_free(rig.conf.punt);
	port_close(rig.port[0]);
	port_close(rig.port[1]);
	fib_free(rig.conf.fib);
	nh_table_free(rig.conf.nh);
	rte_free(rig.conf.qsbr);
	rte_mempool_free(rig.conf.pool);
	rte_eal_cleanup();
}

int rig_setup(void **state)
{
	(void)state;
	rig.worker = worker_new(&rig.conf, 0, 0, "rig", graph_nodes);
	rig.n_out = 0;
	rig.tx_room = UINT32_MAX;
	memset(rig.n_punted, 0, sizeof(rig.n_punted));
	memset(in, 0, sizeof(in));
	for (enum drop_reason r = 0; r < DROP_REASON_MAX; r++)
		rig.drops_before[r] = drop_total(r);
	rig.avail_before = rte_mempool_avail_count(rig.conf.pool);
	return rig.worker == NULL;
}

int rig_teardown(void **state)
{
	unsigned int avail = rte_mempool_avail_count(rig.conf.pool);

	(void)state;
	worker_free(rig.worker);
	rig.worker = NULL;
	if (avail != rig.avail_before) {
		fprintf(stderr, "packets lost: %d\n", (int)(rig.avail_before - avail));
		return -1;
	}
	return 0;
}

static struct rte_mbuf *copy(struct craft *c)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(rig.conf.pool);

	if (m == NULL)
		abort();
	m->data_len = c->m.data_len;
	m->pkt_len = c->m.pkt_len;
	memcpy(rte_pktmbuf_mtod(m, void *), craft_bytes(c), m->data_len);
	*pkt_meta(m) = *pkt_meta(&c->m);
	m->port = c->m.port;
	return m;
}

void rig_in(unsigned int port, struct craft *c)
{
	if (memcmp(craft_bytes(c), CRAFT_MAC_US, 6) == 0)
		memcpy(craft_bytes(c), &rig.port[port]->mac, 6);
	in[port].pkts[in[port].tail] = copy(c);
	__atomic_store_n(&in[port].tail, in[port].tail + 1, __ATOMIC_RELEASE);
}

void rig_walk(void)
{
	while (worker_pass(rig.worker))
		;
	while (punt_poll(rig.conf.punt) > 0)
		;
}

void rig_inject(struct craft *c, enum punt_inject how, uint32_t nh)
{
	struct rte_mbuf *m = copy(c);

	pkt_meta(m)->inject = how;
	pkt_meta(m)->nh = nh;
	punt_inject(rig.conf.punt, m);
}

uint64_t rig_drops(enum drop_reason reason)
{
	return drop_total(reason) - rig.drops_before[reason];
}

uint64_t rig_drops_all(void)
{
	uint64_t sum = 0;

	for (enum drop_reason r = 0; r < DROP_REASON_MAX; r++)
		sum += rig_drops(r);
	return sum;
}
