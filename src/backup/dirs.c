/* SPDX-License-Identifier: ISC */
/* dirs.c: pulling directories out of a tree's two streams. */
#include "backup/dirs.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define WINDOW ((uint64_t)4 << 20) /* bytes of a tree read at once */

static int
corrupt(struct err *e)
{
	return err_set(
	    e, ERR_RECORD_CORRUPT, "the tree of a snapshot is not well-formed");
}

void
dirs_dir_free(struct dirs_dir *d)
{
	buf_free(&d->body);
	free(d->at);
	*d = (struct dirs_dir){ 0 };
}

void
dirs_entry(const struct dirs_dir *d, size_t i, struct entry *out)
{
	struct err e = { 0 };

	assert(i < d->n);
	struct scan s =
	    scan_of(bytes_of(d->body.p + d->at[i], d->body.n - d->at[i]));
	int rc = entry_take(&s, out, &e);
	assert(rc == 0); /* it was taken before */
	(void)rc;
}

bool
dirs_find(const struct dirs_dir *d, struct bytes name, struct entry *out)
{
	size_t lo = 0, hi = d->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		dirs_entry(d, mid, out);
		int c = bytes_cmp(name, out->name);
		if (c == 0)
			return true;
		if (c < 0)
			hi = mid;
		else
			lo = mid + 1;
	}
	return false;
}

int
dirs_cmp(struct bytes a, struct bytes b)
{
	size_t i = 0;

	while (i < a.n && i < b.n && a.p[i] == b.p[i])
		i++;
	/* The end sorts first, then a slash, then all other bytes. */
	int x = i == a.n ? -1 : a.p[i] == '/' ? 0 : a.p[i];
	int y = i == b.n ? -1 : b.p[i] == '/' ? 0 : b.p[i];
	return x - y;
}

/* Find the entries in d->body. */
static int
parse(struct dirs_dir *d, struct err *e)
{
	struct scan s = scan_of(buf_bytes(&d->body));
	struct bytes last = { 0 };
	size_t cap = 0;

	d->path = scan_take(&s, (size_t)scan_varint(&s));
	uint64_t n = scan_varint(&s);
	if (!scan_ok(&s))
		return corrupt(e);
	for (uint64_t i = 0; i < n; i++) {
		struct entry x;
		size_t at = d->body.n - s.n;
		if (entry_take(&s, &x, e) < 0)
			return -1;
		if (i > 0 && bytes_cmp(last, x.name) >= 0)
			return corrupt(e);
		last = x.name;
		if (d->n == cap) {
			cap = cap == 0 ? 16 : 2 * cap;
			d->at = mem_resize(d->at, cap, sizeof *d->at);
		}
		d->at[d->n++] = at;
	}
	return scan_done(&s) ? 0 : corrupt(e);
}

static int
append(void *ctx, struct bytes x, struct err *e)
{
	(void)e;
	buf_put_bytes(ctx, x);
	return 0;
}

/* ---- in order ---- */

struct dirs_reader {
	struct source *src;
	const struct stream_ref *tree;
	uint64_t at; /* what was read of the stream */
	struct buf rest; /* read, from `used` on not handed out */
	size_t used;
};

struct dirs_reader *
dirs_reader_new(struct source *src, const struct snapshot *snap)
{
	struct dirs_reader *r = mem_new(sizeof *r);

	r->src = src;
	r->tree = &snap->tree;
	return r;
}

void
dirs_reader_free(struct dirs_reader **r)
{
	if (*r == NULL)
		return;
	buf_free(&(*r)->rest);
	free(*r);
	*r = NULL;
}

static int
read_more(struct dirs_reader *r, struct err *e)
{
	uint64_t left = r->tree->length - r->at;
	uint64_t n = left < WINDOW ? left : WINDOW;

	if (r->used > 0)
		memmove(r->rest.p, r->rest.p + r->used, r->rest.n - r->used);
	r->rest.n -= r->used;
	r->used = 0;
	if (stream_read(r->src, r->tree, (struct stream_range){ r->at, n },
		append, &r->rest, e) < 0)
		return err_in(e, "reading the tree");
	r->at += n;
	return 0;
}

int
dirs_next(struct dirs_reader *r, struct dirs_dir *out, bool *end, struct err *e)
{
	OWN(dirs_dir_free) struct dirs_dir d = { 0 };

	dirs_dir_free(out);
	*end = r->at == r->tree->length && r->used == r->rest.n;
	while (!*end) {
		size_t n = r->rest.n - r->used;
		struct scan s = scan_of(n > 0 ? bytes_of(r->rest.p + r->used, n)
					      : (struct bytes){ 0 });
		uint64_t length = scan_varint(&s);
		if (!scan_ok(&s) && n >= 10)
			return corrupt(e);
		if (scan_ok(&s) && s.n >= length) {
			buf_put(&d.body, s.p, (size_t)length);
			r->used = r->rest.n - s.n + (size_t)length;
			break;
		}
		if (r->at == r->tree->length)
			return corrupt(e);
		if (read_more(r, e) < 0)
			return -1;
	}
	if (!*end && parse(&d, e) < 0)
		return -1;
	*out = d;
	d = (struct dirs_dir){ 0 };
	return 0;
}

/* ---- by path ---- */

struct spot {
	size_t path; /* where it begins in `index` */
	size_t n;
	uint64_t at; /* of the directory in the tree */
};

struct dirs_index {
	struct source *src;
	const struct snapshot *snap;
	struct buf index; /* the stream as it is */
	struct spot *spots; /* in order of dirs_cmp */
	size_t n;
};

void
dirs_index_free(struct dirs_index **x)
{
	if (*x == NULL)
		return;
	buf_free(&(*x)->index);
	free((*x)->spots);
	free(*x);
	*x = NULL;
}

static struct bytes
path_of(const struct dirs_index *x, const struct spot *spot)
{
	return bytes_of(x->index.p + spot->path, spot->n);
}

static int
find_spots(struct dirs_index *x, struct err *e)
{
	struct scan s = scan_of(buf_bytes(&x->index));
	uint64_t at = 0;
	size_t cap = 0;

	while (s.n > 0) {
		struct bytes path = scan_take(&s, (size_t)scan_varint(&s));
		uint64_t step = scan_varint(&s);
		if (!scan_ok(&s) || step > x->snap->tree.length - at)
			return corrupt(e);
		at += step;
		if (x->n == cap) {
			cap = cap == 0 ? 256 : 2 * cap;
			x->spots = mem_resize(x->spots, cap, sizeof *x->spots);
		}
		struct spot *spot = &x->spots[x->n++];
		*spot =
		    (struct spot){ path.n > 0 ? (size_t)(path.p - x->index.p)
					      : 0,
			    path.n, at };
		if (x->n > 1 && dirs_cmp(path_of(x, spot - 1), path) >= 0)
			return corrupt(e);
	}
	return 0;
}

int
dirs_index_open(struct source *src, const struct snapshot *snap,
    struct dirs_index **out, struct err *e)
{
	OWN(dirs_index_free) struct dirs_index *x = mem_new(sizeof *x);

	x->src = src;
	x->snap = snap;
	if (stream_read(src, &snap->index,
		(struct stream_range){ 0, snap->index.length }, append,
		&x->index, e) < 0 ||
	    find_spots(x, e) < 0)
		return err_in(e, "reading the tree");
	*out = TAKE(x);
	return 0;
}

static const struct spot *
find(const struct dirs_index *x, struct bytes path)
{
	size_t lo = 0, hi = x->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int c = dirs_cmp(path, path_of(x, &x->spots[mid]));
		if (c == 0)
			return &x->spots[mid];
		if (c < 0)
			hi = mid;
		else
			lo = mid + 1;
	}
	return NULL;
}

int
dirs_get(struct dirs_index *x, struct bytes path, struct dirs_dir *out,
    struct err *e)
{
	OWN(dirs_dir_free) struct dirs_dir d = { 0 };
	OWN(buf_free) struct buf raw = { 0 };
	const struct spot *spot = find(x, path);

	if (spot == NULL)
		return err_set(
		    e, ERR_NOT_FOUND, "the snapshot has no such directory");
	uint64_t end =
	    spot + 1 < x->spots + x->n ? spot[1].at : x->snap->tree.length;
	if (stream_read(x->src, &x->snap->tree,
		(struct stream_range){ spot->at, end - spot->at }, append, &raw,
		e) < 0)
		return err_in(e, "reading the tree");
	struct scan s = scan_of(buf_bytes(&raw));
	uint64_t length = scan_varint(&s);
	if (!scan_ok(&s) || length != s.n)
		return corrupt(e);
	buf_put(&d.body, s.p, s.n);
	if (parse(&d, e) < 0)
		return -1;
	if (!bytes_equal(d.path, path))
		return corrupt(e);
	dirs_dir_free(out);
	*out = d;
	d = (struct dirs_dir){ 0 };
	return 0;
}
