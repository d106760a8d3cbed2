/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>

#include "base/addr.h"
#include "unit.h"

static struct ip_prefix prefix(const char *text)
{
	struct ip_prefix p;

	assert_int_equal(ip_prefix_parse(text, &p), 0);
	return p;
}

static struct ip_addr addr(const char *text)
{
	struct ip_addr a;

	assert_int_equal(ip_addr_parse(text, &a), 0);
	return a;
}

static void text_round_trip(void **state)
{
	static const char *const texts[] = {"0.0.0.0/0", "10.0.0.0/8", "192.0.2.255/32", "::/0",
		"2001:db8::/32", "fe80::1/128", "2001:db8:0:0:1::/80"};
	(void)state;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct ip_prefix p = prefix(texts[i]);

		assert_string_equal(IP_PREFIX_TEXT(&p), texts[i]);
	}
	struct ip_addr none = {0};

	assert_string_equal(IP_ADDR_TEXT(&none), "-");
}

static void bad_text_is_refused(void **state)
{
	static const char *const bad[] = {"", "/", "10.0.0.0", "10.0.0.0/", "10.0.0.0/33", "10.0.0/8",
		"010.0.0.0/8", "10.0.0.0/08", "10.0.0.0/8 ", " 10.0.0.0/8", "10.0.0.0/-1", "::/129",
		"1:2:3/16", "fe80::1%eth0/64", "10.0.0.0/8x",
		"1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc/4"};
	struct ip_prefix p = {.len = 77};
	(void)state;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(ip_prefix_parse(bad[i], &p), -EINVAL);
		assert_int_equal(p.len, 77);
	}
}

static void host_bits_are_named(void **state)
{
	struct ip_prefix p;
	(void)state;

	assert_int_equal(ip_prefix_parse("10.1.2.3/8", &p), -EDOM);
	assert_string_equal(IP_PREFIX_TEXT(&p), "10.0.0.0/8");
	assert_int_equal(ip_prefix_parse("10.1.2.255/25", &p), -EDOM);
	assert_string_equal(IP_PREFIX_TEXT(&p), "10.1.2.128/25");
	assert_int_equal(ip_prefix_parse("2001:db8::1/33", &p), -EDOM);
	assert_string_equal(IP_PREFIX_TEXT(&p), "2001:db8::/33");
}

static void containment(void **state)
{
	struct ip_prefix p20 = prefix("10.0.16.0/20"), p21 = prefix("10.0.24.0/21");
	struct ip_prefix all4 = prefix("0.0.0.0/0"), all6 = prefix("::/0"), host = prefix("10.0.24.9/32");
	struct ip_addr in = addr("10.0.31.255"), out = addr("10.0.32.0"), v6 = addr("::1");
	(void)state;

	assert_true(ip_prefix_contains(&p20, &in));
	assert_false(ip_prefix_contains(&p20, &out));
	assert_true(ip_prefix_contains(&all4, &out));
	assert_false(ip_prefix_contains(&all4, &v6));
	assert_true(ip_prefix_contains(&all6, &v6));
	assert_true(ip_prefix_covers(&p20, &p21));
	assert_true(ip_prefix_covers(&p20, &p20));
	assert_false(ip_prefix_covers(&p21, &p20));
	assert_true(ip_prefix_covers(&p21, &host));
	assert_true(ip_prefix_contains(&host, &(struct ip_addr){4, {10, 0, 24, 9}}));
}

static void classes(void **state)
{
	struct ip_addr a;
	(void)state;

	a = addr("239.1.1.1");
	assert_true(ip_addr_is_multicast(&a));
	a = addr("ff02::1");
	assert_true(ip_addr_is_multicast(&a));
	a = addr("127.3.2.1");
	assert_true(ip_addr_is_loopback(&a));
	a = addr("::1");
	assert_true(ip_addr_is_loopback(&a));
	a = addr("febf::1");
	assert_true(ip_addr_is_link_local(&a));
	a = addr("fec0::1");
	assert_false(ip_addr_is_link_local(&a));
	a = addr("169.254.169.254");
	assert_true(ip_addr_is_link_local(&a));
	a = addr("::");
	assert_true(ip_addr_is_unspecified(&a));
}

static void hash_tells_addresses_and_families_apart(void **state)
{
	struct ip_addr a = addr("10.0.0.1"), b = addr("10.0.0.2");
	(void)state;

	assert_int_equal(ip_addr_hash(&a, 7), ip_addr_hash(&(struct ip_addr){4, {10, 0, 0, 1}}, 7));
	assert_int_not_equal(ip_addr_hash(&a, 7), ip_addr_hash(&b, 7));
	assert_int_not_equal(ip_addr_hash(&a, 7), ip_addr_hash(&a, 8));
	/* The same bytes in the other family. */
	assert_int_not_equal(ip_addr_hash(&a, 7), ip_addr_hash(&(struct ip_addr){6, {10, 0, 0, 1}}, 7));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_round_trip),
		cmocka_unit_test(bad_text_is_refused),
		cmocka_unit_test(host_bits_are_named),
		cmocka_unit_test(containment),
		cmocka_unit_test(classes),
		cmocka_unit_test(hash_tells_addresses_and_families_apart),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
