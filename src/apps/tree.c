/* SPDX-License-Identifier: ISC */
/* tree.c: writing and reading the stream of directories. */
#include "apps/tree.h"

#include "base/file.h"

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
tree_out_new(struct sink *sink, struct chunker *chunker, const char *room)
{
	struct tree_out *t = mem_new(sizeof *t);

	t->room = open(room, O_PATH | O_DIRECTORY | O_CLOEXEC);
	t->fd = -1;
	t->tree = stream_out_new(sink, chunker);
	t->index = stream_out_new(sink, chunker);
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

int
tree_content(
    struct scan *s, struct digest *name, uint32_t *length, struct err *e)
{
	*name = digest_take(s);
	uint64_t n = scan_varint(s);
	if (!scan_ok(s) || n == 0 || n > PACK_BLOCK)
		return err_set(e, ERR_RECORD_CORRUPT,
		    "a file's list of chunks is not well-formed");
	*length = (uint32_t)n;
	return 0;
}

static bool
is_below(struct bytes path, struct bytes dir)
{
	return dir.n == 0 ||
	    (path.n > dir.n && path.p[dir.n] == '/' &&
		bytes_equal(bytes_of(path.p, dir.n), dir));
}

struct walk {
	struct bytes dir; /* wanted */
	bool below;
	tree_fn fn;
	void *ctx;
	struct buf rest; /* bytes of directories not complete yet */
	bool stop;
};

static void
walk_free(struct walk *w)
{
	buf_free(&w->rest);
}

static int
corrupt(struct err *e)
{
	return err_set(
	    e, ERR_RECORD_CORRUPT, "the tree of a snapshot is not well-formed");
}

static int
walk_dir(struct walk *w, struct bytes body, struct err *e)
{
	struct scan s = scan_of(body);
	struct bytes path = scan_take(&s, scan_varint(&s));
	uint64_t n = scan_varint(&s);

	if (!scan_ok(&s) || path.n > TREE_PATH_MAX)
		return corrupt(e);
	bool same = bytes_equal(path, w->dir);
	if (!same && !(w->below && is_below(path, w->dir))) {
		w->stop = true; /* what is wanted stands together */
		return 0;
	}
	for (uint64_t i = 0; i < n; i++) {
		struct entry x;
		if (entry_take(&s, &x, e) < 0 || w->fn(w->ctx, path, &x, e) < 0)
			return -1;
	}
	return scan_done(&s) ? 0 : corrupt(e);
}

static int
walk_bytes(void *ctx, struct bytes x, struct err *e)
{
	struct walk *w = ctx;
	size_t at = 0;

	if (w->stop)
		return 0;
	buf_put_bytes(&w->rest, x);
	while (!w->stop && at < w->rest.n) {
		struct scan s =
		    scan_of(bytes_of(w->rest.p + at, w->rest.n - at));
		uint64_t length = scan_varint(&s);
		if (!scan_ok(&s) && w->rest.n - at >= 10)
			return corrupt(e);
		if (!scan_ok(&s) || s.n < length)
			break;
		size_t prefix = w->rest.n - at - s.n;
		if (walk_dir(w, bytes_of(s.p, (size_t)length), e) < 0)
			return -1;
		at += prefix + (size_t)length;
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
		    (l->below && is_below(path, l->dir));
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

int
tree_walk(struct source *src, const struct snapshot *snap, struct bytes dir,
    bool below, tree_fn fn, void *ctx, struct err *e)
{
	OWN(walk_free) struct walk w = { dir, below, fn, ctx, { 0 }, false };
	uint64_t from = 0, to = snap->tree.length;

	if (dir.n > 0 || !below) {
		OWN(lookup_free)
		struct lookup l = { .dir = dir, .below = below };
		if (stream_read(src, &snap->index, 0, snap->index.length,
			lookup_bytes, &l, e) < 0)
			return err_in(e, "reading the tree");
		if (!l.found)
			return err_set(e, ERR_NOT_FOUND,
			    "the snapshot has no such directory");
		from = l.first;
		to = l.over ? l.end : to;
	}
	if (stream_read(src, &snap->tree, from, to - from, walk_bytes, &w, e) <
	    0)
		return -1;
	return w.stop || w.rest.n == 0 ? 0 : corrupt(e);
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
	struct bytes dir;

	tree_split(path, &dir, &f.name);
	if (tree_walk(src, snap, dir, false, find_one, &f, e) < 0)
		return -1;
	if (!f.found)
		return err_set(e, ERR_NOT_FOUND,
		    "the snapshot has no such file or directory");
	struct scan s = scan_of(buf_bytes(raw));
	return entry_take(&s, out, e);
}
