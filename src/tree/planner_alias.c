/* SPDX-License-Identifier: ISC */
/* planner_alias.c: what is here and there already, without base. */
#include "tree/planner_in.h"

#include <stdlib.h>
#include <string.h>

struct depth {
	struct item *it;
	unsigned depth;
};

static int
by_depth(const void *a, const void *b)
{
	const struct depth *x = a, *y = b;

	if (x->depth != y->depth)
		return x->depth < y->depth ? -1 : 1;
	return id_cmp(&x->it->id, &y->it->id);
}

/* Nobody knows of it but the disk. */
static bool
only_here(const struct item *it)
{
	return planner_in(&it->local) && !planner_in(&it->base) &&
	    !planner_in(&it->remote);
}

static void
add_alias(struct work *w, const struct id *local, const struct id *node)
{
	struct plan_out *p = w->out;

	p->aliases =
	    planner_grown(p->aliases, p->n_aliases, sizeof *p->aliases);
	p->aliases[p->n_aliases++] = (struct plan_alias){ *local, *node };
}

/* What is there of that name and kind, and nowhere here. */
static struct item *
twin_there(struct work *w, const struct item *it, const struct id *parent)
{
	struct plan_node n;

	if (!w->remote->child(w->remote->ctx, parent,
		bytes_of(it->local.name, it->local.name_n), &n) ||
	    n.type != it->local.type)
		return NULL;
	struct item *m = planner_item(w, &n.id);
	if (planner_in(&m->base) || planner_in(&m->local) ||
	    planner_where(w, m) != WHERE_HERE)
		return NULL;
	return m;
}

void
planner_aliases(struct work *w)
{
	size_t n = 0;
	OWN(mem_free)
	struct depth *list = mem_array(w->n + 1, sizeof *list);

	for (size_t i = 0, all = w->n; i < all; i++)
		if (only_here(w->items[i])) {
			list[n].it = w->items[i];
			list[n].depth =
			    planner_depth(w, &w->items[i]->local.parent);
			n++;
		}
	qsort(list, n, sizeof *list, by_depth);
	for (size_t i = 0; i < n; i++) {
		struct item *it = list[i].it;
		struct id parent = it->local.parent;
		/* By now a folder above is known to be one that is there. */
		if (!planner_is_top(w, &parent)) {
			const struct item *up = planner_item(w, &parent);
			if (up->again != NULL)
				parent = up->again->id;
		}
		struct item *m = twin_there(w, it, &parent);
		if (m == NULL || it->local.unread ||
		    !planner_same_content(&it->local, &m->remote))
			continue;
		it->again = m;
		add_alias(w, &it->id, &m->id);
	}
}
