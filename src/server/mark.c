/* SPDX-License-Identifier: ISC */
/* mark.c: rows of the table mark. */
#include "server/mark.h"

int
mark_set(struct tx *tx, const char *name, int64_t time_ms, const char *text,
    bool keeps, struct err *e)
{
	return sql_run(tx, e,
	    "INSERT INTO mark (name, time_ms, text) VALUES (?, ?, ?)"
	    " ON CONFLICT (name) DO UPDATE SET text = excluded.text, time_ms ="
	    " CASE WHEN ? THEN mark.time_ms ELSE excluded.time_ms END",
	    "snsu", name, time_ms, text, (uint64_t)keeps);
}

int
mark_drop(struct tx *tx, const char *name, struct err *e)
{
	return sql_run(tx, e, "DELETE FROM mark WHERE name = ?", "s", name);
}

int
mark_get(struct tx *tx, const char *name, int64_t *time_ms, struct buf *text,
    struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;
	bool row;

	*time_ms = 0;
	if (sql_first(tx, e, &s, &row,
		"SELECT time_ms, text FROM mark WHERE name = ?", "s", name) < 0)
		return -1;
	if (!row)
		return 0;
	*time_ms = stmt_got_i64(s, 0);
	if (text != NULL)
		buf_put_str(text, stmt_got_text(s, 1));
	return 0;
}
