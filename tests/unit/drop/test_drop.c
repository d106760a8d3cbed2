/* SPDX-License-Identifier: BSD-3-Clause */
#include <ctype.h>
#include <string.h>

#include "drop/drop.h"
#include "unit.h"

static void names_are_unique_and_plain(void **state)
{
	(void)state;

	for (int i = 0; i < DROP_REASON_MAX; i++) {
		assert_true(strlen(drop_info[i].text) > 0);
		assert_non_null(drop_info[i].hint);
		for (const char *c = drop_info[i].name; *c != '\0'; c++)
			assert_true(islower(*c) || isdigit(*c) || *c == '-');
		for (int j = 0; j < i; j++)
			assert_string_not_equal(drop_info[i].name, drop_info[j].name);
	}
}

static void threads_count_apart_and_sum(void **state)
{
	uint64_t before = drop_total(DROP_NO_ROUTE);
	(void)state;

	drop_count(0, DROP_NO_ROUTE, 1);
	drop_count(DROP_MAX_THREADS - 1, DROP_NO_ROUTE, 41);
	assert_int_equal(drop_total(DROP_NO_ROUTE) - before, 42);
	assert_int_equal(drop_total(DROP_BLACKHOLE), 0);
	/* Two threads' counters must not share a cache line. */
	assert_int_equal(sizeof(struct drop_counters) % 64, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_unique_and_plain),
		cmocka_unit_test(threads_count_apart_and_sum),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
