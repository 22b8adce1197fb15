/* SPDX-License-Identifier: ISC */
/* drive_do.c: what a plan says of the disk, but for what has to be fetched. */
/*
 * One transaction of drive.db for all of a plan: it is committed when what was
 * done is on the disk, and seen by what is done next.
 */
#include "drive/drive_in.h"

#include "base/now.h"

#include <stdlib.h>
#include <string.h>

struct doing {
	struct drive_root *r;
	const struct plan_out *p;
	bool committed;
	bool *other; /* of each row: what is there is not what it says */
	struct drivedb_views v;
	struct tx *tx;
};

/* ---- paths ---- */

/* Where an operation puts it. */
static int
path_to(
    struct doing *g, const struct plan_op *op, struct buf *out, struct err *e)
{
	return drive_path_to(&g->v, &g->r->row.top, op, out, e);
}

/* Where it is by now: what is above it may have moved in this plan. */
static int
path_by_now(struct drive_root *r, struct drivedb_views *v,
    const struct plan_op *op, struct buf *out, struct err *e)
{
	struct plan_node n = op->here;

	if (!v->local.find(v->local.ctx, &op->here.id, &n))
		return err_set(e, ERR_CONFLICT, "it is not there any more");
	return drive_path(v, &r->row.top, &n, out, e);
}

static int
path_of(
    struct doing *g, const struct plan_op *op, struct buf *out, struct err *e)
{
	return path_by_now(g->r, &g->v, op, out, e);
}

/* What leaves its place leaves a database as it is known, and to nobody. */
static int
check_database(struct drive_root *r, struct drivedb_views *v,
    const struct plan_op *op, const char *path, struct err *e)
{
	return op->here.type == NODE_FILE
	    ? drive_database_free(
		  r, v, &op->here.parent, path, DATABASE_NO_MORE, e)
	    : 0;
}

static struct os_stat
expected(const struct plan_op *op)
{
	struct os_stat st = { .type = op->here.type,
		.exec = op->here.exec,
		.is = op->here.stat };

	return st;
}

/* ---- what drive.db says then ---- */

/* Times that may change without a trace are looked at again. */
static struct plan_stat
noted(struct drive_root *r, const struct os_stat *now)
{
	struct plan_stat st = now->is;

	if (scan_racy(&st, now_ms() * 1000000, r->os->ops->granule_ns(r->os)))
		st.ctime_ns = 0;
	return st;
}

static int
base_as(struct doing *g, const struct plan_op *op, const struct os_stat *now,
    struct err *e)
{
	struct plan_node n = { .id = op->id,
		.parent = op->parent,
		.type = op->type,
		.exec = op->exec,
		.content = op->content,
		.version = op->version,
		.stat = noted(g->r, now),
		.name_n = op->name_n };

	memcpy(n.name, op->name, sizeof n.name);
	if (drivedb_base_put(g->tx, g->r->row.root, &n, e) < 0)
		return -1;
	return drivedb_diff_drop(g->tx, g->r->row.root, &op->id, e);
}

/* The same node elsewhere: row and difference say the new place. */
static int
moved_same(struct doing *g, const struct plan_op *op, const struct os_stat *now,
    struct err *e)
{
	OWN(drive_diff_free) struct drive_diff d = { .found = false };
	struct plan_node b;
	bool based;
	uint64_t root = g->r->row.root;

	if (drive_diff(g->tx, g->r, &op->id, &d, e) < 0 ||
	    drivedb_base_get(g->tx, root, &op->id, &b, &based, e) < 0)
		return -1;
	if (based) {
		b.parent = op->parent;
		memcpy(b.name, op->name, sizeof b.name);
		b.name_n = op->name_n;
		/* Without a difference its content is what base says. */
		if (!d.found || digest_equal(&d.x.node.content, &b.content))
			b.stat = noted(g->r, now);
		if (drivedb_base_put(g->tx, root, &b, e) < 0)
			return -1;
	}
	if (!d.found)
		return 0;
	d.x.node.parent = op->parent;
	memcpy(d.x.node.name, op->name, sizeof d.x.node.name);
	d.x.node.name_n = op->name_n;
	d.x.node.stat = now->is;
	return drivedb_diff_put(g->tx, root, &d.x, e);
}

static int
child_of_new(void *ctx, const struct plan_node *n, struct err *e)
{
	struct buf *ids = ctx;

	(void)e;
	buf_put(ids, n, sizeof *n);
	return 0;
}

/* The object is another node from now on; so is what lies in it. */
static int
became_other(struct doing *g, const struct plan_op *op,
    const struct os_stat *now, struct err *e)
{
	OWN(drive_diff_free) struct drive_diff had = { .found = false };
	OWN(buf_free) struct buf children = { 0 };
	struct drivedb_diff x = { .node = op->here };
	uint64_t root = g->r->row.root;

	if (drive_diff(g->tx, g->r, &op->from, &had, e) < 0)
		return -1;
	if (had.found && !had.x.gone)
		x = had.x;
	x.node.id = op->id;
	x.node.parent = op->parent;
	memcpy(x.node.name, op->name, sizeof x.node.name);
	x.node.name_n = op->name_n;
	x.node.stat = now->is;
	if (drivedb_base_children(
		g->tx, root, &op->from, child_of_new, &children, e) < 0)
		return -1;
	for (size_t at = 0; at < children.n; at += sizeof(struct plan_node)) {
		struct plan_node n;
		memcpy(&n, children.p + at, sizeof n);
		n.parent = op->id;
		if (drivedb_base_put(g->tx, root, &n, e) < 0)
			return -1;
	}
	if (drivedb_diff_rename(g->tx, root, &op->from, &op->id, e) < 0 ||
	    drivedb_base_drop(g->tx, root, &op->from, e) < 0 ||
	    drivedb_diff_drop(g->tx, root, &op->from, e) < 0)
		return -1;
	return drivedb_diff_put(g->tx, root, &x, e);
}

static int
gone(struct drive_root *r, struct tx *tx, const struct id *id, struct err *e)
{
	if (drivedb_base_drop(tx, r->row.root, id, e) < 0)
		return -1;
	return drivedb_diff_drop(tx, r->row.root, id, e);
}

/* ---- what people did ---- */

struct also {
	struct drive_root *r;
	const struct plan_out *p;
	struct buf paths; /* with NULs */
};

static void
also_free(struct also *a)
{
	buf_free(&a->paths);
}

/* Of what is gone with its folder the one above that is here tells. */
static void
row_path(struct drivedb_views *v, const struct id *top,
    const struct plan_row *row, struct buf *out)
{
	struct plan_node n = row->node;
	struct err ignored;

	while (drive_path(v, top, &n, out, &ignored) < 0) {
		struct id parent = n.parent;
		buf_clear(out);
		if (!v->base.find(v->base.ctx, &parent, &n))
			break;
	}
}

static int
also_job(struct tx *tx, void *arg, struct err *e)
{
	struct also *a = arg;
	struct drivedb_views v;

	drivedb_views(&v, tx, a->r->row.root);
	for (size_t i = 0; i < a->p->n_rows; i++) {
		OWN(buf_free) struct buf path = { 0 };
		row_path(&v, &a->r->row.top, &a->p->rows[i], &path);
		buf_put_str(&a->paths, buf_text(&path));
		buf_put_u8(&a->paths, '\0');
	}
	if (v.failed)
		*e = v.err;
	return v.failed ? -1 : 0;
}

/* Rows say what others wrote, moved and removed, and nobody else waits for the
 * disk to have it. What does so here keeps no transaction open. */
static int
sync_rows(struct doing *g, struct err *e)
{
	struct os *os = g->r->os;
	OWN(also_free) struct also a = { .r = g->r, .p = g->p };

	if (db_read(drivedb_db(g->r->d->db), also_job, &a, e) < 0)
		return -1;
	const char *path = buf_text(&a.paths);
	for (size_t i = 0; i < g->p->n_rows; i++, path += strlen(path) + 1) {
		const struct plan_row *row = &g->p->rows[i];
		const struct os_stat want = { .type = row->node.type,
			.is = row->node.stat };
		/* Of what is looked at again its time is not known. */
		bool asked = !row->drop && want.is.ctime_ns != 0;
		g->other[i] =
		    !os->ops->sync_also(os, path, asked ? &want : NULL);
	}
	return os->ops->sync(os, e);
}

/* ---- operations ---- */

static void
aside_name(const struct id *id, struct buf *out)
{
	buf_printf(out, "%s%s", OS_ASIDE, id_text(id).s);
}

static int
do_mkdir(
    struct doing *g, const struct plan_op *op, const char *to, struct err *e)
{
	struct os_stat now;

	if (g->r->os->ops->mkdir(g->r->os, to, &now, e) < 0 ||
	    base_as(g, op, &now, e) < 0)
		return -1;
	return 0;
}

static int
do_move(
    struct doing *g, const struct plan_op *op, const char *to, struct err *e)
{
	const struct os_ops *o = g->r->os->ops;
	OWN(buf_free) struct buf from = { 0 };
	OWN(buf_free) struct buf part = { 0 };
	struct os_stat want = expected(op), now;
	struct err why;
	int rc;

	aside_name(&op->from, &part);
	/* It may have been put aside. */
	rc = o->place(g->r->os, buf_text(&part), to, NULL, &now, &why);
	if (rc < 0 && why.code == ERR_NOT_FOUND) {
		if (path_of(g, op, &from, e) < 0)
			return -1;
		if (check_database(g->r, &g->v, op, buf_text(&from), e) < 0)
			return -1;
		if (strcmp(buf_text(&from), to) == 0) {
			/* Somebody may have moved it. */
			(void)o->sync_also(g->r->os, to, NULL);
			rc = o->stat(g->r->os, to, &now, &why);
		} else {
			rc = o->move(
			    g->r->os, buf_text(&from), to, &want, &now, &why);
		}
	}
	if (rc < 0) {
		*e = why;
		return -1;
	}
	g->r->report->moved++;
	return id_equal(&op->from, &op->id) ? moved_same(g, op, &now, e)
					    : became_other(g, op, &now, e);
}

static int
do_exec(struct doing *g, const struct plan_op *op, struct err *e)
{
	OWN(buf_free) struct buf at = { 0 };
	struct os_stat want = expected(op), now;

	if (path_of(g, op, &at, e) < 0 ||
	    g->r->os->ops->set_exec(
		g->r->os, buf_text(&at), op->exec, &want, &now, e) < 0)
		return -1;
	struct drivedb_diff x = { .node = op->here };
	OWN(drive_diff_free) struct drive_diff had = { .found = false };
	if (drive_diff(g->tx, g->r, &op->id, &had, e) < 0)
		return -1;
	if (had.found)
		x = had.x;
	x.node.exec = op->exec;
	x.node.stat = now.is;
	return drivedb_diff_put(g->tx, g->r->row.root, &x, e);
}

int
drive_leave(struct drive_root *r, struct drivedb_views *v, struct tx *tx,
    const struct plan_op *op, struct err *e)
{
	const struct os_ops *o = r->os->ops;
	OWN(buf_free) struct buf at = { 0 };
	struct os_stat want = expected(op);

	if (path_by_now(r, v, op, &at, e) < 0 ||
	    check_database(r, v, op, buf_text(&at), e) < 0)
		return -1;
	int rc = op->kind == PLAN_RMDIR
	    ? o->rmdir(r->os, buf_text(&at), &want, e)
	    : o->remove(r->os, buf_text(&at), &want, e);
	if (rc < 0 && e->code != ERR_NOT_FOUND)
		return -1;
	if (rc < 0) /* by somebody else */
		(void)o->sync_also(r->os, buf_text(&at), NULL);
	r->report->removed++;
	return gone(r, tx, &op->here.id, e);
}

static int
do_aside(struct doing *g, const struct plan_op *op, struct err *e)
{
	OWN(buf_free) struct buf at = { 0 };
	OWN(buf_free) struct buf part = { 0 };
	struct os_stat want = expected(op);

	aside_name(&op->from, &part);
	if (path_of(g, op, &at, e) < 0 ||
	    check_database(g->r, &g->v, op, buf_text(&at), e) < 0)
		return -1;
	return g->r->os->ops->aside(
	    g->r->os, buf_text(&at), buf_text(&part), &want, e);
}

static int
do_one(struct doing *g, const struct plan_op *op, struct err *e)
{
	OWN(buf_free) struct buf to = { 0 };

	switch (op->kind) {
	case PLAN_MKDIR:
		return path_to(g, op, &to, e) < 0
		    ? -1
		    : do_mkdir(g, op, buf_text(&to), e);
	case PLAN_MOVE:
		return path_to(g, op, &to, e) < 0
		    ? -1
		    : do_move(g, op, buf_text(&to), e);
	case PLAN_EXEC:
		return do_exec(g, op, e);
	case PLAN_ASIDE:
		return do_aside(g, op, e);
	case PLAN_REMOVE:
	case PLAN_RMDIR:
		return drive_leave(g->r, &g->v, g->tx, op, e);
	case PLAN_PLACE:
		break;
	}
	return 0;
}

/* What stands in the way is looked at, and planned anew. */
static void
not_done(struct doing *g, const struct plan_op *op, const struct err *why)
{
	OWN(buf_free) struct buf at = { 0 };
	struct err ignored;

	if (path_to(g, op, &at, &ignored) == 0)
		drive_look_again(g->r, buf_text(&at));
	buf_clear(&at);
	if (op->kind != PLAN_MKDIR && path_of(g, op, &at, &ignored) == 0)
		drive_look_again(g->r, buf_text(&at));
	drive_hold(g->r, g->tx, &op->id, why);
}

static int
children_todo(void *arg, const struct plan_node *n)
{
	drive_todo(arg, &n->id);
	return 0;
}

/* *any: something was done on the disk. */
static int
do_ops(struct doing *g, bool *any, struct err *e)
{
	for (size_t i = 0; i < g->p->n_ops; i++) {
		const struct plan_op *op = &g->p->ops[i];
		struct err why;
		if (drive_is_placed(op) || (op->after_commits && !g->committed))
			continue;
		*any = true;
		drive_todo(g->r, &op->from);
		if (do_one(g, op, &why) < 0) {
			if (!drive_goes_on(why.code)) {
				*e = why;
				return -1;
			}
			not_done(g, op, &why);
			continue;
		}
		drive_did(g->r, g->tx, &op->id);
		if (op->kind == PLAN_MKDIR)
			(void)g->v.remote.children(
			    g->v.remote.ctx, &op->id, children_todo, g->r);
	}
	return 0;
}

/* It has changed since it was looked at. */
static void
look_at_row(struct doing *g, const struct plan_row *row)
{
	OWN(buf_free) struct buf path = { 0 };
	struct err why;

	row_path(&g->v, &g->r->row.top, row, &path);
	drive_look_again(g->r, buf_text(&path));
	(void)err_set(&why, ERR_CONFLICT, "it has just changed");
	drive_hold(g->r, g->tx, &row->node.id, &why);
}

static int
do_rows(struct doing *g, struct err *e)
{
	struct drive_root *r = g->r;

	for (size_t i = 0; i < g->p->n_rows; i++) {
		const struct plan_row *row = &g->p->rows[i];
		struct plan_node n = row->node;
		if (g->other[i]) {
			look_at_row(g, row);
			continue;
		}
		if (row->drop) {
			if (gone(r, g->tx, &n.id, e) < 0)
				return -1;
			continue;
		}
		if (n.type == NODE_FILE &&
		    scan_racy(&n.stat, now_ms() * 1000000,
			r->os->ops->granule_ns(r->os)))
			n.stat.ctime_ns = 0;
		if (drivedb_base_put(g->tx, r->row.root, &n, e) < 0 ||
		    drivedb_diff_drop(g->tx, r->row.root, &n.id, e) < 0)
			return -1;
	}
	return 0;
}

static int
do_job(struct tx *tx, void *arg, struct err *e)
{
	struct doing *g = arg;
	bool any = false;

	g->tx = tx;
	drivedb_views(&g->v, tx, g->r->row.root);
	if (do_ops(g, &any, e) < 0)
		return -1;
	/* What they say is on the disk before the rows are. */
	if (any && g->r->os->ops->sync(g->r->os, e) < 0)
		return -1;
	if (do_rows(g, e) < 0)
		return -1;
	if (g->v.failed)
		*e = g->v.err;
	return g->v.failed ? -1 : 0;
}

int
drive_do(struct drive_root *r, const struct plan_out *p, bool committed,
    struct err *e)
{
	OWN(mem_free) bool *other = mem_array(p->n_rows + 1, sizeof *other);
	struct doing g = {
		.r = r, .p = p, .committed = committed, .other = other
	};

	if (p->n_ops + p->n_rows == 0)
		return 0;
	/* The disk first. */
	if (p->n_rows > 0 && sync_rows(&g, e) < 0)
		return -1;
	return db_write(drivedb_db(r->d->db), do_job, &g, e);
}
