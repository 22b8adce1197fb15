/* SPDX-License-Identifier: ISC */
/* planner_decide.c: what becomes of a node, by itself or with its database. */
#include "tree/planner_in.h"

#include "tree/dbfile.h"

static bool
remote_changed(const struct item *it)
{
	return !planner_same_content(&it->remote, &it->base) ||
	    !planner_same_places(&it->remote, &it->base) ||
	    it->remote.exec != it->base.exec;
}

/* Ours becomes another node; what was committed first keeps name and place. */
static void
make_copy(struct work *w, struct item *it)
{
	OWN(buf_free) struct buf name = { 0 };

	struct item *own[DBFILES] = { planner_copy_made(w, it) };

	it->content_local = false;
	it->type = it->remote.type;
	planner_free_name(w, &it->parent, planner_name(it), own, &name);
	planner_copy(it, own[0], buf_bytes(&name));
}

/* Both have it, and base, too, or not. */
static void
merge(struct work *w, struct item *it)
{
	const struct plan_node *b = &it->base, *l = &it->local,
			       *r = &it->remote;
	bool based = planner_in(b);

	planner_live_as(it, r, false);
	/* Both moved it: the one that was committed stands. */
	if (based && planner_same_places(r, b) && !planner_same_places(l, b) &&
	    !planner_is_made(w, &it->id))
		planner_take_place(it, l, true);
	/* Set wins where nobody knows who changed it. */
	it->exec = !based	 ? l->exec || r->exec
	    : l->exec == b->exec ? r->exec
				 : l->exec;
	/* What was a file may be none there by now. */
	if (it->type != NODE_FILE)
		it->exec = false;
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

/* What is new beside a database that goes elsewhere goes with it. */
static bool
follow(struct work *w, struct item *it)
{
	struct bytes end;
	struct item *main = planner_moved_database(it, &end);
	OWN(buf_free) struct buf name = { 0 };

	if (main == NULL || planner_in(&it->base) || planner_in(&it->remote) ||
	    planner_waits(it))
		return false;
	planner_decide(w, main);
	if (main->taker != NULL)
		main = main->taker;
	buf_put_bytes(&name, planner_name(main));
	buf_put_bytes(&name, end);
	if (!main->live || name.n > NODE_NAME_MAX ||
	    planner_same_place(&it->local, &main->parent, buf_bytes(&name)))
		return false;
	it->decided = true;
	planner_live_as(it, &it->local, true);
	it->parent = main->parent;
	planner_set_name(it, buf_bytes(&name));
	return true;
}

void
planner_decide(struct work *w, struct item *it)
{
	if (it->decided || planner_decide_database(w, it) || follow(w, it))
		return;
	it->decided = true;
	bool there = planner_where(w, it) != WHERE_NOWHERE;
	bool here = planner_in(&it->local), based = planner_in(&it->base);

	if (planner_waits(it)) {
		it->waits = true;
		if (here || there)
			planner_live_as(
			    it, there ? &it->remote : &it->local, !there);
	} else if (here && there) {
		merge(w, it);
	} else if (here) {
		/* Thrown away there: it lives when it changed here. */
		if (!based || planner_local_changed(it))
			planner_live_as(it, &it->local, true);
	} else if (there) {
		/* Gone here: it comes back when it changed there. */
		if (!based || remote_changed(it))
			planner_live_as(it, &it->remote, false);
	}
}

bool
planner_wanted(struct work *w, struct item *it)
{
	static const struct id root;
	struct id up = it->id;

	if (!it->live)
		return false;
	for (unsigned d = 0; d <= 2 * NODE_DEPTH_MAX; d++) {
		if (planner_is_top(w, &up))
			return true;
		if (id_equal(&up, &root))
			return false;
		for (size_t i = 0; i < w->policy->n_skips; i++)
			if (id_equal(&up, &w->policy->skips[i]))
				return false;
		struct item *p = planner_item(w, &up);
		planner_decide(w, p);
		if (!p->live)
			return false;
		up = p->parent;
	}
	return false;
}
