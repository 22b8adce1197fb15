/* SPDX-License-Identifier: ISC */
/* lost.c: the wait of who has lost all factors. */
#include "factor/lost.h"

#include "factor/factor.h"

#define DAY_MS (24 * 3600 * 1000LL)

int
lost_over(struct tx *tx, const struct id *uid, struct err *e)
{
	return sql_run(
	    tx, e, "DELETE FROM factor_loss WHERE uid = ?", "i", uid);
}

int
lost_ready(struct tx *tx, const struct call *c, bool *yes, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;

	return sql_first(tx, e, &s, yes,
	    "SELECT 1 FROM factor_loss WHERE uid = ? AND dev_id = ?"
	    " AND ready_ms <= ? AND ready_ms > ?",
	    "iinn", &c->me->uid, &c->me->dev_id, c->now_ms, c->now_ms - DAY_MS);
}

/* Once more is no new beginning: what was said stands, until it is over. */
int
lost_begin(struct tx *tx, struct call *c, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;
	struct factors f;
	bool row;

	if (factor_password_fresh(c, e) < 0 ||
	    factor_of(tx, &c->me->uid, &f, e) < 0)
		return -1;
	if (!factor_any(&f))
		return err_set(e, ERR_FACTOR_MISSING,
		    "the account has no second factor that could be lost");
	if (sql_run(tx, e,
		"DELETE FROM factor_loss WHERE uid = ? AND ready_ms <= ?", "in",
		&c->me->uid, c->now_ms - DAY_MS) < 0 ||
	    sql_run(tx, e,
		"INSERT INTO factor_loss (uid, dev_id, ready_ms)"
		" VALUES (?, ?, ?) ON CONFLICT (uid, dev_id) DO NOTHING",
		"iin", &c->me->uid, &c->me->dev_id,
		c->now_ms + LIMIT_RECOVERY_WAIT_MS) < 0)
		return -1;
	bool fresh = tx_changes(tx) == 1;
	if (sql_first(tx, e, &s, &row,
		"SELECT ready_ms FROM factor_loss WHERE uid = ? AND dev_id = ?",
		"ii", &c->me->uid, &c->me->dev_id) < 0)
		return -1;
	jsonio_put_u64(c->out, "ready_ms", row ? stmt_got_u64(s, 0) : 0);
	stmt_done(&s);
	return fresh ? server_event_own(tx, c, "factors_lost", "", e) : 0;
}

int
lost_stop(struct tx *tx, struct call *c, struct err *e)
{
	if (lost_over(tx, &c->me->uid, e) < 0)
		return -1;
	return tx_changes(tx) == 0
	    ? err_set(e, ERR_NOT_FOUND, "nobody waits for lost factors")
	    : server_event_own(tx, c, "factors_not_lost", "", e);
}
