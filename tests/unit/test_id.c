/* SPDX-License-Identifier: ISC */
/* test_id.c: names of things and their text. */
#include "wire/id.h"

#include <string.h>

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

static const struct id sample = { { 0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66,
    0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff } };

static void
text_is_32_hex_digits(void **state)
{
	(void)state;
	assert_string_equal(
	    id_text(&sample).s, "00112233445566778899aabbccddeeff");
	assert_string_equal(id_short(&sample).s, "00112233");
}

static void
parses_its_own_text_and_nothing_else(void **state)
{
	static const struct {
		const char *text;
		int result;
	} cases[] = {
		{ "00112233445566778899aabbccddeeff", 0 },
		{ "00112233445566778899AABBCCDDEEFF", 0 },
		{ "00112233445566778899aabbccddeef", -1 },
		{ "00112233445566778899aabbccddeeff0", -1 },
		{ "00112233445566778899aabbccddeeff00", -1 },
		{ "00112233445566778899aabbccddeefg", -1 },
		{ " 0112233445566778899aabbccddeeff", -1 },
		{ "", -1 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct id id = { { 7 } };
		assert_int_equal(
		    id_parse(bytes_str(cases[i].text), &id), cases[i].result);
		assert_int_equal(id_equal(&id, &sample), cases[i].result == 0);
	}
}

static void
random_ones_differ(void **state)
{
	struct id a, b;

	(void)state;
	id_random(&a);
	id_random(&b);
	assert_false(id_equal(&a, &b));
	assert_false(id_zero(&a));
}

static void
zero_and_order(void **state)
{
	static const struct id zero, one = { { [15] = 1 } };

	(void)state;
	assert_true(id_zero(&zero));
	assert_false(id_zero(&one));
	assert_true(id_cmp(&zero, &one) < 0);
	assert_true(id_cmp(&sample, &one) > 0);
	assert_int_equal(id_cmp(&sample, &sample), 0);
}

static void
travels_as_16_bytes(void **state)
{
	OWN(buf_free) struct buf b = { 0 };

	(void)state;
	id_put(&b, &sample);
	assert_int_equal(b.n, ID_BYTES);
	struct scan s = scan_of(buf_bytes(&b));
	struct id back = id_take(&s);
	assert_true(scan_done(&s) && id_equal(&back, &sample));
	back = id_take(&s);
	assert_true(id_zero(&back));
	assert_false(scan_ok(&s));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_is_32_hex_digits),
		cmocka_unit_test(parses_its_own_text_and_nothing_else),
		cmocka_unit_test(random_ones_differ),
		cmocka_unit_test(zero_and_order),
		cmocka_unit_test(travels_as_16_bytes),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
