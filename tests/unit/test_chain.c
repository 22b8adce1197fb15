/* SPDX-License-Identifier: ISC */
/* test_chain.c: entries of the future are not followed. */
#include "base/now.h"
#include "client/chain.h"

#include <string.h>

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

static void
an_entry_dated_ahead_is_not_followed(void **state)
{
	static const int64_t minute = 60000;
	static const struct {
		int64_t ahead_ms;
		bool followed;
	} cases[] = { { -24 * 60 * minute, true }, { 0, true },
		{ 4 * minute, true }, { 6 * minute, false },
		{ 73 * 60 * minute, false } };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct circle c = { .seq = 7 };
		struct err e = { 0 };
		c.time_ms = (uint64_t)(now_ms() + cases[i].ahead_ms);
		assert_int_equal(
		    chain_in_time(&c, &e), cases[i].followed ? 0 : -1);
		if (!cases[i].followed)
			assert_int_equal(e.code, ERR_CLOCK_WRONG);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_entry_dated_ahead_is_not_followed),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
