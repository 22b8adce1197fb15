/* SPDX-License-Identifier: ISC */
/* plan.c: three trees of nodes, and what each node of them becomes. */
#include "drive/plan_in.h"

#include <assert.h>
#include <search.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* Each time more is drawn in: along a path, and by names in each folder. */
#define CLOSURES 1024

void *
planner_grown(void *list, size_t n, size_t size)
{
	/* It doubles at powers of two. */
	return n == 0 || (n >= 16 && (n & (n - 1)) == 0)
	    ? mem_resize(list, n == 0 ? 16 : 2 * n, size)
	    : list;
}

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

/* ---- items ---- */

bool
planner_in(const struct plan_node *n)
{
	return n->type != NODE_NONE;
}

bool
planner_is_top(const struct work *w, const struct id *id)
{
	return id_equal(id, &w->policy->top);
}

static int
by_id(const void *a, const void *b)
{
	/* The id is the first member. */
	return id_cmp(a, b);
}

static void
look(const struct plan_view *v, const struct id *id, struct plan_node *out)
{
	if (!v->find(v->ctx, id, out))
		out->type = NODE_NONE;
}

struct item *
planner_item(struct work *w, const struct id *id)
{
	struct item **found = tfind(id, &w->by_id, by_id);

	if (found != NULL)
		return *found;
	struct item *it = mem_new(sizeof *it);
	it->id = *id;
	it->from = *id;
	look(w->base, id, &it->base);
	look(w->local, id, &it->local);
	look(w->remote, id, &it->remote);
	if (tsearch(it, &w->by_id, by_id) == NULL)
		abort(); /* out of memory, as everywhere */
	if (w->n == w->cap) {
		w->cap = w->cap == 0 ? 64 : 2 * w->cap;
		w->items = mem_resize(w->items, w->cap, sizeof(*w->items));
	}
	w->items[w->n++] = it;
	return it;
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
	tdestroy(w->by_id, keep_item);
	for (size_t i = 0; i < w->n; i++)
		free(w->items[i]);
	free(w->items);
}

struct bytes
planner_name(const struct item *it)
{
	return bytes_of(it->name, it->name_n);
}

void
planner_set_name(struct item *it, struct bytes name)
{
	assert(name.n <= NODE_NAME_MAX);
	memcpy(it->name, name.p, name.n);
	it->name[name.n] = '\0';
	it->name_n = (uint8_t)name.n;
}

bool
planner_same_place(
    const struct plan_node *n, const struct id *parent, struct bytes name)
{
	return id_equal(&n->parent, parent) &&
	    bytes_equal(bytes_of(n->name, n->name_n), name);
}

static bool
same_places(const struct plan_node *a, const struct plan_node *b)
{
	return planner_same_place(a, &b->parent, bytes_of(b->name, b->name_n));
}

bool
planner_same_content(const struct plan_node *a, const struct plan_node *b)
{
	return a->type == b->type && digest_equal(&a->content, &b->content);
}

struct id
planner_derive(const char *what, const struct id *id, const struct digest *more)
{
	OWN(buf_free) struct buf b = { 0 };
	struct digest d;
	struct id out;

	buf_put_str(&b, "aumbry drive ");
	buf_put(&b, what, strlen(what) + 1);
	id_put(&b, id);
	if (more != NULL)
		digest_put(&b, more);
	digest_of(buf_bytes(&b), &d);
	memcpy(out.b, d.b, ID_BYTES);
	return out;
}

struct item *
planner_object(struct work *w, struct item *it)
{
	struct item *o =
	    id_equal(&it->from, &it->id) ? it : planner_item(w, &it->from);

	if (!planner_in(&o->local))
		return NULL;
	return o->taker == NULL || o->taker == it ? o : NULL;
}

/* ---- where the zone has it ---- */

/* A folder that was moved here while it was thrown away there lives. */
static bool
revived(const struct item *it)
{
	return it->remote.type == NODE_DIR && it->remote.trashed &&
	    planner_in(&it->local) && planner_in(&it->base) &&
	    !same_places(&it->local, &it->base);
}

static enum plan_where
where_by_parent(struct work *w, const struct item *it)
{
	static const struct id root;
	struct id up;

	if (!planner_in(&it->remote) || (it->remote.trashed && !revived(it)))
		return WHERE_NOWHERE;
	up = it->remote.parent;
	if (planner_is_top(w, &up) || revived(it))
		return WHERE_HERE;
	if (id_equal(&up, &root))
		return WHERE_OUTSIDE;
	struct item *parent = planner_item(w, &up);
	if (parent->remote.type != NODE_DIR)
		return WHERE_NOWHERE;
	return planner_where(w, parent);
}

enum plan_where
planner_where(struct work *w, struct item *it)
{
	if (it->where != WHERE_UNKNOWN)
		return it->where;
	/* The tree that is handed in has no cycles; hold if it has. */
	if (it->looking)
		return WHERE_NOWHERE;
	it->looking = true;
	it->where = where_by_parent(w, it);
	it->looking = false;
	return it->where;
}

/* ---- what becomes of one node ---- */

bool
planner_local_changed(const struct item *it)
{
	return !planner_same_content(&it->local, &it->base) ||
	    !same_places(&it->local, &it->base) ||
	    it->local.exec != it->base.exec;
}

static bool
remote_changed(const struct item *it)
{
	return !planner_same_content(&it->remote, &it->base) ||
	    !same_places(&it->remote, &it->base) ||
	    it->remote.exec != it->base.exec;
}

static void
take_place(struct item *it, const struct plan_node *n, bool local)
{
	it->parent = n->parent;
	planner_set_name(it, bytes_of(n->name, n->name_n));
	it->place_local = local;
}

static void
live_as(struct item *it, const struct plan_node *n, bool local)
{
	it->live = true;
	it->type = n->type;
	it->exec = n->exec;
	it->content_local = local;
	take_place(it, n, local);
}

bool
planner_differs(const struct item *it)
{
	return !planner_in(&it->remote) || it->remote.trashed ||
	    !planner_same_place(&it->remote, &it->parent, planner_name(it)) ||
	    it->remote.exec != it->exec ||
	    (it->content_local &&
		!planner_same_content(&it->local, &it->remote));
}

/* Ours becomes another node; what was committed first keeps name and place. */
static void
make_copy(struct work *w, struct item *it)
{
	OWN(buf_free) struct buf name = { 0 };
	struct digest as = it->local.content;
	struct item *copy;

	/* One that was a copy once and is something else by now is no such. */
	for (;; as.b[0]++) {
		struct id id = planner_derive("conflict copy v1", &it->id, &as);
		copy = planner_item(w, &id);
		if (!planner_in(&copy->local) ||
		    planner_same_content(&copy->local, &it->local))
			break;
	}
	it->content_local = false;
	it->type = it->remote.type;
	/* There is one already, there and here: what is here may go. */
	if (planner_in(&copy->local) && planner_in(&copy->remote) &&
	    !copy->remote.trashed &&
	    planner_same_content(&copy->local, &it->local))
		return;
	it->taker = copy;
	copy->from = it->id;
	copy->decided = true;
	copy->conflict = true;
	if (planner_in(&copy->remote) && !copy->remote.trashed) {
		live_as(copy, &copy->remote, false);
		return;
	}
	live_as(copy, &it->local, true);
	copy->parent = it->parent;
	planner_copy_name(
	    w->policy, planner_name(it), 1, w->policy->fs.name_max, &name);
	planner_set_name(copy, buf_bytes(&name));
}

/* Both have it, and base, too, or not. */
static void
merge(struct work *w, struct item *it)
{
	const struct plan_node *b = &it->base, *l = &it->local,
			       *r = &it->remote;
	bool based = planner_in(b);

	live_as(it, r, false);
	/* Both moved it: the one that was committed stands. */
	if (based && same_places(r, b) && !same_places(l, b))
		take_place(it, l, true);
	/* Set wins where nobody knows who changed it. */
	it->exec = !based	 ? l->exec || r->exec
	    : l->exec == b->exec ? r->exec
				 : l->exec;
	if (planner_same_content(l, r))
		return;
	if (based && planner_same_content(l, b))
		return;
	if (based && planner_same_content(r, b)) {
		it->content_local = true;
		return;
	}
	make_copy(w, it);
}

static bool
unread(const struct item *it)
{
	return planner_in(&it->local) && it->local.unread;
}

void
planner_decide(struct work *w, struct item *it)
{
	if (it->decided)
		return;
	it->decided = true;
	bool there = planner_where(w, it) != WHERE_NOWHERE;
	bool here = planner_in(&it->local), based = planner_in(&it->base);

	if (unread(it)) {
		it->waits = true;
		live_as(it, there ? &it->remote : &it->local, !there);
	} else if (here && there) {
		merge(w, it);
	} else if (here) {
		/* Thrown away there: it lives when it changed here. */
		if (!based || planner_local_changed(it))
			live_as(it, &it->local, true);
	} else if (there) {
		/* Gone here: it comes back when it changed there. */
		if (!based || remote_changed(it))
			live_as(it, &it->remote, false);
	}
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
		if (!unread(w->items[i]))
			continue;
		p->reads = planner_grown(p->reads, p->n_reads, ID_BYTES);
		p->reads[p->n_reads++] = w->items[i]->id;
	}
}

void
planner_hold(struct work *w, const struct item *it, enum err_code code,
    const struct id *other)
{
	struct plan_out *p = w->out;
	struct plan_held h = { .id = it->id, .code = code };

	if (other != NULL)
		h.other = *other;
	p->held = planner_grown(p->held, p->n_held, sizeof *p->held);
	p->held[p->n_held++] = h;
}

static void
sort_items(struct work *w)
{
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
		.out = out };

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
