/* SPDX-License-Identifier: ISC */
/* db_open.c: a file of SQLite opened to write, or only looked at. */
#include "store/db_in.h"

#include "base/file.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

/* Page caches in KiB: 6 MiB and four times 1 MiB are what stays when idle. */
#define WRITER_CACHE "-6144"
#define OWN_CACHE "-1024"
/* The log is folded back at 32 MiB: pages written often move only once. */
#define LOG_PAGES "8192"

static int
probe(struct tx *tx, void *arg, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;
	bool row;

	(void)arg;
	return stmt_new(tx, "SELECT COUNT(*) FROM sqlite_master", &s, e) < 0
	    ? -1
	    : stmt_next(s, &row, e);
}

int
db_has_table(struct tx *tx, const char *name, bool *has, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;

	if (stmt_new(tx, "SELECT 1 FROM sqlite_master WHERE name = ?", &s, e) <
	    0)
		return -1;
	stmt_text(s, 1, name);
	return stmt_next(s, has, e);
}

static int
copy_file(const char *from, const char *to, struct err *e)
{
	OWN(fd_close) int in = open(from, O_RDONLY | O_CLOEXEC);
	OWN(fd_close)
	int out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	ssize_t n;

	if (in < 0 || out < 0)
		return err_sys(e, "%s", in < 0 ? from : to);
	while ((n = sendfile(out, in, NULL, 1 << 20)) > 0)
		;
	return n < 0 ? err_sys(e, "copy of %s", from) : 0;
}

/* What a crash left in the log is part of it, and folding it in writes. */
static int
look_at_copy(struct db *db, const char *log, struct err *e)
{
	const char *tmp = getenv("TMPDIR");
	OWN(mem_free)
	char *dir = file_join(
	    tmp != NULL && tmp[0] == '/' ? tmp : "/tmp", "aumbry-XXXXXX");

	if (mkdtemp(dir) == NULL)
		return err_sys(e, "%s", dir);
	db->copy = mem_text(dir);
	OWN(mem_free) char *path = file_join(dir, "db");
	OWN(mem_free) char *wal = file_join(dir, "db-wal");
	if (copy_file(db->path, path, e) < 0 || copy_file(log, wal, e) < 0)
		return -1;
	free(db->path);
	db->path = TAKE(path);
	return 0;
}

static int
look_still(struct db *db, struct err *e)
{
	OWN(buf_free) struct buf log = { 0 };
	struct stat st;

	buf_printf(&log, "%s-wal", db->path);
	if (stat(buf_text(&log), &st) == 0 && st.st_size > 0) {
		if (look_at_copy(db, buf_text(&log), e) < 0)
			return -1;
	} else {
		db->still = true;
	}
	return db_read(db, probe, NULL, e);
}

int
db_look(const char *path, struct db **out, struct err *e)
{
	OWN(db_free) struct db *db = db_new(path, ERR_DISK_FULL_HERE);

	db->look = true;
	if (access(path, R_OK) < 0)
		return err_sys(e, "%s", path);
	if (db_read(db, probe, NULL, e) < 0 &&
	    (e->code == ERR_STATE_DAMAGED || look_still(db, e) < 0))
		return -1;
	*out = TAKE(db);
	return 0;
}

int
db_open(const char *path, enum db_use use, struct db **out, struct err *e)
{
	OWN(db_free)
	struct db *db =
	    db_new(path, use == DB_OWN ? ERR_DISK_FULL_HERE : ERR_SERVER_FULL);

	db->as_it_is = use == DB_BESIDE;

	if (db_make_file(path, e) < 0)
		return db_failed(db, e);
	if (db_conn_open(db,
		"PRAGMA journal_mode = WAL;"
		"PRAGMA synchronous = FULL;"
		"PRAGMA foreign_keys = ON;"
		"PRAGMA trusted_schema = OFF;"
		"PRAGMA temp_store = MEMORY;"
		"PRAGMA journal_size_limit = 67108864;"
		"PRAGMA wal_autocheckpoint = " LOG_PAGES,
		&db->writer, e) < 0 ||
	    db_exec(db->writer,
		use == DB_SERVER ? "PRAGMA cache_size = " WRITER_CACHE
				 : "PRAGMA cache_size = " OWN_CACHE ";"
				   "PRAGMA temp_store = FILE",
		e) < 0)
		return -1;
	*out = TAKE(db);
	return 0;
}
