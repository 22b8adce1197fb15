/* SPDX-License-Identifier: ISC */
/* look.c: what the Drive has. */
#include "drive/look.h"

#include "drive/edit_in.h"
#include "drive/record.h"

#include <string.h>

/* ---- directories ---- */

struct looking {
	struct tx *tx;
	const char *path;
	bool all;
	struct buf at; /* the path of the directory, without a slash behind */
	look_fn fn;
	void *ctx;
};

static int
look_child(void *ctx, const struct drivedb_entry *x, struct err *e)
{
	struct looking *l = ctx;
	size_t before = l->at.n;

	buf_put_u8(&l->at, '/');
	buf_put(&l->at, x->node.name, x->node.name_n);
	int rc = l->fn(l->ctx, x, buf_bytes(&l->at), e);
	if (rc == 0 && l->all && x->node.type == NODE_DIR)
		rc = drivedb_list(l->tx, &x->node.id, false, look_child, l, e);
	l->at.n = before;
	return rc;
}

static int
list_job(struct tx *tx, void *arg, struct err *e)
{
	struct looking *l = arg;
	struct drivedb_entry x;

	l->tx = tx;
	if (edit_find(tx, l->path, &x, e) < 0 ||
	    drivedb_path(tx, &x.node.id, &l->at, e) < 0)
		return -1;
	if (x.node.type != NODE_DIR)
		return l->fn(l->ctx, &x, buf_bytes(&l->at), e);
	if (l->at.n == 1)
		buf_clear(&l->at);
	return drivedb_list(tx, &x.node.id, false, look_child, l, e);
}

int
look_list(struct edit *d, const char *path, bool all, look_fn fn, void *ctx,
    struct err *e)
{
	struct looking l = { .path = path, .all = all, .fn = fn, .ctx = ctx };

	int rc = db_read(drivedb_db(d->db), list_job, &l, e);
	buf_free(&l.at);
	return rc;
}

struct one {
	const char *path;
	struct drivedb_entry *out;
};

static int
one_job(struct tx *tx, void *arg, struct err *e)
{
	struct one *o = arg;

	return edit_find(tx, o->path, o->out, e);
}

int
look_one(
    struct edit *d, const char *path, struct drivedb_entry *out, struct err *e)
{
	struct one o = { path, out };

	return db_read(drivedb_db(d->db), one_job, &o, e);
}

/* ---- versions ---- */

static int
tell_versions(const struct node *n, const struct node_history *h,
    look_version_fn fn, void *ctx, struct err *e)
{
	struct node_content c;
	struct look_version v = { .number = n->edits,
		.changed_ms = n->changed_ms,
		.dev = n->dev,
		.mtime_s = n->mtime_s,
		.exec = (n->flags & NODE_EXEC) != 0,
		.current = true };

	if (node_content_parse(n->content, &c, e) < 0)
		return -1;
	v.size = c.size;
	if (fn(ctx, &v, e) < 0)
		return -1;
	for (size_t i = 0; i < h->n; i++) {
		const struct node_version *o = &h->v[i];
		v = (struct look_version){ .number = o->edits,
			.changed_ms = o->changed_ms,
			.dev = o->dev,
			.mtime_s = o->mtime_s,
			.exec = (o->flags & NODE_EXEC) != 0 };
		if (node_content_parse(o->content, &c, e) < 0)
			return -1;
		v.size = c.size;
		if (fn(ctx, &v, e) < 0)
			return -1;
	}
	return 0;
}

int
look_versions(struct edit *d, const char *path, look_version_fn fn, void *ctx,
    struct err *e)
{
	OWN(edit_node_free) struct edit_node node = { 0 };
	OWN(buf_free) struct buf plain = { 0 };
	struct node_history *h = mem_new(sizeof *h);
	OWN(mem_free) struct node_history *keep = h;
	struct drivedb_entry x;
	uint64_t version;

	if (look_one(d, path, &x, e) < 0)
		return -1;
	if (x.node.type != NODE_FILE)
		return err_set(
		    e, ERR_USAGE, "only files have versions, and it is none");
	if (edit_load(d, &x.node.id, &node, e) < 0 ||
	    record_history_of(d->zone, &x.node.id, h, &plain, &version, e) < 0)
		return -1;
	return tell_versions(&node.n, h, fn, ctx, e);
}

/* ---- the trash ---- */

struct counting {
	struct tx *tx;
	struct look_trashed t;
};

static int
count_below(void *ctx, const struct drivedb_entry *x, struct err *e)
{
	struct counting *c = ctx;

	if (x->node.type == NODE_DIR)
		return drivedb_list(
		    c->tx, &x->node.id, false, count_below, c, e);
	c->t.files++;
	c->t.bytes += x->size;
	return 0;
}

struct trash {
	struct tx *tx;
	look_trashed_fn fn;
	void *ctx;
};

static int
trash_one(void *ctx, const struct drivedb_entry *x, struct err *e)
{
	struct trash *t = ctx;
	struct counting c = { .tx = t->tx, .t = { .x = *x } };
	OWN(buf_free) struct buf path = { 0 };

	if (drivedb_path(t->tx, &x->node.id, &path, e) < 0 ||
	    count_below(&c, x, e) < 0)
		return -1;
	c.t.path = buf_bytes(&path);
	return t->fn(t->ctx, &c.t, e);
}

static int
trash_job(struct tx *tx, void *arg, struct err *e)
{
	struct trash *t = arg;

	t->tx = tx;
	return drivedb_trash(tx, trash_one, t, e);
}

int
look_trash(struct edit *d, look_trashed_fn fn, void *ctx, struct err *e)
{
	struct trash t = { .fn = fn, .ctx = ctx };

	return db_read(drivedb_db(d->db), trash_job, &t, e);
}
