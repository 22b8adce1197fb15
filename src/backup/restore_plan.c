/* SPDX-License-Identifier: ISC */
/* restore_plan.c: from entries of the tree to chunks to fetch. */
#include "backup/restore_in.h"

#include "base/file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct planned {
	struct restore *r;
	uint32_t file, chunks;
	uint64_t offset;
};

static int
plan_chunk(void *ctx, enum category c, const struct digest *name,
    uint32_t length, struct err *e)
{
	struct planned *p = ctx;
	const struct fetch_want w = { c, *name, length, p->file, p->offset };

	if (fetch_plan(p->r->fetch, &w, NULL, e) < 0)
		return -1;
	p->offset += length;
	p->chunks++;
	return 0;
}

int
restore_plan_chunks(struct restore *r, const struct entry *x, uint32_t file,
    uint32_t *chunks, struct err *e)
{
	struct planned p = { .r = r, .file = file };
	size_t first = fetch_planned(r->fetch);
	int rc = tree_chunks(x, plan_chunk, &p, e);

	if (rc == 0 && p.offset != extents_bytes(x))
		rc = err_set(e, ERR_SNAPSHOT_DAMAGED,
		    "the file's chunks do not add up to its size");
	if (rc < 0) {
		fetch_back(r->fetch, first);
		return -1;
	}
	*chunks = p.chunks;
	return 0;
}

/* ---- what is there already ---- */

struct comparing {
	struct restore *r;
	struct extents map;
	uint64_t offset; /* in the data */
	int fd;
	bool same;
};

/* Read n bytes of data from `offset` on, across holes. */
static bool
read_data(struct comparing *c, uint8_t *to, size_t n, struct err *e)
{
	while (n > 0) {
		size_t i = extents_of_data(&c->map, c->offset), got;
		if (i == c->map.n)
			return false;
		const struct extent *x = &c->map.list[i];
		uint64_t skip = c->offset - x->data;
		size_t some = x->n - skip < n ? (size_t)(x->n - skip) : n;
		if (file_pread_full(c->fd, to, some, x->at + skip, &got, e) <
			0 ||
		    got != some)
			return false;
		to += some;
		n -= some;
		c->offset += some;
	}
	return true;
}

static int
compare_chunk(void *ctx, enum category cat, const struct digest *name,
    uint32_t length, struct err *e)
{
	struct comparing *c = ctx;
	struct buf *b = &c->r->scratch;

	buf_clear(b);
	c->same = read_data(c, buf_grow(b, length), length, e) &&
	    source_named(c->r->src, cat, name, buf_bytes(b));
	return c->same ? 0 : -1;
}

/* Is there nothing but zeros from one place up to another? */
static bool
is_hole(int fd, uint64_t from, uint64_t to)
{
	while (from < to) {
		uint8_t block[4096];
		size_t got;
		struct err e;
		off_t at = lseek(fd, (off_t)from, SEEK_DATA);
		if (at < 0)
			return errno == ENXIO;
		if ((uint64_t)at >= to)
			return true;
		from = (uint64_t)at;
		size_t n = to - from < sizeof block ? (size_t)(to - from)
						    : sizeof block;
		if (file_pread_full(fd, block, n, from, &got, &e) < 0)
			return false;
		for (size_t i = 0; i < got; i++)
			if (block[i] != 0)
				return false;
		from += n;
	}
	return true;
}

static bool
holes_same(const struct comparing *c, uint64_t size)
{
	uint64_t end = 0;

	for (size_t i = 0; i < c->map.n; i++) {
		if (!is_hole(c->fd, end, c->map.list[i].at))
			return false;
		end = c->map.list[i].at + c->map.list[i].n;
	}
	return is_hole(c->fd, end, size);
}

/* Size and time are not enough: does it hold the same bytes? */
static bool
content_same(struct restore *r, struct bytes path, const struct entry *x)
{
	OWN(fd_close) int fd = -1;
	struct comparing c = { .r = r, .same = true };
	struct err e;

	if (place_read(r->place, path, &fd, &e) < 0)
		return false;
	c.fd = fd;
	extents_of(x, &c.map);
	bool same = tree_chunks(x, compare_chunk, &c, &e) == 0 && c.same &&
	    c.offset == c.map.data && (!x->sparse || holes_same(&c, x->size));
	extents_free(&c.map);
	return same;
}

/* ---- objects ---- */

struct bytes
restore_keep_entry(struct arena *a, const struct entry *x)
{
	OWN(buf_free) struct buf b = { 0 };
	struct entry y = *x;

	y.content = (struct bytes){ NULL, 0 };
	entry_put(&b, &y);
	return restore_keep(a, buf_bytes(&b));
}

static void
link_settled(struct link *link, const struct err *why)
{
	if (link == NULL)
		return;
	link->state = why == NULL ? LINK_DONE : LINK_FAILED;
	link->code = why == NULL ? ERR_NONE : why->code;
}

/* A file with a name of its own, of which the chunks are planned. */
static void
add_file(struct restore *r, struct bytes path, const struct entry *x,
    struct link *link, uint32_t chunks)
{
	OWN(buf_free) struct buf both = { 0 };
	struct entry y = *x;

	y.content = (struct bytes){ NULL, 0 };
	if (link != NULL)
		y.flags = 0; /* they would keep further names away */
	entry_put(&both, &y);
	size_t raw_n = both.n;
	buf_put_bytes(&both, path);
	r->files =
	    restore_room(r->files, r->n_files, &r->cap_files, sizeof *r->files);
	struct restore_file *f = &r->files[r->n_files];
	memset(f, 0, sizeof *f);
	f->raw = restore_keep(&r->arena, buf_bytes(&both)).p;
	f->raw_n = (uint32_t)raw_n;
	f->path_n = (uint32_t)path.n;
	f->link = link;
	f->lock = (uint8_t)(r->n_files % RESTORE_LOCKS);
	f->empty = chunks == 0;
	f->whole = chunks == 1;
	atomic_init(&f->left, chunks);
	atomic_init(&f->failed, false);
	r->n_files++;
}

bool
restore_same(struct restore *r, struct bytes path, const struct entry *x)
{
	struct err ignored;
	bool same = false;

	return x->type == ENTRY_REGULAR && r->o->rule != PLACE_ALWAYS &&
	    place_same(r->place, path, x, &same, &ignored) == 0 && same &&
	    content_same(r, path, x);
}

static int
plan_file(struct restore *r, struct bytes path, const struct entry *x,
    struct link *link, struct err *e)
{
	uint32_t chunks = 0;

	if (restore_same(r, path, x)) {
		r->result->totals.files++;
		r->result->totals.bytes += x->size;
		link_settled(link, NULL);
		return 0;
	}
	if (restore_plan_chunks(r, x, (uint32_t)r->n_files, &chunks, e) < 0)
		return -1;
	add_file(r, path, x, link, chunks);
	return 0;
}

int
restore_plan_again(struct restore *r, struct bytes path, const struct entry *x,
    struct link *link, struct err *e)
{
	struct err why;
	int rc;

	if (link != NULL) {
		link->state = LINK_PENDING;
		restore_link_at(link, path);
	}
	if (x->type == ENTRY_REGULAR)
		rc = plan_file(r, path, x, link, &why);
	else if (x->type == ENTRY_SYMLINK)
		rc = place_symlink(r->place, path, x, &why);
	else
		rc = place_special(r->place, path, x, &why);
	if (rc == 0 && x->type != ENTRY_REGULAR)
		link_settled(link, NULL);
	if (rc == 0)
		return 0;
	link_settled(link, &why);
	if (restore_fatal(&why)) {
		*e = why;
		return -1;
	}
	restore_failed(r, path, &why);
	return 0;
}

/* An include_fn, too: raw lives as long as the run then. */
int
restore_plan_dir(void *ctx, struct bytes path, struct bytes raw, struct err *e)
{
	struct restore *r = ctx;
	struct entry x;
	struct place_dir how;
	struct err why;

	if (restore_entry(raw, &x, e) < 0)
		return -1;
	if (r->o->list != NULL && path.n > 0)
		r->o->list(r->o->ctx, path, &x);
	if (r->o->dry_run)
		return 0;
	if (place_dir(r->place, path, &x, &how, &why) < 0) {
		restore_failed(r, path, &why);
		return 0;
	}
	struct restore_dir *d = mem_new(sizeof *d + raw.n + path.n);
	d->how = how;
	d->raw_n = (uint32_t)raw.n;
	d->path_n = (uint32_t)path.n;
	memcpy(d->bytes, raw.p, raw.n);
	if (path.n > 0)
		memcpy(d->bytes + raw.n, path.p, path.n);
	r->dirs =
	    restore_room(r->dirs, r->n_dirs, &r->cap_dirs, sizeof *r->dirs);
	r->dirs[r->n_dirs++] = d;
	return 0;
}

/* Is it asked for? Then what is above it is planned as well. */
static int
ask(struct restore *r, struct bytes path, const struct entry *x, bool *wanted,
    struct err *e)
{
	bool is_dir = x->type == ENTRY_DIRECTORY;

	*wanted = r->include == NULL || include_wants(r->include, path, is_dir);
	if (r->include == NULL)
		return 0;
	r->result->included += *wanted;
	if (is_dir)
		include_note(r->include, restore_keep(&r->kept, path),
		    restore_keep_entry(&r->kept, x), *wanted);
	return *wanted ? include_above(r->include, path, restore_plan_dir, r, e)
		       : 0;
}

void
restore_plan_name(struct restore *r, struct bytes path, const struct entry *x,
    struct link *link)
{
	OWN(buf_free) struct buf raw = { 0 };

	entry_put(&raw, x);
	r->names =
	    restore_room(r->names, r->n_names, &r->cap_names, sizeof *r->names);
	r->names[r->n_names++] =
	    (struct restore_name){ restore_keep(&r->arena, buf_bytes(&raw)),
		    restore_keep(&r->arena, path), link };
}

int
restore_plan(
    struct restore *r, struct bytes path, const struct entry *x, struct err *e)
{
	struct link *link = NULL;
	bool wanted, first = true;

	if (ask(r, path, x, &wanted, e) < 0)
		return -1;
	if (!wanted)
		return 0;
	if (x->type == ENTRY_DIRECTORY)
		return restore_plan_dir(
		    r, path, restore_keep_entry(&r->arena, x), e);
	if (r->o->list != NULL)
		r->o->list(r->o->ctx, path, x);
	if (!r->result->totals.all_known) {
		r->result->totals.all_files += x->type == ENTRY_REGULAR;
		r->result->totals.all_bytes += x->size;
	}
	if (r->o->dry_run)
		return 0;
	if (x->nlink > 1)
		link = restore_link(r, x, &first);
	if (!first) {
		restore_plan_name(r, path, x, link);
		return 0;
	}
	return restore_plan_again(r, path, x, link, e);
}
