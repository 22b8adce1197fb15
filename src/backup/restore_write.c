/* SPDX-License-Identifier: ISC */
/* restore_write.c: fetching packs with several threads, writing files. */
#include "backup/restore_in.h"

#include "base/file.h"
#include "vault/pack.h"

#include <stdlib.h>
#include <unistd.h>

/* Stored bytes fetched by one request. A block is fetched whole: not less. */
#define RUN_BYTES PACK_BLOCK

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
part_of_file(struct restore *r, struct restore_file *f,
    const struct restore_task *t, struct bytes data, struct err *e)
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
	rc = write_at(f->open->out.fd, &f->open->map, t->offset, data, e);
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

/* ---- packs ---- */

struct worker {
	struct restore *r;
	struct source *src;
	const struct restore_task *tasks; /* those of this run, by entry */
	size_t at, n;
};

/* What became of one chunk of one file: what = NULL when it is there. */
static void
task_over(struct restore *r, const struct restore_task *t,
    const struct bytes *data, const struct err *what)
{
	struct restore_file *f = &r->files[t->file];
	struct err why;
	int rc = data == NULL ? -1
	    : t->whole	      ? whole_file(r, f, *data, &why)
			      : part_of_file(r, f, t, *data, &why);

	if (rc < 0)
		file_fails(r, f, data == NULL ? what : &why);
	if (!t->whole)
		chunk_over(r, f);
}

static int
take_chunk(void *ctx, uint32_t entry, struct bytes plain, struct err *e)
{
	struct worker *w = ctx;
	struct restore *r = w->r;

	/* One chunk may stand in many places. */
	for (; w->at < w->n && w->tasks[w->at].entry == entry; w->at++)
		task_over(r, &w->tasks[w->at], &plain, NULL);
	if (!atomic_load(&r->stopped))
		return 0;
	return err_set(e, ERR_INTERNAL, "stopped");
}

static uint32_t
block_of(const struct restore *r, const struct ptable *t, size_t task)
{
	return t->entries[r->tasks[task].entry].block;
}

/* Begin tasks [from, to): their entries, each once. */
static size_t
take_tasks(struct worker *w, size_t from, size_t to, uint32_t *list)
{
	const struct restore_task *tasks = &w->r->tasks[from];
	size_t n = 0;

	for (size_t i = 0; i < to - from; i++)
		if (n == 0 || list[n - 1] != tasks[i].entry)
			list[n++] = tasks[i].entry;
	w->tasks = tasks;
	w->at = 0;
	w->n = to - from;
	return n;
}

/* Tasks [from, to) lie in blocks of one pack that are fetched at once. */
static int
try_run(struct worker *w, const struct ptable *t, enum category c, size_t from,
    size_t to, struct err *e)
{
	OWN(mem_free) uint32_t *list = mem_array(to - from, sizeof *list);
	const struct source_want all = { list, take_tasks(w, from, to, list),
		take_chunk, w };

	return source_run(w->src, c, t, &all, e);
}

/* What could not be reached fails, each file once. */
static void
chunks_fail(struct worker *w, size_t from, size_t to, const struct err *why)
{
	/* The rest of a run that was stopped was not tried. */
	if (atomic_load(&w->r->stopped))
		return;
	if (restore_fatal(why)) {
		restore_stop(w->r, why);
		return;
	}
	for (size_t i = from; i < to; i++)
		task_over(w->r, &w->r->tasks[i], NULL, why);
}

/* A damage costs its own block, not what was fetched with it. */
static void
fetch_run(struct worker *w, const struct ptable *t, enum category c,
    size_t from, size_t to)
{
	struct err why;

	if (try_run(w, t, c, from, to, &why) == 0)
		return;
	from += w->at; /* these are done */
	if (restore_fatal(&why) || atomic_load(&w->r->stopped)) {
		chunks_fail(w, from, to, &why);
		return;
	}
	while (from < to) {
		size_t end = from + 1;
		while (end < to &&
		    block_of(w->r, t, end) == block_of(w->r, t, from))
			end++;
		if (try_run(w, t, c, from, end, &why) < 0)
			chunks_fail(w, from + w->at, end, &why);
		from = end;
	}
}

/* The pack was rewritten since: its chunks one by one, by their names. */
static void
fetch_moved(struct worker *w, enum category c, const struct id *pack,
    size_t from, size_t to)
{
	OWN(mem_free) uint32_t *list = mem_array(to - from, sizeof *list);
	struct err why;

	while (from < to && !atomic_load(&w->r->stopped)) {
		const struct source_want rest = { list,
			take_tasks(w, from, to, list), take_chunk, w };
		if (source_moved(w->src, c, pack, &rest, &why) == 0)
			return;
		from += w->at;
		size_t end = from;
		while (end < to &&
		    w->r->tasks[end].entry == w->r->tasks[from].entry)
			end++;
		chunks_fail(w, from, end, &why);
		from = end;
	}
}

/* All tasks of one pack, in runs of a few MiB. */
static void
fetch_pack(struct worker *w, size_t from, size_t to)
{
	struct restore *r = w->r;
	const struct restore_pack *p = &r->packs[r->tasks[from].pack];
	enum category c = (enum category)p->category;
	const struct ptable *t;
	struct err why;

	if (source_table(w->src, c, &p->id, &t, &why) < 0) {
		if (why.code == ERR_NOT_FOUND) {
			fetch_moved(w, c, &p->id, from, to);
			return;
		}
		chunks_fail(w, from, to, &why);
		return;
	}
	while (from < to && !atomic_load(&r->stopped)) {
		if (r->tasks[to - 1].entry >= t->n_entries) {
			(void)err_set(&why, ERR_SNAPSHOT_DAMAGED,
			    "a pack holds less than it should");
			chunks_fail(w, from, to, &why);
			return;
		}
		const struct ptable_block *first =
		    &t->blocks[t->entries[r->tasks[from].entry].block];
		size_t end = from + 1;
		while (end < to) {
			const struct ptable_block *b =
			    &t->blocks[t->entries[r->tasks[end].entry].block];
			if (b->offset + b->stored - first->offset > RUN_BYTES)
				break;
			end++;
		}
		fetch_run(w, t, c, from, end);
		from = end;
	}
}

static void
work_with(struct restore *r, struct source *src)
{
	struct worker w = { .r = r, .src = src };

	while (!atomic_load(&r->stopped)) {
		(void)pthread_mutex_lock(&r->lock);
		size_t from = r->next, to = from;
		while (
		    to < r->n_tasks && r->tasks[to].pack == r->tasks[from].pack)
			to++;
		r->next = to;
		(void)pthread_mutex_unlock(&r->lock);
		if (from == to)
			break;
		fetch_pack(&w, from, to);
	}
}

struct job {
	struct restore *r;
	struct source *src;
	pthread_t thread;
};

static void *
work(void *arg)
{
	const struct job *j = arg;

	work_with(j->r, j->src);
	return NULL;
}

static void
fetch_all(struct restore *r)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	/* One more than cores: some wait for the server. */
	unsigned n = r->o->threads != 0 ? r->o->threads
	    : cores > 0			? (unsigned)cores + 1
					: 2;
	struct job jobs[RESTORE_THREADS_MAX];
	unsigned begun = 0;

	if (n > RESTORE_THREADS_MAX)
		n = RESTORE_THREADS_MAX;
	r->next = 0;
	for (; begun < n && r->n_tasks > 0; begun++) {
		if (r->sources[begun] == NULL)
			r->sources[begun] = source_new(r->repo);
		jobs[begun].r = r;
		jobs[begun].src = r->sources[begun];
		if (pthread_create(
			&jobs[begun].thread, NULL, work, &jobs[begun]) != 0)
			break;
	}
	/* No thread to be had: this one does it. */
	if (begun == 0 && r->n_tasks > 0)
		work_with(r, r->sources[0]);
	for (unsigned i = 0; i < begun; i++)
		(void)pthread_join(jobs[i].thread, NULL);
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

static int
by_pack(const void *a, const void *b)
{
	const struct restore_task *x = a, *y = b;

	if (x->pack != y->pack)
		return x->pack < y->pack ? -1 : 1;
	return (x->entry > y->entry) - (x->entry < y->entry);
}

void
restore_write(struct restore *r)
{
	if (r->n_tasks > 1)
		qsort(r->tasks, r->n_tasks, sizeof *r->tasks, by_pack);
	empty_files(r);
	fetch_all(r);
}
