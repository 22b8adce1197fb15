/* SPDX-License-Identifier: ISC */
/* drivedb_view.c: base, local and remote tree as the planner sees them. */
#include "tree/drivedb_in.h"

#include "store/sql.h"

typedef void (*row_fn)(struct stmt *s, struct plan_node *out);

static void
local_row(struct stmt *s, struct plan_node *out)
{
	drivedb_here_row(s, out);
	out->trashed = stmt_got_u64(s, 14) != 0;
	out->unread = stmt_got_u64(s, 15) != 0;
}

/* The first failure is kept; a view that failed finds nothing. */
static bool
failed(struct drivedb_views *v, int rc, const struct err *e)
{
	if (rc < 0 && !v->failed) {
		v->failed = true;
		v->err = *e;
	}
	return v->failed;
}

static bool
first(
    struct drivedb_views *v, struct stmt *s, row_fn row, struct plan_node *out)
{
	struct err e;
	bool found = false;
	int rc = drivedb_one(s, row, out, &found, &e);

	return !failed(v, rc, &e) && found;
}

static int
each(struct drivedb_views *v, struct stmt *s, row_fn row,
    int (*fn)(void *arg, const struct plan_node *n), void *arg)
{
	struct plan_node n;
	struct err e;
	int rc;

	while ((rc = sql_next(s, &e)) > 0) {
		row(s, &n);
		if (fn(arg, &n) < 0)
			return -1;
	}
	return failed(v, rc, &e) ? -1 : 0;
}

/* ---- remote: the tree ---- */

static bool
remote_find(void *ctx, const struct id *id, struct plan_node *out)
{
	OWN(stmt_done) struct stmt *s = NULL;
	struct drivedb_views *v = ctx;
	struct err e;

	if (failed(v,
		sql_ask(v->tx, &e, &s,
		    "SELECT " DRIVEDB_TREE " FROM tree WHERE id = ?", "i", id),
		&e))
		return false;
	return first(v, s, drivedb_tree_row, out);
}

static bool
remote_child(void *ctx, const struct id *parent, struct bytes name,
    struct plan_node *out)
{
	OWN(stmt_done) struct stmt *s = NULL;
	struct drivedb_views *v = ctx;
	struct err e;

	if (failed(v,
		sql_ask(v->tx, &e, &s,
		    "SELECT " DRIVEDB_TREE " FROM tree WHERE parent = ?"
		    " AND name = ? AND NOT flags & 2",
		    "ib", parent, name),
		&e))
		return false;
	return first(v, s, drivedb_tree_row, out);
}

static int
remote_children(void *ctx, const struct id *parent,
    int (*fn)(void *arg, const struct plan_node *n), void *arg)
{
	OWN(stmt_done) struct stmt *s = NULL;
	struct drivedb_views *v = ctx;
	struct err e;

	if (failed(v,
		sql_ask(v->tx, &e, &s,
		    "SELECT " DRIVEDB_TREE " FROM tree WHERE parent = ?"
		    " ORDER BY name, id",
		    "i", parent),
		&e))
		return -1;
	return each(v, s, drivedb_tree_row, fn, arg);
}

static int
remote_companions(void *ctx, const struct id *parent,
    int (*fn)(void *arg, const struct plan_node *n), void *arg)
{
	OWN(stmt_done) struct stmt *s = NULL;
	struct drivedb_views *v = ctx;
	struct err e;

	if (failed(v,
		sql_ask(v->tx, &e, &s,
		    "SELECT " DRIVEDB_TREE " FROM tree WHERE parent = ?"
		    " AND " DRIVEDB_COMPANION,
		    "i", parent),
		&e))
		return -1;
	return each(v, s, drivedb_tree_row, fn, arg);
}

/* ---- base ---- */

static bool
base_find(void *ctx, const struct id *id, struct plan_node *out)
{
	struct drivedb_views *v = ctx;
	bool found = false;
	struct err e;
	int rc = drivedb_base_get(v->tx, v->root, id, out, &found, &e);

	return !failed(v, rc, &e) && found;
}

static bool
base_child(void *ctx, const struct id *parent, struct bytes name,
    struct plan_node *out)
{
	OWN(stmt_done) struct stmt *s = NULL;
	struct drivedb_views *v = ctx;
	struct err e;

	if (failed(v,
		sql_ask(v->tx, &e, &s,
		    "SELECT " DRIVEDB_HERE " FROM base"
		    " INDEXED BY base_place"
		    " WHERE root = ? AND parent = ? AND name = ? ORDER BY id",
		    "uib", v->root, parent, name),
		&e))
		return false;
	return first(v, s, drivedb_here_row, out);
}

static int
base_children(void *ctx, const struct id *parent,
    int (*fn)(void *arg, const struct plan_node *n), void *arg)
{
	OWN(stmt_done) struct stmt *s = NULL;
	struct drivedb_views *v = ctx;
	struct err e;

	if (failed(v,
		sql_ask(v->tx, &e, &s,
		    "SELECT " DRIVEDB_HERE " FROM base"
		    " INDEXED BY base_place WHERE root = ?"
		    " AND parent = ? ORDER BY name, id",
		    "ui", v->root, parent),
		&e))
		return -1;
	return each(v, s, drivedb_here_row, fn, arg);
}

static int
base_companions(void *ctx, const struct id *parent,
    int (*fn)(void *arg, const struct plan_node *n), void *arg)
{
	OWN(stmt_done) struct stmt *s = NULL;
	struct drivedb_views *v = ctx;
	struct err e;

	if (failed(v,
		sql_ask(v->tx, &e, &s,
		    "SELECT " DRIVEDB_HERE " FROM base"
		    " INDEXED BY base_database WHERE root = ?"
		    " AND parent = ? AND " DRIVEDB_COMPANION,
		    "ui", v->root, parent),
		&e))
		return -1;
	return each(v, s, drivedb_here_row, fn, arg);
}

/* ---- local: base with the differences laid over it ---- */

/* By place: left to itself SQLite takes the key, whose first column is one. */
#define DIFF \
	"SELECT " DRIVEDB_HERE ", trashed, unread FROM diff" \
	" INDEXED BY diff_place WHERE root = ?"
#define BASE \
	"SELECT " DRIVEDB_HERE ", 0, 0 FROM base b INDEXED BY base_place" \
	" WHERE root = ?"
#define NO_DIFF \
	" AND NOT EXISTS (SELECT 1 FROM diff d" \
	" WHERE d.root = b.root AND d.id = b.id)"

static bool
local_find(void *ctx, const struct id *id, struct plan_node *out)
{
	OWN(stmt_done) struct stmt *s = NULL;
	struct drivedb_views *v = ctx;
	struct err e;
	bool row = false;

	if (failed(v,
		sql_first(v->tx, &e, &s, &row,
		    "SELECT " DRIVEDB_HERE ", trashed, unread, gone FROM diff"
		    " WHERE root = ? AND id = ?",
		    "ui", v->root, id),
		&e))
		return false;
	if (!row)
		return base_find(ctx, id, out);
	if (stmt_got_u64(s, 16) != 0)
		return false;
	local_row(s, out);
	return true;
}

static bool
local_child(void *ctx, const struct id *parent, struct bytes name,
    struct plan_node *out)
{
	OWN(stmt_done) struct stmt *s = NULL;
	struct drivedb_views *v = ctx;
	struct err e;

	if (failed(v,
		sql_ask(v->tx, &e, &s,
		    DIFF " AND parent = ? AND name = ? AND NOT gone"
			 " UNION ALL " BASE
			 " AND parent = ? AND name = ?" NO_DIFF,
		    "uibuib", v->root, parent, name, v->root, parent, name),
		&e))
		return false;
	return first(v, s, local_row, out);
}

/* In most passes nothing differs, and base is all there is. */
static bool
any_differs(struct drivedb_views *v)
{
	OWN(stmt_done) struct stmt *s = NULL;
	struct err e;
	bool row = true;

	(void)failed(v,
	    sql_first(v->tx, &e, &s, &row,
		"SELECT 1 FROM diff WHERE root = ? LIMIT 1", "u", v->root),
	    &e);
	return row;
}

static int
local_children(void *ctx, const struct id *parent,
    int (*fn)(void *arg, const struct plan_node *n), void *arg)
{
	OWN(stmt_done) struct stmt *s = NULL;
	struct drivedb_views *v = ctx;
	struct err e;

	if (!any_differs(v))
		return base_children(ctx, parent, fn, arg);
	if (failed(v,
		sql_ask(v->tx, &e, &s,
		    DIFF " AND parent = ? AND NOT gone UNION ALL " BASE
			 " AND parent = ?" NO_DIFF " ORDER BY name, id",
		    "uiui", v->root, parent, v->root, parent),
		&e))
		return -1;
	return each(v, s, local_row, fn, arg);
}

/* Also some that are gone. */
static int
local_companions(void *ctx, const struct id *parent,
    int (*fn)(void *arg, const struct plan_node *n), void *arg)
{
	OWN(stmt_done) struct stmt *s = NULL;
	struct drivedb_views *v = ctx;
	struct err e;

	if (base_companions(ctx, parent, fn, arg) < 0 ||
	    failed(v,
		sql_ask(v->tx, &e, &s,
		    "SELECT " DRIVEDB_HERE ", trashed, unread FROM diff"
		    " INDEXED BY diff_database WHERE root = ?"
		    " AND parent = ? AND " DRIVEDB_COMPANION,
		    "ui", v->root, parent),
		&e))
		return -1;
	return each(v, s, local_row, fn, arg);
}

void
drivedb_views(struct drivedb_views *v, struct tx *tx, uint64_t root)
{
	*v = (struct drivedb_views){ .tx = tx, .root = root };
	v->base = (struct plan_view){ v, base_find, base_child, base_children,
		base_companions };
	v->local = (struct plan_view){ v, local_find, local_child,
		local_children, local_companions };
	v->remote = (struct plan_view){ v, remote_find, remote_child,
		remote_children, remote_companions };
}
