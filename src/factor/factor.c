/* SPDX-License-Identifier: ISC */
/* factor.c: the table of ways, and proving one. */
#include "factor/factor.h"

#include "factor/lost.h"
#include "factor/phone.h"
#include "factor/seckeys.h"
#include "factor/totp.h"
#include "factor/trust.h"
#include "server/ordered.h"

#include <string.h>

#define VISIT_MS (60 * 60 * 1000LL)

static const struct way {
	const char *name, *means;
	bool fallback; /* two-factor can stand on it */
	bool (*ready)(const struct server *s); /* NULL: always */
	int (*has)(
	    struct tx *tx, const struct id *uid, bool *has, struct err *e);
	int (*check)(struct tx *tx, struct call *c, const struct id *uid,
	    bool *ok, struct err *e);
} ways[FACTOR_WAYS] = {
	[FACTOR_AUTHENTICATOR] = { "authenticator", "authenticator", true, NULL,
	    totp_has, totp_check },
	[FACTOR_TEXT] = { "text", "phone number that takes texts", true,
	    phone_can_text, phone_has_text, phone_check_text },
	[FACTOR_CALL] = { "call", "phone number", true, phone_can_call,
	    phone_has_call, phone_check_call },
	[FACTOR_KEY] = { "key", "pair of security keys", true, NULL,
	    seckeys_has, seckeys_check },
	[FACTOR_TRUSTED] = { "trusted", "browser that it trusts", false, NULL,
	    trust_has, trust_check },
};

/* ---- what there is ---- */

int
factor_of(
    struct tx *tx, const struct id *uid, struct factors *out, struct err *e)
{
	for (size_t i = 0; i < FACTOR_WAYS; i++)
		if (ways[i].has(tx, uid, &out->has[i], e) < 0)
			return -1;
	return 0;
}

bool
factor_any(const struct factors *f)
{
	for (size_t i = 0; i < FACTOR_WAYS; i++)
		if (ways[i].fallback && f->has[i])
			return true;
	return false;
}

int
factor_parse(const char *word, enum factor_way *out, struct err *e)
{
	for (size_t i = 0; i < FACTOR_WAYS; i++)
		if (strcmp(ways[i].name, word) == 0) {
			*out = (enum factor_way)i;
			return 0;
		}
	return err_set(
	    e, ERR_BAD_REQUEST, "there is no such way to prove who you are");
}

int
factor_put_methods(struct tx *tx, struct call *c, const struct id *uid,
    bool device, struct err *e)
{
	json_t *methods = json_array();
	struct factors f;

	(void)json_object_set_new(c->out, "methods", methods);
	if (factor_of(tx, uid, &f, e) < 0)
		return -1;
	bool keys = f.has[FACTOR_KEY];
	if (device && !keys)
		(void)json_array_append_new(methods, json_string("device"));
	for (size_t i = 0; i < FACTOR_WAYS; i++)
		if (ways[i].fallback && f.has[i] &&
		    (!keys || i == FACTOR_KEY) &&
		    (ways[i].ready == NULL || ways[i].ready(c->s)))
			(void)json_array_append_new(
			    methods, json_string(ways[i].name));
	return f.has[FACTOR_CALL] && !keys ? phone_put_numbers(tx, c, uid, e)
					   : 0;
}

int
factor_key_required(struct err *e)
{
	return err_set(e, ERR_KEY_REQUIRED,
	    "this account is opened by a security key, and by no code");
}

int
factor_allowed(const struct factors *f, enum factor_way way, struct err *e)
{
	if (f->has[FACTOR_KEY] && ways[way].fallback && way != FACTOR_KEY)
		return factor_key_required(e);
	if (f->has[way])
		return 0;
	(void)err_set(
	    e, ERR_FACTOR_MISSING, "the account has no %s", ways[way].means);
	return err_remedy(e, "Use another way: --with device");
}

int
factor_required(const struct server *s, const struct account *a,
    const char *what, struct err *e)
{
	(void)err_set(e, ERR_TWO_FACTOR_REQUIRED,
	    "%s two-factor authentication, and it is %s for %s@%s.", what,
	    account_two_factor_name(a->two_factor), a->name, s->config.host);
	return err_remedy(e, "Run: aumbry %s",
	    a->two_factor == TWO_FACTOR_PENDING ? "authenticator add"
						: "two-factor on");
}

/* ---- proving ---- */

/* The device that a request to join speaks for. */
static int
asking_device(struct tx *tx, struct call *c, struct device *d, struct buf *os,
    struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;
	bool row;

	if (sql_first(tx, e, &s, &row,
		"SELECT device, os FROM joining WHERE id = ? AND state <= 1",
		"i", &c->me->join) < 0)
		return -1;
	if (!row)
		return err_set(e, ERR_CODE_EXPIRED, "the request is over");
	struct scan from = scan_of(stmt_got_bytes(s, 0));
	if (device_take(&from, d, e) < 0)
		return -1;
	buf_put_str(os, stmt_got_text(s, 1));
	return 0;
}

static int
open_visit(struct tx *tx, struct call *c, const struct device *d,
    const char *os, struct err *e)
{
	OWN(buf_free) struct buf token = { 0 };
	struct digest stored;
	struct account a;

	if (server_account(tx, &c->me->uid, &a, e) < 0)
		return -1;
	if (a.suspended)
		return err_set(e, ERR_ACCOUNT_SUSPENDED,
		    "who runs the server has suspended this account");
	server_token(&token, &stored);
	struct account_session s = { .uid = a.uid,
		/* It is no device, whatever ID it gives itself. */
		.class = d->class,
		.limited = true,
		.opened_ms = c->now_ms,
		.expires_ms = c->now_ms + VISIT_MS,
		.way = json_string_value(json_object_get(c->in, "method")),
		.os = os,
		.address = c->q->peer };
	id_random(&s.id);
	if (account_add_session(
		tx, &stored, &s, bytes_of(stored.b, DIGEST_BYTES), e) < 0 ||
	    server_event(tx, c,
		&(struct server_event){ &a.uid, "signin_visit", NULL, s.way },
		e) < 0 ||
	    ordered_stop(tx, c, &a.uid, e) < 0)
		return -1;
	jsonio_put_id(c->out, "uid", &a.uid);
	jsonio_put_bytes(
	    c->out, "password_pin", bytes_of(a.birth_pin.b, DIGEST_BYTES));
	jsonio_put_text(c->out, "token", buf_text(&token));
	jsonio_put_u64(c->out, "expires_s", VISIT_MS / 1000);
	jsonio_put_true(c->out, "limited", true);
	jsonio_put_text(c->out, "name", a.name);
	jsonio_put_text(c->out, "host", c->s->config.host);
	jsonio_put_text(
	    c->out, "two_factor", account_two_factor_name(a.two_factor));
	return 0;
}

int
factor_step_up(struct tx *tx, struct call *c, struct err *e)
{
	if (account_step_up(tx, &c->me->token, c->now_ms, e) < 0 ||
	    server_event_own(tx, c, "step_up", "", e) < 0)
		return -1;
	jsonio_put_u64(c->out, "until_ms",
	    (uint64_t)(c->now_ms + LIMIT_STEP_UP_S * 1000LL));
	return 0;
}

/* A step-up begins with the password. */
int
factor_password_fresh(const struct call *c, struct err *e)
{
	if (server_fresh(c->me->password_ms, c->now_ms))
		return 0;
	return err_set(e, ERR_STEP_UP_REQUIRED,
	    "the password must be proven before the factor");
}

int
factor_may_prove(struct tx *tx, struct call *c, struct err *e)
{
	OWN(buf_free) struct buf os = { 0 };
	struct device d;

	return c->me->session ? factor_password_fresh(c, e)
			      : asking_device(tx, c, &d, &os, e);
}

/* A browser's memory is not enough for a step-up. */
static int
may_step_up(const struct call *c, enum factor_way way, struct err *e)
{
	return ways[way].fallback
	    ? factor_password_fresh(c, e)
	    : err_set(e, ERR_STEP_UP_REQUIRED, "this needs a code that is new");
}

int
factor_prove(struct tx *tx, struct call *c, struct err *e)
{
	OWN(buf_free) struct buf os = { 0 };
	const struct id *uid = &c->me->uid;
	enum factor_way way = FACTOR_WAYS;
	const char *method = "";
	struct factors f;
	struct device d;
	bool ok;

	if (jsonio_text(c->in, "method", &method, e) < 0 ||
	    factor_parse(method, &way, e) < 0 ||
	    (c->me->session ? may_step_up(c, way, e)
			    : asking_device(tx, c, &d, &os, e)) < 0 ||
	    factor_of(tx, uid, &f, e) < 0 || factor_allowed(&f, way, e) < 0 ||
	    ways[way].check(tx, c, uid, &ok, e) < 0)
		return -1;
	if (!ok)
		return 0;
	if (jsonio_true(c->in, "trust") && ways[way].fallback &&
	    trust_make(tx, c, uid, e) < 0)
		return -1;
	if (lost_over(tx, uid, e) < 0)
		return -1;
	return c->me->session ? factor_step_up(tx, c, e)
			      : open_visit(tx, c, &d, buf_text(&os), e);
}

/* ---- coming and going ---- */

int
factor_confirmed(struct tx *tx, struct call *c, const char *event,
    const char *detail, struct err *e)
{
	struct account a;
	bool found;

	if (server_event_own(tx, c, event, detail, e) < 0 ||
	    lost_over(tx, &c->me->uid, e) < 0 ||
	    account_by_uid(tx, &c->me->uid, &a, &found, e) < 0)
		return -1;
	if (found && a.two_factor == TWO_FACTOR_PENDING) {
		a.two_factor = TWO_FACTOR_ON;
		if (account_set_two_factor(tx, &c->me->uid, TWO_FACTOR_ON, e) <
			0 ||
		    server_event_own(tx, c, "two_factor_on", "", e) < 0)
			return -1;
	}
	jsonio_put_text(
	    c->out, "two_factor", account_two_factor_name(a.two_factor));
	return 0;
}

int
factor_may_go(struct tx *tx, struct call *c, enum factor_way way,
    const char *what, struct err *e)
{
	struct factors f;
	struct account a;
	bool found;

	if (account_by_uid(tx, &c->me->uid, &a, &found, e) < 0 ||
	    factor_of(tx, &c->me->uid, &f, e) < 0)
		return -1;
	if (way < FACTOR_WAYS)
		f.has[way] = false;
	if (!found || a.two_factor != TWO_FACTOR_ON || factor_any(&f))
		return 0;
	(void)err_set(e, ERR_PERMISSION,
	    "two-factor is on, and %s is its only fallback: turn it off first, "
	    "or add another factor",
	    what);
	return err_remedy(e,
	    "Add another (aumbry authenticator add takes the place of one that "
	    "was lost; or: aumbry phone add), or run: aumbry two-factor off");
}
