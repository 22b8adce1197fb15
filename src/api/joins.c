/* SPDX-License-Identifier: ISC */
/* joins.c: relaying between a new device and the trusted one that lets it in. */
#include "api/api.h"

#include "api/joins.h"
#include "base/now.h"
#include "base/text.h"
#include "factor/factor.h"

#include <string.h>

enum join_state {
	JOIN_WAITING,
	JOIN_ALLOWED,
	JOIN_REFUSED,
	JOIN_DONE,
	JOIN_EXPIRED,
	JOIN_FAILED
};

struct joining {
	struct id id, uid, by;
	int64_t created_ms, expires_ms;
	enum join_state state;
	bool shown; /* to the trusted devices */
	bool key; /* a security key was proven */
	char asker[128]; /* see joins_asker */
};

static int
load(struct tx *tx, const struct call *c, const struct id *id,
    struct joining *out, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;
	bool row;

	if (sql_first(tx, e, &s, &row,
		"SELECT uid, by_device, created_ms, expires_ms, state, asker,"
		" shown, LENGTH(proven_key) FROM joining WHERE id = ?",
		"i", id) < 0)
		return -1;
	memset(out, 0, sizeof *out);
	out->id = *id;
	if (row) {
		stmt_got_copy(s, 0, out->uid.b, ID_BYTES);
		stmt_got_copy(s, 1, out->by.b, ID_BYTES);
		out->created_ms = stmt_got_i64(s, 2);
		out->expires_ms = stmt_got_i64(s, 3);
		out->state = (enum join_state)stmt_got_u64(s, 4);
		struct bytes a = stmt_got_bytes(s, 5);
		memcpy(out->asker, a.p,
		    a.n < sizeof out->asker ? a.n : sizeof out->asker - 1);
		out->shown = stmt_got_u64(s, 6) != 0;
		out->key = stmt_got_u64(s, 7) != 0;
	}
	/* Another account's, another request's token, or one that asks no
	 * device: it is not there. */
	if (!row || !id_equal(&out->uid, &c->me->uid) ||
	    (c->me->session ? !out->shown : !id_equal(&c->me->join, id)))
		return err_set(e, ERR_NOT_FOUND, "there is no such request");
	if (out->state <= JOIN_ALLOWED && out->expires_ms <= c->now_ms)
		out->state = JOIN_EXPIRED;
	return 0;
}

static int
captured(const struct call *c, struct id *id, struct err *e)
{
	if (id_parse(bytes_str(c->q->capture[0]), id) < 0)
		return err_set(e, ERR_NOT_FOUND, "there is no such request");
	return 0;
}

/* ---- listing ---- */

struct list_job {
	uint64_t since_ms; /* those that came later */
	struct call *c;
};

static void
put_request(struct stmt *s, const struct call *c, json_t *row)
{
	struct id id;

	stmt_got_copy(s, 0, id.b, ID_BYTES);
	jsonio_put_id(row, "join", &id);
	jsonio_put_u64(row, "created_ms", stmt_got_u64(s, 1));
	jsonio_put_u64(row, "expires_ms", stmt_got_u64(s, 2));
	jsonio_put_bytes(row, "device", stmt_got_bytes(s, 3));
	jsonio_put_bytes(row, "nonce", stmt_got_bytes(s, 4));
	jsonio_put_text(row, "os", stmt_got_text(s, 5));
	server_put_address(c, row, stmt_got_text(s, 6));
	jsonio_put_u64(row, "state", stmt_got_u64(s, 7));
	jsonio_put_bytes(row, "machine", stmt_got_bytes(s, 8));
}

static int
list_job(struct tx *tx, void *arg, struct err *e)
{
	struct list_job *j = arg;
	OWN(stmt_done) struct stmt *s = NULL;

	return sql_ask(tx, e, &s,
		   "SELECT id, created_ms, expires_ms, device, nonce, os,"
		   " address, state, machine FROM joining WHERE uid = ?"
		   " AND expires_ms > ? AND created_ms > ? AND state <= 1"
		   " AND shown = 1 ORDER BY created_ms",
		   "inu", &j->c->me->uid, j->c->now_ms, j->since_ms) < 0
	    ? -1
	    : server_rows(s, j->c, "joins", put_request, e);
}

/* ?wait=S of a long poll. */
static int
wait_of(const struct request *q, uint64_t *wait_s, struct err *e)
{
	const char *text = http_query(q, "wait");

	*wait_s = 0;
	if (text != NULL && text_parse_u64(text, 0, LIMIT_POLL_S, wait_s) < 0)
		return err_set(e, ERR_BAD_REQUEST,
		    "wait is no number of at most %d", LIMIT_POLL_S);
	return 0;
}

int
joins_list(
    void *app, const struct request *q, struct response *r, struct err *e)
{
	struct server *s = app;
	const struct caller *me = q->user;
	OWN(jsonio_free) json_t *out = json_object();
	struct call c = {
		.s = s, .q = q, .me = me, .out = out, .now_ms = now_ms()
	};
	struct list_job j = { .c = &c };
	const char *since = http_query(q, "since");
	uint64_t wait_s;

	if (wait_of(q, &wait_s, e) < 0)
		return -1;
	if (since != NULL &&
	    text_parse_u64(since, 0, INT64_MAX, &j.since_ms) < 0)
		return err_set(e, ERR_BAD_REQUEST, "since is no number");
	http_watch(s->http, r, &me->uid);
	if (db_read(s->db, list_job, &j, e) < 0)
		return -1;
	if (json_array_size(json_object_get(out, "joins")) == 0 && wait_s > 0 &&
	    !q->timed_out) {
		r->wait_ms = (int64_t)wait_s * 1000;
		return HTTP_WAIT;
	}
	jsonio_put(&r->body, out);
	return 0;
}

/* ---- prompts ---- */

/* A request that began with another way asks the devices after all. */
int
joins_prompt(struct tx *tx, struct call *c, struct err *e)
{
	struct factors f;
	struct joining j;
	struct id id;
	bool ok;

	if (captured(c, &id, e) < 0 || load(tx, c, &id, &j, e) < 0)
		return -1;
	if (j.state != JOIN_WAITING)
		return err_set(e, ERR_CODE_EXPIRED, "the request is over");
	if (j.shown)
		return 0;
	if (factor_of(tx, &j.uid, &f, e) < 0)
		return -1;
	if (f.has[FACTOR_KEY] && !j.key)
		return factor_key_required(e);
	if (joins_may_prompt(tx, c, &j.uid, j.asker, &ok, e) < 0)
		return -1;
	if (!ok)
		return 0;
	c->wake = j.uid;
	return sql_run(tx, e, "UPDATE joining SET shown = 1 WHERE id = ?", "i",
		   &id) < 0 ||
		server_event(tx, c,
		    &(struct server_event){ &j.uid, "join_opened", NULL, "" },
		    e) < 0
	    ? -1
	    : 0;
}

/* ---- allow, refuse, fail ---- */

static int
set_state(struct tx *tx, struct call *c, const struct joining *j,
    enum join_state state, const char *event, struct err *e)
{
	c->wake = j->id;
	return sql_run(tx, e,
		   "UPDATE joining SET state = ?, by_device = ? WHERE id = ?",
		   "uii", (uint64_t)state, &c->me->dev_id, &j->id) < 0 ||
		server_event(tx, c,
		    &(struct server_event){
			&j->uid, event, &c->me->dev_id, "" },
		    e) < 0
	    ? -1
	    : 0;
}

int
joins_allow(struct tx *tx, struct call *c, struct err *e)
{
	struct joining j;
	struct id id;

	if (captured(c, &id, e) < 0 || load(tx, c, &id, &j, e) < 0)
		return -1;
	if (j.state == JOIN_ALLOWED && id_equal(&j.by, &c->me->dev_id))
		return 0;
	if (j.state == JOIN_ALLOWED)
		return err_set(
		    e, ERR_CONFLICT, "another device is letting this one in");
	if (j.state != JOIN_WAITING)
		return err_set(e, ERR_CODE_EXPIRED, "the request is over");
	return set_state(tx, c, &j, JOIN_ALLOWED, "join_allowed", e);
}

int
joins_refuse(struct tx *tx, struct call *c, struct err *e)
{
	struct joining j;
	struct id id;

	if (captured(c, &id, e) < 0 || load(tx, c, &id, &j, e) < 0)
		return -1;
	if (j.state > JOIN_ALLOWED)
		return err_set(e, ERR_CODE_EXPIRED, "the request is over");
	if (joins_silence(tx, c, &j.uid, j.asker, e) < 0)
		return -1;
	return set_state(tx, c, &j, JOIN_REFUSED, "join_refused", e);
}

/* Taken back by any device: who was refused may ask again, and who has asked
 * too often. */
int
joins_allow_again(struct tx *tx, struct call *c, struct err *e)
{
	struct id_text uid = id_text(&c->me->uid);

	return sql_run(tx, e,
		   "DELETE FROM throttle WHERE name LIKE 'silent|' || ? || '|%'"
		   " OR name = 'prompt|' || ?"
		   " OR name LIKE 'prompt|' || ? || '|%'",
		   "sss", uid.s, uid.s, uid.s) < 0 ||
		server_event_own(tx, c, "requests_allowed", "", e) < 0
	    ? -1
	    : 0;
}

int
joins_fail(struct tx *tx, struct call *c, struct err *e)
{
	struct joining j;
	struct id id;

	if (captured(c, &id, e) < 0 || load(tx, c, &id, &j, e) < 0)
		return -1;
	if (j.state != JOIN_ALLOWED || !id_equal(&j.by, &c->me->dev_id))
		return err_set(e, ERR_CODE_EXPIRED, "the request is over");
	return set_state(tx, c, &j, JOIN_FAILED, "join_failed", e);
}

/* The new device gives up, or the trusted one is done with it. */
int
joins_cancel(struct tx *tx, struct call *c, struct err *e)
{
	struct joining j;
	struct id id;

	if (captured(c, &id, e) < 0 || load(tx, c, &id, &j, e) < 0)
		return -1;
	if (j.state > JOIN_ALLOWED)
		return 0;
	if (j.shown && !c->me->session && j.state == JOIN_WAITING &&
	    joins_unprompt(tx, c, &j.uid, j.asker, e) < 0)
		return -1;
	if (j.shown)
		return set_state(tx, c, &j, JOIN_EXPIRED, "join_ended", e);
	/* Nobody was asked, so nobody is told. */
	return sql_run(tx, e, "UPDATE joining SET state = ? WHERE id = ?", "ui",
	    (uint64_t)JOIN_EXPIRED, &id);
}

/* ---- messages ---- */

int
joins_talk(struct tx *tx, const struct call *c, bool posting,
    struct message_talk *out, struct err *e)
{
	struct joining j;
	struct id id;

	if (captured(c, &id, e) < 0 || load(tx, c, &id, &j, e) < 0)
		return -1;
	out->state = j.state;
	if (!posting)
		return 0;
	if (j.state != JOIN_ALLOWED && j.state != JOIN_DONE)
		return err_set(e,
		    j.state == JOIN_REFUSED ? ERR_REQUEST_REFUSED
					    : ERR_CODE_EXPIRED,
		    "the request is not open");
	return !c->me->session || id_equal(&j.by, &c->me->dev_id)
	    ? 0
	    : err_set(e, ERR_CONFLICT, "another device is letting this one in");
}
