/* SPDX-License-Identifier: ISC */
/* test_db.c: group commit, savepoints, snapshots, versions, copies. */
#include "store/db.h"

#include <fcntl.h>
#include <pthread.h>
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
	char *path;
	struct db *db;
};

static const char *const scripts[] = {
	"CREATE TABLE t (k INTEGER PRIMARY KEY, v BLOB NOT NULL)",
	"CREATE TABLE u (k INTEGER PRIMARY KEY)",
};

static int
open_all(void **arg)
{
	struct state *s = mem_new(sizeof *s);
	struct err e;

	s->dir = scratch_new();
	s->path = file_join(s->dir.path, "x.db");
	ok(db_open(s->path, DB_SERVER, &s->db, &e), &e);
	ok(db_migrate(s->db, "t", scripts, 1, &e), &e);
	*arg = s;
	return 0;
}

static int
close_all(void **arg)
{
	struct state *s = *arg;

	db_free(&s->db);
	scratch_free(&s->dir);
	free(s->path);
	free(s);
	return 0;
}

struct put {
	uint64_t k;
	bool fail;
};

static int
put(struct tx *tx, void *arg, struct err *e)
{
	const struct put *p = arg;
	OWN(stmt_done) struct stmt *s = NULL;

	if (stmt_new(tx, "INSERT INTO t VALUES (?, ?)", &s, e) < 0)
		return -1;
	stmt_u64(s, 1, p->k);
	stmt_bytes(s, 2, bytes_of(&p->k, sizeof p->k));
	if (stmt_run(s, e) < 0)
		return -1;
	return p->fail ? err_set(e, ERR_NOT_FOUND, "on purpose") : 0;
}

static int
count(struct tx *tx, void *arg, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;
	bool row;

	if (stmt_new(tx, "SELECT COUNT(*) FROM t", &s, e) < 0 ||
	    stmt_next(s, &row, e) < 0)
		return -1;
	*(uint64_t *)arg = stmt_got_u64(s, 0);
	return 0;
}

static uint64_t
rows(struct db *db)
{
	struct err e;
	uint64_t n;

	ok(db_read(db, count, &n, &e), &e);
	return n;
}

#define THREADS 8
#define JOBS 100

struct worker {
	struct db *db;
	uint64_t first;
	int wrong;
};

/* Every third job fails after it has written. */
static void *
work(void *arg)
{
	struct worker *w = arg;

	for (uint64_t i = 0; i < JOBS; i++) {
		struct err e = { 0 };
		struct put p = { w->first + i, i % 3 == 0 };
		int rc = db_write(w->db, put, &p, &e);
		if (p.fail ? rc == 0 || e.code != ERR_NOT_FOUND : rc < 0)
			w->wrong++;
	}
	return NULL;
}

static void
each_job_of_a_group_has_its_own_result(void **arg)
{
	struct state *s = *arg;
	struct worker w[THREADS];
	pthread_t t[THREADS];

	for (size_t i = 0; i < THREADS; i++) {
		w[i] = (struct worker){ s->db, 1 + i * JOBS, 0 };
		assert_int_equal(pthread_create(&t[i], NULL, work, &w[i]), 0);
	}
	for (size_t i = 0; i < THREADS; i++) {
		(void)pthread_join(t[i], NULL);
		assert_int_equal(w[i].wrong, 0);
	}
	assert_int_equal(rows(s->db), THREADS * (JOBS - (JOBS + 2) / 3));
}

static void
a_failed_job_leaves_nothing(void **arg)
{
	struct state *s = *arg;
	struct put p = { 1, true };
	struct err e;

	assert_int_equal(db_write(s->db, put, &p, &e), -1);
	assert_int_equal(e.code, ERR_NOT_FOUND);
	assert_int_equal(rows(s->db), 0);
	p.fail = false;
	ok(db_write(s->db, put, &p, &e), &e);
	assert_int_equal(rows(s->db), 1);
	assert_int_equal(db_write(s->db, put, &p, &e), -1);
	assert_int_equal(e.code, ERR_CONFLICT);
}

struct snapshot {
	struct db *db;
	uint64_t before, after;
};

static int
read_twice(struct tx *tx, void *arg, struct err *e)
{
	struct snapshot *n = arg;
	struct put p = { 77, false };

	if (count(tx, &n->before, e) < 0 ||
	    db_write(n->db, put, &p, e) < 0) /* as another thread would */
		return -1;
	return count(tx, &n->after, e);
}

static void
a_reader_sees_one_snapshot(void **arg)
{
	struct state *s = *arg;
	struct snapshot n = { s->db, 9, 9 };
	struct err e;

	ok(db_read(s->db, read_twice, &n, &e), &e);
	assert_int_equal(n.before, 0);
	assert_int_equal(n.after, 0);
	assert_int_equal(rows(s->db), 1);
}

static void
a_reader_cannot_write(void **arg)
{
	struct state *s = *arg;
	struct put p = { 1, false };
	struct err e;

	assert_int_equal(db_read(s->db, put, &p, &e), -1);
	assert_int_equal(rows(s->db), 0);
}

static int
nested(struct tx *tx, void *arg, struct err *e)
{
	OWN(stmt_done) struct stmt *a = NULL;
	OWN(stmt_done) struct stmt *b = NULL;
	bool row;
	const char *sql = "SELECT k, v FROM t ORDER BY k";

	(void)arg;
	if (stmt_new(tx, sql, &a, e) < 0 || stmt_next(a, &row, e) < 0 ||
	    stmt_new(tx, sql, &b, e) < 0 || stmt_next(b, &row, e) < 0)
		return -1;
	assert_ptr_not_equal(a, b);
	assert_int_equal(stmt_got_u64(a, 0), 1);
	if (stmt_next(b, &row, e) < 0)
		return -1;
	assert_int_equal(stmt_got_u64(b, 0), 2);
	assert_int_equal(stmt_got_u64(a, 0), 1);
	uint8_t wrong[3] = { 1, 2, 3 };
	stmt_got_copy(a, 1, wrong, sizeof wrong);
	assert_memory_equal(wrong, "\0\0", 3);
	return 0;
}

static void
one_statement_can_run_twice_at_a_time(void **arg)
{
	struct state *s = *arg;
	struct err e;

	for (uint64_t k = 1; k <= 2; k++) {
		struct put p = { k, false };
		ok(db_write(s->db, put, &p, &e), &e);
	}
	ok(db_read(s->db, nested, NULL, &e), &e);
}

static void
migrations_run_once_and_in_order(void **arg)
{
	struct state *s = *arg;
	struct err e;

	ok(db_migrate(s->db, "t", scripts, 2, &e), &e);
	ok(db_migrate(s->db, "t", scripts, 2, &e), &e);
	assert_int_equal(db_migrate(s->db, "t", scripts, 1, &e), -1);
	assert_int_equal(e.code, ERR_UPDATE_NEEDED);
}

static void
keep(void *arg, const char *what)
{
	(void)what;
	++*(int *)arg;
}

static void
a_copy_is_whole(void **arg)
{
	struct state *s = *arg;
	OWN(mem_free) char *copy = file_join(s->dir.path, "copy.db");
	OWN(db_free) struct db *db = NULL;
	struct put p = { 5, false };
	struct err e;
	int damages = 0;

	ok(db_write(s->db, put, &p, &e), &e);
	ok(db_backup(s->db, copy, &e), &e);
	p.k = 6;
	ok(db_write(s->db, put, &p, &e), &e);
	ok(db_open(copy, DB_SERVER, &db, &e), &e);
	assert_int_equal(rows(db), 1);
	ok(db_check(db, keep, &damages, &e), &e);
	assert_int_equal(damages, 0);
}

static void
damage_is_found(void **arg)
{
	struct state *s = *arg;
	struct err e;
	int damages = 0;
	uint8_t junk[600];

	for (uint64_t k = 1; k < 2000; k++) {
		struct put p = { k, false };
		if (k % 2 == 0)
			ok(db_write(s->db, put, &p, &e), &e);
	}
	db_free(&s->db); /* folds the log into the file */
	OWN(fd_close) int fd = open(s->path, O_RDWR | O_CLOEXEC);
	memset(junk, 0xa5, sizeof junk);
	ok(file_pwrite_all(fd, bytes_of(junk, sizeof junk), 3 * 4096, &e), &e);
	ok(db_open(s->path, DB_SERVER, &s->db, &e), &e);
	ok(db_check(s->db, keep, &damages, &e), &e);
	assert_true(damages > 0);
}

static void
a_file_that_is_no_database_is_refused(void **arg)
{
	struct state *s = *arg;
	OWN(mem_free) char *path = file_join(s->dir.path, "copy.db");
	char junk[8192];
	struct db *db = NULL;
	struct err e;

	memset(junk, 'x', sizeof junk);
	ok(file_write(path, bytes_of(junk, sizeof junk), 0600, &e), &e);
	assert_int_equal(db_open(path, DB_SERVER, &db, &e), -1);
	assert_int_equal(e.code, ERR_STATE_DAMAGED);
	assert_null(db);
}

static void
what_is_looked_at_stays_as_it_is(void **arg)
{
	struct state *s = *arg;
	OWN(db_free) struct db *look = NULL;
	OWN(mem_free) char *none = file_join(s->dir.path, "none.db");
	struct put p = { 1, false };
	struct err e;

	ok(db_write(s->db, put, &p, &e), &e);
	ok(db_look(s->path, &look, &e), &e);
	ok(db_migrate(look, "t", scripts, 1, &e), &e);
	assert_int_equal(rows(look), 1);
	/* It goes on beside who writes. */
	p.k = 2;
	ok(db_write(s->db, put, &p, &e), &e);
	assert_int_equal(rows(look), 2);
	assert_int_equal(db_write(look, put, &p, &e), -1);
	assert_int_equal(e.code, ERR_PERMISSION);
	assert_int_equal(db_read(look, put, &p, &e), -1);
	/* Tables that are not of this program are not brought up to it. */
	assert_int_equal(db_migrate(look, "t", scripts, 2, &e), -1);
	assert_int_equal(e.code, ERR_UPDATE_NEEDED);
	assert_int_equal(db_migrate(look, "v", scripts, 1, &e), -1);
	db_free(&look);
	assert_int_equal(db_look(none, &look, &e), -1);
	assert_int_equal(e.code, ERR_NOT_FOUND);
	assert_false(file_exists(none));
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, open_all, close_all)
	const struct CMUnitTest tests[] = {
		T(each_job_of_a_group_has_its_own_result),
		T(a_failed_job_leaves_nothing),
		T(a_reader_sees_one_snapshot),
		T(a_reader_cannot_write),
		T(one_statement_can_run_twice_at_a_time),
		T(migrations_run_once_and_in_order),
		T(a_copy_is_whole),
		T(damage_is_found),
		T(a_file_that_is_no_database_is_refused),
		T(what_is_looked_at_stays_as_it_is),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
