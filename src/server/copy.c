/* SPDX-License-Identifier: ISC */
/* copy.c: database first, blobs second. */
#include "server/copy.h"

#include "base/file.h"
#include "base/now.h"
#include "server/mark.h"
#include "server/restored.h"
#include "store/blob_dir.h"
#include "store/sql.h"
#include "store/zone_check.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE 256 /* blobs of one short transaction */
#define PIECE (1024 * 1024)
#define FILE_LIMIT (1024 * 1024) /* of configuration and keys */
#define MARK "aumbry-copy"
#define OPAQUE_KEY "keys/opaque.key"

struct item {
	struct blob_name name;
	struct blob_sum sum;
};

struct copy {
	const struct server *from;
	struct db *db; /* the copy's */
	struct blob_store *blobs;
	struct copy_result *out;
	int64_t now_ms;
	struct item page[PAGE];
	size_t n;
	struct item last; /* of the page before */
};

static void
copy_free(struct copy **c)
{
	if (*c == NULL)
		return;
	blob_store_free(&(*c)->blobs);
	db_free(&(*c)->db);
	free(*c);
	*c = NULL;
}

/* ---- the folder ---- */

static int
foreign(const char *to, struct err *e)
{
	(void)err_set(e, ERR_USAGE, "%s holds something else", to);
	return err_remedy(
	    e, "Give an empty folder, or one that holds an earlier copy.");
}

/* Of the same server, as far as it got: its key of passwords never changes. */
static int
check_same(const char *data, const char *to, struct err *e)
{
	OWN(mem_free) char *a = file_join(data, OPAQUE_KEY);
	OWN(mem_free) char *b = file_join(to, OPAQUE_KEY);
	OWN(buf_free) struct buf ours = { 0 };
	OWN(buf_free) struct buf theirs = { 0 };

	if (!file_exists(b))
		return 0;
	if (file_read(a, FILE_LIMIT, &ours, e) < 0 ||
	    file_read(b, FILE_LIMIT, &theirs, e) < 0)
		return -1;
	bool same = bytes_equal(buf_bytes(&ours), buf_bytes(&theirs));
	mem_wipe(ours.p, ours.n);
	mem_wipe(theirs.p, theirs.n);
	if (same)
		return 0;
	(void)err_set(e, ERR_USAGE, "%s is a copy of another server", to);
	return err_remedy(e, "Give a folder of this server's own.");
}

static int
prepare(const char *data, const char *to, struct err *e)
{
	OWN(mem_free) char *mark = file_join(to, MARK);
	OWN(mem_free) char *keys = file_join(to, "keys");
	size_t n = 0;

	if (file_mkdirs(to, 0700, e) < 0)
		return -1;
	if (!file_exists(mark)) {
		DIR *d = opendir(to);
		if (d == NULL)
			return err_sys(e, "%s", to);
		while (readdir(d) != NULL)
			n++;
		(void)closedir(d);
		if (n > 2)
			return foreign(to, e);
		if (file_write(mark, bytes_str("aumbry-copy v1\n"), 0600, e) <
		    0)
			return -1;
	}
	return check_same(data, to, e) < 0 ? -1 : file_mkdirs(keys, 0700, e);
}

static int
copy_file(const char *data, const char *to, const char *name, struct err *e)
{
	OWN(mem_free) char *a = file_join(data, name);
	OWN(mem_free) char *b = file_join(to, name);
	OWN(buf_free) struct buf text = { 0 };

	return file_read(a, FILE_LIMIT, &text, e) < 0 ||
		file_write(b, buf_bytes(&text), 0600, e) < 0
	    ? -1
	    : 0;
}

static bool
is_folder(const char *dir, const char *name)
{
	OWN(mem_free) char *path = file_join(dir, name);
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static int
copy_small(const char *data, const char *to, struct err *e)
{
	OWN(mem_free) char *keys = file_join(data, "keys");
	DIR *d = opendir(keys);
	const struct dirent *x;
	int rc = copy_file(data, to, "aumbryd.conf", e);

	if (d == NULL)
		return err_sys(e, "%s", keys);
	while (rc == 0 && (x = readdir(d)) != NULL) {
		OWN(buf_free) struct buf name = { 0 };
		/* A folder is of a new identity that was cut off: no part of
		 * what holds. */
		if (x->d_name[0] == '.' || is_folder(keys, x->d_name))
			continue;
		buf_printf(&name, "keys/%s", x->d_name);
		rc = copy_file(data, to, buf_text(&name), e);
	}
	(void)closedir(d);
	return rc;
}

static int
copy_database(struct copy *c, const char *to, struct err *e)
{
	static const char *const old[] = { "aumbryd.db-wal", "aumbryd.db-shm" };
	OWN(mem_free) char *path = file_join(to, "aumbryd.db");

	/* What a killed copy left would be taken for the new one's log. */
	for (size_t i = 0; i < ARRAY_SIZE(old); i++) {
		OWN(mem_free) char *x = file_join(to, old[i]);
		if (unlink(x) < 0 && errno != ENOENT)
			return err_sys(e, "%s", x);
	}
	c->now_ms = now_ms();
	return db_backup(c->from->db, path, e) < 0 ||
		restored_mark(to, c->now_ms, e) < 0 ||
		db_open(path, DB_OWN, &c->db, e) < 0
	    ? -1
	    : 0;
}

/* ---- blobs ---- */

static int
next_page(struct tx *tx, void *arg, struct err *e)
{
	struct copy *c = arg;
	OWN(stmt_done) struct stmt *s = NULL;
	const struct blob_name *after = &c->last.name;
	bool row;

	c->n = 0;
	if (sql_ask(tx, e, &s,
		"SELECT uid, zone, id, file, size, checksum FROM blob"
		" WHERE (uid, zone, id) > (?, ?, ?)"
		" ORDER BY uid, zone, id LIMIT 256",
		"iii", &after->uid, &after->zone, &after->id) < 0)
		return -1;
	for (;;) {
		struct item *x = &c->page[c->n];
		if (stmt_next(s, &row, e) < 0)
			return -1;
		if (!row)
			return 0;
		stmt_got_copy(s, 0, x->name.uid.b, ID_BYTES);
		stmt_got_copy(s, 1, x->name.zone.b, ID_BYTES);
		stmt_got_copy(s, 2, x->name.id.b, ID_BYTES);
		x->name.file = stmt_got_u64(s, 3);
		x->sum.size = stmt_got_u64(s, 4);
		stmt_got_copy(s, 5, x->sum.sum.b, CHECKSUM_BYTES);
		c->n++;
	}
}

/* In its place, or in the trash, where it goes back to. */
static int
open_source(struct copy *c, const struct blob_name *name, int *fd,
    uint64_t *size, struct err *e)
{
	struct blob_store *from = c->from->blobs;

	if (blob_open(from, name, fd, size, e) == 0)
		return 0;
	if (e->code != ERR_NOT_FOUND || blob_untrash(from, name, e) < 0 ||
	    blob_open(from, name, fd, size, e) < 0)
		return e->code == ERR_NOT_FOUND
		    ? err_set(e, ERR_BLOB_MISSING,
			  "blob %s of the server is lost", id_text(&name->id).s)
		    : -1;
	return blob_trash(from, name, c->now_ms, e);
}

static int
copy_blob(struct copy *c, const struct item *x, struct err *e)
{
	OWN(fd_close) int fd = -1;
	OWN(blob_abort) struct blob_writer *w = NULL;
	OWN(mem_free) uint8_t *piece = mem_new(PIECE);
	uint64_t size, done = 0;
	size_t got;

	if (blob_open(c->blobs, &x->name, &fd, &size, e) == 0 &&
	    size == x->sum.size)
		return 0;
	fd_close(&fd);
	if (open_source(c, &x->name, &fd, &size, e) < 0 ||
	    blob_begin(c->blobs, &x->name, &x->sum, &w, e) < 0)
		return -1;
	do {
		if (file_read_full(fd, piece, PIECE, &got, e) < 0 ||
		    blob_add(w, bytes_of(piece, got), e) < 0)
			return -1;
		done += got;
	} while (got == PIECE);
	if (blob_finish(&w, e) < 0)
		return err_in(
		    e, "blob %s of the server", id_text(&x->name.id).s);
	c->out->copied++;
	c->out->copied_bytes += done;
	return 0;
}

static int
copy_blobs(struct copy *c, struct err *e)
{
	do {
		if (db_read(c->db, next_page, c, e) < 0)
			return -1;
		for (size_t i = 0; i < c->n; i++)
			if (copy_blob(c, &c->page[i], e) < 0)
				return -1;
		c->out->blobs += c->n;
		if (c->n > 0)
			c->last = c->page[c->n - 1];
	} while (c->n == PAGE);
	return 0;
}

struct known_job {
	const struct blob_name *name;
	bool known;
};

static int
known_job(struct tx *tx, void *arg, struct err *e)
{
	struct known_job *j = arg;
	OWN(stmt_done) struct stmt *s = NULL;

	if (sql_first(tx, e, &s, &j->known,
		"SELECT file FROM blob WHERE uid = ? AND zone = ? AND id = ?",
		"iii", &j->name->uid, &j->name->zone, &j->name->id) < 0)
		return -1;
	j->known = j->known && stmt_got_u64(s, 0) == j->name->file;
	return 0;
}

static int
drop_unknown(const struct blob_name *name, void *arg, struct err *e)
{
	struct copy *c = arg;
	struct known_job j = { name, false };

	if (db_read(c->db, known_job, &j, e) < 0)
		return -1;
	if (j.known)
		return 0;
	c->out->dropped++;
	return blob_trash(c->blobs, name, c->now_ms, e);
}

/* ---- the whole ---- */

static void
count_damage(void *arg, const struct zone_finding *f)
{
	uint64_t *n = arg;

	*n += f->what != ERR_NONE;
}

static int
copied_job(struct tx *tx, void *arg, struct err *e)
{
	return mark_set(tx, MARK_COPIED, *(const int64_t *)arg, "", false, e);
}

/* For `aumbryd status`. A disk that is full keeps nobody from a copy. */
static int
note_copy(const struct server *s, struct err *e)
{
	int64_t now = now_ms();

	return db_write(s->db, copied_job, &now, e) < 0 &&
		e->code != ERR_SERVER_FULL
	    ? -1
	    : 0;
}

int
copy_server(const struct server *s, const char *data, const char *to,
    struct copy_result *out, struct err *e)
{
	OWN(copy_free) struct copy *c = mem_new(sizeof *c);
	OWN(mem_free) char *lock_path = file_join(to, MARK);
	OWN(mem_free) char *blobs = file_join(to, "blobs");
	OWN(fd_close) int lock = -1;
	uint64_t damages = 0, purged;

	*out = (struct copy_result){ 0 };
	c->from = s;
	c->out = out;
	if (prepare(data, to, e) < 0 || file_lock(lock_path, &lock, e) < 0 ||
	    copy_small(data, to, e) < 0 || copy_database(c, to, e) < 0 ||
	    blob_dir_open(blobs, ERR_DISK_FULL_HERE, &c->blobs, e) < 0 ||
	    copy_blobs(c, e) < 0 ||
	    blob_each(c->blobs, drop_unknown, c, e) < 0 ||
	    blob_purge(c->blobs, c->now_ms, &purged, e) < 0)
		return -1;
	const struct zone_store store = { c->db, c->blobs };
	if (zone_check(&store, ZONE_CHECK_LOOK, count_damage, &damages, e) < 0)
		return -1;
	if (damages == 0)
		return note_copy(s, e);
	(void)err_set(e, ERR_BLOB_CORRUPT, "the copy has %llu damages",
	    (unsigned long long)damages);
	return err_remedy(e, "Run: aumbryd check --data %s", to);
}
