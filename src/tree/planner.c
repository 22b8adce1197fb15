/* SPDX-License-Identifier: ISC */
/* planner.c: three trees of nodes, and what each node of them becomes. */
#include "tree/planner_in.h"
#include "tree/valid.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

/* Each time more is drawn in: along a path, and by names in each folder. */
#define CLOSURES 1024

void
planner_free(struct plan_out *p)
{
	free(p->aliases);
	free(p->reads);
	free(p->changes);
	free(p->ops);
	free(p->rows);
	free(p->held);
	free(p->gated);
	*p = (struct plan_out){ 0 };
}

static void
keep_item(void *it)
{
	(void)it;
}

static void
work_free(struct work *w)
{
	planner_folded_free(w);
	planner_databases_free(w);
	tdestroy(w->by_id, keep_item);
	for (size_t i = 0; i < w->n; i++)
		free(w->items[i]);
	free(w->items);
}

/* ---- what is drawn in by what was touched ---- */

static int
load_child(void *arg, const struct plan_node *n)
{
	(void)planner_item(arg, &n->id);
	return 0;
}

/* Is it, or what it lies in here, left out? */
static bool
skipped_here(struct work *w, const struct item *it)
{
	struct id up = it->id;

	for (unsigned d = 0; d <= NODE_DEPTH_MAX; d++) {
		if (w->policy->n_skips == 0 || planner_is_top(w, &up))
			return false;
		for (size_t i = 0; i < w->policy->n_skips; i++)
			if (id_equal(&up, &w->policy->skips[i]))
				return true;
		const struct item *p = planner_item(w, &up);
		if (!planner_in(&p->local))
			return false;
		up = p->local.parent;
	}
	return false;
}

/*
 * A folder that is gone on one side takes with it what is below it on the
 * other, unless something there changed: that must be seen. One that is gone on
 * both takes base rows with it.
 */
static void
draw_in(struct work *w)
{
	for (size_t i = 0; i < w->n; i++) {
		struct item *it = w->items[i];
		if (it->base.type != NODE_DIR)
			continue;
		bool here = planner_in(&it->local);
		bool there = planner_where(w, it) != WHERE_NOWHERE;
		if (here && (!there || skipped_here(w, it)))
			(void)w->local->children(
			    w->local->ctx, &it->id, load_child, w);
		if (!here && there)
			(void)w->remote->children(
			    w->remote->ctx, &it->id, load_child, w);
		if (!here && !there)
			(void)w->base->children(
			    w->base->ctx, &it->id, load_child, w);
	}
}

/* ---- */

static int
item_by_id(const void *a, const void *b)
{
	return id_cmp(
	    &(*(struct item *const *)a)->id, &(*(struct item *const *)b)->id);
}

static void
ask_reads(struct work *w)
{
	struct plan_out *p = w->out;

	for (size_t i = 0; i < w->n; i++) {
		if (!planner_unread(w->items[i]))
			continue;
		p->reads = planner_grown(p->reads, p->n_reads, ID_BYTES);
		p->reads[p->n_reads++] = w->items[i]->id;
	}
}

static void
sort_items(struct work *w)
{
	if (w->n > 1)
		qsort(w->items, w->n, sizeof(*w->items), item_by_id);
}

/* What the trees say of it, and nothing that was decided. */
static void
reset(struct item *it)
{
	const size_t trees = offsetof(struct item, where);

	memset((uint8_t *)it + trees, 0, sizeof *it - trees);
	it->from = it->id;
}

/*
 * What one node becomes may hang on others that were not named: its folder, who
 * has its name. They are considered as if they had been, from the start; so it
 * does not matter which ones were named.
 */
static void
decide_all(struct work *w)
{
	for (int i = 0; i < CLOSURES; i++) {
		size_t n = w->n;
		for (size_t k = 0; k < n; k++)
			reset(w->items[k]);
		sort_items(w);
		draw_in(w);
		planner_meet_databases(w);
		planner_aliases(w);
		if (w->out->n_aliases > 0)
			return;
		sort_items(w);
		for (size_t k = 0; k < w->n; k++)
			planner_decide(w, w->items[k]);
		planner_mend(w);
		sort_items(w);
		if (w->n == n)
			return;
	}
}

void
planner_plan(const struct plan_trees *trees, const struct plan_policy *policy,
    const struct id *touched, size_t n, struct plan_out *out)
{
	OWN(work_free)
	struct work w = { .base = trees->base,
		.local = trees->local,
		.remote = trees->remote,
		.policy = policy,
		.out = out,
		.stems = { .views = { trees->base, trees->local,
			       trees->remote } },
		.made = valid_recovered() };

	*out = (struct plan_out){ 0 };
	for (size_t i = 0; i < n; i++)
		if (!planner_is_top(&w, &touched[i]))
			(void)planner_item(&w, &touched[i]);
	decide_all(&w);
	if (out->n_aliases > 0)
		return;
	ask_reads(&w);
	planner_commits(&w);
	planner_ops(&w);
}
