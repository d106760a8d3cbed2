/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <string.h>

#include "base/scalar.h"
#include "unit.h"

static void numbers(void **state)
{
	uint64_t v = 7;
	(void)state;

	assert_int_equal(scalar_parse_u64("0", 0, 10, &v), 0);
	assert_int_equal(v, 0);
	assert_int_equal(scalar_parse_u64("18446744073709551615", 0, UINT64_MAX, &v), 0);
	assert_true(v == UINT64_MAX);
	v = 7;
	assert_int_equal(scalar_parse_u64("18446744073709551616", 0, UINT64_MAX, &v), -ERANGE);
	assert_int_equal(scalar_parse_u64("11", 0, 10, &v), -ERANGE);
	assert_int_equal(scalar_parse_u64("1", 2, 10, &v), -ERANGE);
	static const char *const bad[] = {"", "-1", "+1", "010", "00", "0x10", "1 ", " 1", "1k", "1.0", "1e3", "1_0"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(scalar_parse_u64(bad[i], 0, 1000, &v), -EINVAL);
	assert_int_equal(v, 7);
}

static void durations_need_a_unit(void **state)
{
	uint64_t ms = 7;
	(void)state;

	assert_int_equal(scalar_parse_duration_ms("250ms", 0, 1000, &ms), 0);
	assert_int_equal(ms, 250);
	assert_int_equal(scalar_parse_duration_ms("30s", 0, 60000, &ms), 0);
	assert_int_equal(ms, 30000);
	assert_int_equal(scalar_parse_duration_ms("2h", 0, 7200000, &ms), 0);
	assert_int_equal(ms, 7200000);
	assert_int_equal(scalar_parse_duration_ms("30", 0, 60000, &ms), -EINVAL);
	assert_int_equal(scalar_parse_duration_ms("30 s", 0, 60000, &ms), -EINVAL);
	assert_int_equal(scalar_parse_duration_ms("s", 0, 60000, &ms), -EINVAL);
	assert_int_equal(scalar_parse_duration_ms("5124095576030432h", 0, UINT64_MAX, &ms), -ERANGE);
	assert_int_equal(scalar_parse_duration_ms("2m", 0, 60000, &ms), -ERANGE);
	assert_int_equal(ms, 7200000);
}

static void booleans_and_macs(void **state)
{
	bool b = false;
	uint8_t mac[6] = {0};
	(void)state;

	assert_int_equal(scalar_parse_bool("true", &b), 0);
	assert_true(b);
	assert_int_equal(scalar_parse_bool("yes", &b), -EINVAL);
	assert_int_equal(scalar_parse_mac("12:34:56:78:9a:Bc", mac), 0);
	assert_memory_equal(mac, "\x12\x34\x56\x78\x9a\xbc", 6);
	static const char *const bad[] = {"", "12:34:56:78:9a", "12:34:56:78:9a:bc:", "12-34-56-78-9a-bc",
		"12:34:56:78:9a:bg", "12:34:56:78:9a:b"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(scalar_parse_mac(bad[i], mac), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers),
		cmocka_unit_test(durations_need_a_unit),
		cmocka_unit_test(booleans_and_macs),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
