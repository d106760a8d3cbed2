/* SPDX-License-Identifier: BSD-3-Clause */
/* Virtual reassembly: each rule by itself, then packets at random against what a model expects, and
 * floods. */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "../packet/craft.h"
#include "flow/reass.h"

#define PORTS_SRC 0x1111
#define PORTS_DST 0x2222
#define IDENT 0x3333

static const uint8_t secret[16] = {1, 2, 3};
static struct reass *r;
static uint32_t now = UINT32_MAX - 500; /* over the wrap */

static int begin(void **state)
{
	(void)state;
	r = reass_new(secret);
	return r == NULL ? -1 : 0;
}

/* Nothing may be left but what the test took: mbufs here have no pool to go to. */
static int end(void **state)
{
	struct rte_mbuf *m[64];

	(void)state;
	while (reass_released(r, m, 64) > 0)
		;
	now += 10 * REASS_TIMEOUT_MS;
	for (unsigned int i = 0; i < 100; i++)
		reass_expired(r, now, m, 64);
	assert_int_equal(reass_held(r), 0);
	reass_free(r);
	return 0;
}

/* --- fragments --- */

struct shape {
	bool v6;
	uint8_t proto;
	uint32_t id;
	uint16_t offset, len;
	bool more;
	const char *src;     /* NULL: the usual one */
	uint8_t options;     /* IPv6: 8 bytes of destination options behind the fragment header */
	uint16_t ports_from; /* added to the source port */
};

static void upper(uint8_t *at, const struct shape *s)
{
	if (s->proto == IPPROTO_TCP || s->proto == IPPROTO_UDP) {
		craft_put16(at, PORTS_SRC + s->ports_from);
		craft_put16(at + 2, PORTS_DST);
	} else if (s->len >= 6) {
		at[0] = s->v6 ? 128 : 8;
		at[1] = 0;
		craft_put16(at + 4, IDENT);
	}
}

static struct craft *make(struct craft *c, const struct shape *s)
{
	uint8_t *ip;

	if (!s->v6) {
		ip = craft_ip4(c, s->src ? s->src : "10.0.0.1", "10.0.0.2", s->proto, 64, s->len);
		craft_put16(ip + 4, s->id);
		craft_put16(ip + 6, s->offset / 8 | (s->more ? 0x2000 : 0));
		craft_ip4_sum(ip);
		if (s->offset == 0 && s->len >= 4)
			upper(ip + 20, s);
		return c;
	}
	ip = craft_ip6(c, s->src ? s->src : "2001:db8::1", "2001:db8::2", IPPROTO_FRAGMENT, 64,
		8 + s->len);
	ip[40] = s->options ? IPPROTO_DSTOPTS : s->proto;
	ip[41] = 0;
	craft_put16(ip + 42, s->offset | s->more);
	craft_put16(ip + 44, s->id >> 16);
	craft_put16(ip + 46, s->id);
	if (s->offset == 0 && s->options)
		memcpy(ip + 48, (uint8_t[]){s->proto, 0, 1, 4, 0, 0, 0, 0}, 8);
	if (s->offset == 0 && s->len >= 4)
		upper(ip + 48 + s->options, s);
	return c;
}

static struct flow_tuple tuple_of(struct craft *c)
{
	const uint8_t *ip = craft_bytes(c) + 14;
	struct flow_tuple t = {.proto = ip[0] >> 4 == 4 ? ip[9] : ip[40]};
	rte_be32_t v4[2];

	if (ip[0] >> 4 == 4) {
		memcpy(v4, ip + 12, 8);
		t.src = ip_addr_v4(v4[0]);
		t.dst = ip_addr_v4(v4[1]);
	} else {
		t.src = ip_addr_v6(ip + 8);
		t.dst = ip_addr_v6(ip + 24);
	}
	return t;
}

static rte_be16_t ports[2];
static uint8_t reason, proto;

static enum reass_verdict put(struct craft *c)
{
	struct flow_tuple t = tuple_of(c);
	enum reass_verdict v;

	memset(ports, 0xee, sizeof(ports));
	reason = DROP_NONE;
	v = reass_input(r, &c->m, &t, now, ports, &reason);
	proto = t.proto;
	if (v == REASS_KNOWN && (proto == IPPROTO_TCP || proto == IPPROTO_UDP)) {
		assert_int_equal(rte_be_to_cpu_16(ports[0]), PORTS_SRC);
		assert_int_equal(rte_be_to_cpu_16(ports[1]), PORTS_DST);
	}
	return v;
}

static enum reass_verdict put_shape(struct craft *c, const struct shape *s)
{
	return put(make(c, s));
}

static void drops(struct craft *c, const struct shape *s, enum drop_reason want)
{
	assert_int_equal(put_shape(c, s), REASS_DROP);
	assert_int_equal(reason, want);
}

static unsigned int take_released(struct craft **ret, unsigned int max)
{
	struct rte_mbuf *m[64];
	unsigned int n = reass_released(r, m, max);

	for (unsigned int i = 0; i < n; i++)
		ret[i] = (struct craft *)m[i];
	return n;
}

static struct craft c[16];

/* The same for both families. */
#define EACH_FAMILY(v) for (unsigned int v = 0; v < 2; v++)

static void in_order(void **state)
{
	(void)state;
	EACH_FAMILY (v6) {
		for (unsigned int i = 0; i < 3; i++)
			assert_int_equal(put_shape(&c[i], &(struct shape){.v6 = v6, .proto = IPPROTO_UDP,
				.id = 7, .offset = i * 64, .len = 64, .more = i < 2}), REASS_KNOWN);
		/* Its record is gone: the same identification is a new packet at once. */
		assert_int_equal(put_shape(&c[0], &(struct shape){.v6 = v6, .proto = IPPROTO_UDP,
			.id = 7, .offset = 64, .len = 64, .more = true}), REASS_HELD);
	}
}

static void out_of_order(void **state)
{
	struct craft *out[8] = {NULL};

	(void)state;
	EACH_FAMILY (v6) {
		struct shape s[4] = {
			{.v6 = v6, .proto = IPPROTO_TCP, .id = 7, .offset = 128, .len = 10},
			{.v6 = v6, .proto = IPPROTO_TCP, .id = 7, .offset = 64, .len = 64, .more = true},
			{.v6 = v6, .proto = IPPROTO_TCP, .id = 7, .offset = 0, .len = 64, .more = true},
		};

		assert_int_equal(put_shape(&c[0], &s[0]), REASS_HELD);
		assert_int_equal(put_shape(&c[1], &s[1]), REASS_HELD);
		assert_int_equal(reass_held(r), 2);
		assert_int_equal(take_released(out, 8), 0);
		assert_int_equal(put_shape(&c[2], &s[2]), REASS_KNOWN);
		assert_int_equal(take_released(out, 8), 2);
		assert_ptr_equal(out[0], &c[0]);
		assert_ptr_equal(out[1], &c[1]);
		assert_int_equal(put(out[0]), REASS_KNOWN);
		assert_int_equal(put(out[1]), REASS_KNOWN);
		assert_int_equal(reass_held(r), 0);
		assert_int_equal(take_released(out, 8), 0);
	}
}

/* One that comes while others are on their way back does not overtake them. */
static void no_overtaking(void **state)
{
	struct shape s = {.proto = IPPROTO_UDP, .id = 7, .offset = 64, .len = 64, .more = true};
	struct craft *out[8] = {NULL};

	(void)state;
	assert_int_equal(put_shape(&c[0], &s), REASS_HELD);
	s.offset = 0;
	assert_int_equal(put_shape(&c[1], &s), REASS_KNOWN);
	s.offset = 128;
	s.more = false;
	assert_int_equal(put_shape(&c[2], &s), REASS_HELD);
	assert_int_equal(take_released(out, 8), 2);
	assert_ptr_equal(out[0], &c[0]);
	assert_ptr_equal(out[1], &c[2]);
	assert_int_equal(put(out[0]), REASS_KNOWN);
	assert_int_equal(put(out[1]), REASS_KNOWN);
}

/* RFC 6946: whole packets, that disturb no other and are not disturbed. */
static void atomic(void **state)
{
	struct shape other = {.v6 = true, .proto = IPPROTO_UDP, .id = 7, .offset = 64, .len = 64, .more = true};
	struct shape s = {.v6 = true, .proto = IPPROTO_UDP, .id = 7, .len = 100};
	struct craft *out[8] = {NULL};

	(void)state;
	assert_int_equal(put_shape(&c[0], &other), REASS_HELD);
	for (unsigned int i = 0; i < 3; i++)
		assert_int_equal(put_shape(&c[1], &s), REASS_KNOWN);
	assert_int_equal(take_released(out, 8), 0);
	other.offset = 0;
	assert_int_equal(put_shape(&c[2], &other), REASS_KNOWN);
	assert_int_equal(take_released(out, 8), 1);
	assert_int_equal(put(out[0]), REASS_KNOWN);
}

static void icmp_and_others(void **state)
{
	(void)state;
	EACH_FAMILY (v6) {
		struct shape s = {.v6 = v6, .proto = v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP, .id = 9, .len = 64,
			.more = true};

		assert_int_equal(put_shape(&c[0], &s), REASS_KNOWN);
		assert_int_equal(rte_be_to_cpu_16(ports[0]), IDENT);
		assert_int_equal(rte_be_to_cpu_16(ports[1]), IDENT);
		/* No query: belongs to no flow. */
		s.id = 10;
		make(&c[0], &s);
		craft_bytes(&c[0])[14 + (v6 ? 48 : 20)] = v6 ? 1 : 3;
		assert_int_equal(put(&c[0]), REASS_DROP);
		/* What has no ports is known in any order. */
		s = (struct shape){.v6 = v6, .proto = IPPROTO_GRE, .id = 11, .offset = 640, .len = 64};
		assert_int_equal(put_shape(&c[0], &s), REASS_KNOWN);
		assert_int_equal(ports[0], 0);
		assert_int_equal(ports[1], 0);
	}
}

static void extension_headers(void **state)
{
	struct shape s = {.v6 = true, .proto = IPPROTO_UDP, .id = 7, .len = 64, .more = true, .options = 8};

	(void)state;
	assert_int_equal(put_shape(&c[0], &s), REASS_KNOWN);
	assert_int_equal(proto, IPPROTO_UDP);
	s.offset = 64;
	assert_int_equal(put_shape(&c[0], &s), REASS_KNOWN); /* its own next header is the options */
	assert_int_equal(proto, IPPROTO_UDP);
}

/* A duplicate is dropped by itself, held or not; the packet goes on. */
static void duplicates(void **state)
{
	struct craft *out[8] = {NULL};

	(void)state;
	EACH_FAMILY (v6) {
		struct shape s = {.v6 = v6, .proto = IPPROTO_UDP, .id = 7, .offset = 64, .len = 64, .more = true};

		assert_int_equal(put_shape(&c[0], &s), REASS_HELD);
		drops(&c[1], &s, DROP_FRAG_MALFORMED);
		s.offset = 0;
		assert_int_equal(put_shape(&c[2], &s), REASS_KNOWN);
		drops(&c[3], &s, DROP_FRAG_MALFORMED);
		assert_int_equal(take_released(out, 8), 1);
		assert_int_equal(put(out[0]), REASS_KNOWN);
		drops(&c[0], &(struct shape){.v6 = v6, .proto = IPPROTO_UDP, .id = 7, .offset = 64,
			.len = 64, .more = true}, DROP_FRAG_MALFORMED);
		s.offset = 128;
		s.more = false;
		assert_int_equal(put_shape(&c[0], &s), REASS_KNOWN);
	}
}

/* Fragments that contradict one another: the packet ends, with what was held. */
static void overlaps(void **state)
{
	static const struct {
		uint16_t offset, len;
		bool more;
	} bad[] = {
		{56, 64, true},	  /* over the beginning of the held one */
		{120, 64, true},  /* over its end */
		{72, 8, true},	  /* within */
		{32, 256, true},  /* around */
		{64, 56, false},  /* the last, and there is more behind */
		{0, 72, true},	  /* a first that reaches into it */
		{256, 8, true},	  /* behind the last */
		{128, 8, false},  /* another last */
	};
	struct rte_mbuf *m[8];

	(void)state;
	EACH_FAMILY (v6) {
		for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
			struct shape held = {.v6 = v6, .proto = IPPROTO_UDP, .id = 20 + i, .offset = 64,
				.len = 64, .more = true};
			struct shape last = {.v6 = v6, .proto = IPPROTO_UDP, .id = 20 + i, .offset = 200,
				.len = 56};
			struct shape s = {.v6 = v6, .proto = IPPROTO_UDP, .id = 20 + i,
				.offset = bad[i].offset, .len = bad[i].len, .more = bad[i].more};

			assert_int_equal(put_shape(&c[0], &held), REASS_HELD);
			assert_int_equal(put_shape(&c[1], &last), REASS_HELD);
			drops(&c[2], &s, DROP_FRAG_MALFORMED);
			assert_int_equal(reass_expired(r, now, m, 8), 2);
			assert_ptr_equal(m[0], &c[0].m);
			assert_int_equal(craft_reason(&c[0]), DROP_FRAG_MALFORMED);
			s = (struct shape){.v6 = v6, .proto = IPPROTO_UDP, .id = 20 + i, .len = 64, .more = true};
			drops(&c[3], &s, DROP_FRAG_MALFORMED);
			drops(&c[3], &held, DROP_FRAG_MALFORMED);
		}
		/* A last that ends before another. */
		put_shape(&c[0], &(struct shape){.v6 = v6, .proto = IPPROTO_UDP, .id = 6, .offset = 64,
			.len = 64, .more = true});
		drops(&c[1], &(struct shape){.v6 = v6, .proto = IPPROTO_UDP, .id = 6, .offset = 40,
			.len = 16}, DROP_FRAG_MALFORMED);
		assert_int_equal(reass_expired(r, now, m, 8), 1);
		/* Of a packet whose others are on their way back. */
		struct shape s = {.v6 = v6, .proto = IPPROTO_UDP, .id = 7, .offset = 64, .len = 64, .more = true};
		struct craft *out[8] = {NULL};

		assert_int_equal(put_shape(&c[0], &s), REASS_HELD);
		s.offset = 0;
		assert_int_equal(put_shape(&c[1], &s), REASS_KNOWN);
		s.offset = 72;
		drops(&c[2], &s, DROP_FRAG_MALFORMED);
		assert_int_equal(take_released(out, 8), 1);
		assert_int_equal(put(out[0]), REASS_DROP);
	}
}

static void impossible(void **state)
{
	static const struct {
		uint8_t proto;
		uint16_t offset, len;
		bool more;
	} bad[] = {
		{IPPROTO_UDP, 64, 0, false},   {IPPROTO_UDP, 64, 60, true}, {IPPROTO_UDP, 65528, 100, false},
		{IPPROTO_TCP, 0, 16, true},    {IPPROTO_TCP, 8, 64, true},  {IPPROTO_TCP, 16, 64, true},
		{IPPROTO_UDP, 0, 0, true},
	};

	(void)state;
	EACH_FAMILY (v6) {
		for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
			drops(&c[0], &(struct shape){.v6 = v6, .proto = bad[i].proto, .id = 7,
				.offset = bad[i].offset, .len = bad[i].len, .more = bad[i].more},
				DROP_FRAG_MALFORMED);
		/* A first without its upper-layer header, behind options (RFC 7112). */
		if (v6)
			drops(&c[0], &(struct shape){.v6 = true, .proto = IPPROTO_UDP, .id = 7, .len = 8,
				.more = true, .options = 8}, DROP_FRAG_MALFORMED);
		/* None of them is remembered. */
		assert_int_equal(put_shape(&c[0], &(struct shape){.v6 = v6, .proto = IPPROTO_UDP, .id = 7,
			.len = 64, .more = true}), REASS_KNOWN);
	}
}

/* Another source, protocol (IPv4) or identification is another packet. */
static void told_apart(void **state)
{
	struct shape first = {.proto = IPPROTO_UDP, .id = 7, .len = 64, .more = true};
	struct shape s = {.proto = IPPROTO_UDP, .id = 8, .offset = 64, .len = 64, .more = true};

	(void)state;
	assert_int_equal(put_shape(&c[0], &first), REASS_KNOWN);
	assert_int_equal(put_shape(&c[1], &s), REASS_HELD);
	s.id = 7;
	s.proto = IPPROTO_TCP;
	assert_int_equal(put_shape(&c[2], &s), REASS_HELD);
	s.proto = IPPROTO_UDP;
	s.src = "10.0.0.9";
	assert_int_equal(put_shape(&c[3], &s), REASS_HELD);
	s.src = NULL;
	assert_int_equal(put_shape(&c[4], &s), REASS_KNOWN);

	first.v6 = s.v6 = true;
	s.id = 0x10007;
	assert_int_equal(put_shape(&c[5], &first), REASS_KNOWN);
	assert_int_equal(put_shape(&c[6], &s), REASS_HELD);
}

static void time_runs_out(void **state)
{
	struct shape s = {.proto = IPPROTO_UDP, .id = 7, .offset = 64, .len = 64, .more = true};
	struct rte_mbuf *m[8];

	(void)state;
	assert_int_equal(put_shape(&c[0], &s), REASS_HELD);
	now += REASS_TIMEOUT_MS - 1;
	assert_int_equal(reass_expired(r, now, m, 8), 0);
	now += 1;
	assert_int_equal(reass_expired(r, now, m, 8), 1);
	assert_ptr_equal(m[0], &c[0].m);
	assert_int_equal(craft_reason(&c[0]), DROP_FRAG_TIMEOUT);
	/* The rest of the packet waits for a first that does not come again; nor is an old one known. */
	s.offset = 0;
	assert_int_equal(put_shape(&c[1], &s), REASS_KNOWN);
	now += REASS_TIMEOUT_MS;
	s.offset = 128; /* before anybody asked for what is over */
	assert_int_equal(put_shape(&c[2], &s), REASS_HELD);
}

static void too_many_of_one(void **state)
{
	static struct craft many[REASS_FRAGMENTS_MAX + 1];
	struct rte_mbuf *m[REASS_FRAGMENTS_MAX];
	struct shape s = {.proto = IPPROTO_UDP, .id = 7, .offset = 8, .len = 8, .more = true};

	(void)state;
	for (unsigned int i = 0; i < REASS_FRAGMENTS_MAX; i++, s.offset += 8)
		assert_int_equal(put_shape(&many[i], &s), REASS_HELD);
	drops(&many[REASS_FRAGMENTS_MAX], &s, DROP_FRAG_FULL);
	assert_int_equal(reass_expired(r, now, m, REASS_FRAGMENTS_MAX), REASS_FRAGMENTS_MAX);
}

/* --- floods --- */

static struct craft flood[REASS_HELD_MAX + 1];

/* Fragments that never have a first: the limit holds, packets in order are not harmed, and the memory
 * comes back. */
static void flood_of_later(void **state)
{
	struct rte_mbuf *m[64];
	unsigned int held = 0, ended = 0, n;

	(void)state;
	for (unsigned int i = 0; i < 100000; i++) {
		struct shape s = {.v6 = true, .proto = IPPROTO_UDP, .id = i, .offset = 64, .len = 8};
		struct craft *at = &flood[held < REASS_HELD_MAX ? held : REASS_HELD_MAX];

		if (put_shape(at, &s) == REASS_HELD)
			held++;
		else
			assert_int_equal(reason, DROP_FRAG_FULL);
		assert_true(reass_held(r) <= REASS_HELD_MAX);
		for (unsigned int k = 0; k < 3 && i % 1000 == 0; k++)
			assert_int_equal(put_shape(&c[k], &(struct shape){.proto = IPPROTO_UDP,
				.id = i % 65536, .offset = k * 64, .len = 64, .more = k < 2}), REASS_KNOWN);
	}
	assert_int_equal(held, REASS_HELD_MAX);
	now += REASS_TIMEOUT_MS;
	for (unsigned int i = 0; i < 20; i++) {
		n = reass_expired(r, now, m, 64);
		ended += n;
	}
	assert_int_equal(ended, REASS_HELD_MAX);
	assert_int_equal(reass_held(r), 0);
	assert_int_equal(put_shape(&flood[0], &(struct shape){.v6 = true, .proto = IPPROTO_UDP, .id = 1,
		.offset = 64, .len = 8}), REASS_HELD);
}

/* Firsts whose packets never end make room for one another; who waits stays. */
static void flood_of_firsts(void **state)
{
	struct craft *out[8] = {NULL};

	(void)state;
	assert_int_equal(put_shape(&c[0], &(struct shape){.proto = IPPROTO_TCP, .id = 9, .offset = 64,
		.len = 64}), REASS_HELD);
	for (unsigned int i = 0; i < 100000; i++)
		assert_int_equal(put_shape(&flood[0], &(struct shape){.v6 = true, .proto = IPPROTO_UDP,
			.id = i, .len = 64, .more = true}), REASS_KNOWN);
	assert_int_equal(put_shape(&c[1], &(struct shape){.proto = IPPROTO_TCP, .id = 9, .len = 64,
		.more = true}), REASS_KNOWN);
	assert_int_equal(take_released(out, 8), 1);
	assert_int_equal(put(out[0]), REASS_KNOWN);
}

/* --- at random --- */

#define PACKETS 16
#define PIECES 12
#define EVENTS (PACKETS * (2 * PIECES + 1))

enum event_kind { ARRIVES, AGAIN, OVERLAPS };

struct piece {
	struct craft c; /* first: mbufs are told by it */
	struct shape s;
	unsigned int packet;
	bool arrived, going_back, out, over;
};

static struct model {
	unsigned int n;
	bool first, spoiled;
	unsigned int going_back;
} model[PACKETS];
static struct piece pieces[PACKETS][PIECES];
static struct piece *back[PACKETS * PIECES]; /* what reass_released() has to give, in order */
static unsigned int n_back, n_ended;

static struct event {
	enum event_kind kind;
	struct piece *piece;
} events[EVENTS];

/* Packets of random pieces; without `whole` their last never comes, so that nothing is forgotten. */
static unsigned int cut(bool whole, uint64_t *seed)
{
	unsigned int n = 0;

	for (unsigned int p = 0; p < PACKETS; p++) {
		unsigned int offset = 0;
		bool v6 = unit_random(seed) & 1, tcp = unit_random(seed) & 1;

		model[p] = (struct model){.n = 2 + unit_random(seed) % (PIECES - 1)};
		for (unsigned int i = 0; i < model[p].n; i++) {
			struct piece *x = &pieces[p][i];
			bool more = !whole || i + 1 < model[p].n;

			*x = (struct piece){.packet = p, .s = {.v6 = v6, .id = 1000 + p,
				.proto = tcp ? IPPROTO_TCP : IPPROTO_UDP, .offset = offset,
				.len = 32 + unit_random(seed) % 20 * 8 - (more ? 0 : 3), .more = more}};
			offset += x->s.len;
			make(&x->c, &x->s);
			events[n++] = (struct event){ARRIVES, x};
			if (!whole && unit_random(seed) % 4 == 0)
				events[n++] = (struct event){AGAIN, x};
		}
		if (!whole && unit_random(seed) % 3 == 0)
			events[n++] = (struct event){OVERLAPS, &pieces[p][unit_random(seed) % model[p].n]};
	}
	for (unsigned int i = n; i-- > 1;) {
		unsigned int k = unit_random(seed) % (i + 1);
		struct event swap = events[i];

		events[i] = events[k];
		events[k] = swap;
	}
	return n;
}

static void goes_back(struct piece *x)
{
	x->going_back = true;
	model[x->packet].going_back++;
	back[n_back++] = x;
}

/* In the order of arrival, which the pieces of a packet do not have. */
static struct piece *arrived[PACKETS * PIECES];
static unsigned int n_arrived;

static void arrives(struct piece *x)
{
	struct model *m = &model[x->packet];
	bool waits = x->s.offset != 0 && (!m->first || m->going_back > 0);

	assert_int_equal(put(&x->c), m->spoiled ? REASS_DROP : waits ? REASS_HELD : REASS_KNOWN);
	if (m->spoiled)
		return;
	x->arrived = true;
	if (x->s.offset == 0) {
		m->first = true;
		for (unsigned int i = 0; i < n_arrived; i++)
			if (arrived[i]->packet == x->packet)
				goes_back(arrived[i]);
	}
	arrived[n_arrived++] = x;
	if (!waits)
		x->out = true;
	else if (m->first)
		goes_back(x);
}

static void arrives_again(struct piece *x)
{
	struct craft copy = x->c;

	if (!x->arrived || x->going_back) /* it would go in the other's place */
		return;
	copy.m.buf_addr = copy.room;
	assert_int_equal(put(&copy), REASS_DROP);
	assert_int_equal(reason, DROP_FRAG_MALFORMED);
}

static void overlaps_it(struct piece *x)
{
	struct model *m = &model[x->packet];
	struct shape s = x->s;
	struct craft copy;

	if (!x->arrived)
		return;
	s.offset += 24; /* behind a TCP header */
	s.len = 8;
	assert_int_equal(put_shape(&copy, &s), REASS_DROP);
	assert_int_equal(reason, DROP_FRAG_MALFORMED);
	m->spoiled = true;
	for (unsigned int i = 0; i < m->n; i++) {
		struct piece *y = &pieces[x->packet][i];

		if (y->arrived && !y->out && !y->going_back) {
			y->over = true;
			n_ended++;
		}
	}
}

static void drain(void)
{
	struct craft *out[5] = {NULL};
	unsigned int n, done = 0;

	while ((n = take_released(out, 5)) > 0)
		for (unsigned int i = 0; i < n; i++) {
			struct piece *x = back[done++];

			assert_ptr_equal(out[i], &x->c);
			assert_int_equal(put(out[i]), model[x->packet].spoiled ? REASS_DROP : REASS_KNOWN);
			x->going_back = false;
			x->out = true;
			model[x->packet].going_back--;
		}
	assert_int_equal(done, n_back);
	n_back = 0;
}

static void collect_ended(void)
{
	struct rte_mbuf *m[8];
	unsigned int n;

	while ((n = reass_expired(r, now, m, 8)) > 0)
		for (unsigned int i = 0; i < n; i++, n_ended--) {
			struct piece *x = (struct piece *)m[i];

			assert_true(x->over);
			assert_int_equal(craft_reason(&x->c), DROP_FRAG_MALFORMED);
		}
	assert_int_equal(n_ended, 0);
}

static void at_random(void **state)
{
	uint64_t seed = unit_seed();

	(void)state;
	for (unsigned int round = 0; round < 3000; round++) {
		bool whole = round % 2;
		unsigned int n = cut(whole, &seed), waiting = 0;

		n_arrived = 0;
		for (unsigned int i = 0; i < n; i++) {
			if (events[i].kind == ARRIVES)
				arrives(events[i].piece);
			else if (events[i].kind == AGAIN)
				arrives_again(events[i].piece);
			else
				overlaps_it(events[i].piece);
			if (unit_random(&seed) % 4 == 0)
				drain();
			if (unit_random(&seed) % 8 == 0)
				collect_ended();
		}
		drain();
		collect_ended();
		for (unsigned int i = 0; i < n_arrived; i++)
			waiting += !arrived[i]->out && !arrived[i]->over;
		assert_int_equal(reass_held(r), waiting);
		if (whole)
			assert_int_equal(waiting, 0); /* and the identifications are free again */
		else
			now += REASS_TIMEOUT_MS;
		for (struct rte_mbuf *m[8]; !whole && reass_expired(r, now, m, 8) > 0;)
			;
		/* Records that are known, or spoiled, go with the time as well: the next round finds none. */
	}
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)
	const struct CMUnitTest tests[] = {
		T(in_order), T(out_of_order), T(no_overtaking), T(atomic), T(icmp_and_others),
		T(extension_headers), T(duplicates), T(overlaps), T(impossible), T(told_apart),
		T(time_runs_out), T(too_many_of_one), T(flood_of_later), T(flood_of_firsts), T(at_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
