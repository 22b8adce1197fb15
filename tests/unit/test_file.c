/* SPDX-License-Identifier: ISC */
/* test_file.c: replacing, reading, locking. */
#include "base/file.h"

#include <dirent.h>
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
		cmocka_unit_test_setup_teardown(
		    joins_with_one_slash, folder_new, folder_free),
		cmocka_unit_test_setup_teardown(
		    writes_and_replaces, folder_new, folder_free),
		cmocka_unit_test_setup_teardown(
		    a_failed_write_leaves_the_old_and_no_stray, folder_new,
		    folder_free),
		cmocka_unit_test_setup_teardown(
		    reads_up_to_the_limit, folder_new, folder_free),
		cmocka_unit_test_setup_teardown(
		    reading_nothing_is_not_found, folder_new, folder_free),
		cmocka_unit_test_setup_teardown(
		    reads_and_writes_at_a_place, folder_new, folder_free),
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
