/* SPDX-License-Identifier: ISC */
/* plan_effects.h: commits and operations, on the disks of plan_world.h. */
/*
 * As the real engine has them: commits that are refused when others came first,
 * operations that look before they touch; and it can be cut off behind each.
 */
#pragma once

#include "plan_databases.h"
#include "plan_scan.h"
#include "plan_zone.h"

#include "base/rune.h"

#define TODO_MAX (8 * NODES_MAX)
#define MEDDLES 12 /* of a person, in one run */

struct ids {
	struct id id[TODO_MAX];
	size_t n;
};

struct run {
	struct world *w;
	struct device *d;
	struct plan_policy policy;
	int budget; /* effects until it is cut off; -1: never */
	unsigned faults; /* one operation of so many fails; 0: none */
	bool confirm; /* deletions that wait at the gate */
	unsigned effects;
	unsigned meddled;
	struct ids todo, passed; /* passed: not as expected, looked at later */
	bool progress; /* since everything was looked at */
	bool disturbed; /* something came between, or failed */
	bool stop; /* it was cut off */
	struct ids held, gated; /* what the last plans said */
};

static inline bool
cut(struct run *r)
{
	if (r->w->meddle != NULL && r->meddled < MEDDLES &&
	    draw(r->w, 8) == 0) {
		r->meddled++;
		r->disturbed = true;
		r->w->meddle(r->w->ctx, (unsigned)(r->d - r->w->d));
	}
	if (r->budget == 0)
		return true;
	if (r->budget > 0)
		r->budget--;
	return false;
}

static inline bool
ignores(void *ctx, struct bytes path, bool is_dir)
{
	const struct habits *is = ctx;
	char name[NODE_NAME_MAX + 1];

	(void)is_dir;
	for (size_t at = 0, end; at <= path.n; at = end + 1) {
		for (end = at; end < path.n && path.p[end] != '/';)
			end++;
		(void)snprintf(name, sizeof name, "%.*s", (int)(end - at),
		    (const char *)path.p + at);
		if (name_ignored(is, name))
			return true;
	}
	return false;
}

/* ---- commits ---- */

/* false: others came first. */
static inline bool
commit(struct run *r, const struct plan_out *p, unsigned batch)
{
	static struct nodes next;
	struct world *w = r->w;

	/* It is made for the head that was planned at, and no other. */
	if (r->d->seq != w->seq)
		return false;
	next = w->zone;
	for (size_t i = 0; i < p->n_changes; i++) {
		const struct plan_change *c = &p->changes[i];
		if (c->batch != batch)
			continue;
		const struct plan_node *was = find_in(&w->zone, &c->id);
		if ((was == NULL ? 0 : was->version) != c->expect)
			return false;
		struct plan_node n = record_of(&next, c);
		put_in(&next, &n);
	}
	const char *why = invalid(&next);
	if (why != NULL)
		fail(w, "a commit leaves an invalid tree", why);
	if (why != NULL)
		return false;
	for (size_t i = 0; i < p->n_changes; i++) {
		const struct plan_change *c = &p->changes[i];
		if (c->batch != batch || c->kind == PLAN_TRASH)
			continue;
		struct plan_node *n = find_in(&next, &c->id);
		if (!visible_in(&next, n)) {
			fail(w, "a commit hides what it writes", n->name);
			return false;
		}
	}
	for (size_t i = 0; i < p->n_changes; i++) {
		const struct plan_change *c = &p->changes[i];
		if (c->batch != batch)
			continue;
		struct plan_node *n = find_in(&next, &c->id);
		SAY(w, "    commit %s %s v%u%s%s\n",
		    c->kind == PLAN_NEW		? "new"
			: c->kind == PLAN_TRASH ? "trash"
						: "update",
		    n->name, (unsigned)n->version, c->content ? " content" : "",
		    c->conflict ? " copy" : "");
		if (c->content && n->type == NODE_FILE)
			w->committed[content_number(&n->content)] = true;
		if (c->conflict && c->kind == PLAN_NEW)
			w->conflicts++;
		put_in(&r->d->remote, n);
	}
	w->zone = next;
	w->seq++;
	w->commits++;
	check_databases(w);
	r->d->seq = w->seq;
	r->effects++;
	return true;
}

/* ---- the disk ---- */

static inline uint64_t
ino_of(struct device *d, const struct id *node)
{
	static const struct id top;
	struct object *o = object_by_node(d, node);

	if (id_equal(node, &top))
		return 1;
	for (size_t i = 0; o == NULL && i < d->n_objects; i++)
		if (d->objects[i].ino != 0 &&
		    id_equal(&d->objects[i].was, node))
			o = &d->objects[i];
	return o == NULL ? 0 : o->ino;
}

/* The object that the operation expects, if it is as it was. */
static inline struct object *
expected(struct device *d, const struct plan_op *op)
{
	struct object *o = object_by_ino(d, op->here.stat.ino);

	if (o == NULL || o->type != op->here.type)
		return NULL;
	if (!o->aside &&
	    (strcmp(o->name, op->here.name) != 0 ||
		ino_of(d, &op->here.parent) != o->parent) &&
	    op->kind != PLAN_PLACE && op->kind != PLAN_EXEC)
		return NULL;
	if (o->type == NODE_FILE &&
	    o->changed != (uint64_t)op->here.stat.ctime_ns)
		return NULL;
	return o;
}

/* What the plan said, though the zone may have moved on. */
static inline void
base_put(struct device *d, const struct object *o, const struct plan_op *op)
{
	struct plan_node n = { .id = op->id,
		.parent = op->parent,
		.type = op->type,
		.exec = op->exec,
		.content = op->content,
		.version = op->version,
		.name_n = op->name_n };

	memcpy(n.name, op->name, sizeof n.name);
	n.stat = (struct plan_stat){ .ino = o->ino,
		.ctime_ns = (int64_t)o->changed,
		.size = o->content };
	put_in(&d->base, &n);
}

/* Was it here, and left without this plan? */
static inline bool
is_missed(struct device *d, uint64_t parent, const char *name)
{
	const struct object *up = object_by_ino(d, parent);
	struct id top = { { 0 } };
	struct plan_node b, l;

	const struct id *folder = up == NULL ? &top : &up->node;
	return view_child(&d->base, folder, bytes_str(name), &b) &&
	    view_child(&d->local, folder, bytes_str(name), &l);
}

/* Is of a database what its device knows, and nothing else? Or is there less of
 * it, as when the rest was put aside? */
static inline bool
database_is(struct device *d, uint64_t parent, const char *of, bool less)
{
	struct bytes stem = dbfile_stem(bytes_str(of));

	for (unsigned i = 0; i < DBFILES; i++) {
		char name[NODE_NAME_MAX + 16];
		companion_name(name, sizeof name, stem, i);
		const struct object *o = object_at(d, parent, name);
		if (o == NULL && !less && is_missed(d, parent, name))
			return false;
		if (o == NULL || o->type != NODE_FILE)
			continue;
		const struct plan_node *l = find_in(&d->local, &o->node);
		const struct plan_node *b = find_in(&d->base, &o->node);
		if ((l == NULL || l->stat.ctime_ns != (int64_t)o->changed) &&
		    (b == NULL || b->stat.ctime_ns != (int64_t)o->changed))
			return false;
	}
	return true;
}

static inline bool
do_move(struct run *r, const struct plan_op *op, uint64_t parent)
{
	struct device *d = r->d;
	struct object *o = expected(d, op);

	if (o == NULL || parent == 0 || is_below(d, parent, o->ino) ||
	    (object_at(d, parent, op->name) != NULL &&
		object_at(d, parent, op->name) != o))
		return false;
	o->parent = parent;
	o->aside = false;
	memcpy(o->name, op->name, sizeof o->name);
	struct plan_node *b = find_in(&d->base, &op->from);
	if (find_in(&d->remote, &op->id) == NULL)
		fail(r->w, "it became what is not committed", op->name);
	if (id_equal(&op->from, &op->id)) {
		if (b != NULL) {
			b->parent = op->parent;
			memcpy(b->name, op->name, sizeof b->name);
			b->name_n = op->name_n;
		}
		return true;
	}
	drop_in(&d->base, &op->from);
	for (size_t i = 0; i < d->base.count; i++)
		if (id_equal(&d->base.n[i].parent, &op->from))
			d->base.n[i].parent = op->id;
	o->was = op->from;
	o->node = op->id;
	return true;
}

static inline bool
do_place(struct run *r, const struct plan_op *op, uint64_t parent)
{
	struct device *d = r->d;
	struct object *o;

	if (parent == 0)
		return false;
	if (op->replaces) {
		o = expected(d, op);
		if (o == NULL)
			return false;
		if (o->type == NODE_FILE && !r->w->committed[o->content])
			fail(r->w, "replaced what is nowhere else", o->name);
	} else {
		if (object_at(d, parent, op->name) != NULL)
			return false;
		o = make_object(d, parent, op->name, op->type);
	}
	o->content = content_number(&op->content);
	o->changed = ++r->w->clock;
	o->exec = op->exec;
	o->read = false;
	o->node = op->id;
	base_put(d, o, op);
	return true;
}

static inline bool
do_remove(struct run *r, const struct plan_op *op)
{
	struct device *d = r->d;
	struct object *o = expected(d, op);

	if (o == NULL)
		return false;
	if (o->type == NODE_DIR && has_children(d, o->ino)) {
		/* What is ignored in it stays: no fault of anybody. */
		r->disturbed = true;
		return false;
	}
	if (o->type == NODE_FILE && !r->w->committed[o->content])
		fail(r->w, "removed what is nowhere else", o->name);
	drop_in(&d->base, &op->id);
	*o = (struct object){ 0 };
	return true;
}

static inline bool
do_op(struct run *r, const struct plan_op *op)
{
	struct device *d = r->d;
	uint64_t parent = ino_of(d, &op->parent);
	struct object *o;

	if (r->faults > 0 && draw(r->w, r->faults) == 0)
		return false;
	if (op->type == NODE_FILE &&
	    ((op->kind == PLAN_PLACE &&
		 !database_is(d, parent, op->name, false)) ||
		((op->kind == PLAN_MOVE || op->kind == PLAN_REMOVE) &&
		    !database_is(
			d, ino_of(d, &op->here.parent), op->here.name, true))))
		return false;
	switch (op->kind) {
	case PLAN_MKDIR:
		if (parent == 0 || object_at(d, parent, op->name) != NULL)
			return false;
		o = make_object(d, parent, op->name, NODE_DIR);
		o->node = op->id;
		base_put(d, o, op);
		return true;
	case PLAN_PLACE:
		return do_place(r, op, parent);
	case PLAN_MOVE:
		return do_move(r, op, parent);
	case PLAN_EXEC:
		o = expected(d, op);
		if (o == NULL)
			return false;
		o->exec = op->exec;
		return true;
	case PLAN_ASIDE:
		o = expected(d, op);
		if (o == NULL)
			return false;
		o->aside = true;
		return true;
	case PLAN_REMOVE:
	case PLAN_RMDIR:
		return do_remove(r, op);
	}
	return false;
}

/* What was put aside when it was cut off comes back. */
static inline void
recover(struct device *d)
{
	for (size_t i = 0; i < d->n_objects; i++) {
		struct object *o = &d->objects[i];
		char name[64];
		if (o->ino == 0 || !o->aside)
			continue;
		o->aside = false;
		bool free_place =
		    o->parent == 1 || object_by_ino(d, o->parent) != NULL;
		for (size_t k = 0; k < d->n_objects; k++)
			if (&d->objects[k] != o && d->objects[k].ino != 0 &&
			    !d->objects[k].aside &&
			    d->objects[k].parent == o->parent &&
			    strcmp(d->objects[k].name, o->name) == 0)
				free_place = false;
		if (free_place)
			continue;
		o->parent = 1;
		(void)snprintf(
		    name, sizeof name, "recovered-%u", (unsigned)o->ino);
		memcpy(o->name, name, sizeof name);
	}
}
