/* SPDX-License-Identifier: ISC */
/* plan_engine.h: a scan, plans of what is left to do, until nothing is. */
/*
 * As drive_pass.c does it, with slices of a few ids instead of 4,096. When
 * nothing is left of what the engine knows, a plan of everything must say
 * nothing, too: else it would stop before the end.
 */
#pragma once

#include "plan_effects.h"
#include "plan_wrong.h"

#define ROUNDS_MAX 60

/* ---- plans ---- */

static const char *const op_names[] = { "mkdir", "place", "move", "exec",
	"remove", "rmdir", "aside" };

static inline void
pull(struct run *r)
{
	r->d->remote = r->w->zone;
	r->d->seq = r->w->seq;
}

static inline bool
has_id(const struct ids *t, const struct id *id)
{
	for (size_t i = 0; i < t->n; i++)
		if (id_equal(&t->id[i], id))
			return true;
	return false;
}

static inline void
add_id(struct ids *t, const struct id *id)
{
	if (t->n < TODO_MAX && !has_id(t, id))
		t->id[t->n++] = *id;
}

/* As drivedb_touched does. */
static inline bool
may_differ(struct device *d, const struct id *id)
{
	const struct plan_node *b = find_in(&d->base, id),
			       *l = find_in(&d->local, id),
			       *z = find_in(&d->remote, id);

	if (b == NULL)
		return l != NULL || (z != NULL && !z->trashed);
	return l == NULL || z == NULL || l->unread ||
	    z->version != b->version ||
	    !planner_same_place(z, &b->parent, bytes_of(b->name, b->name_n)) ||
	    !planner_same_place(l, &b->parent, bytes_of(b->name, b->name_n)) ||
	    l->exec != b->exec || !digest_equal(&l->content, &b->content) ||
	    l->stat.ino != b->stat.ino || l->stat.ctime_ns != b->stat.ctime_ns;
}

static inline void
add_touched(struct run *r, struct ids *t, bool all)
{
	struct device *d = r->d;
	struct nodes *list[3] = { &d->base, &d->local, &d->remote };

	for (int k = 0; k < 3; k++)
		for (size_t i = 0; i < list[k]->count; i++)
			if (all || d->anew || may_differ(d, &list[k]->n[i].id))
				add_id(t, &list[k]->n[i].id);
}

/* The order in which they are named means nothing. */
static inline void
shuffle(struct world *w, struct ids *t)
{
	for (size_t i = t->n; i > 1; i--) {
		size_t k = draw(w, i);
		struct id x = t->id[i - 1];
		t->id[i - 1] = t->id[k];
		t->id[k] = x;
	}
}

/* Nor does that of the trees. */
static inline void
shuffle_nodes(struct world *w, struct nodes *t)
{
	for (size_t i = t->count; i > 1; i--) {
		size_t k = draw(w, i);
		struct plan_node x = t->n[i - 1];
		t->n[i - 1] = t->n[k];
		t->n[k] = x;
	}
}

static inline bool
says_nothing(const struct plan_out *p)
{
	return p->n_aliases + p->n_reads + p->n_changes + p->n_ops +
	    p->n_rows ==
	    0;
}

static inline bool
same_change(const struct plan_change *a, const struct plan_change *b)
{
	return a->kind == b->kind && a->batch == b->batch &&
	    id_equal(&a->id, &b->id) && a->expect == b->expect &&
	    id_equal(&a->parent, &b->parent) && a->exec == b->exec &&
	    a->content == b->content && id_equal(&a->from, &b->from) &&
	    a->conflict == b->conflict && a->files == b->files &&
	    digest_equal(&a->content_id, &b->content_id) &&
	    strcmp(a->name, b->name) == 0;
}

static inline bool
same_op(const struct plan_op *a, const struct plan_op *b)
{
	return a->kind == b->kind && id_equal(&a->id, &b->id) &&
	    id_equal(&a->from, &b->from) && id_equal(&a->parent, &b->parent) &&
	    a->exec == b->exec && a->replaces == b->replaces &&
	    a->version == b->version && a->after_commits == b->after_commits &&
	    id_equal(&a->here.id, &b->here.id) &&
	    digest_equal(&a->content, &b->content) &&
	    strcmp(a->name, b->name) == 0;
}

/* P9: is it the same plan? */
static inline bool
same_plan(const struct plan_out *a, const struct plan_out *b)
{
	bool same = a->n_aliases == b->n_aliases && a->n_reads == b->n_reads &&
	    a->n_changes == b->n_changes && a->n_ops == b->n_ops &&
	    a->n_rows == b->n_rows && a->n_held == b->n_held &&
	    a->n_gated == b->n_gated && id_equal(&a->gate, &b->gate);

	for (size_t i = 0; same && i < a->n_aliases; i++)
		same = id_equal(&a->aliases[i].local, &b->aliases[i].local) &&
		    id_equal(&a->aliases[i].node, &b->aliases[i].node);
	for (size_t i = 0; same && i < a->n_reads; i++)
		same = id_equal(&a->reads[i], &b->reads[i]);
	for (size_t i = 0; same && i < a->n_changes; i++)
		same = same_change(&a->changes[i], &b->changes[i]);
	for (size_t i = 0; same && i < a->n_ops; i++)
		same = same_op(&a->ops[i], &b->ops[i]);
	for (size_t i = 0; same && i < a->n_rows; i++)
		same = id_equal(&a->rows[i].node.id, &b->rows[i].node.id) &&
		    a->rows[i].drop == b->rows[i].drop;
	for (size_t i = 0; same && i < a->n_held; i++)
		same = id_equal(&a->held[i].id, &b->held[i].id) &&
		    a->held[i].code == b->held[i].code &&
		    id_equal(&a->held[i].other, &b->held[i].other);
	for (size_t i = 0; same && i < a->n_gated; i++)
		same = same_change(&a->gated[i], &b->gated[i]);
	return same;
}

static inline void
make_plan(struct run *r, const struct ids *ids, struct plan_out *p)
{
	static struct ids other;
	OWN(planner_free) struct plan_out again = { 0 };
	struct device *d = r->d;
	struct plan_view b = view_of(&d->base), l = view_of(&d->local),
			 z = view_of(&d->remote);
	const struct plan_trees trees = { &b, &l, &z };

	r->policy.gate.files = 0;
	for (size_t i = 0; i < d->base.count; i++)
		r->policy.gate.files += d->base.n[i].type != NODE_DIR;
	planner_plan(&trees, &r->policy, ids->id, ids->n, p);
	plan_wrongly(r->w, d, ids->id, ids->n, p);
	other = *ids;
	shuffle(r->w, &other);
	shuffle_nodes(r->w, &d->base);
	shuffle_nodes(r->w, &d->local);
	shuffle_nodes(r->w, &d->remote);
	planner_plan(&trees, &r->policy, other.id, other.n, &again);
	plan_wrongly(r->w, d, other.id, other.n, &again);
	if (!same_plan(p, &again))
		fail(r->w, "another order, another plan", d->name);
}

/* ---- one round ---- */

static inline void
do_aliases(struct run *r, const struct plan_out *p)
{
	for (size_t i = 0; i < p->n_aliases; i++) {
		struct object *o = object_by_node(r->d, &p->aliases[i].local);
		if (o != NULL)
			o->node = p->aliases[i].node;
		add_id(&r->todo, &p->aliases[i].node);
	}
	for (size_t i = 0; i < p->n_reads; i++) {
		struct object *o = object_by_node(r->d, &p->reads[i]);
		if (o != NULL)
			o->read = true;
	}
}

static inline bool
do_commits(struct run *r, const struct plan_out *p)
{
	for (unsigned b = 0; b < p->n_batches; b++) {
		r->stop = cut(r);
		if (r->stop || !commit(r, p, b))
			return false;
		r->progress = true;
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
	r->progress = r->progress || p->n_rows > 0;
}

static inline int
add_todo(void *arg, const struct plan_node *n)
{
	add_id(arg, &n->id);
	return 0;
}

static inline void
do_one(struct run *r, const struct plan_op *op)
{
	bool done = do_op(r, op);

	SAY(r->w, "    %s %s%s\n", op_names[op->kind], op->name,
	    done ? "" : " (not as expected)");
	add_id(&r->todo, &op->id);
	add_id(&r->todo, &op->from);
	if (done && op->kind == PLAN_MKDIR)
		(void)view_children(&r->d->remote, &op->id, add_todo, &r->todo);
	r->effects += done;
	r->w->ops += done;
	r->progress = r->progress || done;
	if (!done)
		add_id(&r->passed, &op->id);
}

/* Is one of its database passed over? Then all are. */
static inline bool
database_waits(
    const struct run *r, const struct plan_out *p, const struct plan_op *op)
{
	for (size_t i = 0; op->database != 0 && i < p->n_ops; i++)
		if (p->ops[i].database == op->database &&
		    has_id(&r->passed, &p->ops[i].id))
			return true;
	return false;
}

/* What is of one database follows at once: its moves, and what comes. */
static inline bool
is_midway(const struct plan_out *p, size_t i)
{
	for (size_t k = 0; k < i; k++)
		for (size_t n = i; p->ops[k].database != 0 && n < p->n_ops; n++)
			if (p->ops[n].database == p->ops[k].database &&
			    (p->ops[n].kind == PLAN_MOVE) ==
				(p->ops[k].kind == PLAN_MOVE))
				return true;
	return false;
}

static inline void
do_ops(struct run *r, const struct plan_out *p, bool committed)
{
	for (size_t i = 0; i < p->n_ops; i++) {
		const struct plan_op *op = &p->ops[i];
		bool apart = !is_midway(p, i);
		if ((op->after_commits && !committed) ||
		    database_waits(r, p, op))
			continue;
		r->stop = apart && cut(r);
		if (r->stop)
			return;
		unsigned faults = r->faults;
		r->faults = apart ? faults : 0;
		do_one(r, op);
		r->faults = faults;
	}
}

static inline void
note(struct run *r, const struct plan_out *p)
{
	for (size_t i = 0; i < p->n_held; i++)
		add_id(&r->held, &p->held[i].id);
	for (size_t i = 0; i < p->n_gated; i++)
		add_id(&r->gated, &p->gated[i].id);
	/* A person says yes to this very set. */
	if (p->n_gated > 0 && r->confirm)
		r->policy.gate.confirmed = p->gate;
}

static inline void
round_of(struct run *r, const struct ids *ids)
{
	OWN(planner_free) struct plan_out p = { 0 };

	make_plan(r, ids, &p);
	note(r, &p);
	if (p.n_aliases + p.n_reads > 0 || (p.n_gated > 0 && r->confirm)) {
		for (size_t i = 0; i < ids->n; i++)
			add_id(&r->todo, &ids->id[i]);
		do_aliases(r, &p);
		return;
	}
	unsigned effects = r->effects + r->meddled;
	bool committed = do_commits(r, &p);
	for (size_t i = 0; i < p.n_changes; i++) {
		add_id(&r->todo, &p.changes[i].id);
		add_id(&r->todo, &p.changes[i].from);
	}
	if (r->stop)
		return;
	if (!committed) {
		pull(r);
		add_touched(r, &r->todo, false);
		r->disturbed = true;
	}
	do_rows(r, &p);
	do_ops(r, &p, committed);
	if (r->d->slice == 0 &&
	    (r->effects + r->meddled > effects || p.n_rows > 0 || !committed))
		add_touched(r, &r->todo, true);
}

/* ---- one run ---- */

static inline void
take_slice(struct run *r, struct ids *ids)
{
	size_t kept = 0, most = r->d->slice == 0 ? TODO_MAX : r->d->slice;

	ids->n = 0;
	shuffle(r->w, &r->todo);
	for (size_t i = 0; i < r->todo.n; i++)
		if (ids->n == most)
			r->todo.id[kept++] = r->todo.id[i];
		else if (!has_id(&r->passed, &r->todo.id[i]))
			ids->id[ids->n++] = r->todo.id[i];
	r->todo.n = kept;
}

/* Nothing is left to do, of what is known to the engine: is it so? */
static inline void
check_end(struct run *r)
{
	static struct ids all;
	OWN(planner_free) struct plan_out p = { 0 };

	if (r->disturbed || r->w->lenient || r->passed.n > 0 || r->gated.n > 0)
		return;
	all.n = 0;
	add_touched(r, &all, true);
	make_plan(r, &all, &p);
	if (says_nothing(&p))
		return;
	SAY(r->w, "aliases %zu reads %zu changes %zu ops %zu rows %zu\n",
	    p.n_aliases, p.n_reads, p.n_changes, p.n_ops, p.n_rows);
	for (size_t i = 0; i < p.n_reads; i++)
		SAY(r->w, "read %s\n", id_text(&p.reads[i]).s);
	fail(r->w, "it stops before the end",
	    p.n_ops > 0		  ? p.ops[0].name
		: p.n_changes > 0 ? p.changes[0].name
		: p.n_rows > 0	  ? p.rows[0].node.name
				  : "");
}

static inline void
forget_unsure(struct device *d)
{
	const struct plan_fs *fs = &d->is.fs;

	/* What stays where it is needs its rows to be known again. */
	if (d->remembers || fs->folds || fs->normalizes || fs->no_symlinks ||
	    fs->name_max < 255)
		return;
	/* One that lost all but base. */
	for (size_t i = 0; i < d->n_objects; i++)
		if (find_in(&d->base, &d->objects[i].node) == NULL) {
			d->objects[i].node = (struct id){ { 0 } };
			d->objects[i].read = false;
		}
}

static inline void
run_all(struct run *r)
{
	static struct ids ids;
	const unsigned most =
	    r->d->slice == 0 ? ROUNDS_MAX : ROUNDS_MAX * NODES_MAX;

	r->progress = true;
	for (unsigned i = 0; i < most; i++) {
		recover(r->d);
		r->d->news = false;
		scan(r->w, r->d);
		if (r->d->news && i > 0)
			add_touched(r, &r->todo, false);
		if (r->todo.n == 0 && !r->progress) {
			/* What failed is all that is left. */
			check_end(r);
			r->d->anew = false;
			return;
		}
		if (r->todo.n == 0) {
			if (i > 0)
				check_end(r);
			r->progress = r->disturbed = false;
			r->passed.n = r->held.n = r->gated.n = 0;
			add_touched(r, &r->todo, r->d->slice == 0);
		}
		take_slice(r, &ids);
		if (ids.n > 0)
			round_of(r, &ids);
		if (r->stop || r->w->failed[0] != '\0')
			return;
	}
	fail(r->w, "does not come to an end", r->d->name);
}

static inline void
set_policy(struct run *r)
{
	struct device *d = r->d;

	r->policy.fs = d->is.fs;
	r->policy.skips = d->is.skips;
	r->policy.n_skips = d->is.n_skips;
	r->policy.gate.most = d->is.gate;
	r->policy.gate.percent = d->is.percent;
	r->policy.ignored = ignores;
	r->policy.ctx = &d->is;
	r->policy.device = bytes_str(d->name);
	r->policy.day = bytes_str("2026-11-30");
}

struct sync_how {
	int budget; /* effects; -1: to the end */
	unsigned faults;
	bool stale; /* the zone is not asked first */
	bool confirm;
};

/* Returns the run, so that what it had and held can be asked. */
static inline const struct run *
sync_device(struct world *w, unsigned which, const struct sync_how *how)
{
	static struct run r;

	r.w = w;
	r.d = &w->d[which];
	r.policy = (struct plan_policy){ 0 };
	r.budget = how->budget;
	r.faults = how->faults;
	r.confirm = how->confirm;
	r.effects = r.meddled = 0;
	r.todo.n = r.passed.n = r.held.n = r.gated.n = 0;
	r.progress = r.disturbed = r.stop = false;
	set_policy(&r);
	recover(r.d);
	forget_unsure(r.d);
	if (!how->stale)
		pull(&r);
	run_all(&r);
	return &r;
}
