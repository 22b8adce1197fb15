/* SPDX-License-Identifier: ISC */
/* phone_code.c: codes by text and by call: sending and checking them. */
#include "factor/phone_in.h"

#include "base/text.h"
#include "factor/factor.h"
#include "server/code.h"
#include "server/once.h"

#include <string.h>

#define CODE_MS (10 * 60 * 1000LL)
#define HOUR_MS (3600 * 1000LL)
#define TRIES "phone" /* texts and calls share their tries */

/* ---- sending ---- */

static void
code_mac(struct call *c, const struct id *uid, const char *number,
    const char *code, struct digest *out)
{
	OWN(buf_free) struct buf m = { 0 };

	id_put(&m, uid);
	buf_put_v8(&m, bytes_str(code));
	buf_put_str(&m, number);
	server_mac(c->s, "phone code", buf_bytes(&m), out);
}

static int
may_send(struct tx *tx, struct call *c, const char *number, bool *ok,
    uint64_t *left, struct err *e)
{
	OWN(buf_free) struct buf account = { 0 };
	OWN(buf_free) struct buf phone = { 0 };
	uint64_t in_all;
	struct digest d;
	int64_t retry_ms;

	buf_printf(&account, "sends|%s", id_text(&c->me->uid).s);
	server_mac(c->s, "phone number", bytes_str(number), &d);
	buf_put_str(&phone, "send|");
	text_hex(&phone, bytes_of(d.b, DIGEST_BYTES));
	if (account_spend(tx,
		&(struct account_limit){
		    buf_text(&account), PHONE_ACCOUNT_SENDS, HOUR_MS },
		c->now_ms, &in_all, &retry_ms, e) < 0)
		return -1;
	if (retry_ms == 0) {
		if (account_spend(tx,
			&(struct account_limit){
			    buf_text(&phone), PHONE_SENDS, HOUR_MS },
			c->now_ms, left, &retry_ms, e) < 0)
			return -1;
		/* Another number may still get it. */
		if (retry_ms != 0 &&
		    account_unspend(tx, buf_text(&account), e) < 0)
			return -1;
	}
	*ok = retry_ms == 0;
	if (*ok && in_all < *left)
		*left = in_all;
	return *ok ? 0
		   : server_too_many(c,
			 "too many codes were sent, and the last one may still "
			 "be good",
			 retry_ms);
}

/* What is read, and its last line for phones that fill the code in by
 * themselves; or what is heard, digit by digit. */
static void
compose(struct buf *out, const char *host, const char *code, bool call)
{
	if (!call) {
		buf_printf(out,
		    "%s is your Aumbry code for %s. Nobody from %s will ever "
		    "ask for it.\n@%s #%s",
		    code, host, host, host, code);
		return;
	}
	buf_printf(out, "This is %s.", host);
	for (int times = 0; times < 2; times++) {
		buf_put_str(out, times == 0 ? " Your code is:" : " Once more:");
		for (size_t i = 0; i < CODE_DIGITS; i++)
			buf_printf(out, "%s %c", i > 0 ? "," : "", code[i]);
		buf_put_str(out, ".");
	}
	buf_printf(out, " Nobody from %s will ever ask for it.", host);
}

static struct id
ticket_of(const struct request *q)
{
	struct id ticket = { { 0 } };

	/* Whoever asks again for the same waits for the same. */
	_Static_assert(ID_BYTES == HTTP_REQUEST_ID, "an id holds one");
	if (!once_act(q, &ticket))
		memcpy(ticket.b, q->id, ID_BYTES);
	return ticket;
}

int
phone_send_code(struct tx *tx, struct call *c, const struct phone *p, bool call,
    struct err *e)
{
	OWN(buf_free) struct buf text = { 0 };
	OWN(buf_free) struct buf hint = { 0 };
	OWN(buf_free) struct buf detail = { 0 };
	struct digest mac;
	uint64_t left;
	bool ok;

	if (may_send(tx, c, p->number, &ok, &left, e) < 0)
		return -1;
	if (!ok)
		return 0;
	OWN(gateway_message_free)
	struct gateway_message *m = mem_new(sizeof *m);
	m->ticket = ticket_of(c->q);
	m->call = call;
	memcpy(m->number, p->number, sizeof p->number);
	code_draw(m->code);
	compose(&text, c->s->config.host, m->code, call);
	m->message = mem_text(buf_text(&text));
	code_mac(c, &c->me->uid, p->number, m->code, &mac);
	phone_hint(&hint, p->number);
	buf_printf(
	    &detail, "%s, by %s", buf_text(&hint), call ? "call" : "text");
	if (sql_run(tx, e,
		"UPDATE phone SET code = ?, code_call = ?, code_until_ms = ?"
		" WHERE uid = ? AND number = ?",
		"dunis", &mac, (uint64_t)call, c->now_ms + CODE_MS, &c->me->uid,
		p->number) < 0 ||
	    server_event(tx, c,
		&(struct server_event){
		    &c->me->uid, "code_sent", NULL, buf_text(&detail) },
		e) < 0)
		return -1;
	jsonio_put_id(c->out, "id", &p->id);
	jsonio_put_text(c->out, "hint", buf_text(&hint));
	jsonio_put_u64(c->out, "left", left);
	jsonio_put_u64(c->out, "expires_ms", (uint64_t)(c->now_ms + CODE_MS));
	gateway_message_free(&c->message);
	c->message = TAKE(m);
	return 0;
}

int
phone_gateway(const struct call *c, bool call, struct err *e)
{
	if (gateway_can(c->s->gateway, call))
		return 0;
	(void)err_set(e, ERR_NO_GATEWAY, "this server %s",
	    call ? "makes no calls" : "sends no texts");
	return !call && gateway_can(c->s->gateway, true)
	    ? err_remedy(e, "Have it call: --call, or --with call")
	    : -1;
}

int
phone_sending(
    void *app, const struct request *q, struct response *r, struct err *e)
{
	const struct server *s = app;
	struct id ticket = ticket_of(q);
	enum gateway_state state = GATEWAY_UNKNOWN;

	http_watch(s->http, r, &ticket);
	r->wait_ms = GATEWAY_ANSWER_MS;
	state = gateway_state(s->gateway, &ticket, q->timed_out, &r->body);
	if (state == GATEWAY_SENT)
		return 0;
	if (state == GATEWAY_UNKNOWN && !q->timed_out) {
		OWN(buf_free) struct buf kept = { 0 };
		if (server_json(app, q, r, e) < 0)
			return -1;
		buf_put_bytes(&kept, buf_bytes(&r->body));
		buf_clear(&r->body);
		state = gateway_state(s->gateway, &ticket, false, &r->body);
		if (state == GATEWAY_UNKNOWN) { /* it was sent before */
			buf_put_bytes(&r->body, buf_bytes(&kept));
			return 0;
		}
	}
	if (state == GATEWAY_SENT)
		return 0;
	if (state == GATEWAY_SENDING && !q->timed_out)
		return HTTP_WAIT;
	/* Asked again, it is to be sent again. */
	struct call c = { .s = app, .q = q, .me = q->user };
	once_forget(&c);
	return err_set(e, ERR_GATEWAY_FAILED,
	    "the code could not be sent: what sends it %s",
	    state == GATEWAY_FAILED ? "refused it or cannot be reached"
				    : "has not answered");
}

/* ---- checking ---- */

enum verdict { NONE, LATE, RIGHT };

/* A code as it was typed, and where to look for it. */
struct typed {
	const struct id *uid;
	enum phone_code which;
	char code[CODE_DIGITS + 1];
};

/* Whose code it is. */
static int
match(struct tx *tx, struct call *c, const struct typed *t, struct phone *out,
    enum verdict *v, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;
	int row;

	*v = NONE;
	if (sql_ask(tx, e, &s,
		"SELECT id, number, call, confirmed, code, code_until_ms,"
		" code_call FROM phone WHERE uid = ? AND confirmed = ?"
		" AND code_until_ms > 0",
		"iu", t->uid, (uint64_t)(t->which != PHONE_NEW)) < 0)
		return -1;
	while ((row = sql_next(s, e)) > 0) {
		struct digest want, got;
		struct phone p;
		phone_take(s, &p);
		stmt_got_copy(s, 4, want.b, DIGEST_BYTES);
		code_mac(c, t->uid, p.number, t->code, &got);
		bool called = stmt_got_u64(s, 6) != 0;
		if (!digest_equal(&want, &got) ||
		    (t->which != PHONE_NEW &&
			called != (t->which == PHONE_CALL)))
			continue;
		*out = p;
		*v = stmt_got_i64(s, 5) > c->now_ms ? RIGHT : LATE;
	}
	return row;
}

int
phone_check(struct tx *tx, struct call *c, const struct id *uid,
    enum phone_code which, struct phone *p, struct err *e)
{
	static const char *const ways[] = { TRIES, "text", "call" };
	struct typed t = { .uid = uid, .which = which };
	struct phone found;
	const char *typed = "";
	enum verdict v;
	bool ok;

	p->number[0] = '\0';
	if (jsonio_text(c->in, "code", &typed, e) < 0)
		return -1;
	if (!code_take(c, typed, "by text or call", t.code))
		return 0;
	if (code_try(tx, c, uid, TRIES, &ok, e) < 0)
		return -1;
	if (!ok)
		return 0;
	if (match(tx, c, &t, &found, &v, e) < 0)
		return -1;
	if (v == LATE)
		return server_refuse(
		    c, ERR_CODE_EXPIRED, "that code is older than 10 minutes");
	if (v == NONE)
		return code_wrong(tx, c, uid, ways[which], e);
	*p = found;
	return code_tried_well(tx, c, uid, TRIES, e) < 0
	    ? -1
	    : sql_run(tx, e,
		  "UPDATE phone SET code_until_ms = 0 WHERE uid = ?"
		  " AND number = ?",
		  "is", uid, p->number);
}

static int
check_as(struct tx *tx, struct call *c, const struct id *uid,
    enum phone_code which, bool *ok, struct err *e)
{
	struct phone p;

	*ok = false;
	if (phone_check(tx, c, uid, which, &p, e) < 0)
		return -1;
	*ok = p.number[0] != '\0';
	return 0;
}

int
phone_check_text(struct tx *tx, struct call *c, const struct id *uid, bool *ok,
    struct err *e)
{
	return check_as(tx, c, uid, PHONE_TEXT, ok, e);
}

int
phone_check_call(struct tx *tx, struct call *c, const struct id *uid, bool *ok,
    struct err *e)
{
	return check_as(tx, c, uid, PHONE_CALL, ok, e);
}

/* ---- for who proves ---- */

/* The one asked for by its id, else the first that takes it. */
static int
choose(
    struct tx *tx, struct call *c, bool call, struct phone *out, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;
	struct id wanted;
	bool any = json_object_get(c->in, "number") == NULL;
	int row;

	if (!any && jsonio_id(c->in, "number", &wanted, e) < 0)
		return -1;
	if (sql_ask(tx, e, &s,
		"SELECT id, number, call, confirmed FROM phone WHERE uid = ?"
		" AND confirmed = 1 AND (? = 1 OR call = 0)"
		" ORDER BY call = ? DESC, added_ms, number",
		"iuu", &c->me->uid, (uint64_t)call, (uint64_t)call) < 0)
		return -1;
	while ((row = sql_next(s, e)) > 0) {
		phone_take(s, out);
		if (any || id_equal(&out->id, &wanted))
			return 0;
	}
	if (row < 0)
		return -1;
	(void)err_set(e, ERR_FACTOR_MISSING, "the account has no such phone%s",
	    call ? "" : " that takes texts");
	return err_remedy(e, "Use another way: --with device");
}

int
phone_send(struct tx *tx, struct call *c, struct err *e)
{
	const char *method = "";
	struct factors f;
	struct phone p;

	if (jsonio_text(c->in, "method", &method, e) < 0)
		return -1;
	bool call = strcmp(method, "call") == 0;
	if (!call && strcmp(method, "text") != 0)
		return err_set(
		    e, ERR_BAD_REQUEST, "a code is sent by text or by call");
	return factor_may_prove(tx, c, e) < 0 ||
		factor_of(tx, &c->me->uid, &f, e) < 0 ||
		factor_allowed(&f, call ? FACTOR_CALL : FACTOR_TEXT, e) < 0 ||
		phone_gateway(c, call, e) < 0 ||
		choose(tx, c, call, &p, e) < 0 ||
		phone_send_code(tx, c, &p, call, e) < 0
	    ? -1
	    : 0;
}
