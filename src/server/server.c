/* SPDX-License-Identifier: ISC */
/* server.c: running JSON calls, what they refuse, throttles. */
#include "server/server.h"

#include "base/now.h"
#include "server/escrowlink.h"
#include "server/notice.h"
#include "server/once.h"
#include "server/postman.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define KSF_MEMORY_KIB 65536 /* Argon2id of the password, see vault/opaque.h */
#define KSF_PASSES 3

struct json_job {
	struct call *call;
	server_call_fn *fn;
	bool whole; /* nothing is added after the transaction */
};

/* It may have been ended, with its device or its account, since it was looked
 * at: a body takes its time. One that is only over by now was good. */
static int
check_session(struct tx *tx, const struct caller *me, struct err *e)
{
	struct account_session s;
	bool found = true;

	if (me != NULL && me->session &&
	    account_session(tx, &me->token, 0, &s, &found, e) < 0)
		return -1;
	return found ? 0
		     : err_set(e, ERR_SESSION_EXPIRED, "the session has ended");
}

static int
json_job(struct tx *tx, void *arg, struct err *e)
{
	struct json_job *j = arg;

	if (check_session(tx, j->call->me, e) < 0 || j->fn(tx, j->call, e) < 0)
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
	for (size_t i = 0; i + ID_BYTES <= c->wakes.n; i += ID_BYTES) {
		struct id id;
		memcpy(id.b, c->wakes.p + i, ID_BYTES);
		http_wake(c->s->http, &id);
	}
	if (!id_zero(&c->longer))
		http_wake(c->s->http, &c->longer);
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
	OWN(buf_free) struct buf wakes = c.wakes;
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
server_throttle(struct tx *tx, struct call *c, const struct account_limit *l,
    bool *ok, struct err *e)
{
	int64_t retry_ms;

	if (account_throttle(tx, l, c->now_ms, &retry_ms, e) < 0)
		return -1;
	*ok = retry_ms == 0;
	return *ok ? 0 : server_too_many(c, "too many attempts", retry_ms);
}

int
server_drip(struct tx *tx, struct call *c, const struct account_limit *l,
    bool *ok, struct err *e)
{
	int64_t retry_ms;

	if (account_drip(tx, l, c->now_ms, &retry_ms, e) < 0)
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
server_event(
    struct tx *tx, struct call *c, const struct server_event *x, struct err *e)
{
	struct account_event line = { c->now_ms, x->event, x->dev_id,
		c->q->peer, x->detail };

	return account_event(tx, x->uid, &line, e) < 0
	    ? -1
	    : notice_event(tx, c, x->uid, x->event, x->detail, e);
}

int
server_event_own(struct tx *tx, struct call *c, const char *event,
    const char *detail, struct err *e)
{
	struct server_event x = { &c->me->uid, event, &c->me->dev_id, detail };

	return server_event(tx, c, &x, e);
}

void
server_put_identity(const struct call *c)
{
	if (!c->s->plain)
		jsonio_put_bytes(c->out, "tls",
		    bytes_of(keys_spki(c->s->keys)->b, DIGEST_BYTES));
}

void
server_put_ksf(json_t *out)
{
	json_t *ksf = json_object();

	jsonio_put_u64(ksf, "memory_kib", KSF_MEMORY_KIB);
	jsonio_put_u64(ksf, "passes", KSF_PASSES);
	(void)json_object_set_new(out, "ksf", ksf);
}
