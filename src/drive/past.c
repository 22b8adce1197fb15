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
	struct edit *d;
	const struct past_ask *ask;
	uint64_t number;
	uint64_t at_ms; /* when it came */
	bool others; /* it is a file of a database that has more */
};

/* Which of its versions is it? errors: version-gone. */
static int
find(struct zcopy *zone, const struct id *id, uint64_t number,
    struct node_history *h, struct buf *plain, size_t *i, struct err *e)
{
	uint64_t version;

	if (record_history_of(zone, id, h, plain, &version, e) < 0)
		return -1;
	for (*i = 0; *i < h->n; ++*i)
		if (h->v[*i].edits == number)
			return 0;
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
	size_t i;

	if (edit_find(b->tx, o->ask->path, &x, e) < 0 ||
	    edit_load(b->d, &x.node.id, &node, e) < 0 ||
	    find(b->d->zone, &x.node.id, o->number, h, &plain, &i, e) < 0 ||
	    edit_keep(b, &x.node.id, &node.n, e) < 0)
		return -1;
	struct node n = node.n;
	past_take(&n, &h->v[i]);
	edit_put(b, &x.node.id, node.version, &n);
	return 0;
}

static int
has_others(void *ctx, const struct drivedb_entry *x, struct err *e)
{
	bool *any = ctx;

	(void)x;
	(void)e;
	*any = true;
	return 0;
}

static int
ask_job(struct tx *tx, void *arg, struct err *e)
{
	struct one *o = arg;
	OWN(buf_free) struct buf plain = { 0 };
	struct node_history *h = mem_new(sizeof *h);
	OWN(mem_free) struct node_history *keep = h;
	struct drivedb_entry x;
	size_t i;

	if (edit_find(tx, o->ask->path, &x, e) < 0)
		return -1;
	if (x.node.type != NODE_FILE)
		return err_set(
		    e, ERR_USAGE, "only files have versions, and it is none");
	if (x.edits == o->number)
		return err_set(
		    e, ERR_USAGE, "that version is what the file has now");
	if (find(o->d->zone, &x.node.id, o->number, h, &plain, &i, e) < 0)
		return -1;
	o->at_ms = h->v[i].changed_ms;
	return past_beside(tx, &x, has_others, &o->others, e);
}

int
past_version(struct edit *d, const struct past_ask *ask, uint64_t number,
    struct err *e)
{
	struct one o = { .d = d, .ask = ask, .number = number };
	struct past_result told;

	if (db_read(drivedb_db(d->db), ask_job, &o, e) < 0)
		return -1;
	if (!o.others)
		return edit_commit(d, version_plan, &o, e);
	struct past_ask then = *ask;
	then.at_ms = o.at_ms;
	then.dry = false;
	return past_restore(d, &then, &told, e);
}
