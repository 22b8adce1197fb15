/* SPDX-License-Identifier: ISC */
/* backup_tell.c: what the user is told while a backup goes on. */
#include "backup/backup_in.h"

#include "base/now.h"
#include "base/text.h"

void
backup_warn(struct run *r, const struct err *why, bool counts)
{
	if (counts && r->result->totals.errors++ == 0) {
		OWN(buf_free) struct buf shown = { 0 };
		text_show(&shown, buf_bytes(&r->path));
		r->first = *why;
		(void)err_in(&r->first, "/%s", buf_text(&shown));
	}
	if (r->o->warn != NULL)
		r->o->warn(r->o->ctx, buf_bytes(&r->path), why);
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
	c->runs = pthread_create(&c->thread, NULL, c->count, c) == 0;
	if (!c->runs)
		c->begin_ns = INT64_MAX; /* no thread to be had: no total */
}
