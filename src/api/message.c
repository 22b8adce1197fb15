/* SPDX-License-Identifier: ISC */
/* message.c: relayed messages, taken and handed out. */
#include "api/message.h"

#include "base/now.h"
#include "base/text.h"
#include "server/once.h"

#define MESSAGES_MAX 64 /* in one request: several codes, each a few */

/* One call of either side. */
struct talk {
	struct call c;
	struct id of;
	message_load_fn *load;
	uint64_t after, wait_s, known; /* known: UINT64_MAX when not given */
	uint64_t n; /* messages in the answer; of a posted one its number */
	struct message_talk is;
};

int
message_clear(struct tx *tx, const struct id *of, struct err *e)
{
	return sql_run(tx, e,
	    "UPDATE joining_message SET body = x'' WHERE joining = ?", "i", of);
}

static int
begin(struct talk *t, struct err *e)
{
	const struct message_relay *relay = t->c.q->call;

	t->c.me = t->c.q->user;
	t->c.now_ms = now_ms();
	t->is.helps = t->c.me->session && !t->c.me->limited;
	t->load = relay->load;
	return id_parse(bytes_str(t->c.q->capture[0]), &t->of) == 0
	    ? 0
	    : err_set(e, ERR_NOT_FOUND, "there is no such request");
}

/* ---- posting ---- */

static int
post_job(struct tx *tx, void *arg, struct err *e)
{
	struct talk *t = arg;
	OWN(jsonio_free) json_t *out = json_object();

	if (t->load(tx, &t->c, true, &t->is, e) < 0 ||
	    sql_count(tx, e, &t->n,
		"SELECT COUNT(*) FROM joining_message WHERE joining = ?", "i",
		&t->of) < 0)
		return -1;
	t->n++;
	if (t->n > MESSAGES_MAX)
		return err_set(e, ERR_TOO_LARGE,
		    "a request carries at most %d messages", MESSAGES_MAX);
	if (sql_run(tx, e,
		"INSERT INTO joining_message (joining, n, side, body)"
		" VALUES (?, ?, ?, ?)",
		"iuub", &t->of, t->n, (uint64_t)t->is.helps, t->c.q->body) < 0)
		return -1;
	jsonio_put_u64(out, "n", t->n);
	jsonio_put(&t->c.r->body, out);
	return 0;
}

int
message_post(
    void *app, const struct request *q, struct response *r, struct err *e)
{
	struct talk t = { .c = { .s = app, .q = q, .r = r } };
	bool again;

	if (begin(&t, e) < 0 ||
	    once_write(&t.c, post_job, &t, true, &again, e) < 0)
		return -1;
	if (!again)
		http_wake(t.c.s->http, &t.of);
	return 0;
}

/* ---- listing ---- */

static int
take_query(const struct request *q, struct talk *t, struct err *e)
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

/* u8 state | u8 0 | (u32 n | u8 side | v16 body)… */
static int
list_job(struct tx *tx, void *arg, struct err *e)
{
	struct talk *t = arg;
	struct buf *out = &t->c.r->body;
	OWN(stmt_done) struct stmt *s = NULL;
	int row;

	if (t->load(tx, &t->c, false, &t->is, e) < 0)
		return -1;
	buf_clear(out);
	buf_put_u8(out, (uint8_t)t->is.state);
	buf_put_u8(out, 0);
	if (sql_ask(tx, e, &s,
		"SELECT n, side, body FROM joining_message WHERE joining = ?"
		" AND n > ? ORDER BY n",
		"iu", &t->of, t->after) < 0)
		return -1;
	for (t->n = 0; (row = sql_next(s, e)) > 0; t->n++) {
		buf_put_u32(out, (uint32_t)stmt_got_u64(s, 0));
		buf_put_u8(out, (uint8_t)stmt_got_u64(s, 1));
		buf_put_v16(out, stmt_got_bytes(s, 2));
	}
	return row;
}

int
message_list(
    void *app, const struct request *q, struct response *r, struct err *e)
{
	struct talk t = { .c = { .s = app, .q = q, .r = r } };

	if (begin(&t, e) < 0 || take_query(q, &t, e) < 0)
		return -1;
	r->type = "application/octet-stream";
	http_watch(t.c.s->http, r, &t.of);
	if (db_read(t.c.s->db, list_job, &t, e) < 0)
		return -1;
	bool same =
	    t.known == UINT64_MAX ? t.is.state <= 1 : t.is.state == t.known;
	if (t.n > 0 || !same || t.wait_s == 0 || q->timed_out)
		return 0;
	buf_clear(&r->body);
	r->wait_ms = (int64_t)t.wait_s * 1000;
	return HTTP_WAIT;
}
