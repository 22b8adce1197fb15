/* SPDX-License-Identifier: ISC */
/* test_root.c: whose root a folder is, and which folders may be one. */
#include "base/file.h"
#include "drive/os.h"
#include "drive/root.h"
#include "link/homedir.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "scratch_dir.h"

#define MARK OS_OWN "/root"

static const struct root_mark mine = {
	.account = { { 1 } },
	.zone = { { 2 } },
	.root = { { 3 } },
	.generation = 7,
};

#define FOLDER() \
	(void)state; \
	OWN(scratch_free) struct scratch d = scratch_new(); \
	struct err e

static void
is_read_as_it_was_made(void **state)
{
	FOLDER();
	struct root_mark is;
	struct stat st;

	assert_int_equal(root_make(d.path, &mine, &e), 0);
	assert_int_equal(root_make(d.path, &mine, &e), 0); /* after a crash */
	assert_int_equal(root_read(d.path, &is, &e), 0);
	assert_memory_equal(&is, &mine, sizeof is);
	assert_int_equal(root_check(d.path, &mine, &e), 0);
	assert_int_equal(fstatat(d.fd, OS_OWN, &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(fstatat(d.fd, OS_OWN "/gone", &st, 0), 0);
}

/* A disk that is not mounted; a cleaner that took the mark. */
static void
no_mark_is_a_root_that_is_missing(void **state)
{
	FOLDER();
	OWN(mem_free) char *none = file_join(d.path, "none");

	assert_int_equal(root_check(d.path, &mine, &e), -1);
	assert_int_equal(e.code, ERR_DRIVE_ROOT_MISSING);
	assert_int_equal(root_check(none, &mine, &e), -1);
	assert_int_equal(e.code, ERR_DRIVE_ROOT_MISSING);
	assert_int_equal(root_make(d.path, &mine, &e), 0);
	assert_int_equal(unlinkat(d.fd, MARK, 0), 0);
	assert_int_equal(root_check(d.path, &mine, &e), -1);
	assert_int_equal(e.code, ERR_DRIVE_ROOT_MISSING);
}

/* A mark made anew by hand; a folder or a home restored from a backup. */
static void
another_count_or_id_is_a_root_that_changed(void **state)
{
	static const int64_t off[] = { -2, -1, 0, 1, 2 };
	FOLDER();
	struct root_mark known = mine;

	assert_int_equal(root_make(d.path, &mine, &e), 0);
	for (size_t i = 0; i < ARRAY_SIZE(off); i++) {
		bool fits = off[i] >= -1 && off[i] <= 1;
		known.generation =
		    (uint64_t)((int64_t)mine.generation + off[i]);
		assert_int_equal(root_check(d.path, &known, &e), fits ? 0 : -1);
		if (!fits)
			assert_int_equal(e.code, ERR_DRIVE_ROOT_CHANGED);
	}
	known = mine;
	known.root.b[0] = 9;
	assert_int_equal(root_count(d.path, &known, &e), -1);
	assert_int_equal(e.code, ERR_DRIVE_ROOT_CHANGED);
	known = mine;
	known.account.b[0] = 9;
	assert_int_equal(root_check(d.path, &known, &e), -1);
	assert_int_equal(e.code, ERR_DRIVE_ROOT_OVERLAP);
	known = mine;
	known.zone.b[0] = 9;
	assert_int_equal(root_check(d.path, &known, &e), -1);
	assert_int_equal(e.code, ERR_DRIVE_ROOT_OVERLAP);
}

static void
counts_on_also_after_a_crash_between(void **state)
{
	FOLDER();
	struct root_mark known = mine, is;

	assert_int_equal(root_make(d.path, &mine, &e), 0);
	assert_int_equal(root_count(d.path, &known, &e), 0);
	assert_int_equal(known.generation, 8);
	known.generation = 7; /* drive.db did not get to hear of it */
	for (uint64_t n = 9; n < 12; n++) {
		assert_int_equal(root_count(d.path, &known, &e), 0);
		assert_int_equal(known.generation, n);
	}
	known.generation = 12; /* a power cut took the mark's last count */
	assert_int_equal(root_count(d.path, &known, &e), 0);
	assert_int_equal(known.generation, 13);
	assert_int_equal(root_read(d.path, &is, &e), 0);
	assert_int_equal(is.generation, 13);
}

static void
no_damaged_mark_is_taken(void **state)
{
	FOLDER();
	OWN(mem_free) char *path = file_join(d.path, MARK);
	OWN(buf_free) struct buf whole = { 0 };
	struct root_mark is;

	assert_int_equal(root_make(d.path, &mine, &e), 0);
	assert_int_equal(file_read(path, 1000, &whole, &e), 0);
	assert_int_equal(whole.n, 97);
	for (size_t i = 0; i <= whole.n + 1; i++) {
		OWN(buf_free) struct buf x = { 0 };
		buf_put_bytes(&x, buf_bytes(&whole));
		if (i < whole.n)
			x.p[i] ^= 0x40;
		else if (i == whole.n)
			buf_put_u8(&x, 0);
		else
			x.n = 0;
		assert_int_equal(file_write(path, buf_bytes(&x), 0600, &e), 0);
		assert_int_equal(root_read(d.path, &is, &e), -1);
		assert_int_equal(e.code,
		    i == 8 ? ERR_UPDATE_NEEDED : ERR_DRIVE_ROOT_CHANGED);
	}
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(root_read(d.path, &is, &e), -1);
	assert_int_equal(e.code, ERR_DRIVE_ROOT_CHANGED);
}

/* ---- which folders fit ---- */

static enum err_code
fits(const struct scratch *d, const char *dir, const char *known)
{
	OWN(mem_free) char *path = NULL;
	OWN(mem_free) char *at = file_join(d->path, dir);
	OWN(mem_free)
	char *root = known == NULL ? NULL : file_join(d->path, known);
	const char *roots[] = { "build/not-there", root };
	struct err e = { .code = ERR_NONE };

	if (dir[0] == '/') {
		free(at);
		at = mem_text(dir);
	}
	int rc = root_fits(at, &mine, roots, known == NULL ? 1 : 2, &path, &e);
	assert_int_equal(rc == 0, path != NULL);
	assert_true(rc < 0 || path[0] == '/');
	return rc == 0 ? ERR_NONE : e.code;
}

static void
a_folder_of_its_own_fits(void **state)
{
	FOLDER();
	OWN(mem_free) char *sub = file_join(d.path, "a");

	assert_int_equal(mkdirat(d.fd, "a", 0700), 0);
	assert_int_equal(mkdirat(d.fd, "a/sub", 0700), 0);
	assert_int_equal(mkdirat(d.fd, "ab", 0700), 0);
	scratch_write_at(d.fd, "file", "x");
	assert_int_equal(symlinkat("a", d.fd, "link"), 0);
	assert_int_equal(symlinkat("..", d.fd, "a/up"), 0);
	assert_int_equal(fits(&d, "a", NULL), ERR_NONE);
	assert_int_equal(fits(&d, "a", "a"), ERR_NONE);
	assert_int_equal(fits(&d, "a", "ab"), ERR_NONE);
	assert_int_equal(fits(&d, "ab", "a"), ERR_NONE);
	assert_int_equal(fits(&d, "none", NULL), ERR_NOT_FOUND);
	assert_int_equal(fits(&d, "file", NULL), ERR_USAGE);
	assert_int_equal(fits(&d, "/", NULL), ERR_USAGE);
	assert_int_equal(fits(&d, "a/sub", "a"), ERR_DRIVE_ROOT_OVERLAP);
	assert_int_equal(fits(&d, "a", "a/sub"), ERR_DRIVE_ROOT_OVERLAP);
	assert_int_equal(fits(&d, "a/sub", "link"), ERR_DRIVE_ROOT_OVERLAP);
	assert_int_equal(fits(&d, "a/up", "a"), ERR_DRIVE_ROOT_OVERLAP);
	assert_int_equal(root_make(sub, &mine, &e), 0);
	assert_int_equal(fits(&d, "a", NULL), ERR_NONE);
	assert_int_equal(fits(&d, "link", NULL), ERR_NONE);
	assert_int_equal(fits(&d, "a/sub", NULL), ERR_DRIVE_ROOT_OVERLAP);
}

static void
another_accounts_root_and_a_home_do_not(void **state)
{
	FOLDER();
	OWN(mem_free) char *a = file_join(d.path, "a");
	struct root_mark other = mine;

	assert_int_equal(mkdirat(d.fd, "a", 0700), 0);
	other.account.b[0] = 9;
	assert_int_equal(root_make(a, &other, &e), 0);
	assert_int_equal(fits(&d, "a", NULL), ERR_DRIVE_ROOT_OVERLAP);
	assert_int_equal(mkdirat(d.fd, "home", 0700), 0);
	assert_int_equal(mkdirat(d.fd, "home/sub", 0700), 0);
	scratch_write_at(d.fd, "home/" HOMEDIR_MARKER, HOMEDIR_MARKER_TEXT);
	assert_int_equal(fits(&d, "home", NULL), ERR_DRIVE_ROOT_OVERLAP);
	assert_int_equal(fits(&d, "home/sub", NULL), ERR_DRIVE_ROOT_OVERLAP);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_read_as_it_was_made),
		cmocka_unit_test(no_mark_is_a_root_that_is_missing),
		cmocka_unit_test(another_count_or_id_is_a_root_that_changed),
		cmocka_unit_test(counts_on_also_after_a_crash_between),
		cmocka_unit_test(no_damaged_mark_is_taken),
		cmocka_unit_test(a_folder_of_its_own_fits),
		cmocka_unit_test(another_accounts_root_and_a_home_do_not),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
