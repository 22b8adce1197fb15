/* SPDX-License-Identifier: ISC */
/* depot_local.c: a depot over the store, in a folder with a password. */
#include "link/depot_local.h"

#include "base/file.h"
#include "base/now.h"
#include "link/repo_file.h"
#include "link/repo_log.h"
#include "store/blob_dir.h"
#include "store/zone_blob.h"
#include "store/zone_import.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define RESERVE_FILE "reserve"
#define RESERVE_MAX (4 << 20) /* a forget and a prune of 10,000 packs */
#define RESERVE_MIN (128 << 10)

struct depot_local {
	struct depot base;
	struct db *db;
	struct blob_store *blobs;
	struct zone_store store;
	struct id uid;
	struct buf genesis, bundle;
	char *dir;
	char *runs; /* the folder */
	char *run; /* our file in it, or NULL */
	int run_fd;
	struct err shut; /* why it can only be read */
	struct repo_log *log; /* NULL: it can only be read */
	struct id zones[2];
};

static struct depot_local *
of(struct depot *d)
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
	return (struct zone_key){ of(d)->uid, *zone };
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
	return e->code == ERR_STATE_DAMAGED ? depot_local_damaged(of(d)->dir, e)
					    : -1;
}

static int
writable(struct depot *d, struct err *e)
{
	if (!db_looks(of(d)->db))
		return 0;
	*e = of(d)->shut;
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
commit(struct depot *d, const struct id *zone, enum category c,
    struct bytes body, struct err *e)
{
	OWN(commit_free) struct commit parsed = { .changes = NULL };
	struct zone_commit in = {
		.key = key_of(d, zone), .category = c, .judge = judge
	};

	if (writable(d, e) < 0 || commit_parse(body, &parsed, e) < 0)
		return -1;
	in.commit = &parsed;
	/* No second clock here; one that jumped once must not close the
	 * repository until that day. */
	in.now_ms = (int64_t)parsed.head.time_ms;
	if (zone_commit_now(of(d)->db, &in, e) < 0)
		return known(d, e);
	repo_log_follow(of(d)->log, of(d)->db, &in.key);
	return 0;
}

static int
changes(struct depot *d, const struct id *zone, uint64_t since, unsigned wait_s,
    const struct depot_sink *sink, struct err *e)
{
	struct zone_key key = key_of(d, zone);

	(void)wait_s; /* nobody else wakes us: the answer is the present */
	sink->begin(sink->ctx);
	return zone_changes(of(d)->db, &key, since, sink->take, sink->ctx, e) <
		0
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
	return zone_blob_put(&of(d)->store, &key, id, body, now_ms(), e) < 0
	    ? known(d, e)
	    : 0;
}

static int
blob_get(struct depot *d, const struct id *zone, const struct id *id,
    uint64_t offset, size_t n, struct buf *out, struct err *e)
{
	struct zone_key key = key_of(d, zone);
	OWN(fd_close) int fd = -1;
	struct zone_blob blob;
	size_t got, before = out->n;

	if (zone_blob_open(&of(d)->store, &key, id, &fd, &blob, e) < 0) {
		if (e->code == ERR_NOT_FOUND)
			e->code = ERR_BLOB_MISSING;
		return known(d, e);
	}
	if (n == 0)
		n = (size_t)blob.sum.size;
	uint8_t *p = buf_grow(out, n);
	if (file_pread_full(fd, p, n, offset, &got, e) < 0 || got != n) {
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

	return writable(d, e) < 0
	    ? -1
	    : zone_blob_delete(&of(d)->store, &key, id, now_ms(), e);
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
		if (zone_blob_exists(&of(d)->store, &key,
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
		buf_put_v16(out, buf_bytes(&of(d)->genesis));
	return 0;
}

static int
keyring(struct depot *d, struct buf *out, struct err *e)
{
	(void)e;
	buf_put_bytes(out, buf_bytes(&of(d)->bundle));
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
	    zone_adopt(
		&of(d)->store, left_ms > 0 ? left_ms - 1 : now_ms(), &n, e) < 0)
		return -1;
	return left_ms > 0 ? zone_gc_left(&of(d)->store, left_ms, &gone, e)
			   : zone_gc(&of(d)->store, now_ms(), &gone, e);
}

static int
run_begin(struct depot *d, const struct id *run, struct err *e)
{
	struct depot_local *l = of(d);
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
	struct depot_local *l = of(d);
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

	return statvfs(of(d)->dir, &st) == 0
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
	run_end(of(d));
	for (size_t i = 0; of(d)->log != NULL && i < 2; i++) {
		struct zone_key key = key_of(d, &of(d)->zones[i]);
		repo_log_settle(of(d)->log, of(d)->db, &key);
	}
	repo_log_free(&of(d)->log);
	/* Behind the database, which gives back its log. */
	bool writes = of(d)->db != NULL && !db_looks(of(d)->db);
	free(of(d)->runs);
	buf_free(&of(d)->genesis);
	buf_free(&of(d)->bundle);
	db_free(&of(d)->db);
	blob_store_free(&of(d)->blobs);
	if (writes)
		keep_room(of(d)->dir);
	free(of(d)->dir);
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
	    !depot_local_there(dir))
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

static int
open_depot(const char *dir, const struct repo_file *f, struct depot **out,
    struct err *e)
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

/* ---- making ---- */

void
depot_local_free(struct depot_local_repo **rp)
{
	struct depot_local_repo *r = *rp;

	if (r == NULL)
		return;
	depot_free(&r->depot);
	keyring_free(&r->keyring);
	devkey_free(&r->key);
	circle_free(&r->circle);
	free(r);
	*rp = NULL;
}

bool
depot_local_there(const char *dir)
{
	return repo_file_there(dir);
}

static void
close_dir(DIR **d)
{
	if (*d != NULL)
		(void)closedir(*d);
}

/* A making that was cut off before its last step left some of these. */
static bool
is_ours(const char *name)
{
	static const char *const names[] = { "repo.db", "repo.db-wal",
		"repo.db-shm", "repo.db-journal", "blobs", "runs", REPO_LOG,
		RESERVE_FILE };
	static const char unfinished[] = REPO_FILE_COPY ".new-";

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return strncmp(name, unfinished, sizeof unfinished - 1) == 0;
}

static int
must_be_empty(const char *dir, struct err *e)
{
	OWN(close_dir) DIR *d = opendir(dir);
	const struct dirent *x;

	if (d == NULL)
		return err_sys(e, "%s", dir);
	while ((x = readdir(d)) != NULL)
		if (strcmp(x->d_name, ".") != 0 &&
		    strcmp(x->d_name, "..") != 0 &&
		    strcmp(x->d_name, "lost+found") != 0 && !is_ours(x->d_name))
			return err_set(e, ERR_REPO_EXISTS,
			    "%s is not empty, and no repository", dir);
	return 0;
}

static int
count_zones(struct tx *tx, void *arg, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;
	bool row;

	if (stmt_new(tx, "SELECT COUNT(*) FROM zone", &s, e) < 0 ||
	    stmt_next(s, &row, e) < 0)
		return -1;
	*(uint64_t *)arg = row ? stmt_got_u64(s, 0) : 0;
	return 0;
}

static int
any_blob(const struct blob_name *name, void *arg, struct err *e)
{
	(void)name;
	(void)e;
	++*(uint64_t *)arg;
	return 0;
}

/* Without the file that opened it, what is stored is not ours to go over. */
static int
nothing_stored(const char *dir, struct depot *d, struct err *e)
{
	uint64_t zones = 0, blobs = 0;

	if (db_read(of(d)->db, count_zones, &zones, e) < 0 ||
	    blob_each(of(d)->blobs, any_blob, &blobs, e) < 0)
		return -1;
	return zones + blobs == 0
	    ? 0
	    : err_set(e, ERR_REPO_EXISTS,
		  "%s holds what was stored, and %s is not there any more", dir,
		  REPO_FILE);
}

static int
found_circle(struct depot_local_repo *r, struct buf *genesis, struct err *e)
{
	static const struct recovery_set none;
	struct device device = { .class = CLASS_COMPUTER,
		.rights = RIGHT_APPROVE };
	struct circle_sig sig = { .kind = 1 };
	OWN(buf_free) struct buf body = { 0 };
	struct key_change kc;
	struct id state;

	r->key = devkey_new(&device);
	r->dev_id = device.dev_id;
	id_random(&r->uid);
	id_random(&state);
	r->keyring = keyring_new(&r->uid);
	keyring_next_epoch(r->keyring, &kc);
	device_put(&body, &device);
	recovery_set_put(&body, &none);
	buf_put_u8(&body, 1);
	buf_put_u16(&body, LIMIT_MATURE_HOURS);
	buf_put_u8(&body, PROTECTION_ADVANCED);
	id_put(&body, &state);
	key_change_put(&body, &kc);
	circle_entry_begin(genesis, &r->circle, &r->uid, (uint64_t)now_ms(),
	    CIRCLE_GENESIS, buf_bytes(&body));
	sig.keyref = device.dev_id;
	devkey_sign(r->key, SIG_CIRCLE, buf_bytes(genesis), sig.sig);
	circle_entry_end(genesis, &sig, 1);
	return circle_apply(&r->circle, buf_bytes(genesis), e);
}

int
depot_local_create(const char *dir, struct bytes password, struct err *e)
{
	OWN(depot_local_free) struct depot_local_repo *r = mem_new(sizeof *r);
	OWN(repo_file_free) struct repo_file f = { .key = NULL };

	if (file_mkdirs(dir, 0700, e) < 0 || must_be_empty(dir, e) < 0 ||
	    found_circle(r, &f.genesis, e) < 0)
		return -1;
	keyring_bundle(r->keyring, &r->circle, r->key, &r->dev_id, &f.bundle);
	f.uid = r->uid;
	f.dev_id = r->dev_id;
	id_random(&f.backup);
	id_random(&f.keychain);
	if (open_depot(dir, &f, &r->depot, e) < 0 ||
	    nothing_stored(dir, r->depot, e) < 0)
		return -1;
	/* The file that makes it a repository comes last. */
	f.key = TAKE(r->key);
	return repo_file_write(dir, &f, password, e);
}

/* ---- opening ---- */

static int
read_circle(struct depot_local_repo *r, struct err *e)
{
	OWN(buf_free) struct buf envelopes = { 0 };

	if (circle_apply(&r->circle, buf_bytes(&of(r->depot)->genesis), e) <
		0 ||
	    keyring(r->depot, &envelopes, e) < 0)
		return -1;
	r->keyring = keyring_new(&r->uid);
	return keyring_open(r->keyring, &r->circle, r->key, &r->dev_id,
	    buf_bytes(&envelopes), e);
}

/* None is made where one should be. */
static int
has_database(const char *dir, struct err *e)
{
	OWN(mem_free) char *path = file_join(dir, "repo.db");
	struct stat st;

	if (stat(path, &st) == 0 && st.st_size > 0)
		return 0;
	(void)err_set(e, ERR_STATE_DAMAGED, "there is no database any more");
	return depot_local_damaged(dir, e);
}

int
depot_local_open(const char *dir, struct bytes password,
    struct depot_local_repo **out, struct err *e)
{
	OWN(depot_local_free) struct depot_local_repo *r = mem_new(sizeof *r);
	OWN(repo_file_free) struct repo_file f = { .key = NULL };

	if (repo_file_open(dir, password, &f, e) < 0 ||
	    has_database(dir, e) < 0 || open_depot(dir, &f, &r->depot, e) < 0)
		return err_in(e, "%s", dir);
	r->uid = f.uid;
	r->dev_id = f.dev_id;
	r->backup = f.backup;
	r->keychain = f.keychain;
	r->key = TAKE(f.key);
	if (read_circle(r, e) < 0)
		return err_in(e, "%s", dir);
	if (!db_looks(of(r->depot)->db))
		repo_file_mend(dir);
	r->writer = (struct zcopy_self){ .uid = r->uid,
		.dev_id = r->dev_id,
		.key = r->key,
		.keyring = r->keyring,
		.circle = &r->circle };
	*out = TAKE(r);
	return 0;
}
