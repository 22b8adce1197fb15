/* SPDX-License-Identifier: ISC */
/* test_scope.c: what an app-specific password may be for. */
#include "wire/scope.h"

#include <string.h>

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

static void
takes_what_is_one(void **state)
{
	static const struct {
		const char *text;
		enum scope_kind kind;
		bool read_only;
		const char *folder;
	} cases[] = {
		{ "mail", SCOPE_MAIL, false, NULL },
		{ "dav", SCOPE_DAV, false, NULL },
		{ "files", SCOPE_FILES, false, NULL },
		{ "files:ro", SCOPE_FILES, true, NULL },
		{ "files:/a", SCOPE_FILES, false, "/a" },
		{ "files:ro:/a b/ø", SCOPE_FILES, true, "/a b/ø" },
		{ "files:/...", SCOPE_FILES, false, "/..." },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct scope s;
		struct err e = { 0 };
		assert_int_equal(scope_parse(cases[i].text, &s, &e), 0);
		assert_int_equal(s.kind, cases[i].kind);
		assert_int_equal(s.read_only, cases[i].read_only);
		if (cases[i].folder == NULL)
			assert_null(s.folder);
		else
			assert_string_equal(s.folder, cases[i].folder);
	}
}

static void
refuses_all_else(void **state)
{
	static const char *const cases[] = { "", "mails", "mail:ro", "dav:/a",
		"file", "files:", "files:r", "files:roo",
		"files:ro:", "files:a", "files:ro/a", "files:/", "files:/a/",
		"files://a", "files:/a//b", "files:/./a", "files:/a/..",
		"files:/a\nb", "files:/\xff" };
	char longest[SCOPE_BYTES + 2];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct scope s;
		struct err e = { 0 };
		assert_int_equal(scope_parse(cases[i], &s, &e), -1);
		assert_int_equal(e.code, ERR_BAD_REQUEST);
	}
	memset(longest, 'a', sizeof longest - 1);
	longest[sizeof longest - 1] = '\0';
	memcpy(longest, "files:/", 7);
	struct scope s;
	struct err e = { 0 };
	assert_int_equal(scope_parse(longest, &s, &e), -1);
	longest[SCOPE_BYTES] = '\0';
	assert_int_equal(scope_parse(longest, &s, &e), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_what_is_one),
		cmocka_unit_test(refuses_all_else),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
