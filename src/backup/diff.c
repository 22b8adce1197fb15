/* SPDX-License-Identifier: ISC */
/* diff.c: two trees, read in step. */
#include "backup/diff.h"

#include "backup/dirs.h"

#include <stdlib.h>

/* One of the two trees. */
struct side {
	struct source *src;
	struct dirs_reader *reader;
	struct dirs_dir dir;
	bool end;
};

struct job {
	struct side old, new;
	struct buf path;
	diff_fn fn;
	void *ctx;
};

static void
side_free(struct side *s)
{
	dirs_dir_free(&s->dir);
	dirs_reader_free(&s->reader);
	source_free(&s->src);
}

static void
job_free(struct job *j)
{
	side_free(&j->old);
	side_free(&j->new);
	buf_free(&j->path);
}

static int
side_open(
    struct side *s, struct repo *r, const struct snapshot *snap, struct err *e)
{
	s->src = source_new(r);
	s->reader = dirs_reader_new(s->src, snap);
	return dirs_next(s->reader, &s->dir, &s->end, e);
}

static bool
same_content(const struct entry *a, const struct entry *b)
{
	return a->size == b->size && a->category == b->category &&
	    a->sparse == b->sparse && a->rdev_major == b->rdev_major &&
	    a->rdev_minor == b->rdev_minor &&
	    bytes_equal(a->target, b->target) &&
	    bytes_equal(a->extents, b->extents) &&
	    bytes_equal(a->content, b->content);
}

/* Not ctime and link counts: they change with what is not in the backup. */
static bool
same_metadata(const struct entry *a, const struct entry *b)
{
	return a->mode == b->mode && a->uid == b->uid && a->gid == b->gid &&
	    a->flags == b->flags && a->mtime_s == b->mtime_s &&
	    a->mtime_ns == b->mtime_ns && bytes_equal(a->user, b->user) &&
	    bytes_equal(a->group, b->group) &&
	    bytes_equal(a->xattrs, b->xattrs);
}

static int
tell(struct job *j, enum diff_kind kind, struct bytes dir,
    const struct entry *old, const struct entry *new, struct err *e)
{
	buf_clear(&j->path);
	buf_put_bytes(&j->path, dir);
	if (dir.n > 0)
		buf_put_u8(&j->path, '/');
	buf_put_bytes(&j->path, old != NULL ? old->name : new->name);
	return j->fn(j->ctx, kind, buf_bytes(&j->path), old, new, e);
}

/* One name; either entry may be NULL. */
static int
compare(struct job *j, struct bytes dir, const struct entry *old,
    const struct entry *new, struct err *e)
{
	if (old == NULL)
		return tell(j, DIFF_ADDED, dir, old, new, e);
	if (new == NULL)
		return tell(j, DIFF_REMOVED, dir, old, new, e);
	if (old->type != new->type)
		return tell(j, DIFF_TYPE, dir, old, new, e);
	if (!same_content(old, new))
		return tell(j, DIFF_CONTENT, dir, old, new, e);
	if (!same_metadata(old, new))
		return tell(j, DIFF_METADATA, dir, old, new, e);
	return 0;
}

/* One directory; a or b may be NULL when only one tree has it. */
static int
merge(struct job *j, const struct dirs_dir *a, const struct dirs_dir *b,
    struct err *e)
{
	struct bytes dir = a != NULL ? a->path : b->path;
	size_t na = a != NULL ? a->n : 0, nb = b != NULL ? b->n : 0;

	for (size_t i = 0, k = 0; i < na || k < nb;) {
		struct entry old, new;
		if (i < na)
			dirs_entry(a, i, &old);
		if (k < nb)
			dirs_entry(b, k, &new);
		int c = i == na ? 1
		    : k == nb	? -1
				: bytes_cmp(old.name, new.name);
		if (compare(j, dir, c <= 0 ? &old : NULL, c >= 0 ? &new : NULL,
			e) < 0)
			return -1;
		i += c <= 0;
		k += c >= 0;
	}
	return 0;
}

static bool
same_tree(const struct stream_ref *a, const struct stream_ref *b)
{
	return a->depth == b->depth && a->length == b->length &&
	    bytes_equal(buf_bytes(&a->list), buf_bytes(&b->list));
}

int
diff_run(struct repo *r, const struct snapshot *old, const struct snapshot *new,
    diff_fn fn, void *ctx, struct err *e)
{
	OWN(job_free) struct job j = { .fn = fn, .ctx = ctx };

	if (same_tree(&old->tree, &new->tree))
		return 0;
	if (side_open(&j.old, r, old, e) < 0 ||
	    side_open(&j.new, r, new, e) < 0)
		return -1;
	while (!j.old.end || !j.new.end) {
		int c = j.old.end ? 1
		    : j.new.end	  ? -1
				  : dirs_cmp(j.old.dir.path, j.new.dir.path);
		if (merge(&j, c <= 0 ? &j.old.dir : NULL,
			c >= 0 ? &j.new.dir : NULL, e) < 0)
			return -1;
		if (c <= 0 &&
		    dirs_next(j.old.reader, &j.old.dir, &j.old.end, e) < 0)
			return -1;
		if (c >= 0 &&
		    dirs_next(j.new.reader, &j.new.dir, &j.new.end, e) < 0)
			return -1;
	}
	return 0;
}
