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
		{"name: outside", "name: outsider", "ports: which there are, or their order"},
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_restart_is_named),
		cmocka_unit_test(test_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
