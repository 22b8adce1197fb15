/* SPDX-License-Identifier: ISC */
/* drivedb.c: drive.db: its tables, and the roots. */
#include "tree/drivedb_in.h"

#include "store/sql.h"

#include <stdlib.h>
#include <string.h>

struct drivedb {
	struct db *db;
	struct drivedb_seen seen;
};

/* What a node is here, in base and in a difference. */
#define HERE \
	"root INTEGER NOT NULL, id BLOB NOT NULL, parent BLOB NOT NULL," \
	" name BLOB NOT NULL, type INTEGER NOT NULL, exec INTEGER NOT NULL," \
	" secret INTEGER NOT NULL, content BLOB NOT NULL," \
	" version INTEGER NOT NULL, dev INTEGER NOT NULL," \
	" ino INTEGER NOT NULL, btime INTEGER NOT NULL," \
	" mtime INTEGER NOT NULL, ctime INTEGER NOT NULL," \
	" size INTEGER NOT NULL"

static const char *const schema[] = {
	"CREATE TABLE pair (name TEXT PRIMARY KEY, value BLOB NOT NULL);"
	/*
	 * parent and name are where a node is shown; own_parent and own_name
	 * what its record says, where that is something else; mark says why.
	 */
	"CREATE TABLE tree (row INTEGER PRIMARY KEY, id BLOB NOT NULL,"
	" parent BLOB NOT NULL, name BLOB NOT NULL, type INTEGER NOT NULL,"
	" flags INTEGER NOT NULL, version INTEGER NOT NULL,"
	" seq INTEGER NOT NULL, size INTEGER NOT NULL, mtime INTEGER NOT NULL,"
	" changed_ms INTEGER NOT NULL, trashed_ms INTEGER NOT NULL,"
	" edits INTEGER NOT NULL, dev BLOB NOT NULL, content BLOB NOT NULL,"
	" mark INTEGER NOT NULL DEFAULT 0, own_parent BLOB, own_name "
	"BLOB);" DRIVEDB_INDEXES
	/* Ids whose place is still to be looked at. */
	"CREATE TABLE todo (row INTEGER PRIMARY KEY, id BLOB NOT NULL);"
	/* Records that are no nodes. */
	"CREATE TABLE bad (id BLOB PRIMARY KEY) WITHOUT ROWID;"
	"CREATE TABLE root (root INTEGER PRIMARY KEY AUTOINCREMENT,"
	" path TEXT NOT NULL, marker BLOB NOT NULL,"
	" generation INTEGER NOT NULL, top BLOB NOT NULL,"
	" seq INTEGER NOT NULL, enabled INTEGER NOT NULL);"
	/* Rows of a directory lie near each other, as they came: a scan reads
	 * them by place, and ids are random. */
	"CREATE TABLE base (" HERE ", PRIMARY KEY (root, id));"
	"CREATE INDEX base_place ON base (root, parent, name);"
	"CREATE INDEX base_inode ON base (root, dev, ino);"
	"CREATE INDEX base_dirs ON base (root, parent, id) WHERE type = 2;"
	"CREATE TABLE diff (" HERE ", gone INTEGER NOT NULL,"
	" trashed INTEGER NOT NULL, unread INTEGER NOT NULL,"
	" stored BLOB NOT NULL, PRIMARY KEY (root, id));"
	"CREATE INDEX diff_place ON diff (root, parent, name);"
	/* Directories that a root does not have here. */
	"CREATE TABLE skip (root INTEGER NOT NULL, id BLOB NOT NULL,"
	" PRIMARY KEY (root, id)) WITHOUT ROWID;",
	/* Directories that have a database of several files. */
	"CREATE INDEX IF NOT EXISTS tree_database ON tree (parent)"
	" WHERE " DRIVEDB_COMPANION ";"
	"CREATE INDEX base_database ON base (root, parent)"
	" WHERE " DRIVEDB_COMPANION ";"
	"CREATE INDEX diff_database ON diff (root, parent)"
	" WHERE " DRIVEDB_COMPANION ";",
};

int
drivedb_open(const char *path, struct drivedb **out, struct err *e)
{
	OWN(drivedb_free) struct drivedb *d = mem_new(sizeof *d);

	if (db_open(path, DB_OWN, &d->db, e) < 0 ||
	    db_migrate(d->db, "drive", schema, ARRAY_SIZE(schema), e) < 0) {
		/* All of it is in the zone and on the disk. */
		if (e->code == ERR_STATE_DAMAGED)
			(void)err_remedy(e,
			    "Move %s away, then bring each folder together "
			    "with the drive anew, which deletes nothing: "
			    "aumbry drive sync DIR --adopt",
			    path);
		return -1;
	}
	OWN(buf_free) struct buf lock = { 0 };
	buf_printf(&lock, "%s.follow", path);
	d->seen.lock = mem_text(buf_text(&lock));
	*out = TAKE(d);
	return 0;
}

void
drivedb_free(struct drivedb **d)
{
	if (*d != NULL) {
		db_free(&(*d)->db);
		free((*d)->seen.lock);
	}
	free(*d);
	*d = NULL;
}

struct drivedb_seen *
drivedb_seen(struct drivedb *d)
{
	return &d->seen;
}

struct db *
drivedb_db(struct drivedb *d)
{
	return d->db;
}

struct id
drivedb_id(struct stmt *s, int i)
{
	struct id id;

	stmt_got_copy(s, i, id.b, ID_BYTES);
	return id;
}

void
drivedb_name(struct plan_node *n, struct bytes name)
{
	n->name_n = (uint8_t)(name.n <= NODE_NAME_MAX ? name.n : 0);
	if (n->name_n > 0)
		memcpy(n->name, name.p, n->name_n);
	n->name[n->name_n] = '\0';
}

int
drivedb_one(struct stmt *s, void (*row)(struct stmt *, struct plan_node *),
    struct plan_node *out, bool *found, struct err *e)
{
	if (stmt_next(s, found, e) < 0)
		return -1;
	if (*found)
		row(s, out);
	return 0;
}

int
drivedb_gather(struct tx *tx, const char *sql, struct buf *out, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;
	int row;

	if (stmt_new(tx, sql, &s, e) < 0)
		return -1;
	while ((row = sql_next(s, e)) > 0)
		buf_put_bytes(out, stmt_got_bytes(s, 0));
	return row;
}

/* ---- roots ---- */

void
drivedb_root_free(struct drivedb_root *r)
{
	free(r->path);
	*r = (struct drivedb_root){ 0 };
}

int
drivedb_root_add(struct tx *tx, struct drivedb_root *r, struct err *e)
{
	if (sql_run(tx, e,
		"INSERT INTO root (path, marker, generation, top, seq, enabled)"
		" VALUES (?, ?, ?, ?, ?, ?)",
		"siuiuu", r->path, &r->marker, r->generation, &r->top, r->seq,
		(uint64_t)r->enabled) < 0)
		return -1;
	return sql_count(tx, e, &r->root, "SELECT max(root) FROM root", "");
}

int
drivedb_root_set(struct tx *tx, const struct drivedb_root *r, struct err *e)
{
	if (sql_run(tx, e,
		"UPDATE root SET path = ?, marker = ?, generation = ?, top = ?,"
		" seq = ?, enabled = ? WHERE root = ?",
		"siuiuuu", r->path, &r->marker, r->generation, &r->top, r->seq,
		(uint64_t)r->enabled, r->root) < 0)
		return -1;
	return tx_changes(tx) > 0
	    ? 0
	    : err_set(e, ERR_NOT_FOUND, "there is no such root");
}

int
drivedb_root_drop(struct tx *tx, uint64_t root, struct err *e)
{
	if (sql_run(tx, e, "DELETE FROM diff WHERE root = ?", "u", root) < 0 ||
	    sql_run(tx, e, "DELETE FROM base WHERE root = ?", "u", root) < 0 ||
	    sql_run(tx, e, "DELETE FROM skip WHERE root = ?", "u", root) < 0)
		return -1;
	return sql_run(tx, e, "DELETE FROM root WHERE root = ?", "u", root);
}

int
drivedb_roots(struct tx *tx, drivedb_root_fn fn, void *ctx, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;
	int row;

	if (stmt_new(tx,
		"SELECT root, path, marker, generation, top, seq, enabled"
		" FROM root ORDER BY root",
		&s, e) < 0)
		return -1;
	while ((row = sql_next(s, e)) > 0) {
		OWN(drivedb_root_free)
		struct drivedb_root r = { .root = stmt_got_u64(s, 0),
			.path = mem_text(stmt_got_text(s, 1)),
			.marker = drivedb_id(s, 2),
			.generation = stmt_got_u64(s, 3),
			.top = drivedb_id(s, 4),
			.seq = stmt_got_u64(s, 5),
			.enabled = stmt_got_u64(s, 6) != 0 };
		if (fn(ctx, &r, e) < 0)
			return -1;
	}
	return row;
}
