/* SPDX-License-Identifier: ISC */
/* test_template.c: values stay values; numbers of phones. */
#include "factor/phone.h"
#include "server/template.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void
fills_in_as_asked(void **state)
{
	static const struct {
		const char *text;
		enum template_as as;
		const char *want;
	} cases[] = {
		{ "to={number}&t={message}", TEMPLATE_PERCENT,
		    "to=%2B420&t=%22a%26b%22%0A%C3%A9%5C" },
		{ "{\"t\":\"{message}\"}", TEMPLATE_JSON,
		    "{\"t\":\"\\\"a&b\\\"\\u000aé\\\\\"}" },
		{ "x{number}x", TEMPLATE_PLAIN, "x+420x" },
		{ "{code}{code}", TEMPLATE_PLAIN, "{number}{number}" },
		{ "{numbe} {x} { {", TEMPLATE_PERCENT, "{numbe} {x} { {" },
		{ "", TEMPLATE_JSON, "" },
	};
	/* What a value holds is not filled in again. */
	const struct template_values v = { "+420", "{number}", "\"a&b\"\né\\" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		OWN(buf_free) struct buf b = { 0 };
		template_fill(&b, cases[i].text, cases[i].as, &v);
		assert_string_equal(buf_text(&b), cases[i].want);
	}
}

static void
finds_what_it_has(void **state)
{
	(void)state;
	assert_true(template_has("{{code}", "code"));
	assert_true(template_has("{cod{code}", "code"));
	assert_false(template_has("{code", "code"));
	assert_false(template_has("{codex}", "code"));
	assert_false(template_has("code}", "code"));
}

static void
takes_numbers_as_people_write_them(void **state)
{
	static const struct {
		const char *text, *want; /* NULL: none */
	} cases[] = { { "+420 (601) 234-567", "+420601234567" },
		{ "+1234567", "+1234567" }, { "+123456", NULL },
		{ "+123456789012345", "+123456789012345" },
		{ "+1234567890123456", NULL }, { "+0123456789", NULL },
		{ "1234567", NULL }, { "++1234567", NULL },
		{ " +1234567", NULL }, { "+123456x", NULL }, { "+", NULL },
		{ "", NULL }, { "+1234567\n", NULL } };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char number[PHONE_NUMBER + 1];
		bool ok = phone_parse(cases[i].text, number);
		assert_int_equal(ok, cases[i].want != NULL);
		if (ok)
			assert_string_equal(number, cases[i].want);
	}
}

static void
refuses_templates_that_show_or_lack(void **state)
{
	static const struct {
		const char *url, *method, *body, *command;
		bool ok;
	} cases[] = {
		{ "", "GET", "", "", true },
		{ "http://x/?{number}{message}", "GET", "", "", true },
		{ "http://x/?{number}{code}", "GET", "", "", true },
		{ "http://x/{number}", "POST", "{message}", "", true },
		{ "http://x/{number}", "GET", "{message}", "", false },
		{ "http://x/", "POST", "{message}", "", false },
		{ "http://x/?{number}", "GET", "", "", false },
		{ "http://x/?{number}{code}", "PUT", "", "", false },
		{ "", "GET", "", "call {number}", true },
		{ "", "GET", "", "call {code}", false },
		{ "", "GET", "", "call x{message}", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		OWN(config_free) struct config c = { 0 };
		struct err e;
		config_defaults(&c);
		assert_int_equal(
		    config_set(&c, "phone", "text_url", cases[i].url, &e), 0);
		assert_int_equal(
		    config_set(&c, "phone", "text_method", cases[i].method, &e),
		    0);
		assert_int_equal(
		    config_set(&c, "phone", "text_body", cases[i].body, &e), 0);
		assert_int_equal(config_set(&c, "phone", "call_command",
				     cases[i].command, &e),
		    0);
		assert_int_equal(gateway_check(&c, &e), cases[i].ok ? 0 : -1);
		if (!cases[i].ok)
			assert_int_equal(e.code, ERR_USAGE);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(fills_in_as_asked),
		cmocka_unit_test(finds_what_it_has),
		cmocka_unit_test(takes_numbers_as_people_write_them),
		cmocka_unit_test(refuses_templates_that_show_or_lack) };

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
