/* SPDX-License-Identifier: ISC */
/* session.c: sessions of devices, the account's status and its log. */
#include "server/server.h"

#include "base/text.h"

#include <sodium.h>
#include <string.h>

#define CHALLENGE_MS 60000
#define NONCE 32 /* u64 expiry | random[8] | MAC[16] */
#define EVENTS_MAX 500
#define DAY_MS (24 * 3600 * 1000LL)

/* ---- challenges carry their own proof: no state until they are answered */

static void
nonce_mac(struct call *c, const struct id *uid, const struct id *dev_id,
    const uint8_t *nonce, struct digest *out)
{
	OWN(buf_free) struct buf m = { 0 };

	id_put(&m, uid);
	id_put(&m, dev_id);
	buf_put(&m, nonce, 16);
	server_mac(c->s, "challenge", buf_bytes(&m), out);
}

static int
challenge(struct tx *tx, struct call *c, struct err *e)
{
	uint8_t nonce[NONCE];
	struct id uid, dev_id;
	struct digest mac;

	(void)tx;
	if (jsonio_id(c->in, "uid", &uid, e) < 0 ||
	    jsonio_id(c->in, "dev_id", &dev_id, e) < 0)
		return -1;
	be64_put(nonce, (uint64_t)(c->now_ms + CHALLENGE_MS));
	randombytes_buf(nonce + 8, 8);
	nonce_mac(c, &uid, &dev_id, nonce, &mac);
	memcpy(nonce + 16, mac.b, 16);
	jsonio_put_bytes(c->out, "nonce", bytes_of(nonce, sizeof nonce));
	return 0;
}

int
session_challenge(
    void *app, const struct request *q, struct response *r, struct err *e)
{
	return server_json(app, q, r, challenge, SERVER_READ, e);
}

struct proof {
	struct id uid, dev_id;
	struct buf nonce, device_nonce, sig;
	uint64_t time_ms;
};

static void
proof_free(struct proof *p)
{
	buf_free(&p->nonce);
	buf_free(&p->device_nonce);
	buf_free(&p->sig);
}

static int
take_proof(struct call *c, struct proof *p, struct err *e)
{
	struct digest mac;

	if (jsonio_id(c->in, "uid", &p->uid, e) < 0 ||
	    jsonio_id(c->in, "dev_id", &p->dev_id, e) < 0 ||
	    jsonio_bytes(c->in, "nonce", NONCE, &p->nonce, e) < 0 ||
	    jsonio_bytes(c->in, "device_nonce", 16, &p->device_nonce, e) < 0 ||
	    jsonio_bytes(c->in, "sig", SIG_BYTES, &p->sig, e) < 0 ||
	    jsonio_u64(c->in, "time_ms", &p->time_ms, e) < 0)
		return -1;
	nonce_mac(c, &p->uid, &p->dev_id, p->nonce.p, &mac);
	if (sodium_memcmp(mac.b, p->nonce.p + 16, 16) != 0 ||
	    (int64_t)be64(p->nonce.p) < c->now_ms)
		return err_set(e, ERR_CODE_EXPIRED,
		    "the challenge is not of the last minute");
	int64_t skew = c->now_ms - (int64_t)p->time_ms;
	if (skew > LIMIT_CLOCK_SKEW_MS || skew < -LIMIT_CLOCK_SKEW_MS)
		return err_set(e, ERR_CLOCK_WRONG,
		    "the clocks of client and server are more than 5 minutes "
		    "apart");
	return 0;
}

static int
check_sig(struct call *c, const struct proof *p, const struct member *m,
    struct err *e)
{
	static const struct digest none;
	OWN(buf_free) struct buf b = { 0 };

	if (m == NULL)
		return err_set(
		    e, ERR_NOT_A_MEMBER, "this device is not in the account");
	buf_put_v8(&b, bytes_str(c->s->config.host));
	id_put(&b, &p->uid);
	id_put(&b, &p->dev_id);
	buf_put_bytes(&b, buf_bytes(&p->nonce));
	buf_put_bytes(&b, buf_bytes(&p->device_nonce));
	buf_put_u64(&b, p->time_ms);
	digest_put(&b, c->s->plain ? &none : keys_spki(c->s->keys));
	if (!sig_valid(SIG_SESSION, m->device.sign_pk, buf_bytes(&b), p->sig.p))
		return err_set(
		    e, ERR_NOT_A_MEMBER, "the device's proof does not hold");
	if (!m->active)
		return err_set(e, ERR_DEVICE_REMOVED,
		    "this device was removed from the account");
	return 0;
}

/* Seen now; an event once a day. */
static int
note_seen(struct tx *tx, struct call *c, const struct proof *p, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;
	int64_t before = 0;
	bool row;

	if (sql_first(tx, e, &s, &row,
		"SELECT time_ms FROM device_seen WHERE uid = ? AND dev_id = ?",
		"ii", &p->uid, &p->dev_id) < 0)
		return -1;
	if (row)
		before = stmt_got_i64(s, 0);
	if (sql_run(tx, e,
		"INSERT INTO device_seen (uid, dev_id, time_ms, address)"
		" VALUES (?, ?, ?, ?) ON CONFLICT (uid, dev_id) DO UPDATE SET"
		" time_ms = excluded.time_ms, address = excluded.address",
		"iins", &p->uid, &p->dev_id, c->now_ms, c->q->peer) < 0)
		return -1;
	if (c->now_ms - before < DAY_MS)
		return 0;
	return server_event(
	    tx, c, &p->uid, "session_opened", &p->dev_id, "", e);
}

/* A sign-up or a pairing of the last minutes counts as a step-up. */
static int64_t
born_lately(const struct member *m, int64_t now_ms)
{
	int64_t added = (int64_t)m->added_ms;

	return now_ms - added < LIMIT_STEP_UP_S * 1000LL ? added : 0;
}

static int
open_session(struct tx *tx, struct call *c, struct err *e)
{
	OWN(proof_free) struct proof p = { 0 };
	OWN(circle_free) struct circle circle = { 0 };
	OWN(buf_free) struct buf token = { 0 };
	OWN(buf_free) struct buf head = { 0 };
	struct account a;
	struct digest stored;
	bool found;

	if (take_proof(c, &p, e) < 0 ||
	    account_by_uid(tx, &p.uid, &a, &found, e) < 0 ||
	    account_circle(tx, &p.uid, &circle, e) < 0)
		return -1;
	const struct member *m =
	    found ? circle_member(&circle, &p.dev_id) : NULL;
	if (check_sig(c, &p, m, e) < 0)
		return -1;
	if (a.suspended)
		return err_set(e, ERR_ACCOUNT_SUSPENDED,
		    "who runs the server has suspended this account");
	struct account_session s = { .uid = p.uid,
		.dev_id = p.dev_id,
		.expires_ms = c->now_ms + LIMIT_SESSION_S * 1000LL,
		.step_up_ms = born_lately(m, c->now_ms) };
	server_token(&token, &stored);
	if (account_add_session(tx, &stored, &s, buf_bytes(&p.nonce), e) < 0 ||
	    note_seen(tx, c, &p, e) < 0)
		return -1;
	text_hex(&head, bytes_of(circle.head.b, DIGEST_BYTES));
	jsonio_put_text(c->out, "token", buf_text(&token));
	jsonio_put_u64(c->out, "expires_s", LIMIT_SESSION_S);
	jsonio_put_text(c->out, "name", a.name);
	jsonio_put_text(c->out, "host", c->s->config.host);
	jsonio_put_text(
	    c->out, "two_factor", account_two_factor_name(a.two_factor));
	jsonio_put_u64(c->out, "circle_seq", circle.seq);
	jsonio_put_text(c->out, "circle_head", buf_text(&head));
	return 0;
}

int
session_open(
    void *app, const struct request *q, struct response *r, struct err *e)
{
	return server_json(app, q, r, open_session, SERVER_WRITE, e);
}

static int
end_session(struct tx *tx, struct call *c, struct err *e)
{
	return sql_run(
	    tx, e, "DELETE FROM session WHERE token = ?", "d", &c->me->token);
}

int
session_end(
    void *app, const struct request *q, struct response *r, struct err *e)
{
	return server_json(app, q, r, end_session, SERVER_WRITE, e);
}

/* ---- account ---- */

static int
put_devices(struct tx *tx, struct call *c, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;
	json_t *list = json_array();

	(void)json_object_set_new(c->out, "devices", list);
	if (sql_ask(tx, e, &s,
		"SELECT dev_id, time_ms, address FROM device_seen"
		" WHERE uid = ?",
		"i", &c->me->uid) < 0)
		return -1;
	for (;;) {
		bool row;
		struct id dev_id;
		if (stmt_next(s, &row, e) < 0)
			return -1;
		if (!row)
			return 0;
		json_t *d = json_object();
		stmt_got_copy(s, 0, dev_id.b, ID_BYTES);
		jsonio_put_id(d, "dev_id", &dev_id);
		jsonio_put_u64(d, "last_seen_ms", stmt_got_u64(s, 1));
		jsonio_put_text(d, "address", stmt_got_text(s, 2));
		(void)json_array_append_new(list, d);
	}
}

static int
account_status(struct tx *tx, struct call *c, struct err *e)
{
	struct account a;
	struct usage u;
	bool found, has;
	json_t *factors = json_array();

	(void)json_object_set_new(c->out, "factors", factors);
	if (account_by_uid(tx, &c->me->uid, &a, &found, e) < 0 ||
	    usage_get(tx, &c->me->uid, &u, e) < 0 ||
	    factor_has(tx, &c->me->uid, &has, e) < 0)
		return -1;
	if (!found)
		return err_set(e, ERR_NOT_FOUND, "the account is gone");
	if (has)
		(void)json_array_append_new(
		    factors, json_string("authenticator"));
	jsonio_put_id(c->out, "uid", &a.uid);
	jsonio_put_text(c->out, "name", a.name);
	jsonio_put_text(c->out, "host", c->s->config.host);
	jsonio_put_u64(c->out, "created_ms", (uint64_t)a.created_ms);
	jsonio_put_text(
	    c->out, "two_factor", account_two_factor_name(a.two_factor));
	jsonio_put_u64(c->out, "used_bytes", u.bytes);
	jsonio_put_u64(
	    c->out, "quota_bytes", u.quota == USAGE_NO_QUOTA ? 0 : u.quota);
	return put_devices(tx, c, e);
}

int
session_account(
    void *app, const struct request *q, struct response *r, struct err *e)
{
	return server_json(app, q, r, account_status, SERVER_READ, e);
}

static int
list_events(struct tx *tx, struct call *c, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;
	const char *since = http_query(c->q, "since");
	json_t *list = json_array();
	uint64_t from = 0;

	(void)json_object_set_new(c->out, "events", list);
	if (since != NULL && text_parse_u64(since, 0, INT64_MAX, &from) < 0)
		return err_set(e, ERR_BAD_REQUEST, "since is no number");
	if (sql_ask(tx, e, &s,
		"SELECT time_ms, event, dev_id, address, detail FROM event"
		" WHERE uid = ? AND time_ms >= ? ORDER BY n DESC LIMIT ?",
		"iuu", &c->me->uid, from, (uint64_t)EVENTS_MAX) < 0)
		return -1;
	for (;;) {
		bool row;
		struct id dev_id;
		if (stmt_next(s, &row, e) < 0)
			return -1;
		if (!row)
			return 0;
		json_t *v = json_object();
		jsonio_put_u64(v, "time_ms", stmt_got_u64(s, 0));
		jsonio_put_text(v, "event", stmt_got_text(s, 1));
		stmt_got_copy(s, 2, dev_id.b, ID_BYTES);
		if (!id_zero(&dev_id))
			jsonio_put_id(v, "dev_id", &dev_id);
		jsonio_put_text(v, "address", stmt_got_text(s, 3));
		jsonio_put_text(v, "detail", stmt_got_text(s, 4));
		(void)json_array_append_new(list, v);
	}
}

int
session_log(
    void *app, const struct request *q, struct response *r, struct err *e)
{
	return server_json(app, q, r, list_events, SERVER_READ, e);
}
