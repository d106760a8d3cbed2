/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * TCP windows. What real ends sent through loss, duplication and reordering (tests/data/tcp, made by
 * tcp_traces.py) must all pass, from the SYN on and adopted at any packet; what is forged must not.
 */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include <rte_tcp.h>

#include "../packet/craft.h"
#include "flow/state.h"

#define FIN RTE_TCP_FIN_FLAG
#define SYN RTE_TCP_SYN_FLAG
#define RST RTE_TCP_RST_FLAG
#define ACK RTE_TCP_ACK_FLAG

#define O FLOW_ORIGINAL
#define R FLOW_REPLY

#define SEGMENTS_MAX 4096

struct trace {
	unsigned int n;
	struct segment {
		enum flow_dir dir;
		struct flow_tcp tcp;
	} s[SEGMENTS_MAX];
};

static const char *const names[] = {"bulk", "bulk6", "no-sack", "no-scale", "small-window", "keepalive",
	"simultaneous"};
#define N_TRACES (sizeof(names) / sizeof(names[0]))
static struct trace traces[N_TRACES];

struct conn {
	struct flow_record r;
	struct flow_window w;
};

static struct conn conn_begin(uint8_t flags)
{
	struct conn c = {0};

	memset(&c.w, 0x5a, sizeof(c.w)); /* nobody promised zero */
	for (unsigned int i = 0; i < 2; i++) {
		c.r.side[i].proto = IPPROTO_TCP;
		c.r.side[i].state = flow_state_first(IPPROTO_TCP, flags);
		c.r.side[i].flags = FLOW_F_TRACKED;
	}
	return c;
}

static bool earlier;

static enum flow_tcp_verdict put(struct conn *c, enum flow_dir dir, const struct flow_tcp *tcp)
{
	return flow_tcp_step(&c->r, dir, tcp, &c->w, 1000, &earlier);
}

static enum flow_state state_of(const struct conn *c)
{
	return c->r.side[O].state;
}

/* --- traces --- */

static void trace_load(struct trace *t, const char *name)
{
	static struct craft c;
	uint32_t record[4], header[6];
	char path[512];
	uint16_t first_port = 0;
	FILE *f;

	snprintf(path, sizeof(path), "%s/tcp/%s.pcap", getenv("NVAD_TEST_DATA"), name);
	f = fopen(path, "rb");
	if (f == NULL || fread(header, sizeof(header), 1, f) != 1)
		fail_msg("%s: %s", path, strerror(errno));
	while (fread(record, sizeof(record), 1, f) == 1) {
		struct segment *s = &t->s[t->n++];
		unsigned int l4;
		uint16_t port;

		assert_true(t->n < SEGMENTS_MAX);
		craft_init(&c, 14 + record[2]);
		assert_int_equal(fread(craft_bytes(&c) + 14, record[2], 1, f), 1);
		l4 = 14 + (craft_bytes(&c)[14] >> 4 == 4 ? 20 : 40);
		port = craft_get16(craft_bytes(&c) + l4);
		first_port = first_port ? first_port : port;
		s->dir = port == first_port ? O : R;
		assert_int_equal(flow_tcp_parse(&c.m, l4, &s->tcp), 0);
	}
	fclose(f);
	assert_true(t->n > 10);
}

static int load(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < N_TRACES; i++)
		trace_load(&traces[i], names[i]);
	return 0;
}

/* A closed end answers each segment that still arrives with a RST of the number that the segment
 * acknowledged. Where a later one was acknowledged already, its receiver takes it for out of window too
 * (RFC 9293 3.10.7.4). */
static bool reset_too_late(unsigned int t, unsigned int n)
{
	const struct segment *s = &traces[t].s[n];

	if (!(s->tcp.flags & RST))
		return false;
	for (unsigned int i = 0; i < n; i++) {
		const struct segment *before = &traces[t].s[i];

		if (before->dir != s->dir && before->tcp.flags & ACK &&
		    (int32_t)(before->tcp.ack - s->tcp.seq) > 0)
			return true;
	}
	return false;
}

/* Replays the trace from a segment on. */
static struct conn replay(unsigned int t, unsigned int from, unsigned int to)
{
	struct conn c = conn_begin(traces[t].s[from].tcp.flags);

	for (unsigned int i = from; i < to; i++) {
		const struct segment *s = &traces[t].s[i];
		/* Picked up behind a SYN, on the other side's packets, directions are the other way round. */
		enum flow_dir dir = s->dir == traces[t].s[from].dir ? O : R;
		enum flow_tcp_verdict v = put(&c, dir, &s->tcp);

		if (v == FLOW_TCP_DROP_WINDOW && reset_too_late(t, i))
			continue;
		if (v != FLOW_TCP_PASS)
			fail_msg("%s from %u, segment %u (flags %#x, seq %u, ack %u, len %u): %d",
				names[t], from, i, s->tcp.flags, s->tcp.seq, s->tcp.ack, s->tcp.len, v);
	}
	return c;
}

static void all_pass(void **state)
{
	(void)state;
	for (unsigned int t = 0; t < N_TRACES; t++) {
		struct conn c = replay(t, 0, traces[t].n);

		if (state_of(&c) != FLOW_TCP_FIN_BOTH && state_of(&c) != FLOW_TCP_RESET)
			fail_msg("%s ends as %s", names[t], flow_state_names[state_of(&c)]);
	}
}

static void adopted_anywhere(void **state)
{
	(void)state;
	for (unsigned int t = 0; t < N_TRACES; t++)
		for (unsigned int from = 1; from < traces[t].n; from += 1 + traces[t].n / 200)
			if (!(traces[t].s[from].tcp.flags & SYN) ||
			    flow_tcp_opens(traces[t].s[from].tcp.flags) == 0)
				replay(t, from, traces[t].n);
}

/* What the traces are there for is in them. */
static void traces_have_it(void **state)
{
	unsigned int zero_windows = 0, keepalives = 0, crossed = 0, resets = 0, again = 0, overtaken = 0;

	(void)state;
	for (unsigned int t = 0; t < N_TRACES; t++) {
		uint32_t end[2] = {0};
		unsigned int syns[2] = {0};

		for (unsigned int i = 0; i < traces[t].n; i++) {
			const struct segment *s = &traces[t].s[i];
			const struct flow_tcp *tcp = &s->tcp;

			syns[s->dir] += flow_tcp_opens(tcp->flags) == 1;
			zero_windows += tcp->window == 0 && !(tcp->flags & RST);
			resets += !!(tcp->flags & RST);
			keepalives += tcp->len == 0 && tcp->seq + 1 == end[s->dir] &&
				      !(tcp->flags & (SYN | FIN | RST));
			if (tcp->len > 0 && (int32_t)(tcp->seq + tcp->len - end[s->dir]) <= 0)
				again++;
			if (tcp->len > 0 && (int32_t)(tcp->seq - end[s->dir]) > 0 && i > 0)
				overtaken++;
			if ((int32_t)(tcp->seq + tcp->len - end[s->dir]) > 0 || tcp->flags & SYN)
				end[s->dir] = tcp->seq + tcp->len + !!(tcp->flags & SYN);
		}
		crossed += syns[0] && syns[1];
	}
	assert_true(zero_windows >= 3);
	assert_true(keepalives >= 6); /* zero window probes are such as well */
	assert_int_equal(crossed, 1);
	assert_true(resets > 0);
	assert_true(again > 50);
	assert_true(overtaken > 50);
}

/* --- what is forged --- */

/* Where the two ends are, from the segments alone: what each has sent, and acknowledged. */
struct ends {
	uint32_t end[2], ack[2], reach[2];
	uint8_t scale[2];
};

static struct ends ends_after(unsigned int t, unsigned int n)
{
	struct ends e = {0};

	for (unsigned int i = 0; i < n; i++) {
		const struct segment *s = &traces[t].s[i];
		uint32_t end = s->tcp.seq + s->tcp.len + !!(s->tcp.flags & SYN) + !!(s->tcp.flags & FIN);
		uint32_t reach = s->tcp.ack + s->tcp.window;

		if (s->tcp.flags & SYN)
			e.scale[s->dir] = s->tcp.scale;
		else
			reach = s->tcp.ack + ((uint32_t)s->tcp.window << e.scale[s->dir]);
		if (s->tcp.flags & SYN || (int32_t)(end - e.end[s->dir]) > 0)
			e.end[s->dir] = end;
		if (!(s->tcp.flags & ACK))
			continue;
		if (e.ack[s->dir] == 0 || (int32_t)(s->tcp.ack - e.ack[s->dir]) > 0)
			e.ack[s->dir] = s->tcp.ack;
		if (e.reach[!s->dir] == 0 || (int32_t)(reach - e.reach[!s->dir]) > 0)
			e.reach[!s->dir] = reach;
	}
	return e;
}

static void refused(const struct conn *at, enum flow_dir dir, struct flow_tcp tcp, const char *what)
{
	struct conn c = *at;

	if (put(&c, dir, &tcp) != FLOW_TCP_DROP_WINDOW)
		fail_msg("%s passes", what);
	assert_memory_equal(&c, at, sizeof(c));
}

static void forge(const struct conn *c, enum flow_dir d, const struct ends *e, uint64_t *seed)
{
	struct flow_tcp tcp = {.flags = ACK, .seq = e->end[d], .ack = e->end[!d], .len = 10,
		.window = 1000};
	struct flow_tcp f = tcp;
	struct conn good = *c;

	assert_int_equal(put(&good, d, &tcp), FLOW_TCP_PASS);
	f.seq = e->reach[d] + 1;
	refused(c, d, f, "beyond the window");
	f.seq = e->end[d] + (1u << 31);
	refused(c, d, f, "half the numbers away");
	f.seq = e->end[d] - (8u << 20);
	refused(c, d, f, "long acknowledged");
	f = tcp;
	f.ack = e->end[!d] + 1;
	refused(c, d, f, "an acknowledgement of what was not sent");
	f.ack = e->end[!d] - (8u << 20);
	refused(c, d, f, "an old acknowledgement");
	f = tcp;
	f.flags = RST;
	f.seq = e->reach[d] + 1;
	refused(c, d, f, "a RST beyond the window");
	f.seq = e->ack[!d] - 1;
	refused(c, d, f, "a RST before the window");
	for (unsigned int i = 0; i < 100; i++) {
		struct conn rst = *c;

		f.seq = unit_random(seed);
		put(&rst, d, &f);
		if (f.seq != e->ack[!d] && f.seq != e->end[d])
			assert_int_equal(state_of(&rst), FLOW_TCP_ESTABLISHED);
	}
}

static void forged_segments(void **state)
{
	uint64_t seed = unit_seed();
	unsigned int established = 0;

	(void)state;
	for (unsigned int t = 0; t < N_TRACES; t++) {
		for (unsigned int n = 8; n < traces[t].n; n += 1 + traces[t].n / 60) {
			struct conn c = replay(t, 0, n);
			struct ends e = ends_after(t, n);

			if (state_of(&c) != FLOW_TCP_ESTABLISHED)
				continue;
			established++;
			for (enum flow_dir d = O; d <= R; d++)
				forge(&c, d, &e, &seed);
		}
	}
	assert_true(established > 100);
}

/* Of segments with numbers at random few get through: the windows are not all there is. */
static void forged_at_random(void **state)
{
	uint64_t seed = unit_seed();
	struct conn at = replay(0, 0, traces[0].n / 2);
	unsigned int passed = 0;

	(void)state;
	for (unsigned int i = 0; i < 1000000; i++) {
		struct conn c = at;
		struct flow_tcp tcp = {.flags = ACK, .seq = unit_random(&seed), .ack = unit_random(&seed),
			.len = 1000, .window = unit_random(&seed)};

		passed += put(&c, i & 1, &tcp) == FLOW_TCP_PASS;
	}
	assert_true(passed < 10);
}

/* RFC 5961 3.2: only the very next number resets; what lies in the window is for the end to challenge. */
static void resets(void **state)
{
	struct conn at = replay(0, 0, traces[0].n / 2), c;
	struct ends e = ends_after(0, traces[0].n / 2);
	struct flow_tcp tcp = {.flags = RST};

	(void)state;
	for (enum flow_dir d = O; d <= R; d++) {
		c = at;
		tcp.seq = e.end[d] + 1;
		assert_int_equal(put(&c, d, &tcp), FLOW_TCP_PASS);
		assert_int_equal(state_of(&c), FLOW_TCP_ESTABLISHED);
		assert_false(earlier);
		tcp.seq = e.end[d];
		assert_int_equal(put(&c, d, &tcp), FLOW_TCP_PASS);
		assert_int_equal(state_of(&c), FLOW_TCP_RESET);
		assert_true(earlier);
		c = at;
		tcp.seq = e.ack[!d];
		assert_int_equal(put(&c, d, &tcp), FLOW_TCP_PASS);
		assert_int_equal(state_of(&c), FLOW_TCP_RESET);
		/* What does not fit does not bring it back. */
		tcp = (struct flow_tcp){.flags = ACK, .seq = e.end[d] + (1u << 30), .ack = e.end[!d]};
		assert_int_equal(put(&c, d, &tcp), FLOW_TCP_DROP_WINDOW);
		assert_int_equal(state_of(&c), FLOW_TCP_RESET);
		tcp.seq = e.end[d];
		assert_int_equal(put(&c, d, &tcp), FLOW_TCP_PASS);
		assert_int_equal(state_of(&c), FLOW_TCP_ESTABLISHED);
		tcp = (struct flow_tcp){.flags = RST};
	}
}

/* --- dialogues --- */

#define ZERO UINT16_MAX

struct line {
	enum flow_dir dir;
	uint8_t flags;
	uint32_t seq, ack, len;
	enum flow_tcp_verdict verdict;
	enum flow_state state;
	uint16_t window; /* 0: 1000; ZERO: 0 */
};

static void talk(const char *what, const struct line *lines, unsigned int n)
{
	struct conn c = conn_begin(lines[0].flags);

	for (unsigned int i = 0; i < n; i++) {
		const struct line *l = &lines[i];
		struct flow_tcp tcp = {.flags = l->flags, .seq = l->seq, .ack = l->ack, .len = l->len,
			.window = l->window == ZERO ? 0 : l->window ? l->window : 1000};
		enum flow_tcp_verdict v = put(&c, l->dir, &tcp);

		if (v != l->verdict || state_of(&c) != l->state)
			fail_msg("%s, line %u: verdict %d, %s", what, i + 1, v,
				flow_state_names[state_of(&c)]);
	}
}
#define TALK(what, ...)                                                                            \
	do {                                                                                       \
		const struct line lines[] = {__VA_ARGS__};                                         \
		talk(what, lines, sizeof(lines) / sizeof(lines[0]));                               \
	} while (0)

#define PASS FLOW_TCP_PASS
#define OUT FLOW_TCP_DROP_WINDOW
#define OPENED {O, SYN, 100, 0, 0, PASS, FLOW_TCP_SYN, 0},                                          \
	{R, SYN | ACK, 500000, 101, 0, PASS, FLOW_TCP_OPENING, 0},                                 \
	{O, ACK, 101, 500001, 0, PASS, FLOW_TCP_ESTABLISHED, 0}

static void dialogues(void **state)
{
	(void)state;
	TALK("refused", {O, SYN, 100, 0, 0, PASS, FLOW_TCP_SYN, 0},
		{R, RST | ACK, 0, 102, 0, OUT, FLOW_TCP_SYN, 0},
		{R, RST, 101, 0, 0, OUT, FLOW_TCP_SYN, 0},
		{R, RST | ACK, 0, 101, 0, PASS, FLOW_TCP_RESET, 0});
	TALK("an answer to another SYN", {O, SYN, 100, 0, 0, PASS, FLOW_TCP_SYN, 0},
		{R, SYN | ACK, 500000, 90, 0, PASS, FLOW_TCP_OPENING, 0}); /* Fast Open: some data not taken */
	TALK("an answer to no SYN", {O, SYN, 100, 0, 0, PASS, FLOW_TCP_SYN, 0},
		{R, SYN | ACK, 500000, 9000, 0, OUT, FLOW_TCP_SYN, 0});
	TALK("the server knows an older connection: challenge, reset, again (RFC 5961 4.2)",
		{O, SYN, 100, 0, 0, PASS, FLOW_TCP_SYN, 0},
		{R, ACK, 777777777, 888888, 0, PASS, FLOW_TCP_SYN, 0},
		{O, RST, 888888, 0, 0, PASS, FLOW_TCP_SYN, 0},
		{O, SYN, 100, 0, 0, PASS, FLOW_TCP_SYN, 0},
		{R, SYN | ACK, 500000, 101, 0, PASS, FLOW_TCP_OPENING, 0},
		{O, ACK, 101, 500001, 0, PASS, FLOW_TCP_ESTABLISHED, 0});
	TALK("another SYN before the answer, with a number of its own",
		{O, SYN, 100, 0, 0, PASS, FLOW_TCP_SYN, 0}, {O, SYN, 99000000, 0, 0, PASS, FLOW_TCP_SYN, 0},
		{R, SYN | ACK, 500000, 99000001, 0, PASS, FLOW_TCP_OPENING, 0});
	TALK("the client has lost the connection, the server has not", OPENED,
		{O, SYN, 4000000000u, 0, 0, PASS, FLOW_TCP_ESTABLISHED, 0},
		{R, ACK, 500001, 101, 0, PASS, FLOW_TCP_ESTABLISHED, 0},
		{O, RST, 101, 0, 0, PASS, FLOW_TCP_RESET, 0},
		{O, SYN, 4000000000u, 0, 0, PASS, FLOW_TCP_SYN, 0},
		{R, SYN | ACK, 123, 4000000001u, 0, PASS, FLOW_TCP_OPENING, 0});
	TALK("both have lost it", OPENED, {O, SYN, 4000000000u, 0, 0, PASS, FLOW_TCP_ESTABLISHED, 0},
		{R, SYN | ACK, 90000000, 4000000001u, 0, PASS, FLOW_TCP_OPENING, 0},
		{O, ACK, 4000000001u, 90000001, 0, PASS, FLOW_TCP_ESTABLISHED, 0},
		{R, ACK, 90000001, 4000000001u, 500, PASS, FLOW_TCP_ESTABLISHED, 0},
		{R, ACK, 600000, 101, 500, OUT, FLOW_TCP_ESTABLISHED, 0});
	TALK("an answer to a SYN that nobody sent", OPENED,
		{R, SYN | ACK, 90000000, 4000000001u, 0, OUT, FLOW_TCP_ESTABLISHED, 0});
	TALK("ports reused after the close", OPENED,
		{O, FIN | ACK, 101, 500001, 0, PASS, FLOW_TCP_FIN_ORIGINAL, 0},
		{R, FIN | ACK, 500001, 102, 0, PASS, FLOW_TCP_FIN_BOTH, 0},
		{O, ACK, 102, 500002, 0, PASS, FLOW_TCP_FIN_BOTH, 0},
		{O, SYN, 3000000000u, 0, 0, PASS, FLOW_TCP_SYN, 0},
		{R, SYN | ACK, 2000000000, 3000000001u, 0, PASS, FLOW_TCP_OPENING, 0},
		{O, ACK, 3000000001u, 2000000001, 0, PASS, FLOW_TCP_ESTABLISHED, 0});
	TALK("a closed window, probed with a byte until it opens", OPENED,
		{R, ACK, 500001, 101, 0, PASS, FLOW_TCP_ESTABLISHED, 100},
		{O, ACK, 101, 500001, 1000, PASS, FLOW_TCP_ESTABLISHED, 0},
		{R, ACK, 500001, 1101, 0, PASS, FLOW_TCP_ESTABLISHED, ZERO},
		{O, ACK, 1101, 500001, 1, PASS, FLOW_TCP_ESTABLISHED, 0},
		{O, ACK, 1101, 500001, 1, PASS, FLOW_TCP_ESTABLISHED, 0},
		{O, ACK, 1102, 500001, 1, OUT, FLOW_TCP_ESTABLISHED, 0},
		{R, ACK, 500001, 1102, 0, PASS, FLOW_TCP_ESTABLISHED, ZERO},
		{O, ACK, 1102, 500001, 1, PASS, FLOW_TCP_ESTABLISHED, 0},
		{R, ACK, 500001, 1103, 0, PASS, FLOW_TCP_ESTABLISHED, 500},
		{O, ACK, 1103, 500001, 500, PASS, FLOW_TCP_ESTABLISHED, 0});
	TALK("Fast Open: data with the SYN, and an answer before the ACK",
		{O, SYN, 100, 0, 700, PASS, FLOW_TCP_SYN, 5000},
		{R, SYN | ACK, 500000, 801, 0, PASS, FLOW_TCP_OPENING, 0},
		{R, ACK, 500001, 801, 1400, PASS, FLOW_TCP_OPENING, 0},
		{R, ACK, 501401, 801, 1400, PASS, FLOW_TCP_OPENING, 0},
		{R, ACK, 600000, 801, 1400, OUT, FLOW_TCP_OPENING, 0},
		{O, ACK, 801, 502801, 0, PASS, FLOW_TCP_ESTABLISHED, 0});
}

/* A side that does not scale does not let the other scale (RFC 7323 2.2). */
static void scale_of_both(void **state)
{
	for (unsigned int both = 0; both < 2; both++) {
		struct conn c = conn_begin(SYN);
		struct flow_tcp syn = {.flags = SYN, .seq = 0, .has_scale = true, .scale = 200, .window = 65535};
		struct flow_tcp answer = {.flags = SYN | ACK, .seq = 0, .ack = 1, .has_scale = both,
			.scale = 2, .window = 65535};
		struct flow_tcp ack = {.flags = ACK, .seq = 1, .ack = 1, .window = 1000};
		struct flow_tcp data = {.flags = ACK, .seq = 100000, .ack = 1, .len = 100, .window = 1000};

		(void)state;
		assert_int_equal(put(&c, O, &syn), PASS);
		assert_int_equal(put(&c, R, &answer), PASS);
		assert_int_equal(put(&c, O, &ack), PASS);
		/* 1000 << 14, or the SYN's 65535: a window is not taken back. */
		assert_int_equal(put(&c, R, &data), both ? PASS : OUT);
		data.seq = 1 + (1000 << 14) + 1;
		assert_int_equal(put(&c, R, &data), OUT);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(traces_have_it),
		cmocka_unit_test(all_pass),
		cmocka_unit_test(adopted_anywhere),
		cmocka_unit_test(forged_segments),
		cmocka_unit_test(forged_at_random),
		cmocka_unit_test(resets),
		cmocka_unit_test(dialogues),
		cmocka_unit_test(scale_of_both),
	};

	return cmocka_run_group_tests(tests, load, NULL);
}
