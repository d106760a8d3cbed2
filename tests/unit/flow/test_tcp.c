/* SPDX-License-Identifier: BSD-3-Clause */
/* The life of sessions: every state, set of flags and direction against RFC 6146's machine; timers. */
#include <netinet/in.h>
#include <string.h>

#include "../packet/craft.h"
#include "tcp_oracle.h"

#define FIN RTE_TCP_FIN_FLAG
#define SYN RTE_TCP_SYN_FLAG
#define RST RTE_TCP_RST_FLAG
#define PSH RTE_TCP_PSH_FLAG
#define ACK RTE_TCP_ACK_FLAG
#define URG RTE_TCP_URG_FLAG

#define O FLOW_ORIGINAL
#define R FLOW_REPLY

static const struct flow_timeouts timeouts = {
	.tcp_opening_ms = 240000, .tcp_established_ms = 7440000, .tcp_closing_ms = 100000,
	.tcp_reset_ms = 10000, .udp_ms = 300000, .udp_new_ms = 30000, .icmp_ms = 60000,
	.other_ms = 600000,
};

static struct flow_record record_begin(uint8_t proto, enum flow_state state, uint32_t now)
{
	struct flow_record r = {0};

	for (unsigned int i = 0; i < 2; i++) {
		r.side[i].proto = proto;
		r.side[i].state = state;
		r.side[i].seen_ms = now;
		r.side[i].flags = proto == IPPROTO_TCP ? FLOW_F_TRACKED : 0;
	}
	return r;
}

static bool earlier;

static enum flow_tcp_verdict step(struct flow_record *r, enum flow_dir dir, uint8_t flags, uint32_t now)
{
	struct flow_tcp tcp = {.flags = flags};

	return flow_tcp_step(r, dir, &tcp, NULL, now, &earlier);
}

/* The ways into each state, in packets. */
struct packet {
	enum flow_dir dir;
	uint8_t flags;
};

static const struct {
	const char *name;
	struct packet packets[8];
	unsigned int n;
} ways[] = {
	{"syn", {{O, SYN}}, 1},
	{"syn twice", {{O, SYN}, {O, SYN}}, 2},
	{"answered", {{O, SYN}, {R, SYN | ACK}}, 2},
	{"crossed", {{O, SYN}, {R, SYN}}, 2},
	{"crossed, one acknowledged", {{O, SYN}, {R, SYN}, {O, SYN | ACK}}, 3},
	{"crossed, both", {{O, SYN}, {R, SYN}, {O, SYN | ACK}, {R, SYN | ACK}}, 4},
	{"established", {{O, SYN}, {R, SYN | ACK}, {O, ACK}}, 3},
	{"closed by the original", {{O, SYN}, {R, SYN | ACK}, {O, ACK}, {O, FIN | ACK}}, 4},
	{"closed by the reply", {{O, SYN}, {R, SYN | ACK}, {O, ACK}, {R, FIN | ACK}}, 4},
	{"a FIN that acknowledges", {{O, SYN}, {R, SYN | ACK}, {O, FIN | ACK}}, 3},
	{"a FIN before the other's ACK", {{O, SYN}, {R, SYN}, {O, FIN | ACK}}, 3},
	{"closed", {{O, SYN}, {R, SYN | ACK}, {O, ACK}, {O, FIN | ACK}, {R, FIN | ACK}}, 5},
	{"refused", {{O, SYN}, {R, RST | ACK}}, 2},
	{"given up", {{O, SYN}, {R, SYN | ACK}, {O, RST}}, 3},
	{"reset", {{O, SYN}, {R, SYN | ACK}, {O, ACK}, {R, RST}}, 4},
	{"reset by the original", {{O, SYN}, {R, SYN | ACK}, {O, ACK}, {O, RST | ACK}}, 4},
	{"reset half-closed", {{O, SYN}, {R, SYN | ACK}, {O, ACK}, {R, FIN | ACK}, {O, RST}}, 5},
	{"reset closed", {{O, SYN}, {R, SYN | ACK}, {O, ACK}, {O, FIN | ACK}, {R, FIN | ACK}, {R, RST}}, 6},
	{"crossed and reset", {{O, SYN}, {R, SYN}, {R, RST}}, 3},
	{"opened anew", {{O, SYN}, {R, SYN | ACK}, {O, ACK}, {R, RST}, {O, SYN}}, 5},
	{"opened anew by the other", {{O, SYN}, {R, SYN | ACK}, {O, ACK}, {R, RST}, {R, SYN}}, 5},
};
#define N_WAYS (sizeof(ways) / sizeof(ways[0]))

/* What any TCP may send; everything else is tested to be dropped. */
static bool legal(uint8_t flags)
{
	switch (flags & ~(PSH | RTE_TCP_ECE_FLAG | RTE_TCP_CWR_FLAG)) {
	case SYN: case SYN | URG: case SYN | ACK:
	case RST: case RST | ACK:
	case ACK: case ACK | URG: case FIN | ACK: case FIN | ACK | URG:
		return true;
	default:
		return false;
	}
}

/* The record and the oracle, in step. */
struct pair {
	struct flow_record r;
	struct oracle o;
	uint32_t now;
};

static void pair_check(const struct pair *p, const char *what, unsigned int flags, unsigned int dir)
{
	uint32_t ends = flow_deadline_ms(&timeouts, &p->r);

	for (unsigned int i = 0; i < 2; i++)
		if (p->r.side[i].state != oracle_state(&p->o))
			fail_msg("%s, then %#x on %u: %s, not %s", what, flags, dir,
				flow_state_names[p->r.side[i].state], flow_state_names[oracle_state(&p->o)]);
	if (ends != p->o.ends_ms)
		fail_msg("%s, then %#x on %u: ends in %d, not %d", what, flags, dir,
			(int)(ends - p->now), (int)(p->o.ends_ms - p->now));
	for (unsigned int i = 0; i < 2; i++)
		assert_int_equal(!(p->r.side[i].flags & FLOW_F_TRACKED),
			p->r.side[i].state == FLOW_TCP_ESTABLISHED);
}

static struct pair pair_begin(uint32_t now)
{
	struct pair p = {.r = record_begin(IPPROTO_TCP, flow_state_first(IPPROTO_TCP, SYN), now),
		.now = now};

	oracle_open(&p.o, &timeouts, true, false, now);
	step(&p.r, O, SYN, now);
	pair_check(&p, "begin", SYN, O);
	return p;
}

static void pair_step(struct pair *p, const char *what, enum flow_dir dir, uint8_t flags,
	uint32_t later_ms)
{
	uint32_t before = flow_deadline_ms(&timeouts, &p->r);
	struct flow_record was = p->r;
	enum flow_tcp_verdict v;

	p->now += later_ms;
	v = step(&p->r, dir, flags, p->now);
	if (!legal(flags)) {
		assert_int_equal(v, FLOW_TCP_DROP_FLAGS);
		assert_memory_equal(&was, &p->r, sizeof(was));
		return;
	}
	assert_int_equal(v, FLOW_TCP_PASS);
	oracle_step(&p->o, &timeouts, dir == O, flags, p->now);
	pair_check(p, what, flags, dir);
	/* Nobody looks before the old deadline unless told to. */
	if (!earlier && (int32_t)(p->o.ends_ms - before) < 0)
		fail_msg("%s, then %#x on %u: ends earlier and does not say so", what, flags, dir);
}

static void every_state_flags_direction(void **state)
{
	(void)state;
	for (unsigned int w = 0; w < N_WAYS; w++) {
		for (unsigned int flags = 0; flags < 256; flags++) {
			for (enum flow_dir dir = O; dir <= R; dir++) {
				struct pair p = pair_begin(UINT32_MAX - 20000); /* over the wrap */

				for (unsigned int i = 1; i < ways[w].n; i++)
					pair_step(&p, ways[w].name, ways[w].packets[i].dir,
						ways[w].packets[i].flags, 7000);
				pair_step(&p, ways[w].name, dir, flags, 7000);
			}
		}
	}
}

static void random_sequences(void **state)
{
	static const uint8_t likely[] = {SYN, SYN | ACK, ACK, ACK | PSH, FIN | ACK, RST, RST | ACK, ACK};
	uint64_t seed = unit_seed();
	bool seen[FLOW_STATE_MAX] = {false};

	(void)state;
	for (unsigned int round = 0; round < 20000; round++) {
		struct pair p = pair_begin(unit_random(&seed));

		for (unsigned int i = 0; i < 12; i++) {
			uint64_t x = unit_random(&seed);
			uint8_t flags = x % 16 == 0 ? x >> 8 : likely[x % sizeof(likely)];

			pair_step(&p, "at random", x >> 16 & 1, flags, (x >> 20) % 9000);
			seen[p.r.side[0].state] = true;
		}
	}
	for (enum flow_state s = FLOW_TCP_SYN; s <= FLOW_TCP_RESET; s++)
		assert_true(seen[s]);
}

/* A flood of SYNs that a server answers never gets the long timer. */
static void established_by_both(void **state)
{
	struct flow_record r = record_begin(IPPROTO_TCP, FLOW_TCP_SYN, 0);

	(void)state;
	step(&r, O, SYN, 0);
	for (unsigned int i = 0; i < 5; i++)
		step(&r, R, SYN | ACK, i * 1000);
	assert_int_equal(flow_deadline_ms(&timeouts, &r), 4000 + 240000);
	step(&r, O, ACK, 5000);
	assert_int_equal(flow_deadline_ms(&timeouts, &r), 5000 + 7440000);
}

/* RFC 7857 7.1: RSTs of the inside do not keep the session, however many, nor does anything that a
 * side sends whose packets do not refresh. */
static void what_does_not_refresh(void **state)
{
	struct flow_record r = record_begin(IPPROTO_TCP, FLOW_TCP_SYN, 0);

	(void)state;
	step(&r, O, SYN, 0);
	step(&r, R, SYN | ACK, 0);
	step(&r, O, ACK, 0);
	for (unsigned int i = 1; i <= 9; i++)
		step(&r, O, RST, i * 1000);
	assert_int_equal(flow_deadline_ms(&timeouts, &r), 1000 + 10000);

	r = record_begin(IPPROTO_TCP, FLOW_TCP_SYN, 0);
	r.side[R].flags |= FLOW_F_NO_REFRESH;
	step(&r, O, SYN, 0);
	step(&r, R, SYN | ACK, 10);
	step(&r, O, ACK, 20);
	step(&r, R, ACK | PSH, 5000);
	assert_int_equal(flow_deadline_ms(&timeouts, &r), 20 + 7440000);
	/* What ends it begins its time, whoever sends it: not at once because the last packet that
	 * counted is long ago. */
	step(&r, R, RST, 600000);
	assert_int_equal(flow_deadline_ms(&timeouts, &r), 600000 + 10000);
}

static void adopted(void **state)
{
	struct flow_record r = record_begin(IPPROTO_TCP, flow_state_first(IPPROTO_TCP, ACK), 0);

	(void)state;
	assert_int_equal(r.side[O].state, FLOW_TCP_ADOPTED);
	step(&r, O, ACK, 0);
	step(&r, O, ACK | PSH, 100);
	assert_int_equal(r.side[O].state, FLOW_TCP_ADOPTED);
	assert_int_equal(flow_deadline_ms(&timeouts, &r), 100 + 240000);
	step(&r, R, ACK, 200);
	assert_int_equal(r.side[R].state, FLOW_TCP_ESTABLISHED);

	/* A FIN that came before the other side was heard is not forgotten. */
	r = record_begin(IPPROTO_TCP, FLOW_TCP_ADOPTED, 0);
	step(&r, O, FIN | ACK, 0);
	step(&r, R, ACK, 0);
	assert_int_equal(r.side[O].state, FLOW_TCP_FIN_ORIGINAL);
	step(&r, R, FIN | ACK, 0);
	assert_int_equal(r.side[O].state, FLOW_TCP_FIN_BOTH);

	r = record_begin(IPPROTO_TCP, FLOW_TCP_ADOPTED, 0);
	step(&r, R, RST, 50);
	assert_true(earlier);
	assert_int_equal(flow_deadline_ms(&timeouts, &r), 50 + 10000);
}

static void opens(void **state)
{
	(void)state;
	for (unsigned int flags = 0; flags < 256; flags++) {
		int want = !legal(flags) ? -1 : (flags & (SYN | ACK)) == SYN;

		assert_int_equal(flow_tcp_opens(flags), want);
	}
	assert_int_equal(flow_state_first(IPPROTO_TCP, SYN), FLOW_TCP_SYN);
	assert_int_equal(flow_state_first(IPPROTO_TCP, SYN | RTE_TCP_ECE_FLAG | RTE_TCP_CWR_FLAG), FLOW_TCP_SYN);
	assert_int_equal(flow_state_first(IPPROTO_TCP, SYN | ACK), FLOW_TCP_ADOPTED);
	assert_int_equal(flow_state_first(IPPROTO_UDP, 0), FLOW_STATE_NEW);
	assert_int_equal(flow_state_first(IPPROTO_ICMP, 0), FLOW_STATE_NEW);
}

static void times(void **state)
{
	static const struct {
		uint8_t proto;
		enum flow_state state;
		uint32_t ms;
	} want[] = {
		{IPPROTO_TCP, FLOW_TCP_SYN, 240000}, {IPPROTO_TCP, FLOW_TCP_OPENING, 240000},
		{IPPROTO_TCP, FLOW_TCP_ADOPTED, 240000}, {IPPROTO_TCP, FLOW_TCP_ESTABLISHED, 7440000},
		{IPPROTO_TCP, FLOW_TCP_FIN_ORIGINAL, 7440000}, {IPPROTO_TCP, FLOW_TCP_FIN_REPLY, 7440000},
		{IPPROTO_TCP, FLOW_TCP_FIN_BOTH, 100000}, {IPPROTO_TCP, FLOW_TCP_RESET, 10000},
		{IPPROTO_UDP, FLOW_STATE_NEW, 30000}, {IPPROTO_UDP, FLOW_STATE_REPLIED, 300000},
		{IPPROTO_ICMP, FLOW_STATE_NEW, 60000}, {IPPROTO_ICMPV6, FLOW_STATE_REPLIED, 60000},
		{IPPROTO_GRE, FLOW_STATE_NEW, 600000}, {IPPROTO_ESP, FLOW_STATE_REPLIED, 600000},
	};

	(void)state;
	for (unsigned int i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		struct flow_record r = record_begin(want[i].proto, want[i].state, 0);

		assert_int_equal(flow_timeout_ms(&timeouts, want[i].proto, want[i].state), want[i].ms);
		r.side[O].seen_ms = UINT32_MAX - 5;
		r.side[R].seen_ms = 3; /* the later: behind the wrap */
		assert_int_equal(flow_deadline_ms(&timeouts, &r), 3 + want[i].ms);
		r.side[O].seen_ms = 9;
		assert_int_equal(flow_deadline_ms(&timeouts, &r), 9 + want[i].ms);
	}
	for (enum flow_state s = 0; s < FLOW_STATE_MAX; s++)
		assert_non_null(flow_state_names[s]);
}

/* A TCP segment without data; options as given, padded. */
static unsigned int craft_tcp(struct craft *c, bool v6, const void *options, unsigned int n, uint8_t flags,
	unsigned int data)
{
	unsigned int header = 20 + (n + 3) / 4 * 4;
	uint8_t *ip = v6 ? craft_ip6(c, "2001:db8::1", "2001:db8::2", 6, 64, header + data) :
			   craft_ip4(c, "10.0.0.1", "10.0.0.2", 6, 64, header + data);
	uint8_t *tcp = ip + (v6 ? 40 : 20);

	memset(tcp, 0, header);
	memcpy(tcp + 4, "\x01\x02\x03\x04\xf1\xf2\xf3\xf4", 8);
	tcp[12] = header / 4 << 4;
	tcp[13] = flags;
	craft_put16(tcp + 14, 0x1234);
	memcpy(tcp + 20, options, n);
	return tcp - craft_bytes(c);
}

static void parse(void **state)
{
	static struct craft c;
	struct flow_tcp tcp;
	unsigned int at;

	(void)state;
	for (unsigned int v6 = 0; v6 < 2; v6++) {
		at = craft_tcp(&c, v6, "\x02\x04\x05\xb4\x01\x03\x03\x07", 8, SYN, 100);
		assert_int_equal(flow_tcp_parse(&c.m, at, &tcp), 0);
		assert_int_equal(tcp.flags, SYN);
		assert_int_equal(tcp.seq, 0x01020304);
		assert_int_equal(tcp.ack, 0xf1f2f3f4);
		assert_int_equal(tcp.window, 0x1234);
		assert_int_equal(tcp.len, 100);
		assert_true(tcp.has_scale);
		assert_int_equal(tcp.scale, 7);
		/* Only SYNs carry it; others are not searched. */
		at = craft_tcp(&c, v6, "\x03\x03\x07", 3, ACK, 1);
		assert_int_equal(flow_tcp_parse(&c.m, at, &tcp), 0);
		assert_false(tcp.has_scale);
		assert_int_equal(tcp.len, 1);
		/* No option: end of the list before it; a length of 0, 1 or beyond; a length not its own. */
		for (unsigned int i = 0; i < 5; i++) {
			static const char *bad[] = {"\x00\x03\x03\x07", "\x05\x00\x03\x03\x07",
				"\x05\x01\x03\x03\x07", "\x01\x03\x03", "\x03\x04\x07\x07"};
			static const unsigned int len[] = {4, 5, 5, 3, 4};

			at = craft_tcp(&c, v6, bad[i], i == 3 ? 4 : len[i], SYN, 0);
			if (i == 3)
				memcpy(craft_bytes(&c) + at + 20, "\x01\x01\x03\x03", 4);
			assert_int_equal(flow_tcp_parse(&c.m, at, &tcp), 0);
			assert_false(tcp.has_scale);
		}
		/* The header beyond the packet, beyond its own length, or beyond the IP length. */
		at = craft_tcp(&c, v6, "\x01\x01\x01\x01", 4, ACK, 0);
		c.m.data_len = at + 23;
		assert_int_equal(flow_tcp_parse(&c.m, at, &tcp), -EBADMSG);
		c.m.data_len = at + 19;
		assert_int_equal(flow_tcp_parse(&c.m, at, &tcp), -EBADMSG);
		at = craft_tcp(&c, v6, "", 0, ACK, 0);
		craft_bytes(&c)[at + 12] = 4 << 4;
		assert_int_equal(flow_tcp_parse(&c.m, at, &tcp), -EBADMSG);
		craft_bytes(&c)[at + 12] = 6 << 4;
		assert_int_equal(flow_tcp_parse(&c.m, at, &tcp), -EBADMSG);
		at = craft_tcp(&c, v6, "", 0, ACK, 8);
		craft_put16(craft_bytes(&c) + 14 + (v6 ? 4 : 2), v6 ? 19 : 39);
		assert_int_equal(flow_tcp_parse(&c.m, at, &tcp), -EBADMSG);
	}
}

/* Of a first fragment it is not known how much data follows: the most. */
static void parse_fragment(void **state)
{
	static struct craft c;
	struct flow_tcp tcp;
	unsigned int at = craft_tcp(&c, false, "", 0, ACK, 100);
	uint8_t *ip = craft_bytes(&c) + 14;

	(void)state;
	craft_put16(ip + 6, 0x2000);
	assert_int_equal(flow_tcp_parse(&c.m, at, &tcp), 0);
	assert_int_equal(tcp.len, 65535 - 40);

	at = craft_tcp(&c, true, "", 0, ACK, 108);
	ip = craft_bytes(&c) + 14;
	memmove(ip + 48, ip + 40, 120);
	memcpy(ip + 40, "\x06\x00\x00\x01\x00\x00\x00\x05", 8);
	ip[6] = 44;
	assert_int_equal(flow_tcp_parse(&c.m, at + 8, &tcp), 0);
	assert_int_equal(tcp.len, 65535 - 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_state_flags_direction),
		cmocka_unit_test(random_sequences),
		cmocka_unit_test(established_by_both),
		cmocka_unit_test(what_does_not_refresh),
		cmocka_unit_test(adopted),
		cmocka_unit_test(opens),
		cmocka_unit_test(times),
		cmocka_unit_test(parse),
		cmocka_unit_test(parse_fragment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
