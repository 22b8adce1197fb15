/* SPDX-License-Identifier: ISC */
/* test_ignore.c: what is built in, the two files, and which rule it was. */
#include "base/file.h"
#include "drive/ignore.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "scratch_dir.h"

static bool
ask(struct ignore *x, const char *path)
{
	struct bytes p = bytes_str(path);
	bool is_dir = p.n > 0 && p.p[p.n - 1] == '/';

	p.n -= is_dir;
	return ignore_ask(x, p, is_dir);
}

static void
what_is_built_in(void **state)
{
	static const struct {
		const char *path;
		bool ignored;
	} cases[] = { { ".aumbry-drive/", true },
		{ ".aumbry-drive/root", true }, { "a/.DS_Store", true },
		{ "._x", true }, { "_x", false }, { "a/Thumbs.db", true },
		{ "desktop.ini", true }, { "Desktop.ini", false },
		{ ".Trash-1000/", true }, { ".Trash-1000/files/x", true },
		{ "lost+found/", true }, { "lost+found", false },
		{ ".nfs0001", true }, { "a/.fuse_hidden0001", true },
		{ ".goutputstream-ABC", true }, { ".x.swp", true },
		{ "x.swp", false }, { "x~", true }, { "#x#", true },
		{ "#x", false }, { ".#x", true }, { "~$x.docx", true },
		{ "~x", false }, { "x.part", true }, { "x.parts", false },
		{ "x.crdownload", true }, { ".~lock.x.odt#", true },
		{ "x", false }, { ".aumbryignore", false },
		{ "a/.aumbry-drive-x", false } };
	(void)state;
	OWN(ignore_free)
	struct ignore *x = ignore_new("build/not-there", NULL, false);
	OWN(ignore_free)
	struct ignore *share = ignore_new("build/not-there", NULL, true);
	bool changed;
	struct err e;

	assert_int_equal(ignore_read(x, &changed, &e), 0);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		if (ask(x, cases[i].path) != cases[i].ignored)
			fail_msg("%s", cases[i].path);
	assert_false(ask(share, ".~lock.x.odt#"));
}

static void
files_win_and_are_read_again(void **state)
{
	(void)state;
	OWN(scratch_free) struct scratch d = scratch_new();
	OWN(mem_free) char *device = file_join(d.path, "device");
	OWN(ignore_free) struct ignore *x = ignore_new(d.path, device, false);
	bool changed;
	struct err e;

	scratch_write_at(d.fd, IGNORE_NAME, "# mine\n*.mp4\nbuild/\n!*.part\n");
	assert_int_equal(ignore_read(x, &changed, &e), 0);
	assert_true(changed);
	assert_true(ask(x, "a/x.mp4") && ask(x, "build/x/y"));
	assert_false(ask(x, "x.part") || ask(x, "build"));
	assert_int_equal(ignore_read(x, &changed, &e), 0);
	assert_false(changed);
	scratch_write_at(d.fd, "device", "!*.mp4\n/only-here\n");
	assert_int_equal(ignore_read(x, &changed, &e), 0);
	assert_true(changed);
	assert_true(ask(x, "only-here") && !ask(x, "a/x.mp4"));
	assert_int_equal(unlinkat(d.fd, IGNORE_NAME, 0), 0);
	assert_int_equal(ignore_read(x, &changed, &e), 0);
	assert_true(changed);
	assert_true(ask(x, "x.part") && !ask(x, "build/x"));
}

/* What a line meant to keep here would go if the rest was taken. */
static void
a_list_that_cannot_be_taken_changes_nothing(void **state)
{
	(void)state;
	OWN(scratch_free) struct scratch d = scratch_new();
	OWN(ignore_free) struct ignore *x = ignore_new(d.path, NULL, false);
	static char big[IGNORE_MAX + 2];
	bool changed;
	struct err e;

	scratch_write_at(d.fd, IGNORE_NAME, "secret\n");
	assert_int_equal(ignore_read(x, &changed, &e), 0);
	scratch_write_at(d.fd, IGNORE_NAME, "a\nother[\n");
	for (int i = 0; i < 2; i++) {
		assert_int_equal(ignore_read(x, &changed, &e), -1);
		assert_int_equal(e.code, ERR_USAGE);
		assert_non_null(strstr(e.msg, "line 2"));
	}
	assert_true(ask(x, "secret") && !ask(x, "a"));
	memset(big, '\n', sizeof big - 1);
	scratch_write_at(d.fd, IGNORE_NAME, big);
	assert_int_equal(ignore_read(x, &changed, &e), -1);
	assert_int_equal(e.code, ERR_TOO_LARGE);
	assert_int_equal(unlinkat(d.fd, IGNORE_NAME, 0), 0);
	assert_int_equal(symlinkat("/dev/zero", d.fd, IGNORE_NAME), 0);
	assert_int_equal(ignore_read(x, &changed, &e), -1);
	assert_true(ask(x, "secret"));
}

static void
a_link_to_rules_has_them_and_a_directory_none(void **state)
{
	(void)state;
	OWN(scratch_free) struct scratch d = scratch_new();
	OWN(ignore_free) struct ignore *x = ignore_new(d.path, NULL, false);
	bool changed;
	struct err e;

	scratch_write_at(d.fd, "mine", "secret\n");
	assert_int_equal(symlinkat("mine", d.fd, IGNORE_NAME), 0);
	assert_int_equal(ignore_read(x, &changed, &e), 0);
	assert_true(ask(x, "secret"));
	scratch_write_at(d.fd, "mine", "other\n#\n");
	assert_int_equal(ignore_read(x, &changed, &e), 0);
	assert_true(changed && ask(x, "other"));
	assert_int_equal(unlinkat(d.fd, IGNORE_NAME, 0), 0);
	assert_int_equal(mkdirat(d.fd, IGNORE_NAME, 0700), 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(ignore_read(x, &changed, &e), 0);
		assert_true(changed == (i == 0) && !ask(x, "other"));
	}
}

/* What is remembered of one question is true of the next. */
static void
questions_come_in_any_order(void **state)
{
	static const char *const paths[] = { "a/", "a/b/", "a/b/c/", "a/bb/c",
		"a/no/", "a/no/b/", "a/no/b/c", "a/nob/c", "no/", "no/x",
		"noo/x", "a", "x", "a/b/c/d/no/e", "a/b/c/d/", "a/no.b/c",
		"b/aumbry-home", "a/b/.aumbry-drive/root", "a/b/c/d/e" };
	(void)state;
	OWN(scratch_free) struct scratch d = scratch_new();
	OWN(ignore_free) struct ignore *x = ignore_new(d.path, NULL, false);
	bool changed;
	struct err e;

	scratch_write_at(
	    d.fd, IGNORE_NAME, "no/\n!aumbry-home\n!.aumbry-drive\n");
	assert_int_equal(ignore_read(x, &changed, &e), 0);
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
		for (size_t k = 0; k < ARRAY_SIZE(paths); k++) {
			OWN(ignore_free)
			struct ignore *fresh = ignore_new(d.path, NULL, false);
			assert_int_equal(ignore_read(fresh, &changed, &e), 0);
			(void)ask(x, paths[i]);
			assert_int_equal(
			    ask(x, paths[k]), ask(fresh, paths[k]));
		}
	assert_true(ask(x, "b/aumbry-home") && ask(x, "a/b/.aumbry-drive/x"));
	assert_true(!ask(x, "a/nob/c") && ask(x, "a/b/c/d/no/e"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_built_in),
		cmocka_unit_test(files_win_and_are_read_again),
		cmocka_unit_test(a_list_that_cannot_be_taken_changes_nothing),
		cmocka_unit_test(a_link_to_rules_has_them_and_a_directory_none),
		cmocka_unit_test(questions_come_in_any_order),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
