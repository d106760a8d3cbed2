/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Every error of a configuration: what is said, what would be right, and that the caret stands under
 * exactly the token that is meant. In the texts here, that token is between « and ».
 */
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

#include "config/config.h"
#include "config/suggest.h"
#include "samples.h"

static void test_yaml(void **state)
{
	(void)state;
	EXPECT_ERRORS(
		{"«»", "the configuration is empty", "conf/nvad.yaml"},
		{"«»# nothing but this\n", "the configuration is empty", "conf/nvad.yaml"},
		{"ports: «&a» []\n", "anchors are not accepted", "write the value out"},
		{"ports: «*a»\n", "aliases are not accepted", "write the value out"},
		{"ports: «!!seq» []\n", "tags are not accepted", "delete it"},
		{"«»%YAML 1.2\n---\nports: []\n", "directives are not accepted", "'%'"},
		{"a: 1\n«---»\nb: 1\n", "more than one YAML document", "'---'"},
		{"ports:\n«\t»- name: x\n", "not valid YAML", "indentation"},
		{"ports: [«»", "not valid YAML", "brackets"},
		{"a: b«:» c\n", "not valid YAML", "indentation"},
		{"ports: []\n«ports»: []\n", "duplicate key 'ports'", "delete one"},
		{"? «»[a]\n: b\n", "cannot be a key", "a word followed by ':'"},
		{"a: «\x01»\n", "control character 0x01", "text file"},
		{"a: «»\rb: 1\n", "a carriage return without", "newline"},
		{"[[[[[[[[[[[[«[»[]]]]]]]]]]]]]]\n", "nested too deeply", "brackets"});
}

static void test_bytes_that_are_no_text(void **state)
{
	static const char *const texts[] = {
		"a: \xff", "a: \xc0\xaf", "a: \xe2\x82", "a: \xf8\x88\x80\x80\x80", "a: b\xc3",
	};
	struct config_error e;
	(void)state;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_null(config_load_string(texts[i], strlen(texts[i]), "t.yaml", &e));
		assert_non_null(strstr(e.message, "not valid UTF-8"));
		for (const char *p = e.source; *p != '\0'; p++)
			assert_true((*p & 0x80) == 0);
	}
	assert_null(config_load_string("a\0b", 3, "t.yaml", &e));
	assert_non_null(strstr(e.message, "control character 0x00"));
}

static void test_keys(void **state)
{
	(void)state;
	EXPECT_ERRORS(
		{"«prots»: []\n", "unknown key 'prots'", "did you mean 'ports'?"},
		{PORT "«zebra»: 1\n", "unknown key 'zebra'",
			"the keys here are: system, ports, underlay, routes, bgp"},
		{"«äöü»: 1\n", "unknown key", "the keys here"},
		{"«system»: {}\n", "the key 'ports' is missing here", "add 'ports: ...'"},
		{"«ports»:\n", "the key 'ports' has no value", "delete the key"},
		{"ports: «3»\n", "a single value where a list of ports is wanted", "- "},
		{"ports: «{»}\n", "a mapping where a list of ports is wanted", "- "},
		{"ports: «[»]\n", "no port", "at least one"},
		{"ports: [«a»]\n", "a single value where keys are wanted", "name: ..."},
		{"ports:\n  - «device»: {kind: null}\n", "the key 'name' is missing", "add 'name: ...'"},
		{"ports:\n  - «name»: a\n", "the key 'device' is missing", "add 'device: ...'"},
		{PORT "«routes»:\n", "has no value", "delete the key"},
		{PORT "routes:\n  «a»: b\n", "a mapping where a list of routes is wanted", "- "},
		{PORT "underlay: «[»]\n", "a list where keys are wanted", "routes: ..."},
		{PORT "system: {poll: «[»busy]}\n", "a list where 'poll' wants a single value", "same line"});
}

static void test_system(void **state)
{
	(void)state;
	EXPECT_ERRORS(
		{PORT "system: {workers: «0»}\n", "0 is out of range", "from 1 to 64"},
		{PORT "system: {workers: «65»}\n", "65 is out of range", "from 1 to 64"},
		{PORT "system: {workers: «010»}\n", "'010' is not a number", "without leading zeros"},
		{PORT "system: {workers: «0x2»}\n", "'0x2' is not a number", "decimal"},
		{PORT "system: {workers: «-1»}\n", "'-1' is not a number", "sign"},
		{PORT "system: {workers: «2.0»}\n", "'2.0' is not a number", "decimal"},
		{PORT "system: {workers: «\"2\"»}\n", "quoted text where a number is wanted", "decimal"},
		{PORT "system: {workers: «99999999999999999999999»}\n", "out of range", "from 1"},
		{PORT "system: {poll: «buzy»}\n", "'buzy' is no value for 'poll'", "did you mean busy?"},
		{PORT "system: {poll: «fast»}\n", "no value for 'poll'", "one of: adaptive, busy"},
		{PORT "system: {huge_pages: «true»}\n", "no value for 'huge_pages'", "auto, yes, no"},
		{PORT "system: {memory_mb: «512M»}\n", "'512M' is not a number", "unit"},
		{PORT "system: {memory_mb: «1»}\n", "out of range", "from 64"},
		{PORT "system: {packet_buffers: «10»}\n", "out of range", "from 1024"},
		{PORT "system: {socket: «nvad.sock»}\n", "not an absolute path", "/run/nvad.sock"},
		{PORT "system: {socket: «/"
		 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		 "aaaaaaaaaaaaaaaaaaaa»}\n", "too long for 'socket'", "at most 107"},
		{PORT "system: {socket: «\"\"»}\n", "empty text", "give it a value"},
		{PORT "system: {socket_group: «\"a b\"»}\n", "may not have", "letters, digits"},
		{PORT "system: {max_v4_groups: «1»}\n", "out of range", "from 256"});
}

static void test_devices(void **state)
{
	(void)state;
#define DEVICE(d) "ports:\n  - name: a\n    device: {" d "}\n"
	EXPECT_ERRORS(
		{DEVICE("kind: «tapp»"), "'tapp' is no value for 'kind'", "did you mean tap?"},
		{DEVICE("«interface»: eth1"), "the key 'kind' is missing", "add 'kind: ...'"},
		{DEVICE("kind: «tap»"), "a device of kind tap needs 'interface'", "add 'interface"},
		{DEVICE("kind: «af_xdp»"), "a device of kind af_xdp needs 'interface'", "add"},
		{DEVICE("kind: «memif»"), "a device of kind memif needs 'socket'", "add"},
		{DEVICE("kind: «pcap»"), "a device of kind pcap needs 'rx_file' or 'tx_file'", "add"},
		{DEVICE("kind: «pci»"), "a device of kind pci needs 'address' or 'mac'", "add"},
		{DEVICE("kind: null, «interface»: x"), "'interface' means nothing for a device of kind null",
			"delete it"},
		{DEVICE("kind: tap, interface: x, «role»: server"), "'role' means nothing", "delete it"},
		{DEVICE("kind: tap, interface: «\"a/b\"»"), "cannot be the name of a kernel interface",
			"1 to 15"},
		{DEVICE("kind: tap, interface: «abcdefghijklmnop»"), "cannot be the name", "15"},
		{DEVICE("kind: pci, address: «03:0»"), "'03:0' is not the address of a device", "lspci"},
		{DEVICE("kind: vmbus, address: «0000:03:00.0»"), "no address on the bus of kind vmbus", "UUID"},
		{DEVICE("kind: pci, address: «f8615163-df3e-46c5-913f-f2d2f965ed0e»"),
			"no address on the bus of kind pci", "lspci"},
		{DEVICE("kind: vmbus, mac: «12:34»"), "'12:34' is not a MAC address", "six octets"},
		{DEVICE("kind: vmbus, mac: «01:00:5e:00:00:01»"), "not the address of one station",
			"multicast"},
		{DEVICE("kind: vmbus, mac: «00:00:00:00:00:00»"), "not the address of one station", "zero"},
		{DEVICE("kind: memif, socket: «m.sock»"), "not an absolute path", "/"},
		{DEVICE("kind: memif, socket: «\"/a,b\"»"), "holds ',' or '='", "choose another"},
		{DEVICE("kind: memif, socket: /m, role: «sever»"), "no value for 'role'",
			"did you mean server?"},
		{DEVICE("kind: memif, socket: /m, id: «4294967296»"), "out of range", "4294967295"},
		{DEVICE("kind: pcap, rx_file: «\"a=b\"»"), "holds ',' or '='", "choose another"});
#undef DEVICE
}

static void test_ports(void **state)
{
	(void)state;
#define TAP(n, i) "  - name: " n "\n    device: {kind: tap, interface: " i "}\n"
	EXPECT_ERRORS(
		{"ports:\n  - name: «a b»\n" NULL_DEVICE, "may not have", "letters"},
		{"ports:\n  - name: «aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa»\n" NULL_DEVICE, "too long", "at most 31"},
		{PORT "  - name: «a»\n" NULL_DEVICE, "duplicate port name 'a'", "of its own"},
		{"ports:\n" TAP("a", "x") "  - name: b\n    device: «{»kind: af_packet, interface: x}\n",
			"port 'a' uses the same device", "one port"},
		{"ports:\n  - {name: a, device: {kind: pci, address: 0000:03:00.0}}\n"
		 "  - {name: b, device: «{»kind: pci, address: 0000:03:00.0}}\n",
			"port 'a' uses the same device", "one port"},
		{"ports:\n  - {name: a, device: {kind: vmbus, mac: 00:0d:3a:00:00:01}}\n"
		 "  - {name: b, device: «{»kind: vmbus, mac: 00:0d:3a:00:00:01}}\n",
			"port 'a' uses the same device", "one port"},
		{"ports:\n  - {name: a, device: {kind: memif, socket: /m, id: 1}}\n"
		 "  - {name: b, device: «{»kind: memif, socket: /m, id: 1}}\n",
			"port 'a' uses the same device", "one port"},
		{PORT "    mtu: «67»\n", "out of range", "from 68 to 9216"},
		{PORT "    mtu: «1279»\n    addresses: [fd00::4/64]\n", "too small for IPv6", "1280"},
		{PORT "    punt: «yes»\n", "'yes' is neither true nor false", "without quotes"},
		{PORT "    punt: «\"true\"»\n", "neither true nor false", "without quotes"},
		{PORT "    punt_interface: «a/b»\n", "kernel interface", "15"},
		{"ports:\n  - {name: a, device: {kind: af_xdp, interface: x}, punt: «true»}\n",
			"no punt interface", "XDP"},
		{"ports:\n  - {name: a, device: {kind: af_xdp, interface: x}, «punt_interface»: y}\n",
			"no punt interface", "XDP"},
		{"ports:\n  - {name: abcdefghijkl1, device: {kind: null}}\n"
		 "  - {name: «abcdefghijkl2», device: {kind: null}}\n",
			"the punt interface would be 'nv-abcdefghijkl'", "punt_interface"});
#undef TAP
}

static void test_addresses(void **state)
{
	(void)state;
#define ADDRESS(a) PORT "    addresses: [" a "]\n"
	EXPECT_ERRORS(
		{PORT "    addresses: «10.0.1.4/24»\n", "a list of addresses is wanted", "- "},
		{ADDRESS("«10.0.1.4»"), "not an address with its prefix length", "10.0.1.4/24"},
		{ADDRESS("«10.0.1.4/33»"), "not an address with its prefix length", "10.0.1.4/24"},
		{ADDRESS("«10.0.1.04/24»"), "not an address with its prefix length", "10.0.1.4/24"},
		{ADDRESS("«10.0.1.4/0»"), "length 0", "10.0.1.4/24"},
		{ADDRESS("«10.0.1.0/24»"), "the address of the subnet", "own address"},
		{ADDRESS("«fd00:1::/64»"), "the address of the subnet", "own address"},
		{ADDRESS("«10.0.1.255/24»"), "broadcast address", "own address"},
		{ADDRESS("«127.0.0.1/8»"), "a loopback address", "unicast"},
		{ADDRESS("«224.0.0.5/24»"), "a multicast address", "unicast"},
		{ADDRESS("«240.0.0.5/24»"), "reserved (RFC 1112)", "unicast"},
		{ADDRESS("10.0.1.4/24, «10.0.1.4/24»"), "is also an address of port 'a'", "once"},
		{NET "  - name: b\n" NULL_DEVICE "    addresses: [«10.0.1.4/32»]\n",
			"is also an address of port 'a'", "one port"},
		{NET "  - name: b\n" NULL_DEVICE "    addresses: [«10.0.1.5/25»]\n",
			"10.0.1.0/25 overlaps 10.0.1.0/24 on port 'a'", "one port only"});
#undef ADDRESS
#define NEIGHBOUR(n) NET "    neighbours: [" n "]\n"
	EXPECT_ERRORS(
		{NEIGHBOUR("{«address»: 10.0.1.1}"), "the key 'mac' is missing", "add 'mac: ...'"},
		{NEIGHBOUR("{address: «10.0.2.1», mac: 12:34:56:78:9a:bc}"), "on no connected prefix of port 'a'",
			"the port's addresses"},
		{NEIGHBOUR("{address: «10.0.1.4», mac: 12:34:56:78:9a:bc}"), "the port's own address", "gateway"},
		{NEIGHBOUR("{address: 10.0.1.1, mac: «12-34-56-78-9a-bc»}"), "not a MAC address",
			"12:34:56:78:9a:bc"},
		{NEIGHBOUR("{address: 10.0.1.1, mac: 12:34:56:78:9a:bc}, "
			   "{address: «10.0.1.1», mac: 12:34:56:78:9a:bd}"),
			"duplicate neighbour 10.0.1.1", "one MAC"},
		{NEIGHBOUR("{address: «10.0.1.1/32», mac: 12:34:56:78:9a:bc}"), "not an IP address",
			"without a prefix length"});
#undef NEIGHBOUR
}

static void test_routes(void **state)
{
	(void)state;
#define ROUTE(r) UNDERLAY "routes: [{" r "}]\n"
	EXPECT_ERRORS(
		{ROUTE("«via»: 10.0.1.1"), "the key 'prefix' is missing", "add"},
		{ROUTE("prefix: «10.0.0.0», via: 10.0.1.1"), "'10.0.0.0' is not a prefix", "ADDRESS/LENGTH"},
		{ROUTE("prefix: «10.0.0.1/8», via: 10.0.1.1"), "bits set beyond its length",
			"did you mean 10.0.0.0/8?"},
		{ROUTE("prefix: «10.0.0.0/8»"), "leads nowhere", "via: GATEWAY"},
		{ROUTE("prefix: 0.0.0.0/0, via: «10.0.2.1»"), "not on a connected prefix", "underlay route"},
		{ROUTE("prefix: 0.0.0.0/0, via: «10.0.1.4»"), "own address of port 'a'", "another host"},
		{ROUTE("prefix: 0.0.0.0/0, via: «fd00:1::1»"), "different families", "an IPv4 gateway"},
		{ROUTE("prefix: ::/0, via: «10.0.1.1»"), "different families", "an IPv6 gateway"},
		{ROUTE("prefix: 0.0.0.0/0, via: «x»"), "'x' is not an IP address", "10.0.1.4"},
		{ROUTE("prefix: 0.0.0.0/0, via: «[»]"), "no gateway", "ECMP"},
		{ROUTE("prefix: 0.0.0.0/0, via: [10.0.1.1, «10.0.1.1»]"), "duplicate gateway", "once"},
		{ROUTE("prefix: 0.0.0.0/0, via: «[»10.0.1.1, 10.0.1.2, 10.0.1.3, 10.0.1.5, 10.0.1.6, "
		       "10.0.1.7, 10.0.1.8, 10.0.1.9, 10.0.1.10]"), "9 gateways are too many", "at most 8"},
		{ROUTE("prefix: 0.0.0.0/0, via: 10.0.1.1, «blackhole»: true"), "'blackhole' beside 'via'",
			"one of the two"},
		{ROUTE("prefix: 0.0.0.0/0, discard: «false»"), "leaves the route without an action", "true"},
		{ROUTE("prefix: 10.0.0.0/8, via: 10.0.1.1}, {prefix: «10.0.0.0/8», discard: true"),
			"duplicate route for 10.0.0.0/8", "via: [A, B]"},
		{NET "underlay: {routes: [{prefix: 10.9.0.0/24, via: «10.8.0.1»}]}\n",
			"not on a connected prefix", "the ports' addresses"},
		{NET "underlay: {routes: [{prefix: 10.9.0.0/24, «blackhole»: true}]}\n",
			"unknown key 'blackhole'", "prefix, via"});
#undef ROUTE
}

static void test_bgp(void **state)
{
	(void)state;
#define SPEAKER(k) UNDERLAY "bgp: {" k "}\n"
	EXPECT_ERRORS(
		{SPEAKER("«peers»: []"), "the key 'as' is missing", "add"},
		{SPEAKER("«as»: 64800"), "the key 'peers' is missing", "add"},
		{SPEAKER("as: «0», peers: []"), "AS 0 is never used", "64512"},
		{SPEAKER("as: «23456», peers: []"), "AS 23456 is reserved", "64512"},
		{SPEAKER("as: «65535», peers: []"), "AS 65535 is reserved", "64512"},
		{SPEAKER("as: «4294967295», peers: []"), "out of range", "4294967294"},
		{SPEAKER("as: «1.10», peers: []"), "not a number", "decimal"},
		{SPEAKER("as: 64800, router_id: «0.0.0.0», peers: []"), "not valid (RFC 6286", "port"},
		{SPEAKER("as: 64800, router_id: «fd00::1», peers: []"), "not a router id", "four octets"},
		{SPEAKER("as: 64800, router_id: «7», peers: []"), "not a router id", "four octets"},
		{SPEAKER("as: 64800, port: «65536», peers: []"), "out of range", "65535"},
		{SPEAKER("as: 64800, maximum_paths: «0», peers: []"), "out of range", "from 1 to 32"},
		{SPEAKER("as: 64800, maximum_paths: «33», peers: []"), "out of range", "from 1 to 32"},
		{PORT "bgp: {«as»: 64800, peers: []}\n", "no router id", "router_id: A.B.C.D"});
#undef SPEAKER
}

static void test_peers(void **state)
{
	(void)state;
	EXPECT_ERRORS(
		{BGP "      address: «10.0.1.4»\n      as: 1\n", "own address of port 'a'", "peer's"},
		{BGP "      address: «224.0.0.1»\n      as: 1\n", "multicast", "unicast"},
		{BGP "      address: 10.0.1.9\n      as: «0»\n", "AS 0", "64512"},
		{BGP "      address: «10.9.0.4»\n      as: 64900\n", "not on a connected prefix",
			"add 'multihop: true'"},
		{PEER "    - {name: «p», address: 10.0.1.8, as: 1}\n", "duplicate peer name 'p'", "of its own"},
		{PEER "    - {name: q, address: «10.0.1.9», as: 1}\n", "peer 'p' has the same address", "both"},
		{PEER "      local_address: «10.0.1.5»\n", "no address of a port", "ports[].addresses"},
		{PEER "      local_address: «fd00:1::4»\n", "different families", "one family"},
		{PEER "      multihop: «0»\n", "out of range", "the TTL from 1 to 255"},
		{PEER "      multihop: «yes»\n", "not a number", "true (a TTL of 64)"},
		{PEER "      hold_time: «30»\n", "30 has no unit", "write 30s"},
		{PEER "      hold_time: «2s»\n", "a hold time of 2s", "at least 3s"},
		{PEER "      hold_time: «1500ms»\n", "not a whole number of seconds", "30s"},
		{PEER "      hold_time: «2d»\n", "not a duration", "30s or 5m"},
		{PEER "      hold_time: «19h»\n", "out of range", "65535s"},
		{PEER "      connect_retry: «0s»\n", "out of range", "from 1s"},
		{PEER "      passive: «1»\n", "neither true nor false", "quotes"},
		{PEER "      port: «0»\n", "out of range", "from 1"},
		{PEER "      families: «[»]\n", "no family", "ipv4, ipv6"},
		{PEER "      families: [«ip4»]\n", "no value for 'families'", "did you mean ipv4?"},
		{PEER "      families: [ipv4, «ipv4»]\n", "duplicate family", "once"},
		{PEER "      next_hop_v4: «fd00::1»\n", "is not an IPv4 address", "self"},
		{PEER "      next_hop_v6: «10.0.1.4»\n", "is not an IPv6 address", "self"},
		{PEER "      next_hop_v6: «me»\n", "'me' is not a next hop", "self"},
		{PEER "      max_prefixes: «-1»\n", "not a number", "sign"},
		{PEER "      «exprot»: []\n", "unknown key 'exprot'", "did you mean 'export'?"},
		{NET "bgp:\n  as: 64800\n  port: 0\n  peers:\n"
		     "    - {name: p, address: 10.0.1.9, as: 1, passive: «true»}\n",
			"does not listen", "one side"});
}

/* What Azure Route Server would refuse without a word. */
static void test_azure(void **state)
{
#define LOCAL(as) UNDERLAY "bgp:\n  as: «" as "»\n  peers:\n    - {name: rs, address: 10.9.0.4, "   \
			   "as: 65515, multihop: true}\n"
	static const char *const reserved[] = {
		LOCAL("8074"), LOCAL("8075"), LOCAL("12076"), LOCAL("64496"), LOCAL("64511"),
		LOCAL("65515"), LOCAL("65517"), LOCAL("65520"), LOCAL("65536"), LOCAL("65551"),
	};
	(void)state;

	for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++) {
		const struct sample s = {reserved[i], "is reserved by Azure, and peer 'rs' is a Route Server",
			"8074, 8075, 12076, 23456, 64496-64511, 65515, 65517-65520, 65535-65551"};

		expect_error(&s);
	}
	EXPECT_ERRORS(
		{LOCAL("65552"), "AS 65552 has 32 bits", "16-bit"},
		{LOCAL("4200000000"), "AS 4200000000 has 32 bits", "16-bit"},
		{UNDERLAY "bgp:\n  as: 64800\n  peers:\n    - {name: rs, address: «10.9.0.4», as: 65515}\n",
			"not on a connected prefix", "Route Server is in a subnet of its own"},
		{EXPORT "        - {prefix: 0.0.0.0/0, communities: [«\"65517:65517\"»]}\n",
			"65517:65517 is Azure's own", "never send it"});
#undef LOCAL
}

static void test_exports(void **state)
{
	(void)state;
	EXPECT_ERRORS(
		{EXPORT "        - {«med»: 1}\n", "the key 'prefix' is missing", "add"},
		{EXPORT "        - {prefix: «10.1.2.3/16»}\n", "bits set", "did you mean 10.1.0.0/16?"},
		{EXPORT "        - {prefix: «fd00::1/64»}\n", "bits set", "did you mean fd00::/64?"},
		{EXPORT "        - {prefix: 0.0.0.0/0}\n        - {prefix: «0.0.0.0/0»}\n",
			"duplicate export of 0.0.0.0/0", "once"},
		{EXPORT "        - {prefix: 0.0.0.0/0, prepend: «33»}\n", "out of range", "from 0 to 32"},
		{EXPORT "        - {prefix: 0.0.0.0/0, med: «-5»}\n", "not a number", "sign"},
		{EXPORT "        - {prefix: 0.0.0.0/0, next_hop: «fd00::9»}\n", "different families",
			"an IPv4 next hop"},
		{EXPORT "        - {prefix: ::/0, next_hop: «10.0.1.7»}\n", "different families",
			"an IPv6 next hop"},
		{EXPORT "        - {prefix: 0.0.0.0/0, next_hop: «0.0.0.0»}\n", "unspecified", "unicast"},
		{EXPORT "        - {prefix: 0.0.0.0/0, communities: «no-advertise»}\n", "a list of communities",
			"- "},
		{EXPORT "        - {prefix: 0.0.0.0/0, communities: [«\"65535\"»]}\n", "is not a community",
			"AS:VALUE"},
		{EXPORT "        - {prefix: 0.0.0.0/0, communities: [«\"65536:1\"»]}\n", "is not a community",
			"65535"},
		{EXPORT "        - {prefix: 0.0.0.0/0, communities: [«no-advertize»]}\n", "is not a community",
			"no-advertise"},
		{EXPORT "        - {prefix: 0.0.0.0/0, communities: [\"65535:65282\", «no-advertise»]}\n",
			"duplicate community", "once"},
		{PEER "      families: [ipv4]\n      export: [{prefix: «::/0»}]\n",
			"'families' of peer 'p' does not list ipv6", "add ipv6"},
		{PORT "    addresses: [10.0.1.4/24]\nbgp:\n  as: 1\n  peers:\n"
		      "    - {name: p, address: 10.0.1.9, as: 2, export: [{prefix: «::/0»}]}\n",
			"has no IPv6 address to be the next hop", "next_hop_v6"});
}

static void test_warnings(void **state)
{
	static const struct sample samples[] = {
		{BGP "      address: 10.0.1.9\n      as: 2\n    - name: «q»\n      address: 10.0.1.8\n"
		     "      as: 2\n", "nothing is exported to peer 'q'", "is not announced"},
		{UNDERLAY "bgp:\n  as: 64800\n  peers:\n    - {name: «rs», address: 10.9.0.4, as: 65515, "
			  "multihop: true}\n", "only one Route Server instance", "peer with both"},
		{UNDERLAY "bgp:\n  as: 64800\n  peers:\n    - {name: x, address: «192.0.2.1», as: 65515, "
			  "multihop: true}\n", "neither a connected prefix nor an underlay route",
			"underlay.routes"},
	};
	(void)state;

	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++)
		expect_warning(&samples[i]);
}

/* A token far to the right: the line is cut around it, and the caret still fits. */
static void test_long_line(void **state)
{
	char text[2000], *out = NULL, *line;
	struct config_error e;
	size_t len = 0;
	FILE *f;
	(void)state;

	memset(text, ' ', sizeof(text));
	memcpy(text, "ports: [", 8);
	memcpy(text + 1500, "{nmae: x}]\n", 12);
	assert_null(config_load_string(text, strlen(text), "t.yaml", &e));
	assert_int_equal(e.line, 1);
	assert_int_equal(e.column, 1502);
	assert_memory_equal(e.source + e.source_column - 1, "nmae", 4);
	f = open_memstream(&out, &len);
	config_error_print(&e, f, false);
	fclose(f);
	line = strstr(out, "      | ");
	assert_non_null(line);
	assert_memory_equal(line + 8 + e.source_column - 1, "^~~~\n", 5);
	free(out);
}

/* What YAML escapes must not reach the operator's terminal. */
static void test_no_control_characters_in_messages(void **state)
{
	static const char text[] = "\"\\e[31mred\\a\": 1\n";
	struct config_error e;
	(void)state;

	assert_null(config_load_string(text, sizeof(text) - 1, "t.yaml", &e));
	assert_non_null(strstr(e.message, "unknown key '?[31mred?'"));
	/* A byte order mark is no column. */
	assert_null(config_load_string("\xef\xbb\xbfprts: 1\n", 11, "t.yaml", &e));
	assert_int_equal(e.column, 1);
	assert_string_equal(e.source, "prts: 1");
	assert_null(config_load_string("a\tb: 1\na\tb: 1", 13, "t.yaml", &e));
	assert_non_null(strstr(e.message, "duplicate key 'a?b'"));
}

static void test_limits(void **state)
{
	size_t len = (4u << 20) + 1, n = 0;
	char *text = malloc(len + 1);
	struct config_error e;
	(void)state;

	memset(text, '#', len);
	assert_null(config_load_string(text, len, "t.yaml", &e));
	assert_non_null(strstr(e.message, "too long"));

	n = (size_t)sprintf(text, "ports: [");
	for (int i = 0; i < 250000; i++)
		n += (size_t)sprintf(text + n, "a,");
	n += (size_t)sprintf(text + n, "]\n");
	assert_null(config_load_string(text, n, "t.yaml", &e));
	assert_non_null(strstr(e.message, "too many values"));

	n = (size_t)sprintf(text, "system: {");
	for (int i = 0; i < 100; i++)
		n += (size_t)sprintf(text + n, "k%d: 1,", i);
	n += (size_t)sprintf(text + n, "}\n");
	assert_null(config_load_string(text, n, "t.yaml", &e));
	assert_non_null(strstr(e.message, "too many keys"));

	n = (size_t)sprintf(text, "ports: [");
	for (int i = 0; i < 33; i++)
		n += (size_t)sprintf(text + n, "{name: p%d, device: {kind: null}},", i);
	n += (size_t)sprintf(text + n, "]\n");
	assert_null(config_load_string(text, n, "t.yaml", &e));
	assert_non_null(strstr(e.message, "33 ports are too many"));
	free(text);
}

static void test_suggestions(void **state)
{
	static const char *const words[] = {"name", "device", "mtu"};
	(void)state;

	assert_int_equal(suggest_distance("", "abc"), 3);
	assert_int_equal(suggest_distance("abc", "abc"), 0);
	assert_int_equal(suggest_distance("nmae", "name"), 1);
	assert_int_equal(suggest_distance("kitten", "sitting"), 3);
	assert_string_equal(suggest_word("nmae", words, 3), "name");
	assert_string_equal(suggest_word("devcie", words, 3), "device");
	assert_string_equal(suggest_word("mtus", words, 3), "mtu");
	assert_null(suggest_word("zebra", words, 3));
	assert_null(suggest_word("", words, 3));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_yaml),
		cmocka_unit_test(test_bytes_that_are_no_text),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_system),
		cmocka_unit_test(test_devices),
		cmocka_unit_test(test_ports),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_routes),
		cmocka_unit_test(test_bgp),
		cmocka_unit_test(test_peers),
		cmocka_unit_test(test_azure),
		cmocka_unit_test(test_exports),
		cmocka_unit_test(test_warnings),
		cmocka_unit_test(test_long_line),
		cmocka_unit_test(test_no_control_characters_in_messages),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_suggestions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
