/* SPDX-License-Identifier: BSD-3-Clause */
/* Fragments through the flow stage, of both families, in every order, by one worker and by two: each goes
 * once, translated or as it came, and behind its first. */
#include "nat/rfc.h"

#define PIECES 3
#define PIECE 24

static struct craft piece[PIECES];
static unsigned int at_worker[2]; /* fragments that left by each */

static int rig(void **state, unsigned int workers)
{
	(void)state;
	engine_start(&e, rfc_config(CONFIG_NAT_ENDPOINT_DEPENDENT, NULL, NULL), workers);
	return 0;
}

static int one(void **state)
{
	return rig(state, 1);
}

static int two(void **state)
{
	return rig(state, 2);
}

/* A packet of the tuple in three; IPv6 with destination options behind the fragment header or not. */
static void cut(const struct flow_tuple *t, uint32_t id, bool options)
{
	bool v4 = t->src.family == IP_V4;
	uint8_t whole[PIECES * PIECE] = {0}, *l4 = whole + (options ? 8 : 0), *ip;

	if (options)
		memcpy(whole, (uint8_t[]){t->proto, 0, 1, 4, 0, 0, 0, 0}, 8);
	memcpy(l4, &t->sport, 2);
	memcpy(l4 + 2, &t->dport, 2);
	for (unsigned int i = 8; i < 40; i++)
		l4[i] = i;
	for (unsigned int i = 0; i < PIECES; i++) {
		unsigned int field = i * PIECE, more = i + 1 < PIECES;

		if (v4) {
			ip = craft_ip4(&piece[i], "0.0.0.0", "0.0.0.0", t->proto, 64, PIECE);
			memcpy(ip + 12, t->src.bytes, 4);
			memcpy(ip + 16, t->dst.bytes, 4);
			craft_put16(ip + 4, id);
			craft_put16(ip + 6, field / 8 | more << 13);
			memcpy(ip + 20, whole + i * PIECE, PIECE);
			craft_ip4_sum(ip);
			continue;
		}
		ip = craft_ip6(&piece[i], "::", "::", IPPROTO_FRAGMENT, 64, 8 + PIECE);
		memcpy(ip + 8, t->src.bytes, 16);
		memcpy(ip + 24, t->dst.bytes, 16);
		ip[40] = options ? IPPROTO_DSTOPTS : t->proto;
		ip[41] = 0;
		craft_put16(ip + 42, field | more);
		craft_put16(ip + 44, id >> 16);
		craft_put16(ip + 46, id);
		memcpy(ip + 48, whole + i * PIECE, PIECE);
	}
}

static unsigned int gone[PIECES], n_gone;

static void leaves(struct craft *c, unsigned int worker, const struct ip_addr *src, uint8_t edge, uint8_t want)
{
	const uint8_t *ip = craft_bytes(c) + 14;
	bool v4 = frame_is_v4(ip);

	assert_int_equal(edge, want);
	assert_memory_equal(ip + (v4 ? 12 : 8), src->bytes, v4 ? 4 : 16);
	if (v4)
		assert_int_equal(craft_sum(ip, 20, NULL, 0), 0);
	gone[n_gone++] = (unsigned int)(c - piece);
	at_worker[worker]++;
}

/* As the graph does: to the worker that is named, and what that sets free behind it. */
static void arrives(struct craft *c, unsigned int worker, uint16_t port, const struct ip_addr *src, uint8_t want)
{
	uint8_t edge = engine_one(&e, worker, c, port), next[4];
	bool v4 = frame_is_v4(craft_bytes(c) + 14);
	struct rte_mbuf *m[4];
	unsigned int n;

	if (edge == FLOW_NEXT_HANDOFF)
		arrives(c, pkt_meta(&c->m)->owner, port, src, want);
	else if (edge != FLOW_NEXT_HELD)
		leaves(c, worker, src, edge, want);
	while ((n = nat_released(nat_worker(e.nat, worker), v4, m, next, 4)) > 0)
		for (unsigned int i = 0; i < n; i++) {
			if (next[i] == FLOW_NEXT_HANDOFF)
				arrives((struct craft *)m[i], pkt_meta(m[i])->owner, port, src, want);
			else
				leaves((struct craft *)m[i], worker, src, next[i], want);
		}
}

static const unsigned int orders[][PIECES] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};

static void every_order(const struct flow_tuple *t, uint16_t port, bool options, const struct ip_addr *src,
	uint8_t want)
{
	static uint32_t id;

	for (unsigned int k = 0; k < RTE_DIM(orders); k++) {
		unsigned int last = 0, when[PIECES];

		cut(t, ++id, options);
		n_gone = 0;
		for (unsigned int i = 0; i < PIECES; i++) {
			when[orders[k][i]] = i;
			arrives(&piece[orders[k][i]], id >> i & (e.nat->workers - 1), port, src, want);
		}
		assert_int_equal(n_gone, PIECES);
		for (unsigned int i = 0; i < PIECES; i++) {
			if (gone[i] == 0)
				continue;
			/* Behind the first, and in the order of arrival. */
			assert_true(i > 0);
			assert_true(when[gone[i]] >= last);
			last = when[gone[i]];
		}
	}
}

static void all_ways(void)
{
	struct ip_addr external = build_addr(EXTERNAL), external6 = build_addr(EXTERNAL6);

	for (unsigned int i = 0; i < 24; i++) {
		struct flow_tuple u = build_tuple(IPPROTO_UDP, "10.0.0.7", 4000 + i * 64, "203.0.113.5", 53);
		struct flow_tuple u6 = build_tuple(IPPROTO_UDP, "2001:db8:1::7", 4000 + i * 64, "2001:db8:99::5", 53);
		struct flow_tuple not = build_tuple(IPPROTO_UDP, "203.0.113.5", 53, "10.0.0.7", 4000 + i * 64);
		struct flow_tuple gre = build_tuple(IPPROTO_GRE, "10.0.0.7", 0, "203.0.113.9", 0);

		every_order(&u, INSIDE, false, &external, FLOW_NEXT_REWRITE);
		every_order(&u6, INSIDE, false, &external6, FLOW_NEXT_REWRITE);
		every_order(&u6, INSIDE, true, &external6, FLOW_NEXT_REWRITE);
		/* What no rule touches goes as it came. */
		every_order(&not, OUTSIDE, false, &not.src, FLOW_NEXT_LOOKUP);
		if (i == 0) { /* without ports there is nothing to wait for, and so no first */
			cut(&gre, 9, false);
			n_gone = 0;
			for (unsigned int k = PIECES; k-- > 0;)
				arrives(&piece[k], 0, INSIDE, &external, FLOW_NEXT_REWRITE);
			assert_int_equal(n_gone, PIECES);
		}
	}
}

static void one_worker(void **state)
{
	(void)state;
	all_ways();
	assert_int_equal(rfc_sessions(), 24 * 2 + 1);
}

static void two_workers(void **state)
{
	(void)state;
	at_worker[0] = at_worker[1] = 0;
	all_ways();
	assert_true(at_worker[0] > 100 && at_worker[1] > 100);
}

static void overlaps_are_called_so(void **state)
{
	struct flow_tuple t = build_tuple(IPPROTO_UDP, "10.0.0.7", 4000, "203.0.113.5", 53);
	struct rte_mbuf *m;
	uint8_t next;

	(void)state;
	cut(&t, 7, false);
	assert_int_equal(engine_one(&e, 0, &piece[1], INSIDE), FLOW_NEXT_HELD);
	craft_put16(craft_bytes(&piece[2]) + 14 + 6, 4); /* into the second */
	craft_ip4_sum(craft_bytes(&piece[2]) + 14);
	assert_int_equal(engine_one(&e, 0, &piece[2], INSIDE), FLOW_NEXT_DROP);
	assert_int_equal(craft_reason(&piece[2]), DROP_FRAG_MALFORMED);
	engine_pass(&e, 1);
	assert_int_equal(nat_released(nat_worker(e.nat, 0), true, &m, &next, 1), 1);
	assert_int_equal(next, FLOW_NEXT_DROP);
	assert_int_equal(craft_reason(&piece[1]), DROP_FRAG_MALFORMED);
	assert_int_equal(engine_one(&e, 0, &piece[0], INSIDE), FLOW_NEXT_DROP);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(one_worker, one, teardown),
		cmocka_unit_test_setup_teardown(two_workers, two, teardown),
		cmocka_unit_test_setup_teardown(overlaps_are_called_so, one, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
