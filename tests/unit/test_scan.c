/* SPDX-License-Identifier: ISC */
/* test_scan.c: the cursor over bytes from outside. */
#include "base/scan.h"

#include <string.h>

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

static void
reads_what_was_put(void **state)
{
	OWN(buf_free) struct buf b = { 0 };
	uint8_t copy[3];

	(void)state;
	buf_put_u8(&b, 1);
	buf_put_u16(&b, 0x1234);
	buf_put_u32(&b, 0x89abcdef);
	buf_put_u64(&b, 0xfedcba9876543210);
	buf_put_varint(&b, 300);
	buf_put_v8(&b, bytes_str("x"));
	buf_put_v16(&b, bytes_str(""));
	buf_put_v32(&b, bytes_str("yz"));
	buf_put_vv(&b, bytes_str("w"));
	buf_put_zigzag(&b, -2);
	buf_put_zigzag(&b, INT64_MIN);
	buf_put_zigzag(&b, INT64_MAX);
	buf_put_str(&b, "end");
	struct scan s = scan_of(buf_bytes(&b));
	assert_int_equal(scan_u8(&s), 1);
	assert_int_equal(scan_u16(&s), 0x1234);
	assert_true(scan_u32(&s) == 0x89abcdef);
	assert_true(scan_u64(&s) == 0xfedcba9876543210);
	assert_int_equal(scan_varint(&s), 300);
	assert_true(bytes_equal(scan_v8(&s), bytes_str("x")));
	assert_int_equal(scan_v16(&s).n, 0);
	assert_true(bytes_equal(scan_v32(&s), bytes_str("yz")));
	assert_true(bytes_equal(scan_vv(&s), bytes_str("w")));
	assert_int_equal(scan_zigzag(&s), -2);
	assert_true(scan_zigzag(&s) == INT64_MIN);
	assert_true(scan_zigzag(&s) == INT64_MAX);
	assert_false(scan_done(&s));
	scan_copy(&s, copy, 3);
	assert_memory_equal(copy, "end", 3);
	assert_true(scan_done(&s));
}

static void
a_short_read_marks_it_for_good(void **state)
{
	struct scan s = scan_of(bytes_str("abc"));
	uint8_t copy[4] = { 9, 9, 9, 9 };

	(void)state;
	assert_int_equal(scan_u32(&s), 0);
	assert_false(scan_ok(&s));
	assert_int_equal(scan_u8(&s), 0);
	assert_int_equal(scan_take(&s, 1).n, 0);
	assert_null(scan_take(&s, 0).p);
	scan_copy(&s, copy, sizeof copy);
	assert_memory_equal(copy, "\0\0\0\0", 4);
	assert_false(scan_done(&s));
}

static void
a_length_beyond_the_end_is_short(void **state)
{
	static const struct {
		const char *text;
		size_t n;
		struct bytes (*read)(struct scan *);
	} cases[] = {
		{ "\x02"
		  "a",
		    2, scan_v8 },
		{ "\x00\x02"
		  "a",
		    3, scan_v16 },
		{ "\x00", 1, scan_v16 },
		{ "\xff\xff\xff\xff"
		  "a",
		    5, scan_v32 },
		{ "\x00\x00\x00", 3, scan_v32 },
		{ "\x02"
		  "a",
		    2, scan_vv },
		{ "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"
		  "a",
		    11, scan_vv },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct scan s = scan_of(bytes_of(cases[i].text, cases[i].n));
		assert_int_equal(cases[i].read(&s).n, 0);
		assert_false(scan_ok(&s));
	}
}

static void
varints_have_one_form(void **state)
{
	static const struct {
		const char *text;
		size_t n;
		bool good;
		uint64_t v;
	} cases[] = {
		{ "\x00", 1, true, 0 },
		{ "\x7f", 1, true, 127 },
		{ "\x80\x01", 2, true, 128 },
		{ "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10, true,
		    UINT64_MAX },
		{ "\x80\x00", 2, false, 0 }, /* 0 in two bytes */
		{ "\xff\x00", 2, false, 0 }, /* 127 in two bytes */
		{ "\x80", 1, false, 0 }, /* cut short */
		{ "", 0, false, 0 },
		{ "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 10, false, 0 },
		{ "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", 11, false,
		    0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct scan s = scan_of(bytes_of(cases[i].text, cases[i].n));
		uint64_t v = scan_varint(&s);
		assert_true(v == cases[i].v);
		assert_int_equal(scan_done(&s), cases[i].good);
	}
}

static void
an_empty_scan_is_done(void **state)
{
	struct scan s = scan_of(bytes_of(NULL, 0));

	(void)state;
	assert_true(scan_done(&s));
	assert_int_equal(scan_take(&s, 0).n, 0);
	assert_true(scan_done(&s));
	scan_copy(&s, NULL, 0);
	assert_true(scan_done(&s));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_what_was_put),
		cmocka_unit_test(a_short_read_marks_it_for_good),
		cmocka_unit_test(a_length_beyond_the_end_is_short),
		cmocka_unit_test(varints_have_one_form),
		cmocka_unit_test(an_empty_scan_is_done),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
