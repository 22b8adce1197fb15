/* SPDX-License-Identifier: ISC */
/* include.c: a table of directories by path. */
#include "backup/include.h"

#include "backup/tree.h"

#include <stdlib.h>

struct dir {
	struct bytes path; /* p NULL: free */
	struct bytes raw;
	bool wanted, made;
};

struct include {
	struct exclude *patterns;
	const struct snapshot *snap;
	struct buf whole; /* the part that is stripped, then a path */
	size_t strip_n;
	struct dir *dirs; /* open addressing */
	size_t n, cap;
};

enum exclude_answer
include_ask(const struct exclude *x, const struct snapshot *snap,
    struct bytes path, size_t skip, bool is_dir)
{
	enum exclude_answer a =
	    exclude_ask(x, bytes_of(path.p + skip, path.n - skip), is_dir);

	for (size_t i = 0; i < snap->n_paths && a == EXCLUDE_SILENT; i++) {
		struct bytes root = buf_bytes(&snap->paths[i]);
		/* Stored with a slash at its start, which paths here lack. */
		if (root.n > 1 && root.n - 1 < path.n &&
		    tree_below(path, bytes_of(root.p + 1, root.n - 1)))
			a = exclude_ask(x,
			    bytes_of(path.p + root.n, path.n - root.n), is_dir);
	}
	if (a == EXCLUDE_SILENT && skip > 0)
		a = exclude_ask(x, path, is_dir);
	return a;
}

struct include *
include_new(const struct snapshot *snap)
{
	struct include *x = mem_new(sizeof *x);

	x->patterns = exclude_new();
	x->snap = snap;
	return x;
}

void
include_strip(struct include *x, struct bytes strip)
{
	buf_clear(&x->whole);
	buf_put_bytes(&x->whole, strip);
	x->strip_n = strip.n;
}

void
include_free(struct include **x)
{
	if (*x == NULL)
		return;
	exclude_free(&(*x)->patterns);
	buf_free(&(*x)->whole);
	free((*x)->dirs);
	free(*x);
	*x = NULL;
}

int
include_add(struct include *x, struct bytes pattern, struct err *e)
{
	return exclude_add_typed(x->patterns, pattern, e);
}

/* Where this path is, or would be. */
static struct dir *
slot(const struct include *x, struct bytes path)
{
	uint64_t h = 0xcbf29ce484222325ULL; /* FNV-1a */

	for (size_t i = 0; i < path.n; i++)
		h = (h ^ path.p[i]) * 0x100000001b3ULL;
	size_t i = (size_t)(h ^ h >> 32) & (x->cap - 1);
	while (x->dirs[i].path.p != NULL && !bytes_equal(x->dirs[i].path, path))
		i = (i + 1) & (x->cap - 1);
	return &x->dirs[i];
}

static struct dir *
find(const struct include *x, struct bytes path)
{
	struct dir *d = x->cap > 0 && path.n > 0 ? slot(x, path) : NULL;

	return d != NULL && d->path.p != NULL ? d : NULL;
}

static struct bytes
above(struct bytes path)
{
	while (path.n > 0 && path.p[path.n - 1] != '/')
		path.n--;
	return bytes_of(path.p, path.n > 0 ? path.n - 1 : 0);
}

bool
include_wants(struct include *x, struct bytes path, bool is_dir)
{
	x->whole.n = x->strip_n;
	buf_put_bytes(&x->whole, path);
	switch (include_ask(
	    x->patterns, x->snap, buf_bytes(&x->whole), x->strip_n, is_dir)) {
	case EXCLUDE_YES:
		return true;
	case EXCLUDE_NO:
		return false;
	case EXCLUDE_SILENT:
		break;
	}
	const struct dir *d = find(x, above(path));
	return d != NULL && d->wanted;
}

static void
grow(struct include *x)
{
	struct include old = *x;

	x->cap = old.cap == 0 ? 64 : 2 * old.cap;
	x->dirs = mem_array(x->cap, sizeof *x->dirs);
	for (size_t i = 0; i < old.cap; i++)
		if (old.dirs[i].path.p != NULL)
			*slot(x, old.dirs[i].path) = old.dirs[i];
	free(old.dirs);
}

void
include_note(
    struct include *x, struct bytes path, struct bytes raw, bool wanted)
{
	if (2 * (x->n + 1) > x->cap)
		grow(x);
	struct dir *d = slot(x, path);
	if (d->path.p == NULL)
		x->n++;
	*d = (struct dir){ path, raw, wanted, wanted };
}

int
include_above(struct include *x, struct bytes path, include_fn fn, void *ctx,
    struct err *e)
{
	for (size_t i = 0; i < path.n; i++) {
		if (path.p[i] != '/')
			continue;
		struct dir *d = find(x, bytes_of(path.p, i));
		if (d == NULL || d->made)
			continue;
		d->made = true;
		if (fn(ctx, d->path, d->raw, e) < 0)
			return -1;
	}
	return 0;
}
