/* SPDX-License-Identifier: ISC */
/* ordered.c: a sign-in ends what an operator has ordered. */
#include "server/ordered.h"

#include "server/escrowlink.h"

int
ordered_stop(struct tx *tx, struct call *c, const struct id *uid, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;
	OWN(buf_free) struct buf body = { 0 };
	struct id id;
	bool row;

	if (sql_first(tx, e, &s, &row,
		"SELECT id FROM recovering WHERE uid = ? AND known = 1"
		" AND way = 'operator' AND state = ? AND expires_ms > ?",
		"iun", uid, (uint64_t)RECOVER_WAITING, c->now_ms) < 0)
		return -1;
	if (!row)
		return 0;
	stmt_got_copy(s, 0, id.b, ID_BYTES);
	stmt_done(&s);
	id_put(&body, &id);
	buf_put_v8(&body, bytes_str("a sign-in"));
	return sql_run(tx, e,
		   "UPDATE recovering SET state = ? WHERE uid = ?"
		   " AND way = 'operator' AND state <= ?",
		   "uiu", (uint64_t)RECOVER_STOPPED, uid,
		   (uint64_t)RECOVER_WAITING) < 0 ||
		escrowlink_later(
		    tx, c, uid, ESCROW_CANCEL, buf_bytes(&body), e) < 0
	    ? -1
	    : server_event(tx, c,
		  &(struct server_event){
		      uid, "recovery_stopped", NULL, "operator, by a sign-in" },
		  e);
}
