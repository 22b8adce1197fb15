/* SPDX-License-Identifier: ISC */
/* past.c: a former content of a file becomes the newest. */
#include "drive/past_in.h"

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

struct one {
	const char *path;
	uint64_t number;
};

static int
gone(uint64_t number, struct err *e)
{
	return err_set(e, ERR_VERSION_GONE, "there is no version %llu of it",
	    (unsigned long long)number);
}

static int
version_plan(struct edit_batch *b, void *ctx, struct err *e)
{
	const struct one *o = ctx;
	OWN(edit_node_free) struct edit_node node = { 0 };
	OWN(buf_free) struct buf plain = { 0 };
	struct node_history *h = mem_new(sizeof *h);
	OWN(mem_free) struct node_history *keep = h;
	struct drivedb_entry x;
	uint64_t version;
	size_t i = 0;

	if (edit_find(b->tx, o->path, &x, e) < 0)
		return -1;
	if (x.node.type != NODE_FILE)
		return err_set(
		    e, ERR_USAGE, "only files have versions, and it is none");
	if (edit_load(b->d, &x.node.id, &node, e) < 0 ||
	    record_history_of(b->d->zone, &x.node.id, h, &plain, &version, e) <
		0)
		return -1;
	if (node.n.edits == o->number)
		return err_set(
		    e, ERR_USAGE, "that version is what the file has now");
	while (i < h->n && h->v[i].edits != o->number)
		i++;
	if (i == h->n)
		return gone(o->number, e);
	if (edit_keep(b, &x.node.id, &node.n, e) < 0)
		return -1;
	struct node n = node.n;
	past_take(&n, &h->v[i]);
	edit_put(b, &x.node.id, node.version, &n);
	return 0;
}

int
past_version(struct edit *d, const char *path, uint64_t number, struct err *e)
{
	struct one o = { path, number };

	return edit_commit(d, version_plan, &o, e);
}
