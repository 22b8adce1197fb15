/* SPDX-License-Identifier: ISC */
/* message.c: relayed messages in their table. */
#include "api/message.h"

#include "base/text.h"

#define MESSAGES_MAX 64 /* in one request: several codes, each a few */

int
message_post(struct tx *tx, const struct id *of, unsigned side,
    struct bytes body, uint64_t *n, struct err *e)
{
	if (sql_count(tx, e, n,
		"SELECT COUNT(*) FROM joining_message WHERE joining = ?", "i",
		of) < 0)
		return -1;
	++*n;
	if (*n > MESSAGES_MAX)
		return err_set(e, ERR_TOO_LARGE,
		    "a request carries at most %d messages", MESSAGES_MAX);
	return sql_run(tx, e,
	    "INSERT INTO joining_message (joining, n, side, body)"
	    " VALUES (?, ?, ?, ?)",
	    "iuub", of, *n, (uint64_t)side, body);
}

int
message_clear(struct tx *tx, const struct id *of, struct err *e)
{
	return sql_run(tx, e,
	    "UPDATE joining_message SET body = x'' WHERE joining = ?", "i", of);
}

int
message_query(const struct request *q, struct message_query *out, struct err *e)
{
	const char *after = http_query(q, "after");
	const char *state = http_query(q, "state");
	const char *wait = http_query(q, "wait");

	*out = (struct message_query){ 0, 0, UINT64_MAX };
	if (wait != NULL &&
	    text_parse_u64(wait, 0, LIMIT_POLL_S, &out->wait_s) < 0)
		return err_set(e, ERR_BAD_REQUEST,
		    "wait is no number of at most %d", LIMIT_POLL_S);
	if ((after != NULL &&
		text_parse_u64(after, 0, UINT32_MAX, &out->after) < 0) ||
	    (state != NULL && text_parse_u64(state, 0, 255, &out->known) < 0))
		return err_set(e, ERR_BAD_REQUEST, "after is no number");
	return 0;
}

int
message_list(struct tx *tx, const struct id *of, uint64_t after, unsigned state,
    struct buf *out, uint64_t *n, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;

	buf_clear(out);
	buf_put_u8(out, (uint8_t)state);
	buf_put_u8(out, 0);
	if (sql_ask(tx, e, &s,
		"SELECT n, side, body FROM joining_message WHERE joining = ?"
		" AND n > ? ORDER BY n",
		"iu", of, after) < 0)
		return -1;
	for (*n = 0;; ++*n) {
		bool row;
		if (stmt_next(s, &row, e) < 0)
			return -1;
		if (!row)
			return 0;
		buf_put_u32(out, (uint32_t)stmt_got_u64(s, 0));
		buf_put_u8(out, (uint8_t)stmt_got_u64(s, 1));
		buf_put_v16(out, stmt_got_bytes(s, 2));
	}
}
