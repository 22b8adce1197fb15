/* SPDX-License-Identifier: ISC */
/* tree.c: writing and reading the stream of directories. */
#include "backup/tree.h"

#include "backup/lane.h"
#include "base/file.h"
#include "content/chunklist.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#define HELD ((size_t)1 << 20) /* bytes of a directory in memory */

#define NUMBERS 32 /* bytes around a path in the index, at most */

/* Its length stands before a directory, so one is held until it is complete. */
struct tree_out {
	struct stream_out *tree, *index;
	struct buf path, entries, head;
	uint64_t n;
	uint64_t last; /* where the directory before begins */
	int room; /* folder for what is more than HELD */
	bool full; /* it takes no more */
	int fd; /* without a name, or -1: the first entries */
	uint64_t in_fd; /* bytes there */
	struct err err; /* of reading that back */
};

struct tree_out *
tree_out_new(struct sink *sink, const char *room)
{
	struct tree_out *t = mem_new(sizeof *t);

	t->room = open(room, O_PATH | O_DIRECTORY | O_CLOEXEC);
	t->fd = -1;
	t->tree = stream_out_new(sink, LANE_TREE);
	t->index = stream_out_new(sink, LANE_TREE);
	return t;
}

void
tree_out_free(struct tree_out **tp)
{
	struct tree_out *t = *tp;

	if (t == NULL)
		return;
	stream_out_free(&t->tree);
	stream_out_free(&t->index);
	buf_free(&t->path);
	buf_free(&t->entries);
	buf_free(&t->head);
	fd_close(&t->room);
	fd_close(&t->fd);
	free(t);
	*tp = NULL;
}

void
tree_out_begin(struct tree_out *t, struct bytes path)
{
	buf_clear(&t->path);
	buf_put_bytes(&t->path, path);
	buf_clear(&t->entries);
	t->n = 0;
}

/* What has no room there stays in memory. */
static void
put_aside(struct tree_out *t)
{
	struct err ignored;

	if (t->full)
		return;
	if ((t->fd < 0 && file_unnamed(t->room, &t->fd, &ignored) < 0) ||
	    file_pwrite_all(t->fd, buf_bytes(&t->entries), t->in_fd, &ignored) <
		0) {
		t->full = true;
		return;
	}
	t->in_fd += t->entries.n;
	buf_clear(&t->entries);
}

void
tree_out_entry(struct tree_out *t, struct bytes entry)
{
	buf_put_bytes(&t->entries, entry);
	t->n++;
	if (t->entries.n >= HELD)
		put_aside(t);
}

static void
take_back(struct tree_out *t)
{
	for (uint64_t at = 0; at < t->in_fd && t->err.code == 0;) {
		size_t want = t->in_fd - at < HELD ? t->in_fd - at : HELD, got;
		buf_clear(&t->head);
		uint8_t *p = buf_grow(&t->head, want);
		if (file_pread_full(t->fd, p, want, at, &got, &t->err) < 0)
			return;
		if (got < want) {
			(void)err_set(&t->err, ERR_IO, "a file was cut off");
			return;
		}
		stream_out_put(t->tree, buf_bytes(&t->head));
		at += want;
	}
	t->in_fd = 0;
}

void
tree_out_end_dir(struct tree_out *t)
{
	OWN(buf_free) struct buf length = { 0 };
	uint64_t here = stream_out_length(t->tree);

	buf_clear(&t->head);
	buf_put_varint(&t->head, t->path.n);
	buf_put_bytes(&t->head, buf_bytes(&t->path));
	buf_put_varint(&t->head, t->n);
	buf_put_varint(&length, t->head.n + t->in_fd + t->entries.n);
	stream_out_put(t->tree, buf_bytes(&length));
	stream_out_put(t->tree, buf_bytes(&t->head));
	take_back(t);
	stream_out_put(t->tree, buf_bytes(&t->entries));
	buf_clear(&t->head);
	buf_put_varint(&t->head, t->path.n);
	buf_put_bytes(&t->head, buf_bytes(&t->path));
	buf_put_varint(&t->head, here - t->last);
	stream_out_put(t->index, buf_bytes(&t->head));
	t->last = here;
}

int
tree_out_end(struct tree_out *t, struct stream_ref *tree,
    struct stream_ref *index, struct err *e)
{
	if (t->err.code != 0) {
		*e = t->err;
		return -1;
	}
	if (stream_out_end(t->tree, tree, e) < 0)
		return -1;
	if (stream_out_end(t->index, index, e) < 0) {
		stream_ref_free(tree);
		return -1;
	}
	return 0;
}

/* ---- reading ---- */

void
tree_split(struct bytes path, struct bytes *dir, struct bytes *name)
{
	size_t i = path.n;

	while (i > 0 && path.p[i - 1] != '/')
		i--;
	*dir = bytes_of(path.p, i > 0 ? i - 1 : 0);
	*name = bytes_of(path.p + i, path.n - i);
}

enum category
tree_category(const struct entry *x)
{
	return x->category == ENTRY_KEYCHAIN ? CATEGORY_KEYCHAIN
					     : CATEGORY_BACKUP;
}

int
tree_chunks(const struct entry *x, tree_chunk_fn fn, void *ctx, struct err *e)
{
	enum category c = tree_category(x);
	struct digest name;
	uint32_t length;

	for (int pass = 0; pass < 2; pass++) {
		struct scan s = scan_of(x->content);
		while (s.n > 0)
			if (chunklist_take(&s, &name, &length, e) < 0 ||
			    (pass == 1 && fn(ctx, c, &name, length, e) < 0))
				return -1;
	}
	return 0;
}

void
tree_identity(const struct entry *x, uint8_t out[static TREE_IDENTITY])
{
	OWN(buf_free) struct buf b = { 0 };
	struct digest hash;

	buf_put_u8(&b, (uint8_t)x->type);
	buf_put_u64(&b, x->dev);
	buf_put_u64(&b, x->ino);
	buf_put_u64(&b, (uint64_t)x->mtime_s);
	buf_put_u32(&b, x->mtime_ns);
	buf_put_u64(&b, (uint64_t)x->ctime_s);
	buf_put_u32(&b, x->ctime_ns);
	buf_put_u64(&b, x->size);
	buf_put_u32(&b, x->mode);
	buf_put_u32(&b, x->uid);
	buf_put_u32(&b, x->gid);
	buf_put_u32(&b, x->rdev_major);
	buf_put_u32(&b, x->rdev_minor);
	buf_put_bytes(&b, x->target);
	digest_of(buf_bytes(&b), &hash);
	memcpy(out, hash.b, TREE_IDENTITY);
}

bool
tree_below(struct bytes path, struct bytes dir)
{
	return dir.n == 0 ||
	    (path.n > dir.n && path.p[dir.n] == '/' &&
		bytes_equal(bytes_of(path.p, dir.n), dir));
}

/* A walk is between two directories, or among the entries of one. */
struct walk {
	struct bytes dir; /* wanted */
	bool below;
	tree_fn fn;
	void *ctx;
	struct buf rest; /* bytes of a head or an entry not complete yet */
	struct buf path; /* of the directory in work */
	uint64_t entries, bytes; /* of it, still to come */
	bool stop;
};

static void
walk_free(struct walk *w)
{
	buf_free(&w->rest);
	buf_free(&w->path);
}

static int
corrupt(struct err *e)
{
	return err_set(
	    e, ERR_RECORD_CORRUPT, "the tree of a snapshot is not well-formed");
}

/* *used = 0: more bytes are needed. */
static int
walk_head(struct walk *w, struct bytes x, size_t *used, struct err *e)
{
	struct scan s = scan_of(x);
	uint64_t length = scan_varint(&s);
	size_t before = s.n;
	struct bytes path = scan_take(&s, scan_varint(&s));
	uint64_t n = scan_varint(&s);

	*used = 0;
	if (!scan_ok(&s))
		return x.n > TREE_PATH_MAX + 32 ? corrupt(e) : 0;
	if (path.n > TREE_PATH_MAX || length < before - s.n)
		return corrupt(e);
	*used = x.n - s.n;
	w->entries = n;
	w->bytes = length - (before - s.n);
	buf_clear(&w->path);
	buf_put_bytes(&w->path, path);
	/* What is wanted stands together. */
	w->stop = !bytes_equal(path, w->dir) &&
	    !(w->below && tree_below(path, w->dir));
	return (n == 0) == (w->bytes == 0) ? 0 : corrupt(e);
}

static int
walk_entry(struct walk *w, struct bytes x, size_t *used, struct err *e)
{
	struct entry entry;
	uint64_t total;

	*used = 0;
	if (!entry_total(x, &total))
		return x.n >= 10 ? corrupt(e) : 0;
	if (total > w->bytes)
		return corrupt(e);
	if (total > x.n)
		return 0;
	struct scan s = scan_of(bytes_of(x.p, (size_t)total));
	if (entry_take(&s, &entry, e) < 0 ||
	    w->fn(w->ctx, buf_bytes(&w->path), &entry, e) < 0)
		return -1;
	*used = (size_t)total;
	w->bytes -= total;
	w->entries--;
	return (w->entries == 0) == (w->bytes == 0) ? 0 : corrupt(e);
}

static int
walk_bytes(void *ctx, struct bytes x, struct err *e)
{
	struct walk *w = ctx;
	size_t at = 0, used = 1;

	if (w->stop)
		return 0;
	buf_put_bytes(&w->rest, x);
	while (!w->stop && used > 0 && at < w->rest.n) {
		struct bytes rest = bytes_of(w->rest.p + at, w->rest.n - at);
		int rc = w->entries > 0 ? walk_entry(w, rest, &used, e)
					: walk_head(w, rest, &used, e);
		if (rc < 0)
			return -1;
		at += used;
	}
	memmove(w->rest.p, w->rest.p + at, w->rest.n - at);
	w->rest.n -= at;
	return 0;
}

/* Where directories begin, as far as they matter to one walk. */
struct lookup {
	struct bytes dir;
	bool below;
	struct buf rest;
	uint64_t at, first, end;
	bool found, over;
};

static void
lookup_free(struct lookup *l)
{
	buf_free(&l->rest);
}

static int
lookup_bytes(void *ctx, struct bytes x, struct err *e)
{
	struct lookup *l = ctx;
	size_t used = 0;

	buf_put_bytes(&l->rest, x);
	for (;;) {
		struct scan s =
		    scan_of(bytes_of(l->rest.p + used, l->rest.n - used));
		struct bytes path = scan_take(&s, scan_varint(&s));
		uint64_t step = scan_varint(&s);
		if (!scan_ok(&s)) {
			if (l->rest.n - used > TREE_PATH_MAX + NUMBERS)
				return corrupt(e);
			break;
		}
		l->at += step;
		bool want = bytes_equal(path, l->dir) ||
		    (l->below && tree_below(path, l->dir));
		if (want && !l->found) {
			l->found = true;
			l->first = l->at;
		}
		if (!want && l->found && !l->over) {
			l->over = true;
			l->end = l->at;
		}
		used = l->rest.n - s.n;
	}
	memmove(l->rest.p, l->rest.p + used, l->rest.n - used);
	l->rest.n -= used;
	return 0;
}

/* found  false: the tree has no such directory, and w->fn was not called. */
static int
walk_from(struct source *src, const struct snapshot *snap, struct walk *w,
    bool *found, struct err *e)
{
	uint64_t from = 0, to = snap->tree.length;

	*found = true;
	if (w->dir.n > 0 || !w->below) {
		OWN(lookup_free)
		struct lookup l = { .dir = w->dir, .below = w->below };
		if (stream_read(src, &snap->index,
			(struct stream_range){ 0, snap->index.length },
			lookup_bytes, &l, e) < 0)
			return err_in(e, "reading the tree");
		if (!l.found) {
			*found = false;
			return 0;
		}
		from = l.first;
		to = l.over ? l.end : to;
	}
	if (stream_read(src, &snap->tree,
		(struct stream_range){ from, to - from }, walk_bytes, w, e) < 0)
		return -1;
	return w->stop || (w->rest.n == 0 && w->entries == 0) ? 0 : corrupt(e);
}

struct find {
	struct bytes name;
	struct buf *raw;
	bool found;
};

static int
find_one(void *ctx, struct bytes dir, const struct entry *x, struct err *e)
{
	struct find *f = ctx;

	(void)dir;
	(void)e;
	if (!f->found && bytes_equal(x->name, f->name)) {
		entry_put(f->raw, x);
		f->found = true;
	}
	return 0;
}

int
tree_find(struct source *src, const struct snapshot *snap, struct bytes path,
    struct buf *raw, struct entry *out, struct err *e)
{
	struct find f = { .raw = raw };
	OWN(walk_free) struct walk w = { .fn = find_one, .ctx = &f };
	bool found;

	tree_split(path, &w.dir, &f.name);
	if (walk_from(src, snap, &w, &found, e) < 0)
		return -1;
	if (!f.found)
		return err_set(e, ERR_NOT_FOUND,
		    "the snapshot has no such file or directory");
	struct scan s = scan_of(buf_bytes(raw));
	return entry_take(&s, out, e);
}

static int
walk_dir(struct source *src, const struct snapshot *snap, struct walk *w,
    struct err *e)
{
	OWN(buf_free) struct buf raw = { 0 };
	struct entry x;
	bool found;

	if (walk_from(src, snap, w, &found, e) < 0)
		return -1;
	if (found)
		return 0;
	/* One that was not entered, as on another file system, is empty. */
	if (tree_find(src, snap, w->dir, &raw, &x, e) < 0)
		return -1;
	return x.type == ENTRY_DIRECTORY
	    ? 0
	    : err_set(e, ERR_NOT_FOUND, "the snapshot has no such directory");
}

int
tree_walk(struct source *src, const struct snapshot *snap, struct bytes dir,
    tree_fn fn, void *ctx, struct err *e)
{
	OWN(walk_free)
	struct walk w = { .dir = dir, .below = true, .fn = fn, .ctx = ctx };

	return walk_dir(src, snap, &w, e);
}

int
tree_list(struct source *src, const struct snapshot *snap, struct bytes dir,
    tree_fn fn, void *ctx, struct err *e)
{
	OWN(walk_free) struct walk w = { .dir = dir, .fn = fn, .ctx = ctx };

	return walk_dir(src, snap, &w, e);
}
