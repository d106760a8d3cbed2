/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Opens ports, forwards between the first two, and answers commands on stdin with a line of JSON each.
 * For tests/netns/test_port_*.py.
 *
 *   port_tool NAME=KIND[,key=value...]...
 *
 * Keys: iface, socket, role (server|client), id, rx, tx, mtu, queues, addr (repeated), devargs.
 * Commands: stats | send PORT COUNT BYTES | class NAME on|off | address ADDR MASK | close NAME |
 * nat FILE (what its rules and ports' addresses say) | quit.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include "base/log.h"
#include "port/port.h"
#include "xdp/xdp.h"

#define PORTS 4
#define BURST 32

static struct config_port confs[PORTS];
static __typeof__(*confs[0].addresses) addresses[PORTS][8];
static struct port *opened[PORTS];
static uint16_t queues[PORTS];
static struct config conf = {
	.system = {.workers = 1, .huge_pages = CONFIG_HUGE_NO, .memory_mb = 256},
	.ports = confs,
};
static struct rte_mempool *pool;
static struct {
	uint64_t arp, tcp, udp, icmp, other;
} seen[PORTS];

static void die(const char *what)
{
	printf("{\"error\": \"%s\"}\n", what);
	exit(1);
}

static void set_key(unsigned int i, const char *key, const char *value)
{
	struct config_port *p = &confs[i];
	struct config_device *d = &p->device;

#define COPY(field) snprintf(field, sizeof(field), "%s", value)
	if (strcmp(key, "iface") == 0)
		COPY(d->interface);
	else if (strcmp(key, "socket") == 0)
		COPY(d->socket);
	else if (strcmp(key, "rx") == 0)
		COPY(d->rx_file);
	else if (strcmp(key, "tx") == 0)
		COPY(d->tx_file);
	else if (strcmp(key, "devargs") == 0)
		COPY(d->devargs);
	else if (strcmp(key, "role") == 0)
		d->server = strcmp(value, "server") == 0;
	else if (strcmp(key, "id") == 0)
		d->memif_id = atoi(value);
	else if (strcmp(key, "mtu") == 0)
		p->mtu_bytes = atoi(value);
	else if (strcmp(key, "queues") == 0)
		queues[i] = atoi(value);
	else if (strcmp(key, "addr") == 0 && p->n_addresses < 8 &&
		ip_addr_parse(value, &p->addresses[p->n_addresses].addr) == 0)
		p->n_addresses++;
	else
		die("unknown key");
#undef COPY
}

static void parse_port(unsigned int i, char *text)
{
	struct config_port *p = &confs[i];
	char *save = NULL, *kind = strchr(text, '=');
	bool found = false;

	if (kind == NULL)
		die("NAME=KIND is wanted");
	*kind++ = '\0';
	snprintf(p->name, sizeof(p->name), "%s", text);
	p->mtu_bytes = 1500;
	p->addresses = (void *)addresses[i];
	queues[i] = 1;
	kind = strtok_r(kind, ",", &save);
	for (int k = 0; k <= CONFIG_DEVICE_VMBUS; k++) {
		if (kind != NULL && strcmp(port_kind_name(k), kind) == 0) {
			p->device.kind = k;
			found = true;
		}
	}
	if (!found)
		die("unknown kind");
	for (char *kv; (kv = strtok_r(NULL, ",", &save)) != NULL;) {
		char *value = strchr(kv, '=');

		if (value == NULL)
			die("key=value is wanted");
		*value++ = '\0';
		set_key(i, kv, value);
	}
}

static void count(unsigned int i, const struct rte_mbuf *m)
{
	const uint8_t *f = rte_pktmbuf_mtod(m, const uint8_t *);
	uint16_t type = f[12] << 8 | f[13];
	uint8_t proto = type == 0x0800 ? f[23] : type == 0x86dd ? f[20] : 0;

	if (type == 0x0806)
		seen[i].arp++;
	else if (proto == IPPROTO_TCP)
		seen[i].tcp++;
	else if (proto == IPPROTO_UDP)
		seen[i].udp++;
	else if (proto == IPPROTO_ICMP || proto == IPPROTO_ICMPV6)
		seen[i].icmp++;
	else
		seen[i].other++;
}

static void forward(void)
{
	struct rte_mbuf *m[BURST];

	for (unsigned int i = 0; i < PORTS; i++) {
		struct port *out = i < 2 ? opened[i ^ 1] : NULL;

		for (uint16_t q = 0; opened[i] != NULL && q < opened[i]->queues; q++) {
			uint16_t n = rte_eth_rx_burst(opened[i]->id, q, m, BURST), sent = 0;

			for (uint16_t k = 0; k < n; k++)
				count(i, m[k]);
			if (out != NULL && n > 0)
				sent = rte_eth_tx_burst(out->id, 0, m, n);
			if (sent < n)
				rte_pktmbuf_free_bulk(m + sent, n - sent);
		}
	}
}

static void print_steer(const struct port *p)
{
	printf(", \"classes\": {");
	for (int c = 0; c < XDP_CLASS_MAX; c++) {
		struct xdp_class_counters n = {0};

		if (xdp_steer_counters(p->steer, c, &n) < 0)
			die("counters");
		printf("%s\"%s\": {\"kernel\": %llu, \"socket\": %llu, \"lost\": %llu}", c ? ", " : "",
			xdp_class_name(c), (unsigned long long)n.kernel_packets,
			(unsigned long long)n.socket_packets, (unsigned long long)n.lost_packets);
	}
	printf("}");
}

static void stats(void)
{
	bool first = true;

	printf("{");
	for (unsigned int i = 0; i < PORTS; i++) {
		struct port_stats s = {0};
		struct port *p = opened[i];

		if (p == NULL)
			continue;
		port_poll_link(p);
		if (port_get_stats(p, &s) < 0)
			die("stats");
		printf("%s\"%s\": {\"id\": %u, \"queues\": %u, \"link\": %s, \"error\": \"%s\", "
			"\"mtu\": %u, \"mac\": \"" RTE_ETHER_ADDR_PRT_FMT "\", \"rx\": %lu, \"tx\": %lu, "
			"\"rx_missed\": %lu, "
			"\"arp\": %lu, \"tcp\": %lu, \"udp\": %lu, \"icmp\": %lu, \"other\": %lu",
			first ? "" : ", ", p->name, p->id, p->queues, p->link_up ? "true" : "false",
			p->error, p->mtu_bytes, RTE_ETHER_ADDR_BYTES(&p->mac), s.rx_packets,
			s.tx_packets, s.rx_missed, seen[i].arp, seen[i].tcp, seen[i].udp, seen[i].icmp,
			seen[i].other);
		if (p->steer != NULL)
			print_steer(p);
		printf("}");
		first = false;
	}
	printf("}\n");
}

static unsigned int index_of(const char *name)
{
	for (unsigned int i = 0; i < PORTS; i++) {
		if (opened[i] != NULL && strcmp(confs[i].name, name) == 0)
			return i;
	}
	die("no such port");
	return 0;
}

/* UDP frames of the experimental kind, to nobody. */
static void send_frames(const char *name, unsigned int n, unsigned int bytes)
{
	static const uint8_t head[] = {0x02, 0, 0, 0, 0, 1, 0x02, 0, 0, 0, 0, 2, 0x08, 0x00, 0x45};
	struct port *p = opened[index_of(name)];
	unsigned int sent = 0;

	for (unsigned int i = 0; i < n; i++) {
		struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
		char *f = m != NULL ? rte_pktmbuf_append(m, bytes) : NULL;

		if (f == NULL)
			die("no buffer");
		memset(f, 0, bytes);
		memcpy(f, head, sizeof(head));
		f[23] = IPPROTO_UDP;
		if (rte_eth_tx_burst(p->id, 0, &m, 1) == 1)
			sent++;
		else
			rte_pktmbuf_free(m);
	}
	printf("{\"sent\": %u}\n", sent);
}

static int set_class(const char *name, bool on)
{
	int rc = -ENOENT;

	for (unsigned int i = 0; i < PORTS; i++) {
		for (int c = 0; opened[i] != NULL && opened[i]->steer != NULL && c < XDP_CLASS_MAX; c++) {
			if (strcmp(xdp_class_name(c), name) == 0)
				rc = xdp_steer_set_class(opened[i]->steer, c, on);
		}
	}
	return rc;
}

static int set_address(const char *text, const char *mask)
{
	struct ip_addr addr;
	int rc = ip_addr_parse(text, &addr);

	for (unsigned int i = 0; rc == 0 && i < PORTS; i++) {
		if (opened[i] == NULL || opened[i]->steer == NULL)
			continue;
		rc = strcmp(mask, "del") == 0 ?
			xdp_steer_del_address(opened[i]->steer, &addr) :
			xdp_steer_add_address(opened[i]->steer, &addr, strtoul(mask, NULL, 0));
	}
	return rc;
}

/* As nvad does with the addresses of its rules; of DNAT rules that name prefixes the first. */
static int set_nat(const char *path)
{
	struct config_error e;
	struct config *c = config_load(path, &e);
	struct ip_addr list[256];
	size_t n = 0;
	int rc;

	if (c == NULL)
		die(e.message);
	for (size_t i = 0; i < c->nat.n_pools; i++)
		for (size_t k = 0; k < c->nat.pools[i].n_addresses && n < 128; k++)
			list[n++] = c->nat.pools[i].addresses[k];
	for (size_t i = 0; i < c->nat.n_dnat && n < 256; i++)
		list[n++] = c->nat.dnat[i].match.destination[0].addr;
	rc = port_steer_nat(c, list, n);
	config_free(c);
	return rc;
}

/* False at the end. */
static bool command(char *line)
{
	char word[4][256] = {0};
	int n = sscanf(line, "%255s %255s %255s %255s", word[0], word[1], word[2], word[3]);

	if (n == 1 && strcmp(word[0], "quit") == 0)
		return false;
	if (n == 1 && strcmp(word[0], "stats") == 0)
		stats();
	else if (n == 4 && strcmp(word[0], "send") == 0)
		send_frames(word[1], atoi(word[2]), atoi(word[3]));
	else if (n == 3 && strcmp(word[0], "class") == 0)
		printf("{\"rc\": %d}\n", set_class(word[1], strcmp(word[2], "on") == 0));
	else if (n == 3 && strcmp(word[0], "address") == 0)
		printf("{\"rc\": %d}\n", set_address(word[1], word[2]));
	else if (n == 2 && strcmp(word[0], "nat") == 0)
		printf("{\"rc\": %d}\n", set_nat(word[1]));
	else if (n == 2 && strcmp(word[0], "close") == 0) {
		unsigned int i = index_of(word[1]);

		port_close(opened[i]);
		opened[i] = NULL;
		printf("{\"rc\": 0}\n");
	} else {
		die("unknown command");
	}
	return true;
}

static void open_ports(void)
{
	char err[512];

	if (port_eal_init(&conf, "port_tool", err, sizeof(err)) < 0)
		die(err);
	pool = rte_pktmbuf_pool_create("pool", 8192 - 1, 256, 0, port_data_room(&conf),
		rte_socket_id());
	if (pool == NULL)
		die("no pool");
	for (unsigned int i = 0; i < conf.n_ports; i++) {
		opened[i] = port_open(&confs[i], queues[i], pool, err, sizeof(err));
		if (opened[i] == NULL) {
			int code = errno;

			for (unsigned int k = 0; k < i; k++)
				port_close(opened[k]);
			printf("{\"error\": \"%s\", \"errno\": %d}\n", err, code);
			exit(1);
		}
	}
}

int main(int argc, char **argv)
{
	struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
	char line[256];
	size_t len = 0;
	bool go = true;

	setvbuf(stdout, NULL, _IOLBF, 0);
	for (int i = 1; i < argc && i <= PORTS; i++)
		parse_port(conf.n_ports++, argv[i]);
	open_ports();
	printf("{\"ready\": true}\n");
	while (go) {
		forward();
		if (poll(&in, 1, 1) <= 0)
			continue;
		if (len == sizeof(line) - 1 || read(STDIN_FILENO, line + len, 1) != 1)
			break;
		if (line[len++] != '\n')
			continue;
		line[len] = '\0';
		len = 0;
		go = command(line);
	}
	for (unsigned int i = 0; i < PORTS; i++)
		port_close(opened[i]);
	rte_eal_cleanup();
	return 0;
}
