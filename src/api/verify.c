/* SPDX-License-Identifier: ISC */
/* verify.c: two people compare by a code, through here. */
/*
 * One asks, a device of the other shows a code, and it is typed where it was
 * asked. Both run CPace over it (docs/PROTOCOL.md "Comparing"), past this
 * server: who is in between would have to guess the code.
 */
#include "api/api.h"

#include "api/message.h"
#include "api/people.h"
#include "base/now.h"
#include "base/text.h"
#include "store/inbox.h"

#include <string.h>

#define ASKED_MS (10 * 60 * 1000) /* a request waits this long */
#define CLAIM_MAX 1024 /* bytes */
#define ASKS_AN_HOUR 20 /* of one account, whomever it asks */
#define HOUR_MS (3600 * 1000LL)

/* As the messages say it; the same numbers as those of a join request. */
enum verify_state {
	VERIFY_WAITING = 0,
	VERIFY_ALLOWED = 1,
	VERIFY_REFUSED = 2,
	VERIFY_OVER = 4
};

struct verifying {
	struct id id, uid, by_uid, by_device, dev_id;
	enum verify_state state;
};

/* ---- asking ---- */

static int
take_ask(const struct call *c, struct id *uid, struct buf *claim,
    struct buf *nonce, struct err *e)
{
	if (jsonio_id(c->in, "uid", uid, e) < 0 ||
	    jsonio_bytes(c->in, "claim", 0, claim, e) < 0 ||
	    jsonio_bytes(c->in, "nonce", ID_BYTES, nonce, e) < 0)
		return -1;
	return claim->n <= CLAIM_MAX
	    ? 0
	    : err_set(
		  e, ERR_TOO_LARGE, "a claim has at most %d bytes", CLAIM_MAX);
}

static int
may_ask(struct tx *tx, struct call *c, const struct id *uid, bool *ok,
    struct err *e)
{
	OWN(buf_free) struct buf key = { 0 };
	enum inbox_peer peer;
	struct account a;
	bool found;

	if (people_may(tx, c->me, e) < 0 ||
	    account_by_uid(tx, uid, &a, &found, e) < 0)
		return -1;
	if (!found || id_equal(uid, &c->me->uid))
		return err_set(e, ERR_NOT_FOUND, "there is no such account");
	if (inbox_peer(tx, uid, &c->me->uid, &peer, e) < 0)
		return -1;
	*ok = inbox_seen_as(peer) == INBOX_ACCEPTED ||
	    (a.hides & ACCOUNT_HIDES_INBOX) == 0;
	if (!*ok)
		return server_refuse(c, ERR_ASKS_CLOSED,
		    "who is no contact of that person cannot ask there");
	buf_printf(&key, "verify|%s", id_text(&c->me->uid).s);
	return server_drip(tx, c,
	    &(struct account_limit){
		buf_text(&key), ASKS_AN_HOUR, HOUR_MS / ASKS_AN_HOUR },
	    ok, e);
}

int
verify_ask(struct tx *tx, struct call *c, struct err *e)
{
	static const struct id nobody;
	OWN(buf_free) struct buf claim = { 0 };
	OWN(buf_free) struct buf nonce = { 0 };
	struct id id, uid;
	bool ok;

	if (take_ask(c, &uid, &claim, &nonce, e) < 0 ||
	    may_ask(tx, c, &uid, &ok, e) < 0)
		return -1;
	if (!ok)
		return 0;
	id_random(&id);
	jsonio_put_id(c->out, "verify", &id);
	jsonio_put_u64(c->out, "expires_ms", (uint64_t)(c->now_ms + ASKED_MS));
	c->wake = uid;
	/* Two accounts have one at a time. */
	return sql_run(tx, e,
		   "UPDATE verifying SET state = 4 WHERE uid = ?"
		   " AND by_uid = ? AND state <= 1",
		   "ii", &uid, &c->me->uid) < 0 ||
		sql_run(tx, e,
		    "INSERT INTO verifying (id, uid, by_uid, by_device, dev_id,"
		    " nonce, claim, created_ms, expires_ms, state)"
		    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0)",
		    "iiiiibbnn", &id, &uid, &c->me->uid, &c->me->dev_id,
		    &nobody, buf_bytes(&nonce), buf_bytes(&claim), c->now_ms,
		    c->now_ms + ASKED_MS) < 0
	    ? -1
	    : 0;
}

/* ---- who asks ---- */

static void
put_request(struct stmt *s, const struct call *c, json_t *row)
{
	struct id id, by;

	(void)c;
	stmt_got_copy(s, 0, id.b, ID_BYTES);
	stmt_got_copy(s, 1, by.b, ID_BYTES);
	jsonio_put_id(row, "verify", &id);
	jsonio_put_id(row, "uid", &by);
	jsonio_put_bytes(row, "nonce", stmt_got_bytes(s, 2));
	jsonio_put_bytes(row, "claim", stmt_got_bytes(s, 3));
	jsonio_put_u64(row, "created_ms", stmt_got_u64(s, 4));
}

static int
list_job(struct tx *tx, void *arg, struct err *e)
{
	struct call *c = arg;
	OWN(stmt_done) struct stmt *s = NULL;

	return people_may(tx, c->me, e) < 0 ||
		sql_ask(tx, e, &s,
		    "SELECT id, by_uid, nonce, claim, created_ms FROM verifying"
		    " WHERE uid = ? AND state <= 1 AND expires_ms > ?"
		    " AND NOT EXISTS (SELECT 1 FROM inbox_peer p"
		    " WHERE p.uid = verifying.uid AND p.peer = verifying.by_uid"
		    " AND p.state IN (?, ?, ?))"
		    " ORDER BY created_ms DESC LIMIT 64",
		    "inuuu", &c->me->uid, c->now_ms, (uint64_t)INBOX_BLOCKED,
		    (uint64_t)INBOX_BLOCKED_STRANGER,
		    (uint64_t)INBOX_BLOCKED_ASKS) < 0
	    ? -1
	    : server_rows(s, c, "requests", put_request, e);
}

int
verify_list(
    void *app, const struct request *q, struct response *r, struct err *e)
{
	struct server *s = app;
	const struct caller *me = q->user;
	OWN(jsonio_free) json_t *out = json_object();
	struct call c = {
		.s = s, .q = q, .me = me, .out = out, .now_ms = now_ms()
	};
	const char *wait = http_query(q, "wait");
	uint64_t wait_s = 0;

	if (wait != NULL && text_parse_u64(wait, 0, LIMIT_POLL_S, &wait_s) < 0)
		return err_set(e, ERR_BAD_REQUEST,
		    "wait is no number of at most %d", LIMIT_POLL_S);
	http_watch(s->http, r, &me->uid);
	if (db_read(s->db, list_job, &c, e) < 0)
		return -1;
	if (json_array_size(json_object_get(out, "requests")) == 0 &&
	    wait_s > 0 && !q->timed_out) {
		r->wait_ms = (int64_t)wait_s * 1000;
		return HTTP_WAIT;
	}
	jsonio_put(&r->body, out);
	return 0;
}

/* ---- one of them ---- */

/* Of the device that asks, and of all that are asked. */
static int
load(struct tx *tx, const struct call *c, struct verifying *v, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;
	bool row = false;

	*v = (struct verifying){ .state = VERIFY_OVER };
	if (id_parse(bytes_str(c->q->capture[0]), &v->id) == 0 &&
	    sql_first(tx, e, &s, &row,
		"SELECT uid, by_uid, by_device, dev_id, state, expires_ms"
		" FROM verifying WHERE id = ?",
		"i", &v->id) < 0)
		return -1;
	if (row) {
		stmt_got_copy(s, 0, v->uid.b, ID_BYTES);
		stmt_got_copy(s, 1, v->by_uid.b, ID_BYTES);
		stmt_got_copy(s, 2, v->by_device.b, ID_BYTES);
		stmt_got_copy(s, 3, v->dev_id.b, ID_BYTES);
		v->state = (enum verify_state)stmt_got_u64(s, 4);
		if (v->state <= VERIFY_ALLOWED &&
		    stmt_got_i64(s, 5) <= c->now_ms)
			v->state = VERIFY_OVER;
	}
	if (!row ||
	    !(id_equal(&v->uid, &c->me->uid) ||
		(id_equal(&v->by_uid, &c->me->uid) &&
		    id_equal(&v->by_device, &c->me->dev_id))))
		return err_set(e, ERR_NOT_FOUND, "there is no such request");
	return 0;
}

static bool
is_asked(const struct call *c, const struct verifying *v)
{
	return id_equal(&v->uid, &c->me->uid);
}

static int
set_state(struct tx *tx, struct call *c, const struct verifying *v,
    enum verify_state state, struct err *e)
{
	c->wake = v->id;
	return sql_run(tx, e,
	    "UPDATE verifying SET state = ?, dev_id = ? WHERE id = ?", "uii",
	    (uint64_t)state, is_asked(c, v) ? &c->me->dev_id : &v->dev_id,
	    &v->id);
}

static int
answer(struct tx *tx, struct call *c, enum verify_state state, struct err *e)
{
	struct verifying v;

	if (load(tx, c, &v, e) < 0)
		return -1;
	if (!is_asked(c, &v))
		return err_set(e, ERR_NOT_FOUND, "there is no such request");
	if (v.state > VERIFY_ALLOWED)
		return err_set(e, ERR_CODE_EXPIRED, "the request is over");
	if (v.state == VERIFY_ALLOWED && !id_equal(&v.dev_id, &c->me->dev_id))
		return err_set(
		    e, ERR_CONFLICT, "another device answers this request");
	return message_clear(tx, &v.id, e) < 0 ? -1
					       : set_state(tx, c, &v, state, e);
}

int
verify_allow(struct tx *tx, struct call *c, struct err *e)
{
	return answer(tx, c, VERIFY_ALLOWED, e);
}

int
verify_refuse(struct tx *tx, struct call *c, struct err *e)
{
	return answer(tx, c, VERIFY_REFUSED, e);
}

int
verify_end(struct tx *tx, struct call *c, struct err *e)
{
	struct verifying v;

	if (load(tx, c, &v, e) < 0)
		return -1;
	return v.state > VERIFY_ALLOWED ? 0
					: set_state(tx, c, &v, VERIFY_OVER, e);
}

/* ---- messages ---- */

int
verify_talk(struct tx *tx, const struct call *c, bool posting,
    struct message_talk *out, struct err *e)
{
	struct verifying v;

	if (load(tx, c, &v, e) < 0)
		return -1;
	out->state = v.state;
	out->helps = is_asked(c, &v);
	if (!posting)
		return 0;
	if (v.state != VERIFY_ALLOWED)
		return err_set(e, ERR_CODE_EXPIRED, "the request is not open");
	return !out->helps || id_equal(&v.dev_id, &c->me->dev_id)
	    ? 0
	    : err_set(e, ERR_CONFLICT, "another device answers this request");
}
