/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Packets through validation and the flow stage, of both families, from both sides, in bursts of one,
 * with a few sessions there already, rules of every kind, and time that passes. An input is a row of
 * packets: a byte of flags, two of length, and the packet from its IP header on.
 *
 * What comes out must have right checksums where what came in had, and wrong ones where it had not;
 * nothing but addresses, ports and checksums may differ; every packet has an edge, a dropped one a
 * reason. Packets lie in buffers of just their length, so that a sanitiser sees a read beyond.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <netinet/in.h>

#include <rte_ip.h>

#include "config/config.h"
#include "drop/drop.h"
#include "nat/nat.h"
#include "packet/checksum.h"
#include "packet/eth.h"
#include "packet/ip.h"
#include "packet/ip6_ext.h"
#include "packet/ip6_hdr.h"
#include "packet/meta.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	V6 = 0x01,
	OUTSIDE = 0x02,
	FIX_IP = 0x04,	  /* length and IPv4 header checksum */
	FIX_L4 = 0x08,	  /* checksum of the upper layer */
	FIX_INNER = 0x10, /* IPv4 header checksum of a packet inside */
	SEGMENTS = 0x20,  /* two */
	TIME_SHIFT = 6,	  /* passes first */
};

static const unsigned int passes_ms[] = {0, 10, 2500, 400000};

#define TICKS_PER_MS 1000
#define PACKETS_MAX 16
#define PACKET_MAX 1500

static const char conf_text[] =
	"ports:\n"
	"  - {name: inside, device: {kind: af_packet, interface: a},"
	" addresses: [10.255.0.1/24, \"2001:db8:1:ff::1/64\"]}\n"
	"  - {name: outside, device: {kind: af_packet, interface: b},"
	" addresses: [192.0.2.1/29, \"2001:db8:f::1/125\"]}\n"
	"flows: {max_sessions: 64, tcp_window_check: true}\n"
	"nat:\n"
	"  pools:\n"
	"    - {name: p4, addresses: [192.0.2.9], ports: 1024-65535}\n"
	"    - {name: e4, addresses: [192.0.2.10], ports: 1024-1151}\n"
	"    - {name: p6, addresses: [\"2001:db8:f::9\"], ports: 1024-65535}\n"
	"  snat:\n"
	"    - {name: exempt, ingress: [inside], destination: [10.0.0.0/8], exempt: true}\n"
	"    - {name: eim, ingress: [inside], source: [10.1.0.0/16], pool: e4,"
	" mapping: endpoint-independent, filtering: address-and-port, max_sessions: 4}\n"
	"    - {name: v4, ingress: [inside], source: [10.0.0.0/8], pool: p4}\n"
	"    - {name: v6, ingress: [inside], source: [\"2001:db8:1::/48\"], pool: p6}\n"
	"  dnat:\n"
	"    - {name: web, ingress: [outside], destination: 192.0.2.11, destination_ports: 80,"
	" protocols: [tcp], to: [\"10.0.0.10:8080\", \"10.0.0.11:8080\"]}\n"
	"    - {name: both, destination: 192.0.2.12, to: 10.0.0.12, snat: p4}\n"
	"    - {name: web6, destination: \"2001:db8:f::b\", to: \"2001:db8:1::b\"}\n";

static struct {
	struct config *conf;
	struct fib *fib;
	struct nh_table *nh;
	struct nat *nat;
	uint64_t tsc;
} rig;

/* What an input's packets live in, till nobody holds them any more. */
static struct {
	struct rte_mbuf m[2];
	uint8_t *bytes[2];
	bool held;
} packets[PACKETS_MAX];

#define require(ok)                                                                        \
	do {                                                                               \
		if (!(ok)) {                                                               \
			fprintf(stderr, "line %d: %s\n", __LINE__, #ok);                    \
			abort();                                                           \
		}                                                                          \
	} while (0)

/* --- the rig --- */

static void route(const char *text, uint8_t kind, uint16_t port)
{
	struct nh nh = {.kind = kind, .port = port, .mtu_bytes = 1500, .nat = kind == NH_LOCAL};
	struct ip_prefix p;

	require(ip_prefix_parse(text, &p) == 0);
	require(fib_add(rig.fib, &p, nh_new(rig.nh, &nh)) == 0);
}

static void setup(void)
{
	struct config_error err;

	rig.conf = config_load_string(conf_text, strlen(conf_text), "fuzz", &err);
	if (rig.conf == NULL)
		config_error_print(&err, stderr, false);
	require(rig.conf != NULL);
	rig.fib = fib_new(&(struct fib_conf){.max_v4_groups = 64});
	rig.nh = nh_table_new(64, 4, NULL);
	require(rig.fib != NULL && rig.nh != NULL);
	route("10.0.0.0/8", NH_FORWARD, 0);
	route("2001:db8:1::/48", NH_FORWARD, 0);
	route("0.0.0.0/0", NH_FORWARD, 1);
	route("::/0", NH_FORWARD, 1);
	route("192.0.2.1/32", NH_LOCAL, 1);
	route("192.0.2.8/29", NH_NAT, 0);
	route("2001:db8:f::8/125", NH_NAT, 0);
	route("198.51.100.0/24", NH_DISCARD, 0);
}

static void start(void)
{
	static const uint16_t port_ids[] = {0, 1};
	struct nat_conf conf = {.config = rig.conf, .port_ids = port_ids, .workers = 1,
		.fib = rig.fib, .nh = rig.nh, .tsc_hz = TICKS_PER_MS * 1000};
	char err[200];

	rig.tsc = (UINT32_MAX - 1000ull) * TICKS_PER_MS; /* the clock wraps soon */
	rig.nat = nat_new(&conf, err, sizeof(err));
	require(rig.nat != NULL);
	nat_begin(nat_worker(rig.nat, 0), rig.tsc);
}

static unsigned int index_of(const struct rte_mbuf *m)
{
	unsigned int i = 0;

	while (i < PACKETS_MAX && m != &packets[i].m[0])
		i++;
	require(i < PACKETS_MAX);
	return i;
}

/* What was held comes back, with an edge. */
static void released(void)
{
	struct rte_mbuf *out[32];
	uint8_t next[32];
	unsigned int n;

	for (unsigned int v4 = 0; v4 < 2; v4++) {
		while ((n = nat_released(nat_worker(rig.nat, 0), v4, out, next, 32)) > 0) {
			for (unsigned int i = 0; i < n; i++) {
				require(next[i] < FLOW_NEXT_MAX);
				require(packets[index_of(out[i])].held);
				packets[index_of(out[i])].held = false;
			}
		}
	}
}

static void pass(unsigned int ms)
{
	rig.tsc += (uint64_t)ms * TICKS_PER_MS;
	nat_begin(nat_worker(rig.nat, 0), rig.tsc);
	released();
}

static void stop(void)
{
	for (unsigned int i = 0; i < 8; i++)
		pass(2000);
	for (unsigned int i = 0; i < PACKETS_MAX; i++) {
		require(!packets[i].held);
		for (unsigned int k = 0; k < 2; k++)
			free(packets[i].bytes[k]);
		memset(&packets[i], 0, sizeof(packets[i]));
	}
	nat_free(rig.nat);
}

/* --- packets --- */

struct l4 {
	uint32_t offset; /* from the IP header */
	uint32_t len;
	uint8_t proto;
	int check_at; /* -1: no checksum that could be right */
};

static struct l4 l4_of(const uint8_t *ip, uint32_t len, bool v6)
{
	struct l4 l4 = {.check_at = -1};
	bool fragment;

	if (v6) {
		struct ip6_payload p;

		if (ip6_payload_find_at(ip, len, &p) != 0) {
			l4.offset = len;
			return l4;
		}
		l4.offset = p.offset;
		l4.proto = p.proto;
		fragment = p.fragment;
	} else {
		l4.offset = (ip[0] & 0xf) * 4;
		l4.proto = ip[9];
		fragment = (ip[6] & 0x3f) || ip[7];
	}
	if (l4.offset > len)
		l4.offset = len;
	l4.len = len - l4.offset;
	if (fragment)
		return l4;
	if (l4.proto == IPPROTO_TCP && l4.len >= 20)
		l4.check_at = 16;
	else if (l4.proto == IPPROTO_UDP && l4.len >= 8)
		l4.check_at = 6;
	else if (l4.proto == (v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP) && l4.len >= 8)
		l4.check_at = 2;
	return l4;
}

/* With the checksum as it stands: 0xffff where it is right. */
static uint16_t l4_sum(const uint8_t *ip, const struct l4 *l4, bool v6)
{
	uint64_t sum = 0;

	if (v6 || l4->proto != IPPROTO_ICMP)
		sum = checksum_add((uint64_t)htons(l4->len) + htons(l4->proto), ip + (v6 ? 8 : 12),
			v6 ? 32 : 8);
	return checksum_fold(checksum_add(sum, ip + l4->offset, l4->len));
}

static void put_sum(uint8_t *at, uint16_t sum)
{
	sum = ~sum;
	memcpy(at, &sum, 2);
}

static void fix_ip4(uint8_t *ip, uint32_t room)
{
	uint32_t len = (ip[0] & 0xf) * 4;

	if (len > room)
		return;
	memset(ip + 10, 0, 2);
	put_sum(ip + 10, checksum_fold(checksum_add(0, ip, len)));
}

static void fix(uint8_t *ip, uint32_t len, uint8_t flags)
{
	bool v6 = flags & V6;
	struct l4 l4;

	if (flags & FIX_IP) {
		uint16_t be = htons(v6 ? len - 40 : len);

		memcpy(ip + (v6 ? 4 : 2), &be, 2);
		ip[0] = v6 ? 0x60 | (ip[0] & 0xf) : 0x40 | (ip[0] & 0xf);
	}
	l4 = l4_of(ip, len, v6);
	if (flags & FIX_INNER && !v6 && l4.len >= 28)
		fix_ip4(ip + l4.offset + 8, l4.len - 8);
	if (flags & FIX_L4 && l4.check_at >= 0) {
		memset(ip + l4.offset + l4.check_at, 0, 2);
		put_sum(ip + l4.offset + l4.check_at, l4_sum(ip, &l4, v6));
	}
	if (flags & FIX_IP && !v6)
		fix_ip4(ip, len);
}

static void mbuf_init(struct rte_mbuf *m, uint8_t *bytes, uint16_t len)
{
	*m = (struct rte_mbuf){.buf_addr = bytes, .buf_len = len, .refcnt = 1, .nb_segs = 1};
	m->data_len = len;
	m->pkt_len = len;
}

static bool validate(uint8_t *frame, uint32_t *len, bool v6)
{
	struct rte_mbuf mbuf, *m = &mbuf;
	uint8_t next;

	mbuf_init(m, frame, *len);
	if (v6)
		ip6_input_burst(rig.fib, rig.nh, &m, 1, &next);
	else
		ip4_input_burst(rig.fib, &m, 1, &next);
	*len = m->pkt_len;
	return next == IP_INPUT_LOOKUP;
}

/* --- what must hold --- */

static bool is_error(const uint8_t *ip, const struct l4 *l4, bool v6)
{
	if (l4->len == 0 || l4->proto != (v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP))
		return false;
	return v6 ? ip[l4->offset] < 128 :
		    ip[l4->offset] == 3 || ip[l4->offset] == 4 || ip[l4->offset] == 11 ||
			    ip[l4->offset] == 12;
}

static void check_same_bytes(const uint8_t *was, const uint8_t *is, bool v6, const struct l4 *l4)
{
	uint32_t ports = RTE_MIN(l4->len, 20u);

	if (v6) {
		require(memcmp(was, is, 8) == 0);
		require(memcmp(was + 40, is + 40, l4->offset - 40) == 0);
	} else {
		require(memcmp(was, is, 10) == 0);
		require(memcmp(was + 20, is + 20, l4->offset - 20) == 0);
	}
	if (!is_error(was, l4, v6))
		require(memcmp(was + l4->offset + ports, is + l4->offset + ports,
				l4->len - ports) == 0);
}

static void check_checksums(const uint8_t *was, const uint8_t *is, bool v6, const struct l4 *l4)
{
	const uint8_t *before = was + l4->offset + l4->check_at;
	const uint8_t *after = is + l4->offset + l4->check_at;

	if (!v6)
		require(checksum_fold(checksum_add(0, is, (is[0] & 0xf) * 4)) == 0xffff);
	if (l4->check_at < 0)
		return;
	if (l4->proto == IPPROTO_UDP && before[0] == 0 && before[1] == 0)
		require(after[0] == 0 && after[1] == 0);
	else if (l4_sum(was, l4, v6) == 0xffff)
		require(l4_sum(is, l4, v6) == 0xffff);
	else if (l4->proto != IPPROTO_ICMP) /* whose sum alone may be 0 */
		require(l4_sum(is, l4, v6) != 0xffff);
}

static void check(const uint8_t *was, const uint8_t *is, uint32_t len, bool v6,
	const struct rte_mbuf *m, uint8_t next)
{
	struct l4 l4 = l4_of(was, len, v6);

	if (next == FLOW_NEXT_DROP || next == FLOW_NEXT_ICMP)
		require(((const struct pkt_meta *)((const char *)m + PKT_META_OFFSET))->drop_reason !=
			DROP_NONE);
	require(next < FLOW_NEXT_MAX);
	check_same_bytes(was, is, v6, &l4);
	check_checksums(was, is, v6, &l4);
}

/* --- inputs --- */

/* The packet, where it lies in two parts. */
static void gather(const struct rte_mbuf *m, uint8_t *to)
{
	for (; m != NULL; m = m->next) {
		memcpy(to, rte_pktmbuf_mtod(m, const uint8_t *), m->data_len);
		to += m->data_len;
	}
}

static void one_packet(unsigned int slot, const uint8_t *ip, uint32_t len, uint8_t flags)
{
	static uint8_t frame[PKT_L2_LEN + PACKET_MAX], after[PKT_L2_LEN + PACKET_MAX];
	struct rte_mbuf *m = packets[slot].m;
	uint32_t total = PKT_L2_LEN + len, split;
	bool v6 = flags & V6;
	uint8_t next = 0xff;

	memset(frame, 0, PKT_L2_LEN);
	memcpy(frame + PKT_L2_LEN, ip, len);
	fix(frame + PKT_L2_LEN, len, flags);
	if (!validate(frame, &total, v6))
		return;
	/* The IP header, and of IPv6 the hop-by-hop options, lie in the first segment. */
	split = flags & SEGMENTS && total > 90 ? 75 + total % 16 : total;
	for (unsigned int k = 0; k < 2; k++) {
		uint32_t part = k ? total - split : split;

		packets[slot].bytes[k] = malloc(part ? part : 1);
		memcpy(packets[slot].bytes[k], frame + (k ? split : 0), part);
		mbuf_init(&m[k], packets[slot].bytes[k], part);
	}
	if (split < total) {
		m[0].next = &m[1];
		m[0].nb_segs = 2;
	}
	m[0].pkt_len = total;
	m[0].port = !!(flags & OUTSIDE);
	packets[slot].held = true; /* by us, or by whom we give it to */
	(v6 ? nat6_burst : nat4_burst)(nat_worker(rig.nat, 0), &m, 1, &next);
	if (next != FLOW_NEXT_HELD) {
		packets[slot].held = false;
		require(m[0].pkt_len == total);
		gather(m, after);
		check(frame + PKT_L2_LEN, after + PKT_L2_LEN, total - PKT_L2_LEN, v6, m, next);
	}
	released();
}

/* Sessions that inputs may hit: ports are preserved. */
static unsigned int prologue(void)
{
	static const struct {
		uint8_t flags;
		const char *bytes;
		uint8_t len;
	} first[] = {
		{FIX_IP | FIX_L4, "\x45\0\0\0\0\1\0\0\x40\x11\0\0\x0a\0\0\7\xcb\0\x71\5\x0f\xa0\0\x35\0\x14\0\0"
				  "................", 44},
		{FIX_IP | FIX_L4, "\x45\0\0\0\0\1\0\0\x40\x06\0\0\x0a\0\0\7\xcb\0\x71\5\x0f\xa0\0\x50\0\0\0\1"
				  "\0\0\0\0\x50\2\xff\xff\0\0\0\0", 40},
		{FIX_IP | FIX_L4, "\x45\0\0\0\0\1\0\0\x40\x01\0\0\x0a\0\0\7\xcb\0\x71\5\x08\0\0\0\x0f\xa0\0\1"
				  "................", 44},
		{FIX_IP | FIX_L4 | OUTSIDE, "\x45\0\0\0\0\1\0\0\x40\x11\0\0\xcb\0\x71\5\xc0\0\2\x0c\x0f\xa0"
					    "\0\x35\0\x14\0\0................", 44},
		{FIX_IP | FIX_L4, "\x45\0\0\0\0\1\0\0\x40\x11\0\0\x0a\1\0\7\xcb\0\x71\5\x04\0\0\x35\0\x14\0\0"
				  "................", 44},
		{FIX_IP | FIX_L4 | V6, "\x60\0\0\0\0\0\x11\x40\x20\1\x0d\xb8\0\1\0\0\0\0\0\0\0\0\0\7"
				       "\x20\1\x0d\xb8\0\x99\0\0\0\0\0\0\0\0\0\5"
				       "\x0f\xa0\0\x35\0\x14\0\0............", 60},
	};
	unsigned int n = sizeof(first) / sizeof(first[0]);
	struct nat_flow_stats stats;

	for (unsigned int i = 0; i < n; i++)
		one_packet(i, (const uint8_t *)first[i].bytes, first[i].len, first[i].flags);
	nat_get_flow_stats(rig.nat, &stats);
	require(stats.created >= n);
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned int slot;

	if (rig.conf == NULL)
		setup();
	start();
	for (slot = prologue(); slot < PACKETS_MAX && size >= 3; slot++) {
		uint8_t flags = data[0];
		uint32_t len = (data[1] << 8 | data[2]) % (PACKET_MAX + 1);

		data += 3;
		size -= 3;
		if (len > size)
			len = size;
		pass(passes_ms[flags >> TIME_SHIFT]);
		/* Validation reads the header before it knows the length. */
		if (len >= (flags & V6 ? 40 : 20))
			one_packet(slot, data, len, flags);
		data += len;
		size -= len;
	}
	stop();
	return 0;
}
