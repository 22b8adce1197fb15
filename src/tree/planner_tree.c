/* SPDX-License-Identifier: ISC */
/* planner_tree.c: what was decided node by node becomes a valid tree. */
#include "tree/planner_in.h"

#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS 64 /* each mends at least one node for good */
#define NUMBERS 1000 /* conflict copies of one name on one day */

/* ---- parents ---- */

/* Where a folder was that is nowhere now: here, else as both knew it. */
static const struct plan_node *
last_place(const struct item *it)
{
	return planner_in(&it->local) ? &it->local
	    : planner_in(&it->base)   ? &it->base
				      : &it->remote;
}

static struct item *live_parent(
    struct work *w, const struct id *id, unsigned depth);

/*
 * Something lives in a folder that was thrown away there: it goes on in one of
 * that name, which is there or is made. What is here of the old one becomes it.
 */
static struct item *
instead_of(struct work *w, struct item *gone, unsigned depth)
{
	struct plan_node n, was = *last_place(gone);
	struct item *there = NULL;

	/* No tree knows it: what is in it is kept all the same. */
	if (!planner_in(&was)) {
		was.parent = w->policy->top;
		was.name_n = (uint8_t)snprintf(was.name, sizeof was.name,
		    "recovered-%.8s", id_text(&gone->id).s);
	}
	struct bytes name = bytes_of(was.name, was.name_n);
	struct id parent = was.parent;

	if (gone->again != NULL)
		return gone->again;
	w->changed = true;
	if (depth >= NODE_DEPTH_MAX)
		parent = w->policy->top; /* they are in each other */
	else if (!planner_is_top(w, &parent) && !id_zero(&parent))
		parent = live_parent(w, &parent, depth + 1)->id;
	if (w->remote->child(w->remote->ctx, &parent, name, &n) &&
	    n.type == NODE_DIR) {
		there = planner_item(w, &n.id);
		planner_decide(w, there);
		if (!there->live || planner_where(w, there) != WHERE_HERE)
			there = NULL;
	}
	if (there == NULL) {
		struct digest as = { { 0 } };
		be64_put(as.b, gone->remote.version);
		struct id id =
		    planner_derive("folder again v1", &gone->id, &as);
		there = planner_item(w, &id);
		there->decided = true;
		there->live = true;
		there->type = NODE_DIR;
		there->parent = parent;
		there->place_local = true;
		planner_set_name(there, name);
	}
	if (planner_in(&gone->local) && !planner_in(&there->local) &&
	    gone->taker == NULL) {
		gone->taker = there;
		there->from = gone->id;
	}
	gone->again = there;
	return there;
}

/* The folder of that id, or what takes its place: it lives. */
static struct item *
live_parent(struct work *w, const struct id *id, unsigned depth)
{
	struct item *p = planner_item(w, id);

	planner_decide(w, p);
	if (p->live && p->type == NODE_DIR)
		return p;
	if (planner_where(w, p) == WHERE_NOWHERE || p->remote.type != NODE_DIR)
		return instead_of(w, p, depth);
	/* It was thrown away here, and must stay for what is in it. */
	w->changed = true;
	p->live = true;
	p->type = NODE_DIR;
	p->parent = p->remote.parent;
	p->place_local = false;
	planner_set_name(p, bytes_of(p->remote.name, p->remote.name_n));
	return p;
}

static void
mend_parents(struct work *w)
{
	static const struct id root;

	for (size_t i = 0; i < w->n; i++) {
		struct item *it = w->items[i];
		if (!it->live || planner_is_top(w, &it->parent) ||
		    id_equal(&it->parent, &root))
			continue;
		const struct item *up = live_parent(w, &it->parent, 0);
		if (!id_equal(&up->id, &it->parent)) {
			it->parent = up->id;
			w->changed = true;
		}
	}
}

/* ---- cycles ---- */

static bool
below_itself(struct work *w, const struct item *it)
{
	static const struct id root;
	struct id up = it->parent;

	for (unsigned d = 0; d <= 2 * NODE_DEPTH_MAX; d++) {
		if (planner_is_top(w, &up) || id_equal(&up, &root))
			return false;
		if (id_equal(&up, &it->id))
			return true;
		struct item *p = planner_item(w, &up);
		planner_decide(w, p);
		up = p->live ? p->parent : last_place(p)->parent;
	}
	return true;
}

/* The move that was committed stands; ours is taken back. */
static void
mend_cycles(struct work *w)
{
	for (size_t i = 0; i < w->n; i++) {
		struct item *it = w->items[i];
		if (!it->live || it->type != NODE_DIR || !it->place_local ||
		    !below_itself(w, it))
			continue;
		it->place_local = false;
		if (planner_in(&it->remote)) {
			it->parent = it->remote.parent;
			planner_set_name(
			    it, bytes_of(it->remote.name, it->remote.name_n));
		} else {
			it->parent = w->policy->top;
		}
		w->changed = true;
	}
}

/* ---- twins ---- */

/* Has the zone that node at the place that it shall have? */
static bool
stands_there(struct work *w, struct item *it)
{
	return planner_in(&it->remote) &&
	    planner_where(w, it) != WHERE_NOWHERE &&
	    planner_same_place(&it->remote, &it->parent, planner_name(it));
}

static void
meet(struct work *w, const struct plan_view *v, const struct id *parent,
    struct bytes name)
{
	struct plan_node n;

	if (v->child(v->ctx, parent, name, &n))
		planner_decide(w, planner_item(w, &n.id));
}

/* Who is on the disk at the place that it shall have. */
static void
meet_here(struct work *w, struct item *it)
{
	const struct item *o = planner_object(w, it);
	struct id parent = it->parent;

	if (o != NULL &&
	    planner_same_place(&o->local, &it->parent, planner_name(it)))
		return;
	if (!planner_is_top(w, &parent)) {
		struct item *up = planner_item(w, &parent);
		const struct item *folder = planner_object(w, up);
		if (folder == NULL)
			return;
		parent = folder->id;
	}
	struct id here;
	for (size_t i = 0; planner_here(w, &parent, planner_name(it), i, &here);
	     i++)
		planner_decide(w, planner_item(w, &here));
}

static int
meet_child(void *arg, const struct plan_node *n)
{
	struct work *w = arg;

	planner_decide(w, planner_item(w, &n->id));
	return 0;
}

/* A folder that is not placed here takes with it what it has. */
static void
meet_content(struct work *w, struct item *it)
{
	const struct item *o = planner_object(w, it);

	if (it->type == NODE_DIR && o != NULL &&
	    (!planner_wanted(w, it) || planner_ignored(w, it, false)))
		(void)w->local->children(w->local->ctx, &o->id, meet_child, w);
}

/* Shall it be elsewhere than where it is here? */
static bool
leaves(struct work *w, struct item *it)
{
	return !it->live ||
	    !planner_same_place(&it->local, &it->parent, planner_name(it)) ||
	    (w->policy->n_skips > 0 && !planner_wanted(w, it));
}

/* Let who has the name there, or here, be considered. */
static void
meet_namesakes(struct work *w)
{
	for (size_t i = 0; i < w->n; i++) {
		struct item *it = w->items[i];
		/* Who waits for its place can come, or take a folder over. */
		if (planner_in(&it->local) && leaves(w, it))
			meet(w, w->remote, &it->local.parent,
			    bytes_of(it->local.name, it->local.name_n));
		if (!it->live)
			continue;
		if (!stands_there(w, it))
			meet(w, w->remote, &it->parent, planner_name(it));
		meet_here(w, it);
		meet_content(w, it);
	}
}

static int
by_place(const void *a, const void *b)
{
	const struct item *x = *(struct item *const *)a;
	const struct item *y = *(struct item *const *)b;
	int d = id_cmp(&x->parent, &y->parent);

	if (d == 0)
		d = bytes_cmp(planner_name(x), planner_name(y));
	return d != 0 ? d : id_cmp(&x->id, &y->id);
}

/* Places that somebody shall have. */
struct taken {
	struct id parent;
	uint8_t name_n;
	char name[NODE_NAME_MAX + 1];
};

static int
by_taken(const void *a, const void *b)
{
	const struct taken *x = a, *y = b;
	int d = id_cmp(&x->parent, &y->parent);

	return d != 0 ? d
		      : bytes_cmp(bytes_of(x->name, x->name_n),
			    bytes_of(y->name, y->name_n));
}

static struct taken
taken_of(const struct item *it, struct bytes name)
{
	struct taken t = { .parent = it->parent, .name_n = (uint8_t)name.n };

	memcpy(t.name, name.p, name.n);
	return t;
}

static void
take(struct work *w, const struct item *it)
{
	struct taken *t = mem_new(sizeof *t);

	*t = taken_of(it, planner_name(it));
	const struct taken **kept = tsearch(t, &w->taken, by_taken);
	if (kept == NULL)
		abort(); /* out of memory, as everywhere */
	if (*kept != t)
		free(t);
}

static bool
name_is_free(struct work *w, const struct item *it, struct bytes name)
{
	const struct taken t = taken_of(it, name);

	/* Known once somebody asks; few plans have conflicts. */
	if (w->taken == NULL)
		for (size_t i = 0; i < w->n; i++)
			if (w->items[i]->live)
				take(w, w->items[i]);
	return tfind(&t, &w->taken, by_taken) == NULL &&
	    planner_is_free(w, &it->parent, name, &it->from) &&
	    (it->type != NODE_FILE || planner_is_alone(w, &it->parent, name));
}

/* Does no other tree know it? */
static bool
is_new(const struct item *it)
{
	return planner_in(&it->local) && !planner_in(&it->base) &&
	    !planner_in(&it->remote);
}

static void
rename_twin(struct work *w, struct item *it)
{
	OWN(buf_free) struct buf name = { 0 };
	OWN(buf_free) struct buf was = { 0 };

	/* A copy that is called so already gets the next number. */
	buf_put_bytes(&was,
	    planner_name(it->conflict && !id_equal(&it->from, &it->id)
		    ? planner_item(w, &it->from)
		    : it));
	for (unsigned i = 1; i <= NUMBERS; i++) {
		buf_clear(&name);
		planner_copy_name(w->policy, buf_bytes(&was), i,
		    w->policy->fs.name_max, &name);
		if (name_is_free(w, it, buf_bytes(&name)))
			break;
	}
	if (it->type == NODE_FILE && is_new(it)) {
		/* So it is the same copy when only some of it was done, and
		 * another when it has changed since. */
		it->live = false;
		planner_copy(it, planner_copy_made(w, it), buf_bytes(&name));
		if (it->taker != NULL)
			take(w, it->taker);
		return;
	}
	planner_set_name(it, buf_bytes(&name));
	take(w, it);
	it->place_local = true;
	if (!planner_in(&it->remote))
		it->conflict = true;
}

/* Who keeps the name: who has it there; else who has it here. */
static struct item *
keeper(struct work *w, struct item *a, struct item *b)
{
	if (stands_there(w, a) || stands_there(w, b))
		return stands_there(w, a) ? a : b;
	if (planner_in(&a->remote) != planner_in(&b->remote))
		return planner_in(&a->remote) ? a : b;
	return id_cmp(&a->id, &b->id) < 0 ? a : b;
}

static void
mend_twins(struct work *w)
{
	meet_namesakes(w);
	OWN(mem_free) struct item **list = mem_array(w->n + 1, sizeof(*list));
	size_t n = 0;
	for (size_t i = 0; i < w->n; i++)
		if (w->items[i]->live)
			list[n++] = w->items[i];
	qsort(list, n, sizeof(*list), by_place);
	for (size_t i = 0, first = 0; i < n; i++) {
		struct item *a = list[first], *b = list[i];
		if (i == first || !id_equal(&a->parent, &b->parent) ||
		    !bytes_equal(planner_name(a), planner_name(b))) {
			first = i;
			continue;
		}
		struct item *keep = keeper(w, a, b);
		rename_twin(w, keep == a ? b : a);
		if (keep == b)
			first = i;
		w->changed = true;
	}
	tdestroy(w->taken, free);
	w->taken = NULL;
}

/* ---- */

void
planner_mend(struct work *w)
{
	for (int i = 0; i < ROUNDS; i++) {
		w->changed = false;
		mend_parents(w);
		mend_cycles(w);
		mend_twins(w);
		for (size_t k = 0; k < w->n; k++)
			planner_decide(w, w->items[k]);
		if (!w->changed)
			return;
	}
}
