/* SPDX-License-Identifier: ISC */
/* backups.c: whether a device backs up by itself, and when it did so last. */
/*
 * Only the device knows what became of its backups. It says so, and the server
 * tells the account of one that stays silent (server/notice.h).
 */
#include "api/api.h"

int
backups_state(struct tx *tx, struct call *c, struct err *e)
{
	uint64_t last = 0;

	if (!jsonio_true(c->in, "enabled"))
		return sql_run(tx, e,
		    "DELETE FROM backup_state WHERE uid = ? AND dev_id = ?",
		    "ii", &c->me->uid, &c->me->dev_id);
	if (jsonio_u64(c->in, "last_ms", &last, e) < 0)
		return -1;
	/* Nothing was backed up at a time that has not come. */
	if (last > (uint64_t)c->now_ms)
		last = (uint64_t)c->now_ms;
	return sql_run(tx, e,
	    "INSERT INTO backup_state (uid, dev_id, last_ms, since_ms, told)"
	    " VALUES (?, ?, ?, ?, 0) ON CONFLICT (uid, dev_id) DO UPDATE SET"
	    " told = CASE WHEN excluded.last_ms > since_ms THEN 0 ELSE told"
	    " END, since_ms = MAX(since_ms, excluded.last_ms),"
	    " last_ms = excluded.last_ms",
	    "iiun", &c->me->uid, &c->me->dev_id, last, c->now_ms);
}
