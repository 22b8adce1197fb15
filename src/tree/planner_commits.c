/* SPDX-License-Identifier: ISC */
/* planner_commits.c: records to write, in commits that leave valid trees. */
#include "tree/planner_in.h"

#include "wire/limits.h"

#include <stdlib.h>
#include <string.h>

/*
 * Records of one commit: content that changes brings a history record with it,
 * and room is left for records of packs.
 */
#define BATCH_WEIGHT (LIMIT_COMMIT_RECORDS - 150)

struct edges {
	struct plan_edge *list;
	size_t n, cap;
};

static void
edges_free(struct edges *e)
{
	free(e->list);
}

static void
add_edge(struct edges *e, size_t after, size_t before)
{
	if (after == before)
		return;
	if (e->n == e->cap) {
		e->cap = e->cap == 0 ? 64 : 2 * e->cap;
		e->list = mem_resize(e->list, e->cap, sizeof *e->list);
	}
	e->list[e->n++] = (struct plan_edge){ after, before };
}

/* ---- which ---- */

static bool
is_there(struct work *w, struct item *it)
{
	return planner_in(&it->remote) && planner_where(w, it) != WHERE_NOWHERE;
}

/* It is gone when what is above it is. */
static bool
hidden(struct work *w, const struct item *it)
{
	static const struct id root;
	struct id up = it->remote.parent;

	if (planner_is_top(w, &up) || planner_is_made(w, &up) ||
	    id_equal(&up, &root))
		return false;
	const struct item *p = planner_item(w, &up);
	return p->decided && !p->live;
}

struct count {
	struct work *w;
	uint64_t files;
	unsigned depth;
};

static int
count_child(void *arg, const struct plan_node *n)
{
	struct count *c = arg;

	if (n->trashed)
		return 0;
	if (n->type != NODE_DIR) {
		c->files++;
		return 0;
	}
	if (c->depth > NODE_DEPTH_MAX)
		return 0;
	c->depth++;
	(void)c->w->remote->children(c->w->remote->ctx, &n->id, count_child, c);
	c->depth--;
	return 0;
}

static uint64_t
files_of(struct work *w, const struct item *it)
{
	struct count c = { .w = w };

	if (it->remote.type != NODE_DIR)
		return 1;
	(void)w->remote->children(w->remote->ctx, &it->id, count_child, &c);
	return c.files;
}

static void
fill(struct plan_change *c, const struct item *it)
{
	c->id = it->id;
	c->expect = it->remote.version;
	c->parent = it->parent;
	c->type = it->type;
	c->exec = it->exec;
	c->conflict = it->conflict;
	c->from = it->from;
	c->content = it->content_local &&
	    (!planner_in(&it->remote) ||
		!digest_equal(&it->local.content, &it->remote.content));
	memcpy(c->name, it->name, sizeof c->name);
	c->name_n = it->name_n;
}

/* false: nothing is to be written of it. */
static bool
change_of(struct work *w, struct item *it, struct plan_change *c)
{
	*c = (struct plan_change){ .id = it->id };
	if (it->waits || !it->decided || planner_is_made(w, &it->id))
		return false;
	if (it->live) {
		if (!planner_differs(it))
			return false;
		c->kind = planner_in(&it->remote) ? PLAN_UPDATE : PLAN_NEW;
		fill(c, it);
		if (c->content) {
			const struct item *from = planner_item(w, &it->from);
			c->content_id = from->local.content;
		}
		return true;
	}
	if (!is_there(w, it) || planner_in(&it->local) || hidden(w, it))
		return false;
	c->kind = PLAN_TRASH;
	c->expect = it->remote.version;
	c->type = it->remote.type;
	c->parent = it->remote.parent;
	c->files = files_of(w, it);
	return true;
}

static void
gather(struct work *w)
{
	struct plan_out *p = w->out;
	size_t cap = 0;

	for (size_t i = 0; i < w->n; i++) {
		struct plan_change c;
		if (!change_of(w, w->items[i], &c))
			continue;
		if (p->n_changes == cap) {
			cap = cap == 0 ? 64 : 2 * cap;
			p->changes =
			    mem_resize(p->changes, cap, sizeof *p->changes);
		}
		p->changes[p->n_changes++] = c;
	}
	/* They stay where they are until they are put in order. */
	for (size_t i = 0; i < p->n_changes; i++)
		planner_item(w, &p->changes[i].id)->change = &p->changes[i];
}

static void
drop(struct work *w, struct plan_change *c)
{
	struct item *it = planner_item(w, &c->id);

	it->change = NULL;
	it->dropped = true;
	c->type = NODE_NONE;
}

/* ---- depth ---- */

/* So many directories are above the root's own folder, and that itself. */
static unsigned
depth_of_top(const struct work *w)
{
	struct plan_node n = { .parent = w->policy->top };
	unsigned d = 0;

	while (!id_zero(&n.parent) && d <= NODE_DEPTH_MAX) {
		const struct id up = n.parent;
		d++;
		if (!w->remote->find(w->remote->ctx, &up, &n))
			break;
	}
	return d;
}

/* Directories above it in the Drive, the root among them; where it shall be, or
 * where the zone has it. */
static unsigned
depth_of(struct work *w, const struct item *it, unsigned top, bool was)
{
	struct id up = was ? it->remote.parent : it->parent;
	unsigned d = 1;

	for (; d <= 2 * NODE_DEPTH_MAX && !id_zero(&up); d++) {
		if (planner_is_top(w, &up))
			return d + top;
		const struct item *p = planner_item(w, &up);
		up = !was && p->live ? p->parent : p->remote.parent;
	}
	return d;
}

struct height {
	struct work *w;
	unsigned at, most;
};

static int
climb(void *arg, const struct plan_node *n)
{
	struct height *h = arg;

	if (++h->at > h->most)
		h->most = h->at;
	if (n->type == NODE_DIR && h->at <= NODE_DEPTH_MAX)
		(void)h->w->remote->children(
		    h->w->remote->ctx, &n->id, climb, h);
	h->at--;
	return 0;
}

/* Levels below a directory that goes down; of what stays so high none is asked
 * for, as it may hold very much. */
static unsigned
height_of(struct work *w, const struct item *it, unsigned depth, unsigned top)
{
	struct height h = { .w = w };

	if (it->type == NODE_DIR && planner_in(&it->remote) &&
	    depth_of(w, it, top, true) < depth)
		(void)w->remote->children(w->remote->ctx, &it->id, climb, &h);
	return h.most;
}

/* What would lie deeper than anything can stays where it is. */
static void
hold_deep(struct work *w)
{
	struct plan_out *p = w->out;
	unsigned top = depth_of_top(w);

	for (size_t i = 0; i < p->n_changes; i++) {
		struct plan_change *c = &p->changes[i];
		if (c->kind == PLAN_TRASH)
			continue;
		const struct item *it = planner_item(w, &c->id);
		unsigned depth = depth_of(w, it, top, false);
		if (depth + height_of(w, it, depth, top) <= NODE_DEPTH_MAX)
			continue;
		/* Of what is in it, that says it. */
		if (depth <= NODE_DEPTH_MAX + 1)
			planner_hold(w, it, ERR_TOO_LARGE, NULL);
		drop(w, c);
	}
}

/* ---- the gate ---- */

static struct id
gate_id(const struct plan_out *p)
{
	OWN(buf_free) struct buf b = { 0 };

	for (size_t i = 0; i < p->n_gated; i++) {
		id_put(&b, &p->gated[i].id);
		buf_put_u64(&b, p->gated[i].expect);
	}
	return digest_id(buf_bytes(&b));
}

static void
hold_deletions(struct work *w)
{
	struct plan_out *p = w->out;

	for (size_t i = 0; i < p->n_changes; i++)
		if (p->changes[i].kind == PLAN_TRASH) {
			planner_item(w, &p->changes[i].id)->gated = true;
			drop(w, &p->changes[i]);
		}
}

static void
gate(struct work *w)
{
	struct plan_out *p = w->out;
	const struct plan_policy *y = w->policy;

	p->gated = mem_array(p->n_changes + 1, sizeof *p->gated);
	for (size_t i = 0; i < p->n_changes; i++)
		if (p->changes[i].kind == PLAN_TRASH) {
			p->gated[p->n_gated++] = p->changes[i];
			p->gated_files += p->changes[i].files;
		}
	uint64_t all = y->gate.window + p->gated_files;
	bool much = y->gate.most > 0 && all > y->gate.most;
	/* Of all that was there when the window began. */
	bool share = y->gate.percent > 0 && all >= y->gate.least &&
	    all * 100 >= (y->gate.files + y->gate.window) * y->gate.percent;
	p->gate = gate_id(p);
	if (p->n_gated > 0 && (much || share) &&
	    !id_equal(&p->gate, &y->gate.confirmed)) {
		hold_deletions(w);
		return;
	}
	p->gate = (struct id){ { 0 } };
	p->n_gated = 0;
	p->gated_files = 0;
}

/* ---- what must come before ---- */

/* Who is visible there at the place that `it` shall have; NULL: nobody. */
static struct item *
occupant(struct work *w, const struct item *it)
{
	struct plan_node n;

	if (!w->remote->child(
		w->remote->ctx, &it->parent, planner_name(it), &n) ||
	    id_equal(&n.id, &it->id))
		return NULL;
	return planner_item(w, &n.id);
}

/* The folder it comes into is there, or comes in this plan. */
static bool
parent_comes(struct work *w, const struct item *it)
{
	static const struct id root;

	if (planner_is_top(w, &it->parent) || id_equal(&it->parent, &root))
		return true;
	struct item *p = planner_item(w, &it->parent);
	return p->change != NULL ? p->change->kind != PLAN_TRASH
				 : is_there(w, p);
}

/* ---- files of one database ---- */

struct of_databases {
	struct of_database *list; /* those of one beside each other */
	size_t n;
};

static void
of_databases_free(struct of_databases *x)
{
	free(x->list);
}

static void
find_databases(struct work *w, struct of_databases *out)
{
	const struct plan_out *p = w->out;

	out->list = mem_array(p->n_changes + 1, sizeof *out->list);
	for (size_t i = 0; i < p->n_changes; i++) {
		const struct item *it = planner_item(w, &p->changes[i].id);
		const struct database *d =
		    planner_database_of(w, it, TREE_REMOTE);
		if (d != NULL)
			out->list[out->n++] = (struct of_database){ d, i };
	}
	if (out->n > 1)
		qsort(
		    out->list, out->n, sizeof *out->list, planner_by_database);
}

/* What one of them waits for, all do; true: more do than before. */
static bool
drop_databases(struct work *w, const struct of_databases *x)
{
	struct plan_change *list = w->out->changes;
	bool more = false;

	for (size_t i = 0, end; i < x->n; i = end) {
		const struct plan_change *first = NULL;
		for (end = i; end < x->n && x->list[end].of == x->list[i].of;
		     end++)
			if (list[x->list[end].at].type == NODE_NONE)
				first = &list[x->list[end].at];
		for (size_t k = i; first != NULL && k < end; k++) {
			struct plan_change *c = &list[x->list[k].at];
			if (c->type == NODE_NONE)
				continue;
			if (planner_item(w, &first->id)->gated)
				planner_hold(w, planner_item(w, &c->id),
				    ERR_DRIVE_HELD, &first->id);
			drop(w, c);
			more = true;
		}
	}
	return more;
}

/* They are a cycle, so that they go together. */
static void
tie_databases(const struct of_databases *x, struct edges *e)
{
	for (size_t i = 1; i < x->n; i++)
		if (x->list[i].of == x->list[i - 1].of) {
			add_edge(e, x->list[i].at, x->list[i - 1].at);
			add_edge(e, x->list[i - 1].at, x->list[i].at);
		}
}

/* ---- */

/* What cannot go yet waits, and all that wants it. */
static void
drop_stuck(struct work *w, const struct of_databases *dbs)
{
	struct plan_out *p = w->out;
	bool again = true;

	while (again) {
		again = drop_databases(w, dbs);
		for (size_t i = 0; i < p->n_changes; i++) {
			struct plan_change *c = &p->changes[i];
			if (c->type == NODE_NONE || c->kind == PLAN_TRASH)
				continue;
			const struct item *it = planner_item(w, &c->id);
			const struct item *o = occupant(w, it);
			if (parent_comes(w, it) &&
			    (o == NULL || o->change != NULL))
				continue;
			if (o != NULL && o->gated)
				planner_hold(w, it, ERR_DRIVE_HELD, &o->id);
			drop(w, c);
			again = true;
		}
	}
}

/* Everything that leaves a folder leaves it before it is thrown away. */
static void
leave_first(struct work *w, struct edges *e, size_t i)
{
	static const struct id root;
	const struct plan_out *p = w->out;
	const struct item *it = planner_item(w, &p->changes[i].id);
	struct id up;

	if (!planner_in(&it->remote) || p->changes[i].kind == PLAN_TRASH)
		return;
	up = it->remote.parent;
	for (unsigned d = 0; d <= NODE_DEPTH_MAX; d++) {
		if (planner_is_top(w, &up) || id_equal(&up, &root))
			return;
		const struct item *a = planner_item(w, &up);
		if (a->change != NULL && a->change->kind == PLAN_TRASH)
			add_edge(e, (size_t)(a->change - p->changes), i);
		if (!planner_in(&a->remote))
			return;
		up = a->remote.parent;
	}
}

static void
find_edges(struct work *w, struct edges *e)
{
	const struct plan_out *p = w->out;

	for (size_t i = 0; i < p->n_changes; i++) {
		const struct plan_change *c = &p->changes[i];
		if (c->type == NODE_NONE)
			continue;
		leave_first(w, e, i);
		if (c->kind == PLAN_TRASH)
			continue;
		const struct item *it = planner_item(w, &c->id);
		const struct item *o = occupant(w, it);
		if (o != NULL && o->change != NULL)
			add_edge(e, i, (size_t)(o->change - p->changes));
		if (planner_is_top(w, &c->parent))
			continue;
		const struct item *up = planner_item(w, &c->parent);
		if (up->change != NULL)
			add_edge(e, i, (size_t)(up->change - p->changes));
	}
}

/* ---- batches ---- */

static unsigned
weight(const struct plan_change *c)
{
	return c->type == NODE_NONE		   ? 0
	    : c->content && c->kind == PLAN_UPDATE ? 2
						   : 1;
}

/* Those of one cycle go together. A batch is closed when it is full. */
static void
arrange(struct work *w, const size_t *order, const size_t *group)
{
	struct plan_out *p = w->out;
	struct plan_change *list = mem_array(p->n_changes + 1, sizeof *list);
	size_t n = 0, i = 0;
	unsigned batch = 0, in_batch = 0;

	while (i < p->n_changes) {
		size_t end = i;
		unsigned all = 0;
		for (; end < p->n_changes && group[end] == group[i]; end++)
			all += weight(&p->changes[order[end]]);
		if (in_batch > 0 && in_batch + all > BATCH_WEIGHT) {
			batch++;
			in_batch = 0;
		}
		in_batch += all;
		for (; i < end; i++) {
			if (p->changes[order[i]].type == NODE_NONE)
				continue;
			list[n] = p->changes[order[i]];
			list[n++].batch = batch;
		}
	}
	free(p->changes);
	p->changes = list;
	p->n_changes = n;
	p->n_batches = n > 0 ? list[n - 1].batch + 1 : 0;
	for (size_t k = 0; k < n; k++)
		planner_item(w, &list[k].id)->change = &list[k];
}

void
planner_commits(struct work *w)
{
	OWN(edges_free) struct edges e = { 0 };
	OWN(of_databases_free) struct of_databases dbs = { 0 };

	gather(w);
	find_databases(w, &dbs);
	hold_deep(w);
	gate(w);
	drop_stuck(w, &dbs);
	size_t n = w->out->n_changes;
	OWN(mem_free) size_t *order = mem_array(n + 1, sizeof *order);
	OWN(mem_free) size_t *group = mem_array(n + 1, sizeof *group);
	find_edges(w, &e);
	tie_databases(&dbs, &e);
	planner_sort(n, e.list, e.n, order, group);
	arrange(w, order, group);
}
