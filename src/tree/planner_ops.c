/* SPDX-License-Identifier: ISC */
/* planner_ops.c: what is to be done on the disk, and base rows that are true. */
#include "tree/dbfile.h"
#include "tree/planner_in.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct ops {
	struct work *w;
	struct plan_op *list; /* in no order yet */
	size_t n, cap;
	struct plan_edge *edges;
	size_t n_edges, cap_edges;
};

static void
ops_free(struct ops *o)
{
	free(o->list);
	free(o->edges);
}

static struct plan_op *
add_op(struct ops *o, enum plan_op_kind kind, const struct item *it)
{
	if (o->n == o->cap) {
		o->cap = o->cap == 0 ? 64 : 2 * o->cap;
		o->list = mem_resize(o->list, o->cap, sizeof *o->list);
	}
	struct plan_op *op = &o->list[o->n++];
	*op = (struct plan_op){ .kind = kind,
		.id = it->id,
		.from = it->from,
		.parent = it->parent,
		.type = it->type,
		.exec = it->exec,
		.version = it->remote.version,
		.content = it->remote.content,
		.after_commits = it->change != NULL,
		.name_n = it->name_n };
	memcpy(op->name, it->name, sizeof op->name);
	return op;
}

static void
add_edge(struct ops *o, size_t after, size_t before)
{
	if (after == before)
		return;
	if (o->n_edges == o->cap_edges) {
		o->cap_edges = o->cap_edges == 0 ? 64 : 2 * o->cap_edges;
		o->edges = mem_resize(o->edges, o->cap_edges, sizeof *o->edges);
	}
	o->edges[o->n_edges++] = (struct plan_edge){ after, before };
}

/* ---- base rows ---- */

static void
add_row(struct work *w, const struct plan_row *row)
{
	struct plan_out *p = w->out;

	p->rows = planner_grown(p->rows, p->n_rows, sizeof *p->rows);
	p->rows[p->n_rows++] = *row;
}

static void
drop_row(struct work *w, const struct item *it)
{
	struct plan_row row = { .drop = true, .node = it->base };

	if (planner_in(&it->base))
		add_row(w, &row);
}

static bool
same_stat(const struct plan_stat *a, const struct plan_stat *b)
{
	return a->dev == b->dev && a->ino == b->ino &&
	    a->btime_ns == b->btime_ns && a->mtime_ns == b->mtime_ns &&
	    a->ctime_ns == b->ctime_ns && a->size == b->size;
}

/* All three agree: base shall say so. */
static void
agree(struct work *w, const struct item *it)
{
	struct plan_row row = { .node = it->local };
	const struct plan_node *b = &it->base;

	/* A disk without such bits does not say otherwise. */
	row.node.exec = it->exec;
	row.node.version = it->remote.version;
	if (planner_in(b) && b->version == row.node.version &&
	    b->type == row.node.type && b->exec == row.node.exec &&
	    digest_equal(&b->content, &row.node.content) &&
	    planner_same_place(b, &row.node.parent,
		bytes_of(row.node.name, row.node.name_n)) &&
	    same_stat(&b->stat, &row.node.stat))
		return;
	add_row(w, &row);
}

/* ---- which operations ---- */

static void
arrive(struct ops *o, struct item *it)
{
	if (it->change != NULL && it->content_local)
		return; /* it was here, and went meanwhile */
	(void)add_op(o, it->type == NODE_DIR ? PLAN_MKDIR : PLAN_PLACE, it);
	it->comes = o->n;
}

static bool
remote_content_differs(const struct item *it, const struct item *object)
{
	return it->type != NODE_DIR && !it->content_local &&
	    planner_in(&it->remote) &&
	    !digest_equal(&it->remote.content, &object->local.content);
}

/* What is here of it gets place, content and bit. */
static void
adjust(struct ops *o, struct item *it, struct item *object)
{
	struct plan_op *op;
	bool moved =
	    !planner_same_place(&object->local, &it->parent, planner_name(it));
	bool other = !id_equal(&object->id, &it->id);

	if (moved || other) {
		op = add_op(o, PLAN_MOVE, it);
		op->here = object->local;
		object->leaves = o->n;
		it->comes = o->n;
	}
	if (remote_content_differs(it, object)) {
		size_t before = o->n;
		op = add_op(o, PLAN_PLACE, it);
		op->replaces = true;
		op->here = object->local;
		if (moved || other)
			add_edge(o, o->n - 1, before - 1);
	} else if (object->local.exec != it->exec && it->type == NODE_FILE &&
	    !o->w->policy->fs.no_exec) {
		size_t before = o->n;
		op = add_op(o, PLAN_EXEC, it);
		op->here = object->local;
		if (moved || other)
			add_edge(o, o->n - 1, before - 1);
	}
}

static void
leave(struct ops *o, struct item *it)
{
	struct plan_op *op = add_op(
	    o, it->local.type == NODE_DIR ? PLAN_RMDIR : PLAN_REMOVE, it);

	op->type = it->local.type;
	op->here = it->local;
	op->parent = it->local.parent;
	memcpy(op->name, it->local.name, sizeof op->name);
	op->name_n = it->local.name_n;
	op->after_commits = false;
	it->leaves = o->n;
}

static void
unplace(struct ops *o, struct item *it)
{
	if (planner_unplaced(o->w, it))
		leave(o, it);
	else if (!planner_in(&it->local) || planner_ignored(o->w, it, true))
		drop_row(o->w, it);
}

static void
want_one(struct ops *o, struct item *it)
{
	struct work *w = o->w;
	struct item *object = planner_object(w, it);

	if (it->held && !it->later)
		planner_hold(w, it,
		    it->type == NODE_SHARE ? ERR_UPDATE_NEEDED
					   : ERR_NAME_NOT_POSSIBLE,
		    &it->clash);
	if (it->held || it->dropped || it->gated ||
	    !planner_parent_comes(w, it))
		return;
	if (object == NULL) {
		arrive(o, it);
		return;
	}
	bool same = id_equal(&object->id, &it->id) &&
	    planner_same_place(&object->local, &it->parent, planner_name(it));
	bool bit = object->local.exec == it->exec || w->policy->fs.no_exec;
	if (same && it->change == NULL && bit &&
	    !remote_content_differs(it, object)) {
		if (!it->content_local || planner_in(&it->remote))
			agree(w, it);
		return;
	}
	adjust(o, it, object);
}

static void
one(struct ops *o, struct item *it)
{
	struct work *w = o->w;

	if (it->waits || it->gated)
		return;
	if (!it->live) {
		if (planner_in(&it->local) && it->taker == NULL)
			leave(o, it);
		else if (!planner_in(&it->local) && it->change == NULL &&
		    planner_where(w, it) == WHERE_NOWHERE)
			drop_row(w, it);
		return;
	}
	if (!planner_in(&it->remote) && it->change == NULL)
		return; /* its commit cannot go yet */
	if (!planner_wanted(w, it) || planner_ignored(w, it, false)) {
		unplace(o, it);
		return;
	}
	want_one(o, it);
}

/* ---- what must come before ---- */

/* What leaves a folder, or goes, does so before the folder goes. */
static void
before_folder_goes(struct ops *o, size_t i)
{
	const struct plan_op *op = &o->list[i];
	const struct id *up = &op->here.parent;

	if (op->kind != PLAN_MOVE && op->kind != PLAN_REMOVE &&
	    op->kind != PLAN_RMDIR)
		return;
	if (planner_is_top(o->w, up))
		return;
	const struct item *p = planner_item(o->w, up);
	if (p->leaves > 0 && o->list[p->leaves - 1].kind == PLAN_RMDIR)
		add_edge(o, p->leaves - 1, i);
}

/* Its folder is there first, and who is at its place has left. */
static void
after_room_is_made(struct ops *o, size_t i)
{
	struct work *w = o->w;
	const struct plan_op *op = &o->list[i];
	struct id at = op->parent;

	if (op->kind != PLAN_MKDIR && op->kind != PLAN_MOVE &&
	    (op->kind != PLAN_PLACE || op->replaces))
		return;
	if (!planner_is_top(w, &at)) {
		struct item *p = planner_item(w, &at);
		const struct item *object = planner_object(w, p);
		if (p->comes > 0)
			add_edge(o, i, p->comes - 1);
		if (object == NULL)
			return;
		at = object->id;
	}
	struct id here;
	for (size_t k = 0;
	     planner_here(w, &at, bytes_of(op->name, op->name_n), k, &here);
	     k++) {
		const struct item *there = planner_item(w, &here);
		if (there->leaves > 0)
			add_edge(o, i, there->leaves - 1);
	}
}

/* ---- files of one database ---- */

/* What moves out of one, as when it becomes a copy, has left before another's
 * comes: cut off in between, each is seen for what it is. */
static unsigned
move_first(struct ops *o, const struct database *d, unsigned number,
    const struct of_database *list, size_t n)
{
	unsigned moves = 0;

	for (size_t i = 0; i < o->n; i++) {
		if (o->list[i].kind != PLAN_MOVE ||
		    planner_item(o->w, &o->list[i].here.id)->of[TREE_LOCAL] !=
			d)
			continue;
		o->list[i].database = number;
		moves++;
		for (size_t k = 0; k < n; k++)
			add_edge(o, list[k].at, i);
	}
	return moves;
}

/* What comes of one and what of it goes is done at once: they are a cycle. */
static void
tie_database(
    struct ops *o, const struct of_database *list, size_t n, unsigned number)
{
	bool comes = false;

	for (size_t i = 0; i < n; i++)
		comes |= o->list[list[i].at].kind == PLAN_PLACE;
	/* What only goes is done before its folder goes. */
	if (!comes || move_first(o, list[0].of, number, list, n) + n < 2)
		return;
	for (size_t i = 0; i < n; i++) {
		o->list[list[i].at].database = number;
		if (i > 0) {
			add_edge(o, list[i].at, list[i - 1].at);
			add_edge(o, list[i - 1].at, list[i].at);
		}
	}
}

static void
tie_databases(struct ops *o)
{
	OWN(mem_free)
	struct of_database *list = mem_array(o->n + 1, sizeof *list);
	unsigned number = 0;
	size_t n = 0;

	for (size_t i = 0; i < o->n; i++) {
		const struct plan_op *op = &o->list[i];
		if (op->kind != PLAN_PLACE && op->kind != PLAN_REMOVE)
			continue;
		const struct database *d = planner_database_of(
		    o->w, planner_item(o->w, &op->id), TREE_LOCAL);
		if (d == NULL)
			continue;
		list[n++] = (struct of_database){ d, i };
		o->list[i].after_commits |= planner_database_commits(d);
	}
	if (n > 1)
		qsort(list, n, sizeof *list, planner_by_database);
	for (size_t i = 0, end; i < n; i = end) {
		for (end = i; end < n && list[end].of == list[i].of;)
			end++;
		tie_database(o, list + i, end - i, ++number);
	}
}

static void
find_edges(struct ops *o)
{
	for (size_t i = 0; i < o->n; i++) {
		before_folder_goes(o, i);
		after_room_is_made(o, i);
	}
	tie_databases(o);
}

/* ---- in order ---- */

static void
put_op(struct plan_out *p, const struct plan_op *op)
{
	p->ops[p->n_ops++] = *op;
}

static unsigned
depth_of(struct work *w, const struct plan_op *op)
{
	unsigned d = 0;
	struct id up = op->parent;

	while (!planner_is_top(w, &up) && d <= NODE_DEPTH_MAX) {
		const struct item *p = planner_item(w, &up);
		if (!p->live)
			break;
		up = p->parent;
		d++;
	}
	return d;
}

struct placed {
	size_t op;
	unsigned depth;
};

static int
by_depth(const void *a, const void *b)
{
	const struct placed *x = a, *y = b;

	if (x->depth != y->depth)
		return x->depth < y->depth ? -1 : 1;
	return x->op < y->op ? -1 : x->op > y->op;
}

static bool
goes(const struct plan_op *op)
{
	return op->kind == PLAN_RMDIR || op->kind == PLAN_REMOVE;
}

/*
 * Those that wait for each other, as where two names are exchanged: from the
 * bottom up, what moves goes aside and what goes goes; then everything comes to
 * its place from the top down.
 */
static void
put_cycle(struct ops *o, const size_t *list, size_t n)
{
	struct plan_out *p = o->w->out;
	OWN(mem_free) struct placed *in = mem_array(n, sizeof *in);

	for (size_t i = 0; i < n; i++) {
		in[i].op = list[i];
		in[i].depth = 2 * NODE_DEPTH_MAX -
		    planner_depth(o->w, &o->list[list[i]].here.parent);
	}
	qsort(in, n, sizeof *in, by_depth);
	for (size_t i = 0; i < n; i++) {
		struct plan_op op = o->list[in[i].op];
		if (op.kind == PLAN_MOVE)
			op.kind = PLAN_ASIDE;
		if (op.kind == PLAN_ASIDE || goes(&op))
			put_op(p, &op);
	}
	/* The database itself comes last: what is missing until then is no
	 * deletion, for it has not agreed yet. */
	for (size_t i = 0; i < n; i++) {
		const struct plan_op *op = &o->list[in[i].op];
		in[i].depth = 2 * depth_of(o->w, op) +
		    (op->database > 0 &&
			!dbfile_is_companion(bytes_of(op->name, op->name_n)));
	}
	qsort(in, n, sizeof *in, by_depth);
	for (size_t i = 0; i < n; i++)
		if (!goes(&o->list[in[i].op]))
			put_op(p, &o->list[in[i].op]);
}

static void
arrange(struct ops *o)
{
	struct plan_out *p = o->w->out;
	OWN(mem_free) size_t *order = mem_array(o->n + 1, sizeof *order);
	OWN(mem_free) size_t *group = mem_array(o->n + 1, sizeof *group);

	find_edges(o);
	planner_sort(o->n, o->edges, o->n_edges, order, group);
	p->ops = mem_array(2 * o->n + 1, sizeof *p->ops);
	for (size_t i = 0, end; i < o->n; i = end) {
		for (end = i + 1; end < o->n && group[end] == group[i];)
			end++;
		if (end - i == 1)
			put_op(p, &o->list[order[i]]);
		else
			put_cycle(o, order + i, end - i);
	}
}

/*
 * A folder that was thrown away there, and one of its name that came there: what
 * is here becomes it.
 */
static void
take_over(struct work *w)
{
	for (size_t i = 0; i < w->n; i++) {
		struct item *it = w->items[i];
		struct plan_node n;
		if (it->live || it->local.type != NODE_DIR ||
		    it->taker != NULL ||
		    !w->remote->child(w->remote->ctx, &it->local.parent,
			bytes_of(it->local.name, it->local.name_n), &n) ||
		    n.type != NODE_DIR)
			continue;
		struct item *m = planner_item(w, &n.id);
		planner_decide(w, m);
		if (!m->live || planner_in(&m->local) ||
		    !id_equal(&m->from, &m->id) || !planner_wanted(w, m) ||
		    planner_ignored(w, m, false))
			continue;
		m->from = it->id;
		it->taker = m;
	}
}

/* Folders first, so that it is known which come. */
static void
decide_ops(struct ops *o)
{
	struct work *w = o->w;
	OWN(mem_free) struct placed *list = mem_array(w->n + 1, sizeof *list);
	size_t n = w->n;

	for (size_t i = 0; i < n; i++) {
		struct plan_op at = { .parent = w->items[i]->parent };
		list[i].op = i;
		list[i].depth =
		    w->items[i]->live ? depth_of(w, &at) : 2 * NODE_DEPTH_MAX;
	}
	qsort(list, n, sizeof *list, by_depth);
	for (size_t i = 0; i < n; i++)
		one(o, w->items[list[i].op]);
}

void
planner_ops(struct work *w)
{
	OWN(ops_free) struct ops o = { .w = w };

	take_over(w);
	planner_clashes(w);
	decide_ops(&o);
	arrange(&o);
}
