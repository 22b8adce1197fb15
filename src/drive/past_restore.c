/* SPDX-License-Identifier: ISC */
/* past_restore.c: what is not as it was becomes so again. */
#include "drive/past_in.h"

#include <string.h>

void
past_take(struct node *n, const struct node_version *v)
{
	const uint16_t of = NODE_EXEC | NODE_SECRET;

	n->content = v->content;
	n->mtime_s = v->mtime_s;
	n->mtime_ns = v->mtime_ns;
	n->flags = (uint16_t)((n->flags & ~of) | (v->flags & of));
	node_edited(n);
}

struct restoring {
	struct past_todo *from, *to; /* of this commit: to is not in it */
	bool trash; /* those alone, or all others */
};

/* It has gone meanwhile: nothing is to be done. */
static int
load(struct edit_batch *b, const struct id *id, struct edit_node *out,
    bool *found, struct err *e)
{
	*found = edit_load(b->d, id, out, e) == 0;
	if (*found || e->code != ERR_CONFLICT)
		return *found ? 0 : -1;
	err_clear(e);
	return 0;
}

/* *found false: it is kept no more. */
static int
former(struct edit_batch *b, const struct past_todo *t, struct node *n,
    struct buf *plain, bool *found, struct err *e)
{
	struct node_history *h = mem_new(sizeof *h);
	OWN(mem_free) struct node_history *keep = h;
	uint64_t version;

	*found = false;
	if (record_history_of(b->d->zone, &t->id, h, plain, &version, e) < 0)
		return -1;
	for (size_t i = 0; !*found && i < h->n; i++)
		if (h->v[i].edits == t->number) {
			past_take(n, &h->v[i]);
			*found = true;
		}
	return 0;
}

static int
plan_one(struct edit_batch *b, const struct past_todo *t, struct err *e)
{
	OWN(edit_node_free) struct edit_node node = { 0 };
	OWN(buf_free) struct buf plain = { 0 };
	OWN(buf_free) struct buf name = { 0 };
	bool found, changed = false;

	if (load(b, &t->id, &node, &found, e) < 0)
		return -1;
	if (!found)
		return 0;
	bool trashed = (node.n.flags & NODE_TRASHED) != 0;
	if (t->kind == PAST_TRASH) {
		if (!trashed)
			edit_trash(b, &t->id, &node);
		return 0;
	}
	struct node n = node.n;
	if (t->number != 0) {
		if (former(b, t, &n, &plain, &changed, e) < 0 ||
		    (changed && edit_keep(b, &t->id, &node.n, e) < 0))
			return -1;
	}
	if (trashed) {
		if (edit_free_name(b, &n.parent, n.name, &name, e) < 0)
			return -1;
		n.name = buf_bytes(&name);
	}
	if (changed || trashed)
		edit_put(b, &t->id, node.version, &n);
	return 0;
}

static int
restore_plan(struct edit_batch *b, void *ctx, struct err *e)
{
	struct restoring *r = ctx;

	for (r->to = r->from; r->to != NULL && !edit_full(b);
	     r->to = r->to->next)
		if (r->to->kind != PAST_UNKNOWN &&
		    (r->to->kind == PAST_TRASH) == r->trash &&
		    plan_one(b, r->to, e) < 0)
			return -1;
	return 0;
}

static void
tell(const struct past_ask *ask, const struct past_list *l,
    struct past_result *out)
{
	for (const struct past_todo *t = l->first; t != NULL; t = t->next) {
		out->trashed += t->kind == PAST_TRASH;
		out->back += t->kind == PAST_BACK || t->kind == PAST_BOTH;
		out->contents += t->kind == PAST_CONTENT;
		out->unknown += t->kind == PAST_UNKNOWN;
		ask->tell(ask->ctx, t->kind, buf_bytes(&t->path));
	}
}

int
past_restore(struct edit *d, const struct past_ask *ask,
    struct past_result *out, struct err *e)
{
	OWN(past_list_free) struct past_list l = { NULL, NULL };

	*out = (struct past_result){ 0 };
	past_list_begin(&l);
	if (past_look(d, ask, &l, e) < 0)
		return -1;
	tell(ask, &l, out);
	if (ask->dry)
		return 0;
	/* What goes first makes room for what comes back. */
	for (int pass = 0; pass < 2; pass++) {
		struct restoring r = { l.first, NULL, pass == 0 };
		while (r.from != NULL) {
			if (edit_commit(d, restore_plan, &r, e) < 0)
				return -1;
			r.from = r.to;
		}
	}
	return 0;
}
