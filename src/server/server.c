/* SPDX-License-Identifier: ISC */
/* server.c: running JSON calls, who calls, tokens, throttles. */
#include "server/server.h"

#include "base/now.h"
#include "base/text.h"
#include "server/escrowlink.h"
#include "server/notice.h"
#include "server/once.h"
#include "server/postman.h"
#include "server/settled.h"

#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define TOKEN_BYTES 32
#define KSF_MEMORY_KIB 65536 /* Argon2id of the password, see vault/opaque.h */
#define KSF_PASSES 3

struct json_job {
	struct call *call;
	server_call_fn *fn;
	bool whole; /* nothing is added after the transaction */
};

static int
json_job(struct tx *tx, void *arg, struct err *e)
{
	struct json_job *j = arg;

	if (j->fn(tx, j->call, e) < 0)
		return -1;
	if (j->whole && !j->call->refused)
		jsonio_put(&j->call->r->body, j->call->out);
	return 0;
}

void
server_wake(const struct call *c)
{
	if (c->posted)
		postman_wake(c->s->postman);
	if (c->escrow_job)
		escrowlink_wake(c->s->escrow);
	if (!id_zero(&c->wake))
		http_wake(c->s->http, &c->wake);
}

int
server_json(
    void *app, const struct request *q, struct response *r, struct err *e)
{
	const struct server_call *own = q->call;
	OWN(jsonio_free) json_t *in = NULL;
	OWN(jsonio_free) json_t *out = json_object();
	struct call c = { .s = app,
		.q = q,
		.me = q->user,
		.out = out,
		.r = r,
		.now_ms = now_ms() };
	struct json_job j = { &c, own->fn, own->then == NULL };
	bool again = false;

	if (q->body.n == 0)
		in = json_object();
	else if (jsonio_parse(q->body, &in, e) < 0)
		return -1;
	c.in = in;
	int rc = own->mode == SERVER_WRITE
	    ? once_write(&c, json_job, &j, j.whole, &again, e)
	    : db_read(c.s->db, json_job, &j, e);
	OWN(jsonio_free) json_t *detail = c.detail;
	OWN(gateway_message_free) struct gateway_message *message = c.message;
	OWN(buf_free) struct buf ask = c.ask;
	if (detail != NULL)
		jsonio_put(&r->detail, detail);
	if (rc < 0)
		return -1;
	server_wake(&c);
	if (c.refused) {
		*e = c.refusal;
		return -1;
	}
	if (own->then != NULL && !again) {
		c.ask = ask; /* freed on the way out */
		int after = own->then(&c, e);
		ask = c.ask;
		if (after < 0)
			return -1;
		jsonio_put(&r->body, out);
		if (own->mode == SERVER_WRITE)
			once_end(&c);
	}
	if (message == NULL)
		return 0;
	buf_put_bytes(&message->answer, buf_bytes(&r->body));
	if (gateway_submit(c.s->gateway, &message, e) == 0)
		return 0;
	once_forget(&c);
	return -1;
}

int
server_refuse(struct call *c, enum err_code code, const char *fmt, ...)
{
	char text[400];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	(void)err_set(&c->refusal, code, "%s", text);
	c->refused = true;
	return 0;
}

int
server_too_many(struct call *c, const char *what, int64_t retry_ms)
{
	int64_t retry_s = (retry_ms + 999) / 1000;

	c->detail = json_object();
	jsonio_put_u64(c->detail, "retry_s", (uint64_t)retry_s);
	return server_refuse(c, ERR_TOO_MANY_ATTEMPTS,
	    "%s; try again in %lld %s", what,
	    (long long)(retry_s > 90 ? (retry_s + 59) / 60 : retry_s),
	    retry_s > 90 ? "minutes" : "seconds");
}

int
server_rows(struct stmt *s, const struct call *c, const char *name,
    server_row_fn *fn, struct err *e)
{
	json_t *list = json_array();
	int row;

	(void)json_object_set_new(c->out, name, list);
	while ((row = sql_next(s, e)) > 0) {
		json_t *v = json_object();
		fn(s, c, v);
		(void)json_array_append_new(list, v);
	}
	return row;
}

int
server_throttle(struct tx *tx, struct call *c, const char *key, uint64_t limit,
    int64_t window_ms, bool *ok, struct err *e)
{
	int64_t retry_ms;

	if (account_throttle(
		tx, key, limit, window_ms, c->now_ms, &retry_ms, e) < 0)
		return -1;
	*ok = retry_ms == 0;
	return *ok ? 0 : server_too_many(c, "too many attempts", retry_ms);
}

int
server_drip(struct tx *tx, struct call *c, const char *key, uint64_t room,
    int64_t drop_ms, bool *ok, struct err *e)
{
	int64_t retry_ms;

	if (account_drip(tx, key, room, drop_ms, c->now_ms, &retry_ms, e) < 0)
		return -1;
	*ok = retry_ms == 0;
	return *ok ? 0 : server_too_many(c, "too many attempts", retry_ms);
}

const char *
server_source(const struct call *c)
{
	return c->q->source;
}

void
server_stand_in(const struct server *s, const char *name, struct id *uid)
{
	struct digest d;

	mac_once(keys_fake(s->keys), bytes_str(name), &d);
	memcpy(uid->b, d.b, ID_BYTES);
}

int
server_account(
    struct tx *tx, const struct id *uid, struct account *out, struct err *e)
{
	bool found;

	if (account_by_uid(tx, uid, out, &found, e) < 0)
		return -1;
	return found ? 0 : err_set(e, ERR_NOT_FOUND, "the account is gone");
}

int
server_clock(const struct call *c, uint64_t time_ms, struct err *e)
{
	int64_t skew = c->now_ms - (int64_t)time_ms;

	if (skew <= LIMIT_CLOCK_SKEW_MS && skew >= -LIMIT_CLOCK_SKEW_MS)
		return 0;
	return err_set(e, ERR_CLOCK_WRONG,
	    "the clocks of client and server are more than 5 minutes apart");
}

bool
server_fresh(int64_t proven_ms, int64_t now_ms)
{
	int64_t span = LIMIT_STEP_UP_S * 1000LL;

	return proven_ms >= now_ms - span && proven_ms <= now_ms + span;
}

void
server_put_address(const struct call *c, json_t *row, const char *address)
{
	OWN(buf_free) struct buf place = { 0 };

	jsonio_put_text(row, "address", address);
	geoip_place(c->s->geoip, address, &place);
	if (place.n > 0)
		jsonio_put_text(row, "place", buf_text(&place));
}

int
server_event(struct tx *tx, struct call *c, const struct id *uid,
    const char *event, const struct id *dev_id, const char *detail,
    struct err *e)
{
	return account_event(
		   tx, uid, c->now_ms, event, dev_id, c->q->peer, detail, e) < 0
	    ? -1
	    : notice_event(tx, c, uid, event, detail, e);
}

void
server_token(struct buf *text, struct digest *stored)
{
	uint8_t raw[TOKEN_BYTES];
	size_t before = text->n;

	randombytes_buf(raw, sizeof raw);
	text_base64url(text, bytes_of(raw, sizeof raw));
	digest_of(bytes_of(text->p + before, text->n - before), stored);
	sodium_memzero(raw, sizeof raw);
}

static void
known_mac(const struct server *s, const struct id *uid, const struct id *dev_id,
    struct digest *out)
{
	OWN(buf_free) struct buf m = { 0 };

	id_put(&m, uid);
	id_put(&m, dev_id);
	server_mac(s, "known device", buf_bytes(&m), out);
}

void
server_known(const struct server *s, const struct id *uid,
    const struct id *dev_id, struct buf *out)
{
	struct digest mac;

	known_mac(s, uid, dev_id, &mac);
	id_put(out, dev_id);
	digest_put(out, &mac);
}

bool
server_knows(const struct server *s, const struct id *uid, struct bytes known,
    struct id *dev_id)
{
	struct scan p = scan_of(known);
	struct digest mac;

	*dev_id = id_take(&p);
	struct digest given = digest_take(&p);
	known_mac(s, uid, dev_id, &mac);
	return scan_done(&p) && digest_equal(&mac, &given);
}

void
server_mac(const struct server *s, const char *label, struct bytes x,
    struct digest *out)
{
	OWN(mac_free) struct mac *m = mac_new(keys_token(s->keys));

	mac_add(m, bytes_of(label, strlen(label) + 1));
	mac_add(m, x);
	mac_end(m, out);
}

void
server_put_ksf(json_t *out)
{
	json_t *ksf = json_object();

	jsonio_put_u64(ksf, "memory_kib", KSF_MEMORY_KIB);
	jsonio_put_u64(ksf, "passes", KSF_PASSES);
	(void)json_object_set_new(out, "ksf", ksf);
}

/* ---- who calls ---- */

struct auth_job {
	struct server *s;
	struct digest token;
	enum server_who who;
	struct caller *caller;
	bool found;
};

static int
auth_recovery(struct tx *tx, struct auth_job *j, int64_t now, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;

	if (sql_first(tx, e, &s, &j->found,
		"SELECT id, uid, state FROM recovering WHERE token = ?"
		" AND expires_ms > ?",
		"dn", &j->token, now) < 0)
		return -1;
	if (j->found) {
		stmt_got_copy(s, 0, j->caller->recovering.b, ID_BYTES);
		stmt_got_copy(s, 1, j->caller->uid.b, ID_BYTES);
		j->caller->recovery_state = (uint8_t)stmt_got_u64(s, 2);
	}
	return 0;
}

static int
auth_job(struct tx *tx, void *arg, struct err *e)
{
	struct auth_job *j = arg;
	struct account_session session;
	OWN(stmt_done) struct stmt *s = NULL;
	int64_t now = now_ms();

	if (account_session(tx, &j->token, now, &session, &j->found, e) < 0)
		return -1;
	if (j->found) {
		*j->caller = (struct caller){ .session = true,
			.limited = session.limited,
			.session_id = session.id,
			.uid = session.uid,
			.dev_id = session.dev_id,
			.token = j->token,
			.password_ms = session.password_ms,
			.step_up_ms = session.step_up_ms,
			.released = session.released };
		return 0;
	}
	if ((j->who & WHO_RECOVER) != 0 && auth_recovery(tx, j, now, e) < 0)
		return -1;
	if (j->found || (j->who & WHO_JOIN) == 0)
		return 0;
	if (sql_first(tx, e, &s, &j->found,
		"SELECT id, uid FROM joining WHERE token = ? AND"
		" expires_ms > ?",
		"dn", &j->token, now) < 0)
		return -1;
	if (j->found) {
		stmt_got_copy(s, 0, j->caller->join.b, ID_BYTES);
		stmt_got_copy(s, 1, j->caller->uid.b, ID_BYTES);
	}
	return 0;
}

static int
old_job(struct tx *tx, void *arg, struct err *e)
{
	return settled_check(tx, arg, now_ms(), e);
}

static int
is_visitor(struct err *e)
{
	(void)err_set(e, ERR_PERMISSION,
	    "this sign-in was by a code: it looks at the account and ends "
	    "what is open, but changes nothing and reaches no data");
	return err_remedy(e,
	    "Let this device in: aumbry signout --erase, then: aumbry signin "
	    "URL NAME");
}

/*
 * A browser sends what another site's page wants sent. It says whose page that
 * was: in Sec-Fetch-Site, and older ones in Origin alone.
 */
static bool
is_cross_site(const struct server *s, const struct request *q)
{
	const char *site = http_header(q, "Sec-Fetch-Site");
	const char *origin = http_header(q, "Origin");
	const char *host = http_header(q, "Host");

	if (site != NULL)
		return strcmp(site, "same-origin") != 0 &&
		    strcmp(site, "none") != 0;
	if (origin == NULL)
		return false;
	const char *from = strstr(origin, "://");
	from = from != NULL ? from + 3 : origin;
	size_t n = strcspn(from, ":");
	bool here = host != NULL && strcmp(from, host) == 0;
	return !here &&
	    (n != strlen(s->config.host) ||
		strncmp(from, s->config.host, n) != 0);
}

/* A form of another site can send these; no page of ours does. */
static bool
is_form(const struct request *q)
{
	const char *type = http_header(q, "Content-Type");

	return type != NULL &&
	    (strncasecmp(type, "text/plain", 10) == 0 ||
		strncasecmp(type, "multipart/", 10) == 0);
}

static int
check_site(const struct server *s, const struct request *q, struct err *e)
{
	if (strcmp(q->method, "GET") == 0)
		return 0;
	if (is_form(q))
		return err_set(e, ERR_BAD_REQUEST,
		    "a call's content type is application/json");
	return is_cross_site(s, q)
	    ? err_set(e, ERR_PERMISSION,
		  "a page of another site has made this request")
	    : 0;
}

int
server_authorize(
    void *app, const struct http_route *route, struct request *q, struct err *e)
{
	struct server *s = app;
	enum server_who who = (enum server_who)route->who;
	struct auth_job j = { .s = s, .who = who };

	if (check_site(s, q, e) < 0)
		return -1;
	/* Before all else, so that sessions find room for their rows. */
	if (room_use(s->room) && (who & WHO_GROWS) != 0)
		return room_to_grow(s->room, e);
	if (who == WHO_ANYBODY || who == WHO_NEW)
		return 0;
	OWN(mem_free) struct caller *caller = mem_new(sizeof *caller);
	digest_of(bytes_str(q->bearer), &j.token);
	caller->token = j.token;
	j.caller = caller;
	if (q->bearer[0] != '\0' && db_read(s->db, auth_job, &j, e) < 0)
		return -1;
	if (!j.found)
		return err_set(e, ERR_SESSION_EXPIRED, "the session has ended");
	if (caller->limited && (who & WHO_VISITOR) == 0 &&
	    ((who & WHO_READER) == 0 || caller->released == 0))
		return is_visitor(e);
	if ((who & WHO_FRESH) != 0 &&
	    !server_fresh(caller->step_up_ms, now_ms()))
		return err_set(e, ERR_STEP_UP_REQUIRED,
		    "this needs the password, and a factor, proven within the "
		    "last 5 minutes");
	if ((who & WHO_OLD) != 0 && db_read(s->db, old_job, caller, e) < 0)
		return -1;
	if (caller->session)
		q->payer = caller->uid;
	q->user = TAKE(caller);
	return 0;
}

void
server_release(void *app, void *user)
{
	(void)app;
	free(user);
}
