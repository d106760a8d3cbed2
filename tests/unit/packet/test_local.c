/* SPDX-License-Identifier: BSD-3-Clause */
/* lib/packet/local: echo replies byte by byte; what the kernel and lib/neigh get, unchanged. */
#include "packet/craft.h"
#include "packet/local.h"

static uint8_t local4(struct craft *c)
{
	struct rte_mbuf *m = &c->m;
	uint8_t next = 0xff;

	ip4_local_burst(&m, 1, &next);
	return next;
}

static uint8_t local6(struct craft *c)
{
	struct rte_mbuf *m = &c->m;
	uint8_t next = 0xff;

	ip6_local_burst(&m, 1, &next);
	return next;
}

static uint8_t *echo4(struct craft *c, uint16_t id, uint16_t payload)
{
	uint8_t *ip = craft_ip4(c, "192.0.2.1", "10.4.0.1", 1, 7, 8 + payload);

	memset(ip + 20, 0, 4);
	ip[20] = 8;
	craft_put16(ip + 24, id);
	craft_put16(ip + 22, craft_icmp4_sum(ip));
	return ip;
}

static uint8_t *echo6(struct craft *c, uint16_t id, uint16_t payload)
{
	uint8_t *ip = craft_ip6(c, "2001:db8::1", "2001:db8:4::1", 58, 7, 8 + payload);

	memset(ip + 40, 0, 4);
	ip[40] = 128;
	craft_put16(ip + 44, id);
	craft_put16(ip + 42, craft_icmp6_sum(ip));
	return ip;
}

static void ip4_echo(void **state)
{
	uint64_t seed = unit_seed();

	(void)state;
	for (unsigned int i = 0; i < 70000; i++) {
		uint16_t payload = unit_random(&seed) % 100;
		struct craft c, want;
		uint8_t *ip = echo4(&c, i, payload), *w;

		want = c;
		w = craft_bytes(&want) + 14;
		memcpy(w + 12, ip + 16, 4);
		memcpy(w + 16, ip + 12, 4);
		w[8] = PKT_ORIGIN_TTL + 1;
		w[20] = 0;
		craft_put16(w + 22, craft_icmp4_sum(w));
		craft_ip4_sum(w);
		assert_int_equal(local4(&c), IP_LOCAL_LOOKUP);
		/* 0 and 0xffff are the same sum; only the first may appear where not all is zero. */
		if (craft_get16(ip + 22) == 0xffff && craft_get16(w + 22) == 0)
			craft_put16(ip + 22, 0);
		assert_memory_equal(c.room, want.room, RTE_PKTMBUF_HEADROOM + 200);
	}
}

static void ip6_echo(void **state)
{
	struct craft c;
	uint8_t *ip = echo6(&c, 77, 33);

	(void)state;
	assert_int_equal(local6(&c), IP_LOCAL_LOOKUP);
	assert_int_equal(ip[40], 129);
	assert_int_equal(ip[7], PKT_ORIGIN_TTL + 1);
	assert_int_equal(craft_get16(ip + 42), craft_icmp6_sum(ip));
	assert_int_equal(ip[8 + 5], 4);	 /* from 2001:db8:4::1 */
	assert_int_equal(ip[24 + 5], 0); /* to 2001:db8::1 */
	assert_int_equal(craft_get16(ip + 44), 77);
	assert_int_equal(ip[48 + 10], 18);
}

static void malformed_is_dropped(void **state)
{
	struct craft c;
	uint8_t *ip = echo4(&c, 1, 20);

	(void)state;
	ip[30] ^= 1;
	assert_int_equal(local4(&c), IP_LOCAL_DROP);
	assert_int_equal(craft_reason(&c), DROP_ICMP_MALFORMED);
	craft_ip4(&c, "192.0.2.1", "10.4.0.1", 1, 64, 7);
	assert_int_equal(local4(&c), IP_LOCAL_DROP);
	assert_int_equal(craft_reason(&c), DROP_ICMP_MALFORMED);
	ip = echo6(&c, 1, 20);
	ip[50] ^= 1;
	assert_int_equal(local6(&c), IP_LOCAL_DROP);
	assert_int_equal(craft_reason(&c), DROP_ICMP_MALFORMED);
	for (uint16_t len = 0; len < 8; len++) {
		ip = craft_ip6(&c, "2001:db8::1", "2001:db8:4::1", 58, 64, len);
		ip[40] = 128;
		if (len >= 4)
			craft_put16(ip + 42, craft_icmp6_sum(ip));
		assert_int_equal(local6(&c), IP_LOCAL_DROP);
		assert_int_equal(craft_reason(&c), DROP_ICMP_MALFORMED);
	}
}

static void the_kernels_own_is_unchanged(void **state)
{
	struct craft c, was;
	uint8_t *ip;

	(void)state;
	craft_ip4(&c, "192.0.2.1", "10.4.0.1", 6, 1, 26);
	was = c;
	assert_int_equal(local4(&c), IP_LOCAL_PUNT);
	assert_memory_equal(&c, &was, sizeof(c));
	ip = echo4(&c, 1, 8);
	craft_put16(ip + 6, 0x2000); /* a fragment */
	was = c;
	assert_int_equal(local4(&c), IP_LOCAL_PUNT);
	assert_memory_equal(&c, &was, sizeof(c));
	ip = echo4(&c, 1, 8);
	ip[20] = 3; /* an error, for a socket */
	craft_put16(ip + 22, craft_icmp4_sum(ip));
	was = c;
	assert_int_equal(local4(&c), IP_LOCAL_PUNT);
	assert_memory_equal(&c, &was, sizeof(c));
	craft_ip6(&c, "2001:db8::1", "2001:db8:4::1", 17, 1, 26);
	was = c;
	assert_int_equal(local6(&c), IP_LOCAL_PUNT);
	assert_memory_equal(&c, &was, sizeof(c));
	ip = echo6(&c, 1, 8);
	ip[40] = 1;
	craft_put16(ip + 42, craft_icmp6_sum(ip));
	was = c;
	assert_int_equal(local6(&c), IP_LOCAL_PUNT);
	assert_memory_equal(&c, &was, sizeof(c));
}

static void neighbour_discovery(void **state)
{
	(void)state;
	for (unsigned int type = 131; type < 140; type++) {
		struct craft c, was;
		uint8_t *ip = echo6(&c, 0, 16);

		ip[40] = type;
		craft_put16(ip + 42, craft_icmp6_sum(ip));
		was = c;
		assert_int_equal(local6(&c),
			type >= 133 && type <= 137 ? IP_LOCAL_NEIGH : IP_LOCAL_PUNT);
		assert_memory_equal(&c, &was, sizeof(c));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ip4_echo),
		cmocka_unit_test(ip6_echo),
		cmocka_unit_test(malformed_is_dropped),
		cmocka_unit_test(the_kernels_own_is_unchanged),
		cmocka_unit_test(neighbour_discovery),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
