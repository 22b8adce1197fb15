/* SPDX-License-Identifier: ISC */
/* test_shown_code.c: codes of two kinds, drawn, shown, typed and mistaken. */
#include "join/shown_code.h"

#include <string.h>

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

static const enum shown_code kinds[] = { SHOWN_PAIR, SHOWN_VERIFY };

static void
what_is_shown_can_be_typed(void **state)
{
	char digits[SHOWN_DIGITS_MAX + 1], got[SHOWN_DIGITS_MAX + 1];
	char text[SHOWN_TEXT_MAX];
	struct err e;

	(void)state;
	for (int i = 0; i < 2000; i++) {
		enum shown_code kind = kinds[i % 2];
		shown_code_draw(kind, digits);
		shown_code_text(kind, digits, text);
		assert_int_equal(
		    shown_code_parse(kind, bytes_str(text), got, &e), 0);
		assert_string_equal(digits, got);
		assert_int_equal(
		    shown_code_parse(kind, bytes_str(digits), got, &e), 0);
		/* In the other's place it is told, by its letter. */
		assert_int_equal(shown_code_parse(kinds[(i + 1) % 2],
				     bytes_str(text), got, &e),
		    -1);
		assert_int_equal(e.code, ERR_WRONG_CODE_KIND);
	}
}

static void
a_slip_costs_nothing(void **state)
{
	char digits[SHOWN_DIGITS_MAX + 1], got[SHOWN_DIGITS_MAX + 1];
	struct err e;

	(void)state;
	for (int i = 0; i < 200; i++) {
		enum shown_code kind = kinds[i % 2];
		shown_code_draw(kind, digits);
		char *at = &digits[(size_t)i % strlen(digits)];
		*at = *at == '9' ? '0' : (char)(*at + 1);
		assert_int_equal(
		    shown_code_parse(kind, bytes_str(digits), got, &e), -1);
		assert_int_equal(e.code, ERR_WRONG_CODE);
	}
	assert_int_equal(
	    shown_code_parse(SHOWN_PAIR, bytes_str("123456"), got, &e), -1);
	assert_int_equal(e.code, ERR_WRONG_CODE_KIND);
	assert_int_equal(
	    shown_code_parse(SHOWN_VERIFY, bytes_str("1234567890123"), got, &e),
	    -1);
	assert_int_equal(e.code, ERR_WRONG_CODE);
	assert_int_equal(
	    shown_code_parse(SHOWN_VERIFY, bytes_str(""), got, &e), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_shown_can_be_typed),
		cmocka_unit_test(a_slip_costs_nothing),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
