/* SPDX-License-Identifier: ISC */
/* restore_shared.c: memory of a window or a run, and what went wrong. */
#include "backup/restore_in.h"

#include <stdlib.h>
#include <string.h>

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
