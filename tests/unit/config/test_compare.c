/* SPDX-License-Identifier: BSD-3-Clause */
/* What changed between two configurations: each key that needs a restart is named, each other is not. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

#include <stdlib.h>
#include <string.h>

#include "config/config.h"

static const char base[] =
	"system: {workers: 1, poll: adaptive, huge_pages: auto, memory_mb: 256, packet_buffers: 8192,\n"
	"  socket: /run/a.sock, socket_group: adm, max_v4_groups: 1024}\n"
	"ports:\n"
	"  - name: inside\n"
	"    device: {kind: tap, interface: t0, mac: '02:00:00:00:00:01'}\n"
	"    mtu: 1500\n"
	"    addresses: [10.0.1.4/24, fd00:1::4/64]\n"
	"    neighbours: [{address: 10.0.1.1, mac: '02:00:00:00:00:09'}]\n"
	"    punt_interface: p0\n"
	"  - name: outside\n"
	"    device: {kind: af_packet, interface: eth1}\n"
	"    addresses: [10.0.2.4/24]\n"
	"    punt: false\n"
	"underlay: {routes: [{prefix: 10.0.0.0/16, via: 10.0.1.1}]}\n"
	"routes:\n"
	"  - {prefix: 10.9.0.0/16, via: [10.0.1.1, 10.0.2.1]}\n"
	"  - {prefix: 10.8.0.0/16, blackhole: true}\n"
	"flows:\n"
	"  max_sessions: 1000\n"
	"  tcp_midflow: drop\n"
	"  tcp_window_check: false\n"
	"  inbound_refreshes: true\n"
	"  refused: answer\n"
	"  timeouts: {tcp_established: 7440s, tcp_opening: 241s, tcp_closing: 242s, tcp_reset: 10s, udp: 300s,\n"
	"    udp_new: 301s, icmp: 60s, other: 600s}\n"
	"nat:\n"
	"  pools:\n"
	"    - {name: p, addresses: [10.0.2.50, 10.0.2.51], ports: 1024-65534}\n"
	"    - {name: q, addresses: [10.0.2.60]}\n"
	"  snat:\n"
	"    - {name: private, ingress: [inside], destination: [10.0.0.0/8], exempt: true}\n"
	"    - {name: all, source: [10.1.0.0/16], protocols: [tcp, udp], pool: p, port_selection: preserve,\n"
	"       max_sessions: 100, new_sessions_per_second: 10}\n"
	"    - {name: peer, source: [10.2.0.0/16], pool: q, mapping: endpoint-independent, filtering: address}\n"
	"  dnat:\n"
	"    - {name: web, ingress: [outside], destination: 10.0.2.50, destination_ports: 443, protocols: [tcp],\n"
	"       to: [10.1.0.10:8443, 10.1.0.11:8443], balance: flow, snat: p, snat_when: always}\n"
	"bgp:\n"
	"  as: 64800\n"
	"  router_id: 1.2.3.4\n"
	"  port: 1179\n"
	"  maximum_paths: 2\n"
	"  peers:\n"
	"    - {name: one, address: 10.0.1.9, as: 64900, hold_time: 9s, export: [{prefix: 10.7.0.0/16,\n"
	"       prepend: 2, med: 5, communities: ['1:2']}]}\n"
	"    - {name: two, address: 10.0.1.8, as: 64900}\n";

static struct config *load(const char *text)
{
	struct config_error e;
	struct config *c = config_load_string(text, strlen(text), "t.yaml", &e);

	if (c == NULL)
		fail_msg("%u:%u: %s (%s)\n%s", e.line, e.column, e.message, e.hint, text);
	return c;
}

/* The base with a text in it replaced. */
static struct config *load_changed(const char *old, const char *new)
{
	const char *at = strstr(base, old);
	char text[sizeof(base) + 400];

	assert_non_null(at);
	snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - base), base, new, at + strlen(old));
	return load(text);
}

static void test_restart_is_named(void **state)
{
	static const struct {
		const char *old, *new, *want;
	} cases[] = {
		{"workers: 1", "workers: 2", "system.workers"},
		{"poll: adaptive", "poll: busy", "system.poll"},
		{"huge_pages: auto", "huge_pages: no", "system.huge_pages"},
		{"memory_mb: 256", "memory_mb: 257", "system.memory_mb"},
		{"packet_buffers: 8192", "packet_buffers: 8193", "system.packet_buffers"},
		{"/run/a.sock", "/run/b.sock", "system.socket"},
		{"socket_group: adm", "socket_group: tty", "system.socket_group"},
		{"max_v4_groups: 1024", "max_v4_groups: 1025", "system.max_v4_groups"},
		{"workers: 1, poll: adaptive", "workers: 2, poll: busy", "system.workers, system.poll"},
		{"punt: false\n", "punt: false\n  - {name: extra, device: {kind: 'null'}}\n", "ports: which there are, or their order"},
		{"interface: t0", "interface: t1", "port inside: device"},
		{"kind: af_packet", "kind: af_xdp", "port outside: device"},
		{"'02:00:00:00:00:01'", "'02:00:00:00:00:02'", "port inside: device"},
		{"mtu: 1500", "mtu: 1501", "port inside: mtu"},
		{"fd00:1::4/64", "fd00:1::5/64", "port inside: addresses"},
		{"fd00:1::4/64", "fd00:1::4/65", "port inside: addresses"},
		{", fd00:1::4/64", "", "port inside: addresses"},
		{"'02:00:00:00:00:09'", "'02:00:00:00:00:08'", "port inside: neighbours"},
		{"{address: 10.0.1.1, mac", "{address: 10.0.1.2, mac", "port inside: neighbours"},
		{"punt_interface: p0", "punt_interface: p1", "port inside: punt_interface"},
		{"punt: false", "punt: true", "port outside: punt_interface, port outside: punt"},
		{"10.0.0.0/16, via: 10.0.1.1", "10.0.0.0/17, via: 10.0.1.1", "underlay: 10.0.0.0/16"},
		{"[10.0.1.1, 10.0.2.1]", "[10.0.2.1, 10.0.1.1]", "routes: 10.9.0.0/16"},
		{"[10.0.1.1, 10.0.2.1]", "[10.0.1.1]", "routes: 10.9.0.0/16"},
		{"blackhole: true", "discard: true", "routes: 10.8.0.0/16"},
		{"  - {prefix: 10.8.0.0/16, blackhole: true}\n", "", "routes: their number"},
		{"as: 64800", "as: 64801", "bgp: as, router_id, port or maximum_paths"},
		{"1.2.3.4", "1.2.3.5", "bgp: as, router_id, port or maximum_paths"},
		{"maximum_paths: 2", "maximum_paths: 3", "bgp: as, router_id, port or maximum_paths"},
		{"hold_time: 9s", "hold_time: 10s", "bgp: peer one"},
		{"prepend: 2", "prepend: 3", "bgp: peer one"},
		{"med: 5", "med: 6", "bgp: peer one"},
		{"'1:2'", "'1:3'", "bgp: peer one"},
		{"10.7.0.0/16", "10.6.0.0/16", "bgp: peer one"},
		{"name: two", "name: three", "bgp: peer two"},
		{"    - {name: two, address: 10.0.1.8, as: 64900}\n", "", "bgp: the number of peers"},
	};
	struct config *a = load(base);
	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct config *b = load_changed(cases[i].old, cases[i].new);
		struct config_changes changes;
		char text[200];

		assert_false(config_compare(a, b, &changes, text, sizeof(text)));
		assert_string_equal(text, cases[i].want);
		assert_false(changes.flows || changes.nat || changes.stateful);
		assert_false(config_compare(b, a, &changes, text, sizeof(text)));
		/* A short buffer is cut, not overrun. */
		assert_false(config_compare(a, b, &changes, text, 8));
		assert_int_equal(strlen(text), 7);
		config_free(b);
	}
	config_free(a);
}

static void test_same(void **state)
{
	struct config *a = load(base), *b = load(base);
	struct config_changes changes;
	char text[200];
	(void)state;

	assert_true(config_compare(a, b, &changes, text, sizeof(text)));
	assert_string_equal(text, "");
	assert_false(changes.flows || changes.nat || changes.stateful);
	config_free(b);
	/* Other text, the same meaning. */
	b = load_changed("mtu: 1500\n", "mtu: 1500 # as it was\n");
	assert_true(config_compare(a, b, &changes, text, sizeof(text)));
	config_free(b);
	config_free(a);
}

/* Whoever deletes all rules changed nothing about flows, though their default is another one then. */
static void test_default_sessions(void **state)
{
	static const char ports[] = "ports: [{name: a, device: {kind: 'null'}, addresses: [10.0.1.4/24]}]\n";
	struct config_changes changes;
	struct config *a, *b;
	char text[400];
	(void)state;

	snprintf(text, sizeof(text), "%snat: {dnat: [{name: d, destination: 10.0.1.9, to: 10.1.0.1}]}\n", ports);
	a = load(text);
	b = load(ports);
	assert_true(config_compare(a, b, &changes, text, sizeof(text)));
	assert_true(changes.nat && !changes.flows);
	assert_true(config_compare(b, a, &changes, text, sizeof(text)));
	assert_true(changes.nat && !changes.flows);
	config_free(a);
	config_free(b);
}

/* What can be applied at once is told by section, and needs no restart. */
static void test_what_can_be_applied(void **state)
{
	static const struct {
		const char *old, *new;
		char section;
	} cases[] = {
		{"max_sessions: 1000", "max_sessions: 1001", 'f'},
		{"tcp_midflow: drop", "tcp_midflow: adopt", 'f'},
		{"tcp_window_check: false", "tcp_window_check: true", 'f'},
		{"inbound_refreshes: true", "inbound_refreshes: false", 'f'},
		{"refused: answer", "refused: silent", 'f'},
		{"7440s", "7441s", 'f'},
		{"tcp_opening: 241s", "tcp_opening: 243s", 'f'},
		{"242s", "243s", 'f'},
		{"tcp_reset: 10s", "tcp_reset: 11s", 'f'},
		{"udp: 300s", "udp: 302s", 'f'},
		{"301s", "302s", 'f'},
		{"icmp: 60s", "icmp: 61s", 'f'},
		{"other: 600s", "other: 601s", 'f'},
		{"punt_interface: p0", "punt_interface: p0\n    stateful: true", 's'},
		{"[10.0.2.50, 10.0.2.51]", "[10.0.2.50, 10.0.2.52]", 'n'},
		{"[10.0.2.50, 10.0.2.51]", "[10.0.2.50]", 'n'},
		{"1024-65534", "1024-65533", 'n'},
		{"1024-65534", "1025-65534", 'n'},
		{"name: private", "name: privat", 'n'},
		{"ingress: [inside]", "ingress: [inside, outside]", 'n'},
		{"destination: [10.0.0.0/8]", "destination: [10.0.0.0/9]", 'n'},
		{"destination: [10.0.0.0/8]", "destination: [10.0.0.0/8, 11.0.0.0/8]", 'n'},
		{"source: [10.1.0.0/16]", "source: [10.1.0.0/17]", 'n'},
		{"protocols: [tcp, udp]", "protocols: [tcp]", 'n'},
		{"port_selection: preserve", "port_selection: random", 'n'},
		{"max_sessions: 100,", "max_sessions: 101,", 'n'},
		{"new_sessions_per_second: 10", "new_sessions_per_second: 11", 'n'},
		{"pool: p, port", "pool: q, mapping: endpoint-independent, port", 'n'},
		{"filtering: address", "filtering: address-and-port", 'n'},
		{"destination: 10.0.2.50", "destination: 10.0.2.51", 'n'},
		{"destination_ports: 443", "destination_ports: 444", 'n'},
		{"10.1.0.11:8443", "10.1.0.11:8444", 'n'},
		{"10.1.0.11:8443", "10.1.0.12:8443", 'n'},
		{", 10.1.0.11:8443", "", 'n'},
		{"balance: flow", "balance: source", 'n'},
		{", snat: p, snat_when: always", "", 'n'},
		{"snat_when: always", "snat_when: hairpin", 'n'},
		{"    - {name: peer, source: [10.2.0.0/16], pool: q, mapping: endpoint-independent, "
		 "filtering: address}\n", "", 'n'},
	};
	struct config *a = load(base);
	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct config *b = load_changed(cases[i].old, cases[i].new);
		struct config_changes c;
		char text[200];

		if (!config_compare(a, b, &c, text, sizeof(text)))
			fail_msg("%s: %s", cases[i].new, text);
		if (c.flows != (cases[i].section == 'f') || c.nat != (cases[i].section == 'n') ||
			c.stateful != (cases[i].section == 's'))
			fail_msg("%s: %d %d %d", cases[i].new, c.flows, c.nat, c.stateful);
		config_free(b);
	}
	config_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_restart_is_named),
		cmocka_unit_test(test_same),
		cmocka_unit_test(test_what_can_be_applied),
		cmocka_unit_test(test_default_sessions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
