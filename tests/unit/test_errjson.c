/* SPDX-License-Identifier: ISC */
/* test_errjson.c: errors as JSON, there and back. */
#include "wire/errjson.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

static void
brings_every_code_back(void **state)
{
	(void)state;
	for (int i = ERR_NONE + 1; i < ERR_CODES; i++) {
		OWN(buf_free) struct buf json = { 0 }, detail = { 0 };
		struct err why = { 0 }, back = { 0 }, e = { 0 };
		(void)err_set(&why, (enum err_code)i, "a \"b\"\\ %d", i);
		errjson_make(&why, bytes_str(""), &json);
		assert_int_equal(
		    errjson_parse(buf_bytes(&json), &back, &detail, &e), 0);
		assert_int_equal(back.code, i);
		assert_string_equal(back.msg, why.msg);
		assert_string_equal(err_fix(&back), err_fix(&why));
		assert_int_equal(detail.n, 0);
	}
}

static void
has_the_fixed_form(void **state)
{
	OWN(buf_free) struct buf json = { 0 };
	struct err why = { 0 };

	(void)state;
	(void)err_set(&why, ERR_CONFLICT, "late");
	(void)err_remedy(&why, "again");
	errjson_make(&why, bytes_str("{\"seq\":7}"), &json);
	assert_string_equal(buf_text(&json),
	    "{\"error\":{\"code\":\"conflict\",\"message\":\"late\","
	    "\"remedy\":\"again\",\"detail\":{\"seq\":7}}}");
}

static void
makes_valid_json_of_any_message(void **state)
{
	OWN(buf_free) struct buf json = { 0 }, detail = { 0 };
	struct err why = { 0 }, back = { 0 }, e = { 0 };

	(void)state;
	(void)err_set(&why, ERR_CONFLICT, "name \xff\n");
	errjson_make(&why, bytes_str(""), &json);
	assert_int_equal(
	    errjson_parse(buf_bytes(&json), &back, &detail, &e), 0);
	assert_string_equal(back.msg, "name \\xff\\n");
}

static void
disarms_what_a_server_writes(void **state)
{
	static const struct {
		const char *json, *msg;
		enum err_code code;
	} cases[] = {
		{ "{\"error\":{\"code\":\"conflict\",\"message\":\"a\\u001b[2J"
		  "\\u009bb\"}}",
		    "a?[2J?"
		    "?b",
		    ERR_CONFLICT },
		{ "{\"error\":{\"code\":\"from-the-future\","
		  "\"message\":\"x\"}}",
		    "error from-the-future: x", ERR_INTERNAL },
		{ "{\"error\":{\"code\":\"ok\",\"message\":\"x\"}}",
		    "error ok: x", ERR_INTERNAL },
		{ "{\"error\":{\"code\":\"conflict\",\"message\":7}}", "",
		    ERR_CONFLICT },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		OWN(buf_free) struct buf detail = { 0 };
		struct err back = { 0 }, e = { 0 };
		assert_int_equal(
		    errjson_parse(bytes_str(cases[i].json), &back, &detail, &e),
		    0);
		assert_int_equal(back.code, cases[i].code);
		assert_string_equal(back.msg, cases[i].msg);
	}
}

static void
cuts_long_messages_between_characters(void **state)
{
	OWN(buf_free) struct buf json = { 0 }, detail = { 0 };
	struct err back = { 0 }, e = { 0 };

	(void)state;
	buf_put_str(&json, "{\"error\":{\"code\":\"conflict\",\"message\":\"");
	for (int i = 0; i < 1000; i++)
		buf_put_str(&json, "\xe2\x82\xac");
	buf_put_str(&json, "\"}}");
	assert_int_equal(
	    errjson_parse(buf_bytes(&json), &back, &detail, &e), 0);
	assert_int_equal(strlen(back.msg) % 3, 0);
	assert_in_range(
	    strlen(back.msg), sizeof back.msg - 4, sizeof back.msg - 1);
}

static void
refuses_what_is_no_error_object(void **state)
{
	static const char *const cases[] = { "", "null", "[]", "{}", "<html>",
		"{\"error\":7}", "{\"error\":{}}", "{\"error\":{\"code\":7}}",
		"{\"error\":{\"code\":\"conflict\"}} x",
		"{\"error\":{\"code\":\"conflict\",\"code\":\"conflict\"}}" };
	OWN(buf_free) struct buf big = { 0 }, detail = { 0 };
	struct err back = { 0 }, e = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(
		    errjson_parse(bytes_str(cases[i]), &back, &detail, &e), -1);
		assert_int_equal(e.code, ERR_BAD_REQUEST);
		assert_int_equal(back.code, ERR_NONE);
	}
	memset(buf_grow(&big, ERRJSON_MAX + 1), ' ', ERRJSON_MAX + 1);
	assert_int_equal(
	    errjson_parse(buf_bytes(&big), &back, &detail, &e), -1);
	assert_int_equal(e.code, ERR_TOO_LARGE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(brings_every_code_back),
		cmocka_unit_test(has_the_fixed_form),
		cmocka_unit_test(makes_valid_json_of_any_message),
		cmocka_unit_test(disarms_what_a_server_writes),
		cmocka_unit_test(cuts_long_messages_between_characters),
		cmocka_unit_test(refuses_what_is_no_error_object),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
