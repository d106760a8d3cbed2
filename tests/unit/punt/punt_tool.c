/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Two TUN interfaces, and behind them hosts that answer each echo request, in the place of a worker and
 * the network. Run by tests/netns/test_punt.py; ends when its standard input does, with its counters.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <poll.h>

#include <rte_eal.h>
#include <rte_icmp.h>
#include <rte_ip.h>

#include "drop/drop.h"
#include "packet/meta.h"
#include "punt/punt.h"

static struct ip_prefix prefix(const char *text)
{
	struct ip_prefix p = {0};

	if (ip_prefix_parse(text, &p) != 0)
		_exit(3);
	return p;
}

static struct config_address address(const char *text, uint8_t len)
{
	struct config_address a = {.len = len};

	if (ip_addr_parse(text, &a.addr) != 0)
		_exit(3);
	return a;
}

/* The underlay: nothing leads to 192.0.2.128/25. */
static uint32_t resolve(void *arg, const struct ip_addr *dst)
{
	struct ip_prefix hole = prefix("192.0.2.128/25");

	(void)arg;
	return ip_prefix_contains(&hole, dst) ? 0 : 7;
}

static void swap(void *a, void *b, size_t n)
{
	uint8_t tmp[16];

	memcpy(tmp, a, n);
	memcpy(a, b, n);
	memcpy(b, tmp, n);
}

/* An echo request becomes its reply; the checksums do not see the swap, only the type. */
static bool answer(struct rte_mbuf *m)
{
	const struct rte_ether_hdr *eth = rte_pktmbuf_mtod(m, const struct rte_ether_hdr *);
	struct rte_ipv4_hdr *v4 = (void *)(rte_pktmbuf_mtod(m, char *) + sizeof(*eth));
	struct rte_ipv6_hdr *v6 = (void *)v4;
	uint8_t *icmp = (uint8_t *)v4 + 20;

	if (pkt_meta(m)->nh != 7 || pkt_meta(m)->inject != PUNT_INJECT_OUTPUT)
		return false;
	if (eth->ether_type == RTE_BE16(RTE_ETHER_TYPE_IPV4) && v4->next_proto_id == IPPROTO_ICMP &&
		icmp[0] == 8) {
		swap(&v4->src_addr, &v4->dst_addr, 4);
		icmp[0] = 0;
		icmp[2] = icmp[3] = 0;
		uint16_t sum = (uint16_t)~rte_raw_cksum(icmp, rte_be_to_cpu_16(v4->total_length) - 20);
		memcpy(icmp + 2, &sum, 2);
		return true;
	}
	icmp = (uint8_t *)v6 + 40;
	if (eth->ether_type == RTE_BE16(RTE_ETHER_TYPE_IPV6) && v6->proto == IPPROTO_ICMPV6 &&
		icmp[0] == 128) {
		swap(&v6->src_addr, &v6->dst_addr, 16);
		icmp[0] = 129;
		icmp[2] = icmp[3] = 0;
		uint16_t sum = rte_ipv6_udptcp_cksum(v6, icmp);
		memcpy(icmp + 2, &sum, 2);
		return true;
	}
	printf("other %02x %04x\n", icmp[0], rte_be_to_cpu_16(eth->ether_type));
	return false;
}

static void work(struct punt *p)
{
	struct rte_mbuf *m;

	while (punt_from_control(p, 0, &m, 1) == 1) {
		m->port = 1; /* answers come in by one NIC, whoever they are for */
		if (!answer(m) || punt_to_control(p, 0, PUNT_LOCAL, &m, 1) == 0)
			rte_pktmbuf_free(m);
	}
}

int main(int argc, char **argv)
{
	char *eal[] = {argv[0], "--no-huge", "--no-pci", "--no-shconf", "--no-telemetry",
		"--log-level=error", "-m", "64", "-l", "0", NULL};
	struct config_address addrs0[] = {address("10.99.0.4", 24), address("2001:db8:99::4", 64)};
	struct config_address addrs1[] = {address("10.98.0.4", 24)};
	struct config_port ports[] = {
		{.name = "eth0", .punt_interface = "nv-eth0", .mtu_bytes = 1400, .addresses = addrs0,
			.n_addresses = 2},
		{.name = "eth1", .punt_interface = "nv-eth1", .mtu_bytes = 9000, .addresses = addrs1,
			.n_addresses = 1},
	};
	struct ip_prefix routes[] = {prefix("192.0.2.0/24"), prefix("2001:db8:192::/48"),
		prefix("0.0.0.0/0")};
	struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
	struct rte_mempool *pool;
	struct punt_stats stats;
	struct punt *p;
	char err[200] = "";

	(void)argc;
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (rte_eal_init(10, eal) < 0)
		return 1;
	pool = rte_pktmbuf_pool_create("tool", 2047, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	p = punt_new(1, 1024, pool);
	if (pool == NULL || p == NULL)
		return 1;
	punt_set_resolve(p, resolve, NULL);
	for (uint16_t i = 0; i < 2; i++)
		if (punt_port_add(p, i, &ports[i], err, sizeof(err)) != 0) {
			fprintf(stderr, "%s\n", err);
			return 2;
		}
	for (unsigned int i = 0; i < 3; i++) {
		int rc = punt_route_add(p, 0, &routes[i]);

		if (rc != 0) {
			fprintf(stderr, "route %u: %s\n", i, strerror(-rc));
			return 2;
		}
	}
	printf("ready\n");
	while (poll(&in, 1, 1) == 0) {
		punt_poll(p);
		work(p);
		punt_poll(p);
	}
	punt_get_stats(p, &stats);
	punt_free(p);
	printf("{\"to_kernel\": %lu, \"from_kernel\": %lu, \"no_route\": %lu, \"malformed\": %lu, "
	       "\"lost\": %u}\n", stats.to_kernel, stats.from_kernel, drop_total(DROP_NO_ROUTE),
		drop_total(DROP_PUNT_MALFORMED), 2047 - rte_mempool_avail_count(pool));
	return 0;
}
