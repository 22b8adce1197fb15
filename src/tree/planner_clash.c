/* SPDX-License-Identifier: ISC */
/* planner_clash.c: what this disk cannot hold, or only one of. */
#include "tree/planner_in.h"

#include <stdlib.h>
#include <string.h>

/* ---- names ---- */

static bool
has_any(struct bytes name, const char *chars)
{
	if (chars == NULL || chars[0] == '\0')
		return false;
	for (size_t i = 0; i < name.n; i++)
		if (name.p[i] < 0x20 || strchr(chars, name.p[i]) != NULL)
			return true;
	return false;
}

static bool
holds_name(const struct plan_fs *fs, struct bytes name)
{
	uint8_t last = name.p[name.n - 1];

	return name.n <= (fs->name_max > 0 ? fs->name_max : NODE_NAME_MAX) &&
	    !has_any(name, fs->banned) &&
	    !(fs->no_last_dot && (last == '.' || last == ' '));
}

/* ---- ignored ---- */

/* Its names from the top, where it shall be or where it is here. */
static bool
path_of(struct work *w, const struct item *it, bool here, struct buf *out)
{
	const struct item *list[NODE_DEPTH_MAX + 1];
	size_t n = 0;

	for (const struct item *at = it;;) {
		struct id up = here ? at->local.parent : at->parent;
		if (n > NODE_DEPTH_MAX)
			return false;
		list[n++] = at;
		if (planner_is_top(w, &up))
			break;
		struct item *p = planner_item(w, &up);
		planner_decide(w, p);
		if (here ? !planner_in(&p->local) : !p->live)
			return false;
		at = p;
	}
	while (n-- > 0) {
		const struct item *at = list[n];
		buf_put_bytes(out,
		    here ? bytes_of(at->local.name, at->local.name_n)
			 : planner_name(at));
		if (n > 0)
			buf_put_u8(out, '/');
	}
	return true;
}

bool
planner_ignored(struct work *w, const struct item *it, bool here)
{
	OWN(buf_free) struct buf path = { 0 };
	const struct plan_policy *p = w->policy;

	if (p->ignored == NULL || !path_of(w, it, here, &path))
		return false;
	return p->ignored(p->ctx, buf_bytes(&path),
	    (here ? it->local.type : it->type) == NODE_DIR);
}

/* What is here is what the zone has, or had: base was agreed with it. */
static bool
is_kept(const struct item *it)
{
	return (planner_in(&it->remote) &&
		   planner_same_content(&it->local, &it->remote)) ||
	    (planner_in(&it->base) &&
		planner_same_content(&it->local, &it->base));
}

bool
planner_unplaced(struct work *w, const struct item *it)
{
	return planner_in(&it->local) && it->taker == NULL &&
	    it->change == NULL && !it->dropped && is_kept(it) &&
	    !planner_ignored(w, it, true);
}

/* ---- who is at a place when the plan is done ---- */

struct place {
	struct item *it;
	struct id parent;
	bool stays; /* it is there already */
	size_t at, n; /* key */
};

struct places {
	struct work *w;
	struct buf keys;
	struct place *list;
	size_t n;
};

static void
places_free(struct places *p)
{
	buf_free(&p->keys);
	free(p->list);
}

/* A folder's id, when what is here of it becomes another node. */
static struct id
folder_now(struct work *w, const struct id *id)
{
	if (planner_is_top(w, id))
		return *id;
	const struct item *it = planner_item(w, id);
	return it->taker != NULL ? it->taker->id : *id;
}

bool
planner_parent_comes(struct work *w, const struct item *it)
{
	const struct item *at = it;

	for (unsigned d = 0; d <= NODE_DEPTH_MAX; d++) {
		if (planner_is_top(w, &at->parent))
			return true;
		struct item *p = planner_item(w, &at->parent);
		if (planner_object(w, p) != NULL)
			return true;
		if (!p->live || p->held || p->dropped || p->waits)
			return false;
		at = p;
	}
	return false;
}

/* Does it stay where it is here, whatever it shall be? */
static bool
is_stuck(struct work *w, const struct item *it)
{
	return it->waits || it->gated || it->dropped || it->held ||
	    (it->live && !planner_in(&it->remote) && it->change == NULL) ||
	    (it->live && !planner_parent_comes(w, it));
}

static void
add_place(struct places *p, struct item *it, const struct plan_node *here)
{
	struct bytes name = here != NULL ? bytes_of(here->name, here->name_n)
					 : planner_name(it);
	struct place x = { .it = it,
		.parent = folder_now(
		    p->w, here != NULL ? &here->parent : &it->parent),
		.stays = here != NULL,
		.at = p->keys.n };

	if (planner_folds(p->w))
		planner_fold(name, &p->w->policy->fs, &p->keys);
	else
		buf_put_bytes(&p->keys, name);
	x.n = p->keys.n - x.at;
	p->list = planner_grown(p->list, p->n, sizeof *p->list);
	p->list[p->n++] = x;
}

static void
find_place(struct places *p, struct item *it)
{
	struct work *w = p->w;
	const struct item *o = planner_object(w, it);

	if (!it->live) {
		if (o != NULL && o->taker == NULL && is_stuck(w, it))
			add_place(p, it, &o->local);
		return;
	}
	bool wanted = planner_wanted(w, it) && !planner_ignored(w, it, false);
	if (!wanted && !is_stuck(w, it) && planner_unplaced(w, it))
		return; /* it leaves */
	if (!wanted || is_stuck(w, it)) {
		if (o != NULL)
			add_place(p, it, &o->local);
		return;
	}
	if (o == NULL && it->change != NULL && it->content_local)
		return; /* it was here, and went meanwhile */
	/* It is there, or another node that becomes it is. */
	if (o != NULL &&
	    planner_same_place(&o->local, &it->parent, planner_name(it)))
		add_place(p, it, &o->local);
	else
		add_place(p, it, NULL);
}

static int
by_place(const void *a, const void *b, void *arg)
{
	const struct place *x = a, *y = b;
	const struct places *p = arg;
	int d = id_cmp(&x->parent, &y->parent);

	if (d == 0)
		d = bytes_cmp(bytes_of(p->keys.p + x->at, x->n),
		    bytes_of(p->keys.p + y->at, y->n));
	if (d == 0)
		d = y->stays - x->stays;
	return d != 0 ? d : id_cmp(&x->it->id, &y->it->id);
}

/* true: more is held than before. */
static bool
hold_clashes(struct work *w)
{
	OWN(places_free) struct places p = { .w = w };
	bool more = false;

	for (size_t i = 0, n = w->n; i < n; i++)
		find_place(&p, w->items[i]);
	if (p.n > 1)
		qsort_r(p.list, p.n, sizeof *p.list, by_place, &p);
	for (size_t i = 1, first = 0; i < p.n; i++) {
		const struct place *a = &p.list[first], *b = &p.list[i];
		if (!id_equal(&a->parent, &b->parent) ||
		    !bytes_equal(bytes_of(p.keys.p + a->at, a->n),
			bytes_of(p.keys.p + b->at, b->n))) {
			first = i;
			continue;
		}
		/* Of those that come at once the lowest id is placed. */
		if (b->stays)
			continue;
		b->it->held = true;
		b->it->clash = a->it->id;
		b->it->later = !planner_folds(w) && !a->it->held;
		more = true;
	}
	return more;
}

void
planner_clashes(struct work *w)
{
	const struct plan_fs *fs = &w->policy->fs;

	for (size_t i = 0, n = w->n; i < n; i++) {
		struct item *it = w->items[i];
		const struct item *o = planner_object(w, it);
		if (!it->live || it->waits)
			continue;
		it->held = it->type == NODE_SHARE;
		if (o != NULL &&
		    planner_same_place(
			&o->local, &it->parent, planner_name(it)))
			continue;
		it->held |= (it->type == NODE_SYMLINK && fs->no_symlinks) ||
		    (it->type != NODE_FILE && planner_is_top(w, &it->parent) &&
			bytes_equal(planner_name(it), w->policy->rules)) ||
		    !holds_name(fs, planner_name(it));
	}
	/* What is held stays where it is, which may be in another's way. */
	while (hold_clashes(w))
		continue;
}
