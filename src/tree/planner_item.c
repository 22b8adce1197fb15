/* SPDX-License-Identifier: ISC */
/* planner_item.c: a node in three trees. */
#include "tree/planner_in.h"

#include <assert.h>
#include <search.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

void *
planner_grown(void *list, size_t n, size_t size)
{
	/* It doubles at powers of two. */
	return n == 0 || (n >= 16 && (n & (n - 1)) == 0)
	    ? mem_resize(list, n == 0 ? 16 : 2 * n, size)
	    : list;
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

bool
planner_is_made(const struct work *w, const struct id *id)
{
	return id_equal(id, &w->made);
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

unsigned
planner_depth(struct work *w, const struct id *folder)
{
	unsigned d = 0;
	struct id up = *folder;

	while (!planner_is_top(w, &up) && d <= NODE_DEPTH_MAX) {
		const struct item *p = planner_item(w, &up);
		if (!planner_in(&p->local))
			break;
		up = p->local.parent;
		d++;
	}
	return d;
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

bool
planner_same_places(const struct plan_node *a, const struct plan_node *b)
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

	buf_put_str(&b, "aumbry drive ");
	buf_put(&b, what, strlen(what) + 1);
	id_put(&b, id);
	if (more != NULL)
		digest_put(&b, more);
	return digest_id(buf_bytes(&b));
}

struct item *
planner_object(struct work *w, struct item *it)
{
	struct item *o =
	    id_equal(&it->from, &it->id) ? it : planner_item(w, &it->from);

	if (!planner_in(&o->local) || it->apart)
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
	    !planner_same_places(&it->local, &it->base);
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
	    !planner_same_places(&it->local, &it->base) ||
	    it->local.exec != it->base.exec;
}

void
planner_take_place(struct item *it, const struct plan_node *n, bool local)
{
	it->parent = n->parent;
	planner_set_name(it, bytes_of(n->name, n->name_n));
	it->place_local = local;
}

void
planner_live_as(struct item *it, const struct plan_node *n, bool local)
{
	it->live = true;
	it->type = n->type;
	it->exec = n->exec;
	it->content_local = local;
	planner_take_place(it, n, local);
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

struct item *
planner_copy_of(struct work *w, const struct item *it, unsigned number)
{
	struct digest as = it->local.content;

	be16_put(as.b + 1, (uint16_t)(be16(as.b + 1) + number));
	/* One that was a copy once and is something else by now is no such. */
	for (;; as.b[0]++) {
		struct id id = planner_derive("conflict copy v1", &it->id, &as);
		struct item *copy = planner_item(w, &id);
		if (!planner_in(&copy->local) ||
		    planner_same_content(&copy->local, &it->local))
			return copy;
	}
}

struct item *
planner_copy_made(struct work *w, const struct item *it)
{
	for (unsigned k = 0; k < PLAN_COPIES; k++) {
		struct item *copy = planner_copy_of(w, it, k);
		if (planner_in(&copy->remote))
			return copy;
	}
	return planner_copy_of(w, it, 0);
}

void
planner_copy(struct item *it, struct item *copy, struct bytes name)
{
	bool there = planner_in(&copy->remote) && !copy->remote.trashed;

	/* There is one already, there and here: what is here may go. */
	if (there && planner_in(&copy->local))
		return;
	it->taker = copy;
	copy->from = it->id;
	copy->decided = true;
	copy->conflict = true;
	if (there) {
		planner_live_as(copy, &copy->remote, false);
		return;
	}
	planner_live_as(copy, &it->local, true);
	copy->parent = it->live ? it->parent : it->local.parent;
	planner_set_name(copy, name);
}

bool
planner_unread(const struct item *it)
{
	return planner_in(&it->local) && it->local.unread;
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
