/* SPDX-License-Identifier: ISC */
/* planner_folded.c: who has a name, to a disk that folds names, and to others. */
#include "tree/planner_in.h"

#include <search.h>
#include <stdlib.h>

/* A folder, by what its names are to the disk. */
struct named {
	struct id id;
	size_t at, n; /* in `keys` */
};

struct folder {
	struct id id; /* first, for by_id */
	struct work *w;
	struct buf keys;
	struct named *list;
	size_t n;
};

static int
by_id(const void *a, const void *b)
{
	return id_cmp(a, b);
}

static struct bytes
key_of(const struct folder *f, const struct named *e)
{
	return bytes_of(f->keys.p + e->at, e->n);
}

static int
add_named(void *arg, const struct plan_node *n)
{
	struct folder *f = arg;
	size_t at = f->keys.n;

	planner_fold(bytes_of(n->name, n->name_n), &f->w->policy->fs, &f->keys);
	f->list = planner_grown(f->list, f->n, sizeof *f->list);
	f->list[f->n++] = (struct named){ n->id, at, f->keys.n - at };
	return 0;
}

static int
by_key(const void *a, const void *b, void *arg)
{
	const struct named *x = a, *y = b;
	int d = bytes_cmp(key_of(arg, x), key_of(arg, y));

	return d != 0 ? d : id_cmp(&x->id, &y->id);
}

static struct folder *
folder_of(struct work *w, const struct id *id)
{
	struct folder **found = tfind(id, &w->folded, by_id);

	if (found != NULL)
		return *found;
	struct folder *f = mem_new(sizeof *f);
	f->id = *id;
	f->w = w;
	(void)w->local->children(w->local->ctx, id, add_named, f);
	if (f->n > 1)
		qsort_r(f->list, f->n, sizeof *f->list, by_key, f);
	if (tsearch(f, &w->folded, by_id) == NULL)
		abort(); /* out of memory, as everywhere */
	return f;
}

static void
folder_free(void *arg)
{
	struct folder *f = arg;

	buf_free(&f->keys);
	free(f->list);
	free(f);
}

void
planner_folded_free(struct work *w)
{
	tdestroy(w->folded, folder_free);
}

/* The first of those of that name; *n of them. */
static const struct named *
find_folded(
    struct work *w, const struct id *parent, struct bytes name, size_t *n)
{
	OWN(buf_free) struct buf key = { 0 };
	const struct folder *f = folder_of(w, parent);
	size_t low = 0, high = f->n;

	planner_fold(name, &w->policy->fs, &key);
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (bytes_cmp(key_of(f, &f->list[mid]), buf_bytes(&key)) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	for (*n = 0; low + *n < f->n &&
	     bytes_equal(key_of(f, &f->list[low + *n]), buf_bytes(&key));
	     (*n)++)
		continue;
	return f->list + low;
}

bool
planner_folds(const struct work *w)
{
	return w->policy->fs.folds || w->policy->fs.normalizes;
}

bool
planner_here(struct work *w, const struct id *parent, struct bytes name,
    size_t i, struct id *out)
{
	struct plan_node x;
	size_t n;

	if (!planner_folds(w)) {
		if (i > 0 || !w->local->child(w->local->ctx, parent, name, &x))
			return false;
		*out = x.id;
		return true;
	}
	const struct named *list = find_folded(w, parent, name, &n);
	if (i >= n)
		return false;
	*out = list[i].id;
	return true;
}

bool
planner_is_free(struct work *w, const struct id *parent, struct bytes name,
    const struct id *own)
{
	struct plan_node x;
	struct id here;

	if (w->remote->child(w->remote->ctx, parent, name, &x) &&
	    !id_equal(&x.id, own))
		return false;
	for (size_t i = 0; planner_here(w, parent, name, i, &here); i++)
		if (!id_equal(&here, own))
			return false;
	return true;
}
