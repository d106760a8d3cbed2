/* SPDX-License-Identifier: BSD-3-Clause */
/* The section `nat`: what it becomes, and every error and warning of it. */
#include "unit.h"

#include "config/config.h"
#include "samples.h"

#define ASSERT_ADDR(a, text) assert_string_equal(IP_ADDR_TEXT(a), text)
#define ASSERT_PREFIX(p, text) assert_string_equal(IP_PREFIX_TEXT(p), text)

#define TWO NET "  - name: b\n" NULL_DEVICE "    addresses: [10.0.2.4/24]\n"
#define POOLS TWO "nat:\n  pools:\n    - {name: outside, addresses: [10.0.2.5]}\n"                   \
	      "    - {name: six, addresses: [\"fd00:1::5\"]}\n"
#define SNAT(r) POOLS "  snat: [{name: s, " r "}]\n"
#define DNAT(r) POOLS "  dnat: [{name: d, " r "}]\n"
#define POOL(p) TWO "nat: {pools: [{name: x, " p "}]}\n"

static struct config *load(const char *text)
{
	struct config_error e;
	struct config *c = config_load_string(text, strlen(text), "t.yaml", &e);

	if (c == NULL)
		fail_msg("%u:%u: %s (%s)", e.line, e.column, e.message, e.hint);
	return c;
}

static void test_defaults(void **state)
{
	struct config *c = load(POOLS "  snat: [{name: s, pool: outside}]\n"
				      "  dnat: [{name: d, destination: 10.0.2.6, to: 10.1.0.1}]\n");
	const struct config_snat *s = c->nat.snat;
	const struct config_dnat *d = c->nat.dnat;
	(void)state;

	assert_int_equal(c->nat.pools[0].port_first, 1024);
	assert_int_equal(c->nat.pools[0].port_last, 65535);
	assert_int_equal(s->match.ports, 0);
	assert_int_equal(s->match.protocols, 0);
	assert_int_equal(s->match.n_source + s->match.n_destination, 0);
	assert_int_equal(s->mapping, CONFIG_NAT_ENDPOINT_DEPENDENT);
	assert_int_equal(s->filtering, CONFIG_NAT_FILTER_ENDPOINT_INDEPENDENT);
	assert_int_equal(s->port_selection, CONFIG_NAT_PORTS_PRESERVE);
	assert_int_equal(s->max_sessions + s->rate, 0);
	assert_false(s->exempt);
	assert_int_equal(d->port_first, 0);
	assert_int_equal(d->match.protocols, 0);
	assert_int_equal(d->n_to, 1);
	assert_int_equal(d->to[0].port, 0);
	assert_false(d->by_source || d->has_snat || d->snat_hairpin_only);
	config_free(c);
	c = load(PORT);
	assert_int_equal(c->nat.n_pools + c->nat.n_snat + c->nat.n_dnat, 0);
	config_free(c);
}

static const char every_key[] =
	TWO "nat:\n"
	"  dnat:\n" /* the order of the file does not matter */
	"    - name: web\n"
	"      ingress: b\n"
	"      source: [0.0.0.0/1, 128.0.0.0/1]\n"
	"      destination: 10.0.2.16\n"
	"      destination_ports: 443\n"
	"      protocols: tcp\n"
	"      to: [10.1.0.10:8443, 10.1.0.11]\n"
	"      balance: source\n"
	"      snat: outside\n"
	"      snat_when: hairpin\n"
	"    - {name: net, destination: 10.0.9.0/29, to: 10.1.9.8/29, snat: outside}\n"
	"    - {name: v6, destination: \"fd00:2::5\", destination_ports: 8000-8010, to: [\"[fd00:9::1]:9000\"]}\n"
	"  snat:\n"
	"    - {name: internal, destination: [10.0.0.0/8, \"fd00::/8\"], exempt: true}\n"
	"    - name: egress\n"
	"      ingress: [a, b]\n"
	"      source: 10.0.0.0/8\n"
	"      destination: [192.0.2.1, 198.51.100.0/24]\n"
	"      protocols: [tcp, other]\n"
	"      pool: many\n"
	"      mapping: endpoint-independent\n"
	"      filtering: address-and-port\n"
	"      port_selection: random\n"
	"      max_sessions: 1000\n"
	"      new_sessions_per_second: 100\n"
	"  pools:\n"
	"    - {name: outside, addresses: 10.0.2.16, ports: 1024-20000}\n"
	"    - {name: many, addresses: [10.0.2.16/30, 10.0.3.0/25], ports: 20001-65535}\n";

static void test_every_key(void **state)
{
	struct config *c = load(every_key);
	const struct config_nat_pool *p = c->nat.pools;
	const struct config_snat *s = &c->nat.snat[1];
	const struct config_dnat *d = c->nat.dnat;
	(void)state;

	assert_int_equal(c->n_warnings, 0);
	assert_int_equal(p[0].n_addresses, 1);
	assert_int_equal(p[0].port_last, 20000);
	assert_int_equal(p[1].n_addresses, 132);
	ASSERT_ADDR(&p[1].addresses[0], "10.0.2.16");
	ASSERT_ADDR(&p[1].addresses[3], "10.0.2.19");
	ASSERT_ADDR(&p[1].addresses[131], "10.0.3.127");

	assert_true(c->nat.snat[0].exempt);
	assert_int_equal(c->nat.snat[0].match.n_destination, 2);
	assert_string_equal(s->name, "egress");
	assert_int_equal(s->match.ports, 3);
	ASSERT_PREFIX(&s->match.source[0], "10.0.0.0/8");
	ASSERT_PREFIX(&s->match.destination[0], "192.0.2.1/32");
	assert_int_equal(s->match.protocols, CONFIG_TCP | CONFIG_OTHER);
	assert_int_equal(s->pool, 1);
	assert_int_equal(s->mapping, CONFIG_NAT_ENDPOINT_INDEPENDENT);
	assert_int_equal(s->filtering, CONFIG_NAT_FILTER_ADDRESS_PORT);
	assert_int_equal(s->port_selection, CONFIG_NAT_PORTS_RANDOM);
	assert_int_equal(s->max_sessions, 1000);
	assert_int_equal(s->rate, 100);

	assert_int_equal(d[0].match.ports, 2);
	assert_int_equal(d[0].match.n_source, 2);
	ASSERT_PREFIX(&d[0].match.destination[0], "10.0.2.16/32");
	assert_int_equal(d[0].port_first, 443);
	assert_int_equal(d[0].port_last, 443);
	assert_int_equal(d[0].match.protocols, CONFIG_TCP);
	assert_int_equal(d[0].n_to, 2);
	ASSERT_ADDR(&d[0].to[0].addr, "10.1.0.10");
	assert_int_equal(d[0].to[0].port, 8443);
	assert_int_equal(d[0].to[1].port, 0);
	assert_true(d[0].by_source && d[0].has_snat && d[0].snat_hairpin_only);
	assert_int_equal(d[0].snat_pool, 0);
	ASSERT_PREFIX(&d[1].match.destination[0], "10.0.9.0/29");
	ASSERT_ADDR(&d[1].to[0].addr, "10.1.9.8");
	assert_true(d[1].has_snat && !d[1].snat_hairpin_only && !d[1].by_source);
	assert_int_equal(d[2].match.protocols, CONFIG_TCP | CONFIG_UDP); /* what has ports */
	assert_int_equal(d[2].port_last, 8010);
	ASSERT_ADDR(&d[2].to[0].addr, "fd00:9::1");
	assert_int_equal(d[2].to[0].port, 9000);
	assert_false(d[2].has_snat);
	config_free(c);
}

static void test_pool_errors(void **state)
{
	(void)state;
	EXPECT_ERRORS(
		{TWO "nat: {«pool»: []}\n", "unknown key 'pool'", "did you mean 'pools'?"},
		{TWO "nat: {pools: [{«name»: x}]}\n", "the key 'addresses' is missing", "add"},
		{TWO "nat: {pools: [{«addresses»: 10.0.2.5}]}\n", "the key 'name' is missing", "add"},
		{POOL("addresses: «[»]"), "an empty list of addresses", "at least one"},
		{POOL("addresses: «10.0.2»"), "neither an address nor a prefix", "10.0.1.4"},
		{POOL("addresses: [«10.0.2.17/30»]"), "bits set", "did you mean 10.0.2.16/30?"},
		{POOL("addresses: [10.0.2.5, «\"fd00::5\"»]"), "different families", "a pool for each"},
		{POOL("addresses: [«10.0.4.0/23»]"), "stands for more than 256", "at most 256"},
		{POOL("addresses: [10.0.4.0/24, «10.0.5.0»]"), "more than 256 addresses", "among pools"},
		{POOL("addresses: [10.0.2.16/30, «10.0.2.18»]"), "10.0.2.18 is in the pool already", "once"},
		{POOL("addresses: [«224.0.0.1»]"), "multicast", "unicast"},
		{POOL("addresses: [«0.0.0.0»]"), "unspecified", "unicast"},
		{UNDERLAY "nat: {pools: [{name: x, addresses: «10.0.1.1»}]}\n", "is a gateway's address",
			"choose others"},
		{PEER "nat: {pools: [{name: x, addresses: «10.0.1.8/30»}]}\n", "10.0.1.9 is a BGP peer's",
			"choose others"},
		{NET "    neighbours: [{address: 10.0.1.7, mac: 12:34:56:78:9a:bc}]\n"
		     "nat: {pools: [{name: x, addresses: «10.0.1.7»}]}\n", "is a neighbour's", "choose"},
		{POOL("addresses: 10.0.2.5, ports: «65535-1024»"), "ends before it begins",
			"did you mean 1024-65535?"},
		{POOL("addresses: 10.0.2.5, ports: «0-1024»"), "neither a port nor a range", "from 1"},
		{POOL("addresses: 10.0.2.5, ports: «1024-65536»"), "neither a port nor a range", "65535"},
		{POOL("addresses: 10.0.2.5, ports: «1024:2000»"), "neither a port", "8000-8010"},
		{POOL("addresses: 10.0.2.5, ports: «1-2-3»"), "neither a port", "8000-8010"},
		{POOL("addresses: 10.0.2.5, ports: «[»1024, 2000]"), "a single value is wanted", "8000"},
		{POOL("addresses: 10.0.2.5, ports: «65330»"), "the range is empty", "65330 is left out"},
		{"system: {workers: 4}\n" POOL("addresses: 10.0.2.5, ports: «1024-1215»"),
			"no port for some of the 4 workers", "at least 256"},
		{POOLS "    - {name: «six», addresses: 10.0.2.6}\n", "duplicate pool name", "of its own"},
		{POOLS "    - {name: x, addresses: «[»10.0.2.6, 10.0.2.5], ports: 2000-3000}\n",
			"pool 'outside' has 10.0.2.5 too", "do not overlap"});
}

static void test_match_errors(void **state)
{
	(void)state;
	EXPECT_ERRORS(
		{SNAT("pool: outside, source: «any»"), "by leaving the key out", "delete it"},
		{SNAT("pool: outside, destination: «all»"), "by leaving the key out", "delete it"},
		{SNAT("pool: outside, protocols: «all»"), "by leaving the key out", "delete it"},
		{SNAT("pool: outside, ingress: «any»"), "by leaving the key out", "delete it"},
		{DNAT("destination: «any», to: 10.1.0.1"), "neither an address", "10.0.1.4"},
		{"ports: [{name: inside, device: {kind: null}}]\n"
		 "nat: {snat: [{name: s, exempt: true, ingress: [inside, «insied»]}]}\n",
			"there is no port 'insied'", "did you mean 'inside'?"},
		{SNAT("ingress: «zebra», pool: outside"), "there is no port 'zebra'", "as 'a'"},
		{SNAT("ingress: [a, «a»], pool: outside"), "duplicate port 'a'", "once"},
		{SNAT("ingress: «[»], pool: outside"), "an empty list of ports", "delete the key"},
		{SNAT("source: «[»], pool: outside"), "an empty list of prefixes", "delete the key"},
		{SNAT("source: «10.0.0.1/8», pool: outside"), "bits set", "did you mean 10.0.0.0/8?"},
		{SNAT("source: [10.0.0.0/8, «10.0.0.0/8»], pool: outside"), "duplicate prefix", "once"},
		{SNAT("source: [10.0.0.0/8, «\"fd00::/8\"»], pool: outside"),
			"fd00::/8 and the pool are of different families", "of their own"},
		{SNAT("destination: «10.0.0.0/8», pool: six"), "different families", "of their own"},
		{SNAT("protocols: [«tpc»], pool: outside"), "no value for 'protocols'", "did you mean tcp?"},
		{SNAT("protocols: [tcp, «tcp»], pool: outside"), "duplicate protocol", "once"},
		{SNAT("protocols: «6», pool: outside"), "no value for 'protocols'", "tcp, udp, icmp, other"});
}

static void test_snat_errors(void **state)
{
	(void)state;
	EXPECT_ERRORS(
		{POOLS "  snat: [{name: «s»}]\n", "rule 's' has no pool", "exempt: true"},
		{SNAT("exempt: «false»"), "rule 's' has no pool", "pool: NAME"},
		{SNAT("exempt: true, «pool»: outside"), "'pool' beside 'exempt: true'", "one of the two"},
		{SNAT("exempt: true, «mapping»: endpoint-dependent"), "'mapping' beside", "one of the two"},
		{SNAT("exempt: true, «max_sessions»: 5"), "'max_sessions' beside", "one of the two"},
		{SNAT("exempt: true, source: 10.0.0.0/8, destination: «\"fd00::/8\"»"), "no family in common",
			"match nothing"},
		{SNAT("pool: «outsid»"), "there is no pool 'outsid'", "did you mean 'outside'?"},
		{TWO "nat: {snat: [{name: s, pool: «x»}]}\n", "there is no pool 'x'", "nat.pools"},
		{SNAT("pool: outside, mapping: «independent»"), "no value for 'mapping'",
			"endpoint-independent"},
		{SNAT("pool: outside, «filtering»: address"), "without endpoint-independent mapping",
			"add 'mapping"},
		{SNAT("pool: outside, mapping: endpoint-independent, filtering: «adress»"),
			"no value for 'filtering'", "did you mean address?"},
		{SNAT("pool: outside, port_selection: «randm»"), "no value for", "did you mean random?"},
		{SNAT("pool: outside, max_sessions: «0»"), "out of range", "from 1"},
		{SNAT("pool: outside, new_sessions_per_second: «-1»"), "not a number", "sign"},
		{SNAT("pool: outside}, {name: «s», pool: outside"), "duplicate rule name 's'", "together"},
		{"system: {workers: 2}\n" SNAT("pool: outside, mapping: «endpoint-independent»"),
			"with 2 workers needs 'source'", "which are inside"},
		{SNAT("pool: outside, source: 10.0.0.0/8}, {name: t, pool: «outside», "
		      "mapping: endpoint-independent"),
			"rule 's' uses pool 'outside' with endpoint-dependent mapping", "of its own"},
		{SNAT("pool: outside, mapping: endpoint-independent}]\n"
		      "  dnat: [{name: d, destination: 10.0.2.6, to: 10.1.0.1, snat: «outside»"),
			"with endpoint-independent mapping", "DNAT rules are such"});
}

static void test_dnat_errors(void **state)
{
	(void)state;
	EXPECT_ERRORS(
		{POOLS "  dnat: [{«name»: d, to: 10.1.0.1}]\n", "the key 'destination' is missing", "add"},
		{POOLS "  dnat: [{«name»: d, destination: 10.0.2.6}]\n", "the key 'to' is missing", "add"},
		{DNAT("destination: «[»10.0.2.6], to: 10.1.0.1"), "a single value is wanted", "10.0.2.4"},
		{DNAT("destination: 10.0.2.6, to: «[»]"), "an empty list of backends", "at least one"},
		{DNAT("destination: 10.0.2.6, to: «web»"), "is no destination", "10.1.0.10:8443"},
		{DNAT("destination: 10.0.2.6, to: «10.1.0.1:0»"), "is no destination", "10.1.0.10:8443"},
		{DNAT("destination: 10.0.2.6, to: «10.1.0.1:65536»"), "is no destination", "10.1.0.10:8443"},
		{DNAT("destination: \"fd00:2::6\", to: «\"[fd00:9::1]\"»"), "is no destination", "[fd00::10]:8443"},
		{DNAT("destination: 10.0.2.6, to: «\"[10.1.0.1]:80\"»"), "is no destination", "10.1.0.10:8443"},
		{DNAT("destination: 10.0.2.6, to: «10.0.1.4»"), "own address of port 'a'", "another host"},
		{DNAT("destination: 10.0.2.6, to: «0.0.0.0»"), "unspecified", "unicast"},
		{DNAT("destination: 10.0.2.6, to: [10.1.0.1, «10.1.0.1»]"), "duplicate backend", "once"},
		{DNAT("destination: 10.0.2.6, to: «10.1.0.1:80»"), "a port to translate to",
			"destination_ports: 80"},
		{DNAT("destination: 10.0.2.6, destination_ports: 8000-8010, to: [10.1.0.1:80, «10.1.0.2:65530»]"),
			"11 ports from 65530 on end beyond 65535", "shifted"},
		{DNAT("destination: 10.0.2.6, destination_ports: «90-80», to: 10.1.0.1"), "ends before", "80-90"},
		{DNAT("destination: 10.0.2.6, destination_ports: 80, protocols: «[»tcp, icmp], to: 10.1.0.1"),
			"only tcp and udp have ports", "another rule"},
		{DNAT("destination: 10.0.2.6, to: «\"fd00:9::1\"»"), "fd00:9::1 and 10.0.2.6 are of different",
			"nor back"},
		{DNAT("destination: 10.0.2.6, source: «\"fd00::/8\"», to: 10.1.0.1"), "different families",
			"of their own"},
		{DNAT("destination: «10.0.6.0/23», to: 10.1.6.0/23"), "has more than 256", "at least /24"},
		{DNAT("destination: «\"fd00:2::/64\"», to: \"fd00:9::/64\""), "has more than 256", "/120"},
		{DNAT("destination: 10.0.6.0/29, to: «10.1.6.0/30»"), "not of its length", "10.1.0.0/29"},
		{DNAT("destination: 10.0.6.0/29, to: «10.1.6.1»"), "not of its length", "1:1"},
		{DNAT("destination: 10.0.6.0, to: «10.1.6.0/30»"), "not of its length", "to addresses"},
		{DNAT("destination: 10.0.6.0/30, to: [10.1.6.0/30, «10.1.7.0/30»]"), "beside another", "1:1"},
		{DNAT("destination: 10.0.2.6, to: «10.0.2.6»"), "translated to itself", "behind"},
		{DNAT("destination: «224.0.0.5», to: 10.1.0.1"), "multicast", "unicast"},
		{UNDERLAY "nat: {dnat: [{name: d, destination: «10.0.1.0/30», to: 10.1.0.0/30}]}\n",
			"10.0.1.1 is a gateway's address", "choose others"},
		{DNAT("destination: 10.0.2.6, to: 10.1.0.1, balance: «flows»"), "no value", "did you mean flow?"},
		{DNAT("destination: 10.0.2.6, to: 10.1.0.1, snat: «six»"), "different families", "of their own"},
		{DNAT("destination: 10.0.2.6, to: 10.1.0.1, snat: «sixx»"), "no pool 'sixx'", "'six'"},
		{DNAT("destination: 10.0.2.6, to: 10.1.0.1, «snat_when»: always"), "without 'snat'", "POOL"},
		{DNAT("destination: 10.0.2.6, to: 10.1.0.1, snat: outside, snat_when: «never»"), "no value",
			"always, hairpin"},
		{SNAT("exempt: true}]\n  dnat: [{name: «s», destination: 10.0.2.6, to: 10.1.0.1"),
			"duplicate rule name 's'", "together"},
		/* What pools and nvad's own sockets need. */
		{DNAT("destination: «10.0.2.5», to: 10.1.0.1"), "every port of 10.0.2.5 that pool 'outside' has",
			"another address"},
		{DNAT("destination: 10.0.2.5, destination_ports: «1000-65535», to: 10.1.0.1"), "every port of",
			"fewer"},
		{PEER "nat: {dnat: [{name: d, destination: «10.0.1.4», to: 10.1.0.1}]}\n",
			"takes the BGP session of peer 'p' away", "without 179"},
		{PEER "nat: {dnat: [{name: d, destination: 10.0.1.4, destination_ports: «100-200», "
		      "to: 10.1.0.1}]}\n", "takes the BGP session of peer 'p'", "restrict 'source'"});
}

/* What stands near an error and is none. */
static void test_accepted(void **state)
{
	static const char *const texts[] = {
		/* Not the peer, another protocol, another port of the file's. */
		PEER "nat: {dnat: [{name: d, destination: 10.0.1.4, destination_ports: 100-200, "
		     "source: 192.0.2.0/24, to: 10.1.0.1}]}\n",
		PEER "nat: {dnat: [{name: d, destination: 10.0.1.4, destination_ports: 100-200, "
		     "protocols: udp, to: 10.1.0.1}]}\n",
		PEER "nat: {dnat: [{name: d, destination: 10.0.1.4, destination_ports: 443, "
		     "to: 10.1.0.1}]}\n",
		/* A claimed port inside a pool's range. */
		DNAT("destination: 10.0.2.5, destination_ports: 8443, to: 10.1.0.1"),
		/* Two rules for one endpoint, told apart. */
		DNAT("destination: 10.0.2.6, to: 10.1.0.1, ingress: a}, "
		     "{name: e, destination: 10.0.2.6, to: 10.1.0.2"),
		"system: {workers: 2}\n" SNAT("pool: outside, mapping: endpoint-independent, source: 10.0.0.0/8"),
		"system: {workers: 4}\n" POOL("addresses: 10.0.2.5, ports: 1024-1279"),
		DNAT("destination: 10.0.2.6/32, to: 10.1.0.1/32"),
		/* Neither a port nor a subnet's first address. */
		DNAT("destination: \"fd00:2::6\", destination_ports: 443, to: [\"fd00:9::443\", \"fd00:9::1:10\"]"),
		POOL("addresses: [10.0.3.0, 10.0.2.128, 10.0.2.127]"),
		DNAT("destination: 10.0.2.4, destination_ports: 22, protocols: udp, to: 10.1.0.1"),
	};
	(void)state;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct config *c = load(texts[i]);

		for (size_t k = 0; k < c->n_warnings; k++)
			if (strstr(c->warnings[k].message, "never matches") != NULL ||
				strstr(c->warnings[k].message, "kernel") != NULL ||
				strstr(c->warnings[k].message, "without a port") != NULL ||
				strstr(c->warnings[k].message, "first or last") != NULL ||
				strstr(c->warnings[k].message, "ssh") != NULL)
				fail_msg("%s\n%s", texts[i], c->warnings[k].message);
		config_free(c);
	}
}

static void test_warnings(void **state)
{
	static const struct sample samples[] = {
		{TWO "nat: {pools: [{name: «x», addresses: 10.0.2.5}]}\n", "no rule uses pool 'x'",
			"delete it"},
		{TWO "nat: {pools: [{name: «x», addresses: 10.0.2.4}]}\n",
			"10.0.2.4 is port 'b's own address", "ports: 1024-32767"},
		{POOL("addresses: 10.0.2.4/30, ports: «60999-65535»"), "use 32768-60999 there", "narrow"},
		{SNAT("pool: outside}, {name: «t», source: 10.0.0.0/8, pool: outside"),
			"rule 't' never matches: 's' before it", "narrower one first"},
		{SNAT("exempt: true}, {name: «t», pool: outside"), "rule 't' never matches", "first"},
		{SNAT("pool: outside, source: [10.0.0.0/8, 172.16.0.0/12], protocols: [tcp, udp]}, "
		      "{name: «t», pool: outside, protocols: udp, ingress: a, source: [172.16.1.0/24, 10.1.1.1]"),
			"rule 't' never matches", "first"},
		{DNAT("destination: 10.0.2.6, destination_ports: 80-90, to: 10.1.0.1}, {name: «e», "
		      "destination: 10.0.2.6, destination_ports: 85, protocols: tcp, to: 10.1.0.2"),
			"rule 'e' never matches: 'd'", "first"},
		{DNAT("destination: «10.0.2.4», to: 10.1.0.1"), "everything that is for port 'b' itself",
			"destination_ports"},
		{DNAT("destination: 10.0.2.4, destination_ports: «22», to: 10.1.0.1"), "takes ssh to port 'b' away",
			"another way to log in"},
		{POOL("addresses: «10.0.2.0/30»"), "10.0.2.0 is the first or last address", "NIC has"},
		{POOL("addresses: «10.0.2.255»"), "10.0.2.255 is the first or last", "NIC has"},
		{DNAT("destination: \"fd00:2::6\", destination_ports: 80, to: «\"fd00:9::1:80\"»"),
			"fd00:9::1:80 is an address, without a port", "write \"[fd00:9::1]:80\""},
		{DNAT("destination: \"fd00:2::6\", destination_ports: 443, to: «\"fd00:9::1:8443\"»"),
			"without a port", "\"[fd00:9::1]:8443\""},
		{DNAT("destination: 10.0.2.4, destination_ports: «32768», to: 10.1.0.1"),
			"the kernel's own connections", "below 32768"},
	};
	static const char *const not_shadowed[] = {
		SNAT("pool: outside}, {name: t, pool: six"),
		SNAT("pool: outside}, {name: t, exempt: true"), /* IPv6 is left for it */
		SNAT("pool: outside, source: 10.0.0.0/8}, {name: t, pool: outside"),
		SNAT("pool: outside, source: 10.0.0.0/8}, {name: t, pool: outside, source: [10.0.0.0/8, 11.0.0.0/8]"),
		SNAT("pool: outside, protocols: tcp}, {name: t, pool: outside, protocols: [tcp, udp]"),
		SNAT("pool: outside, ingress: a}, {name: t, pool: outside"),
		DNAT("destination: 10.0.2.6, destination_ports: 80-90, to: 10.1.0.1}, {name: e, "
		     "destination: 10.0.2.6, destination_ports: 85-91, to: 10.1.0.2"),
		DNAT("destination: 10.0.2.6, destination_ports: 80, protocols: tcp, to: 10.1.0.1}, {name: e, "
		     "destination: 10.0.2.6, to: 10.1.0.2"),
	};
	(void)state;

	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++)
		expect_warning(&samples[i]);
	for (size_t i = 0; i < sizeof(not_shadowed) / sizeof(not_shadowed[0]); i++) {
		struct config *c = load(not_shadowed[i]);

		for (size_t k = 0; k < c->n_warnings; k++)
			if (strstr(c->warnings[k].message, "never matches") != NULL)
				fail_msg("%s\n%s", not_shadowed[i], c->warnings[k].message);
		config_free(c);
	}
}

/* Every cut and every flipped byte: an error or a configuration, no crash and no leak. */
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_every_key),
		cmocka_unit_test(test_pool_errors),
		cmocka_unit_test(test_match_errors),
		cmocka_unit_test(test_snat_errors),
		cmocka_unit_test(test_dnat_errors),
		cmocka_unit_test(test_accepted),
		cmocka_unit_test(test_warnings),
		cmocka_unit_test(test_mutilated),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
