/* SPDX-License-Identifier: ISC */
/* dbstems.c: which databases of a directory have companions. */
#include "tree/dbstems.h"

#include "tree/dbfile.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

struct stem {
	uint8_t n;
	char name[NODE_NAME_MAX];
};

struct dir {
	struct id id; /* first */
	struct stem *list; /* sorted */
	size_t n, cap;
};

static int
by_id(const void *a, const void *b)
{
	return id_cmp(a, b);
}

static int
by_name(const void *a, const void *b)
{
	const struct stem *x = a, *y = b;

	return bytes_cmp(bytes_of(x->name, x->n), bytes_of(y->name, y->n));
}

static void
dir_free(void *arg)
{
	struct dir *d = arg;

	free(d->list);
	free(d);
}

void
dbstems_free(struct dbstems *s)
{
	tdestroy(s->dirs, dir_free);
	s->dirs = NULL;
}

static struct stem
stem_of(struct bytes name)
{
	struct bytes stem = dbfile_stem(name);
	struct stem x = { .n = (uint8_t)stem.n };

	memcpy(x.name, stem.p, stem.n);
	return x;
}

static int
add(void *arg, const struct plan_node *n)
{
	struct bytes name = bytes_of(n->name, n->name_n);
	struct dir *d = arg;

	if (!dbfile_is_companion(name))
		return 0;
	if (d->n == d->cap) {
		d->cap = d->cap == 0 ? 16 : 2 * d->cap;
		d->list = mem_resize(d->list, d->cap, sizeof *d->list);
	}
	d->list[d->n++] = stem_of(name);
	return 0;
}

static const struct dir *
ask(struct dbstems *s, const struct id *id)
{
	struct dir **found = tfind(id, &s->dirs, by_id);

	if (found != NULL)
		return *found;
	struct dir *d = mem_new(sizeof *d);
	d->id = *id;
	for (size_t i = 0; i < ARRAY_SIZE(s->views); i++) {
		const struct plan_view *v = s->views[i];
		if (v != NULL)
			(void)(v->companions != NULL
				? v->companions
				: v->children)(v->ctx, id, add, d);
	}
	if (d->n > 1)
		qsort(d->list, d->n, sizeof *d->list, by_name);
	if (tsearch(d, &s->dirs, by_id) == NULL)
		abort(); /* out of memory, as everywhere */
	return d;
}

bool
dbstems_has(struct dbstems *s, const struct id *parent, struct bytes name)
{
	const struct dir *d = ask(s, parent);

	if (d->n == 0)
		return false;
	const struct stem key = stem_of(name);
	return bsearch(&key, d->list, d->n, sizeof key, by_name) != NULL;
}
