/* SPDX-License-Identifier: ISC */
/* get_window.c: files fetched together and written, each verified. */
#include "drive/get_in.h"

#include "base/file.h"

#include <stdlib.h>
#include <string.h>

#define WINDOW_BYTES ((uint64_t)128 << 20)
#define THREADS 2

void
get_window_begin(struct get_window *w)
{
	w->fetch = fetch_new(w->d->repo);
	for (int i = 0; i < GET_LOCKS; i++)
		(void)pthread_mutex_init(&w->locks[i], NULL);
}

void
get_window_clear(struct get_window *w)
{
	for (size_t i = 0; i < w->n; i++) {
		struct get_file *f = &w->files[i];
		place_file_free(&f->out);
		buf_free(&f->path);
		buf_free(&f->plain);
	}
	w->n = 0;
	w->bytes = 0;
	if (w->fetch != NULL)
		fetch_clear(w->fetch);
}

void
get_window_free(struct get_window *w)
{
	get_window_clear(w);
	fetch_free(&w->fetch);
	source_free(&w->source);
	place_free(&w->over);
	place_free(&w->place);
	for (int i = 0; i < GET_LOCKS; i++)
		(void)pthread_mutex_destroy(&w->locks[i]);
}

/* ---- writing ---- */

static void
fails(struct get_file *f, const struct err *why)
{
	if (!f->failed)
		f->why = *why;
	f->failed = true;
}

static struct place *
place_of(const struct get_window *w, const struct get_file *f)
{
	return f->what == GET_OVER ? w->over : w->place;
}

static int
begin_file(struct get_window *w, struct get_file *f, struct err *e)
{
	if (f->begun)
		return 0;
	f->begun = true;
	return place_file_begin(
	    place_of(w, f), buf_bytes(&f->path), &f->x, &f->out, e);
}

static int
end_file(struct get_file *f, struct err *e)
{
	if (place_file_done(&f->out, &f->x, e) < 0)
		return -1;
	f->whole = true;
	return 0;
}

static int
fill(struct get_window *w, struct get_file *f, uint64_t offset,
    struct bytes plain, struct err *e)
{
	if (begin_file(w, f, e) < 0 ||
	    file_pwrite_all(f->out.fd, plain, offset, e) < 0)
		return -1;
	f->left--;
	return f->left == 0 ? end_file(f, e) : 0;
}

static int
take(void *ctx, uint32_t tag, uint64_t offset, struct bytes plain)
{
	struct get_window *w = ctx;
	struct get_file *f = &w->files[tag];
	struct err why;

	(void)pthread_mutex_lock(&w->locks[tag % GET_LOCKS]);
	if (!f->failed && fill(w, f, offset, plain, &why) < 0)
		fails(f, &why);
	(void)pthread_mutex_unlock(&w->locks[tag % GET_LOCKS]);
	return 0;
}

static int
fail(void *ctx, uint32_t tag, uint64_t offset, const struct err *why)
{
	struct get_window *w = ctx;
	struct err say = *why;

	(void)offset;
	content_out_error(&say);
	(void)pthread_mutex_lock(&w->locks[tag % GET_LOCKS]);
	fails(&w->files[tag], &say);
	(void)pthread_mutex_unlock(&w->locks[tag % GET_LOCKS]);
	return 0;
}

/* After which nothing else is to be tried. */
static bool
fatal(const struct err *why)
{
	return why->code == ERR_SERVER_UNREACHABLE ||
	    why->code == ERR_STOPPED || why->code == ERR_NOT_SIGNED_IN;
}

/* ---- planning ---- */

/* Holes stay holes; a file is empty until its bytes come, in any order. */
static void
describe(const struct get_window *w, struct get_file *f)
{
	f->x = (struct entry){ .type = f->n.type == NODE_SYMLINK
		    ? ENTRY_SYMLINK
		    : ENTRY_REGULAR,
		.category = ENTRY_BACKUP,
		.sparse = f->content.c.form != NODE_INLINE,
		.mode = (uint32_t)(((f->n.flags & NODE_EXEC) != 0 ? 0777
								  : 0666) &
		    ((f->n.flags & NODE_SECRET) != 0 ? 0700 : 0777) & ~w->mask),
		.nlink = 1,
		.mtime_s = f->n.mtime_s,
		.mtime_ns = f->n.mtime_ns,
		.ctime_s = f->n.mtime_s,
		.ctime_ns = f->n.mtime_ns,
		.target = f->n.target };
	if (f->n.type == NODE_FILE)
		f->x.size = f->content.c.size;
}

/* May it stay as it is here? */
static bool
is_left(const struct get_window *w, struct get_file *f)
{
	const struct get_one one = { buf_bytes(&f->path), &f->x, &f->id,
		&f->n };

	describe(w, f);
	if (w->ask->choose != NULL)
		f->what = w->ask->choose(w->ask->ctx, &one);
	f->whole = f->what == GET_LEAVE;
	return f->whole;
}

static int
want_link(const struct get_window *w, struct get_file *f, struct err *e)
{
	if (is_left(w, f))
		return 0;
	if (place_symlink(place_of(w, f), buf_bytes(&f->path), &f->x, e) < 0)
		return -1;
	f->whole = true;
	return 0;
}

static int
want(struct get_window *w, struct get_file *f, struct err *e)
{
	if (f->n.type == NODE_SYMLINK)
		return want_link(w, f, e);
	if (f->n.type != NODE_FILE)
		return err_set(e, ERR_USAGE, "this kind of thing has no bytes");
	if (content_out_of(&f->n, &f->content, e) < 0)
		return -1;
	if (is_left(w, f))
		return 0;
	f->content.repo = w->d->repo;
	f->content.source = w->source;
	if (f->content.c.form == NODE_INLINE) {
		f->left = 1;
		return fill(w, f, 0, f->content.c.bytes, e);
	}
	int rc = content_out_plan(
	    &f->content, w->fetch, (uint32_t)(f - w->files), &f->left, e);
	w->source = f->content.source;
	f->content.source = NULL;
	if (rc < 0)
		return -1;
	/* All of it is a hole. */
	if (f->left == 0)
		return begin_file(w, f, e) < 0 ? -1 : end_file(f, e);
	return 0;
}

void
get_window_add(
    struct get_window *w, const struct id *id, struct bytes path, bool *full)
{
	struct get_file *f = &w->files[w->n++];
	struct err why;

	*f = (struct get_file){ .out = PLACE_FILE, .id = *id };
	buf_put_bytes(&f->path, path);
	if (zcopy_get(w->d->zone, id, &f->plain, &why) < 0 ||
	    node_parse(buf_bytes(&f->plain), &f->n, &why) < 0 ||
	    want(w, f, &why) < 0)
		fails(f, &why);
	if (f->what != GET_LEAVE)
		w->bytes += f->content.c.size;
	*full = w->n == GET_FILES || w->bytes >= WINDOW_BYTES;
}

int
get_window_run(struct get_window *w, struct err *e)
{
	const struct fetch_to to = { take, fail, fatal, w };

	if (fetch_planned(w->fetch) == 0)
		return 0;
	return fetch_run(w->fetch, THREADS, &to, e);
}
