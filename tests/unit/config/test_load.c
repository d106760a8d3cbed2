/* SPDX-License-Identifier: BSD-3-Clause */
/* What a good configuration becomes: defaults, every key, the commented example, and files. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/config.h"

static struct config *load(const char *text)
{
	struct config_error e;
	struct config *c = config_load_string(text, strlen(text), "t.yaml", &e);

	if (c == NULL)
		fail_msg("%u:%u: %s (%s)", e.line, e.column, e.message, e.hint);
	return c;
}

#define ASSERT_ADDR(a, text) assert_string_equal(IP_ADDR_TEXT(a), text)
#define ASSERT_PREFIX(p, text) assert_string_equal(IP_PREFIX_TEXT(p), text)

static void test_defaults(void **state)
{
	struct config *c = load("ports:\n"
				"  - name: a-long-name-of-a-port\n"
				"    device: {kind: null}\n"
				"    addresses: [fd00::4/64, 10.0.1.4/24]\n"
				"routes:\n"
				"  - {prefix: 10.0.0.0/8, via: 10.0.1.1}\n"
				"bgp:\n"
				"  as: 64800\n"
				"  peers: [{name: p, address: 10.0.1.9, as: 64900}]\n");
	const struct config_peer *p = &c->bgp.peers[0];
	(void)state;

	assert_int_equal(c->system.workers, 1);
	assert_int_equal(c->system.poll, CONFIG_POLL_ADAPTIVE);
	assert_int_equal(c->system.huge_pages, CONFIG_HUGE_AUTO);
	assert_int_equal(c->system.memory_mb, 512);
	assert_int_equal(c->system.packet_buffers, 32768);
	assert_string_equal(c->system.socket, "/run/nvad.sock");
	assert_string_equal(c->system.socket_group, "");
	assert_int_equal(c->system.max_v4_groups, 65536);

	assert_int_equal(c->n_ports, 1);
	assert_int_equal(c->ports[0].mtu_bytes, 1500);
	assert_true(c->ports[0].punt);
	assert_string_equal(c->ports[0].punt_interface, "nv-a-long-name-");
	assert_int_equal(c->ports[0].n_neighbours, 0);
	assert_int_equal(c->n_underlay_routes, 0);

	assert_true(c->bgp.enabled);
	assert_int_equal(c->bgp.port, 179);
	assert_int_equal(c->bgp.maximum_paths, 8);
	assert_int_equal(c->bgp.router_id, RTE_BE32(0x0a000104));
	assert_int_equal(p->ttl, 1);
	assert_int_equal(p->hold_s, 180);
	assert_int_equal(p->connect_retry_s, 5);
	assert_int_equal(p->port, 179);
	assert_false(p->passive);
	assert_true(p->ipv4 && p->ipv6);
	assert_int_equal(p->local_address.family, IP_NONE);
	assert_int_equal(p->next_hop_v4.family, IP_NONE);
	assert_int_equal(p->max_prefixes, 0);
	assert_int_equal(p->n_exports, 0);
	config_free(c);

	c = load("ports: [{name: a, device: {kind: ring}}]\n");
	assert_false(c->bgp.enabled);
	config_free(c);
}

static const char every_key[] =
	"system:\n"
	"  workers: 2\n"
	"  poll: busy\n"
	"  huge_pages: no\n"
	"  memory_mb: 256\n"
	"  packet_buffers: 8192\n"
	"  socket: /tmp/x.sock\n"
	"  socket_group: adm\n"
	"  max_v4_groups: 1024\n"
	"ports:\n"
	"  - name: t\n"
	"    device: {kind: tap, interface: tap7, mac: \"02:00:00:00:00:07\", devargs: \"persist\"}\n"
	"    mtu: 1400\n"
	"    addresses: [10.0.1.4/24, 'fd00:1::4/64', fe80::4/64]\n"
	"    neighbours:\n"
	"      - {address: 10.0.1.1, mac: 12:34:56:78:9a:bc}\n"
	"      - {address: fe80::1, mac: 12:34:56:78:9a:bd}\n"
	"    punt: false\n"
	"    punt_interface: pt\n"
	"  - {name: p, device: {kind: af_packet, interface: eth2}, addresses: [10.0.2.4/31]}\n"
	"  - {name: x, device: {kind: af_xdp, interface: eth3}}\n"
	"  - {name: m, device: {kind: memif, socket: /run/m.sock, role: server, id: 7}}\n"
	"  - {name: f, device: {kind: pcap, rx_file: in.pcap, tx_file: out.pcap}}\n"
	"  - {name: n, device: {kind: null}}\n"
	"  - {name: r, device: {kind: ring}}\n"
	"  - {name: c, device: {kind: pci, address: 0000:03:00.0}}\n"
	"  - {name: v, device: {kind: vmbus, mac: 60:45:BD:00:00:01}}\n"
	"  - {name: w, device: {kind: vmbus, address: f8615163-df3e-46c5-913f-f2d2f965ed0e}}\n"
	"underlay:\n"
	"  routes:\n"
	"    - {prefix: 10.9.0.0/24, via: 10.0.1.1}\n"
	"routes:\n"
	"  - {prefix: 0.0.0.0/0, via: [10.0.1.1, 10.0.2.5]}\n"
	"  - {prefix: 10.20.0.0/16, via: 10.9.0.7}\n"
	"  - {prefix: 192.0.2.0/24, blackhole: true}\n"
	"  - {prefix: 10.0.0.0/8, discard: true}\n"
	"bgp:\n"
	"  as: 64800\n"
	"  router_id: 1.2.3.4\n"
	"  port: 1179\n"
	"  maximum_paths: 4\n"
	"  peers:\n"
	"    - name: one\n"
	"      address: 10.9.0.4\n"
	"      local_address: 10.0.1.4\n"
	"      as: 65515\n"
	"      multihop: 3\n"
	"      hold_time: 30s\n"
	"      connect_retry: 2m\n"
	"      passive: true\n"
	"      port: 2179\n"
	"      families: [ipv6, ipv4]\n"
	"      next_hop_v4: 10.0.1.4\n"
	"      next_hop_v6: fd00:1::4\n"
	"      max_prefixes: 4000\n"
	"      export:\n"
	"        - prefix: 0.0.0.0/0\n"
	"          prepend: 2\n"
	"          communities: [\"65535:65282\", no-export, 64800:1]\n"
	"          med: 0\n"
	"          next_hop: 10.0.1.100\n"
	"        - {prefix: ::/0, next_hop: self}\n"
	"    - {name: two, address: 10.9.0.5, as: 65515, multihop: true, families: [ipv4],\n"
	"       export: [{prefix: 0.0.0.0/0}], hold_time: 0s}\n"
	"    - {name: inner, address: 10.0.1.77, as: 64800}\n";

static void check_ports(const struct config *c)
{
	const struct config_port *t = &c->ports[0];

	assert_int_equal(c->n_ports, 10);
	assert_string_equal(t->device.interface, "tap7");
	assert_true(t->device.has_mac);
	assert_int_equal(t->device.mac.addr_bytes[5], 7);
	assert_string_equal(t->device.devargs, "persist");
	assert_int_equal(t->mtu_bytes, 1400);
	assert_int_equal(t->n_addresses, 3);
	ASSERT_ADDR(&t->addresses[0].addr, "10.0.1.4");
	assert_int_equal(t->addresses[0].len, 24);
	ASSERT_ADDR(&t->addresses[1].addr, "fd00:1::4");
	assert_int_equal(t->n_neighbours, 2);
	assert_memory_equal(t->neighbours[0].mac.addr_bytes, "\x12\x34\x56\x78\x9a\xbc", 6);
	ASSERT_ADDR(&t->neighbours[1].addr, "fe80::1");
	assert_false(t->punt);
	assert_string_equal(t->punt_interface, "pt");
	assert_int_equal(c->ports[1].device.kind, CONFIG_DEVICE_AF_PACKET);
	assert_int_equal(c->ports[2].device.kind, CONFIG_DEVICE_AF_XDP);
	assert_false(c->ports[2].punt);
	assert_string_equal(c->ports[2].punt_interface, "");
	assert_int_equal(c->ports[3].device.kind, CONFIG_DEVICE_MEMIF);
	assert_string_equal(c->ports[3].device.socket, "/run/m.sock");
	assert_true(c->ports[3].device.server);
	assert_int_equal(c->ports[3].device.memif_id, 7);
	assert_string_equal(c->ports[4].device.rx_file, "in.pcap");
	assert_string_equal(c->ports[4].device.tx_file, "out.pcap");
	assert_int_equal(c->ports[5].device.kind, CONFIG_DEVICE_NULL);
	assert_int_equal(c->ports[6].device.kind, CONFIG_DEVICE_RING);
	assert_string_equal(c->ports[7].device.address, "0000:03:00.0");
	assert_false(c->ports[7].device.has_mac);
	assert_int_equal(c->ports[8].device.kind, CONFIG_DEVICE_VMBUS);
	assert_true(c->ports[8].device.has_mac);
	assert_string_equal(c->ports[9].device.address, "f8615163-df3e-46c5-913f-f2d2f965ed0e");
}

static void check_routes(const struct config *c)
{
	assert_int_equal(c->n_underlay_routes, 1);
	ASSERT_PREFIX(&c->underlay_routes[0].prefix, "10.9.0.0/24");
	ASSERT_ADDR(&c->underlay_routes[0].via[0], "10.0.1.1");
	assert_int_equal(c->n_routes, 4);
	assert_int_equal(c->routes[0].kind, CONFIG_ROUTE_VIA);
	assert_int_equal(c->routes[0].n_via, 2);
	ASSERT_ADDR(&c->routes[0].via[1], "10.0.2.5");
	ASSERT_ADDR(&c->routes[1].via[0], "10.9.0.7");
	assert_int_equal(c->routes[2].kind, CONFIG_ROUTE_BLACKHOLE);
	assert_int_equal(c->routes[3].kind, CONFIG_ROUTE_DISCARD);
}

static void check_bgp(const struct config *c)
{
	const struct config_peer *p = c->bgp.peers;

	assert_int_equal(c->bgp.as, 64800);
	assert_int_equal(c->bgp.router_id, RTE_BE32(0x01020304));
	assert_int_equal(c->bgp.port, 1179);
	assert_int_equal(c->bgp.maximum_paths, 4);
	assert_int_equal(c->bgp.n_peers, 3);
	assert_string_equal(p->name, "one");
	ASSERT_ADDR(&p->address, "10.9.0.4");
	ASSERT_ADDR(&p->local_address, "10.0.1.4");
	assert_int_equal(p->as, 65515);
	assert_int_equal(p->ttl, 3);
	assert_int_equal(p->hold_s, 30);
	assert_int_equal(p->connect_retry_s, 120);
	assert_true(p->passive);
	assert_int_equal(p->port, 2179);
	assert_true(p->ipv4 && p->ipv6);
	ASSERT_ADDR(&p->next_hop_v4, "10.0.1.4");
	ASSERT_ADDR(&p->next_hop_v6, "fd00:1::4");
	assert_int_equal(p->max_prefixes, 4000);
	assert_int_equal(p->n_exports, 2);
	ASSERT_PREFIX(&p->exports[0].prefix, "0.0.0.0/0");
	assert_int_equal(p->exports[0].prepend, 2);
	assert_int_equal(p->exports[0].n_communities, 3);
	assert_int_equal(p->exports[0].communities[0], 0xffffff02);
	assert_int_equal(p->exports[0].communities[1], 0xffffff01);
	assert_int_equal(p->exports[0].communities[2], 64800u << 16 | 1);
	assert_true(p->exports[0].has_med);
	assert_int_equal(p->exports[0].med, 0);
	ASSERT_ADDR(&p->exports[0].next_hop, "10.0.1.100");
	assert_false(p->exports[1].has_med);
	assert_int_equal(p->exports[1].next_hop.family, IP_NONE);
	assert_int_equal(p[1].ttl, 64);
	assert_int_equal(p[1].hold_s, 0);
	assert_true(p[1].ipv4 && !p[1].ipv6);
	assert_int_equal(p[2].ttl, 64); /* iBGP */
}

static void test_every_key(void **state)
{
	struct config *c = load(every_key);
	(void)state;

	assert_int_equal(c->system.workers, 2);
	assert_int_equal(c->system.poll, CONFIG_POLL_BUSY);
	assert_int_equal(c->system.huge_pages, CONFIG_HUGE_NO);
	assert_int_equal(c->system.memory_mb, 256);
	assert_int_equal(c->system.packet_buffers, 8192);
	assert_string_equal(c->system.socket, "/tmp/x.sock");
	assert_string_equal(c->system.socket_group, "adm");
	assert_int_equal(c->system.max_v4_groups, 1024);
	check_ports(c);
	check_routes(c);
	check_bgp(c);
	config_free(c);
}

/* IPv6 prefixes over a session over IPv4: the next hop is the port's own IPv6 address. */
static void test_next_hop_of_the_other_family(void **state)
{
	struct config *c = load("ports:\n"
				"  - name: a\n"
				"    device: {kind: null}\n"
				"    addresses: [10.0.1.4/24, \"fe80::4/64\", \"fd00:1::4/64\"]\n"
				"bgp:\n"
				"  as: 65001\n"
				"  peers:\n"
				"    - {name: p, address: 10.0.1.5, as: 65002,\n"
				"       export: [{prefix: \"::/0\"}, {prefix: 0.0.0.0/0}]}\n");
	(void)state;

	ASSERT_ADDR(&c->bgp.peers[0].next_hop_v6, "fd00:1::4");
	assert_int_equal(c->bgp.peers[0].next_hop_v4.family, IP_NONE);
	config_free(c);
}

/* Every cut and every flipped byte of a whole configuration: an error or a configuration, no crash. */
static void test_mutilated(void **state)
{
	size_t len = sizeof(every_key) - 1;
	struct config_error e;
	char *text = malloc(len);
	(void)state;

	for (size_t cut = 0; cut < len; cut += 3)
		config_free(config_load_string(every_key, cut, "t.yaml", &e));
	for (size_t i = 0; i < len; i++) {
		memcpy(text, every_key, len);
		text[i] ^= 1u << i % 7;
		config_free(config_load_string(text, len, "t.yaml", &e));
	}
	free(text);
}

static void test_example(void **state)
{
	const char *data = getenv("NVAD_TEST_DATA"); /* SOURCE/tests/data */
	struct config_error e;
	struct config *c;
	char path[512];
	(void)state;

	snprintf(path, sizeof(path), "%.*sconf/nvad.yaml",
		data != NULL ? (int)(strlen(data) - strlen("tests/data")) : 0, data != NULL ? data : "");
	c = config_load(path, &e);
	if (c == NULL)
		fail_msg("%s:%u:%u: %s (%s)", e.file, e.line, e.column, e.message, e.hint);
	assert_int_equal(c->n_warnings, 0);
	assert_int_equal(c->n_ports, 2);
	assert_memory_equal(c->ports[0].neighbours[0].mac.addr_bytes, "\x12\x34\x56\x78\x9a\xbc", 6);
	assert_int_equal(c->bgp.n_peers, 2);
	assert_int_equal(c->bgp.peers[0].n_exports, c->bgp.peers[1].n_exports);
	config_free(c);
}

static void expect_unreadable(const char *path, const char *message)
{
	struct config_error e;

	assert_null(config_load(path, &e));
	assert_int_equal(e.line, 0);
	assert_string_equal(e.file, path);
	assert_non_null(strstr(e.message, message));
}

static void test_files(void **state)
{
	char dir[] = "/tmp/nvad-test-XXXXXX", path[64];
	struct config_error e;
	struct config *c;
	FILE *f;
	(void)state;

	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/c.yaml", dir);
	expect_unreadable(path, "No such file");
	expect_unreadable(dir, "Is a directory");
	assert_int_equal(mkfifo(path, 0600), 0);
	expect_unreadable(path, "Invalid argument"); /* and does not wait for a writer */
	unlink(path);
	f = fopen(path, "w");
	fputs("ports: [{name: a, device: {kind: null}}]\r\n", f);
	fclose(f);
	c = config_load(path, &e);
	assert_non_null(c);
	config_free(c);
	if (geteuid() != 0) {
		chmod(path, 0);
		expect_unreadable(path, "Permission denied");
	}
	unlink(path);
	rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_every_key),
		cmocka_unit_test(test_next_hop_of_the_other_family),
		cmocka_unit_test(test_mutilated),
		cmocka_unit_test(test_example),
		cmocka_unit_test(test_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
