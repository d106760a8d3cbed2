/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Every command: words, help, arguments and the schema of its reply. The names of columns are what
 * programs rely on: add some, never change one's meaning. docs/nvactl.md lists them.
 */
#include <rte_common.h>

#include "ctl/commands.h"

#define COLUMNS(...) .columns = (const struct ctl_column[]){__VA_ARGS__},                          \
	.n_columns = sizeof((const struct ctl_column[]){__VA_ARGS__}) / sizeof(struct ctl_column)
#define ARGS(...) .args = (const struct ctl_arg[]){__VA_ARGS__},                                   \
	.n_args = sizeof((const struct ctl_arg[]){__VA_ARGS__}) / sizeof(struct ctl_arg)

#define TEXT(name, title) {name, title, CTL_TEXT, ""}
#define NUMBER(name, title, unit) {name, title, CTL_NUMBER, unit}
#define COUNT(name, title) {name, title, CTL_NUMBER, ""}
#define BOOL(name, title) {name, title, CTL_BOOL, ""}
#define LIST(name, title) {name, title, CTL_LIST, ""}
#define ROWS(name, title) {name, title, CTL_ROWS, ""}

/* What show flows and flow clear choose by. */
#define FLOW_FILTERS                                                                               \
	{"source", CTL_ARG_PREFIX, .keyword = true, .help = "who began it"},                       \
	{"destination", CTL_ARG_PREFIX, .keyword = true, .help = "to whom, before translation"},   \
	{"translated", CTL_ARG_PREFIX, .keyword = true,                                            \
		.help = "what one of its ends was translated to"},                                 \
	{"address", CTL_ARG_PREFIX, .keyword = true, .help = "any of its ends, translated or not"}, \
	{"protocol", CTL_ARG_NAME, .keyword = true, .help = "tcp, udp, icmp... or a number",       \
		.complete = ctl_complete_protocol},                                                \
	{"port", CTL_ARG_NUMBER, .keyword = true,                                                  \
		.help = "any of its ports, translated or not; ICMP: the identifier"},              \
	{"state", CTL_ARG_NAME, .keyword = true, .help = "established, syn...",                    \
		.complete = ctl_complete_state},                                                   \
	{"rule", CTL_ARG_NAME, .keyword = true, .help = "what a translation rule made",            \
		.complete = ctl_complete_rule},                                                    \
	{"worker", CTL_ARG_NUMBER, .keyword = true, .help = "what this worker has"}
#define LIMIT                                                                                      \
	{"limit", CTL_ARG_NUMBER, .keyword = true, .help = "rows to show at most; 0: all; without it 1000"}

static const struct ctl_command commands[] = {
	{
		"help", "what can be asked; or about the words that follow",
		.run = ctl_run_help,
		ARGS({"words", CTL_ARG_WORDS, .help = "the beginning of a command"}),
		COLUMNS(TEXT("command", "COMMAND"), TEXT("help", "HELP")),
	},
	{
		"complete", "what may stand after the words that follow (for line editors)",
		.run = ctl_run_complete,
		ARGS({"words", CTL_ARG_WORDS, .help = "the beginning of a command"}),
		COLUMNS(TEXT("word", "WORD"), TEXT("help", "HELP")),
	},
	{
		"show version", "the running daemon: version, DPDK, uptime, packet buffers",
		.record = true, .run = ctl_show_version,
		COLUMNS(TEXT("name", "name"), TEXT("version", "version"), TEXT("dpdk", "DPDK"),
			NUMBER("uptime_s", "uptime", "s"), COUNT("pid", "pid"),
			COUNT("buffers", "packet buffers"), COUNT("buffers_in_use", "of these in use")),
	},
	{
		"show interfaces", "ports: link, addresses, traffic, errors",
		.run = ctl_show_interfaces,
		COLUMNS(TEXT("name", "NAME"), TEXT("kind", "KIND"), TEXT("link", "LINK"),
			TEXT("mac", "MAC"), COUNT("mtu", "MTU"), LIST("addresses", "ADDRESSES"),
			COUNT("rx_packets", "RX-PKTS"), COUNT("rx_bytes", "RX-BYTES"),
			COUNT("tx_packets", "TX-PKTS"), COUNT("tx_bytes", "TX-BYTES"),
			COUNT("rx_missed", "RX-MISS"), COUNT("rx_errors", "RX-ERR"),
			COUNT("tx_errors", "TX-ERR"), TEXT("error", "ERROR")),
	},
	{
		"show neighbors", "ARP and neighbour discovery: who was found where",
		.run = ctl_show_neighbors,
		COLUMNS(TEXT("interface", "INTERFACE"), TEXT("address", "ADDRESS"), TEXT("mac", "MAC"),
			TEXT("state", "STATE"), NUMBER("age_ms", "AGE", "ms"), COUNT("held", "HELD")),
	},
	{
		"show bgp summary", "BGP peers: state and numbers of routes",
		.run = ctl_show_bgp_summary,
		COLUMNS(TEXT("peer", "PEER"), TEXT("address", "ADDRESS"), COUNT("as", "AS"),
			TEXT("state", "STATE"), NUMBER("uptime_s", "UPTIME", "s"),
			COUNT("received", "RECEIVED"), COUNT("selected", "SELECTED"),
			COUNT("advertised", "ADVERTISED"), COUNT("messages_in", "MSG-IN"),
			COUNT("messages_out", "MSG-OUT"), TEXT("last_error", "LAST-ERROR")),
	},
	{
		"show bgp peer", "one BGP peer: session, counters, and what is announced to it",
		.record = true, .run = ctl_show_bgp_peer,
		ARGS({"name", CTL_ARG_NAME, .required = true, .help = "the peer's name or address",
			.complete = ctl_complete_peer}),
		COLUMNS(TEXT("peer", "peer"), TEXT("address", "address"), TEXT("state", "state"),
			NUMBER("uptime_s", "uptime", "s"), NUMBER("state_age_s", "in this state", "s"),
			COUNT("remote_as", "remote AS"), COUNT("local_as", "local AS"),
			BOOL("ebgp", "eBGP"), TEXT("remote_id", "remote router id"),
			TEXT("local_address", "local address"), COUNT("ttl", "TTL"),
			BOOL("ipv4", "IPv4 unicast"), BOOL("ipv6", "IPv6 unicast"),
			BOOL("as4", "4-octet AS"), BOOL("refresh", "route refresh"),
			NUMBER("hold_s", "hold time", "s"), NUMBER("keepalive_s", "keepalive", "s"),
			COUNT("established_count", "times established"),
			COUNT("messages_in", "messages in"), COUNT("messages_out", "messages out"),
			COUNT("updates_in", "updates in"), COUNT("updates_out", "updates out"),
			TEXT("sent_notification", "NOTIFICATION sent"),
			TEXT("received_notification", "NOTIFICATION received"),
			TEXT("last_error", "last error"),
			NUMBER("last_error_age_s", "so long ago", "s"), COUNT("received", "prefixes received"),
			COUNT("selected", "of these selected"), COUNT("looped", "refused as looped"),
			COUNT("advertised", "prefixes advertised"), COUNT("pending", "adverts pending"),
			COUNT("max_prefixes", "prefix limit"), ROWS("adverts", "advertised")),
	},
	{
		"show route", "Loc-RIB: every candidate route, which is selected, and why the others are not",
		.run = ctl_show_route,
		ARGS({"prefix", CTL_ARG_PREFIX, .help = "this prefix; an address: the longest that holds it"},
			{"longer", CTL_ARG_FLAG, .help = "the prefix and all inside it"},
			{"peer", CTL_ARG_NAME, .keyword = true, .help = "only what this BGP peer sent",
				.complete = ctl_complete_peer},
			LIMIT),
		COLUMNS(TEXT("prefix", "PREFIX"), BOOL("selected", "SEL"), BOOL("multipath", "MULTI"),
			BOOL("usable", "USABLE"), TEXT("source", "SOURCE"), TEXT("peer", "PEER"),
			TEXT("action", "ACTION"), TEXT("next_hop", "NEXT-HOP"),
			TEXT("interface", "INTERFACE"), TEXT("as_path", "AS-PATH"),
			TEXT("communities", "COMMUNITIES"), NUMBER("age_s", "AGE", "s"),
			TEXT("reason", "REASON"), TEXT("reason_text", "WHY")),
	},
	{
		"show fib lookup", "where a packet to an address goes now",
		.record = true, .run = ctl_show_fib_lookup,
		ARGS({"address", CTL_ARG_ADDRESS, .required = true, .help = "the packet's destination"}),
		COLUMNS(TEXT("address", "address"), TEXT("prefix", "prefix"), TEXT("kind", "kind"),
			TEXT("interface", "interface"), TEXT("next_hop", "next hop"), TEXT("mac", "MAC"),
			COUNT("mtu", "MTU"), ROWS("members", "members")),
	},
	{
		"show fib summary", "the forwarding table: routes, memory, and whether it is complete",
		.record = true, .run = ctl_show_fib_summary,
		COLUMNS(COUNT("v4_routes", "IPv4 routes"), NUMBER("v4_bytes", "IPv4 memory", "bytes"),
			COUNT("v6_routes", "IPv6 routes"), NUMBER("v6_bytes", "IPv6 memory", "bytes"),
			COUNT("deferred", "blocks waiting for quiescence"),
			COUNT("failed", "routes refused for want of room"),
			COUNT("unresolved", "unresolved next hops"), COUNT("paths", "distinct paths"),
			COUNT("rib_prefixes", "Loc-RIB prefixes"), COUNT("rib_routes", "Loc-RIB routes"),
			COUNT("rib_selected", "Loc-RIB selected"), NUMBER("rib_bytes", "Loc-RIB memory", "bytes")),
	},
	{
		"show flows", "sessions: both tuples, counters, timers; by any field",
		.brief = "[FILTER...] [limit NUMBER]", .run = ctl_show_flows, .end = ctl_end_listing,
		ARGS(FLOW_FILTERS, LIMIT),
		COLUMNS(COUNT("worker", "WORKER"), TEXT("protocol", "PROTO"), TEXT("state", "STATE"),
			TEXT("source", "SOURCE"), COUNT("source_port", "SPORT"),
			TEXT("destination", "DESTINATION"), COUNT("destination_port", "DPORT"),
			TEXT("to_source", "TO-SOURCE"), COUNT("to_source_port", "TO-SPORT"),
			TEXT("to_destination", "TO-DESTINATION"), COUNT("to_destination_port", "TO-DPORT"),
			COUNT("packets", "PACKETS"), COUNT("reply_packets", "REPLIES"),
			NUMBER("bytes", "BYTES", "bytes"), NUMBER("reply_bytes", "REPLY-BYTES", "bytes"),
			NUMBER("idle_ms", "IDLE", "ms"), NUMBER("expires_ms", "EXPIRES", "ms"),
			TEXT("rule", "RULE")),
	},
	{
		"show flows summary", "connection tracking: sessions, memory, and what became of them",
		.record = true, .run = ctl_show_flows_summary,
		COLUMNS(COUNT("capacity", "capacity in records"), COUNT("sessions", "sessions"),
			COUNT("records", "records in use"), COUNT("peak", "peak of records"),
			COUNT("created", "sessions created"), COUNT("expired", "expired"),
			COUNT("cleared", "cleared"), COUNT("full", "refused for want of room"),
			NUMBER("memory_bytes", "memory", "bytes"),
			COUNT("handed_over", "packets handed to their owner"),
			COUNT("fragments_held", "fragments held"), BOOL("changing", "rules are changing")),
	},
	{
		"show nat rules", "translation rules in the order in which they match, and their use",
		.run = ctl_show_nat_rules,
		COLUMNS(TEXT("name", "NAME"), TEXT("kind", "KIND"), TEXT("match", "MATCH"),
			TEXT("action", "ACTION"), COUNT("sessions", "SESSIONS"), COUNT("peak", "PEAK"),
			COUNT("created", "CREATED"), COUNT("exhausted", "EXHAUSTED"),
			COUNT("limited", "LIMITED")),
	},
	{
		"show nat pools", "address pools and their use",
		.run = ctl_show_nat_pools,
		COLUMNS(TEXT("name", "NAME"), TEXT("addresses", "ADDRESSES"), TEXT("ports", "PORTS"),
			TEXT("mapping", "MAPPING"), COUNT("capacity", "CAPACITY"),
			COUNT("sessions", "SESSIONS"), COUNT("peak", "PEAK"),
			COUNT("bindings", "BINDINGS"), COUNT("bindings_peak", "BINDINGS-PEAK"),
			COUNT("exhausted", "EXHAUSTED")),
	},
	{
		"show nat bindings", "endpoint-independent mappings: who has which external port",
		.run = ctl_show_nat_bindings, .end = ctl_end_listing,
		ARGS({"address", CTL_ARG_PREFIX, .keyword = true, .help = "inside or outside"},
			{"rule", CTL_ARG_NAME, .keyword = true, .help = "what a translation rule made",
				.complete = ctl_complete_rule},
			LIMIT),
		COLUMNS(COUNT("worker", "WORKER"), TEXT("protocol", "PROTO"), TEXT("inside", "INSIDE"),
			COUNT("inside_port", "PORT"), TEXT("outside", "OUTSIDE"),
			COUNT("outside_port", "PORT"), COUNT("sessions", "SESSIONS"),
			NUMBER("idle_ms", "IDLE", "ms"), NUMBER("expires_ms", "EXPIRES", "ms"),
			BOOL("held", "HELD"), TEXT("rule", "RULE")),
	},
	{
		"flow clear", "ends sessions: those that a filter finds, or all",
		.brief = "FILTER...|all", .record = true, .changes = true, .run = ctl_flow_clear,
		.end = ctl_end_clearing,
		ARGS(FLOW_FILTERS, {"all", CTL_ARG_FLAG, .help = "every session, and every binding"}),
		COLUMNS(COUNT("cleared", "sessions ended")),
	},
	{
		"reload", "applies the configuration file again: flows, nat, and stateful of ports",
		.record = true, .changes = true, .run = ctl_reload,
		COLUMNS(TEXT("file", "file"), LIST("changed", "changed"), LIST("warnings", "warnings")),
	},
	{
		"show graph", "nodes of the packet's walk: packets and cycles",
		.run = ctl_show_graph,
		COLUMNS(TEXT("node", "NODE"), COUNT("calls", "CALLS"), COUNT("packets", "PACKETS"),
			COUNT("cycles_per_packet", "CYCLES/PKT"), COUNT("packets_per_call", "PKTS/CALL")),
	},
	{
		"show drops", "dropped packets by reason, and what to do about it",
		.run = ctl_show_drops,
		ARGS({"all", CTL_ARG_FLAG, .help = "also the reasons that did not occur"}),
		COLUMNS(TEXT("reason", "REASON"), COUNT("packets", "PACKETS"), TEXT("text", "MEANING"),
			TEXT("hint", "HINT")),
	},
	{
		"show workers", "polling threads and their load",
		.run = ctl_show_workers,
		COLUMNS(COUNT("worker", "WORKER"), COUNT("lcore", "LCORE"), COUNT("cpu", "CPU"),
			COUNT("packets", "PACKETS"), NUMBER("busy_percent", "BUSY", "percent"),
			COUNT("loops", "LOOPS"), NUMBER("idle_percent", "IDLE-LOOPS", "percent"),
			COUNT("sleeps", "SLEEPS")),
	},
	{
		"show punt", "packets between the workers, the control thread and the kernel",
		.run = ctl_show_punt,
		COLUMNS(TEXT("name", "NAME"), COUNT("packets", "PACKETS"), TEXT("text", "MEANING")),
	},
	{
		"show xdp", "AF_XDP steering: what goes to the kernel and what to nvad",
		.run = ctl_show_xdp,
		COLUMNS(TEXT("interface", "INTERFACE"), TEXT("class", "CLASS"),
			COUNT("kernel_packets", "KERNEL-PKTS"), COUNT("kernel_bytes", "KERNEL-BYTES"),
			COUNT("socket_packets", "NVAD-PKTS"), COUNT("socket_bytes", "NVAD-BYTES"),
			COUNT("lost_packets", "LOST-PKTS"), COUNT("lost_bytes", "LOST-BYTES")),
	},
};

const struct ctl_table ctl_commands = {.commands = commands, .n = RTE_DIM(commands)};
