/* SPDX-License-Identifier: ISC */
/* drivedb_base.c: base and differences of a root. */
#include "tree/drivedb_in.h"

#include "store/sql.h"

#include <stdlib.h>
#include <string.h>

void
drivedb_here_row(struct stmt *s, struct plan_node *out)
{
	*out = (struct plan_node){ .id = drivedb_id(s, 0),
		.parent = drivedb_id(s, 1),
		.type = (enum node_type)stmt_got_u64(s, 3),
		.exec = stmt_got_u64(s, 4) != 0,
		.secret = stmt_got_u64(s, 5) != 0,
		.version = stmt_got_u64(s, 7),
		.stat = { .dev = (uint64_t)stmt_got_i64(s, 8),
		    .ino = (uint64_t)stmt_got_i64(s, 9),
		    .btime_ns = stmt_got_i64(s, 10),
		    .mtime_ns = stmt_got_i64(s, 11),
		    .ctime_ns = stmt_got_i64(s, 12),
		    .size = (uint64_t)stmt_got_i64(s, 13) } };
	drivedb_name(out, stmt_got_bytes(s, 2));
	stmt_got_copy(s, 6, out->content.b, DIGEST_BYTES);
}

/* Parameters 1 to 15: the root and DRIVEDB_HERE. */
static void
bind_here(struct stmt *s, uint64_t root, const struct plan_node *n)
{
	/* Numbers of inodes and devices may have all 64 bits. */
	const int64_t numbers[] = { (int64_t)n->stat.dev, (int64_t)n->stat.ino,
		n->stat.btime_ns, n->stat.mtime_ns, n->stat.ctime_ns,
		(int64_t)n->stat.size };

	stmt_u64(s, 1, root);
	stmt_bytes(s, 2, bytes_of(n->id.b, ID_BYTES));
	stmt_bytes(s, 3, bytes_of(n->parent.b, ID_BYTES));
	stmt_bytes(s, 4, bytes_of(n->name, n->name_n));
	stmt_u64(s, 5, (uint64_t)n->type);
	stmt_u64(s, 6, n->exec);
	stmt_u64(s, 7, n->secret);
	stmt_bytes(s, 8, bytes_of(n->content.b, DIGEST_BYTES));
	stmt_u64(s, 9, n->version);
	for (int i = 0; i < (int)ARRAY_SIZE(numbers); i++)
		stmt_i64(s, 10 + i, numbers[i]);
}

int
drivedb_base_put(
    struct tx *tx, uint64_t root, const struct plan_node *n, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;

	if (stmt_new(tx,
		"INSERT OR REPLACE INTO base (root, " DRIVEDB_HERE
		") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		&s, e) < 0)
		return -1;
	bind_here(s, root, n);
	return stmt_run(s, e);
}

int
drivedb_base_drop(
    struct tx *tx, uint64_t root, const struct id *id, struct err *e)
{
	return sql_run(tx, e, "DELETE FROM base WHERE root = ? AND id = ?",
	    "ui", root, id);
}

int
drivedb_base_get(struct tx *tx, uint64_t root, const struct id *id,
    struct plan_node *out, bool *found, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;

	if (sql_ask(tx, e, &s,
		"SELECT " DRIVEDB_HERE " FROM base WHERE root = ? AND id = ?",
		"ui", root, id) < 0)
		return -1;
	return drivedb_one(s, drivedb_here_row, out, found, e);
}

static int
each_node(struct stmt *s, drivedb_node_fn fn, void *ctx, struct err *e)
{
	struct plan_node n;
	int row;

	while ((row = sql_next(s, e)) > 0) {
		drivedb_here_row(s, &n);
		if (fn(ctx, &n, e) < 0)
			return -1;
	}
	return row;
}

int
drivedb_base_inode(struct tx *tx, uint64_t root, const struct plan_stat *is,
    drivedb_node_fn fn, void *ctx, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;

	if (sql_ask(tx, e, &s,
		"SELECT " DRIVEDB_HERE " FROM base INDEXED BY base_inode"
		" WHERE root = ? AND dev = ? AND ino = ? ORDER BY id",
		"unn", root, (int64_t)is->dev, (int64_t)is->ino) < 0)
		return -1;
	return each_node(s, fn, ctx, e);
}

int
drivedb_base_children(struct tx *tx, uint64_t root, const struct id *parent,
    drivedb_node_fn fn, void *ctx, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;

	if (sql_ask(tx, e, &s,
		"SELECT " DRIVEDB_HERE " FROM base INDEXED BY base_place"
		" WHERE root = ? AND parent = ? ORDER BY name, id",
		"ui", root, parent) < 0)
		return -1;
	return each_node(s, fn, ctx, e);
}

int
drivedb_base_files(struct tx *tx, uint64_t root, uint64_t *n, struct err *e)
{
	return sql_count(tx, e, n,
	    "SELECT count(*) FROM base WHERE root = ? AND type = 1", "u", root);
}

/* ---- differences ---- */

int
drivedb_diff_put(
    struct tx *tx, uint64_t root, const struct drivedb_diff *x, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;

	if (stmt_new(tx,
		"INSERT OR REPLACE INTO diff (root, " DRIVEDB_HERE
		", gone, trashed, unread, stored)"
		" VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,"
		" ?, ?, ?, ?)",
		&s, e) < 0)
		return -1;
	bind_here(s, root, &x->node);
	stmt_u64(s, 16, x->gone);
	stmt_u64(s, 17, x->node.trashed);
	stmt_u64(s, 18, x->node.unread);
	stmt_bytes(s, 19, x->content);
	return stmt_run(s, e);
}

int
drivedb_diff_drop(
    struct tx *tx, uint64_t root, const struct id *id, struct err *e)
{
	return sql_run(tx, e, "DELETE FROM diff WHERE root = ? AND id = ?",
	    "ui", root, id);
}

#define DIFF DRIVEDB_HERE ", gone, trashed, unread, stored"

static void
diff_row(struct stmt *s, struct drivedb_diff *out)
{
	drivedb_here_row(s, &out->node);
	out->gone = stmt_got_u64(s, 14) != 0;
	out->node.trashed = stmt_got_u64(s, 15) != 0;
	out->node.unread = stmt_got_u64(s, 16) != 0;
	out->content = stmt_got_bytes(s, 17);
}

int
drivedb_diff_get(struct tx *tx, uint64_t root, const struct id *id,
    struct drivedb_diff *out, bool *found, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;

	if (sql_first(tx, e, &s, found,
		"SELECT " DIFF " FROM diff WHERE root = ? AND id = ?", "ui",
		root, id) < 0)
		return -1;
	if (*found)
		diff_row(s, out);
	out->content = bytes_of(NULL, 0);
	return 0;
}

int
drivedb_diff_content(struct tx *tx, uint64_t root, const struct id *id,
    struct buf *out, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;
	bool row;

	if (sql_first(tx, e, &s, &row,
		"SELECT stored FROM diff WHERE root = ? AND id = ?", "ui", root,
		id) < 0)
		return -1;
	if (row)
		buf_put_bytes(out, stmt_got_bytes(s, 0));
	return 0;
}

int
drivedb_diffs(
    struct tx *tx, uint64_t root, drivedb_diff_fn fn, void *ctx, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;
	struct drivedb_diff x;
	int row;

	if (sql_ask(tx, e, &s,
		"SELECT " DIFF " FROM diff WHERE root = ? ORDER BY id", "u",
		root) < 0)
		return -1;
	while ((row = sql_next(s, e)) > 0) {
		diff_row(s, &x);
		if (fn(ctx, &x, e) < 0)
			return -1;
	}
	return row;
}

int
drivedb_diffs_clear(struct tx *tx, uint64_t root, struct err *e)
{
	return sql_run(tx, e, "DELETE FROM diff WHERE root = ?", "u", root);
}

int
drivedb_base_orphans(struct tx *tx, const struct drivedb_root *r, struct err *e)
{
	return sql_run(tx, e,
	    "WITH RECURSIVE dirs(id) AS (SELECT ?1 UNION SELECT b.id FROM dirs"
	    " CROSS JOIN base b INDEXED BY base_dirs"
	    " ON b.root = ?2 AND b.parent = dirs.id WHERE b.type = 2)"
	    " DELETE FROM base WHERE root = ?2 AND parent NOT IN dirs",
	    "iu", &r->top, r->root);
}

int
drivedb_diff_rename(struct tx *tx, uint64_t root, const struct id *from,
    const struct id *to, struct err *e)
{
	if (sql_run(tx, e,
		"UPDATE OR REPLACE diff SET id = ? WHERE root = ? AND id = ?",
		"iui", to, root, from) < 0)
		return -1;
	return sql_run(tx, e,
	    "UPDATE diff INDEXED BY diff_place SET parent = ? WHERE root = ? "
	    "AND parent = ?",
	    "iui", to, root, from);
}

/* ---- what may differ ---- */

static int
gather(struct tx *tx, const char *sql, uint64_t root, struct buf *out,
    struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;
	int row;

	if (sql_ask(tx, e, &s, sql, "u", root) < 0)
		return -1;
	while ((row = sql_next(s, e)) > 0)
		buf_put_bytes(out, stmt_got_bytes(s, 0));
	return row;
}

int
drivedb_base_file_ids(
    struct tx *tx, uint64_t root, struct buf *ids, struct err *e)
{
	return gather(tx, "SELECT id FROM base WHERE root = ? AND type = 1",
	    root, ids, e);
}

static int
by_id(const void *a, const void *b)
{
	return id_cmp(a, b);
}

int
drivedb_touched(
    struct tx *tx, uint64_t root, struct buf *touched, struct err *e)
{
	OWN(buf_free) struct buf all = { 0 };

	/* What is in the trash there and not here stays so. A place can be
	 * another one of the same version: valid.h. */
	if (gather(tx,
		"SELECT t.id FROM tree t"
		" LEFT JOIN base b ON b.root = ? AND b.id = t.id"
		" WHERE CASE WHEN b.id IS NULL THEN NOT t.flags & 2"
		" ELSE t.version <> b.version OR t.flags & 2 OR t.type <> "
		"b.type"
		" OR t.parent <> b.parent OR t.name <> b.name END",
		root, &all, e) < 0 ||
	    gather(tx,
		"SELECT b.id FROM base b WHERE b.root = ? AND NOT EXISTS"
		" (SELECT 1 FROM tree t WHERE t.id = b.id)",
		root, &all, e) < 0 ||
	    gather(tx, "SELECT id FROM diff WHERE root = ?", root, &all, e) < 0)
		return -1;
	size_t n = all.n / ID_BYTES;
	if (n > 1)
		qsort(all.p, n, ID_BYTES, by_id);
	for (size_t i = 0; i < n; i++) {
		const uint8_t *p = all.p + i * ID_BYTES;
		if (i == 0 ||
		    !bytes_equal(bytes_of(p, ID_BYTES),
			bytes_of(p - ID_BYTES, ID_BYTES)))
			buf_put(touched, p, ID_BYTES);
	}
	return 0;
}

int
drivedb_diffs_unread(struct tx *tx, struct buf *touched, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;
	int row;

	if (sql_ask(tx, e, &s,
		"SELECT id FROM diff WHERE type = 1 AND NOT gone"
		" AND length(stored) > 0",
		"") < 0)
		return -1;
	while ((row = sql_next(s, e)) > 0) {
		struct id id;
		stmt_got_copy(s, 0, id.b, ID_BYTES);
		id_put(touched, &id);
	}
	return row < 0 ? -1
		       : sql_run(tx, e,
			     "UPDATE diff SET unread = 1, stored = x''"
			     " WHERE type = 1 AND NOT gone"
			     " AND length(stored) > 0",
			     "");
}
