/* SPDX-License-Identifier: ISC */
/* test_blob.c: files of blobs: written, read, trashed, found again. */
#include "store/blob_dir.h"

#include "wire/limits.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <setjmp.h>
#include <cmocka.h>

#include "store_world.h"

struct state {
	struct scratch dir;
	struct blob_store *s;
	struct blob_name name;
};

static int
open_all(void **arg)
{
	struct state *s = mem_new(sizeof *s);
	struct id uid, zone, id;
	struct err e;

	s->dir = scratch_new();
	ok(blob_dir_open(s->dir.path, ERR_SERVER_FULL, &s->s, &e), &e);
	id_random(&uid);
	id_random(&zone);
	id_random(&id);
	blob_name_new(&uid, &zone, &id, &s->name);
	*arg = s;
	return 0;
}

static int
close_all(void **arg)
{
	struct state *s = *arg;

	blob_store_free(&s->s);
	scratch_free(&s->dir);
	free(s);
	return 0;
}

static struct blob_sum
sum_of(const char *text)
{
	struct blob_sum sum = { .size = strlen(text) };

	checksum_of(bytes_str(text), &sum.sum);
	return sum;
}

static int
write_as(struct state *s, const char *text, const struct blob_sum *sum,
    struct err *e)
{
	OWN(blob_abort) struct blob_writer *w = NULL;
	size_t half = strlen(text) / 2;

	if (blob_begin(s->s, &s->name, sum, &w, e) < 0 ||
	    blob_add(w, bytes_of(text, half), e) < 0 ||
	    blob_add(w, bytes_str(text + half), e) < 0)
		return -1;
	return blob_finish(&w, e);
}

static void
write_ok(struct state *s, const char *text)
{
	struct blob_sum sum = sum_of(text);
	struct err e;

	ok(write_as(s, text, &sum, &e), &e);
}

/* The code of opening, or ERR_NONE after comparing the content. */
static enum err_code
read_back(struct state *s, const char *text)
{
	OWN(fd_close) int fd = -1;
	struct err e;
	uint64_t size;
	char got[64];
	size_t n;

	if (blob_open(s->s, &s->name, &fd, &size, &e) < 0)
		return e.code;
	ok(file_read_full(fd, got, sizeof got, &n, &e), &e);
	assert_int_equal(size, strlen(text));
	assert_int_equal(n, strlen(text));
	assert_memory_equal(got, text, n);
	return ERR_NONE;
}

static int
count_one(const struct blob_name *name, void *arg, struct err *e)
{
	(void)name;
	(void)e;
	++*(int *)arg;
	return 0;
}

static int
count(struct state *s)
{
	struct err e;
	int n = 0;

	ok(blob_each(s->s, count_one, &n, &e), &e);
	return n;
}

static int
entries(const struct state *s, const char *sub)
{
	OWN(buf_free) struct buf dir = { 0 };
	struct err e;
	struct blob_store *again = NULL;

	/* Opening again must not lose what is in use. */
	ok(blob_dir_open(s->dir.path, ERR_SERVER_FULL, &again, &e), &e);
	blob_store_free(&again);
	buf_printf(&dir, "%s/%s", s->dir.path, sub);
	int n = 0;
	DIR *d = opendir(buf_text(&dir));
	assert_non_null(d);
	for (const struct dirent *x; (x = readdir(d)) != NULL;)
		n += x->d_name[0] != '.';
	(void)closedir(d);
	return n;
}

static void
what_was_written_is_read(void **arg)
{
	struct state *s = *arg;

	assert_int_equal(read_back(s, ""), ERR_NOT_FOUND);
	write_ok(s, "some bytes of a pack");
	assert_int_equal(read_back(s, "some bytes of a pack"), ERR_NONE);
	assert_int_equal(count(s), 1);
	assert_int_equal(entries(s, "tmp"), 0);
}

static void
an_empty_blob_is_one(void **arg)
{
	struct state *s = *arg;

	write_ok(s, "");
	assert_int_equal(read_back(s, ""), ERR_NONE);
}

static void
refuses_what_was_not_announced(void **arg)
{
	struct state *s = *arg;
	struct blob_sum right = sum_of("announced");
	struct blob_sum longer = right, shorter = right, huge = right;
	struct err e;
	longer.size++;
	shorter.size--;
	huge.size = LIMIT_BLOB_BYTES + 1;
	const struct {
		const char *text;
		const struct blob_sum *sum;
		enum err_code code;
	} cases[] = {
		{ "Announced", &right, ERR_BLOB_CORRUPT },
		{ "announced", &longer, ERR_BLOB_TRUNCATED },
		{ "announced", &shorter, ERR_TOO_LARGE },
		{ "announced", &huge, ERR_TOO_LARGE },
		{ "", &right, ERR_BLOB_TRUNCATED },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(
		    write_as(s, cases[i].text, cases[i].sum, &e), -1);
		assert_int_equal(e.code, cases[i].code);
		assert_int_equal(count(s), 0);
		assert_int_equal(entries(s, "tmp"), 0);
	}
	write_ok(s, "announced");
}

static void
opening_removes_strays_but_not_what_is_being_written(void **arg)
{
	struct state *s = *arg;
	OWN(blob_abort) struct blob_writer *w = NULL;
	OWN(buf_free) struct buf stray = { 0 };
	struct blob_sum sum = sum_of("x");
	struct err e;

	buf_printf(&stray, "%s/tmp/0123456789abcdef", s->dir.path);
	ok(file_write(buf_text(&stray), bytes_str("half"), 0600, &e), &e);
	ok(blob_begin(s->s, &s->name, &sum, &w, &e), &e);
	assert_int_equal(entries(s, "tmp"), 1);
	ok(blob_add(w, bytes_str("x"), &e), &e);
	ok(blob_finish(&w, &e), &e);
	assert_int_equal(read_back(s, "x"), ERR_NONE);
}

static void
trash_keeps_seven_days_and_gives_back(void **arg)
{
	struct state *s = *arg;
	int64_t now = 1700000000000;
	uint64_t n = 9;
	struct err e;

	write_ok(s, "mind");
	ok(blob_trash(s->s, &s->name, now, &e), &e);
	ok(blob_trash(s->s, &s->name, now, &e), &e);
	assert_int_equal(read_back(s, "mind"), ERR_NOT_FOUND);
	assert_int_equal(count(s), 0);
	ok(blob_untrash(s->s, &s->name, &e), &e);
	assert_int_equal(read_back(s, "mind"), ERR_NONE);
	assert_int_equal(blob_untrash(s->s, &s->name, &e), -1);
	assert_int_equal(e.code, ERR_NOT_FOUND);

	ok(blob_trash(s->s, &s->name, now, &e), &e);
	ok(blob_purge(s->s, now + BLOB_TRASH_MS - 1, &n, &e), &e);
	assert_int_equal(n, 0);
	assert_int_equal(entries(s, "trash"), 1);
	ok(blob_purge(s->s, now + BLOB_TRASH_MS, &n, &e), &e);
	assert_int_equal(n, 1);
	assert_int_equal(entries(s, "trash"), 0);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, open_all, close_all)
	const struct CMUnitTest tests[] = {
		T(what_was_written_is_read),
		T(an_empty_blob_is_one),
		T(refuses_what_was_not_announced),
		T(opening_removes_strays_but_not_what_is_being_written),
		T(trash_keeps_seven_days_and_gives_back),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
