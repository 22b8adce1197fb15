/* SPDX-License-Identifier: ISC */
/* drivedb_in.h: what the parts of drivedb share. For drivedb*.c and valid*.c. */
#pragma once

#include "tree/drivedb.h"

/* A name as those of dbfile.h: -wal, -shm, -journal. An index of them,
 * and a question that is to use it, say it in these very words. */
#define DRIVEDB_COMPANION \
	"(substr(name, -4) IN (x'2d77616c', x'2d73686d') OR" \
	" substr(name, -8) = x'2d6a6f75726e616c')"

/* The indexes of tree: made when all is there, when a whole zone comes. */
#define DRIVEDB_INDEXES \
	"CREATE UNIQUE INDEX tree_id ON tree (id);" \
	"CREATE INDEX tree_place ON tree (parent, name);" \
	"CREATE INDEX tree_dir ON tree (parent) WHERE type = 2;" \
	"CREATE INDEX tree_trash ON tree (trashed_ms) WHERE flags & 2;" \
	"CREATE INDEX tree_mark ON tree (mark) WHERE mark <> 0;" \
	"CREATE INDEX tree_database ON tree (parent) WHERE " DRIVEDB_COMPANION \
	";"
#define DRIVEDB_NO_INDEXES \
	"DROP INDEX tree_id; DROP INDEX tree_place; DROP INDEX tree_dir;" \
	"DROP INDEX tree_trash; DROP INDEX tree_mark; DROP INDEX " \
	"tree_database;"

/* Columns of tree for drivedb_tree_row, and those behind them of an entry. */
#define DRIVEDB_TREE "id, parent, name, type, flags, version, content"
#define DRIVEDB_ENTRY \
	DRIVEDB_TREE ", size, edits, changed_ms, trashed_ms, mtime, dev"
void drivedb_tree_row(struct stmt *s, struct plan_node *out);

/* Columns of base and diff for drivedb_here_row. */
#define DRIVEDB_HERE \
	"id, parent, name, type, exec, secret, content, version, dev, ino," \
	" btime, mtime, ctime, size"
void drivedb_here_row(struct stmt *s, struct plan_node *out);

/* One node by a statement that was bound. */
MUST_CHECK int drivedb_one(struct stmt *s,
    void (*row)(struct stmt *, struct plan_node *), struct plan_node *out,
    bool *found, struct err *e);

/* The first column of all rows, appended. */
MUST_CHECK int drivedb_gather(
    struct tx *tx, const char *sql, struct buf *out, struct err *e);

/* Column i of a row as id. */
struct id drivedb_id(struct stmt *s, int i);
void drivedb_name(struct plan_node *n, struct bytes name);

/* Write a node that came with a record, of which nothing is known; or what
 * may be known: *changed false when that is all. */
MUST_CHECK int drivedb_tree_add(struct tx *tx, const struct drivedb_entry *x,
    uint16_t flags, uint64_t seq, struct err *e);
MUST_CHECK int drivedb_tree_put(struct tx *tx, const struct drivedb_entry *x,
    uint16_t flags, uint64_t seq, bool *changed, struct err *e);
/* errors: also record-corrupt, when it is none that a tree can have. */
MUST_CHECK int drivedb_entry_of(const struct id *id, uint64_t version,
    const struct node *n, struct drivedb_entry *out, struct err *e);

/* Have valid_mend look at a node. */
MUST_CHECK int drivedb_todo(struct tx *tx, const struct id *id, struct err *e);

/* What one process knows of how the tree follows. */
struct drivedb_seen {
	struct id base;
	uint64_t seq; /* up to which it was told what was touched; 0: never */
	char *lock; /* path of a file: one process follows at a time */
};
struct drivedb_seen *drivedb_seen(struct drivedb *d);
