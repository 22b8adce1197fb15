/* SPDX-License-Identifier: ISC */
/* db.c: SQLite behind jobs, group commit and a pool of readers. */
#include "store/db.h"

#include "base/file.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sqlite3.h>

#define STMT_SLOTS 128 /* cached statements of one connection */
#define STMT_PROBES 8
#define BUSY_MS 10000 /* another process may be writing */
#define GROUP_MAX 64 /* jobs that share one COMMIT */
#define READERS_MAX 32
#define READERS_IDLE 4 /* kept open when nobody reads */
/* Page caches in KiB: 6 MiB and four times 1 MiB are what stays when idle. */
#define WRITER_CACHE "-6144"
#define OWN_CACHE "-1024"
#define READER_CACHE "-1024"
/* The log is folded back at 32 MiB: pages written often move only once. */
#define LOG_PAGES "8192"

struct stmt {
	sqlite3_stmt *s;
	struct db_conn *c;
	uint64_t hash;
	bool cached, busy;
};

struct db_conn {
	sqlite3 *h;
	const struct db *db;
	enum err_code full;
	struct db_conn *next; /* in the pool */
	struct stmt slots[STMT_SLOTS];
};

struct tx {
	struct db_conn *c;
};

struct job {
	db_job_fn *fn;
	void *arg;
	struct err *e;
	int rc;
	bool done;
	struct job *next;
};

struct db {
	char *path;
	void *attached;
	void (*attached_free)(void *);
	enum err_code full;
	bool look; /* nothing may be written */
	bool as_it_is; /* no table may be changed */
	bool still; /* and nobody does: no locks, no log */
	char *copy; /* the folder of a copy that goes with us, or NULL */
	struct db_conn *writer; /* of the thread that leads; NULL to look */
	pthread_mutex_t lock; /* guards what follows */
	pthread_cond_t turn;
	bool leading;
	struct job *first, **last; /* waiting for a leader */
	struct db_conn *idle;
	size_t n_idle, n_readers;
	pthread_cond_t reader_back;
};

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

static int
fail(const struct db_conn *c, int rc, struct err *e)
{
	return err_set(e, code_of(c, rc), "database: %s (%d)",
	    c->h != NULL ? sqlite3_errmsg(c->h) : sqlite3_errstr(rc), rc);
}

/* Connections */

static void
conn_free(struct db_conn **c)
{
	if (*c == NULL)
		return;
	for (size_t i = 0; i < STMT_SLOTS; i++)
		(void)sqlite3_finalize((*c)->slots[i].s);
	(void)sqlite3_close((*c)->h);
	free(*c);
	*c = NULL;
}

static int
exec(struct db_conn *c, const char *sql, struct err *e)
{
	int rc = sqlite3_exec(c->h, sql, NULL, NULL, NULL);

	return rc == SQLITE_OK ? 0 : fail(c, rc, e);
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

static int
conn_open(const struct db *db, const char *pragmas, struct db_conn **out,
    struct err *e)
{
	OWN(conn_free) struct db_conn *c = mem_new(sizeof *c);

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
		(void)fail(c, rc, e);
		return err_in(e, "%s", db->path);
	}
	if (db->look)
		(void)sqlite3_db_config(
		    c->h, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	(void)sqlite3_extended_result_codes(c->h, 1);
	(void)sqlite3_busy_timeout(c->h, BUSY_MS);
	(void)sqlite3_db_config(c->h, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	if (exec(c, pragmas, e) < 0)
		return err_in(e, "%s", db->path);
	*out = TAKE(c);
	return 0;
}

/* A new file gets its mode from us, and its name reaches the disk. */
static int
make_file(const char *path, struct err *e)
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

/* A full disk has the code that the opener wants. */
static int
failed(const struct db *db, struct err *e)
{
	if (e->code == ERR_DISK_FULL_HERE)
		e->code = db->full;
	return -1;
}

/* SQLite takes what begins so for a URI, and the file of another name. */
static char *
no_uri(const char *path)
{
	return strncmp(path, "file:", 5) == 0 ? file_join(".", path)
					      : mem_text(path);
}

static struct db *
db_new(const char *path, enum err_code full)
{
	struct db *db = mem_new(sizeof *db);

	db->path = no_uri(path);
	db->full = full;
	db->last = &db->first;
	(void)pthread_mutex_init(&db->lock, NULL);
	(void)pthread_cond_init(&db->turn, NULL);
	(void)pthread_cond_init(&db->reader_back, NULL);
	return db;
}

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

static void
drop_copy(struct db *db)
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

bool
db_looks(const struct db *db)
{
	return db->look;
}

int
db_open(const char *path, enum db_use use, struct db **out, struct err *e)
{
	OWN(db_free)
	struct db *db =
	    db_new(path, use == DB_OWN ? ERR_DISK_FULL_HERE : ERR_SERVER_FULL);

	db->as_it_is = use == DB_BESIDE;

	if (make_file(path, e) < 0)
		return failed(db, e);
	if (conn_open(db,
		"PRAGMA journal_mode = WAL;"
		"PRAGMA synchronous = FULL;"
		"PRAGMA foreign_keys = ON;"
		"PRAGMA trusted_schema = OFF;"
		"PRAGMA temp_store = MEMORY;"
		"PRAGMA journal_size_limit = 67108864;"
		"PRAGMA wal_autocheckpoint = " LOG_PAGES,
		&db->writer, e) < 0 ||
	    exec(db->writer,
		use == DB_SERVER ? "PRAGMA cache_size = " WRITER_CACHE
				 : "PRAGMA cache_size = " OWN_CACHE ";"
				   "PRAGMA temp_store = FILE",
		e) < 0)
		return -1;
	*out = TAKE(db);
	return 0;
}

void
db_free(struct db **db)
{
	struct db *d = *db;

	if (d == NULL)
		return;
	assert(d->first == NULL && !d->leading);
	while (d->idle != NULL) {
		struct db_conn *c = d->idle;
		d->idle = c->next;
		conn_free(&c);
	}
	conn_free(&d->writer);
	if (d->attached_free != NULL)
		d->attached_free(d->attached);
	(void)pthread_cond_destroy(&d->reader_back);
	(void)pthread_cond_destroy(&d->turn);
	(void)pthread_mutex_destroy(&d->lock);
	drop_copy(d);
	free(d->path);
	free(d);
	*db = NULL;
}

void
db_attach(struct db *db, void *what, void (*free_fn)(void *))
{
	if (db->attached_free != NULL)
		db->attached_free(db->attached);
	db->attached = what;
	db->attached_free = free_fn;
}

void *
tx_attached(const struct tx *tx)
{
	return tx->c->db->attached;
}

/* Writing */

static int
run(struct tx *tx, const char *sql, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;

	if (stmt_new(tx, sql, &s, e) < 0)
		return -1;
	return stmt_run(s, e);
}

/* The engine has undone the whole transaction by itself. */
static bool
lost(const struct db_conn *c)
{
	return sqlite3_get_autocommit(c->h) != 0;
}

static void
run_job(struct db_conn *c, struct job *j)
{
	struct tx tx = { c };
	struct err also = { 0 };

	j->rc = run(&tx, "SAVEPOINT job", j->e);
	if (j->rc == 0) {
		j->rc = j->fn(&tx, j->arg, j->e);
		if (j->rc == 0)
			j->rc = run(&tx, "RELEASE SAVEPOINT job", j->e);
		else if (!lost(c) &&
		    (run(&tx, "ROLLBACK TO SAVEPOINT job", &also) < 0 ||
			run(&tx, "RELEASE SAVEPOINT job", &also) < 0))
			(void)exec(c, "ROLLBACK", &also);
	}
}

/* All that ran in a transaction that did not become durable have failed. */
static void
fail_all(struct job *list, const struct err *why)
{
	for (struct job *j = list; j != NULL; j = j->next) {
		if (j->rc == 0)
			*j->e = *why;
		j->rc = -1;
	}
}

static struct job *
pop(struct db *db)
{
	(void)pthread_mutex_lock(&db->lock);
	struct job *j = db->first;
	if (j != NULL) {
		db->first = j->next;
		if (db->first == NULL)
			db->last = &db->first;
		j->next = NULL;
	}
	(void)pthread_mutex_unlock(&db->lock);
	return j;
}

/* Run what waits, also what arrives meanwhile; returns what was run. */
static struct job *
lead(struct db *db)
{
	struct db_conn *c = db->writer;
	struct tx tx = { c };
	struct job *ran = NULL, **end = &ran, *j;
	struct err e = { 0 };
	int rc = run(&tx, "BEGIN IMMEDIATE", &e);

	for (size_t n = 0; n < GROUP_MAX && (j = pop(db)) != NULL; n++) {
		*end = j;
		end = &j->next;
		if (rc < 0)
			continue; /* they wait for the same trouble */
		run_job(c, j);
		if (lost(c)) {
			rc = err_set(
			    &e, ERR_IO, "database: the transaction was undone");
			if (j->rc < 0)
				e = *j->e;
		}
	}
	if (rc == 0)
		rc = run(&tx, "COMMIT", &e);
	if (rc < 0) {
		struct err also = { 0 };
		if (!lost(c))
			(void)exec(c, "ROLLBACK", &also);
		fail_all(ran, &e);
	}
	return ran;
}

int
db_write(struct db *db, db_job_fn *fn, void *arg, struct err *e)
{
	struct job mine = { .fn = fn, .arg = arg, .e = e };

	if (db->look)
		return err_set(
		    e, ERR_PERMISSION, "%s can only be read here", db->path);
	(void)pthread_mutex_lock(&db->lock);
	*db->last = &mine;
	db->last = &mine.next;
	while (!mine.done) {
		if (db->leading) {
			(void)pthread_cond_wait(&db->turn, &db->lock);
			continue;
		}
		db->leading = true;
		(void)pthread_mutex_unlock(&db->lock);
		struct job *ran = lead(db);
		(void)pthread_mutex_lock(&db->lock);
		while (ran != NULL) {
			/* Its owner may return as soon as done is set. */
			struct job *next = ran->next;
			ran->done = true;
			ran = next;
		}
		db->leading = false;
		(void)pthread_cond_broadcast(&db->turn);
	}
	(void)pthread_mutex_unlock(&db->lock);
	return mine.rc;
}

/* Reading */

static int
reader_take(struct db *db, struct db_conn **out, struct err *e)
{
	struct db_conn *c;

	(void)pthread_mutex_lock(&db->lock);
	while (db->idle == NULL && db->n_readers >= READERS_MAX)
		(void)pthread_cond_wait(&db->reader_back, &db->lock);
	c = db->idle;
	if (c != NULL) {
		db->idle = c->next;
		db->n_idle--;
	} else {
		db->n_readers++;
	}
	(void)pthread_mutex_unlock(&db->lock);
	if (c == NULL &&
	    conn_open(db,
		"PRAGMA query_only = ON;"
		"PRAGMA trusted_schema = OFF;"
		"PRAGMA temp_store = MEMORY;"
		"PRAGMA cache_size = " READER_CACHE,
		&c, e) < 0) {
		(void)pthread_mutex_lock(&db->lock);
		db->n_readers--;
		(void)pthread_cond_signal(&db->reader_back);
		(void)pthread_mutex_unlock(&db->lock);
		return -1;
	}
	*out = c;
	return 0;
}

static void
reader_give(struct db *db, struct db_conn *c)
{
	(void)pthread_mutex_lock(&db->lock);
	if (db->n_idle < READERS_IDLE) {
		c->next = db->idle;
		db->idle = c;
		db->n_idle++;
		c = NULL;
	} else {
		db->n_readers--;
	}
	(void)pthread_cond_signal(&db->reader_back);
	(void)pthread_mutex_unlock(&db->lock);
	conn_free(&c);
}

int
db_read(struct db *db, db_job_fn *fn, void *arg, struct err *e)
{
	struct db_conn *c;
	struct err also = { 0 };

	if (reader_take(db, &c, e) < 0)
		return -1;
	struct tx tx = { c };
	int rc = run(&tx, "BEGIN", e);
	if (rc == 0)
		rc = fn(&tx, arg, e);
	if (!lost(c))
		(void)exec(c, "ROLLBACK", &also);
	reader_give(db, c);
	return rc;
}

/* Versions, copies, checks */

struct migration {
	const char *module;
	const char *const *scripts;
	size_t n;
};

static int
migrate(struct tx *tx, void *arg, struct err *e)
{
	const struct migration *m = arg;
	OWN(stmt_done) struct stmt *get = NULL;
	OWN(stmt_done) struct stmt *drop = NULL;
	OWN(stmt_done) struct stmt *put = NULL;
	bool row;

	if (tx_script(tx,
		"CREATE TABLE IF NOT EXISTS schema_version ("
		" module TEXT PRIMARY KEY, version INTEGER NOT NULL)",
		e) < 0 ||
	    stmt_new(tx, "SELECT version FROM schema_version WHERE module = ?",
		&get, e) < 0)
		return -1;
	stmt_text(get, 1, m->module);
	if (stmt_next(get, &row, e) < 0)
		return -1;
	uint64_t have = row ? stmt_got_u64(get, 0) : 0;
	stmt_done(&get);
	if (have > m->n)
		return err_set(e, ERR_UPDATE_NEEDED,
		    "the tables of %s are of version %llu, this program knows "
		    "%zu",
		    m->module, (unsigned long long)have, m->n);
	if (have == m->n)
		return 0;
	for (size_t i = (size_t)have; i < m->n; i++)
		if (tx_script(tx, m->scripts[i], e) < 0)
			return err_in(e, "version %zu of %s", i + 1, m->module);
	if (stmt_new(tx, "DELETE FROM schema_version WHERE module = ?", &drop,
		e) < 0 ||
	    stmt_new(tx, "INSERT INTO schema_version VALUES (?, ?)", &put, e) <
		0)
		return -1;
	stmt_text(drop, 1, m->module);
	stmt_text(put, 1, m->module);
	stmt_u64(put, 2, m->n);
	return stmt_run(drop, e) < 0 ? -1 : stmt_run(put, e);
}

/* Nothing is brought up to date by who only looks, or works beside. */
static int
look_version(struct tx *tx, void *arg, struct err *e)
{
	const struct migration *m = arg;
	OWN(stmt_done) struct stmt *any = NULL;
	OWN(stmt_done) struct stmt *get = NULL;
	bool row;

	if (stmt_new(tx,
		"SELECT 1 FROM sqlite_master WHERE name = 'schema_version'",
		&any, e) < 0 ||
	    stmt_next(any, &row, e) < 0)
		return -1;
	if (!row)
		return err_set(
		    e, ERR_STATE_DAMAGED, "the database has no tables");
	if (stmt_new(tx, "SELECT version FROM schema_version WHERE module = ?",
		&get, e) < 0)
		return -1;
	stmt_text(get, 1, m->module);
	if (stmt_next(get, &row, e) < 0)
		return -1;
	uint64_t have = row ? stmt_got_u64(get, 0) : 0;
	if (have == m->n)
		return 0;
	(void)err_set(e, ERR_UPDATE_NEEDED,
	    "the tables of %s are of version %llu, this program reads %zu",
	    m->module, (unsigned long long)have, m->n);
	return have > m->n
	    ? -1
	    : err_remedy(e,
		  "Restart the server with this version, which brings them up "
		  "to date.");
}

int
db_migrate(struct db *db, const char *module, const char *const *scripts,
    size_t n, struct err *e)
{
	struct migration m = { module, scripts, n };

	if (db->look || db->as_it_is)
		return db_read(db, look_version, &m, e);
	return db_write(db, migrate, &m, e);
}

static int
copy_to(struct db_conn *from, const char *path, struct err *e)
{
	struct db_conn to = { .full = from->full };
	OWN(mem_free) char *name = no_uri(path);
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
		(void)fail(&to, rc, e);
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
	if (make_file(buf_text(&tmp), e) < 0)
		return failed(db, e);
	if (reader_take(db, &c, e) < 0)
		return -1;
	int rc = copy_to(c, buf_text(&tmp), e);
	reader_give(db, c);
	if (rc == 0 && rename(buf_text(&tmp), path) < 0)
		rc = err_sys(e, "%s", path);
	if (rc < 0) {
		(void)unlink(buf_text(&tmp));
		(void)err_in(e, "copy of the database");
		return failed(db, e);
	}
	const char *slash = strrchr(path, '/');
	buf_put(&dir, slash != NULL ? path : ".",
	    slash > path ? (size_t)(slash - path) : 1);
	return file_sync_dir(buf_text(&dir), e) < 0 ? failed(db, e) : 0;
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

/* Statements */

int
tx_script(struct tx *tx, const char *sql, struct err *e)
{
	return exec(tx->c, sql, e);
}

uint64_t
tx_changes(const struct tx *tx)
{
	return (uint64_t)sqlite3_changes64(tx->c->h);
}

static uint64_t
hash_text(const char *s)
{
	uint64_t h = 0xcbf29ce484222325; /* FNV-1a */

	for (; *s != '\0'; s++)
		h = (h ^ (uint8_t)*s) * 0x100000001b3;
	return h;
}

static int
prepare(struct stmt *s, const char *sql, unsigned flags, struct err *e)
{
	int rc = sqlite3_prepare_v3(s->c->h, sql, -1, flags, &s->s, NULL);

	return rc == SQLITE_OK ? 0 : fail(s->c, rc, e);
}

int
stmt_new(struct tx *tx, const char *sql, struct stmt **out, struct err *e)
{
	struct db_conn *c = tx->c;
	uint64_t hash = hash_text(sql);
	struct stmt *s = NULL;

	for (size_t i = 0; i < STMT_PROBES && s == NULL; i++) {
		struct stmt *slot = &c->slots[(hash + i) % STMT_SLOTS];
		if (slot->s == NULL ||
		    (!slot->busy && slot->hash == hash &&
			strcmp(sqlite3_sql(slot->s), sql) == 0))
			s = slot;
	}
	if (s != NULL && s->s == NULL) {
		*s = (struct stmt){ .c = c, .hash = hash, .cached = true };
		if (prepare(s, sql, SQLITE_PREPARE_PERSISTENT, e) < 0)
			return -1;
	} else if (s == NULL) {
		s = mem_new(sizeof *s);
		s->c = c;
		if (prepare(s, sql, 0, e) < 0) {
			free(s);
			return -1;
		}
	}
	s->busy = true;
	*out = s;
	return 0;
}

void
stmt_done(struct stmt **s)
{
	struct stmt *t = *s;

	*s = NULL;
	if (t == NULL)
		return;
	t->busy = false;
	(void)sqlite3_reset(t->s);
	(void)sqlite3_clear_bindings(t->s);
	if (!t->cached) {
		(void)sqlite3_finalize(t->s);
		free(t);
	}
}

/* Binding fails only for a column that is not there: our own mistake. */
static void
bound(int rc)
{
	assert(rc == SQLITE_OK);
	(void)rc;
}

void
stmt_i64(struct stmt *s, int i, int64_t v)
{
	bound(sqlite3_bind_int64(s->s, i, v));
}

void
stmt_u64(struct stmt *s, int i, uint64_t v)
{
	assert(v <= INT64_MAX);
	stmt_i64(s, i, (int64_t)v);
}

void
stmt_bytes(struct stmt *s, int i, struct bytes x)
{
	if (x.n == 0)
		bound(sqlite3_bind_zeroblob(s->s, i, 0));
	else
		bound(sqlite3_bind_blob64(s->s, i, x.p, x.n, SQLITE_STATIC));
}

void
stmt_text(struct stmt *s, int i, const char *text)
{
	bound(sqlite3_bind_text(s->s, i, text, -1, SQLITE_STATIC));
}

int
stmt_next(struct stmt *s, bool *row, struct err *e)
{
	int rc = sqlite3_step(s->s);

	*row = rc == SQLITE_ROW;
	if (rc == SQLITE_ROW)
		return 0;
	if (rc != SQLITE_DONE)
		(void)fail(s->c, rc, e);
	(void)sqlite3_reset(s->s);
	return rc == SQLITE_DONE ? 0 : -1;
}

int
stmt_run(struct stmt *s, struct err *e)
{
	bool row;

	if (stmt_next(s, &row, e) < 0)
		return -1;
	assert(!row);
	return 0;
}

int64_t
stmt_got_i64(struct stmt *s, int column)
{
	return sqlite3_column_int64(s->s, column);
}

uint64_t
stmt_got_u64(struct stmt *s, int column)
{
	int64_t v = stmt_got_i64(s, column);

	return v > 0 ? (uint64_t)v : 0;
}

struct bytes
stmt_got_bytes(struct stmt *s, int column)
{
	const void *p = sqlite3_column_blob(s->s, column);

	return bytes_of(p, (size_t)sqlite3_column_bytes(s->s, column));
}

const char *
stmt_got_text(struct stmt *s, int column)
{
	const unsigned char *t = sqlite3_column_text(s->s, column);

	return t != NULL ? (const char *)t : "";
}

void
stmt_got_copy(struct stmt *s, int column, void *out, size_t n)
{
	struct bytes x = stmt_got_bytes(s, column);

	if (x.n == n && n > 0)
		memcpy(out, x.p, n);
	else if (n > 0)
		memset(out, 0, n);
}
