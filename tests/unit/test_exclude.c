/* SPDX-License-Identifier: ISC */
/* test_exclude.c: gitignore syntax, the default list, folders that opt out. */
#include "files/exclude.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "scratch_dir.h"

/*
 * git check-ignore agrees on every row but those where it looks at the parent
 * as well (a star at the end, with a path further below) or at "abc/" itself.
 */
static const struct {
	const char *patterns, *path; /* a path of a directory ends in "/" */
	bool excluded;
} cases[] = {
	{ "core", "core", true },
	{ "core", "a/b/core", true },
	{ "core", "a/core.c", false },
	{ "core", "acore", false },
	{ "/core", "core", true },
	{ "/core", "a/core", false },
	{ "a/b", "a/b", true },
	{ "a/b", "x/a/b", false },
	{ "build/", "build", false },
	{ "build/", "build/", true },
	{ "build/", "x/build/", true },
	{ "*.o", "a.o", true },
	{ "*.o", "x/.o", true },
	{ "*.o", "a.oo", false },
	{ "a*c", "abbbc", true },
	{ "a*c", "ac", true },
	{ "a*b*c", "aXbXbXc", true },
	{ "a*b*c", "aXcXb", false },
	{ "*", "x/y", true },
	{ "/*", "x", true },
	{ "/*", "x/y", false },
	{ "a/*", "a/b", true },
	{ "a/*", "a/b/c", false },
	{ "a?c", "abc", true },
	{ "a?c", "ac", false },
	{ "a/b?c", "a/b/c", false },
	{ "**/foo", "foo", true },
	{ "**/foo", "a/b/foo", true },
	{ "**/foo", "a/xfoo", false },
	{ "**/foo/bar", "x/foo/bar", true },
	{ "**/foo/bar", "foo/x/bar", false },
	{ "abc/**", "abc/x/y", true },
	{ "abc/**", "abc/", false },
	{ "abc/**", "abcd/x", false },
	{ "a/**/b", "a/b", true },
	{ "a/**/b", "a/x/y/b", true },
	{ "a/**/b", "ab", false },
	{ "a/**/b/**/c", "a/b/x/b/y/c", true },
	{ "a/**/b/**/c", "a/x/c", false },
	{ "**", "x/y/z", true },
	{ "a**b", "aXXb", true },
	{ "[abc]", "b", true },
	{ "[!abc]", "b", false },
	{ "[^abc]", "d", true },
	{ "x[a-c]y", "xby", true },
	{ "x[a-c]y", "xdy", false },
	{ "x[]-]y", "x]y", true },
	{ "x[]-]y", "x-y", true },
	{ "x[[:digit:]_]", "x7", true },
	{ "x[[:digit:]_]", "x_", true },
	{ "x[[:digit:]_]", "xa", false },
	{ "x[\\]]", "x]", true },
	{ "a/x[!q]b", "a/x/b", false },
	{ "./x", "x", true },
	{ "./x", "a/x", false },
	{ "./a/x/", "a/x/", true },
	{ "!./x", "x", false },
	{ ".x/..y", ".x/..y", true },
	{ "x\\[ab", "x[ab", true },
	{ "\\*", "*", true },
	{ "\\*", "x", false },
	{ "\\#x", "#x", true },
	{ "#x", "#x", false },
	{ "\\!x", "!x", true },
	{ "x   ", "x", true },
	{ "x\\ ", "x ", true },
	{ "x\\ ", "x", false },
	{ "*.o\n!keep.o", "keep.o", false },
	{ "*.o\n!keep.o", "lose.o", true },
	{ "!keep.o\n*.o", "keep.o", true },
	{ "*.o\r\n!keep.o\r\n", "keep.o", false },
	{ "\xef\xbb\xbf"
	  "x",
	    "x", true },
	{ "\n\n/\n!\n", "x", false },
	{ "\xff\n", "\xff", true },
	{ "a\n\n# no\nb", "b", true },
};

static const char *const nothing[] = { "x[ab", "x\\/", "x\\/y", "x[/]y",
	"x[a/b]", "x\\", "!x[", "a/[!]", "../x", "x/..", "a/./b", "./../x",
	"a//b", ".", "//x" };

static bool
left_out(const struct exclude *x, struct bytes path, bool is_dir)
{
	return exclude_ask(x, path, is_dir) == EXCLUDE_YES;
}

static bool
asked(const struct exclude *x, const char *path)
{
	size_t n = strlen(path);
	bool dir = n > 0 && path[n - 1] == '/';

	return left_out(x, bytes_of(path, dir ? n - 1 : n), dir);
}

static void
what_matches_nothing_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(nothing); i++) {
		OWN(exclude_free) struct exclude *x = exclude_new();
		struct err e = { 0 };
		if (exclude_add_lines(x, bytes_str(nothing[i]), &e) == 0 ||
		    e.code != ERR_USAGE)
			fail_msg("%s: %s", nothing[i], e.msg);
	}
}

static void
matches_as_git_does(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		OWN(exclude_free) struct exclude *x = exclude_new();
		struct err e = { 0 };
		assert_int_equal(
		    exclude_add_lines(x, bytes_str(cases[i].patterns), &e), 0);
		if (asked(x, cases[i].path) != cases[i].excluded)
			fail_msg("%s: %s", cases[i].patterns, cases[i].path);
	}
}

static void
many_stars_take_no_time(void **state)
{
	OWN(exclude_free) struct exclude *x = exclude_new();
	OWN(buf_free) struct buf path = { 0 };
	struct err e = { 0 };

	(void)state;
	assert_int_equal(
	    exclude_add(x,
		bytes_str("/**/a/**/a/**/a/**/a/**/a/**/a/**/a/**/a/**/"
			  "*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b"),
		&e),
	    0);
	for (int i = 0; i < 300; i++)
		buf_put_str(&path, "a/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/");
	buf_put_str(&path, "c");
	assert_false(left_out(x, buf_bytes(&path), false));
}

static void
refuses_a_pattern_that_is_too_long(void **state)
{
	OWN(exclude_free) struct exclude *x = exclude_new();
	OWN(buf_free) struct buf text = { 0 };
	struct err e = { 0 };

	(void)state;
	buf_put_str(&text, "ok\n");
	memset(buf_grow(&text, EXCLUDE_PATTERN_MAX), 'x', EXCLUDE_PATTERN_MAX);
	assert_int_equal(exclude_add_lines(x, buf_bytes(&text), &e), 0);
	buf_put_str(&text, "y");
	assert_int_equal(exclude_add_lines(x, buf_bytes(&text), &e), -1);
	assert_int_equal(e.code, ERR_TOO_LARGE);
	assert_non_null(strstr(e.msg, "line 2"));
}

static void
what_is_typed_is_no_comment(void **state)
{
	OWN(exclude_free) struct exclude *line = exclude_new();
	OWN(exclude_free) struct exclude *typed = exclude_new();
	struct err e = { 0 };

	(void)state;
	assert_int_equal(exclude_add(line, bytes_str("#a"), &e), 0);
	assert_int_equal(exclude_add(line, bytes_str("\\#b"), &e), 0);
	assert_false(left_out(line, bytes_str("#a"), false));
	assert_true(left_out(line, bytes_str("#b"), false));
	assert_int_equal(exclude_add_typed(typed, bytes_str("#a"), &e), 0);
	assert_int_equal(exclude_add_typed(typed, bytes_str("c "), &e), 0);
	assert_int_equal(exclude_add_typed(typed, bytes_str(""), &e), 0);
	assert_true(left_out(typed, bytes_str("#a"), false));
	assert_true(left_out(typed, bytes_str("c "), false));
	assert_false(left_out(typed, bytes_str("c"), false));
}

static void
leaves_caches_and_trash_out_but_not_their_neighbors(void **state)
{
	static const struct {
		const char *path;
		bool excluded;
	} rows[] = {
		{ "home/u/.cache/", true },
		{ "home/u/.cache", false },
		{ "home/u/.local/share/Trash/", true },
		{ ".local/share/Trash/", true },
		{ "home/u/.local/share/applications/", false },
		{ "mnt/.Trash-1000/", true },
		{ "home/u/.mozilla/firefox/x.default/cache2/", true },
		{ "home/u/.mozilla/firefox/x.default/places.sqlite", false },
		{ "home/u/.config/google-chrome/Default/Cache/", true },
		{ "home/u/.config/google-chrome/Default/Bookmarks", false },
		{ "home/u/.thumbnails/", true },
		{ "proc/", true },
		{ "home/u/proc/", false },
		{ "home/u/Documents/Cache/", false },
	};
	OWN(exclude_free) struct exclude *x = exclude_new();
	struct err e = { 0 };

	(void)state;
	exclude_add_defaults(x);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (asked(x, rows[i].path) != rows[i].excluded)
			fail_msg("%s", rows[i].path);
	assert_int_equal(exclude_add(x, bytes_str("!.cache/"), &e), 0);
	assert_false(asked(x, "home/u/.cache/"));
}

static void
a_folder_may_opt_out(void **state)
{
	static const struct {
		const char *name, *text;
		bool out;
	} rows[] = {
		{ "other", "", false },
		{ "CACHEDIR.TAG", "Signature: 8a477f597d28d172789f06886806bc55",
		    true },
		{ "CACHEDIR.TAG",
		    "Signature: 8a477f597d28d172789f06886806bc55\n# by x\n",
		    true },
		{ "CACHEDIR.TAG",
		    "Signature: 8a477f597d28d172789f06886806bc56\n", false },
		{ "CACHEDIR.TAG", "Signature:", false },
		{ ".nobackup", "", true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		OWN(scratch_free) struct scratch dir = scratch_new();
		scratch_write_at(dir.fd, rows[i].name, rows[i].text);
		assert_int_equal(exclude_by_tag(dir.fd) != NULL, rows[i].out);
	}
	OWN(scratch_free) struct scratch dir = scratch_new();
	assert_int_equal(mkfifoat(dir.fd, "CACHEDIR.TAG", 0600), 0);
	assert_null(exclude_by_tag(dir.fd));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(matches_as_git_does),
		cmocka_unit_test(what_matches_nothing_is_refused),
		cmocka_unit_test(many_stars_take_no_time),
		cmocka_unit_test(refuses_a_pattern_that_is_too_long),
		cmocka_unit_test(what_is_typed_is_no_comment),
		cmocka_unit_test(
		    leaves_caches_and_trash_out_but_not_their_neighbors),
		cmocka_unit_test(a_folder_may_opt_out),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
