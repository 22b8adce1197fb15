/* SPDX-License-Identifier: ISC */
/* blob_dir.c: a folder as blob store. */
#include "store/blob_dir.h"

#include "base/file.h"
#include "base/text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define SYNCED_SLOTS 1024 /* folders known to be on the disk: 48 KiB */

/* "<id>-<file number>" */
#define LEAF_TEXT (ID_TEXT + 1 + 16)
#define TMP_TEXT 16
/* "<ms>-<uid>-<zone>-<leaf>" */
#define TRASH_TEXT (16 + 1 + 2 * (ID_TEXT + 1) + LEAF_TEXT)

/* A folder that holds blobs, by what its path is made of. */
struct folder_key {
	struct id uid, zone;
	uint8_t first;
	bool used;
};

struct folder {
	struct blob_store base;
	char *root;
	enum err_code full;
	pthread_mutex_t lock; /* guards synced, and making folders */
	struct folder_key synced[SYNCED_SLOTS];
};

/* A file being written. */
struct place {
	int fd;
	char *path; /* NULL once it has moved away */
	enum err_code full;
};

static struct folder *
folder_of(struct blob_store *s)
{
	return (struct folder *)s; /* base is its first member */
}

/* A full disk has the code that the opener wants. */
static int
failed(enum err_code full, struct err *e)
{
	if (e->code == ERR_DISK_FULL_HERE)
		e->code = full;
	return -1;
}

static void
dir_close(DIR **d)
{
	if (*d != NULL)
		(void)closedir(*d);
	*d = NULL;
}

/* Paths */

static void
put_folder(struct buf *out, const struct folder *f, const struct blob_name *n)
{
	buf_printf(out, "%s/%s/%s/%02x", f->root, id_text(&n->uid).s,
	    id_text(&n->zone).s, n->id.b[0]);
}

static void
put_leaf(struct buf *out, const struct blob_name *n)
{
	buf_printf(
	    out, "%s-%016llx", id_text(&n->id).s, (unsigned long long)n->file);
}

static void
put_path(struct buf *out, const struct folder *f, const struct blob_name *n)
{
	put_folder(out, f, n);
	buf_put_str(out, "/");
	put_leaf(out, n);
}

static void
put_trash(struct buf *out, const struct folder *f, const struct blob_name *n,
    int64_t now_ms)
{
	buf_printf(out, "%s/trash/%016llx-%s-%s-", f->root,
	    (unsigned long long)now_ms, id_text(&n->uid).s,
	    id_text(&n->zone).s);
	put_leaf(out, n);
}

static int
parse_u64(const char *s, uint64_t *out)
{
	OWN(buf_free) struct buf raw = { 0 };

	if (text_unhex(&raw, bytes_of(s, 16)) < 0)
		return -1;
	*out = be64(raw.p);
	return 0;
}

static int
parse_leaf(const char *s, struct blob_name *out)
{
	if (strlen(s) != LEAF_TEXT || s[ID_TEXT] != '-' ||
	    id_parse(bytes_of(s, ID_TEXT), &out->id) < 0 ||
	    parse_u64(s + ID_TEXT + 1, &out->file) < 0 || out->file > INT64_MAX)
		return -1;
	return 0;
}

static int
parse_trash(const char *s, uint64_t *ms, struct blob_name *out)
{
	if (strlen(s) != TRASH_TEXT || s[16] != '-' || parse_u64(s, ms) < 0 ||
	    id_parse(bytes_of(s + 17, ID_TEXT), &out->uid) < 0 ||
	    id_parse(bytes_of(s + 18 + ID_TEXT, ID_TEXT), &out->zone) < 0)
		return -1;
	return parse_leaf(s + 19 + 2 * ID_TEXT, out);
}

/* Folders */

static int
make_synced(const char *path, const char *above, struct err *e)
{
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return err_sys(e, "%s", path);
	return file_sync_dir(above, e);
}

/*
 * Make the folder of a blob, and sync those above it: also when they exist,
 * since whoever made them may have died before the sync.
 */
static int
make_folder(struct folder *f, const struct blob_name *n, struct err *e)
{
	OWN(buf_free) struct buf account = { 0 };
	OWN(buf_free) struct buf zone = { 0 };
	OWN(buf_free) struct buf last = { 0 };

	buf_printf(&account, "%s/%s", f->root, id_text(&n->uid).s);
	buf_printf(&zone, "%s/%s", buf_text(&account), id_text(&n->zone).s);
	put_folder(&last, f, n);
	if (make_synced(buf_text(&account), f->root, e) < 0 ||
	    make_synced(buf_text(&zone), buf_text(&account), e) < 0)
		return -1;
	return make_synced(buf_text(&last), buf_text(&zone), e);
}

static int
need_folder(struct folder *f, const struct blob_name *n, struct err *e)
{
	size_t at =
	    ((size_t)be32(n->zone.b) + n->id.b[0] * 131u) % SYNCED_SLOTS;
	struct folder_key *k = &f->synced[at];
	int rc = 0;

	(void)pthread_mutex_lock(&f->lock);
	if (!k->used || k->first != n->id.b[0] || !id_equal(&k->uid, &n->uid) ||
	    !id_equal(&k->zone, &n->zone)) {
		rc = make_folder(f, n, e);
		if (rc == 0)
			*k = (struct folder_key){ n->uid, n->zone, n->id.b[0],
				true };
	}
	(void)pthread_mutex_unlock(&f->lock);
	return rc;
}

/* Writing */

static void
folder_drop(void *place)
{
	struct place *p = place;

	if (p->path != NULL)
		(void)unlink(p->path);
	fd_close(&p->fd);
	free(p->path);
	free(p);
}

static int
folder_begin(struct blob_store *s, const struct blob_name *name, void **out,
    struct err *e)
{
	struct folder *f = folder_of(s);
	OWN(buf_free) struct buf path = { 0 };

	buf_printf(
	    &path, "%s/tmp/%016llx", f->root, (unsigned long long)name->file);
	int fd = open(
	    buf_text(&path), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0) {
		(void)err_sys(e, "%s", buf_text(&path));
		fd_close(&fd);
		return failed(f->full, e);
	}
	struct place *p = mem_new(sizeof *p);
	*p = (struct place){ fd, mem_text(buf_text(&path)), f->full };
	*out = p;
	return 0;
}

static int
folder_add(void *place, struct bytes x, struct err *e)
{
	struct place *p = place;

	if (file_write_all(p->fd, x, e) < 0) {
		(void)err_in(e, "%s", p->path);
		return failed(p->full, e);
	}
	return 0;
}

static int
move_synced(const char *from, const char *to, const char *to_dir, struct err *e)
{
	if (rename(from, to) < 0)
		return err_sys(e, "rename to %s", to);
	return file_sync_dir(to_dir, e);
}

static int
folder_finish(struct blob_store *s, const struct blob_name *name, void *place,
    struct err *e)
{
	struct folder *f = folder_of(s);
	struct place *p = place;
	OWN(buf_free) struct buf dir = { 0 };
	OWN(buf_free) struct buf path = { 0 };

	put_folder(&dir, f, name);
	put_path(&path, f, name);
	if (fsync(p->fd) < 0) {
		(void)err_sys(e, "fsync %s", p->path);
		return failed(f->full, e);
	}
	if (need_folder(f, name, e) < 0 ||
	    move_synced(p->path, buf_text(&path), buf_text(&dir), e) < 0)
		return failed(f->full, e);
	free(p->path);
	p->path = NULL;
	return 0;
}

/* Reading */

static int
folder_open(struct blob_store *s, const struct blob_name *name, int *out,
    uint64_t *size, struct err *e)
{
	OWN(buf_free) struct buf path = { 0 };
	OWN(fd_close) int fd = -1;
	struct stat st;

	put_path(&path, folder_of(s), name);
	if (file_open_plain(buf_text(&path), O_RDONLY, &fd, e) < 0) {
		if (e->code == ERR_STATE_DAMAGED)
			e->code = ERR_NOT_FOUND; /* what is there is no blob */
		return -1;
	}
	if (fstat(fd, &st) < 0)
		return err_sys(e, "%s", buf_text(&path));
	*size = (uint64_t)st.st_size;
	*out = fd;
	fd = -1;
	return 0;
}

/* Trash */

/* Open one of our own folders: a link in its place leads to somebody else's
 * files, which are not ours to remove. */
static int
open_own(const char *path, DIR **out, struct err *e)
{
	OWN(fd_close)
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0 && (errno == ELOOP || errno == ENOTDIR))
		return err_set(
		    e, ERR_STATE_DAMAGED, "%s is no plain folder", path);
	if (fd < 0 || (*out = fdopendir(fd)) == NULL)
		return err_sys(e, "%s", path);
	fd = -1;
	return 0;
}

static int
folder_trash(struct blob_store *s, const struct blob_name *name, int64_t now_ms,
    struct err *e)
{
	struct folder *f = folder_of(s);
	OWN(buf_free) struct buf from = { 0 };
	OWN(buf_free) struct buf from_dir = { 0 };
	OWN(buf_free) struct buf to = { 0 };
	OWN(mem_free) char *trash = file_join(f->root, "trash");

	put_path(&from, f, name);
	put_folder(&from_dir, f, name);
	put_trash(&to, f, name, now_ms);
	if (rename(buf_text(&from), buf_text(&to)) < 0) {
		if (errno != ENOENT) {
			(void)err_sys(e, "rename %s", buf_text(&from));
			return failed(f->full, e);
		}
		/* A move before a crash may not be on the disk yet. */
		if (!file_exists(buf_text(&from_dir)))
			return 0;
	}
	if (file_sync_dir(trash, e) < 0 ||
	    file_sync_dir(buf_text(&from_dir), e) < 0)
		return failed(f->full, e);
	return 0;
}

typedef int trash_fn(
    const char *path, uint64_t ms, const struct blob_name *n, void *arg);

/* Call fn for what lies in the trash until it returns other than 0. */
static int
each_trash(struct folder *f, trash_fn *fn, void *arg, struct err *e)
{
	OWN(mem_free) char *trash = file_join(f->root, "trash");
	OWN(dir_close) DIR *d = NULL;
	const struct dirent *entry;
	struct blob_name n;
	uint64_t ms;

	if (open_own(trash, &d, e) < 0)
		return -1;
	while ((entry = readdir(d)) != NULL) {
		if (parse_trash(entry->d_name, &ms, &n) < 0)
			continue;
		OWN(mem_free) char *path = file_join(trash, entry->d_name);
		if (fn(path, ms, &n, arg) != 0)
			break;
	}
	return 0;
}

static bool
name_equal(const struct blob_name *a, const struct blob_name *b)
{
	return a->file == b->file && id_equal(&a->id, &b->id) &&
	    id_equal(&a->zone, &b->zone) && id_equal(&a->uid, &b->uid);
}

struct seek {
	const struct blob_name *want;
	char *path; /* owned */
};

static int
seek_trash(const char *path, uint64_t ms, const struct blob_name *n, void *arg)
{
	struct seek *k = arg;

	(void)ms;
	if (!name_equal(n, k->want))
		return 0;
	k->path = mem_text(path);
	return 1;
}

static int
folder_untrash(
    struct blob_store *s, const struct blob_name *name, struct err *e)
{
	struct folder *f = folder_of(s);
	struct seek k = { name, NULL };
	OWN(buf_free) struct buf dir = { 0 };
	OWN(buf_free) struct buf to = { 0 };

	int rc = each_trash(f, seek_trash, &k, e);
	OWN(mem_free) char *from = k.path;
	if (rc < 0)
		return -1;
	if (from == NULL)
		return err_set(e, ERR_NOT_FOUND, "blob %s is not in the trash",
		    id_text(&name->id).s);
	put_folder(&dir, f, name);
	put_path(&to, f, name);
	if (need_folder(f, name, e) < 0 ||
	    move_synced(from, buf_text(&to), buf_text(&dir), e) < 0)
		return failed(f->full, e);
	return 0;
}

static int
folder_expunge(struct blob_store *s, const struct blob_name *name,
    int64_t since_ms, struct err *e)
{
	OWN(buf_free) struct buf path = { 0 };

	put_trash(&path, folder_of(s), name, since_ms);
	return unlink(buf_text(&path)) == 0 || errno == ENOENT
	    ? 0
	    : err_sys(e, "%s", buf_text(&path));
}

struct purging {
	int64_t before_ms;
	uint64_t n;
};

static int
purge_one(const char *path, uint64_t ms, const struct blob_name *n, void *arg)
{
	struct purging *p = arg;

	(void)n;
	if (p->before_ms > 0 && ms <= (uint64_t)p->before_ms &&
	    unlink(path) == 0)
		p->n++;
	return 0;
}

static int
folder_purge(
    struct blob_store *s, int64_t before_ms, uint64_t *n, struct err *e)
{
	struct purging p = { before_ms, 0 };

	if (each_trash(folder_of(s), purge_one, &p, e) < 0)
		return -1;
	*n = p.n;
	return 0;
}

/* Walking */

struct walk {
	blob_each_fn *fn;
	void *arg;
	struct blob_name name; /* as far as the path has told */
};

/* depth 0: accounts, 1: zones, 2: first digits, 3: blobs. */
static int
walk(const char *path, unsigned depth, struct walk *w, struct err *e)
{
	OWN(dir_close) DIR *d = opendir(path);
	const struct dirent *entry;

	if (d == NULL) /* a zone may go while we look */
		return errno == ENOENT ? 0 : err_sys(e, "%s", path);
	while ((entry = readdir(d)) != NULL) {
		const char *s = entry->d_name;
		struct id *id = depth == 0 ? &w->name.uid : &w->name.zone;
		if (depth < 2 && id_parse(bytes_str(s), id) < 0)
			continue;
		if (depth == 2 && (strlen(s) != 2 || s[0] == '.'))
			continue;
		if (depth == 3) {
			if (parse_leaf(s, &w->name) == 0 &&
			    w->fn(&w->name, w->arg, e) < 0)
				return -1;
			continue;
		}
		OWN(mem_free) char *below = file_join(path, s);
		if (walk(below, depth + 1, w, e) < 0)
			return -1;
	}
	return 0;
}

static int
folder_each(struct blob_store *s, blob_each_fn *fn, void *arg, struct err *e)
{
	struct walk w = { .fn = fn, .arg = arg };

	return walk(folder_of(s)->root, 0, &w, e);
}

/* Opening */

static void
folder_free(struct blob_store *s)
{
	struct folder *f = folder_of(s);

	(void)pthread_mutex_destroy(&f->lock);
	free(f->root);
	free(f);
}

/* Remove what nobody writes any more, and nothing that folder_begin did not
 * make. */
static int
clear_tmp(const char *tmp, struct err *e)
{
	OWN(dir_close) DIR *d = NULL;
	const struct dirent *entry;
	uint64_t file;

	if (open_own(tmp, &d, e) < 0)
		return -1;
	while ((entry = readdir(d)) != NULL) {
		if (strlen(entry->d_name) != TMP_TEXT ||
		    parse_u64(entry->d_name, &file) < 0)
			continue;
		OWN(mem_free) char *path = file_join(tmp, entry->d_name);
		OWN(fd_close) int fd = -1;
		struct err ignored;
		if (file_open_plain(path, O_RDONLY, &fd, &ignored) == 0 &&
		    flock(fd, LOCK_EX | LOCK_NB) == 0)
			(void)unlink(path);
	}
	return 0;
}

static const struct blob_ops folder_ops = { folder_begin, folder_add,
	folder_finish, folder_drop, folder_open, folder_trash, folder_untrash,
	folder_expunge, folder_purge, folder_each, folder_free };

static struct blob_store *
folder_new(const char *root, enum err_code full)
{
	struct folder *f = mem_new(sizeof *f);

	f->base.ops = &folder_ops;
	f->root = mem_text(root);
	f->full = full;
	(void)pthread_mutex_init(&f->lock, NULL);
	return &f->base;
}

int
blob_dir_open(const char *root, enum err_code full, struct blob_store **out,
    struct err *e)
{
	OWN(mem_free) char *tmp = file_join(root, "tmp");
	OWN(mem_free) char *trash = file_join(root, "trash");
	OWN(buf_free) struct buf above = { 0 };

	buf_printf(&above, "%s/..", root);
	if (file_mkdirs(root, 0700, e) < 0 ||
	    file_sync_dir(buf_text(&above), e) < 0 ||
	    make_synced(tmp, root, e) < 0 || make_synced(trash, root, e) < 0 ||
	    clear_tmp(tmp, e) < 0)
		return failed(full, e);
	*out = folder_new(root, full);
	return 0;
}

struct blob_store *
blob_dir_look(const char *root)
{
	return folder_new(root, ERR_DISK_FULL_HERE);
}
