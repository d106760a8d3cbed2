/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lib/neigh on a real link: a packet socket on an interface in the place of port and worker. Run by
 * tests/netns/test_neigh.py. Usage: neigh_tool INTERFACE own|kernel
 *
 * Commands on standard input, each answered by one line of JSON; the end of the input ends it.
 *   acquire ADDRESS    a route's next hop           release ADDRESS
 *   packet ADDRESS     a packet to a connected address      show    entries and counters
 */
#include <errno.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/if_ether.h>
#include <linux/if_packet.h>

#include <rte_eal.h>
#include <rte_ip.h>

#include "base/clock.h"
#include "drop/drop.h"
#include "neigh/neigh.h"
#include "packet/meta.h"

#define PORT_ID 2

static struct nh_table *nh;
static struct punt *punt;
static struct neigh_table *table;
static struct rte_mempool *pool;
static uint32_t connected;
static unsigned int forwarded, icmp_errors;
static int routes;

static void host_route(void *arg, const struct ip_addr *addr, uint32_t index, bool add)
{
	(void)arg;
	(void)addr;
	(void)index;
	routes += add ? 1 : -1;
}

static int open_socket(const char *ifname, struct port *port)
{
	struct sockaddr_ll sll = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = (int)if_nametoindex(ifname)};
	struct ifreq ifr = {0};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, 0);

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", ifname);
	if (fd < 0 || ioctl(fd, SIOCGIFHWADDR, &ifr) < 0 ||
		bind(fd, (struct sockaddr *)&sll, sizeof(sll)) < 0) {
		perror(ifname);
		exit(2);
	}
	memcpy(&port->mac, ifr.ifr_hwaddr.sa_data, 6);
	snprintf(port->kernel_ifname, sizeof(port->kernel_ifname), "%s", ifname);
	return fd;
}

static bool is_neigh(const uint8_t *frame, ssize_t len)
{
	if (len >= 14 && memcmp(frame + 12, "\x08\x06", 2) == 0)
		return true;
	return len >= 55 && memcmp(frame + 12, "\x86\xdd", 2) == 0 && frame[20] == 58 &&
	       frame[54] >= 133 && frame[54] <= 137;
}

static void receive(int fd)
{
	uint8_t frame[2048];
	struct sockaddr_ll from;
	socklen_t from_len = sizeof(from);
	ssize_t len;

	while ((len = recvfrom(fd, frame, sizeof(frame), 0, (struct sockaddr *)&from, &from_len)) > 0) {
		struct rte_mbuf *m;

		if (from.sll_pkttype == PACKET_OUTGOING || !is_neigh(frame, len))
			continue;
		m = rte_pktmbuf_alloc(pool);
		if (m == NULL)
			exit(3);
		memcpy(rte_pktmbuf_append(m, (uint16_t)len), frame, (size_t)len);
		m->port = PORT_ID;
		if (punt_to_control(punt, 0, PUNT_NEIGH, &m, 1) == 0)
			rte_pktmbuf_free(m);
	}
}

static void transmit(int fd)
{
	struct rte_mbuf *m;

	while (punt_from_control(punt, 0, &m, 1) == 1) {
		const struct pkt_meta *meta = pkt_meta(m);

		if (meta->inject == PUNT_INJECT_ICMP) {
			icmp_errors++;
		} else {
			if (meta->inject == PUNT_INJECT_FORWARD) {
				forwarded++;
				memcpy(rte_pktmbuf_mtod(m, void *), nh->nh[meta->nh].l2, 12);
			}
			if (write(fd, rte_pktmbuf_mtod(m, void *), m->data_len) < 0)
				perror("write");
		}
		rte_pktmbuf_free(m);
	}
}

/* An IP packet of no particular content, as if the lookup had ended at the connected prefix. */
static void packet(const struct ip_addr *dst)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
	struct rte_ether_hdr *eth = (void *)rte_pktmbuf_append(m, 60);

	memset(eth, 0, 60);
	eth->ether_type = rte_cpu_to_be_16(dst->family == IP_V4 ? RTE_ETHER_TYPE_IPV4
								: RTE_ETHER_TYPE_IPV6);
	((uint8_t *)eth)[14] = dst->family == IP_V4 ? 0x45 : 0x60;
	memcpy((uint8_t *)eth + 14 + (dst->family == IP_V4 ? 16 : 24), dst->bytes,
		ip_family_bits(dst->family) / 8);
	m->port = PORT_ID;
	*pkt_meta(m) = (struct pkt_meta){.nh = connected, .inject = PUNT_INJECT_FORWARD};
	if (punt_to_control(punt, 0, PUNT_GLEAN, &m, 1) == 0)
		rte_pktmbuf_free(m);
}

static void show_one(void *arg, const struct neigh_info *info)
{
	static const char *const names[] = {"incomplete", "reachable", "probe", "failed", "static",
		"kernel"};
	char mac[RTE_ETHER_ADDR_FMT_SIZE];

	rte_ether_format_addr(mac, sizeof(mac), &info->mac);
	for (char *c = mac; *c != '\0'; c++)
		*c |= *c >= 'A' && *c <= 'F' ? 0x20 : 0;
	printf("%s\"%s\": {\"mac\": \"%s\", \"state\": \"%s\", \"resolved\": %s, \"held\": %u, \"refs\": %u}",
		*(const char **)arg, IP_ADDR_TEXT(&info->addr), mac, names[info->state],
		info->resolved ? "true" : "false", info->held, info->refs);
	*(const char **)arg = ", ";
}

static void show(void)
{
	struct neigh_stats stats;
	const char *comma = "";

	neigh_get_stats(table, &stats);
	printf("{\"entries\": {");
	neigh_foreach(table, show_one, &comma);
	printf("}, \"forwarded\": %u, \"icmp_errors\": %u, \"routes\": %d, \"conflicts\": %lu, "
	       "\"malformed\": %lu, \"lost\": %u}\n", forwarded, icmp_errors, routes, stats.conflicts,
		drop_total(DROP_ARP_MALFORMED) + drop_total(DROP_ND_MALFORMED),
		2047 - rte_mempool_avail_count(pool) - (unsigned int)stats.held);
}

static void command(char *line)
{
	char *word = strtok(line, " \n"), *text = strtok(NULL, " \n");
	struct ip_addr addr;
	uint32_t index;

	if (word != NULL && strcmp(word, "show") == 0) {
		show();
		return;
	}
	if (text == NULL || ip_addr_parse(text, &addr) != 0) {
		printf("{\"error\": \"what?\"}\n");
		return;
	}
	if (strcmp(word, "packet") == 0) {
		packet(&addr);
	} else {
		index = neigh_acquire(table, PORT_ID, &addr);
		if (strcmp(word, "release") == 0) {
			neigh_release(table, index);
			neigh_release(table, index);
		}
	}
	printf("{}\n");
}

int main(int argc, char **argv)
{
	char *eal[] = {argv[0], "--no-huge", "--no-pci", "--no-shconf", "--no-telemetry",
		"--log-level=error", "-m", "64", "-l", "0", NULL};
	struct config_address addrs[] = {{.len = 24}, {.len = 64}};
	struct config_port conf = {.name = "eth0", .addresses = addrs, .n_addresses = 2};
	struct port port = {.id = PORT_ID, .name = "eth0", .mtu_bytes = 1500};
	struct pollfd fds[2] = {{.fd = STDIN_FILENO, .events = POLLIN}};
	char line[128];

	if (argc != 3 || ip_addr_parse("10.77.0.4", &addrs[0].addr) != 0 ||
		ip_addr_parse("2001:db8:77::4", &addrs[1].addr) != 0)
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	setvbuf(stdin, NULL, _IONBF, 0); /* else poll() misses what fgets() has buffered */
	port.kernel_owns_addresses = strcmp(argv[2], "kernel") == 0;
	fds[1] = (struct pollfd){.fd = open_socket(argv[1], &port), .events = POLLIN};
	if (rte_eal_init(10, eal) < 0)
		return 1;
	pool = rte_pktmbuf_pool_create("tool", 2047, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	nh = nh_table_new(1024, 0, NULL);
	punt = punt_new(1, 1024, pool);
	/* Short times, so that a test need not wait. */
	table = neigh_new(&(struct neigh_conf){.nh = nh, .punt = punt, .pool = pool,
		.reachable_ms = 1000, .retransmit_ms = 200, .host_route = host_route});
	connected = nh_new(nh, &(struct nh){.kind = NH_GLEAN, .family = IP_V4, .port = PORT_ID});
	punt_set_ops(punt, PUNT_NEIGH, &(struct punt_ops){.input = neigh_input_frames, .arg = table});
	punt_set_ops(punt, PUNT_GLEAN, &(struct punt_ops){.input = neigh_input_glean, .arg = table});
	if (neigh_port_add(table, &port, &conf) != 0)
		return 1;
	printf("ready\n");
	for (;;) {
		poll(fds, 2, 1);
		receive(fds[1].fd);
		neigh_run(table, clock_now_ms());
		punt_poll(punt);
		transmit(fds[1].fd);
		if (fds[0].revents != 0) {
			if (fgets(line, sizeof(line), stdin) == NULL)
				break;
			command(line);
		}
	}
	neigh_free(table);
	punt_free(punt);
	return rte_mempool_avail_count(pool) == 2047 ? 0 : 4;
}
