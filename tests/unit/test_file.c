/* SPDX-License-Identifier: ISC */
/* test_file.c: replacing, reading, locking. */
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

static char folder[32];

/* The disk: test_file.flags leads these calls of file.c here. */
enum trouble { NO_TROUBLE, CALL_FAILS, DISK_STAYS_FULL, PROCESS_DIES };

static enum trouble trouble;
static int calls, fail_at; /* calls so far; the first with trouble, from 1 */
static size_t most_at_once = SIZE_MAX; /* bytes that one write takes */

static bool
fails(void)
{
	if (trouble == NO_TROUBLE || ++calls < fail_at)
		return false;
	if (trouble == PROCESS_DIES)
		_exit(0);
	errno = trouble == DISK_STAYS_FULL ? ENOSPC : EIO;
	return trouble == DISK_STAYS_FULL || calls == fail_at;
}

ssize_t __real_write(int fd, const void *p, size_t n);
ssize_t __wrap_write(int fd, const void *p, size_t n);
int __real_fsync(int fd);
int __wrap_fsync(int fd);
int __real_fchmod(int fd, mode_t mode);
int __wrap_fchmod(int fd, mode_t mode);
int __real_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to);

ssize_t
__wrap_write(int fd, const void *p, size_t n)
{
	if (fails())
		return -1;
	return __real_write(fd, p, n < most_at_once ? n : most_at_once);
}

int
__wrap_fsync(int fd)
{
	return fails() ? -1 : __real_fsync(fd);
}

int
__wrap_fchmod(int fd, mode_t mode)
{
	return fails() ? -1 : __real_fchmod(fd, mode);
}

int
__wrap_rename(const char *from, const char *to)
{
	return fails() ? -1 : __real_rename(from, to);
}

/* Each test has an empty folder of its own as working directory's child. */
static int
folder_new(void **state)
{
	(void)state;
	(void)mkdir("build", 0777);
	(void)snprintf(folder, sizeof folder, "build/file-XXXXXX");
	return mkdtemp(folder) != NULL ? 0 : -1;
}

static size_t
count_names(bool unlink_them)
{
	DIR *d = opendir(folder);
	const struct dirent *at = NULL;
	size_t n = 0;

	assert_non_null(d);
	while ((at = readdir(d)) != NULL) {
		if (at->d_name[0] == '.')
			continue;
		n++;
		if (unlink_them && unlinkat(dirfd(d), at->d_name, 0) < 0)
			(void)unlinkat(dirfd(d), at->d_name, AT_REMOVEDIR);
	}
	closedir(d);
	return n;
}

static int
folder_free(void **state)
{
	(void)state;
	(void)count_names(true);
	return rmdir(folder);
}

static char *
in_folder(const char *name)
{
	return file_join(folder, name);
}

static void
expect_content(const char *path, const char *text)
{
	OWN(buf_free) struct buf b = { 0 };
	struct err e = { 0 };

	assert_int_equal(file_read(path, 1000, &b, &e), 0);
	assert_string_equal(buf_text(&b), text);
}

static void
joins_with_one_slash(void **state)
{
	static const struct {
		const char *dir, *name, *path;
	} cases[] = {
		{ "a", "b", "a/b" },
		{ "a/", "b", "a/b" },
		{ "/", "b", "/b" },
		{ "", "b", "b" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		OWN(mem_free)
		char *path = file_join(cases[i].dir, cases[i].name);
		assert_string_equal(path, cases[i].path);
	}
}

static void
writes_and_replaces(void **state)
{
	OWN(mem_free) char *path = in_folder("x");
	struct err e = { 0 };
	struct stat st;

	(void)state;
	assert_false(file_exists(path));
	assert_int_equal(file_write(path, bytes_str("old"), 0600, &e), 0);
	expect_content(path, "old");
	assert_int_equal(file_write(path, bytes_str("newer"), 0644, &e), 0);
	expect_content(path, "newer");
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0644);
	assert_int_equal(count_names(false), 1);
	assert_true(file_exists(path));
}

static void
a_failed_write_leaves_the_old_and_no_stray(void **state)
{
	OWN(mem_free) char *path = in_folder("d");
	OWN(mem_free) char *away = in_folder("none/x");
	struct err e = { 0 };

	(void)state;
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(file_write(path, bytes_str("x"), 0600, &e), -1);
	assert_int_equal(e.code, ERR_IO);
	assert_non_null(strstr(e.msg, path));
	assert_int_equal(count_names(false), 1);
	assert_int_equal(file_write(away, bytes_str("x"), 0600, &e), -1);
	assert_int_equal(e.code, ERR_NOT_FOUND);
}

/* file_write with trouble at call `at`; says whether it came through. */
static bool
write_in_trouble(const char *path, const char *text, enum trouble kind, int at)
{
	struct err e = { 0 };

	trouble = kind;
	calls = 0;
	fail_at = at;
	most_at_once = 2; /* so that one content takes several writes */
	int result = file_write(path, bytes_str(text), 0600, &e);
	trouble = NO_TROUBLE;
	most_at_once = SIZE_MAX;
	if (result < 0) {
		assert_int_equal(e.code,
		    kind == DISK_STAYS_FULL ? ERR_DISK_FULL_HERE : ERR_IO);
		assert_non_null(strstr(e.msg, folder));
	}
	return result == 0;
}

/* The content at `path` is one of the two; returns whether it is `b`. */
static bool
holds_second(const char *path, const char *a, const char *b)
{
	OWN(buf_free) struct buf now = { 0 };
	struct err e = { 0 };

	assert_int_equal(file_read(path, 1000, &now, &e), 0);
	if (strcmp(buf_text(&now), b) == 0)
		return true;
	assert_string_equal(buf_text(&now), a);
	return false;
}

static void
each_failing_call_leaves_the_old_or_the_new(void **state)
{
	static const enum trouble kinds[] = { CALL_FAILS, DISK_STAYS_FULL };
	OWN(mem_free) char *path = in_folder("x");
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		int at = 1, new_ones = 0;
		for (;; at++) {
			assert_int_equal(
			    file_write(path, bytes_str("old"), 0600, &e), 0);
			bool good =
			    write_in_trouble(path, "newer", kinds[i], at);
			new_ones += holds_second(path, "old", "newer");
			assert_int_equal(count_names(false), 1);
			if (good)
				break;
		}
		/* 3 writes, fchmod, fsync, rename, fsync of the folder. */
		assert_int_equal(at, 8);
		/* New after the rename alone: its folder's fsync failed. */
		assert_int_equal(new_ones, 2);
		expect_content(path, "newer");
	}
}

static void
dying_at_any_call_leaves_the_old_or_the_new(void **state)
{
	OWN(mem_free) char *path = in_folder("x");
	struct err e = { 0 };
	int new_ones = 0;

	(void)state;
	for (int at = 1; at <= 8; at++) {
		int status = 0;
		assert_int_equal(
		    file_write(path, bytes_str("old"), 0600, &e), 0);
		pid_t child = fork();
		if (child == 0)
			_exit(write_in_trouble(path, "newer", PROCESS_DIES, at)
				? 7
				: 1);
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_int_equal(WEXITSTATUS(status), at == 8 ? 7 : 0);
		new_ones += holds_second(path, "old", "newer");
	}
	assert_int_equal(new_ones, 2);
}

static void
reads_up_to_the_limit(void **state)
{
	static const size_t sizes[] = { 0, 1, 65535, 65536, 65537, 200000 };
	OWN(mem_free) char *path = in_folder("x");

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		OWN(buf_free) struct buf in = { 0 };
		OWN(buf_free) struct buf out = { 0 };
		struct err e = { 0 };
		size_t n = sizes[i];
		memset(buf_grow(&in, n), 'q', n);
		assert_int_equal(file_write(path, buf_bytes(&in), 0600, &e), 0);
		buf_put_str(&out, "<");
		if (n > 0) {
			assert_int_equal(file_read(path, n - 1, &out, &e), -1);
			assert_int_equal(e.code, ERR_TOO_LARGE);
			assert_int_equal(out.n, 1);
		}
		assert_int_equal(file_read(path, n, &out, &e), 0);
		assert_int_equal(out.n, n + 1);
	}
}

struct gathered {
	struct buf all;
	size_t calls;
};

static int
gather(void *ctx, struct bytes x, struct err *e)
{
	struct gathered *g = ctx;

	(void)e;
	assert_true(x.n > 0 && x.n <= 4);
	buf_put_bytes(&g->all, x);
	g->calls++;
	return 0;
}

static void
pieces_are_all_of_it(void **state)
{
	static const struct {
		const char *text;
		size_t calls;
	} cases[] = { { "", 0 }, { "abc", 1 }, { "abcd", 1 }, { "abcde", 2 },
		{ "abcdefgh", 2 } };
	OWN(mem_free) char *path = in_folder("pieces");
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct gathered g = { { 0 }, 0 };
		assert_int_equal(
		    file_write(path, bytes_str(cases[i].text), 0600, &e), 0);
		OWN(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
		assert_int_equal(file_pieces(fd, 4, gather, &g, &e), 0);
		assert_string_equal(buf_text(&g.all), cases[i].text);
		assert_int_equal(g.calls, cases[i].calls);
		buf_free(&g.all);
	}
}

static void
names_the_folder_above(void **state)
{
	static const char *const cases[][2] = { { "a", "." }, { "/a", "/" },
		{ "a/b", "a" }, { "/a/b/c", "/a/b" } };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		OWN(mem_free) char *above = file_above(cases[i][0]);
		assert_string_equal(above, cases[i][1]);
	}
}

static void
reading_nothing_is_not_found(void **state)
{
	OWN(mem_free) char *path = in_folder("none");
	OWN(buf_free) struct buf out = { 0 };
	struct err e = { 0 };

	(void)state;
	assert_int_equal(file_read(path, 10, &out, &e), -1);
	assert_int_equal(e.code, ERR_NOT_FOUND);
	assert_int_equal(file_read(folder, 10, &out, &e), -1);
	assert_int_equal(e.code, ERR_IO);
}

static void
reads_and_writes_at_a_place(void **state)
{
	OWN(mem_free) char *path = in_folder("x");
	OWN(fd_close) int fd = open(path, O_RDWR | O_CREAT, 0600);
	struct err e = { 0 };
	char room[8] = { 0 };
	size_t got = 0;

	(void)state;
	assert_int_equal(file_write_all(fd, bytes_str("abcdef"), &e), 0);
	assert_int_equal(file_pwrite_all(fd, bytes_str("XY"), 2, &e), 0);
	assert_int_equal(file_pread_full(fd, room, 4, 1, &got, &e), 0);
	assert_int_equal(got, 4);
	assert_memory_equal(room, "bXYe", 4);
	assert_int_equal(file_pread_full(fd, room, 8, 4, &got, &e), 0);
	assert_int_equal(got, 2);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	assert_int_equal(file_read_full(fd, room, 8, &got, &e), 0);
	assert_int_equal(got, 6);
	fd_close(&fd);
	assert_int_equal(fd, -1);
	assert_int_equal(file_read_full(fd, room, 8, &got, &e), -1);
	assert_int_equal(file_write_all(fd, bytes_str("x"), &e), -1);
	assert_int_equal(file_pwrite_all(fd, bytes_str("x"), 0, &e), -1);
	assert_int_equal(file_pread_full(fd, room, 8, 0, &got, &e), -1);
}

static void
a_file_without_a_name_leaves_none(void **state)
{
	OWN(mem_free) char *here = in_folder("");
	OWN(fd_close) int dir = open(here, O_DIRECTORY | O_RDONLY);
	OWN(fd_close) int fd = -1;
	struct err e = { 0 };
	struct stat st;
	char room[4];
	size_t got;

	(void)state;
	assert_int_equal(file_unnamed(dir, &fd, &e), 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_nlink, 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(file_write_all(fd, bytes_str("abc"), &e), 0);
	assert_int_equal(file_pread_full(fd, room, 4, 0, &got, &e), 0);
	assert_int_equal(got, 3);
	fd_close(&fd);
	assert_int_equal(file_unnamed(-1, &fd, &e), -1);
}

static void
a_pipe_in_small_pieces_is_read_in_full(void **state)
{
	struct err e = { 0 };
	char room[16] = { 0 };
	size_t got = 0;
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	pid_t child = fork();
	if (child == 0) {
		for (size_t i = 0; i < 5; i++)
			if (file_write_all(ends[1], bytes_str("ab"), &e) < 0)
				_exit(1);
		_exit(0);
	}
	close(ends[1]);
	assert_int_equal(
	    file_read_full(ends[0], room, sizeof room, &got, &e), 0);
	assert_int_equal(got, 10);
	assert_memory_equal(room, "ababababab", 10);
	close(ends[0]);
	assert_int_equal(waitpid(child, NULL, 0), child);
}

static void
makes_folders_once_and_again(void **state)
{
	OWN(mem_free) char *deep = in_folder("m/n");
	OWN(mem_free) char *middle = in_folder("m");
	OWN(mem_free) char *file = in_folder("f");
	OWN(mem_free) char *under = in_folder("f/g");
	struct err e = { 0 };

	(void)state;
	assert_int_equal(file_mkdirs(deep, 0700, &e), 0);
	assert_int_equal(file_mkdirs(deep, 0700, &e), 0);
	assert_int_equal(file_sync_dir(deep, &e), 0);
	assert_int_equal(file_write(file, bytes_str("x"), 0600, &e), 0);
	assert_int_equal(file_mkdirs(file, 0700, &e), -1);
	assert_int_equal(e.code, ERR_IO);
	assert_int_equal(file_mkdirs(under, 0700, &e), -1);
	assert_int_equal(file_mkdirs("", 0700, &e), -1);
	assert_int_equal(file_sync_dir(file, &e), -1);
	assert_int_equal(rmdir(deep), 0);
	assert_int_equal(rmdir(middle), 0);
}

/* What another process is told when it wants the lock. */
static int
code_elsewhere(const char *path)
{
	int status = 0;
	pid_t child = fork();

	if (child == 0) {
		struct err e = { 0 };
		int fd = -1;
		_exit(file_lock(path, &fd, &e) == 0 ? 0 : (int)e.code);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	return WEXITSTATUS(status);
}

static void
a_lock_keeps_others_out_until_it_is_closed(void **state)
{
	OWN(mem_free) char *path = in_folder("lock");
	OWN(fd_close) int fd = -1;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(file_lock(path, &fd, &e), 0);
	assert_int_equal(code_elsewhere(path), ERR_HOME_BUSY);
	fd_close(&fd);
	assert_int_equal(code_elsewhere(path), 0);
	assert_int_equal(file_lock(folder, &fd, &e), -1);
	assert_int_equal(fd, -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_the_folder_above),
		cmocka_unit_test_setup_teardown(
		    pieces_are_all_of_it, folder_new, folder_free),
		cmocka_unit_test_setup_teardown(
		    joins_with_one_slash, folder_new, folder_free),
		cmocka_unit_test_setup_teardown(
		    writes_and_replaces, folder_new, folder_free),
		cmocka_unit_test_setup_teardown(
		    a_failed_write_leaves_the_old_and_no_stray, folder_new,
		    folder_free),
		cmocka_unit_test_setup_teardown(
		    each_failing_call_leaves_the_old_or_the_new, folder_new,
		    folder_free),
		cmocka_unit_test_setup_teardown(
		    dying_at_any_call_leaves_the_old_or_the_new, folder_new,
		    folder_free),
		cmocka_unit_test_setup_teardown(
		    reads_up_to_the_limit, folder_new, folder_free),
		cmocka_unit_test_setup_teardown(
		    reading_nothing_is_not_found, folder_new, folder_free),
		cmocka_unit_test_setup_teardown(
		    reads_and_writes_at_a_place, folder_new, folder_free),
		cmocka_unit_test_setup_teardown(
		    a_file_without_a_name_leaves_none, folder_new, folder_free),
		cmocka_unit_test_setup_teardown(
		    a_pipe_in_small_pieces_is_read_in_full, folder_new,
		    folder_free),
		cmocka_unit_test_setup_teardown(
		    makes_folders_once_and_again, folder_new, folder_free),
		cmocka_unit_test_setup_teardown(
		    a_lock_keeps_others_out_until_it_is_closed, folder_new,
		    folder_free),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
