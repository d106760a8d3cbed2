/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/buf.h"
#include "unit.h"

static void reads_in_order_and_stops_at_the_end(void **state)
{
	static const uint8_t bytes[] = {1, 2, 3, 4, 5, 6, 7, 8};
	struct buf_reader r = buf_reader(bytes, sizeof(bytes)), sub;
	(void)state;

	assert_int_equal(buf_get_u8(&r), 1);
	assert_int_equal(buf_get_u16(&r), 0x0203);
	sub = buf_sub(&r, 4);
	assert_int_equal(buf_get_u32(&sub), 0x04050607);
	assert_false(sub.failed);
	assert_int_equal(buf_get_u8(&sub), 0);
	assert_true(sub.failed);
	assert_false(r.failed);
	assert_int_equal(buf_get_u16(&r), 0);
	assert_true(r.failed);
	/* A failure latches: the byte that is left cannot be read by mistake. */
	assert_int_equal(buf_get_u8(&r), 0);
	assert_int_equal(r.len, 1);
}

static void a_failed_sub_reader_is_empty(void **state)
{
	struct buf_reader r = buf_reader("ab", 2), sub = buf_sub(&r, 3);
	(void)state;

	assert_true(r.failed);
	assert_true(sub.failed);
	assert_null(buf_take(&sub, 0));
}

static void writes_are_bounded(void **state)
{
	uint8_t out[8] = {0};
	struct buf_writer w = buf_writer(out, 7);
	(void)state;

	buf_put_u8(&w, 1);
	buf_put_u16(&w, 0);
	buf_put_u32(&w, 0x0a0b0c0d);
	buf_patch_u16(&w, 1, 0x0203);
	assert_false(w.failed);
	assert_memory_equal(out, ((uint8_t[]){1, 2, 3, 10, 11, 12, 13, 0}), 8);
	buf_put_u8(&w, 9);
	assert_true(w.failed);
	assert_int_equal(w.len, 7);
	assert_int_equal(out[7], 0);
}

static void patch_beyond_what_was_written_fails(void **state)
{
	uint8_t out[4];
	struct buf_writer w = buf_writer(out, 4);
	(void)state;

	buf_put_u16(&w, 1);
	buf_patch_u16(&w, 1, 1);
	assert_true(w.failed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_in_order_and_stops_at_the_end),
		cmocka_unit_test(a_failed_sub_reader_is_empty),
		cmocka_unit_test(writes_are_bounded),
		cmocka_unit_test(patch_beyond_what_was_written_fails),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
