/* SPDX-License-Identifier: ISC */
/* backup_count.c: how much there is to back up, counted ahead in a thread. */
/*
 * It is a dry run without a word, so it follows the same rules as the backup;
 * what it finds is for a display only. Nobody is asked to wait for it, and it
 * begins late, since short backups are over before anybody looks.
 */
#include "backup/backup_in.h"

#include "base/now.h"

#include <pthread.h>
#include <stdlib.h>

struct backup_counter {
	struct backup_options o;
	struct backup_result result;
	struct run *beside;
	int64_t begin_ns;
	pthread_t thread;
	bool runs; /* the thread was started */
	atomic_bool stop, known;
	_Atomic uint64_t files, bytes;
};

void
backup_count_begin(struct run *r)
{
	struct seen_totals t = seen_totals(r->seen);

	if (r->o->count_after_s == 0 || r->o->progress == NULL)
		return;
	struct backup_counter *c = mem_new(sizeof *c);
	c->beside = r;
	c->begin_ns = now_mono_ns() + r->o->count_after_s * 1000000000LL;
	atomic_store(&c->files, t.files);
	atomic_store(&c->bytes, t.bytes);
	atomic_store(&c->known, t.files > 0);
	r->counter = c;
}

static void *
count_all(void *arg)
{
	struct backup_counter *c = arg;
	struct run r = { .o = &c->o,
		.result = &c->result,
		.detail = CAPTURE_DETAIL,
		.over = &c->stop,
		.roots = c->beside->roots,
		.n_roots = c->beside->n_roots,
		.spelled = c->beside->spelled,
		.n_spelled = c->beside->n_spelled,
		.exclude = c->beside->exclude,
		.defaults = c->beside->defaults };
	struct err ignored;
	struct digest none = { { 0 } };

	for (size_t i = 0; i < BACKUP_SYSTEM; i++)
		r.system[i] = c->beside->system[i];
	r.seen = seen_open("", &none);
	r.capture = capture_new();
	if (backup_walk(&r, &ignored) == 0) {
		atomic_store(&c->files, c->result.totals.files);
		atomic_store(&c->bytes, c->result.totals.bytes);
		atomic_store(&c->known, true);
	}
	backup_queue_free(&r);
	seen_free(&r.seen);
	capture_free(&r.capture);
	buf_free(&r.path);
	buf_free(&r.as_spelled);
	return NULL;
}

void
backup_count_ask(struct run *r, struct backup_progress *p)
{
	struct backup_counter *c = r->counter;

	if (c == NULL)
		return;
	if (atomic_load(&c->known)) {
		/* A tree that has grown since is at least what was met. */
		uint64_t files = atomic_load(&c->files);
		uint64_t bytes = atomic_load(&c->bytes);
		p->all_files = files > p->files ? files : p->files;
		p->all_bytes = bytes > p->bytes ? bytes : p->bytes;
		return;
	}
	if (c->runs || now_mono_ns() < c->begin_ns)
		return;
	c->o = *r->o;
	c->o.warn = NULL;
	c->o.progress = NULL;
	c->runs = pthread_create(&c->thread, NULL, count_all, c) == 0;
	if (!c->runs)
		c->begin_ns = INT64_MAX; /* no thread to be had: no total */
}

void
backup_count_end(struct backup_counter **cp)
{
	struct backup_counter *c = *cp;

	if (c == NULL)
		return;
	atomic_store(&c->stop, true);
	if (c->runs)
		(void)pthread_join(c->thread, NULL);
	free(c);
	*cp = NULL;
}
