/* SPDX-License-Identifier: ISC */
/* depot_local.c: a depot over the store, in a folder with a password. */
#include "link/depot_local_in.h"

#include "base/file.h"
#include "base/now.h"
#include "link/repo_log.h"
#include "store/blob_dir.h"
#include "store/zone_import.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define RESERVE_MAX (4 << 20) /* a forget and a prune of 10,000 packs */
#define RESERVE_MIN (128 << 10)

struct depot_local *
depot_local_of(struct depot *d)
{
	return (struct depot_local *)d;
}

static void
run_end(struct depot_local *l)
{
	if (l->run != NULL)
		(void)unlink(l->run);
	free(l->run);
	l->run = NULL;
	fd_close(&l->run_fd);
}

static struct zone_key
key_of(struct depot *d, const struct id *zone)
{
	return (struct zone_key){ depot_local_of(d)->uid, *zone };
}

int
depot_local_damaged(const char *dir, struct err *e)
{
	return err_remedy(e,
	    "Run: aumbry repair --repo %s   It makes the database anew from "
	    "the log beside it.",
	    dir);
}

/* What has a way out here that it has not everywhere. */
static int
known(struct depot *d, struct err *e)
{
	if (e->code == ERR_DISK_FULL_HERE)
		return err_remedy(e,
		    "Make room, then run the command again: it continues where "
		    "it stopped. To make room there: aumbry snapshot forget, "
		    "then: aumbry prune --grace 0s");
	return e->code == ERR_STATE_DAMAGED
	    ? depot_local_damaged(depot_local_of(d)->dir, e)
	    : -1;
}

static int
writable(struct depot *d, struct err *e)
{
	if (!db_looks(depot_local_of(d)->db))
		return 0;
	*e = depot_local_of(d)->shut;
	return known(d, e);
}

/* Whoever can open the folder can write it; readers verify signatures. */
static int
judge(struct tx *tx, const struct head *h, void *arg, struct err *e)
{
	(void)tx;
	(void)h;
	(void)arg;
	(void)e;
	return 0;
}

static int
commit(struct depot *d, const struct depot_commit *c, struct err *e)
{
	OWN(commit_free) struct commit parsed = { .changes = NULL };
	struct zone_commit in = { .key = key_of(d, c->zone),
		.category = c->category,
		.judge = judge };

	if (writable(d, e) < 0 || commit_parse(c->body, &parsed, e) < 0)
		return -1;
	in.commit = &parsed;
	/* No second clock here; one that jumped once must not close the
	 * repository until that day. */
	in.now_ms = (int64_t)parsed.head.time_ms;
	if (zone_commit_now(depot_local_of(d)->db, &in, e) < 0)
		return known(d, e);
	repo_log_follow(depot_local_of(d)->log, depot_local_of(d)->db, &in.key);
	return 0;
}

static int
changes(struct depot *d, const struct id *zone, uint64_t since,
    uint64_t heads_from, const struct depot_sink *sink, struct err *e)
{
	const struct zone_ask ask = { .since = since,
		.heads_from = heads_from };
	struct zone_key key = key_of(d, zone);

	sink->begin(sink->ctx);
	return zone_changes_as(depot_local_of(d)->db, &key, &ask, sink->take,
		   sink->ctx, e) < 0
	    ? known(d, e)
	    : 0;
}

static int
blob_put(struct depot *d, const struct id *zone, const struct id *id,
    struct bytes body, struct err *e)
{
	struct zone_key key = key_of(d, zone);

	if (writable(d, e) < 0)
		return -1;
	return zone_blob_put(
		   &depot_local_of(d)->store, &key, id, body, now_ms(), e) < 0
	    ? known(d, e)
	    : 0;
}

static int
blob_get(struct depot *d, const struct id *zone, const struct id *id,
    struct depot_part part, struct buf *out, struct err *e)
{
	struct zone_key key = key_of(d, zone);
	OWN(fd_close) int fd = -1;
	struct zone_blob blob;
	size_t got, before = out->n;

	if (zone_blob_open(&depot_local_of(d)->store, &key, id, &fd, &blob, e) <
	    0) {
		if (e->code == ERR_NOT_FOUND)
			e->code = ERR_BLOB_MISSING;
		return known(d, e);
	}
	if (part.n == 0)
		part.n = (size_t)blob.sum.size;
	uint8_t *p = buf_grow(out, part.n);
	if (file_pread_full(fd, p, part.n, part.offset, &got, e) < 0 ||
	    got != part.n) {
		out->n = before;
		return err_set(e, ERR_BLOB_TRUNCATED,
		    "a blob is shorter than what was stored");
	}
	return 0;
}

static int
blob_delete(
    struct depot *d, const struct id *zone, const struct id *id, struct err *e)
{
	struct zone_key key = key_of(d, zone);

	return writable(d, e) < 0 ? -1
				  : zone_blob_delete(&depot_local_of(d)->store,
					&key, id, now_ms(), e);
}

static int
blob_exists(struct depot *d, const struct id *zone, const struct id *ids,
    size_t n, uint8_t *there, struct err *e)
{
	struct zone_key key = key_of(d, zone);
	uint8_t bits[(LIMIT_EXISTS_IDS + 7) / 8];

	for (size_t at = 0; at < n; at += LIMIT_EXISTS_IDS) {
		size_t some =
		    n - at < LIMIT_EXISTS_IDS ? n - at : LIMIT_EXISTS_IDS;
		if (zone_blob_exists(&depot_local_of(d)->store, &key,
			bytes_of(ids + at, some * ID_BYTES), now_ms(), bits,
			e) < 0)
			return known(d, e);
		for (size_t i = 0; i < some; i++)
			there[at + i] = bits[i / 8] >> (i % 8) & 1;
	}
	return 0;
}

/* ---- circle and keyring: written once, when the repository is made ---- */

static int
circle(struct depot *d, uint32_t since, struct buf *out, struct err *e)
{
	(void)e;
	if (since == 0)
		buf_put_v16(out, buf_bytes(&depot_local_of(d)->genesis));
	return 0;
}

static int
keyring(struct depot *d, struct buf *out, struct err *e)
{
	(void)e;
	buf_put_bytes(out, buf_bytes(&depot_local_of(d)->bundle));
	return 0;
}

static int
circle_submit(
    struct depot *d, struct bytes entry, struct bytes envelopes, struct err *e)
{
	(void)d;
	(void)entry;
	(void)envelopes;
	return err_set(
	    e, ERR_PERMISSION, "a local repository has no devices to change");
}

/* ---- what a server does by itself ---- */

static int
tidy(struct depot *d, int64_t left_ms, struct err *e)
{
	struct zone_gc gone;
	uint64_t n;

	if (writable(d, e) < 0 ||
	    zone_adopt(&depot_local_of(d)->store,
		left_ms > 0 ? left_ms - 1 : now_ms(), &n, e) < 0)
		return -1;
	return left_ms > 0
	    ? zone_gc_left(&depot_local_of(d)->store, left_ms, &gone, e)
	    : zone_gc(&depot_local_of(d)->store, now_ms(), &gone, e);
}

static int
run_begin(struct depot *d, const struct id *run, struct err *e)
{
	struct depot_local *l = depot_local_of(d);
	OWN(mem_free) char *path = file_join(l->runs, id_text(run).s);
	OWN(fd_close) int fd = -1;

	if (writable(d, e) < 0 || file_mkdirs(l->runs, 0700, e) < 0 ||
	    file_lock(path, &fd, e) < 0)
		return -1;
	run_end(l);
	l->run = TAKE(path);
	l->run_fd = fd;
	fd = -1;
	return 0;
}

/* One that nobody holds was cut off. */
static bool
run_goes_on(struct depot *d, const struct id *run)
{
	struct depot_local *l = depot_local_of(d);
	OWN(mem_free) char *path = file_join(l->runs, id_text(run).s);
	OWN(fd_close) int fd = -1;
	struct err e;

	if (l->run != NULL && strcmp(l->run, path) == 0)
		return true;
	if (!file_exists(path))
		return false;
	if (file_lock(path, &fd, &e) < 0)
		return e.code == ERR_HOME_BUSY;
	(void)unlink(path);
	return false;
}

/* ---- a way out of full ---- */

void
depot_local_make_room(const char *dir)
{
	OWN(mem_free) char *path = file_join(dir, RESERVE_FILE);

	(void)unlink(path);
}

static uint64_t
room(struct depot *d)
{
	struct statvfs st;

	return statvfs(depot_local_of(d)->dir, &st) == 0
	    ? (uint64_t)st.f_bavail * st.f_frsize
	    : UINT64_MAX;
}

/* As much of it as there is room for. */
static void
keep_room(const char *dir)
{
	OWN(mem_free) char *path = file_join(dir, RESERVE_FILE);
	OWN(fd_close)
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0)
		return;
	for (off_t n = RESERVE_MAX; n >= RESERVE_MIN; n /= 2)
		if (posix_fallocate(fd, 0, n) == 0)
			return;
	(void)unlink(path);
}

static void
free_it(struct depot *d)
{
	run_end(depot_local_of(d));
	for (size_t i = 0; depot_local_of(d)->log != NULL && i < 2; i++) {
		struct zone_key key = key_of(d, &depot_local_of(d)->zones[i]);
		repo_log_settle(
		    depot_local_of(d)->log, depot_local_of(d)->db, &key);
	}
	repo_log_free(&depot_local_of(d)->log);
	/* Behind the database, which gives back its log. */
	bool writes =
	    depot_local_of(d)->db != NULL && !db_looks(depot_local_of(d)->db);
	free(depot_local_of(d)->runs);
	buf_free(&depot_local_of(d)->genesis);
	buf_free(&depot_local_of(d)->bundle);
	db_free(&depot_local_of(d)->db);
	blob_store_free(&depot_local_of(d)->blobs);
	if (writes)
		keep_room(depot_local_of(d)->dir);
	free(depot_local_of(d)->dir);
	free(d);
}

static const struct depot_ops ops = {
	.commit = commit,
	.changes = changes,
	.blob_put = blob_put,
	.blob_get = blob_get,
	.blob_delete = blob_delete,
	.blob_exists = blob_exists,
	.circle = circle,
	.circle_submit = circle_submit,
	.keyring = keyring,
	.tidy = tidy,
	.room = room,
	.run_begin = run_begin,
	.run_goes_on = run_goes_on,
	.free = free_it,
};

static int
open_to_write(struct depot_local *d, const char *dir, const char *db,
    const char *blobs, struct err *e)
{
	struct stat st;

	/* The database engine would follow it, and write there. */
	if (lstat(db, &st) == 0 && !S_ISREG(st.st_mode))
		return err_set(e, ERR_STATE_DAMAGED, "%s is no plain file", db);
	if (access(dir, W_OK) < 0 || (file_exists(db) && access(db, W_OK) < 0))
		return err_set(e, ERR_PERMISSION,
		    "%s can only be read here: %s", dir, strerror(errno));
	return db_open(db, DB_OWN, &d->db, e) < 0 || zone_open(d->db, e) < 0
	    ? -1
	    : blob_dir_open(blobs, ERR_DISK_FULL_HERE, &d->blobs, e);
}

/* A medium that is read-only or full, or a folder of somebody else's. */
static int
open_to_read(struct depot_local *d, const char *dir, const char *db,
    const char *blobs, struct err *e)
{
	struct err why;

	if (e->code == ERR_STATE_DAMAGED || e->code == ERR_SERVER_BUSY ||
	    !repo_file_there(dir))
		return -1;
	db_free(&d->db);
	if (db_look(db, &d->db, &why) < 0 || zone_open(d->db, &why) < 0) {
		if (why.code == ERR_STATE_DAMAGED)
			*e = why;
		return -1;
	}
	d->shut = *e;
	err_clear(e);
	d->blobs = blob_dir_look(blobs);
	return 0;
}

int
depot_local_depot(const char *dir, const struct repo_file *f,
    struct depot **out, struct err *e)
{
	OWN(mem_free) char *db = file_join(dir, "repo.db");
	OWN(mem_free) char *blobs = file_join(dir, "blobs");
	struct depot_local *d = mem_new(sizeof *d);
	OWN(depot_free) struct depot *base = &d->base;

	d->base.ops = &ops;
	d->run_fd = -1;
	d->dir = mem_text(dir);
	d->runs = file_join(dir, "runs");
	d->uid = f->uid;
	buf_put_bytes(&d->genesis, buf_bytes(&f->genesis));
	buf_put_bytes(&d->bundle, buf_bytes(&f->bundle));
	d->zones[0] = f->backup;
	d->zones[1] = f->keychain;
	if (open_to_write(d, dir, db, blobs, e) < 0 &&
	    open_to_read(d, dir, db, blobs, e) < 0)
		return known(base, e);
	if (!db_looks(d->db)) {
		OWN(mem_free) char *log = file_join(dir, REPO_LOG);
		d->log = repo_log_new(log);
		for (size_t i = 0; i < 2; i++) {
			struct zone_key key = key_of(base, &d->zones[i]);
			repo_log_follow(d->log, d->db, &key);
		}
	}
	d->store = (struct zone_store){ d->db, d->blobs };
	*out = TAKE(base);
	return 0;
}
