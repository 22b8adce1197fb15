/* SPDX-License-Identifier: ISC */
/* plan.c: three trees of nodes, and what each node of them becomes. */
#include "drive/plan_in.h"

#include <assert.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

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

static bool
same_content(const struct plan_node *a, const struct plan_node *b)
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
	return !same_content(&it->local, &it->base) ||
	    !same_places(&it->local, &it->base) ||
	    it->local.exec != it->base.exec;
}

static bool
remote_changed(const struct item *it)
{
	return !same_content(&it->remote, &it->base) ||
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
	    (it->content_local && !same_content(&it->local, &it->remote));
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
		struct id id =
		    planner_derive("conflict copy v1", &it->id, &as);
		copy = planner_item(w, &id);
		if (!planner_in(&copy->local) ||
		    same_content(&copy->local, &it->local))
			break;
	}
	it->content_local = false;
	it->type = it->remote.type;
	/* There is one already, there and here: what is here may go. */
	if (planner_in(&copy->local) && planner_in(&copy->remote) &&
	    !copy->remote.trashed && same_content(&copy->local, &it->local))
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
	if (same_content(l, r))
		return;
	if (based && same_content(l, b))
		return;
	if (based && same_content(r, b)) {
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

/* ---- what is here and there already, without base ---- */

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

static unsigned
depth_here(struct work *w, const struct item *it)
{
	unsigned d = 0;
	struct id up = it->local.parent;

	while (!planner_is_top(w, &up) && d <= NODE_DEPTH_MAX) {
		const struct item *p = planner_item(w, &up);
		if (!planner_in(&p->local))
			break;
		up = p->local.parent;
		d++;
	}
	return d;
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
	    mem_resize(p->aliases, p->n_aliases + 1, sizeof *p->aliases);
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

static void
find_aliases(struct work *w)
{
	size_t n = 0;
	OWN(mem_free)
	struct depth *list = mem_array(w->n + 1, sizeof *list);

	for (size_t i = 0, all = w->n; i < all; i++)
		if (only_here(w->items[i])) {
			list[n].it = w->items[i];
			list[n].depth = depth_here(w, w->items[i]);
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
		    !same_content(&it->local, &m->remote))
			continue;
		it->again = m;
		add_alias(w, &it->id, &m->id);
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
 * other, unless something there changed: that must be seen.
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
		p->reads = mem_resize(p->reads, p->n_reads + 1, ID_BYTES);
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
	p->held = mem_resize(p->held, p->n_held + 1, sizeof *p->held);
	p->held[p->n_held++] = h;
}

static void
sort_items(struct work *w)
{
	qsort(w->items, w->n, sizeof(*w->items), item_by_id);
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
	sort_items(&w);
	draw_in(&w);
	sort_items(&w);
	find_aliases(&w);
	if (out->n_aliases > 0)
		return;
	sort_items(&w);
	ask_reads(&w);
	for (size_t i = 0; i < w.n; i++)
		planner_decide(&w, w.items[i]);
	planner_mend(&w);
	sort_items(&w);
	planner_commits(&w);
	planner_ops(&w);
}
