/* SPDX-License-Identifier: ISC */
/* restore_window.c: what is planned is written, linked and finished. */
#include "backup/restore_in.h"

#include "backup/dirs.h"

#include <stdlib.h>
#include <string.h>

void
restore_clear(struct restore *r)
{
	restore_drop(r);
	restore_arena_free(&r->arena);
	fetch_clear(r->fetch);
	r->n_files = r->n_names = 0;
}

/* What became of the files that have further names. */
static void
settle_links(struct restore *r)
{
	for (size_t i = 0; i < r->n_files; i++) {
		struct restore_file *f = &r->files[i];
		if (f->link == NULL)
			continue;
		f->link->state =
		    atomic_load(&f->failed) ? LINK_FAILED : LINK_DONE;
		f->link->code = f->code;
	}
}

/* Content that cannot be had under one name cannot be had under another. */
static bool
lost(const struct link *link)
{
	return link->state == LINK_FAILED &&
	    (err_exit(link->code) == 6 || link->code == ERR_CATEGORY_CLOSED);
}

static void
name_over(struct restore *r, const struct entry *x)
{
	r->result->totals.files += x->type == ENTRY_REGULAR;
	r->result->totals.bytes += x->size;
}

/*
 * Give one further name; *aside when it cannot be a link here: its file is not
 * there, or cannot have another name.
 */
static void
link_name(struct restore *r, const struct restore_name *n,
    const struct entry *x, bool *aside)
{
	struct link *link = n->link;
	struct err why;

	*aside = false;
	if (link->state == LINK_DONE &&
	    place_hardlink(r->place, link->path, n->path, x, &why) == 0) {
		name_over(r, x);
		return;
	}
	if (link->state == LINK_DONE && why.code == ERR_CONFLICT) {
		/* An earlier run may have made it a file by itself. */
		if (restore_same(r, n->path, x))
			name_over(r, x);
		else
			restore_failed(r, n->path, &why);
		return;
	}
	*aside = !lost(link) || link->category != x->category;
	if (*aside)
		return;
	(void)err_set(
	    &why, link->code, "its content is lost under another name, too");
	restore_failed(r, n->path, &why);
}

/* again  takes the link, path and entry of each that cannot be one here. */
static int
link_names(struct restore *r, struct buf *again, struct err *e)
{
	OWN(mem_free)
	struct link **list = mem_array(r->n_names + 1, sizeof(struct link *));
	size_t n = 0;

	for (size_t i = 0; i < r->n_names; i++) {
		const struct restore_name *name = &r->names[i];
		struct entry x;
		bool aside;
		if (restore_entry(name->raw, &x, e) < 0)
			return -1;
		link_name(r, name, &x, &aside);
		if (!aside)
			continue;
		list[n++] = name->link;
		buf_put_u64(again, (uint64_t)(uintptr_t)name->link);
		buf_put_v32(again, name->path);
		buf_put_bytes(again, name->raw);
	}
	/* From now on they have no name, until one is given by itself. */
	while (n > 0)
		list[--n]->state = LINK_FAILED;
	return 0;
}

/* The first of several becomes the file, the others its further names. */
static int
plan_again(struct restore *r, struct bytes again, struct err *e)
{
	struct scan s = scan_of(again);

	while (s.n > 0) {
		struct link *link = (struct link *)(uintptr_t)scan_u64(&s);
		struct bytes path = scan_v32(&s);
		struct entry x;
		if (entry_take(&s, &x, e) < 0)
			return -1;
		if (link->state != LINK_FAILED)
			restore_plan_name(r, path, &x, link);
		else if (restore_plan_again(r, path, &x, link, e) < 0)
			return -1;
	}
	return 0;
}

/* Finish directories that the walk has left; at NULL: all. */
static void
finish_dirs(struct restore *r, const struct bytes *at)
{
	size_t kept = r->n_dirs;

	for (size_t i = r->n_dirs; i-- > 0;) {
		struct restore_dir *d = r->dirs[i];
		struct bytes path = bytes_of(d->bytes + d->raw_n, d->path_n);
		struct entry x;
		struct err why;
		if (at != NULL &&
		    (dirs_cmp(path, *at) >= 0 || tree_below(*at, path))) {
			r->dirs[--kept] = d;
			continue;
		}
		if (restore_entry(bytes_of(d->bytes, d->raw_n), &x, &why) < 0 ||
		    place_dir_done(r->place, path, &x, &d->how, &why) < 0)
			restore_failed(r, path, &why);
		free(d);
	}
	if (r->n_dirs == 0)
		return;
	memmove(r->dirs, r->dirs + kept,
	    (r->n_dirs - kept) * sizeof(struct restore_dir *));
	r->n_dirs -= kept;
}

int
restore_window(struct restore *r, const struct bytes *at, struct err *e)
{
	while (r->n_files > 0 || r->n_names > 0) {
		OWN(buf_free) struct buf again = { 0 };
		restore_write(r);
		if (atomic_load(&r->stopped)) {
			*e = r->err;
			return -1;
		}
		settle_links(r);
		if (link_names(r, &again, e) < 0)
			return -1;
		restore_clear(r);
		if (plan_again(r, buf_bytes(&again), e) < 0)
			return -1;
	}
	restore_clear(r);
	restore_links_done(r, at == NULL);
	finish_dirs(r, at);
	return 0;
}
