/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Every dropped packet has exactly one reason, from this one list, which makes the enum, the
 * counters, the operator's text and the hint of what to do. Append; keep related reasons together.
 */
#ifndef DROP_DROP_H
#define DROP_DROP_H

#include <stdint.h>

/*      symbol (DROP_...), stable name,       text,                                      hint */
#define DROP_REASONS(X)                                                                            \
	X(NONE, "none", "no reason given", "a defect in nvad: please report it")                   \
	X(ETH_SHORT, "eth-short", "frame shorter than its headers", "")                            \
	X(ETH_NOT_FOR_US, "eth-not-for-us", "unicast frame for another MAC address",               \
		"the fabric floods, or a neighbour holds a stale ARP entry")                       \
	X(ETH_TYPE, "eth-type", "EtherType that nvad does not forward", "")                        \
	X(IP4_SHORT, "ip4-short", "IPv4 packet shorter than its header or total length", "")       \
	X(IP4_VERSION, "ip4-version", "version field is not 4", "")                                \
	X(IP4_HEADER_LEN, "ip4-header-len", "IPv4 header length below 20 or beyond the packet", "") \
	X(IP4_CHECKSUM, "ip4-checksum", "IPv4 header checksum wrong", "")                          \
	X(IP4_SOURCE, "ip4-source", "IPv4 source is no unicast address (RFC 1812 5.3.7)", "")      \
	X(IP4_DESTINATION, "ip4-destination", "IPv4 destination that is never forwarded", "")      \
	X(IP4_TTL, "ip4-ttl", "IPv4 TTL ran out", "a traceroute, or a routing loop")               \
	X(IP4_DF, "ip4-df", "IPv4 packet above the MTU with DF set",                               \
		"the sender was told by ICMP; check that something does not filter it")            \
	X(IP4_FRAG, "ip4-frag", "IPv4 packet could not be fragmented", "raise packet buffers")     \
	X(IP6_SHORT, "ip6-short", "IPv6 packet shorter than its header or payload length", "")     \
	X(IP6_VERSION, "ip6-version", "version field is not 6", "")                                \
	X(IP6_SOURCE, "ip6-source", "IPv6 source is no unicast address", "")                       \
	X(IP6_DESTINATION, "ip6-destination", "IPv6 destination that is never forwarded", "")      \
	X(IP6_HOP_LIMIT, "ip6-hop-limit", "IPv6 hop limit ran out", "a traceroute, or a routing loop") \
	X(IP6_TOO_BIG, "ip6-too-big", "IPv6 packet above the MTU",                                 \
		"the sender was told by ICMPv6; check that something does not filter it")          \
	X(IP6_EXT_HEADER, "ip6-ext-header", "IPv6 extension headers malformed", "")                \
	X(NO_ROUTE, "no-route", "no route to the destination", "nvactl show route longer PREFIX")  \
	X(BLACKHOLE, "blackhole", "a blackhole route", "")                                         \
	X(DISCARD, "discard", "attracted by an announced superset, covered by no route",           \
		"nothing more specific was learned: nvactl show route PREFIX")                     \
	X(NEIGH_PENDING, "neigh-pending", "next hop not resolved yet, hold queue full",            \
		"nvactl show neighbors")                                                           \
	X(NEIGH_FAILED, "neigh-failed", "next hop answers no ARP or ND",                           \
		"nvactl show neighbors; is the gateway's address right?")                          \
	X(ARP_MALFORMED, "arp-malformed", "ARP packet malformed", "")                              \
	X(ARP_NOT_LOCAL, "arp-not-local", "ARP for an address that is not ours", "")               \
	X(ND_MALFORMED, "nd-malformed", "neighbour discovery packet malformed (RFC 4861 7.1)", "") \
	X(ND_NOT_LOCAL, "nd-not-local", "neighbour discovery for an address that is not ours", "") \
	X(ICMP_MALFORMED, "icmp-malformed", "ICMP message for us malformed", "")                   \
	X(ICMP_RATE, "icmp-rate", "ICMP error not sent: rate limit (RFC 1812 4.3.2.8)", "")        \
	X(FLOW_MALFORMED, "flow-malformed", "TCP, UDP or ICMP header cut short, or its ICMP checksum wrong", "") \
	X(FLOW_FULL, "flow-full", "flow table full", "raise flows.max_sessions; nvactl show flows summary") \
	X(FLOW_MIDFLOW, "flow-midflow", "TCP or an ICMP answer amid a flow that is not known",      \
		"routes moved flows here? SNAT pins them; or flows.tcp_midflow: adopt")            \
	X(FLOW_TCP_FLAGS, "flow-tcp-flags", "TCP flags that no TCP sends", "")                     \
	X(FLOW_TCP_WINDOW, "flow-tcp-window", "TCP outside its window", "")                        \
	X(FLOW_LOOP, "flow-loop", "source and destination are one endpoint, before or after translation", "") \
	X(NAT_NO_PORT, "nat-no-port", "no port left in the pool for this destination",             \
		"nvactl show nat pools; add addresses to the pool")                                \
	X(NAT_LIMIT, "nat-limit", "inside address has all the sessions its rule allows", "nvactl show nat rules") \
	X(NAT_RATE, "nat-rate", "inside address begins sessions faster than its rule allows", "nvactl show nat rules") \
	X(NAT_NO_MAPPING, "nat-no-mapping", "to a NAT address, but no flow's or rule's",           \
		"late answers, or scans; nvactl show nat rules")                                   \
	X(NAT_FILTERED, "nat-filtered", "to a binding, from a remote that its filtering refuses", "") \
	X(NAT_ICMP_UNKNOWN, "nat-icmp-unknown", "ICMP error about no known flow", "")              \
	X(FRAG_MALFORMED, "frag-malformed", "fragments overlap or make no packet (RFC 5722)", "")  \
	X(FRAG_TIMEOUT, "frag-timeout", "the first fragment did not come in time", "")             \
	X(FRAG_FULL, "frag-full", "too many fragments wait for their first", "a flood of fragments") \
	X(HANDOFF_FULL, "handoff-full", "queue to the worker that owns the flow full",             \
		"nvactl show workers: one is overloaded")                                          \
	X(PUNT_FULL, "punt-full", "queue towards the control thread full",                         \
		"a flood to nvad's own addresses")                                                 \
	X(PUNT_NO_KERNEL, "punt-no-kernel", "for the kernel, but the port has no punt interface", "") \
	X(PUNT_MALFORMED, "punt-malformed", "packet of the kernel's that cannot be sent", "")      \
	X(PORT_DOWN, "port-down", "egress port is down", "nvactl show interfaces")                 \
	X(TX_FULL, "tx-full", "egress queue full", "the port is slower than what is sent to it")   \
	X(NO_BUFFER, "no-buffer", "no packet buffer left", "raise system.packet_buffers")

enum drop_reason {
#define X(sym, name, text, hint) DROP_##sym,
	DROP_REASONS(X)
#undef X
	DROP_REASON_MAX,
};

struct drop_info {
	const char *name; /* stable, for --json */
	const char *text;
	const char *hint; /* "" where there is nothing to do */
};

extern const struct drop_info drop_info[DROP_REASON_MAX];

/* One per thread: slot 0 is the control thread's, slot 1 + w worker w's. Its thread alone writes;
 * a reader may see a count a moment old. */
struct drop_counters {
	uint64_t packets[DROP_REASON_MAX];
} __attribute__((aligned(64)));

#define DROP_MAX_THREADS 65
extern struct drop_counters drop_counters[DROP_MAX_THREADS];

static inline void drop_count(unsigned int thread, enum drop_reason reason, uint64_t n)
{
	drop_counters[thread].packets[reason] += n;
}

/* Sum over all threads. */
uint64_t drop_total(enum drop_reason reason);

#endif
