/* SPDX-License-Identifier: ISC */
/* account_session.c: sessions open, are proven, and end. */
#include "store/account.h"

#define NONCE_MS (5 * 60 * 1000) /* a challenge is good for a minute */

/* Used for as long as it could be answered again: longer than the session that
 * it opened, which may end at once. */
static int
use_nonce(struct tx *tx, const struct account_session *x, struct bytes nonce,
    struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;
	bool row;

	if (sql_first(tx, e, &s, &row,
		"SELECT 1 FROM used_nonce WHERE nonce = ?", "b", nonce) < 0)
		return -1;
	if (row)
		return err_set(
		    e, ERR_CONFLICT, "this challenge was answered before");
	return sql_run(tx, e,
	    "INSERT INTO used_nonce (nonce, expires_ms) VALUES (?, ?)", "bn",
	    nonce, x->opened_ms + NONCE_MS);
}

/* The oldest ends where there are enough: of a device, or of all visitors. */
static int
make_room(struct tx *tx, const struct account_session *x, struct err *e)
{
	return sql_run(tx, e,
	    "DELETE FROM session WHERE token IN (SELECT token FROM session"
	    " WHERE uid = ? AND dev_id = ? AND limited = ?"
	    " ORDER BY opened_ms DESC LIMIT ? OFFSET ?)",
	    "iiuuu", &x->uid, &x->dev_id, (uint64_t)x->limited, UINT64_C(10000),
	    (uint64_t)ACCOUNT_SESSIONS - 1);
}

int
account_add_session(struct tx *tx, const struct digest *token,
    const struct account_session *x, struct bytes nonce, struct err *e)
{
	if (use_nonce(tx, x, nonce, e) < 0 || make_room(tx, x, e) < 0)
		return -1;
	return sql_run(tx, e,
	    "INSERT INTO session (token, id, uid, dev_id, nonce, class,"
	    " limited, opened_ms, expires_ms, password_ms, step_up_ms, os,"
	    " address, way) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?, ?, ?)",
	    "diiibuunnnsss", token, &x->id, &x->uid, &x->dev_id, nonce,
	    (uint64_t)x->class, (uint64_t)x->limited, x->opened_ms,
	    x->expires_ms, x->step_up_ms, x->os, x->address,
	    x->way != NULL ? x->way : "");
}

int
account_released(struct tx *tx, const struct digest *token, uint64_t categories,
    struct err *e)
{
	return sql_run(tx, e,
	    "UPDATE session SET released = released | ? WHERE token = ?", "ud",
	    categories, token);
}

int
account_session(struct tx *tx, const struct digest *token, int64_t now_ms,
    struct account_session *out, bool *found, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;

	if (sql_first(tx, e, &s, found,
		"SELECT id, uid, dev_id, class, limited, opened_ms,"
		" expires_ms, password_ms, step_up_ms, released FROM session"
		" WHERE token = ? AND expires_ms > ?",
		"dn", token, now_ms) < 0)
		return -1;
	if (!*found)
		return 0;
	*out = (struct account_session){ .os = "", .address = "", .way = "" };
	stmt_got_copy(s, 0, out->id.b, ID_BYTES);
	stmt_got_copy(s, 1, out->uid.b, ID_BYTES);
	stmt_got_copy(s, 2, out->dev_id.b, ID_BYTES);
	out->class = (uint8_t)stmt_got_u64(s, 3);
	out->limited = stmt_got_u64(s, 4) != 0;
	out->opened_ms = stmt_got_i64(s, 5);
	out->expires_ms = stmt_got_i64(s, 6);
	out->password_ms = stmt_got_i64(s, 7);
	out->step_up_ms = stmt_got_i64(s, 8);
	out->released = stmt_got_u64(s, 9);
	return 0;
}

int
account_step_up(
    struct tx *tx, const struct digest *token, int64_t now_ms, struct err *e)
{
	return sql_run(tx, e,
	    "UPDATE session SET step_up_ms = ? WHERE token = ?", "nd", now_ms,
	    token);
}

int
account_password_proven(
    struct tx *tx, const struct digest *token, int64_t now_ms, struct err *e)
{
	return sql_run(tx, e,
	    "UPDATE session SET password_ms = ? WHERE token = ?", "nd", now_ms,
	    token);
}

int
account_end_visits(struct tx *tx, const struct id *uid,
    const struct digest *but, struct err *e)
{
	return sql_run(tx, e,
		   "DELETE FROM session WHERE uid = ? AND limited = 1"
		   " AND token <> ?",
		   "id", uid, but) < 0 ||
		sql_run(tx, e, "DELETE FROM login WHERE uid = ?", "i", uid) <
		    0 ||
		sql_run(tx, e,
		    "UPDATE joining SET state = 4 WHERE uid = ?"
		    " AND state <= 1",
		    "i", uid) < 0
	    ? -1
	    : sql_run(
		  tx, e, "DELETE FROM trusted_browser WHERE uid = ?", "i", uid);
}

int
account_end_sessions(
    struct tx *tx, const struct id *uid, const struct id *dev_id, struct err *e)
{
	if (dev_id == NULL)
		return sql_run(
		    tx, e, "DELETE FROM session WHERE uid = ?", "i", uid);
	return sql_run(tx, e,
	    "DELETE FROM session WHERE uid = ? AND dev_id = ?", "ii", uid,
	    dev_id);
}
