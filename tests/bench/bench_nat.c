/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Translation's own cost: 64-byte UDP packets of both directions of SNAT sessions in random order, over
 * the whole walk (rig.h), beside plain forwarding of the same frames over one route; and new sessions
 * a second, first packets with rule lookup, port and rewrite. Sessions come about by real packets, and
 * what leaves is checked before and after the windows: translated, with right checksums, none dropped.
 *
 * One port, as on an NVA with one NIC: packets of both directions share it, in the baseline too.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_ip.h>
#include <rte_malloc.h>
#include <rte_udp.h>

#include "nat/nat.h"
#include "packet/checksum.h"
#include "packet/eth.h"
#include "packet/ip6_hdr.h"
#include "prefixes.h"
#include "rig.h"

#define FRAMES_LEAST (1u << 20)	   /* as bench_forward: rx pays for what no cache holds */
#define NEW_A_WINDOW (1u << 16)
#define TRIES 4
#define NEW_CAPACITY (1u << 20)
/* Sustained creation: the flows' clock runs faster, so that 10 s of it pass in a third of a second, and
 * about a million sessions are alive at once. */
#define CLOCK_FASTER 30
#define SUSTAINED_CAPACITY (1u << 21)
#define SUSTAINED_FRAMES (1u << 21)

static struct bench {
	struct rig rig;
	struct fib *fib;
	struct worker *plain;
	uint64_t random;
} bench;

/* Sessions of a case: what each direction's packets look like as they arrive. */
struct sessions {
	uint32_t n;
	bool v4;
	struct rig_frame *original, *reply;
	uint32_t looked_at;
};

/* --- packets --- */

/* Where the packet's session is written: behind the UDP header, and in IPv6, where 64 bytes end there,
 * the flow label. */
#define V4_ID_AT 58

static uint8_t *frame_l3(const struct rig_frame *f)
{
	return (uint8_t *)(uintptr_t)f->bytes + PKT_L2_LEN;
}

static struct rte_udp_hdr *frame_udp(const struct rig_frame *f, bool v4)
{
	return (void *)(frame_l3(f) + (v4 ? sizeof(struct rte_ipv4_hdr) : sizeof(struct pkt_ip6_hdr)));
}

static uint32_t frame_session(const struct rig_frame *f, bool v4)
{
	uint32_t id;

	if (!v4)
		return rte_be_to_cpu_32(((struct pkt_ip6_hdr *)frame_l3(f))->vtc_flow) & 0xfffff;
	memcpy(&id, f->bytes + V4_ID_AT, sizeof(id));
	return id;
}

/* The UDP checksum's sum over what it covers: 0xffff where the checksum is right. */
static uint16_t udp_sum(const struct rig_frame *f, bool v4)
{
	uint16_t len = RIG_FRAME_LEN - ((const uint8_t *)frame_udp(f, v4) - f->bytes);
	uint64_t sum = RTE_BE16(IPPROTO_UDP) + rte_cpu_to_be_16(len);

	sum = v4 ? checksum_add(sum, frame_l3(f) + 12, 8) : checksum_add(sum, frame_l3(f) + 8, 32);
	return checksum_fold(checksum_add(sum, frame_udp(f, v4), len));
}

static void frame_checksums(struct rig_frame *f, bool v4)
{
	if (v4) {
		struct rte_ipv4_hdr *ip = (void *)frame_l3(f);

		ip->hdr_checksum = 0;
		ip->hdr_checksum = ~checksum_fold(checksum_add(0, ip, sizeof(*ip)));
	}
	frame_udp(f, v4)->dgram_cksum = 0;
	frame_udp(f, v4)->dgram_cksum = ~udp_sum(f, v4);
	if (frame_udp(f, v4)->dgram_cksum == 0) /* RFC 768 */
		frame_udp(f, v4)->dgram_cksum = 0xffff;
}

/* A packet of session id from an inside host to somewhere: ends that no other session has. */
static void frame_fill(struct rig_frame *f, bool v4, uint32_t id)
{
	struct rte_ether_hdr *eth = (void *)f->bytes;
	uint16_t l3_len = RIG_FRAME_LEN - PKT_L2_LEN;
	uint64_t r = prefixes_random(&bench.random);

	eth->dst_addr = bench.rig.port->mac;
	eth->src_addr.addr_bytes[0] = 2;
	if (v4) {
		struct rte_ipv4_hdr *ip = (void *)(eth + 1);

		eth->ether_type = RTE_BE16(RTE_ETHER_TYPE_IPV4);
		ip->version_ihl = RTE_IPV4_VHL_DEF;
		ip->total_length = rte_cpu_to_be_16(l3_len);
		ip->time_to_live = 64;
		ip->next_proto_id = IPPROTO_UDP;
		ip->src_addr = rte_cpu_to_be_32(0x0a000000 | id);
		ip->dst_addr = rte_cpu_to_be_32(0xc6120000 | (r & 0x1ffff));
		memcpy(f->bytes + V4_ID_AT, &id, sizeof(id));
	} else {
		struct pkt_ip6_hdr *ip = (void *)(eth + 1);

		eth->ether_type = RTE_BE16(RTE_ETHER_TYPE_IPV6);
		ip->vtc_flow = rte_cpu_to_be_32(0x60000000 | id);
		ip->payload_len = rte_cpu_to_be_16(l3_len - sizeof(*ip));
		ip->hop_limits = 64;
		ip->proto = IPPROTO_UDP;
		memcpy(ip->src_addr, (uint8_t[]){0xfd, 0, 0, 0x10}, 4);
		memcpy(ip->src_addr + 12, &id, 4);
		memcpy(ip->dst_addr, (uint8_t[]){0x20, 1, 0xd, 0xb8, 15}, 5);
		memcpy(ip->dst_addr + 8, &r, 4);
	}
	frame_udp(f, v4)->src_port = rte_cpu_to_be_16(1024 + (r >> 32) % 64000);
	frame_udp(f, v4)->dst_port = RTE_BE16(443);
	frame_udp(f, v4)->dgram_len = rte_cpu_to_be_16(f->bytes + RIG_FRAME_LEN -
		(const uint8_t *)frame_udp(f, v4));
	frame_checksums(f, v4);
}

/* Both addresses, then both ports, from the one end or the other. */
static void frame_ends(const struct rig_frame *f, bool v4, bool swapped, uint8_t ret_ends[36])
{
	unsigned int len = v4 ? 4 : 16;
	const uint8_t *addresses = frame_l3(f) + (v4 ? 12 : 8);
	const uint8_t *ports = (const uint8_t *)frame_udp(f, v4);

	memset(ret_ends, 0, 36);
	memcpy(ret_ends, addresses + (swapped ? len : 0), len);
	memcpy(ret_ends + len, addresses + (swapped ? 0 : len), len);
	memcpy(ret_ends + 2 * len, ports + (swapped ? 2 : 0), 2);
	memcpy(ret_ends + 2 * len + 2, ports + (swapped ? 0 : 2), 2);
}

/* What the other end of the session answers to a packet that left. */
static void frame_answer(struct rig_frame *f, const struct rig_frame *sent, bool v4)
{
	uint8_t ends[36];
	unsigned int len = v4 ? 4 : 16;

	*f = *sent;
	frame_ends(sent, v4, true, ends);
	memcpy(f->bytes, bench.rig.port->mac.addr_bytes, 6);
	memcpy(frame_l3(f) + (v4 ? 12 : 8), ends, 2 * len);
	memcpy(frame_udp(f, v4), ends + 2 * len, 4);
	frame_l3(f)[v4 ? 8 : 7] = 64;
	frame_checksums(f, v4);
}

/* --- what leaves --- */

static void look_answer(void *arg, const uint8_t *frame, uint32_t len)
{
	struct sessions *s = arg;
	struct rig_frame sent;
	uint32_t id;

	if (len != RIG_FRAME_LEN)
		rig_die(&bench.rig, "a packet of %u bytes left", len);
	memcpy(&sent, frame, sizeof(sent));
	id = frame_session(&sent, s->v4);
	if (id >= s->n)
		rig_die(&bench.rig, "a packet of no session left");
	frame_answer(&s->reply[id], &sent, s->v4);
	s->looked_at++;
}

/* Each packet is one direction's and as the other direction's end expects it. */
static void look_check(void *arg, const uint8_t *frame, uint32_t len)
{
	struct sessions *s = arg;
	uint8_t sent_ends[36], want[2][36];
	struct rig_frame sent;
	uint32_t id;

	if (len != RIG_FRAME_LEN)
		rig_die(&bench.rig, "a packet of %u bytes left", len);
	memcpy(&sent, frame, sizeof(sent));
	id = frame_session(&sent, s->v4);
	frame_ends(&sent, s->v4, false, sent_ends);
	frame_ends(&s->reply[id], s->v4, true, want[0]);
	frame_ends(&s->original[id], s->v4, true, want[1]);
	if (memcmp(sent_ends, want[0], 36) != 0 && memcmp(sent_ends, want[1], 36) != 0)
		rig_die(&bench.rig, "a packet of session %u left untranslated", id);
	if (frame_l3(&sent)[s->v4 ? 8 : 7] != 63 || udp_sum(&sent, s->v4) != 0xffff ||
		(s->v4 && checksum_fold(checksum_add(0, frame_l3(&sent), 20)) != 0xffff))
		rig_die(&bench.rig, "a packet of session %u left with a wrong TTL or checksum", id);
	s->looked_at++;
}

/* Walks until all of the frames are through; each must leave. */
static void pass_all(struct worker *w, const struct rig_frame *frames, uint32_t n, rig_look_fn look,
	struct sessions *s)
{
	s->looked_at = 0;
	rig_look(look, s);
	rig_deliver(frames, n, true);
	w->now = rte_rdtsc();
	while (worker_pass(w))
		;
	rig_look(NULL, NULL);
	if (s->looked_at != n)
		rig_die(&bench.rig, "%u of %u packets left", s->looked_at, n);
}

/* --- the translator --- */

/* As `nat:` of the configuration would say it: private destinations exempt, the rest behind a pool of
 * 16 addresses for each family. */
static void config_fill(struct config *c)
{
	static struct ip_prefix inside[2], private[4];
	static struct ip_addr pool_v4[16], pool_v6[16];
	static struct config_nat_pool pools[] = {
		{.name = "v4", .addresses = pool_v4, .n_addresses = 16, .port_first = 1024, .port_last = 65535},
		{.name = "v6", .addresses = pool_v6, .n_addresses = 16, .port_first = 1024, .port_last = 65535},
	};
	static struct config_snat snat[] = {
		{.name = "internal", .exempt = true, .match = {.source = inside, .n_source = 2,
			.destination = private, .n_destination = 4}},
		{.name = "egress", .pool = 0, .match = {.ports = 1, .source = inside, .n_source = 1}},
		{.name = "egress6", .pool = 1, .match = {.ports = 1, .source = inside + 1, .n_source = 1}},
	};

	ip_prefix_parse("10.0.0.0/8", &inside[0]);
	ip_prefix_parse("fd00::/8", &inside[1]);
	ip_prefix_parse("10.0.0.0/8", &private[0]);
	ip_prefix_parse("172.16.0.0/12", &private[1]);
	ip_prefix_parse("192.168.0.0/16", &private[2]);
	ip_prefix_parse("fc00::/7", &private[3]);
	for (unsigned int i = 0; i < 16; i++) {
		ip_addr_parse("192.0.2.0", &pool_v4[i]);
		pool_v4[i].bytes[3] = i;
		ip_addr_parse("2001:db8:ff::", &pool_v6[i]);
		pool_v6[i].bytes[15] = i;
	}
	if (bench.rig.over != NULL) { /* nat_peers.py's frames know of one */
		pool_v4[0].bytes[3] = 1;
		pools[0].n_addresses = 1;
	}
	c->nat = (struct config_nat){.pools = pools, .n_pools = 2, .snat = snat, .n_snat = 3};
}

static struct nat *translator_new(uint32_t capacity, unsigned int udp_new_s, unsigned int faster)
{
	static struct config_port port = {.name = "bench"};
	struct config config = {.ports = &port, .n_ports = 1, .flows = {.max_sessions = capacity,
		.tcp_established_s = 7440, .tcp_opening_s = 240, .tcp_closing_s = 240,
		.tcp_reset_s = 10, .udp_s = 300, .udp_new_s = udp_new_s, .icmp_s = 60,
		.other_s = 600, .inbound_refreshes = true}};
	struct rig *rig = &bench.rig;
	uint16_t port_ids[1] = {rig->port->id};
	struct nat_conf conf = {.config = &config, .port_ids = port_ids, .workers = 1,
		.qsbr = rig->conf.qsbr, .fib = bench.fib, .nh = rig->conf.nh,
		.tsc_hz = rte_get_tsc_hz() / faster};
	char err[256];
	struct nat *nat;

	config_fill(&config);
	nat = nat_new(&conf, err, sizeof(err));
	if (nat == NULL)
		rig_die(rig, "%s", err);
	return nat;
}

static struct nat_flow_stats flow_stats(const struct nat *nat)
{
	struct nat_flow_stats stats;

	nat_get_flow_stats(nat, &stats);
	return stats;
}

/* --- cases --- */

/* Packets of both directions of all sessions in random order. */
static struct rig_frame *frames_mixed(const struct sessions *s, uint32_t n)
{
	struct rig_frame *frames = rig_frames_new(&bench.rig, n), tmp;

	for (uint32_t i = 0; i < n; i++) /* each equally often */
		frames[i] = i / s->n % 2 ? s->reply[i % s->n] : s->original[i % s->n];
	for (uint32_t i = n - 1; i > 0; i--) {
		uint32_t k = prefixes_random(&bench.random) % (i + 1);

		tmp = frames[i];
		frames[i] = frames[k];
		frames[k] = tmp;
	}
	return frames;
}

static void established(const char *name, uint32_t n, bool v4)
{
	struct rig *rig = &bench.rig;
	uint32_t n_frames = RTE_MAX(2 * n, FRAMES_LEAST) / (2 * n) * (2 * n);
	struct sessions s = {.n = n, .v4 = v4, .original = rig_frames_new(rig, n),
		.reply = rig_frames_new(rig, n)};
	struct nat *nat = translator_new(RTE_MAX(n, 131072u), 300, 1);
	struct worker *walk = rig_walk_new(rig, name, nat);
	struct nat_flow_stats stats;
	struct rig_frame *frames;

	for (uint32_t i = 0; i < n; i++)
		frame_fill(&s.original[i], v4, i);
	pass_all(walk, s.original, n, look_answer, &s);
	pass_all(walk, s.reply, n, look_check, &s);
	frames = frames_mixed(&s, n_frames);
	pass_all(walk, frames, n_frames, look_check, &s);

	rig_deliver(frames, n_frames, false);
	rig_case(rig, name, walk, bench.plain);

	pass_all(walk, frames, n_frames, look_check, &s);
	stats = flow_stats(nat);
	if (stats.table.used != n || stats.created != n)
		rig_die(rig, "%s: %u sessions of %lu made, not %u", name, stats.table.used,
			(unsigned long)stats.created, n);
	report_note(rig->report, "%-9s %u sessions in a table of %u; %.1f bytes for each that it holds",
		name, n, stats.table.capacity, (double)stats.memory_bytes / stats.table.capacity);
	worker_free(walk);
	nat_free(nat);
	rte_free(frames);
	rte_free(s.original);
	rte_free(s.reply);
}

static void clear(struct nat *nat, struct worker *walk)
{
	struct nat_filter all = NAT_FILTER_ANY;
	struct nat_query *q = nat_query_new(nat, NAT_QUERY_CLEAR, &all);
	unsigned int n;

	if (q == NULL)
		rig_die(&bench.rig, "flows cannot be cleared");
	rig_deliver(NULL, 0, true);
	while (nat_query_read(q, NULL, 0, &n) != 0)
		worker_pass(walk);
	nat_query_free(q);
	if (flow_stats(nat).table.used != 0)
		rig_die(&bench.rig, "%u sessions were not cleared", flow_stats(nat).table.used);
}

/* Ticks that the graph takes for all of the frames; whether it had its CPU for 99 % of that. */
static bool ticks_for(struct worker *w, const struct sessions *s, uint64_t *ret_ticks)
{
	uint64_t start, waited = rig_waited_ns();

	rig_deliver(s->original, s->n, true);
	start = w->now = rte_rdtsc();
	while (worker_pass(w))
		;
	*ret_ticks = rte_rdtsc() - start;
	return (rig_waited_ns() - waited) * 1e-9 < 0.01 * *ret_ticks / rte_get_tsc_hz();
}

/* Packets a second; with nat, each a new session, which goes then. */
static double rate(struct worker *w, const struct sessions *s, struct nat *nat)
{
	uint64_t ticks = 0, created;

	for (unsigned int i = 0; i < TRIES; i++) {
		bool undisturbed;

		created = nat != NULL ? flow_stats(nat).created : 0;
		undisturbed = ticks_for(w, s, &ticks);
		if (nat != NULL && flow_stats(nat).created - created != s->n)
			rig_die(&bench.rig, "new: %u packets made %lu sessions", s->n,
				(unsigned long)(flow_stats(nat).created - created));
		if (nat != NULL)
			clear(nat, w);
		if (undisturbed)
			break;
		bench.rig.repeated++;
		bench.rig.disturbed += i == TRIES - 1;
	}
	return (double)rte_get_tsc_hz() * s->n / ticks;
}

static void new_sessions(void)
{
	struct rig *rig = &bench.rig;
	struct sessions s = {.n = NEW_A_WINDOW, .v4 = true, .original = rig_frames_new(rig, NEW_A_WINDOW),
		.reply = rig_frames_new(rig, NEW_A_WINDOW)};
	struct nat *nat = translator_new(NEW_CAPACITY, 300, 1);
	struct worker *walk = rig_walk_new(rig, "new", nat);
	double samples[rig->windows], base[rig->windows];

	for (uint32_t i = 0; i < s.n; i++)
		frame_fill(&s.original[i], true, i);
	for (unsigned int i = 0; i < NEW_CAPACITY / NEW_A_WINDOW; i++) { /* every record once */
		pass_all(walk, s.original, s.n, look_answer, &s);
		clear(nat, walk);
	}
	memset(walk->time, 0, sizeof(walk->time));
	for (unsigned int i = 0; i < rig->windows; i++) {
		base[i] = rate(bench.plain, &s, NULL);
		samples[i] = rate(walk, &s, nat);
	}
	rig_check_no_drops(rig, "new");
	report_add(rig->report, "new-per-second", "sessions/s", samples, rig->windows, base,
		rig->windows);
	rig_note_nodes(rig, "new", walk);
	worker_free(walk);
	nat_free(nat);
	rte_free(s.original);
	rte_free(s.reply);
}

/* Every packet begins a session and as many sessions end by their time-out. */
static void sustained(void)
{
	struct rig *rig = &bench.rig;
	struct rig_frame *frames = rig_frames_new(rig, SUSTAINED_FRAMES);
	struct nat *nat = translator_new(SUSTAINED_CAPACITY, 10, CLOCK_FASTER);
	struct worker *walk = rig_walk_new(rig, "sustained", nat);
	double samples[rig->windows];
	/* Whole ticks of the wheel, so that each window has its share of those that end. */
	uint64_t hz = rte_get_tsc_hz(), length = hz * FLOW_TICK_MS / 1000 / CLOCK_FASTER * 8;
	uint64_t start, created, expired = 0, packets, waited;
	unsigned int n = 0, i;

	for (uint32_t k = 0; k < SUSTAINED_FRAMES; k++)
		frame_fill(&frames[k], true, k);
	rig_deliver(frames, SUSTAINED_FRAMES, false);
	walk->now = rte_rdtsc();
	for (i = 0; n < rig->windows && i < 3 + TRIES * rig->windows; i++) {
		packets = walk->stats.packets;
		created = flow_stats(nat).created;
		waited = rig_waited_ns();
		start = walk->now;
		while (walk->now < start + length)
			worker_pass(walk);
		packets = walk->stats.packets - packets;
		created = flow_stats(nat).created - created;
		waited = rig_waited_ns() - waited;
		if (created != packets)
			rig_die(rig, "sustained: %lu packets made %lu sessions", (unsigned long)packets,
				(unsigned long)created);
		if (i < 3) /* until as many end as begin */
			expired = flow_stats(nat).expired;
		else if (waited < 1e7 * length / hz || i + rig->windows - n > TRIES * rig->windows)
			samples[n++] = (double)created * hz / (walk->now - start);
		else
			rig->repeated++;
	}
	expired = flow_stats(nat).expired - expired;
	rig_check_no_drops(rig, "sustained");
	report_add(rig->report, "new-sustained", "sessions/s", samples, n, NULL, 0);
	report_note(rig->report, "sustained: %u alive at the end, %u at most; %lu ended meanwhile",
		flow_stats(nat).table.used, flow_stats(nat).table.peak, (unsigned long)expired);
	rig_note_nodes(rig, "sustained", walk);
	worker_free(walk);
	nat_free(nat);
	rte_free(frames);
}

/* Whatever the device of --over delivers: sessions of both directions, again and again (nat_peers.py).
 * What its sink cannot tell, the counts do. */
static void established_over(void)
{
	struct rig *rig = &bench.rig;
	struct nat *nat = translator_new(131072, 300, 1);
	struct worker *walk = rig_walk_new(rig, "over", nat);
	uint64_t settle = rte_rdtsc() + rte_get_tsc_hz();
	struct nat_flow_stats before, after;

	walk->now = rte_rdtsc();
	while (walk->now < settle)
		worker_pass(walk);
	before = flow_stats(nat);
	rig_case(rig, "established-over", walk, bench.plain);
	after = flow_stats(nat);
	if (after.created != before.created || after.table.used != rig->over_sessions)
		rig_die(rig, "%lu sessions were made meanwhile; %u at the end, not %u",
			(unsigned long)(after.created - before.created), after.table.used,
			rig->over_sessions);
	report_note(rig->report, "%u sessions, over %s", after.table.used, rig->over);
	worker_free(walk);
	nat_free(nat);
}

static void fib_make(void)
{
	struct fib_conf conf = {.max_v4_groups = 256};
	uint32_t nh = rig_neighbour(&bench.rig, 1);
	struct ip_prefix p;

	bench.fib = fib_new(&conf);
	if (bench.fib == NULL)
		rig_die(&bench.rig, "no memory for the table");
	ip_prefix_parse("0.0.0.0/0", &p);
	fib_add(bench.fib, &p, nh);
	ip_prefix_parse("::/0", &p);
	fib_add(bench.fib, &p, nh);
	bench.rig.conf.fib = bench.fib;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		uint32_t n;
		bool v4;
	} cases[] = {
		{"established-1k", 1000, true}, {"established-64k", 1u << 16, true},
		{"established-1m", 1u << 20, true}, {"established-v6-1k", 1000, false},
		{"established-v6-64k", 1u << 16, false}, {"established-v6-1m", 1u << 20, false},
	};
	struct rig *rig = &bench.rig;

	bench.random = 1;
	rig_open(rig, "nat", argc, argv, 1024, NULL);
	fib_make();
	bench.plain = rig_walk_new(rig, "plain", NULL);
	report_note(rig->report, "%u-byte frames, vectors of %u, windows of %u ms, %s pages; cycles are TSC "
		"ticks at %lu MHz; baseline: the same frames forwarded over one route",
		RIG_FRAME_LEN, GRAPH_RX_BURST, rig->ms, rte_eal_has_hugepages() ? "huge" : "4 KiB",
		(unsigned long)(rte_get_tsc_hz() / 1000000));

	if (rig->over != NULL) {
		established_over();
	} else {
		for (unsigned int i = 0; i < RTE_DIM(cases); i++)
			if (rig_wants(rig, cases[i].name))
				established(cases[i].name, cases[i].n, cases[i].v4);
		if (rig_wants(rig, "new-per-second"))
			new_sessions();
		if (rig_wants(rig, "new-sustained"))
			sustained();
	}

	worker_free(bench.plain);
	fib_free(bench.fib);
	rig_close(rig);
	return 0;
}
