/* SPDX-License-Identifier: ISC */
/* drivedb_in.h: what the parts of drivedb share. For drivedb*.c and valid*.c. */
#pragma once

#include "drive/drivedb.h"

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

/* Column i of a row as id. */
struct id drivedb_id(struct stmt *s, int i);
void drivedb_name(struct plan_node *n, struct bytes name);

/* Write a node that came with a record; *changed false: it is that already. */
MUST_CHECK int drivedb_tree_put(struct tx *tx, const struct drivedb_entry *x,
    uint16_t flags, uint64_t seq, bool *changed, struct err *e);
/* errors: also record-corrupt, when it is none that a tree can have. */
MUST_CHECK int drivedb_entry_of(const struct id *id, uint64_t version,
    const struct node *n, struct drivedb_entry *out, struct err *e);

/* Have valid_mend look at a node. */
MUST_CHECK int drivedb_todo(struct tx *tx, const struct id *id, struct err *e);
