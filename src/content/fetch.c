/* SPDX-License-Identifier: ISC */
/* fetch.c: a plan of chunks, and fetching packs with several threads. */
#include "content/fetch.h"

#include "content/source.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define THREADS_MAX 16
/* Stored bytes fetched by one request. A block is fetched whole: not less. */
#define RUN_BYTES PACK_BLOCK

struct task {
	uint32_t pack; /* number in packs */
	uint32_t entry;
	uint32_t length;
	uint32_t tag;
	uint64_t offset;
};

struct planned_pack {
	struct id id;
	uint8_t category;
};

struct fetch {
	struct repo *repo;
	struct source *sources[THREADS_MAX]; /* the first one plans, too */
	struct task *tasks;
	size_t n_tasks, cap_tasks;
	struct planned_pack *packs;
	size_t n_packs, cap_packs;
	uint32_t *slots; /* open addressing: number of a pack + 1 */
	size_t n_slots;

	/* The run. */
	const struct fetch_to *to;
	pthread_mutex_t lock; /* next, err */
	size_t next; /* task to hand out */
	struct err err; /* what stopped it */
	atomic_bool stopped;
};

struct fetch *
fetch_new(struct repo *repo)
{
	struct fetch *f = mem_new(sizeof *f);

	f->repo = repo;
	f->sources[0] = source_new(repo);
	(void)pthread_mutex_init(&f->lock, NULL);
	return f;
}

void
fetch_free(struct fetch **fp)
{
	struct fetch *f = *fp;

	if (f == NULL)
		return;
	for (size_t i = 0; i < THREADS_MAX; i++)
		source_free(&f->sources[i]);
	(void)pthread_mutex_destroy(&f->lock);
	free(f->tasks);
	free(f->packs);
	free(f->slots);
	free(f);
	*fp = NULL;
}

/* ---- planning ---- */

static void *
room(void *list, size_t n, size_t *cap, size_t size)
{
	if (n < *cap)
		return list;
	*cap = *cap == 0 ? 64 : *cap + *cap / 2;
	return mem_resize(list, *cap, size);
}

static uint32_t
pack_number(struct fetch *f, enum category c, const struct id *id)
{
	if (2 * (f->n_packs + 1) > f->n_slots) {
		free(f->slots);
		f->n_slots = f->n_slots == 0 ? 256 : 2 * f->n_slots;
		f->slots = mem_array(f->n_slots, sizeof *f->slots);
		for (size_t k = 0; k < f->n_packs; k++) {
			size_t i = be64(f->packs[k].id.b) & (f->n_slots - 1);
			while (f->slots[i] != 0)
				i = (i + 1) & (f->n_slots - 1);
			f->slots[i] = (uint32_t)k + 1;
		}
	}
	size_t i = be64(id->b) & (f->n_slots - 1);
	for (; f->slots[i] != 0; i = (i + 1) & (f->n_slots - 1))
		if (id_equal(&f->packs[f->slots[i] - 1].id, id))
			return f->slots[i] - 1;
	f->packs = room(f->packs, f->n_packs, &f->cap_packs, sizeof *f->packs);
	f->packs[f->n_packs] = (struct planned_pack){ *id, (uint8_t)c };
	f->slots[i] = (uint32_t)f->n_packs + 1;
	return (uint32_t)f->n_packs++;
}

static bool
hint_holds(
    struct fetch *f, const struct fetch_want *w, const struct fetch_hint *hint)
{
	const struct ptable *t;
	struct err ignored;

	return hint != NULL && repo_has(f->repo, w->category) &&
	    source_table(
		f->sources[0], w->category, &hint->pack, &t, &ignored) == 0 &&
	    repo_holds(repo_part(f->repo, w->category), t->stream) &&
	    hint->entry < t->n_entries &&
	    digest_equal(&t->entries[hint->entry].name, &w->name);
}

int
fetch_plan(struct fetch *f, const struct fetch_want *w,
    const struct fetch_hint *hint, struct err *e)
{
	struct fetch_hint at;

	if (hint_holds(f, w, hint))
		at = *hint;
	else if (source_find(f->sources[0], w->category, &w->name, &at.pack,
		     &at.entry, e) < 0)
		return -1;
	f->tasks = room(f->tasks, f->n_tasks, &f->cap_tasks, sizeof *f->tasks);
	f->tasks[f->n_tasks++] =
	    (struct task){ .pack = pack_number(f, w->category, &at.pack),
		    .entry = at.entry,
		    .length = w->length,
		    .tag = w->tag,
		    .offset = w->offset };
	return 0;
}

size_t
fetch_planned(const struct fetch *f)
{
	return f->n_tasks;
}

size_t
fetch_bytes(const struct fetch *f)
{
	return f->n_tasks * sizeof *f->tasks;
}

void
fetch_back(struct fetch *f, size_t n)
{
	f->n_tasks = n;
}

void
fetch_clear(struct fetch *f)
{
	f->n_tasks = f->n_packs = 0;
	if (f->n_slots > 0)
		memset(f->slots, 0, f->n_slots * sizeof *f->slots);
}

/* ---- the run ---- */

struct worker {
	struct fetch *f;
	struct source *src;
	const struct task *tasks; /* those of this run, by entry */
	size_t at, n;
};

static void
stop(struct fetch *f, const struct err *why)
{
	(void)pthread_mutex_lock(&f->lock);
	if (!atomic_load(&f->stopped))
		f->err = *why;
	atomic_store(&f->stopped, true);
	(void)pthread_mutex_unlock(&f->lock);
}

/* What the caller says of a chunk: -1 stops. */
static void
heard(struct fetch *f, int rc)
{
	struct err why;

	if (rc == 0)
		return;
	(void)err_set(&why, ERR_INTERNAL, "stopped");
	stop(f, &why);
}

static void
task_over(struct fetch *f, const struct task *t, struct bytes plain)
{
	const struct fetch_to *to = f->to;
	struct err why;

	if (plain.n == t->length) {
		heard(f, to->take(to->ctx, t->tag, t->offset, plain));
		return;
	}
	(void)err_set(&why, ERR_SNAPSHOT_DAMAGED,
	    "a chunk has another length than its list says");
	heard(f, to->fail(to->ctx, t->tag, t->offset, &why));
}

static int
take_chunk(void *ctx, uint32_t entry, struct bytes plain, struct err *e)
{
	struct worker *w = ctx;
	struct fetch *f = w->f;

	/* One chunk may stand in many places. */
	for (; w->at < w->n && w->tasks[w->at].entry == entry; w->at++)
		task_over(f, &w->tasks[w->at], plain);
	if (!atomic_load(&f->stopped))
		return 0;
	return err_set(e, ERR_INTERNAL, "stopped");
}

static uint32_t
block_of(const struct fetch *f, const struct ptable *t, size_t task)
{
	return t->entries[f->tasks[task].entry].block;
}

/* Begin tasks [from, to): their entries, each once. */
static size_t
take_tasks(struct worker *w, size_t from, size_t to, uint32_t *list)
{
	const struct task *tasks = &w->f->tasks[from];
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

/* What could not be reached fails. */
static void
chunks_fail(struct worker *w, size_t from, size_t to, const struct err *why)
{
	struct fetch *f = w->f;

	/* The rest of a run that was stopped was not tried. */
	if (atomic_load(&f->stopped))
		return;
	if (f->to->fatal(why)) {
		stop(f, why);
		return;
	}
	for (size_t i = from; i < to; i++)
		heard(f,
		    f->to->fail(
			f->to->ctx, f->tasks[i].tag, f->tasks[i].offset, why));
}

/* A damage costs its own block, not what was fetched with it. */
static void
fetch_blocks(struct worker *w, const struct ptable *t, enum category c,
    size_t from, size_t to)
{
	struct err why;

	if (try_run(w, t, c, from, to, &why) == 0)
		return;
	from += w->at; /* these are done */
	if (w->f->to->fatal(&why) || atomic_load(&w->f->stopped)) {
		chunks_fail(w, from, to, &why);
		return;
	}
	while (from < to) {
		size_t end = from + 1;
		while (end < to &&
		    block_of(w->f, t, end) == block_of(w->f, t, from))
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

	while (from < to && !atomic_load(&w->f->stopped)) {
		const struct source_want rest = { list,
			take_tasks(w, from, to, list), take_chunk, w };
		if (source_moved(w->src, c, pack, &rest, &why) == 0)
			return;
		from += w->at;
		size_t end = from;
		while (end < to &&
		    w->f->tasks[end].entry == w->f->tasks[from].entry)
			end++;
		chunks_fail(w, from, end, &why);
		from = end;
	}
}

/* All tasks of one pack, in runs of a few MiB. */
static void
fetch_pack(struct worker *w, size_t from, size_t to)
{
	struct fetch *f = w->f;
	const struct planned_pack *p = &f->packs[f->tasks[from].pack];
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
	while (from < to && !atomic_load(&f->stopped)) {
		if (f->tasks[to - 1].entry >= t->n_entries) {
			(void)err_set(&why, ERR_SNAPSHOT_DAMAGED,
			    "a pack holds less than it should");
			chunks_fail(w, from, to, &why);
			return;
		}
		const struct ptable_block *first =
		    &t->blocks[t->entries[f->tasks[from].entry].block];
		size_t end = from + 1;
		while (end < to) {
			const struct ptable_block *b =
			    &t->blocks[t->entries[f->tasks[end].entry].block];
			if (b->offset + b->stored - first->offset > RUN_BYTES)
				break;
			end++;
		}
		fetch_blocks(w, t, c, from, end);
		from = end;
	}
}

static void
work_with(struct fetch *f, struct source *src)
{
	struct worker w = { .f = f, .src = src };

	while (!atomic_load(&f->stopped)) {
		(void)pthread_mutex_lock(&f->lock);
		size_t from = f->next, to = from;
		while (
		    to < f->n_tasks && f->tasks[to].pack == f->tasks[from].pack)
			to++;
		f->next = to;
		(void)pthread_mutex_unlock(&f->lock);
		if (from == to)
			break;
		fetch_pack(&w, from, to);
	}
}

struct job {
	struct fetch *f;
	struct source *src;
	pthread_t thread;
};

static void *
work(void *arg)
{
	const struct job *j = arg;

	work_with(j->f, j->src);
	return NULL;
}

static void
fetch_all(struct fetch *f, unsigned n)
{
	struct job jobs[THREADS_MAX];
	unsigned begun = 0;

	for (; begun < n; begun++) {
		if (f->sources[begun] == NULL)
			f->sources[begun] = source_new(f->repo);
		jobs[begun].f = f;
		jobs[begun].src = f->sources[begun];
		if (pthread_create(
			&jobs[begun].thread, NULL, work, &jobs[begun]) != 0)
			break;
	}
	/* No thread to be had: this one does it. */
	if (begun == 0)
		work_with(f, f->sources[0]);
	for (unsigned i = 0; i < begun; i++)
		(void)pthread_join(jobs[i].thread, NULL);
}

static int
by_pack(const void *a, const void *b)
{
	const struct task *x = a, *y = b;

	if (x->pack != y->pack)
		return x->pack < y->pack ? -1 : 1;
	return (x->entry > y->entry) - (x->entry < y->entry);
}

int
fetch_run(
    struct fetch *f, unsigned threads, const struct fetch_to *to, struct err *e)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);

	if (threads == 0)
		threads = cores > 0 ? (unsigned)cores + 1 : 2;
	if (threads > THREADS_MAX)
		threads = THREADS_MAX;
	f->to = to;
	f->next = 0;
	atomic_store(&f->stopped, false);
	if (f->n_tasks == 0)
		return 0;
	qsort(f->tasks, f->n_tasks, sizeof *f->tasks, by_pack);
	fetch_all(f, threads);
	if (!atomic_load(&f->stopped))
		return 0;
	*e = f->err;
	return -1;
}
