/* SPDX-License-Identifier: ISC */
/* test_err.c: the catalogue and the value that travels up. */
#include "base/err.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

static void
every_code_has_a_name_of_its_own(void **state)
{
	(void)state;
	for (int i = 0; i < ERR_CODES; i++) {
		const char *name = err_name((enum err_code)i);
		assert_int_equal(err_find(name, strlen(name)), i);
		assert_int_equal(
		    strspn(name, "abcdefghijklmnopqrstuvwxyz-"), strlen(name));
	}
}

static void
every_row_is_complete(void **state)
{
	(void)state;
	for (int i = 1; i < ERR_CODES; i++) {
		struct err e = { .code = (enum err_code)i };
		const char *what = err_what(e.code);
		assert_in_range(err_http(e.code), 400, 599);
		assert_in_range(err_exit(e.code), 1, 6);
		assert_int_equal(what[strlen(what) - 1], '.');
		assert_true(strlen(err_fix(&e)) > 0);
	}
	assert_int_equal(err_exit(ERR_NONE), 0);
	assert_int_equal(err_http(ERR_NONE), 200);
}

static void
finds_no_code_by_a_wrong_name(void **state)
{
	static const char *const wrong[] = { "", "o", "okay", "OK", "ok ",
		"blob-corrup", "blob_corrupt" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		assert_int_equal(
		    err_find(wrong[i], strlen(wrong[i])), ERR_CODES);
	assert_int_equal(err_find("ok!", 2), ERR_NONE);
}

static void
a_code_from_nowhere_counts_as_internal(void **state)
{
	(void)state;
	assert_string_equal(err_name(ERR_CODES), "internal-error");
	assert_int_equal(err_exit((enum err_code)9999), 1);
}

static void
a_message_grows_a_prefix(void **state)
{
	struct err e = { 0 };

	(void)state;
	assert_int_equal(err_set(&e, ERR_CONFLICT, "seq %d", 7), -1);
	assert_int_equal(err_in(&e, "zone %s", "abc"), -1);
	assert_int_equal(err_in(&e, "sync"), -1);
	assert_string_equal(e.msg, "sync: zone abc: seq 7");
	assert_int_equal(e.code, ERR_CONFLICT);
}

static void
a_long_message_is_cut_not_overrun(void **state)
{
	struct err e = { 0 };
	char many[2 * sizeof e.msg];

	(void)state;
	memset(many, 'x', sizeof many);
	many[sizeof many - 1] = '\0';
	(void)err_set(&e, ERR_IO, "%s", many);
	assert_int_equal(strlen(e.msg), sizeof e.msg - 1);
	(void)err_in(&e, "p");
	assert_int_equal(strlen(e.msg), sizeof e.msg - 1);
	assert_memory_equal(e.msg, "p: xxx", 6);
	(void)err_in(&e, "%s", many);
	(void)err_remedy(&e, "%s", many);
	assert_int_equal(strlen(e.remedy), sizeof e.remedy - 1);
}

static void
errno_chooses_the_code(void **state)
{
	static const struct {
		int number;
		enum err_code code;
	} cases[] = {
		{ ENOSPC, ERR_DISK_FULL_HERE },
		{ EDQUOT, ERR_DISK_FULL_HERE },
		{ ENOENT, ERR_NOT_FOUND },
		{ EIO, ERR_IO },
		{ EACCES, ERR_IO },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct err e = { 0 };
		errno = cases[i].number;
		assert_int_equal(err_sys(&e, "open %d", 3), -1);
		assert_int_equal(e.code, cases[i].code);
		assert_memory_equal(e.msg, "open 3: ", 8);
		assert_string_equal(e.msg + 8, strerror(cases[i].number));
	}
}

static void
a_better_remedy_replaces_the_usual_until_the_next_error(void **state)
{
	struct err e = { 0 };

	(void)state;
	(void)err_set(&e, ERR_CONFLICT, "x");
	assert_string_equal(err_fix(&e), "Run the command again.");
	(void)err_remedy(&e, "Run: %s", "aumbry sync");
	assert_string_equal(err_fix(&e), "Run: aumbry sync");
	(void)err_set(&e, ERR_CONFLICT, "x");
	assert_string_equal(err_fix(&e), "Run the command again.");
	err_clear(&e);
	assert_int_equal(e.code, ERR_NONE);
	assert_string_equal(e.msg, "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_code_has_a_name_of_its_own),
		cmocka_unit_test(every_row_is_complete),
		cmocka_unit_test(finds_no_code_by_a_wrong_name),
		cmocka_unit_test(a_code_from_nowhere_counts_as_internal),
		cmocka_unit_test(a_message_grows_a_prefix),
		cmocka_unit_test(a_long_message_is_cut_not_overrun),
		cmocka_unit_test(errno_chooses_the_code),
		cmocka_unit_test(
		    a_better_remedy_replaces_the_usual_until_the_next_error),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
