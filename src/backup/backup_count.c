/* SPDX-License-Identifier: ISC */
/* backup_count.c: how much there is to back up, counted ahead in a thread. */
/*
 * It is a dry run without a word, so it follows the same rules as the backup;
 * what it finds is for a display only. Nobody is asked to wait for it, and it
 * begins late, since short backups are over before anybody looks.
 */
#include "backup/backup_in.h"

#include "base/now.h"

#include <stdlib.h>

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
backup_count_begin(struct run *r)
{
	struct seen_totals t = seen_totals(r->seen);

	if (r->o->count_after_s == 0 || r->o->progress == NULL)
		return;
	struct backup_counter *c = mem_new(sizeof *c);
	c->beside = r;
	c->count = count_all;
	c->begin_ns = now_mono_ns() + r->o->count_after_s * 1000000000LL;
	atomic_store(&c->files, t.files);
	atomic_store(&c->bytes, t.bytes);
	atomic_store(&c->known, t.files > 0);
	r->counter = c;
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
