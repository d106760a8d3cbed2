/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lib/nat/icmp_error: an error about what we sent comes out, byte by byte, as the error that somebody
 * who never heard of translation would have sent about what its sender sent.
 */
#include "unit.h"

#include "nat/nat_priv.h"

#include "frames.h"
#include "packet/icmp.h"
#include "packet/tables.h"
#include "rules_build.h"

#define INNER_LEN 72 /* upper-layer bytes of packets that errors are about */

static struct rig {
	struct tables tables;
	struct nat_worker w;
} rig;

/* --- sessions --- */

struct session {
	struct flow_tuple sent[2];  /* by direction: as its sender sends it, and... */
	struct flow_tuple becomes[2]; /* ...as it goes on */
	uint32_t record;
};

static struct session session_add(struct flow_tuple original, struct flow_tuple translated)
{
	struct session s = {.sent = {original, flow_tuple_swapped(&translated)},
		.becomes = {translated, flow_tuple_swapped(&original)},
		.record = flow_alloc(rig.w.flows, FLOW_SESSION)};
	struct flow_record *r = &rig.w.flows->records[s.record];

	assert_int_not_equal(s.record, FLOW_NONE);
	flow_side_set_tuple(&r->side[0], &s.sent[0]);
	flow_side_set_tuple(&r->side[1], &s.sent[1]);
	nat_rewrite_prepare(r);
	assert_int_equal(flow_insert(rig.w.flows, s.record, flow_hash(rig.w.flows, &s.sent[0]),
		flow_hash(rig.w.flows, &s.sent[1])), 0);
	return s;
}

static struct session snat(uint8_t proto)
{
	uint16_t to = proto == IPPROTO_ICMP ? 1000 : 80, to_new = proto == IPPROTO_ICMP ? 2000 : 80;

	return session_add(frame_tuple(proto, "10.1.0.1", 1000, "192.0.2.9", to),
		frame_tuple(proto, "10.8.0.4", 2000, "192.0.2.9", to_new));
}

/* Every kind of translation, of both families and all protocols that the table's keys tell apart. */
static unsigned int all_sessions(struct session *s)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < 2; i++) {
		uint8_t p = i ? IPPROTO_TCP : IPPROTO_UDP;

		s[n++] = snat(p);
		s[n++] = session_add(frame_tuple(p, "192.0.2.9", 3000, "10.8.0.4", 80), /* DNAT */
			frame_tuple(p, "192.0.2.9", 3000, "10.1.0.7", 8080));
		s[n++] = session_add(frame_tuple(p, "192.0.2.9", 3001, "10.8.0.4", 80), /* both */
			frame_tuple(p, "10.8.0.5", 1024, "10.1.0.7", 8080));
		s[n++] = session_add(frame_tuple(p, "10.1.0.1", 1500, "10.8.0.4", 2000), /* hairpin */
			frame_tuple(p, "10.8.0.4", 2500, "10.1.0.2", 1000));
		s[n++] = session_add(frame_tuple(p, "2001:db8:1::1", 1000, "2001:db8:f::9", 80),
			frame_tuple(p, "2001:db8:8::4", 2000, "2001:db8:f::9", 80));
		s[n++] = session_add(frame_tuple(p, "2001:db8:f::9", 3000, "2001:db8:8::4", 80),
			frame_tuple(p, "2001:db8:8::5", 1024, "2001:db8:1::7", 8080));
		s[n++] = session_add(frame_tuple(p, "2001:db8:f::9", 3001, "2001:db8:8::4", 80),
			frame_tuple(p, "2001:db8:f::9", 3001, "2001:db8:1::7", 8080));
	}
	s[n++] = snat(IPPROTO_ICMP);
	s[n++] = session_add(frame_tuple(58, "2001:db8:1::1", 1000, "2001:db8:f::9", 1000),
		frame_tuple(58, "2001:db8:8::4", 2000, "2001:db8:f::9", 2000));
	s[n++] = session_add(frame_tuple(47, "10.1.0.1", 0, "192.0.2.9", 0),
		frame_tuple(47, "10.8.0.4", 0, "192.0.2.9", 0));
	s[n++] = session_add(frame_tuple(IPPROTO_UDPLITE, "10.1.0.1", 0, "192.0.2.9", 0),
		frame_tuple(IPPROTO_UDPLITE, "10.8.0.4", 0, "192.0.2.9", 0));
	s[n++] = session_add(frame_tuple(47, "2001:db8:1::1", 0, "2001:db8:f::9", 0),
		frame_tuple(47, "2001:db8:8::4", 0, "2001:db8:f::9", 0));
	return n;
}

/* --- packets --- */

/* The packet that an error is about. */
struct inner {
	uint8_t bytes[256];
	unsigned int len;
};

static struct inner inner_make(const struct flow_tuple *t)
{
	struct inner in;
	struct craft c;
	uint8_t *ip = frame_make(&c, t, INNER_LEN);

	in.len = frame_ip_len(ip) + INNER_LEN;
	memcpy(in.bytes, ip, in.len);
	return in;
}

static void put_addr(uint8_t *ip, const struct ip_addr *src, const struct ip_addr *dst)
{
	size_t len = src->family == IP_V4 ? 4 : 16, at = src->family == IP_V4 ? 12 : 8;

	memcpy(ip + at, src->bytes, len);
	memcpy(ip + at + len, dst->bytes, len);
}

static uint8_t *error_make(struct craft *c, uint8_t type, const struct ip_addr *src,
	const struct ip_addr *dst, const struct inner *in, unsigned int quoted)
{
	bool v4 = src->family == IP_V4;
	uint8_t *ip = v4 ? craft_ip4(c, "0.0.0.0", "0.0.0.0", IPPROTO_ICMP, 61, 8 + quoted) :
			   craft_ip6(c, "::", "::", IPPROTO_ICMPV6, 61, 8 + quoted);
	uint8_t *icmp = ip + frame_ip_len(ip);

	put_addr(ip, src, dst);
	memset(icmp, 0, 8);
	icmp[0] = type;
	icmp[1] = 1;
	craft_put16(icmp + 6, 1400);
	memcpy(icmp + 8, in->bytes, quoted);
	frame_sum(ip);
	return ip;
}

static void assert_same_frame(struct craft *got, struct craft *want)
{
	assert_int_equal(got->m.pkt_len, want->m.pkt_len);
	assert_memory_equal(craft_bytes(got), craft_bytes(want), got->m.data_len);
}

static struct nat_verdict input(struct craft *c)
{
	return nat_icmp_error(&rig.w, &c->m, frame_is_v4(craft_bytes(c) + PKT_L2_LEN));
}

/* An error of this type about a packet of the session's, from the far end or a router before it. */
static void one_error(const struct session *s, enum flow_dir dir, uint8_t type, unsigned int quoted,
	const struct ip_addr *router)
{
	const struct flow_tuple *was = &s->sent[dir], *is = &s->becomes[dir];
	struct inner in = inner_make(is), out = inner_make(was);
	struct ip_addr from = router ? *router : is->dst;
	struct ip_addr shown = ip_addr_equal(&is->dst, &was->dst) ? from : was->dst;
	struct flow_tuple found;
	struct craft c, want;

	error_make(&want, type, &shown, &was->src, &out, quoted);
	error_make(&c, type, &from, &is->src, &in, quoted);
	assert_int_equal(nat_icmp_error_tuple(&c.m, is->src.family == IP_V4, &found), 0);
	assert_memory_equal(&found, is, sizeof(found));
	assert_int_equal(input(&c).next, FLOW_NEXT_LOOKUP);
	assert_same_frame(&c, &want);
}

static void all_errors(void **state)
{
	static const uint8_t types4[] = {3, 4, 11, 12}, types6[] = {1, 2, 3, 4};
	static const uint8_t beyond[] = {8, 9, 15, 18, 20, 41, INNER_LEN};
	struct session s[32];
	unsigned int n = all_sessions(s);

	(void)state;
	for (unsigned int i = 0; i < n * 2; i++) {
		bool v4 = s[i / 2].sent[0].src.family == IP_V4;
		struct ip_addr router = frame_addr(v4 ? "10.1.99.99" : "2001:db8:1::99");

		for (unsigned int k = 0; k < 4 * sizeof(beyond); k++) {
			uint8_t type = (v4 ? types4 : types6)[k % 4];
			unsigned int quoted = (v4 ? 20 : 40) + beyond[k / 4];

			one_error(&s[i / 2], i % 2, type, quoted, NULL);
			one_error(&s[i / 2], i % 2, type, quoted, &router);
		}
	}
}

/* RFC 5508 REQ-3: neither sessions nor their timers move. */
static void changes_no_state(void **state)
{
	struct session s = snat(IPPROTO_TCP);
	struct flow_record before = rig.w.flows->records[s.record];
	struct flow_cold cold = rig.w.flows->cold[s.record];

	(void)state;
	rig.w.now_ms += 5000;
	one_error(&s, FLOW_ORIGINAL, 3, 28, NULL);
	one_error(&s, FLOW_REPLY, 3, 28, NULL);
	assert_memory_equal(&before, &rig.w.flows->records[s.record], sizeof(before));
	assert_memory_equal(&cold, &rig.w.flows->cold[s.record], sizeof(cold));
}

/* --- what is not translated --- */

static void assert_untouched(struct craft *c, uint8_t next, enum drop_reason reason)
{
	struct craft before = *c;
	struct nat_verdict v;

	v = input(c);
	assert_int_equal(v.next, next);
	if (next == FLOW_NEXT_DROP)
		assert_int_equal(v.drop_reason, reason);
	assert_same_frame(c, &before);
}

static void checksums(void **state)
{
	struct session s = snat(IPPROTO_UDP);
	struct inner in = inner_make(&s.becomes[0]), out = inner_make(&s.sent[0]);
	struct craft c, want;
	uint8_t *ip;

	(void)state;
	ip = error_make(&c, 3, &s.becomes[0].dst, &s.becomes[0].src, &in, 60);
	ip[22] ^= 1; /* outside */
	assert_untouched(&c, FLOW_NEXT_DROP, DROP_FLOW_MALFORMED);
	in.bytes[10] ^= 1; /* the IP header inside */
	error_make(&c, 3, &s.becomes[0].dst, &s.becomes[0].src, &in, 60);
	assert_untouched(&c, FLOW_NEXT_DROP, DROP_FLOW_MALFORMED);
	in.bytes[10] ^= 1;

	in.bytes[50] ^= 1; /* data inside: UDP's checksum is wrong now, here and there */
	out.bytes[50] ^= 1;
	error_make(&c, 3, &s.becomes[0].dst, &s.becomes[0].src, &in, 60);
	error_make(&want, 3, &s.sent[0].dst, &s.sent[0].src, &out, 60);
	assert_int_equal(input(&c).next, FLOW_NEXT_LOOKUP);
	assert_same_frame(&c, &want);

	memset(in.bytes + 26, 0, 2); /* no UDP checksum inside */
	memset(out.bytes + 26, 0, 2);
	error_make(&c, 3, &s.becomes[0].dst, &s.becomes[0].src, &in, 60);
	error_make(&want, 3, &s.sent[0].dst, &s.sent[0].src, &out, 60);
	assert_int_equal(input(&c).next, FLOW_NEXT_LOOKUP);
	assert_same_frame(&c, &want);

	s = session_add(frame_tuple(17, "2001:db8:1::1", 1, "2001:db8:f::9", 80),
		frame_tuple(17, "2001:db8:8::4", 2, "2001:db8:f::9", 80));
	in = inner_make(&s.becomes[0]);
	ip = error_make(&c, 1, &s.becomes[0].dst, &s.becomes[0].src, &in, 60);
	ip[42] ^= 1;
	assert_untouched(&c, FLOW_NEXT_DROP, DROP_FLOW_MALFORMED);
}

static void nobodys(void **state)
{
	struct session s = snat(IPPROTO_UDP), tracked;
	struct flow_tuple other = s.becomes[0];
	struct ip_addr elsewhere = frame_addr("10.1.0.77");
	struct inner in;
	struct craft c;

	(void)state;
	other.sport = htons(9); /* no session */
	in = inner_make(&other);
	error_make(&c, 3, &other.dst, &other.src, &in, 60);
	assert_untouched(&c, FLOW_NEXT_DROP, DROP_NAT_ICMP_UNKNOWN);
	other.src = elsewhere; /* and not to an address of ours */
	in = inner_make(&other);
	error_make(&c, 3, &other.dst, &other.src, &in, 60);
	assert_untouched(&c, FLOW_NEXT_LOOKUP, 0);

	in = inner_make(&s.becomes[0]); /* a session's packet, but to somebody else */
	error_make(&c, 3, &s.becomes[0].dst, &elsewhere, &in, 60);
	assert_untouched(&c, FLOW_NEXT_LOOKUP, 0);
	error_make(&c, 5, &s.becomes[0].dst, &s.becomes[0].src, &in, 60); /* a redirect */
	assert_untouched(&c, FLOW_NEXT_DROP, DROP_NAT_ICMP_UNKNOWN);
	in = inner_make(&s.becomes[1]); /* one to the outside would tell what the inside is like */
	error_make(&c, 5, &s.becomes[1].dst, &s.becomes[1].src, &in, 60);
	assert_untouched(&c, FLOW_NEXT_DROP, DROP_NAT_ICMP_UNKNOWN);
	in = inner_make(&s.sent[0]); /* as it is before translation: nobody got it so */
	error_make(&c, 3, &s.sent[0].dst, &s.sent[0].src, &in, 60);
	assert_untouched(&c, FLOW_NEXT_LOOKUP, 0);

	tracked = session_add(frame_tuple(17, "10.1.0.1", 1, "192.0.2.9", 2),
		frame_tuple(17, "10.1.0.1", 1, "192.0.2.9", 2));
	in = inner_make(&tracked.sent[0]);
	for (uint8_t type = 3; type <= 5; type++) {
		error_make(&c, type, &tracked.sent[0].dst, &tracked.sent[0].src, &in, 60);
		assert_untouched(&c, FLOW_NEXT_LOOKUP, 0);
	}
}

/* A binding's tuple has an end of zeros, which a packet inside may have too. */
static void bindings_are_no_sessions(void **state)
{
	struct flow_tuple a = frame_tuple(17, "10.1.0.1", 1000, "0.0.0.0", 0);
	struct flow_tuple b = frame_tuple(17, "0.0.0.0", 0, "10.8.0.4", 2000);
	uint32_t record = flow_alloc(rig.w.flows, FLOW_BINDING);
	struct flow_record *r = &rig.w.flows->records[record];
	struct flow_tuple inside = flow_tuple_swapped(&b);
	struct inner in = inner_make(&inside);
	struct ip_addr src = frame_addr("192.0.2.9");
	struct craft c;

	(void)state;
	flow_side_set_tuple(&r->side[0], &a);
	flow_side_set_tuple(&r->side[1], &b);
	nat_rewrite_prepare(r);
	assert_int_equal(flow_insert(rig.w.flows, record, flow_hash(rig.w.flows, &a),
		flow_hash(rig.w.flows, &b)), 0);
	error_make(&c, 3, &src, &inside.src, &in, 60);
	assert_untouched(&c, FLOW_NEXT_DROP, DROP_NAT_ICMP_UNKNOWN);
}

/* Every length of message, and of segment: never more is read than there is (ASan), nothing changes. */
static void cut_short(void **state)
{
	struct session s[2] = {snat(IPPROTO_TCP),
		session_add(frame_tuple(6, "2001:db8:1::1", 1, "2001:db8:f::9", 80),
			frame_tuple(6, "2001:db8:8::4", 2, "2001:db8:f::9", 80))};

	(void)state;
	for (unsigned int i = 0; i < 2; i++) {
		const struct flow_tuple *t = &s[i].becomes[0];
		struct inner in = inner_make(t);
		unsigned int ip_len = i ? 40 : 20;
		struct flow_tuple found;
		struct craft c;

		for (unsigned int quoted = 0; quoted < ip_len + 8; quoted++) {
			error_make(&c, 3, &t->dst, &t->src, &in, quoted);
			assert_untouched(&c, FLOW_NEXT_DROP, DROP_NAT_ICMP_UNKNOWN);
			assert_int_equal(nat_icmp_error_tuple(&c.m, !i, &found), -EBADMSG);
		}
		/* A total length that is less than its header, or more than there is, changes nothing. */
		craft_put16(in.bytes + (i ? 4 : 2), 0xffff);
		if (!i)
			craft_ip4_sum(in.bytes);
		error_make(&c, 3, &t->dst, &t->src, &in, ip_len + 8);
		assert_int_equal(nat_icmp_error_tuple(&c.m, !i, &found), 0);
		/* One that ends before the ports: what is behind it is not its own. */
		craft_put16(in.bytes + (i ? 4 : 2), i ? 4 : 24);
		error_make(&c, 3, &t->dst, &t->src, &in, ip_len + 8);
		assert_untouched(&c, FLOW_NEXT_DROP, DROP_NAT_ICMP_UNKNOWN);
	}
}

/* --- odd ones that are translated --- */

/* Translated as `in` to `out`, with what was made of both by hand. */
static void assert_translated(const struct session *s, uint8_t type, const struct inner *in,
	const struct inner *out, unsigned int quoted)
{
	struct craft c, want;

	error_make(&c, type, &s->becomes[0].dst, &s->becomes[0].src, in, quoted);
	error_make(&want, type, &s->sent[0].dst, &s->sent[0].src, out, quoted);
	assert_int_equal(input(&c).next, FLOW_NEXT_LOOKUP);
	assert_same_frame(&c, &want);
}

static void first_and_later_fragments(void **state)
{
	struct session s = snat(IPPROTO_UDP);
	struct inner in[2] = {inner_make(&s.becomes[0]), inner_make(&s.sent[0])};
	struct craft c;

	(void)state;
	for (unsigned int i = 0; i < 2; i++) {
		craft_put16(in[i].bytes + 6, 0x2000);
		craft_ip4_sum(in[i].bytes);
	}
	assert_translated(&s, 11, &in[0], &in[1], 48);
	craft_put16(in[0].bytes + 6, 0x2001);
	craft_ip4_sum(in[0].bytes);
	error_make(&c, 11, &s.becomes[0].dst, &s.becomes[0].src, &in[0], 48);
	assert_untouched(&c, FLOW_NEXT_DROP, DROP_NAT_ICMP_UNKNOWN);
}

static void options_inside(void **state)
{
	struct session s = snat(IPPROTO_TCP);
	struct inner in[2] = {inner_make(&s.becomes[0]), inner_make(&s.sent[0])};

	(void)state;
	for (unsigned int i = 0; i < 2; i++) {
		memmove(in[i].bytes + 60, in[i].bytes + 20, INNER_LEN);
		memset(in[i].bytes + 20, 1, 40);
		in[i].bytes[0] = 0x4f;
		craft_put16(in[i].bytes + 2, 60 + INNER_LEN);
		in[i].len += 40;
		frame_sum(in[i].bytes);
	}
	assert_translated(&s, 3, &in[0], &in[1], 68);
	assert_translated(&s, 3, &in[0], &in[1], 120);
}

static void extension_headers(void **state)
{
	struct session s = session_add(frame_tuple(17, "2001:db8:1::1", 1, "2001:db8:f::9", 80),
		frame_tuple(17, "2001:db8:8::4", 2, "2001:db8:f::9", 80));
	struct inner in[2] = {inner_make(&s.becomes[0]), inner_make(&s.sent[0])};
	struct craft c[2];

	(void)state;
	for (unsigned int i = 0; i < 2; i++) {
		uint8_t *ip = in[i].bytes;

		memmove(ip + 56, ip + 40, INNER_LEN);
		memcpy(ip + 40, "\x2c\x00\x01\x04\x00\x00\x00\x00", 8); /* destination options */
		memcpy(ip + 48, "\x11\x00\x00\x01\x00\x00\x00\x07", 8); /* a first fragment */
		ip[6] = IPPROTO_DSTOPTS;
		craft_put16(ip + 4, 16 + INNER_LEN);
	}
	assert_translated(&s, 3, &in[0], &in[1], 64);
	assert_translated(&s, 2, &in[0], &in[1], 110);
	/* And outside. */
	for (unsigned int i = 0; i < 2; i++) {
		const struct flow_tuple *t = i ? &s.sent[0] : &s.becomes[0];
		uint8_t *ip = error_make(&c[i], 1, &t->dst, &t->src, &in[i], 100);

		memmove(ip + 48, ip + 40, 108);
		memcpy(ip + 40, "\x3a\x00\x01\x04\x00\x00\x00\x00", 8);
		ip[6] = IPPROTO_DSTOPTS;
		craft_put16(ip + 4, 8 + 108);
		c[i].m.data_len += 8;
		c[i].m.pkt_len += 8;
		craft_put16(ip + 50, frame_l4_sum(ip, 58, ip + 48, 108));
	}
	assert_int_equal(input(&c[0]).next, FLOW_NEXT_LOOKUP);
	assert_same_frame(&c[0], &c[1]);
}

static void options_outside(void **state)
{
	struct session s = snat(IPPROTO_UDP);
	struct inner in[2] = {inner_make(&s.becomes[0]), inner_make(&s.sent[0])};
	struct craft c[2];

	(void)state;
	for (unsigned int i = 0; i < 2; i++) {
		const struct flow_tuple *t = i ? &s.sent[0] : &s.becomes[0];
		uint8_t *ip = error_make(&c[i], 3, &t->dst, &t->src, &in[i], 60);

		memmove(ip + 24, ip + 20, 68);
		memset(ip + 20, 1, 4);
		ip[0] = 0x46;
		craft_put16(ip + 2, 24 + 68);
		c[i].m.data_len += 4;
		c[i].m.pkt_len += 4;
		frame_sum(ip);
	}
	assert_int_equal(input(&c[0]).next, FLOW_NEXT_LOOKUP);
	assert_same_frame(&c[0], &c[1]);
}

/* RFC 4884: what follows the packet, and the zeros that fill it up, are not the packet's. TCP of which
 * 12 bytes are quoted has no checksum there, though a byte stands in its place. */
static void extensions(void **state)
{
	struct session s[2] = {snat(IPPROTO_TCP),
		session_add(frame_tuple(6, "2001:db8:1::1", 1, "2001:db8:f::9", 80),
			frame_tuple(6, "2001:db8:8::4", 2, "2001:db8:f::9", 80))};

	(void)state;
	for (unsigned int k = 0; k < 2; k++) {
		unsigned int ip_len = k ? 40 : 20;
		struct craft c[2];

		for (unsigned int i = 0; i < 2; i++) {
			const struct flow_tuple *t = i ? &s[k].sent[0] : &s[k].becomes[0];
			struct inner in = inner_make(t);
			uint8_t *ip;

			/* Its sender sent no more than 12 bytes of TCP. */
			craft_put16(in.bytes + (k ? 4 : 2), k ? 12 : 32);
			if (!k)
				craft_ip4_sum(in.bytes);
			memset(in.bytes + ip_len + 12, 0, 128 - ip_len - 12);
			memset(in.bytes + 128, 0xee, 20); /* an extension */
			ip = error_make(&c[i], 3, &t->dst, &t->src, &in, 148);
			ip[ip_len + (k ? 4 : 5)] = k ? 16 : 32;
			frame_sum(ip);
		}
		assert_int_equal(input(&c[0]).next, FLOW_NEXT_LOOKUP);
		assert_same_frame(&c[0], &c[1]);
	}
	/* The packet's own length is not to be trusted here, and the extension starts amid TCP. */
	for (unsigned int quoted = 128; quoted <= 148; quoted += 4) {
		struct inner in[2] = {inner_make(&s[0].becomes[0]), inner_make(&s[0].sent[0])};
		struct craft c[2];

		for (unsigned int i = 0; i < 2; i++) {
			const struct flow_tuple *t = i ? &s[0].sent[0] : &s[0].becomes[0];
			uint8_t *ip;

			craft_put16(in[i].bytes + 2, 1500);
			craft_ip4_sum(in[i].bytes);
			ip = error_make(&c[i], 11, &t->dst, &t->src, &in[i], quoted);
			ip[25] = 32;
			frame_sum(ip);
		}
		assert_int_equal(input(&c[0]).next, FLOW_NEXT_LOOKUP);
		assert_same_frame(&c[0], &c[1]);
	}
}

/* A long message in two segments: headers in the first, the sum over both. */
static void two_segments(void **state)
{
	struct session s = snat(IPPROTO_UDP);
	struct inner in[2] = {inner_make(&s.becomes[0]), inner_make(&s.sent[0])};

	(void)state;
	for (unsigned int first = 14 + 20 + 8 + 28; first < 14 + 20 + 8 + 60; first++) {
		struct craft c[2], second;

		for (unsigned int i = 0; i < 2; i++) {
			const struct flow_tuple *t = i ? &s.sent[0] : &s.becomes[0];

			error_make(&c[i], 3, &t->dst, &t->src, &in[i], 61);
		}
		craft_init(&second, c[0].m.pkt_len - first);
		memcpy(craft_bytes(&second), craft_bytes(&c[0]) + first, second.m.data_len);
		memset(craft_bytes(&c[0]) + first, 0xaa, 64);
		c[0].m.data_len = first;
		c[0].m.next = &second.m;
		c[0].m.nb_segs = 2;
		assert_int_equal(input(&c[0]).next, FLOW_NEXT_LOOKUP);
		assert_same_frame(&c[0], &c[1]);
		assert_memory_equal(craft_bytes(&second), craft_bytes(&c[1]) + first,
			second.m.data_len);
	}
}

static const struct nat_ruleset *no_rules(void)
{
	struct config *c = build_config();
	const struct nat_ruleset *r = build_rules(c, 1);

	build_free(c);
	return r;
}

static int setup(void **state)
{
	struct flow_table_conf conf = {.capacity = 256, .secret = {7}};

	(void)state;
	tables_make(&rig.tables);
	rig.w = (struct nat_worker){.flows = flow_table_new(&conf), .fib = rig.tables.fib,
		.nh = rig.tables.nh, .rules = no_rules(), .workers = 1};
	assert_non_null(rig.w.flows);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	flow_table_free(rig.w.flows);
	nat_ruleset_free((struct nat_ruleset *)rig.w.rules);
	tables_free(&rig.tables);
	return 0;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(all_errors), TEST(changes_no_state), TEST(checksums), TEST(nobodys),
		TEST(bindings_are_no_sessions), TEST(cut_short), TEST(first_and_later_fragments),
		TEST(options_inside), TEST(extension_headers), TEST(options_outside),
		TEST(extensions), TEST(two_segments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
