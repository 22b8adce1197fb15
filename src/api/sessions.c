/* SPDX-License-Identifier: ISC */
/* sessions.c: opening, listing and ending sessions. */
#include "api/api.h"

#include "base/text.h"
#include "factor/seckeys.h"
#include "server/ordered.h"
#include "server/pastname.h"
#include "server/settled.h"

#include <sodium.h>
#include <string.h>

#define CHALLENGE_MS 60000
#define NONCE 32 /* u64 expiry | random[8] | MAC[16] */
#define LEFT_ENTRIES 32 /* in one answer: at most 128 KiB */
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

int
sessions_challenge(struct tx *tx, struct call *c, struct err *e)
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
	return server_clock(c, p->time_ms, e);
}

/*
 * A browser's page cannot see which key its connection has; nor can it when a
 * security key speaks in it, for the request of a browser.
 */
static int
is_browser(struct tx *tx, struct call *c, const struct member *m, bool *yes,
    struct err *e)
{
	const char *token = json_string_value(json_object_get(c->in, "join"));
	OWN(stmt_done) struct stmt *s = NULL;
	struct digest stored;
	struct device d;
	bool row;

	*yes = m->device.class == CLASS_BROWSER;
	if (m->device.class != CLASS_SECURITY_KEY || token == NULL)
		return 0;
	digest_of(bytes_str(token), &stored);
	if (sql_first(tx, e, &s, &row,
		"SELECT device FROM joining WHERE token = ?", "d", &stored) < 0)
		return -1;
	if (!row)
		return 0;
	struct scan x = scan_of(stmt_got_bytes(s, 0));
	if (device_take(&x, &d, e) < 0)
		return -1;
	*yes = d.class == CLASS_BROWSER;
	return 0;
}

/* It may be that there is no account any more. */
static int
not_there(struct tx *tx, const struct id *uid, struct err *e)
{
	OWN(buf_free) struct buf when = { 0 };
	int64_t gone_ms;

	if (pastname_ended(tx, uid, &gone_ms, e) < 0)
		return -1;
	if (gone_ms == 0)
		return err_set(
		    e, ERR_NOT_A_MEMBER, "this device is not in the account");
	text_time(&when, gone_ms);
	(void)err_set(e, ERR_NOT_A_MEMBER,
	    "the account ended %s, and the server has nothing of it any more",
	    buf_text(&when));
	return err_remedy(e,
	    "For another account use another --home, or run: aumbry signout "
	    "--erase");
}

/* Over TLS a device signs the key by which it knows the server. */
static bool
sig_holds(struct call *c, const struct proof *p, const struct member *m,
    const struct digest *server)
{
	OWN(buf_free) struct buf b = { 0 };

	buf_put_v8(&b, bytes_str(c->s->config.host));
	id_put(&b, &p->uid);
	id_put(&b, &p->dev_id);
	buf_put_bytes(&b, buf_bytes(&p->nonce));
	buf_put_bytes(&b, buf_bytes(&p->device_nonce));
	buf_put_u64(&b, p->time_ms);
	digest_put(&b, server);
	return sig_valid(
	    SIG_SESSION, m->device.sign_pk, buf_bytes(&b), p->sig.p);
}

static int
check_sig(struct tx *tx, struct call *c, const struct proof *p,
    const struct member *m, struct err *e)
{
	struct digest known[CERTS_KNOWN] = { { { 0 } } };
	size_t n = 1;
	bool browser;

	if (m == NULL)
		return not_there(tx, &p->uid, e);
	if (is_browser(tx, c, m, &browser, e) < 0)
		return -1;
	if (!c->s->plain && !browser)
		n = certs_known(c->s->certs, known);
	for (size_t i = 0; i < n; i++)
		if (sig_holds(c, p, m, &known[i]))
			return 0;
	return err_set(e, ERR_NOT_A_MEMBER, "the device's proof does not hold");
}

static int
check_active(const struct member *m, struct err *e)
{
	return m != NULL && m->active
	    ? 0
	    : err_set(e, ERR_DEVICE_REMOVED,
		  "this device was removed from the account");
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
	return server_event(tx, c,
	    &(struct server_event){ &p->uid, "session_opened", &p->dev_id, "" },
	    e);
}

/* What brought it in the last minutes counts as a step-up, but for the word of
 * another device: who holds that one would need no factor ever. */
static int
born_lately(struct tx *tx, const struct call *c, const struct circle *circle,
    const struct member *m, int64_t *step_up_ms, struct err *e)
{
	int64_t added = (int64_t)m->added_ms;
	bool proven = false;

	*step_up_ms = 0;
	/* A key has proven itself beside the password just now. */
	if (m->device.class == CLASS_SECURITY_KEY)
		*step_up_ms = c->now_ms;
	if (m->device.class == CLASS_SECURITY_KEY ||
	    !server_fresh(added, c->now_ms))
		return 0;
	if (settled_by_proof(tx, circle, m, &proven, e) < 0)
		return -1;
	*step_up_ms = proven ? added : 0;
	return 0;
}

/* A key is there only while somebody signs in with it. */
static int
check_key(struct tx *tx, struct call *c, const struct proof *p, struct err *e)
{
	bool proved;

	if (seckeys_proved(tx, c, &p->uid, &p->dev_id, &proved, e) < 0)
		return -1;
	return proved
	    ? 0
	    : err_set(e, ERR_KEY_REQUIRED,
		  "a security key opens a session only for a sign-in that "
		  "has proven it");
}

/* The account, its circle and the member there is; NULL for none. */
static int
look_up(struct tx *tx, const struct proof *p, struct account *a,
    struct circle *circle, const struct member **m, struct err *e)
{
	bool found;

	if (account_by_uid(tx, &p->uid, a, &found, e) < 0 ||
	    account_circle(tx, &p->uid, circle, e) < 0)
		return -1;
	*m = found ? circle_member(circle, &p->dev_id) : NULL;
	return 0;
}

/* Whoever cannot prove a member's key never comes near the one writer. */
static int
check_proof(struct tx *tx, struct call *c, struct err *e)
{
	OWN(proof_free) struct proof p = { 0 };
	OWN(circle_free) struct circle circle = { 0 };
	const struct member *m;
	struct account a;

	return take_proof(c, &p, e) < 0 ||
		look_up(tx, &p, &a, &circle, &m, e) < 0 ||
		check_sig(tx, c, &p, m, e) < 0
	    ? -1
	    : check_active(m, e);
}

/* After sessions_proven: a member's key never changes, but it may have left. */
int
sessions_open(struct tx *tx, struct call *c, struct err *e)
{
	OWN(proof_free) struct proof p = { 0 };
	OWN(circle_free) struct circle circle = { 0 };
	OWN(buf_free) struct buf token = { 0 };
	OWN(buf_free) struct buf head = { 0 };
	const struct member *m;
	OWN(buf_free) struct buf known = { 0 };
	struct account a;
	struct digest stored;

	if (take_proof(c, &p, e) < 0 || look_up(tx, &p, &a, &circle, &m, e) < 0)
		return -1;
	if (check_active(m, e) < 0 ||
	    (m->device.class == CLASS_SECURITY_KEY &&
		check_key(tx, c, &p, e) < 0))
		return -1;
	if (a.suspended)
		return err_set(e, ERR_ACCOUNT_SUSPENDED,
		    "who runs the server has suspended this account");
	struct account_session s = { .uid = p.uid,
		.dev_id = p.dev_id,
		.class = m->device.class,
		.opened_ms = c->now_ms,
		.expires_ms = c->now_ms + LIMIT_SESSION_S * 1000LL,
		.os = "",
		.address = c->q->peer };
	id_random(&s.id);
	server_token(&token, &stored);
	if (born_lately(tx, c, &circle, m, &s.step_up_ms, e) < 0)
		return -1;
	if (account_add_session(tx, &stored, &s, buf_bytes(&p.nonce), e) < 0 ||
	    note_seen(tx, c, &p, e) < 0 || ordered_stop(tx, c, &p.uid, e) < 0)
		return -1;
	text_hex(&head, bytes_of(circle.head.b, DIGEST_BYTES));
	jsonio_put_text(c->out, "token", buf_text(&token));
	jsonio_put_u64(c->out, "expires_s", LIMIT_SESSION_S);
	server_put_identity(c);
	server_known(c->s, &p.uid, &p.dev_id, &known);
	jsonio_put_bytes(c->out, "known", buf_bytes(&known));
	jsonio_put_text(c->out, "name", a.name);
	jsonio_put_text(c->out, "host", c->s->config.host);
	jsonio_put_text(
	    c->out, "two_factor", account_two_factor_name(a.two_factor));
	jsonio_put_u64(c->out, "circle_seq", circle.seq);
	jsonio_put_text(c->out, "circle_head", buf_text(&head));
	return 0;
}

int
sessions_proven(
    void *app, const struct request *q, struct response *r, struct err *e)
{
	static const struct server_call first = { SERVER_READ, check_proof,
		NULL };
	struct request look = *q;

	look.call = &first;
	if (server_json(app, &look, r, e) < 0)
		return -1;
	buf_clear(&r->body);
	return server_json(app, q, r, e);
}

/* What shows a member that it was removed: the entries up to that one. */
int
sessions_left(struct tx *tx, struct call *c, struct err *e)
{
	OWN(proof_free) struct proof p = { 0 };
	OWN(circle_free) struct circle circle = { 0 };
	OWN(buf_free) struct buf entries = { 0 };
	const struct member *m;
	struct account a;
	uint64_t since;

	if (take_proof(c, &p, e) < 0 ||
	    jsonio_u64(c->in, "since", &since, e) < 0 ||
	    look_up(tx, &p, &a, &circle, &m, e) < 0 ||
	    check_sig(tx, c, &p, m, e) < 0)
		return -1;
	if (m->active)
		return err_set(
		    e, ERR_CONFLICT, "this device is in the account");
	uint64_t last = m->removed_seq;
	if (last > since + LEFT_ENTRIES)
		last = since + LEFT_ENTRIES;
	for (uint64_t seq = since + 1; seq <= last; seq++) {
		OWN(buf_free) struct buf entry = { 0 };
		if (account_entry(tx, &p.uid, (uint32_t)seq, &entry, e) < 0)
			return -1;
		buf_put_v16(&entries, buf_bytes(&entry));
	}
	jsonio_put_list(c->out, "entries", buf_bytes(&entries));
	return 0;
}

int
sessions_end(struct tx *tx, struct call *c, struct err *e)
{
	return sql_run(
	    tx, e, "DELETE FROM session WHERE token = ?", "d", &c->me->token);
}

/* ---- listing and ending ---- */

static void
put_session(struct stmt *s, const struct call *c, json_t *row)
{
	struct id id, dev_id;

	stmt_got_copy(s, 0, id.b, ID_BYTES);
	stmt_got_copy(s, 1, dev_id.b, ID_BYTES);
	jsonio_put_id(row, "id", &id);
	if (!id_zero(&dev_id))
		jsonio_put_id(row, "dev_id", &dev_id);
	jsonio_put_text(
	    row, "class", circle_class_name((uint8_t)stmt_got_u64(s, 2)));
	jsonio_put_true(row, "limited", stmt_got_u64(s, 3) != 0);
	jsonio_put_u64(row, "opened_ms", stmt_got_u64(s, 4));
	jsonio_put_u64(row, "seen_ms", stmt_got_u64(s, 5));
	jsonio_put_u64(row, "expires_ms", stmt_got_u64(s, 6));
	jsonio_put_text(row, "os", stmt_got_text(s, 7));
	server_put_address(c, row, stmt_got_text(s, 8));
	jsonio_put_true(row, "trusted", stmt_got_u64(s, 9) != 0);
	jsonio_put_true(row, "this", id_equal(&id, &c->me->session_id));
}

/* A trusted browser is no session: it only needs no factor for its next one. */
int
sessions_list(struct tx *tx, struct call *c, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;

	return sql_ask(tx, e, &s,
		   "SELECT id, dev_id, class, limited, opened_ms, opened_ms,"
		   " expires_ms, os, address, 0 AS trusted FROM session"
		   " WHERE uid = ? AND expires_ms > ?"
		   " UNION ALL"
		   " SELECT id, NULL, ?, 1, opened_ms, seen_ms, expires_ms,"
		   " os, address, 1 FROM trusted_browser"
		   " WHERE uid = ? AND expires_ms > ?"
		   " ORDER BY trusted, opened_ms",
		   "inuin", &c->me->uid, c->now_ms, (uint64_t)CLASS_BROWSER,
		   &c->me->uid, c->now_ms) < 0
	    ? -1
	    : server_rows(s, c, "sessions", put_session, e);
}

int
sessions_end_one(struct tx *tx, struct call *c, struct err *e)
{
	struct id id;
	uint64_t ended;

	if (id_parse(bytes_str(c->q->capture[0]), &id) < 0)
		return err_set(e, ERR_NOT_FOUND, "there is no such session");
	if (sql_run(tx, e, "DELETE FROM session WHERE uid = ? AND id = ?", "ii",
		&c->me->uid, &id) < 0)
		return -1;
	ended = tx_changes(tx);
	if (sql_run(tx, e,
		"DELETE FROM trusted_browser WHERE uid = ? AND id = ?", "ii",
		&c->me->uid, &id) < 0)
		return -1;
	if (ended + tx_changes(tx) == 0)
		return err_set(e, ERR_NOT_FOUND, "there is no such session");
	return server_event_own(tx, c, "session_ended", "", e);
}
