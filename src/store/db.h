/* SPDX-License-Identifier: ISC */
/* db.h: one thin SQL layer, the only place that knows SQLite. */
/*
 * A database has one connection that writes and a pool that reads. Callers
 * use standard SQL with `?` parameters; what only SQLite understands stays in
 * the files that db_in.h names, so that another engine can stand behind the
 * same calls.
 *
 * Writers of all threads are put in line; whoever comes first runs the jobs
 * of all that wait, each inside its own savepoint, and one COMMIT makes them
 * durable together. A job runs in any of the waiting threads, and must not
 * call db_write itself.
 *
 * A reader sees one snapshot, taken at its first statement. While it lasts
 * the log cannot be folded back, so a reader must not wait for a slow peer
 * without a limit of its own.
 *
 * threads  struct db: any. struct tx and struct stmt: inside their job only.
 */
#pragma once

#include "base/buf.h"

struct db;
struct tx;
struct stmt;

/* What a transaction does; a failure undoes what it changed. */
typedef int db_job_fn(struct tx *tx, void *arg, struct err *e);
typedef void db_report_fn(void *arg, const char *what);

/*
 * Whose database it is. On a server a full disk is server-full and 6 MiB of
 * pages stay in memory; in a folder of the user's own it is disk-full-here,
 * and 1 MiB. Beside a
 * server, which may be of another version, db_migrate brings nothing up to date
 * and refuses other tables than its own.
 */
enum db_use { DB_SERVER, DB_OWN, DB_BESIDE };

/*
 * Open the database file, made with mode 0600 when it is not there.
 *
 * errors  state-damaged when it is no database; io-error; for a full disk the
 *         code of its use, here and in all that follows.
 */
MUST_CHECK int db_open(
    const char *path, enum db_use use, struct db **out, struct err *e);
/*
 * Open it to look at it, beside a server or without one. Nothing of it is
 * changed: db_write fails, and db_migrate wants the tables as they are now.
 * Where the files that SQLite makes beside it cannot be made (a medium that
 * is read-only or full, another's folder) nobody is writing, and it is read
 * as it lies; when a crash left a log there, from a copy in $TMPDIR.
 *
 * errors  also not-found.
 */
MUST_CHECK int db_look(const char *path, struct db **out, struct err *e);
bool db_looks(const struct db *db); /* was it opened so? */
void db_free(struct db **db);

/*
 * One thing that a module keeps beside the database, such as what it has worked
 * out of it; freed with it, or when another takes its place. Before the first
 * job.
 */
void db_attach(struct db *db, void *what, void (*free_fn)(void *));
/* NULL when nothing is. */
void *tx_attached(const struct tx *tx);

/*
 * Run fn in a write transaction and wait until it is durable.
 *
 * errors  fn's own; that of a full disk, io-error, state-damaged.
 */
MUST_CHECK int db_write(struct db *db, db_job_fn *fn, void *arg, struct err *e);

/* Run fn over one snapshot on a reading connection of the pool. */
MUST_CHECK int db_read(struct db *db, db_job_fn *fn, void *arg, struct err *e);

/*
 * Bring the tables of `module` to version n by running the scripts it lacks,
 * in order: scripts[0] leads to version 1.
 *
 * errors  update-needed when they are of a later version; or of an earlier one,
 *         when they are only looked at.
 */
MUST_CHECK int db_migrate(struct db *db, const char *module,
    const char *const *scripts, size_t n, struct err *e);

/* How many scripts of the module have run; 0 without tables. */
MUST_CHECK int db_version(
    struct db *db, const char *module, uint64_t *out, struct err *e);

/* Write a consistent copy to `path`, which is old or new after a crash. */
MUST_CHECK int db_backup(struct db *db, const char *path, struct err *e);

/* Have the engine check its own structures; one report for each damage. */
MUST_CHECK int db_check(
    struct db *db, db_report_fn *report, void *arg, struct err *e);

/* Run several statements that take no parameters and yield no rows. */
MUST_CHECK int tx_script(struct tx *tx, const char *sql, struct err *e);
/* Rows that the last INSERT, UPDATE or DELETE changed. */
uint64_t tx_changes(const struct tx *tx);

/* Prepare sql, or take it from the connection's cache. */
MUST_CHECK int stmt_new(
    struct tx *tx, const char *sql, struct stmt **out, struct err *e);
void stmt_done(struct stmt **s);

/*
 * Bind parameter i, from 1. Bytes and text are borrowed until the statement
 * is done or bound anew. stmt_u64 asserts that v fits 63 bits.
 */
void stmt_u64(struct stmt *s, int i, uint64_t v);
void stmt_i64(struct stmt *s, int i, int64_t v);
void stmt_bytes(struct stmt *s, int i, struct bytes x);
void stmt_text(struct stmt *s, int i, const char *text);

/* Run to the end without rows; it can be bound and run again. */
MUST_CHECK int stmt_run(struct stmt *s, struct err *e);
/* Step to the next row; at the end *row is false and it can run again. */
MUST_CHECK int stmt_next(struct stmt *s, bool *row, struct err *e);

/* Values of the row, column from 0; borrowed until the next step. */
uint64_t stmt_got_u64(struct stmt *s, int column); /* 0 when negative */
int64_t stmt_got_i64(struct stmt *s, int column);
struct bytes stmt_got_bytes(struct stmt *s, int column);
const char *stmt_got_text(struct stmt *s, int column); /* "" for NULL */
/* Copies n bytes; zeros when the value has another length. */
void stmt_got_copy(struct stmt *s, int column, void *out, size_t n);
