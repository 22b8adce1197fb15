/* SPDX-License-Identifier: ISC */
/* drivedb_gone.c: what a person deleted in a root, and how much of late. */
#include "tree/drivedb_in.h"

#include "store/sql.h"
#include "wire/digest.h"

#include <string.h>

/* Nodes that are gone here and are there as both sides knew them. */
#define GONE \
	" FROM diff d JOIN base b ON b.root = d.root AND b.id = d.id" \
	" JOIN tree t ON t.id = d.id AND t.version = b.version" \
	" AND NOT t.flags & 2 WHERE d.root = ? AND d.gone "

int
drivedb_gone(struct tx *tx, uint64_t root, uint64_t *files, struct id *set,
    struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;
	OWN(buf_free) struct buf ids = { 0 };
	int row;

	*files = 0;
	*set = (struct id){ { 0 } };
	if (sql_ask(tx, e, &s,
		"SELECT d.id, b.type, b.version" GONE "ORDER BY d.id", "u",
		root) < 0)
		return -1;
	while ((row = sql_next(s, e)) > 0) {
		buf_put_bytes(&ids, stmt_got_bytes(s, 0));
		buf_put_u64(&ids, stmt_got_u64(s, 2));
		*files += stmt_got_u64(s, 1) != NODE_DIR;
	}
	if (row < 0 || ids.n == 0)
		return row;
	*set = digest_id(buf_bytes(&ids));
	return 0;
}

int
drivedb_gone_undo(struct tx *tx, uint64_t root, struct buf *ids, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;
	size_t before = ids->n;
	int row;

	if (sql_ask(tx, e, &s, "SELECT d.id" GONE, "u", root) < 0)
		return -1;
	while ((row = sql_next(s, e)) > 0)
		buf_put_bytes(ids, stmt_got_bytes(s, 0));
	for (size_t at = before; row == 0 && at < ids->n; at += ID_BYTES) {
		struct id id;
		memcpy(id.b, ids->p + at, ID_BYTES);
		if (drivedb_base_drop(tx, root, &id, e) < 0 ||
		    drivedb_diff_drop(tx, root, &id, e) < 0)
			return -1;
	}
	return row;
}

int
drivedb_keep(struct tx *tx, const char *name, struct bytes value, struct err *e)
{
	return sql_run(tx, e,
	    "INSERT OR REPLACE INTO pair (name, value) VALUES (?, ?)", "sb",
	    name, value);
}

int
drivedb_kept(struct tx *tx, const char *name, struct buf *out, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;
	bool row;

	if (sql_first(tx, e, &s, &row, "SELECT value FROM pair WHERE name = ?",
		"s", name) < 0)
		return -1;
	if (row)
		buf_put_bytes(out, stmt_got_bytes(s, 0));
	return 0;
}
