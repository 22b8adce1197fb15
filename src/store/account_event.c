/* SPDX-License-Identifier: ISC */
/* account_event.c: the account's log. */
#include "store/account.h"

#include <string.h>

/*
 * What somebody outside can cause, as often as he likes from ever new
 * addresses. Each kind has its own limit, so that none pushes out another.
 */
static bool
is_attempt(const char *event)
{
	static const char *const attempts[] = { "signin_started",
		"signin_failed", "step_up_started", "code_sent", "code_wrong",
		"join_opened", "join_refused", "join_failed", "join_ended",
		"visit_asked", "visit_refused", "visit_ended",
		"security_key_refused" };

	for (size_t i = 0; i < ARRAY_SIZE(attempts); i++)
		if (strcmp(event, attempts[i]) == 0)
			return true;
	return false;
}

int
account_event(struct tx *tx, const struct id *uid,
    const struct account_event *x, struct err *e)
{
	static const struct id nobody;

	if (sql_run(tx, e,
		"INSERT INTO event (uid, n, time_ms, event, dev_id, address,"
		" detail) VALUES (?, (SELECT COALESCE(MAX(n), 0) + 1 FROM event"
		" WHERE uid = ?), ?, ?, ?, ?, ?)",
		"iinsiss", uid, uid, x->time_ms, x->event,
		x->dev_id != NULL ? x->dev_id : &nobody, x->address,
		x->detail) < 0)
		return -1;
	return sql_run(tx, e,
	    "DELETE FROM event WHERE uid = ? AND event = ? AND n <="
	    " (SELECT n FROM event WHERE uid = ? AND event = ?"
	    " ORDER BY n DESC LIMIT 1 OFFSET ?)",
	    "isisu", uid, x->event, uid, x->event,
	    (uint64_t)(is_attempt(x->event) ? ACCOUNT_ATTEMPTS
					    : ACCOUNT_EVENTS));
}
