/* SPDX-License-Identifier: ISC */
/* test_typed.c: what is pasted is read as what was meant, and nothing else. */
#include "base/rune.h"
#include "base/text.h"
#include "base/typed.h"
#include "link/remote.h"
#include "factor/phone.h"
#include "wire/id.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

struct pair {
	const char *typed, *want; /* NULL: refused */
};

static void
reads_codes_however_they_are_set(void **state)
{
	static const struct pair cases[] = {
		{ "123456", "123456" },
		{ " 123 456 ", "123456" },
		{ "123-456\r\n", "123456" },
		{ "\xef\xbb\xbf"
		  "123456",
		    "123456" }, /* a mark of a file */
		{ "123\xc2\xa0"
		  "456",
		    "123456" }, /* no-break space */
		{ "1234\xe2\x80\x93"
		  "5678",
		    "12345678" }, /* en dash */
		{ "1234\xe2\x80\x91"
		  "5678",
		    "12345678" }, /* no-break hyphen */
		{ "\xe2\x80\xaa"
		  "123456\xe2\x80\xac",
		    "123456" }, /* marks of direction */
		{ "12\xe2\x80\x8b"
		  "3456",
		    "123456" }, /* zero width */
		{ "\xef\xbc\x91\xef\xbc\x92"
		  "3456",
		    "123456" }, /* full width */
		{ "abCD", "abCD" },
		{ "12\x1b[A", "12\x1b[A" },
		{ "12\xff", "12\xff" },
		{ "", "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		OWN(buf_free) struct buf b = { 0 };
		typed_code(&b, bytes_str(cases[i].typed));
		assert_string_equal(buf_text(&b), cases[i].want);
	}
}

static void
reads_files_of_any_editor(void **state)
{
	static const struct pair cases[] = {
		{ "a\nb\n", "a\nb\n" },
		{ "\xef\xbb\xbf"
		  "a\r\n\r\nb\r\n",
		    "a\n\nb\n" },
		{ "a\rb\r", "a\rb\r" },
		{ "\xef\xbb\xbf", "" },
		{ "", "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		OWN(buf_free) struct buf b = { 0 };
		buf_put_str(&b, cases[i].typed);
		typed_lines(&b);
		assert_string_equal(buf_text(&b), cases[i].want);
	}
}

static void
reads_an_account_by_its_name_or_address(void **state)
{
	static const struct pair cases[] = {
		{ "ana", "ana" },
		{ " ana\n", "ana" },
		{ "Ana", "ana" },
		{ "ana@home.example", "ana" },
		{ "ana@HOME.example ", "ana" },
		{ "ana@", "ana" },
		{ "\xc2\xa0"
		  "ana",
		    "ana" },
		{ "ana b", "ana b" }, /* the server says what a name is */
		{ "ana@other.example", NULL },
		{ "ana@home.example@x", NULL },
		{ "@home.example", NULL },
		{ " ", NULL },
		{ "", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		OWN(buf_free) struct buf b = { 0 };
		struct err e = { 0 };
		int rc = typed_account(
		    bytes_str(cases[i].typed), "home.example", &b, &e);
		if (cases[i].want == NULL) {
			assert_int_equal(rc, -1);
			assert_int_equal(e.code, ERR_BAD_NAME);
			continue;
		}
		assert_int_equal(rc, 0);
		assert_string_equal(buf_text(&b), cases[i].want);
	}
	OWN(buf_free) struct buf b = { 0 };
	struct err e;
	assert_int_equal(
	    typed_account(bytes_of("ana\0@x", 6), "x", &b, &e), -1);
}

static void
reads_numbers_as_people_write_them(void **state)
{
	static const struct pair cases[] = {
		{ "+420601234567", "+420601234567" },
		{ "+44 (0)20 7946 0000", "+442079460000" },
		{ "+44(0)20 7946 0000", "+442079460000" },
		{ "+420 (601) 234-567", "+420601234567" },
		{ "00420601234567", "+420601234567" },
		{ "00 420 601 234 567", "+420601234567" },
		{ "+49.151/2345678", "+491512345678" },
		{ "+420\xc2\xa0"
		  "601\xe2\x80\x91"
		  "234567",
		    "+420601234567" },
		{ "+39 06 1234567", "+39061234567" }, /* is dialed so */
		{ "+44 (0)", NULL },
		{ "420601234567", NULL },
		{ "0601234567", NULL },
		{ "+0601234567", NULL },
		{ "000601234567", NULL },
		{ "+420601234567+1", NULL },
		{ "+420601234567 x5", NULL },
		{ "+12345", NULL },
		{ "+1234567890123456", NULL },
		{ "", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char out[PHONE_NUMBER + 1] = "";
		bool ok = phone_parse(cases[i].typed, out);
		assert_int_equal(ok, cases[i].want != NULL);
		if (ok)
			assert_string_equal(out, cases[i].want);
	}
}

static void
shows_what_hides_and_what_turns(void **state)
{
	static const struct pair cases[] = {
		{ "plain \xc3\xa9", "plain \xc3\xa9" },
		{ "a\xe2\x80\xae"
		  "b",
		    "a\\xe2\\x80\\xaeb" }, /* U+202E */
		{ "\xe2\x81\xa6x\xe2\x81\xa9",
		    "\\xe2\\x81\\xa6x\\xe2\\x81\\xa9" }, /* U+2066, U+2069 */
		{ "a\xe2\x80\x8b"
		  "b",
		    "a\\xe2\\x80\\x8bb" }, /* U+200B */
		{ "lap\xe2\x80\x8dtop", "lap\\xe2\\x80\\x8dtop" },
		{ "\xd8\x9c", "\\xd8\\x9c" }, /* U+061C */
		{ "\xe2\x80\xa8", "\\xe2\\x80\\xa8" }, /* U+2028 */
		{ "\xef\xbb\xbf", "\\xef\\xbb\\xbf" }, /* U+FEFF */
		{ "\xf3\xa0\x81\x81", "\\xf3\\xa0\\x81\\x81" }, /* a tag */
		{ "\xc2\x9b", "\\xc2\\x9b" },
		{ "\x1b[2J", "\\x1b[2J" },
		{ "\xed\xa0\x80", "\\xed\\xa0\\x80" }, /* half of a pair */
		/* A joiner between letters that need it: Persian, a family. */
		{ "\xd9\x85\xe2\x80\x8c\xd8\xae",
		    "\xd9\x85\xe2\x80\x8c\xd8\xae" },
		{ "\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x91\xa7",
		    "\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x91\xa7" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		OWN(buf_free) struct buf b = { 0 };
		text_show(&b, bytes_str(cases[i].typed));
		assert_string_equal(buf_text(&b), cases[i].want);
		assert_int_equal(text_is_label(cases[i].typed),
		    strcmp(cases[i].typed, cases[i].want) == 0);
	}
	assert_false(text_is_label("   "));
	assert_false(text_is_label("\xe3\x80\x80"));
	assert_false(text_is_label("\xe3\x85\xa4"));
	assert_true(text_is_label(""));
}

static void
rune_and_bytes_go_both_ways(void **state)
{
	static const uint32_t runes[] = { 'a', 0x7f, 0x80, 0x7ff, 0x800, 0xfffd,
		0x10000, 0x10ffff };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(runes); i++) {
		OWN(buf_free) struct buf b = { 0 };
		uint32_t r = 0;
		rune_put(&b, runes[i]);
		assert_int_equal(rune_take(buf_bytes(&b), &r), b.n);
		assert_int_equal(r, runes[i]);
	}
}

static void
an_id_is_never_meant_by_nothing(void **state)
{
	struct id id = { { 0xab, 0xcd, 0xef } };

	(void)state;
	assert_true(id_begins(&id, "abcd"));
	assert_true(id_begins(&id, " ABCD\n"));
	assert_true(id_begins(&id, id_text(&id).s));
	assert_false(id_begins(&id, ""));
	assert_false(id_begins(&id, " "));
	assert_false(id_begins(&id, "abce"));
	assert_false(id_begins(&id, "abcdef00000000000000000000000000a"));
}

#define PIN "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

static void
calls_no_host_that_only_looks_near(void **state)
{
	static const char *const good[] = { "http://localhost:8080",
		"http://127.0.0.1:1/", "http://127.255.0.1", "http://[::1]:80/",
		" HTTP://localhost\n",
		"https://cloud.example.org:8443/#pin=" PIN,
		"https://cloud.example.org#pin=" PIN "&escrow=x" };
	static const char *const bad[] = { "http://localhost.example.invalid",
		"http://127.evil.example.invalid",
		"http://127.0.0.1.example.invalid",
		"http://127.0.0.1@evil.example.invalid",
		"http://localhost@evil.example.invalid",
		"http://localhost:80@evil.example.invalid",
		"http://localhost\\@evil.example.invalid",
		"http://[::1].example.invalid", "http://[::1]@evil.invalid",
		"http://localhost%2eexample.invalid", "http://128.0.0.1",
		"http://[::2]", "http://example.org", "http://localhost/path",
		"http://localhost/?q", "http://", "localhost:80", "",
		"ftp://localhost", "file:///etc/passwd",
		"https://cloud.example.org", "https://cloud.example.org/#pin=x",
		"https://a@cloud.example.org/#pin=" PIN,
		"https://cloud.example.org/p#pin=" PIN };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		OWN(remote_free) struct remote *r = NULL;
		struct err e;
		if (remote_new(good[i], &r, &e) < 0)
			fail_msg("%s: %s", good[i], e.msg);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		OWN(remote_free) struct remote *r = NULL;
		struct err e;
		if (remote_new(bad[i], &r, &e) == 0)
			fail_msg("%s is taken", bad[i]);
		assert_int_equal(e.code, ERR_USAGE);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_codes_however_they_are_set),
		cmocka_unit_test(reads_files_of_any_editor),
		cmocka_unit_test(reads_an_account_by_its_name_or_address),
		cmocka_unit_test(reads_numbers_as_people_write_them),
		cmocka_unit_test(shows_what_hides_and_what_turns),
		cmocka_unit_test(rune_and_bytes_go_both_ways),
		cmocka_unit_test(an_id_is_never_meant_by_nothing),
		cmocka_unit_test(calls_no_host_that_only_looks_near),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
