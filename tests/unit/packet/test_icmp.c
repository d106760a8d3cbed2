/* SPDX-License-Identifier: BSD-3-Clause */
/* lib/packet/icmp: about what an error may be sent, what it holds, and how many. */
#include <errno.h>

#include "packet/craft.h"
#include "packet/icmp.h"

static void ip4_allowed(void **state)
{
	static const uint8_t errors[] = {3, 4, 5, 11, 12}, queries[] = {0, 8, 13, 17};
	struct craft c;
	uint8_t *ip;

	(void)state;
	craft_ip4(&c, "192.0.2.1", "10.1.2.3", 17, 64, 26);
	assert_true(icmp_error_allowed(&c.m));
	for (size_t i = 0; i < sizeof(errors); i++) {
		ip = craft_ip4(&c, "192.0.2.1", "10.1.2.3", 1, 64, 26);
		ip[20] = errors[i];
		assert_false(icmp_error_allowed(&c.m));
	}
	for (size_t i = 0; i < sizeof(queries); i++) {
		ip = craft_ip4(&c, "192.0.2.1", "10.1.2.3", 1, 64, 26);
		ip[20] = queries[i];
		assert_true(icmp_error_allowed(&c.m));
	}
	craft_ip4(&c, "192.0.2.1", "10.1.2.3", 1, 64, 0); /* no type to read */
	assert_false(icmp_error_allowed(&c.m));
	ip = craft_ip4(&c, "192.0.2.1", "10.1.2.3", 17, 64, 26);
	craft_put16(ip + 6, 0x2000); /* first fragment */
	assert_true(icmp_error_allowed(&c.m));
	craft_put16(ip + 6, 0x2001);
	assert_false(icmp_error_allowed(&c.m));
	craft_ip4(&c, "0.0.0.0", "10.1.2.3", 17, 64, 26);
	assert_false(icmp_error_allowed(&c.m));
	craft_ip4(&c, "192.0.2.1", "224.0.0.1", 17, 64, 26);
	assert_false(icmp_error_allowed(&c.m));
	craft_ip4(&c, "192.0.2.1", "255.255.255.255", 17, 64, 26);
	assert_false(icmp_error_allowed(&c.m));
}

static void ip6_allowed(void **state)
{
	struct craft c;
	uint8_t *ip;

	(void)state;
	craft_ip6(&c, "2001:db8::1", "2001:db8:1::1", 17, 64, 26);
	assert_true(icmp_error_allowed(&c.m));
	for (unsigned int type = 0; type < 256; type++) {
		ip = craft_ip6(&c, "2001:db8::1", "2001:db8:1::1", 58, 64, 26);
		ip[40] = type;
		assert_int_equal(icmp_error_allowed(&c.m), type >= 128 && type != 137);
	}
	ip = craft_ip6(&c, "2001:db8::1", "2001:db8:1::1", 60, 64, 26);
	ip[40] = 58; /* an error behind destination options */
	ip[41] = 0;
	ip[48] = 1;
	assert_false(icmp_error_allowed(&c.m));
	ip = craft_ip6(&c, "2001:db8::1", "2001:db8:1::1", 44, 64, 26);
	memcpy(ip + 40, "\x11\x00\x00\x01", 4);
	assert_true(icmp_error_allowed(&c.m));
	memcpy(ip + 40, "\x11\x00\x00\x09", 4);
	assert_false(icmp_error_allowed(&c.m));
	craft_ip6(&c, "::", "2001:db8:1::1", 17, 64, 26);
	assert_false(icmp_error_allowed(&c.m));
	craft_ip6(&c, "ff02::1", "2001:db8:1::1", 17, 64, 26);
	assert_false(icmp_error_allowed(&c.m));
	craft_ip6(&c, "2001:db8::1", "ff02::1", 17, 64, 26);
	assert_false(icmp_error_allowed(&c.m));
}

static void want(struct craft *c, uint8_t type, uint8_t code, uint32_t info)
{
	pkt_meta(&c->m)->icmp_type = type;
	pkt_meta(&c->m)->icmp_code = code;
	pkt_meta(&c->m)->icmp_info = info;
}

static void ip4_error_of(uint16_t payload, uint16_t embedded)
{
	struct craft c, cause;
	const uint8_t *ip;

	craft_ip4(&c, "192.0.2.1", "10.1.2.3", 17, 64, payload);
	cause = c;
	want(&c, 3, 4, 1400);
	assert_int_equal(icmp4_error_build(&c.m, "\xc6\x33\x64\x01"), 0);
	assert_int_equal(c.m.pkt_len, 14 + 28 + embedded);
	assert_int_equal(c.m.data_len, c.m.pkt_len);
	assert_int_equal(craft_get16(craft_bytes(&c) + 12), 0x0800);
	ip = craft_bytes(&c) + 14;
	assert_int_equal(ip[0], 0x45);
	assert_int_equal(ip[1], 0xc0);
	assert_int_equal(craft_get16(ip + 2), 28 + embedded);
	assert_int_equal(craft_get16(ip + 6), 0);
	assert_int_equal(ip[8], PKT_ORIGIN_TTL + 1);
	assert_int_equal(ip[9], 1);
	assert_int_equal(craft_sum(ip, 20, NULL, 0), 0);
	assert_memory_equal(ip + 12, "\xc6\x33\x64\x01\xc0\x00\x02\x01", 8);
	assert_int_equal(ip[20], 3);
	assert_int_equal(ip[21], 4);
	assert_int_equal(craft_get16(ip + 22), craft_icmp4_sum(ip));
	assert_int_equal(craft_get16(ip + 24), 0);
	assert_int_equal(craft_get16(ip + 26), 1400);
	assert_memory_equal(ip + 28, craft_bytes(&cause) + 14, embedded);
}

static void ip4_error(void **state)
{
	(void)state;
	ip4_error_of(0, 20);
	ip4_error_of(27, 47);
	ip4_error_of(528, 548);
	ip4_error_of(529, 548); /* 576 in all */
	ip4_error_of(1480, 548);
}

static void ip6_error_of(uint16_t payload, uint16_t embedded)
{
	struct craft c, cause;
	const uint8_t *ip;

	craft_ip6(&c, "2001:db8::1", "2001:db8:1::1", 17, 64, payload);
	cause = c;
	want(&c, 2, 0, 1400);
	assert_int_equal(icmp6_error_build(&c.m, "\x20\x01\x0d\xb8sourceaddres"), 0);
	assert_int_equal(c.m.pkt_len, 14 + 48 + embedded);
	assert_int_equal(craft_get16(craft_bytes(&c) + 12), 0x86dd);
	ip = craft_bytes(&c) + 14;
	assert_memory_equal(ip, "\x60\x00\x00\x00", 4);
	assert_int_equal(craft_get16(ip + 4), 8 + embedded);
	assert_int_equal(ip[6], 58);
	assert_int_equal(ip[7], PKT_ORIGIN_TTL + 1);
	assert_memory_equal(ip + 8, "\x20\x01\x0d\xb8sourceaddres", 16);
	assert_memory_equal(ip + 24, craft_bytes(&cause) + 14 + 8, 16);
	assert_int_equal(ip[40], 2);
	assert_int_equal(ip[41], 0);
	assert_int_equal(craft_get16(ip + 42), craft_icmp6_sum(ip));
	assert_int_equal(craft_get16(ip + 44), 0);
	assert_int_equal(craft_get16(ip + 46), 1400);
	assert_memory_equal(ip + 48, craft_bytes(&cause) + 14, embedded);
}

static void ip6_error(void **state)
{
	(void)state;
	ip6_error_of(0, 40);
	ip6_error_of(27, 67);
	ip6_error_of(1192, 1232);
	ip6_error_of(1193, 1232); /* 1280 in all */
	ip6_error_of(1460, 1232);
}

static void untouched_where_there_is_no_room(void **state)
{
	struct craft c, was;

	(void)state;
	craft_ip4(&c, "192.0.2.1", "10.1.2.3", 17, 64, 26);
	c.m.data_off = 27;
	was = c;
	assert_int_equal(icmp4_error_build(&c.m, "\xc6\x33\x64\x01"), -ENOSPC);
	assert_memory_equal(&c, &was, sizeof(c));
	craft_ip4(&c, "192.0.2.1", "10.1.2.3", 17, 64, 26);
	c.m.refcnt = 2;
	was = c;
	assert_int_equal(icmp4_error_build(&c.m, "\xc6\x33\x64\x01"), -ENOSPC);
	assert_memory_equal(&c, &was, sizeof(c));
	craft_ip6(&c, "2001:db8::1", "2001:db8:1::1", 17, 64, 26);
	c.m.data_off = 47;
	was = c;
	assert_int_equal(icmp6_error_build(&c.m, was.room), -ENOSPC);
	assert_memory_equal(&c, &was, sizeof(c));
}

static unsigned int take_all(struct icmp_bucket *b, uint64_t now)
{
	unsigned int n = 0;

	while (icmp_bucket_take(b, now))
		n++;
	return n;
}

static void budget(void **state)
{
	struct icmp_bucket b;

	(void)state;
	icmp_bucket_init(&b, 1000000, 100, 20, 5000); /* one in 10000 ticks */
	assert_int_equal(take_all(&b, 5000), 20);
	assert_int_equal(take_all(&b, 5000 + 9999), 0);
	assert_int_equal(take_all(&b, 5000 + 10000), 1);
	assert_int_equal(take_all(&b, 5000 + 45000), 3);
	assert_int_equal(take_all(&b, 5000 + 50000), 1);
	assert_int_equal(take_all(&b, UINT64_C(1) << 40), 20); /* saves up no more */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ip4_allowed),
		cmocka_unit_test(ip6_allowed),
		cmocka_unit_test(ip4_error),
		cmocka_unit_test(ip6_error),
		cmocka_unit_test(untouched_where_there_is_no_room),
		cmocka_unit_test(budget),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
