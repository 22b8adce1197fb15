/* SPDX-License-Identifier: ISC */
/* restore.c: a restore from window to window. */
#include "backup/restore_in.h"

#include "backup/dirs.h"
#include "base/file.h"
#include "base/now.h"

#include <stdlib.h>
#include <string.h>

#define OPEN_MAX_FILES 512 /* files begun and not done, with descriptors */
#define FD_OTHERS 300 /* what else may be open: folders, requests, databases */

struct arena_part {
	struct arena_part *next;
	size_t used, cap;
	uint8_t bytes[];
};

struct bytes
restore_keep(struct arena *all, struct bytes x)
{
	struct arena_part *a = all->parts;

	if (a == NULL || a->cap - a->used < x.n) {
		size_t cap = x.n > 65536 ? x.n : 65536;
		a = mem_new(sizeof *a + cap);
		a->cap = cap;
		a->next = all->parts;
		all->parts = a;
		all->bytes += cap;
	}
	uint8_t *p = a->bytes + a->used;
	if (x.n > 0)
		memcpy(p, x.p, x.n);
	a->used += x.n;
	return bytes_of(p, x.n);
}

void
restore_arena_free(struct arena *all)
{
	while (all->parts != NULL) {
		struct arena_part *next = all->parts->next;
		free(all->parts);
		all->parts = next;
	}
	all->bytes = 0;
}

void *
restore_room(void *list, size_t n, size_t *cap, size_t size)
{
	if (n < *cap)
		return list;
	*cap = *cap == 0 ? 64 : *cap + *cap / 2;
	return mem_resize(list, *cap, size);
}

int
restore_entry(struct bytes raw, struct entry *x, struct err *e)
{
	struct scan s = scan_of(raw);

	return entry_take(&s, x, e);
}

void
restore_failed(struct restore *r, struct bytes path, const struct err *why)
{
	(void)pthread_mutex_lock(&r->lock);
	r->result->errors++;
	if (err_exit(why->code) == 6)
		r->result->damaged++;
	if (why->code == ERR_CATEGORY_CLOSED)
		r->result->closed++;
	if (r->o->warn != NULL)
		r->o->warn(r->o->ctx, path, why);
	(void)pthread_mutex_unlock(&r->lock);
}

bool
restore_fatal(const struct err *why)
{
	return why->code == ERR_DISK_FULL_HERE ||
	    why->code == ERR_SERVER_UNREACHABLE ||
	    why->code == ERR_DEVICE_REMOVED ||
	    why->code == ERR_CERTIFICATE_CHANGED;
}

void
restore_stop(struct restore *r, const struct err *why)
{
	(void)pthread_mutex_lock(&r->lock);
	if (!atomic_load(&r->stopped))
		r->err = *why;
	atomic_store(&r->stopped, true);
	(void)pthread_mutex_unlock(&r->lock);
}

/* ---- windows ---- */

static void
clear_window(struct restore *r)
{
	restore_drop(r);
	restore_arena_free(&r->arena);
	r->n_files = r->n_tasks = r->n_names = r->n_packs = 0;
	if (r->slots > 0)
		memset(r->pack_slots, 0, r->slots * sizeof *r->pack_slots);
}

static void
restore_free(struct restore *r)
{
	clear_window(r);
	if (r->place != NULL)
		restore_links_done(r, true);
	for (size_t i = 0; i < r->n_dirs; i++)
		free(r->dirs[i]);
	for (size_t i = 0; i < RESTORE_LOCKS; i++)
		(void)pthread_mutex_destroy(&r->locks[i]);
	(void)pthread_mutex_destroy(&r->lock);
	(void)pthread_mutex_destroy(&r->open_lock);
	restore_arena_free(&r->kept);
	buf_free(&r->scratch);
	free(r->files);
	free(r->tasks);
	free(r->names);
	free(r->packs);
	free(r->pack_slots);
	free(r->dirs);
	free(r->links);
	free(r->open);
	include_free(&r->include);
	source_free(&r->src);
	for (size_t i = 0; i < RESTORE_THREADS_MAX; i++)
		source_free(&r->sources[i]);
	place_free(&r->place);
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
		clear_window(r);
		if (plan_again(r, buf_bytes(&again), e) < 0)
			return -1;
	}
	clear_window(r);
	restore_links_done(r, at == NULL);
	finish_dirs(r, at);
	return 0;
}

/* ---- the whole ---- */

static int
prepare(struct restore *r, const struct snapshot *snap, struct err *e)
{
	const struct restore_options *o = r->o;

	(void)pthread_mutex_init(&r->lock, NULL);
	(void)pthread_mutex_init(&r->open_lock, NULL);
	for (size_t i = 0; i < RESTORE_LOCKS; i++)
		(void)pthread_mutex_init(&r->locks[i], NULL);
	r->src = source_new(r->repo);
	if (o->n_includes > 0) {
		r->include = include_new(snap);
		for (size_t i = 0; i < o->n_includes; i++)
			if (include_add(
				r->include, bytes_str(o->includes[i]), e) < 0)
				return -1;
	}
	if (o->dry_run)
		return 0;
	/* Each file in work has its own descriptor and its directory's. */
	size_t most = fd_raise();
	most = most > FD_OTHERS + 32 ? (most - FD_OTHERS) / 2 : 16;
	r->max_open = most < OPEN_MAX_FILES ? most : OPEN_MAX_FILES;
	if (place_open(o->to, o->rule, &r->place, e) < 0)
		return -1;
	if (o->numeric_ids)
		place_numeric_ids(r->place);
	if (o->tame)
		place_tame(r->place);
	return 0;
}

int
restore_run(struct repo *repo, const struct snapshot *snap,
    const struct restore_options *o, struct restore_result *out, struct err *e)
{
	OWN(restore_free)
	struct restore r = { .repo = repo, .o = o, .result = out };
	int64_t started = now_mono_ns();

	*out = (struct restore_result){ 0 };
	if (o->path[0] == '\0' && o->n_includes == 0)
		out->totals =
		    (struct restore_progress){ .all_files = snap->files,
			    .all_bytes = snap->bytes,
			    .all_known = true };
	if (prepare(&r, snap, e) < 0 || restore_plan_all(&r, snap, e) < 0)
		return -1;
	out->totals.all_known = true;
	if (o->dry_run)
		return 0;
	if (restore_window(&r, NULL, e) < 0 || place_sync(r.place, e) < 0)
		return -1;
	out->counts = place_counts(r.place);
	out->duration_ms = (uint64_t)((now_mono_ns() - started) / 1000000);
	return 0;
}
