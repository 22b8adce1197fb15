/* SPDX-License-Identifier: ISC */
/* restore_write.c: writing files from chunks that come in any order. */
#include "backup/restore_in.h"

#include "base/file.h"

#include <stdlib.h>
#include <unistd.h>

static struct bytes
raw_of(const struct restore_file *f)
{
	return bytes_of(f->raw, f->raw_n);
}

static struct bytes
path_of(const struct restore_file *f)
{
	return bytes_of(f->raw + f->raw_n, f->path_n);
}

static void
file_over(struct restore *r, const struct entry *x)
{
	(void)pthread_mutex_lock(&r->lock);
	r->result->totals.files++;
	r->result->totals.bytes += x->size;
	if (r->o->progress != NULL)
		r->o->progress(r->o->ctx, &r->result->totals);
	(void)pthread_mutex_unlock(&r->lock);
}

/* Where a place in the file's data stands in the file: holes are skipped. */
static int
write_at(int fd, const struct extents *map, uint64_t offset, struct bytes data,
    struct err *e)
{
	for (size_t i = extents_of_data(map, offset); data.n > 0; i++) {
		if (i >= map->n)
			return err_set(e, ERR_SNAPSHOT_DAMAGED,
			    "a file has more data than its map");
		const struct extent *x = &map->list[i];
		uint64_t skip = offset - x->data;
		size_t some =
		    data.n < x->n - skip ? data.n : (size_t)(x->n - skip);
		if (file_pwrite_all(
			fd, bytes_of(data.p, some), x->at + skip, e) < 0)
			return -1;
		data.p += some;
		data.n -= some;
		offset += some;
	}
	return 0;
}

static void
file_fails(struct restore *r, struct restore_file *f, const struct err *why)
{
	if (!atomic_exchange(&f->failed, true)) {
		f->code = why->code;
		restore_failed(r, path_of(f), why);
	}
	if (restore_fatal(why))
		restore_stop(r, why);
}

static int
whole_file(
    struct restore *r, struct restore_file *f, struct bytes data, struct err *e)
{
	OWN(place_file_free) struct place_file out = PLACE_FILE;
	OWN(extents_free) struct extents map = { 0 };
	struct entry x;

	if (restore_entry(raw_of(f), &x, e) < 0)
		return -1;
	extents_of(&x, &map);
	if (place_file_begin(r->place, path_of(f), &x, &out, e) < 0 ||
	    (data.n > 0 && write_at(out.fd, &map, 0, data, e) < 0) ||
	    place_file_done(&out, &x, e) < 0)
		return -1;
	file_over(r, &x);
	return 0;
}

/* ---- files of several chunks ---- */

static pthread_mutex_t *
lock_of(struct restore *r, const struct restore_file *f)
{
	return &r->locks[f->lock];
}

/* Others than the file's own lock are only tried here: no two wait. */
static void
make_room(struct restore *r)
{
	(void)pthread_mutex_lock(&r->open_lock);
	for (size_t tries = r->n_open; tries > 0 && r->n_open >= r->max_open;
	     tries--) {
		size_t i = r->hand++ % r->n_open;
		struct restore_file *f = r->open[i];
		if (pthread_mutex_trylock(lock_of(r, f)) != 0)
			continue;
		if (f->open->users == 0) {
			place_file_park(&f->open->out);
			r->open[i] = r->open[--r->n_open];
		}
		(void)pthread_mutex_unlock(lock_of(r, f));
	}
	(void)pthread_mutex_unlock(&r->open_lock);
}

static void
note_open(struct restore *r, struct restore_file *f)
{
	(void)pthread_mutex_lock(&r->open_lock);
	/* Over the limit by those that threads just hold. */
	r->open =
	    restore_room(r->open, r->n_open, &r->cap_open, sizeof *r->open);
	r->open[r->n_open++] = f;
	(void)pthread_mutex_unlock(&r->open_lock);
}

static void
note_closed(struct restore *r, const struct restore_file *f)
{
	(void)pthread_mutex_lock(&r->open_lock);
	for (size_t i = 0; i < r->n_open; i++)
		if (r->open[i] == f) {
			r->open[i] = r->open[--r->n_open];
			break;
		}
	(void)pthread_mutex_unlock(&r->open_lock);
}

/* Under the file's lock. */
static int
begin_file(struct restore *r, struct restore_file *f, struct err *e)
{
	struct restore_open *o = f->open;

	if (o != NULL && !o->out.parked)
		return 0;
	if (o != NULL) {
		if (place_file_resume(&o->out, path_of(f), e) < 0)
			return -1;
		note_open(r, f);
		return 0;
	}
	o = mem_new(sizeof *o);
	o->out.fd = -1;
	if (restore_entry(raw_of(f), &o->x, e) < 0 ||
	    place_file_begin(r->place, path_of(f), &o->x, &o->out, e) < 0) {
		free(o);
		return -1;
	}
	extents_of(&o->x, &o->map);
	f->open = o;
	note_open(r, f);
	return 0;
}

static int
part_of_file(struct restore *r, struct restore_file *f, uint64_t offset,
    struct bytes data, struct err *e)
{
	int rc = 0;

	if (atomic_load(&f->failed))
		return 0;
	make_room(r);
	(void)pthread_mutex_lock(lock_of(r, f));
	rc = begin_file(r, f, e);
	if (rc == 0)
		f->open->users++;
	(void)pthread_mutex_unlock(lock_of(r, f));
	if (rc < 0)
		return -1;
	rc = write_at(f->open->out.fd, &f->open->map, offset, data, e);
	(void)pthread_mutex_lock(lock_of(r, f));
	f->open->users--;
	(void)pthread_mutex_unlock(lock_of(r, f));
	return rc;
}

static void
drop_file(struct restore *r, struct restore_file *f)
{
	struct restore_open *o = f->open;
	struct err ignored;

	if (o == NULL)
		return;
	/* It is taken back under the name that it has. */
	if (o->out.parked)
		(void)!place_file_resume(&o->out, path_of(f), &ignored);
	place_file_free(&o->out);
	extents_free(&o->map);
	free(o);
	f->open = NULL;
	(void)r;
}

/* A chunk is dealt with, well or badly; the last one closes the file. */
static void
chunk_over(struct restore *r, struct restore_file *f)
{
	struct err why;

	if (atomic_fetch_sub(&f->left, 1) != 1)
		return;
	(void)pthread_mutex_lock(lock_of(r, f));
	int rc = f->open == NULL || atomic_load(&f->failed)
	    ? 0
	    : begin_file(r, f, &why);
	if (f->open != NULL)
		note_closed(r, f);
	(void)pthread_mutex_unlock(lock_of(r, f));
	if (f->open != NULL && !atomic_load(&f->failed)) {
		if (rc == 0)
			rc = place_file_done(&f->open->out, &f->open->x, &why);
		if (rc < 0)
			file_fails(r, f, &why);
		else
			file_over(r, &f->open->x);
	}
	drop_file(r, f);
}

void
restore_drop(struct restore *r)
{
	for (size_t i = 0; i < r->n_files; i++)
		drop_file(r, &r->files[i]);
	r->n_open = 0;
}

/* ---- chunks ---- */

static int
stopped(const struct restore *r)
{
	return atomic_load(&r->stopped) ? -1 : 0;
}

/* A fetch_to's: one chunk of one file is there. */
static int
chunk_taken(void *ctx, uint32_t tag, uint64_t offset, struct bytes plain)
{
	struct restore *r = ctx;
	struct restore_file *f = &r->files[tag];
	struct err why;
	int rc = f->whole ? whole_file(r, f, plain, &why)
			  : part_of_file(r, f, offset, plain, &why);

	if (rc < 0)
		file_fails(r, f, &why);
	if (!f->whole)
		chunk_over(r, f);
	return stopped(r);
}

/* A fetch_to's: it cannot be had. The file fails, once. */
static int
chunk_failed(void *ctx, uint32_t tag, uint64_t offset, const struct err *why)
{
	struct restore *r = ctx;
	struct restore_file *f = &r->files[tag];

	(void)offset;
	file_fails(r, f, why);
	if (!f->whole)
		chunk_over(r, f);
	return stopped(r);
}

static void
empty_files(struct restore *r)
{
	for (size_t i = 0; i < r->n_files && !atomic_load(&r->stopped); i++) {
		struct restore_file *f = &r->files[i];
		struct err why;
		if (f->empty && whole_file(r, f, bytes_str(""), &why) < 0)
			file_fails(r, f, &why);
	}
}

void
restore_write(struct restore *r)
{
	const struct fetch_to to = { chunk_taken, chunk_failed, restore_fatal,
		r };
	struct err why;

	empty_files(r);
	if (!atomic_load(&r->stopped) &&
	    fetch_run(r->fetch, r->o->threads, &to, &why) < 0)
		restore_stop(r, &why);
}
