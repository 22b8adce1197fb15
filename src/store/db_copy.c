/* SPDX-License-Identifier: ISC */
/* db_copy.c: a consistent copy, and the check, by SQLite's own means. */
#include "store/db_in.h"

#include "base/file.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <sqlite3.h>

static int
copy_to(struct db_conn *from, const char *path, struct err *e)
{
	struct db_conn to = { .full = from->full };
	OWN(mem_free) char *name = db_no_uri(path);
	int rc = sqlite3_open_v2(
	    name, &to.h, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);

	if (rc == SQLITE_OK) {
		sqlite3_backup *b =
		    sqlite3_backup_init(to.h, "main", from->h, "main");
		if (b != NULL)
			(void)sqlite3_backup_step(b, -1);
		rc = b != NULL ? sqlite3_backup_finish(b)
			       : sqlite3_errcode(to.h);
	}
	if (rc != SQLITE_OK)
		(void)db_fail(&to, rc, e);
	(void)sqlite3_close(to.h);
	return rc == SQLITE_OK ? 0 : -1;
}

int
db_backup(struct db *db, const char *path, struct err *e)
{
	OWN(buf_free) struct buf tmp = { 0 };
	OWN(buf_free) struct buf dir = { 0 };
	struct db_conn *c;

	buf_printf(&tmp, "%s.new", path);
	(void)unlink(buf_text(&tmp));
	if (db_make_file(buf_text(&tmp), e) < 0)
		return db_failed(db, e);
	if (db_reader_take(db, &c, e) < 0)
		return -1;
	int rc = copy_to(c, buf_text(&tmp), e);
	db_reader_give(db, c);
	if (rc == 0 && rename(buf_text(&tmp), path) < 0)
		rc = err_sys(e, "%s", path);
	if (rc < 0) {
		(void)unlink(buf_text(&tmp));
		(void)err_in(e, "copy of the database");
		return db_failed(db, e);
	}
	const char *slash = strrchr(path, '/');
	buf_put(&dir, slash != NULL ? path : ".",
	    slash > path ? (size_t)(slash - path) : 1);
	return file_sync_dir(buf_text(&dir), e) < 0 ? db_failed(db, e) : 0;
}

struct checking {
	db_report_fn *report;
	void *arg;
};

static int
check(struct tx *tx, void *arg, struct err *e)
{
	const struct checking *k = arg;
	OWN(stmt_done) struct stmt *s = NULL;
	OWN(stmt_done) struct stmt *f = NULL;
	bool row;

	if (stmt_new(tx, "PRAGMA integrity_check", &s, e) < 0 ||
	    stmt_new(tx, "PRAGMA foreign_key_check", &f, e) < 0)
		return -1;
	do {
		if (stmt_next(s, &row, e) < 0)
			return -1;
		if (row && strcmp(stmt_got_text(s, 0), "ok") != 0)
			k->report(k->arg, stmt_got_text(s, 0));
	} while (row);
	do {
		if (stmt_next(f, &row, e) < 0)
			return -1;
		if (row)
			k->report(
			    k->arg, "a row refers to one that is not there");
	} while (row);
	return 0;
}

int
db_check(struct db *db, db_report_fn *report, void *arg, struct err *e)
{
	struct checking k = { report, arg };

	if (db_read(db, check, &k, e) == 0)
		return 0;
	if (e->code != ERR_STATE_DAMAGED)
		return -1;
	report(arg, e->msg); /* too damaged to be checked is a finding */
	return 0;
}
