/* SPDX-License-Identifier: ISC */
/* test_category.c: names of categories. */
#include "wire/category.h"
#include "base/own.h"

#include <string.h>

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

static void
each_known_one_has_a_name_of_its_own(void **state)
{
	(void)state;
	for (unsigned a = CATEGORY_STATE; a < CATEGORY_END; a++) {
		assert_true(category_known(a));
		assert_true(strlen(category_name((enum category)a)) > 1);
		for (unsigned b = CATEGORY_STATE; b < a; b++)
			assert_string_not_equal(category_name((enum category)a),
			    category_name((enum category)b));
	}
}

static void
numbers_are_those_that_are_stored(void **state)
{
	(void)state;
	assert_string_equal(category_name((enum category)1), "state");
	assert_string_equal(category_name((enum category)2), "backup");
	assert_string_equal(category_name((enum category)3), "drive");
	assert_string_equal(category_name((enum category)8), "health");
}

static void
others_are_unknown(void **state)
{
	static const unsigned wrong[] = { 0, CATEGORY_END, 255, 65536 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		assert_false(category_known(wrong[i]));
		assert_string_equal(
		    category_name((enum category)wrong[i]), "?");
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_known_one_has_a_name_of_its_own),
		cmocka_unit_test(numbers_are_those_that_are_stored),
		cmocka_unit_test(others_are_unknown),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
