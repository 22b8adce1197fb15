/* SPDX-License-Identifier: ISC */
/* db_conn.c: a connection of SQLite, and what its failures mean. */
#include "store/db_in.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sqlite3.h>

#define BUSY_MS 10000 /* another process may be writing */
#define READER_CACHE "-1024" /* KiB */

static enum err_code
code_of(const struct db_conn *c, int rc)
{
	int os = c->h != NULL ? sqlite3_system_errno(c->h) : 0;

	switch (rc & 0xff) {
	case SQLITE_FULL:
		return c->full;
	case SQLITE_IOERR:
	case SQLITE_CANTOPEN:
		return os == ENOSPC || os == EDQUOT ? c->full : ERR_IO;
	case SQLITE_READONLY:
	case SQLITE_PERM:
	case SQLITE_AUTH:
		return ERR_IO;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return ERR_STATE_DAMAGED;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return ERR_SERVER_BUSY;
	case SQLITE_CONSTRAINT:
		return ERR_CONFLICT;
	default:
		return ERR_INTERNAL;
	}
}

int
db_fail(const struct db_conn *c, int rc, struct err *e)
{
	return err_set(e, code_of(c, rc), "database: %s (%d)",
	    c->h != NULL ? sqlite3_errmsg(c->h) : sqlite3_errstr(rc), rc);
}

void
db_conn_free(struct db_conn **c)
{
	if (*c == NULL)
		return;
	for (size_t i = 0; i < STMT_SLOTS; i++)
		(void)sqlite3_finalize((*c)->slots[i].s);
	(void)sqlite3_close((*c)->h);
	free(*c);
	*c = NULL;
}

int
db_exec(struct db_conn *c, const char *sql, struct err *e)
{
	int rc = sqlite3_exec(c->h, sql, NULL, NULL, NULL);

	return rc == SQLITE_OK ? 0 : db_fail(c, rc, e);
}

bool
db_lost(const struct db_conn *c)
{
	return sqlite3_get_autocommit(c->h) != 0;
}

char *
db_no_uri(const char *path)
{
	return strncmp(path, "file:", 5) == 0 ? file_join(".", path)
					      : mem_text(path);
}

static void
still_uri(struct buf *out, const char *path)
{
	buf_put_str(out, "file:");
	for (; *path != '\0'; path++)
		if (strchr("?#%", *path) != NULL)
			buf_printf(out, "%%%02x", (unsigned)*path);
		else
			buf_put_u8(out, (uint8_t)*path);
	buf_put_str(out, "?immutable=1");
}

int
db_conn_open(const struct db *db, const char *pragmas, struct db_conn **out,
    struct err *e)
{
	OWN(db_conn_free) struct db_conn *c = mem_new(sizeof *c);

	OWN(buf_free) struct buf uri = { 0 };

	c->full = db->full;
	c->db = db;
	if (db->still)
		still_uri(&uri, db->path);
	int rc = sqlite3_open_v2(db->still ? buf_text(&uri) : db->path, &c->h,
	    (db->look ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE) |
		(db->still ? SQLITE_OPEN_URI : 0) | SQLITE_OPEN_NOMUTEX,
	    NULL);
	if (rc != SQLITE_OK) {
		(void)db_fail(c, rc, e);
		return err_in(e, "%s", db->path);
	}
	if (db->look)
		(void)sqlite3_db_config(
		    c->h, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	(void)sqlite3_extended_result_codes(c->h, 1);
	(void)sqlite3_busy_timeout(c->h, BUSY_MS);
	(void)sqlite3_db_config(c->h, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	if (db_exec(c, pragmas, e) < 0)
		return err_in(e, "%s", db->path);
	*out = TAKE(c);
	return 0;
}

int
db_conn_reader(const struct db *db, struct db_conn **out, struct err *e)
{
	return db_conn_open(db,
	    "PRAGMA query_only = ON;"
	    "PRAGMA trusted_schema = OFF;"
	    "PRAGMA temp_store = MEMORY;"
	    "PRAGMA cache_size = " READER_CACHE,
	    out, e);
}

int
db_make_file(const char *path, struct err *e)
{
	/* Not opened when it exists: closing it would drop SQLite's locks. */
	OWN(fd_close)
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	OWN(mem_free) char *dir = mem_text(path);
	char *slash = strrchr(dir, '/');

	if (fd < 0 && errno != EEXIST)
		return err_sys(e, "%s", path);
	if (slash != NULL)
		slash[slash == dir] = '\0';
	return file_sync_dir(slash != NULL ? dir : ".", e);
}

int
db_failed(const struct db *db, struct err *e)
{
	if (e->code == ERR_DISK_FULL_HERE)
		e->code = db->full;
	return -1;
}

void
db_drop_copy(struct db *db)
{
	static const char *const names[] = { "db", "db-wal", "db-shm" };

	for (size_t i = 0; db->copy != NULL && i < 3; i++) {
		OWN(mem_free) char *path = file_join(db->copy, names[i]);
		(void)unlink(path);
	}
	if (db->copy != NULL)
		(void)rmdir(db->copy);
	free(db->copy);
	db->copy = NULL;
}
