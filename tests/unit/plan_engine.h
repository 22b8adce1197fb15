/* SPDX-License-Identifier: ISC */
/* plan_engine.h: scanning, committing and doing, on the disks of plan_world.h. */
/*
 * As the real engine does it, without its files: a scan, a plan, commits that
 * are refused when others came first, operations that look before they touch;
 * and it can be cut off behind any effect.
 */
#pragma once

#include "plan_world.h"

#include "base/rune.h"

#define ROUNDS_MAX 60
#define MEDDLES 12 /* of a person, in one run */

struct run {
	struct world *w;
	struct device *d;
	struct plan_policy policy;
	int budget; /* effects until it is cut off; -1: never */
	bool confirm; /* deletions that wait at the gate */
	unsigned effects;
	unsigned meddled;
	unsigned held;
	bool gated;
};

static inline bool
cut(struct run *r)
{
	if (r->w->meddle != NULL && r->meddled < MEDDLES &&
	    draw(r->w, 8) == 0) {
		r->meddled++;
		r->w->meddle(r->w->ctx, (unsigned)(r->d - r->w->d));
	}
	if (r->budget == 0)
		return true;
	if (r->budget > 0)
		r->budget--;
	return false;
}

/* ---- scan ---- */

static inline struct id
node_of_parent(struct device *d, const struct object *o)
{
	static const struct id top;
	struct object *p = object_by_ino(d, o->parent);

	return o->parent == 1 || p == NULL ? top : p->node;
}

static inline bool
taken(bool *claimed, struct nodes *base, const struct plan_node *n)
{
	return claimed[n - base->n];
}

static inline struct plan_node *
base_child(struct nodes *base, bool *claimed, const struct id *parent,
    const char *name, enum node_type type)
{
	for (size_t i = 0; i < base->count; i++)
		if (base->n[i].type == type && !claimed[i] &&
		    id_equal(&base->n[i].parent, parent) &&
		    strcmp(base->n[i].name, name) == 0)
			return &base->n[i];
	return NULL;
}

static inline struct plan_node *
base_ino(struct nodes *base, bool *claimed, uint64_t ino, enum node_type type)
{
	for (size_t i = 0; i < base->count; i++)
		if (base->n[i].type == type && !claimed[i] &&
		    base->n[i].stat.ino == ino)
			return &base->n[i];
	return NULL;
}

static inline void
name_object(struct world *w, struct device *d, struct object *o,
    struct plan_node *b, bool *claimed)
{
	if (b != NULL) {
		o->node = b->id;
		claimed[b - d->base.n] = true;
	} else if (id_zero(&o->node) || find_in(&d->base, &o->node) != NULL) {
		o->node = draw_id(w);
	}
}

static inline void
scan_dirs(struct world *w, struct device *d, uint64_t in, bool *claimed)
{
	static const struct id top;
	struct object *parent = object_by_ino(d, in);

	for (size_t i = 0; i < d->n_objects; i++) {
		struct object *o = &d->objects[i];
		if (o->ino == 0 || o->aside || o->type != NODE_DIR ||
		    o->parent != in)
			continue;
		struct plan_node *b =
		    base_ino(&d->base, claimed, o->ino, NODE_DIR);
		if (b == NULL) {
			b = base_child(&d->base, claimed,
			    parent == NULL ? &top : &parent->node, o->name,
			    NODE_DIR);
			if (b != NULL && object_by_ino(d, b->stat.ino) != NULL)
				b = NULL;
		}
		name_object(w, d, o, b, claimed);
		scan_dirs(w, d, o->ino, claimed);
	}
}

static inline bool
reachable(struct device *d, const struct object *o)
{
	for (int i = 0; i < 1000; i++) {
		if (o->aside)
			return false;
		if (o->parent == 1)
			return true;
		o = object_by_ino(d, o->parent);
		if (o == NULL)
			return false;
	}
	return false;
}

static inline void
add_local(struct device *d, struct object *o)
{
	struct plan_node n = { .id = o->node,
		.parent = node_of_parent(d, o),
		.type = o->type,
		.exec = o->exec,
		.stat = { .ino = o->ino,
		    .ctime_ns = (int64_t)o->changed,
		    .size = o->content } };
	const struct plan_node *b = find_in(&d->base, &o->node);

	n.name_n = (uint8_t)strlen(o->name);
	memcpy(n.name, o->name, sizeof n.name);
	if (o->type == NODE_FILE && !o->read) {
		if (b != NULL && b->stat.ino == o->ino &&
		    b->stat.ctime_ns == (int64_t)o->changed)
			n.content = b->content;
		else
			n.unread = true;
	} else {
		n.content = content_of(o->content, o->type);
	}
	put_in(&d->local, &n);
}

static inline void
scan(struct world *w, struct device *d)
{
	bool claimed[NODES_MAX] = { false };

	for (size_t i = 0; i < d->n_objects; i++)
		d->objects[i].was = (struct id){ { 0 } };
	d->local.count = 0;
	scan_dirs(w, d, 1, claimed);
	/* Files: by path, then by identity where the old path is empty. */
	for (int pass = 0; pass < 2; pass++)
		for (size_t i = 0; i < d->n_objects; i++) {
			struct object *o = &d->objects[i];
			if (o->ino == 0 || o->type == NODE_DIR ||
			    !reachable(d, o))
				continue;
			struct id up = node_of_parent(d, o);
			struct plan_node *b = pass == 0
			    ? base_child(
				  &d->base, claimed, &up, o->name, o->type)
			    : NULL;
			if (pass == 1 && find_in(&d->local, &o->node) != NULL &&
			    object_by_node(d, &o->node) == o &&
			    find_in(&d->local, &o->node)->stat.ino == o->ino)
				continue;
			if (pass == 1)
				b = base_ino(
				    &d->base, claimed, o->ino, o->type);
			if (pass == 0 && b == NULL)
				continue;
			name_object(w, d, o, b, claimed);
			add_local(d, o);
		}
	for (size_t i = 0; i < d->n_objects; i++)
		if (d->objects[i].ino != 0 && d->objects[i].type == NODE_DIR &&
		    reachable(d, &d->objects[i]))
			add_local(d, &d->objects[i]);
}

/* ---- the zone ---- */

static inline bool
visible_in(struct nodes *t, const struct plan_node *n)
{
	static const struct id top;
	struct id up;

	for (int i = 0; i < 600; i++) {
		if (n == NULL || n->trashed)
			return false;
		up = n->parent;
		if (id_equal(&up, &top))
			return true;
		n = find_in(t, &up);
		if (n != NULL && n->type != NODE_DIR)
			return false;
	}
	return false;
}

/* Do names, folders and twins hold? */
static inline const char *
invalid(struct nodes *t)
{
	static const struct id top;

	for (size_t i = 0; i < t->count; i++) {
		struct plan_node *n = &t->n[i], *p = find_in(t, &n->parent);
		int steps = 0;
		if (!id_equal(&n->parent, &top) &&
		    (p == NULL || p->type != NODE_DIR))
			return "orphan";
		for (p = n; p != NULL && !id_equal(&p->parent, &top);
		     p = find_in(t, &p->parent))
			if (++steps > 600)
				return "cycle";
		if (n->trashed)
			continue;
		for (size_t k = 0; k < i; k++)
			if (!t->n[k].trashed && n->name_n == t->n[k].name_n &&
			    id_equal(&t->n[k].parent, &n->parent) &&
			    strcmp(t->n[k].name, n->name) == 0)
				return "twins";
	}
	return NULL;
}

static inline struct plan_node
record_of(struct nodes *zone, const struct plan_change *c)
{
	const struct plan_node *was = find_in(zone, &c->id);
	struct plan_node n = { .id = c->id };

	if (was != NULL)
		n = *was;
	n.version = c->expect + 1;
	n.trashed = c->kind == PLAN_TRASH;
	if (c->kind == PLAN_TRASH)
		return n;
	n.type = c->type;
	n.parent = c->parent;
	n.exec = c->exec;
	memcpy(n.name, c->name, sizeof n.name);
	n.name_n = c->name_n;
	if (c->content)
		n.content = c->content_id;
	return n;
}

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

static inline void
base_put(struct device *d, const struct object *o, const struct plan_node *as)
{
	struct plan_node n = *as;

	n.trashed = n.unread = false;
	n.stat = (struct plan_stat){ .ino = o->ino,
		.ctime_ns = (int64_t)o->changed,
		.size = o->content };
	put_in(&d->base, &n);
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
	struct plan_node *rec = find_in(&d->remote, &op->id);
	struct object *o;

	if (rec == NULL || parent == 0)
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
	o->content = content_number(&rec->content);
	o->changed = ++r->w->clock;
	o->exec = op->exec;
	o->read = false;
	o->node = op->id;
	base_put(d, o, rec);
	return true;
}

static inline bool
do_remove(struct run *r, const struct plan_op *op)
{
	struct device *d = r->d;
	struct object *o = expected(d, op);

	if (o == NULL || (o->type == NODE_DIR && has_children(d, o->ino)))
		return false;
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
	struct plan_node *rec = find_in(&d->remote, &op->id);
	struct object *o;

	switch (op->kind) {
	case PLAN_MKDIR:
		if (parent == 0 || rec == NULL ||
		    object_at(d, parent, op->name) != NULL)
			return false;
		o = make_object(d, parent, op->name, NODE_DIR);
		o->node = op->id;
		base_put(d, o, rec);
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

/* ---- one run ---- */

static const char *const op_names[] = { "mkdir", "place", "move", "exec",
	"remove", "rmdir", "aside" };

static inline void
pull(struct run *r)
{
	r->d->remote = r->w->zone;
	r->d->seq = r->w->seq;
}

static inline size_t
all_ids(struct device *d, struct id *ids)
{
	struct nodes *list[3] = { &d->base, &d->local, &d->remote };
	size_t n = 0;

	for (int k = 0; k < 3; k++)
		for (size_t i = 0; i < list[k]->count; i++)
			ids[n++] = list[k]->n[i].id;
	return n;
}

static inline void
make_plan(struct run *r, struct plan_out *p)
{
	static struct id ids[3 * NODES_MAX];
	struct device *d = r->d;
	struct plan_view b = view_of(&d->base), l = view_of(&d->local),
			 z = view_of(&d->remote);
	const struct plan_trees trees = { &b, &l, &z };
	size_t n = all_ids(d, ids);

	/* The order in which they are named means nothing. */
	for (size_t i = n; i > 1; i--) {
		size_t k = draw(r->w, i);
		struct id x = ids[i - 1];
		ids[i - 1] = ids[k];
		ids[k] = x;
	}
	r->policy.gate.files = 0;
	for (size_t i = 0; i < d->base.count; i++)
		r->policy.gate.files += d->base.n[i].type != NODE_DIR;
	planner_plan(&trees, &r->policy, ids, n, p);
}

static inline bool
do_aliases(struct run *r, const struct plan_out *p)
{
	for (size_t i = 0; i < p->n_aliases; i++) {
		struct object *o = object_by_node(r->d, &p->aliases[i].local);
		if (o != NULL)
			o->node = p->aliases[i].node;
	}
	for (size_t i = 0; i < p->n_reads; i++) {
		struct object *o = object_by_node(r->d, &p->reads[i]);
		if (o != NULL)
			o->read = true;
	}
	return p->n_aliases + p->n_reads > 0;
}

static inline bool
do_commits(struct run *r, const struct plan_out *p, bool *stop)
{
	for (unsigned b = 0; b < p->n_batches; b++) {
		if (cut(r)) {
			*stop = true;
			return false;
		}
		if (!commit(r, p, b))
			return false;
	}
	return true;
}

static inline void
do_rows(struct run *r, const struct plan_out *p)
{
	for (size_t i = 0; i < p->n_rows; i++)
		if (p->rows[i].drop)
			drop_in(&r->d->base, &p->rows[i].node.id);
		else
			put_in(&r->d->base, &p->rows[i].node);
}

/* A round; true: there is more to do. *stop: it was cut off. */
static inline bool
round_of(struct run *r, bool *stop)
{
	OWN(planner_free) struct plan_out p = { 0 };
	struct world *w = r->w;
	bool more;

	scan(w, r->d);
	make_plan(r, &p);
	r->held = (unsigned)p.n_held;
	r->gated = p.n_gated > 0;
	if (r->gated && r->confirm)
		r->policy.gate.confirmed = p.gate;
	more = r->gated && r->confirm;
	if (do_aliases(r, &p))
		return true;
	do_rows(r, &p);
	bool committed = do_commits(r, &p, stop);
	if (*stop)
		return false;
	if (!committed)
		pull(r);
	for (size_t i = 0; i < p.n_ops; i++) {
		const struct plan_op *op = &p.ops[i];
		if (op->after_commits && !committed)
			continue;
		if (cut(r)) {
			*stop = true;
			return false;
		}
		bool done = do_op(r, op);
		SAY(w, "    %s %s%s\n", op_names[op->kind], op->name,
		    done ? "" : " (not as expected)");
		r->effects++;
		w->ops++;
	}
	return more || !committed || p.n_changes + p.n_ops + p.n_rows > 0;
}

/* Returns how many effects it had. */
static inline unsigned
sync_device(struct world *w, unsigned which, int budget, bool pulls,
    bool confirm, const struct plan_policy *policy)
{
	struct run r = { .w = w,
		.d = &w->d[which],
		.policy = *policy,
		.budget = budget,
		.confirm = confirm };
	bool stop = false;

	r.policy.device = bytes_str(r.d->name);
	r.policy.day = bytes_str("2026-11-30");
	recover(r.d);
	/* A program that begins anew knows what base says, and no more. */
	for (size_t i = 0; i < r.d->n_objects; i++)
		if (find_in(&r.d->base, &r.d->objects[i].node) == NULL) {
			r.d->objects[i].node = (struct id){ { 0 } };
			r.d->objects[i].read = false;
		}
	if (pulls)
		pull(&r);
	for (int i = 0; i < ROUNDS_MAX; i++) {
		if (!round_of(&r, &stop) || stop)
			return r.effects;
		recover(r.d);
	}
	fail(w, "does not come to an end", r.d->name);
	return r.effects;
}
