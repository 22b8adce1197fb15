/* SPDX-License-Identifier: ISC */
/* message.c: relayed messages in their table. */
#include "api/message.h"

#include "base/text.h"
#include "server/once.h"

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

static int
take_query(const struct request *q, struct message_talk *t, struct err *e)
{
	const char *after = http_query(q, "after");
	const char *state = http_query(q, "state");
	const char *wait = http_query(q, "wait");

	t->known = UINT64_MAX;
	if (wait != NULL &&
	    text_parse_u64(wait, 0, LIMIT_POLL_S, &t->wait_s) < 0)
		return err_set(e, ERR_BAD_REQUEST,
		    "wait is no number of at most %d", LIMIT_POLL_S);
	if ((after != NULL &&
		text_parse_u64(after, 0, UINT32_MAX, &t->after) < 0) ||
	    (state != NULL && text_parse_u64(state, 0, 255, &t->known) < 0))
		return err_set(e, ERR_BAD_REQUEST, "after is no number");
	return 0;
}

int
message_list(struct tx *tx, const struct id *of, unsigned state,
    struct message_talk *t, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;

	t->state = state;
	buf_clear(t->out);
	buf_put_u8(t->out, (uint8_t)state);
	buf_put_u8(t->out, 0);
	if (sql_ask(tx, e, &s,
		"SELECT n, side, body FROM joining_message WHERE joining = ?"
		" AND n > ? ORDER BY n",
		"iu", of, t->after) < 0)
		return -1;
	for (t->n = 0;; t->n++) {
		bool row;
		if (stmt_next(s, &row, e) < 0)
			return -1;
		if (!row)
			return 0;
		buf_put_u32(t->out, (uint32_t)stmt_got_u64(s, 0));
		buf_put_u8(t->out, (uint8_t)stmt_got_u64(s, 1));
		buf_put_v16(t->out, stmt_got_bytes(s, 2));
	}
}

struct posting {
	struct call *c;
	struct message_talk *t;
	db_job_fn *job;
	void *arg;
};

static int
posting_job(struct tx *tx, void *arg, struct err *e)
{
	struct posting *p = arg;
	OWN(jsonio_free) json_t *out = json_object();

	if (p->job(tx, p->arg, e) < 0)
		return -1;
	jsonio_put_u64(out, "n", p->t->n);
	jsonio_put(&p->c->r->body, out);
	return 0;
}

int
message_take(struct call *c, const struct id *of, struct message_talk *t,
    db_job_fn *job, void *arg, struct err *e)
{
	struct posting p = { c, t, job, arg };
	bool again;

	if (once_write(c, posting_job, &p, true, &again, e) < 0)
		return -1;
	if (!again)
		http_wake(c->s->http, of);
	return 0;
}

int
message_answer(struct server *s, const struct request *q, struct response *r,
    const struct id *of, struct message_talk *t, db_job_fn *job, void *arg,
    struct err *e)
{
	if (take_query(q, t, e) < 0)
		return -1;
	t->out = &r->body;
	r->type = "application/octet-stream";
	r->wait = http_watch(s->http, of);
	if (db_read(s->db, job, arg, e) < 0)
		return -1;
	bool same =
	    t->known == UINT64_MAX ? t->state <= 1 : t->state == t->known;
	if (t->n > 0 || !same || t->wait_s == 0 || q->timed_out)
		return 0;
	buf_clear(&r->body);
	r->wait_ms = (int64_t)t->wait_s * 1000;
	return HTTP_WAIT;
}
