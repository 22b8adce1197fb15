/* SPDX-License-Identifier: ISC */
/* restore.c: a restore from the first entry of the tree to the last. */
#include "backup/restore_in.h"

#include "base/file.h"
#include "base/now.h"

#include <stdlib.h>
#include <string.h>

#define OPEN_MAX_FILES 512 /* files begun and not done, with descriptors */
#define FD_OTHERS 300 /* what else may be open: folders, requests, databases */
#define WINDOW_BYTES ((size_t)12 << 20) /* of what is planned at once */

static void
restore_free(struct restore *r)
{
	restore_clear(r);
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
	free(r->names);
	free(r->dirs);
	free(r->links);
	free(r->open);
	include_free(&r->include);
	source_free(&r->src);
	fetch_free(&r->fetch);
	place_free(&r->place);
}

/* ---- the walk ---- */

static bool
window_full(const struct restore *r)
{
	return r->arena.bytes + r->n_files * sizeof *r->files +
	    fetch_bytes(r->fetch) + r->n_names * sizeof *r->names >
	    WINDOW_BYTES;
}

static int
plan_one(void *ctx, struct bytes dir, const struct entry *x, struct err *e)
{
	struct restore *r = ctx;
	OWN(buf_free) struct buf path = { 0 };
	size_t skip = r->strip.n;

	buf_put_bytes(&path, dir);
	if (dir.n > 0)
		buf_put_u8(&path, '/');
	buf_put_bytes(&path, x->name);
	if (restore_plan(r, bytes_of(path.p + skip, path.n - skip), x, e) < 0)
		return -1;
	if (!window_full(r))
		return 0;
	struct bytes at =
	    dir.n > skip ? bytes_of(dir.p + skip, dir.n - skip) : bytes_str("");
	return restore_window(r, &at, e);
}

static int
walk(struct restore *r, const struct snapshot *snap, struct err *e)
{
	OWN(buf_free) struct buf raw = { 0 };
	OWN(buf_free) struct buf strip = { 0 };
	struct bytes path = bytes_str(r->o->path);
	struct entry x;

	while (path.n > 0 && path.p[0] == '/')
		path = bytes_of(path.p + 1, path.n - 1);
	while (path.n > 0 && path.p[path.n - 1] == '/')
		path.n--;
	if (path.n == 0)
		return tree_walk(r->src, snap, path, plan_one, r, e);
	if (tree_find(r->src, snap, path, &raw, &x, e) < 0)
		return err_in(e, "%s", r->o->path);
	if (x.type != ENTRY_DIRECTORY)
		return restore_plan(r, x.name, &x, e);
	/* The target becomes that directory. */
	if (restore_plan_dir(
		r, bytes_str(""), restore_keep_entry(&r->arena, &x), e) < 0)
		return -1;
	buf_put_bytes(&strip, path);
	buf_put_u8(&strip, '/');
	r->strip = restore_keep(&r->kept, buf_bytes(&strip));
	if (r->include != NULL)
		include_strip(r->include, r->strip);
	return tree_walk(r->src, snap, path, plan_one, r, e);
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
	r->fetch = fetch_new(r->repo);
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
	if (prepare(&r, snap, e) < 0 || walk(&r, snap, e) < 0)
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
