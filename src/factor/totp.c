/* SPDX-License-Identifier: ISC */
/* totp.c: the authenticator app. */
#include "factor/totp.h"

#include "base/text.h"
#include "factor/factor.h"
#include "server/code.h"

#include <liboath/oath.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SECRET 20 /* bytes: SHA-1's length, RFC 4226 section 4 */
#define STEP_S 30
#define WINDOW 1 /* steps to either side */
#define SEALED \
	(crypto_secretbox_NONCEBYTES + crypto_secretbox_MACBYTES + SECRET)
#define KIND "authenticator"
#define NEW "authenticator, not confirmed" /* beside one that is */

/* The database alone must not give codes: sealed under a server key. */
static void
box_key(const struct server *s, const struct id *uid,
    uint8_t out[static crypto_secretbox_KEYBYTES])
{
	struct digest d;

	server_mac(s, "factor", bytes_of(uid->b, ID_BYTES), &d);
	memcpy(out, d.b, crypto_secretbox_KEYBYTES);
}

static void
seal(const struct server *s, const struct id *uid, const uint8_t *secret,
    uint8_t out[static SEALED])
{
	uint8_t key[crypto_secretbox_KEYBYTES];

	box_key(s, uid, key);
	randombytes_buf(out, crypto_secretbox_NONCEBYTES);
	(void)crypto_secretbox_easy(
	    out + crypto_secretbox_NONCEBYTES, secret, SECRET, out, key);
	sodium_memzero(key, sizeof key);
}

static int
unseal(const struct server *s, const struct id *uid, struct bytes sealed,
    uint8_t secret[static SECRET], struct err *e)
{
	uint8_t key[crypto_secretbox_KEYBYTES];
	int rc = -1;

	box_key(s, uid, key);
	if (sealed.n == SEALED)
		rc = crypto_secretbox_open_easy(secret,
		    sealed.p + crypto_secretbox_NONCEBYTES,
		    SEALED - crypto_secretbox_NONCEBYTES, sealed.p, key);
	sodium_memzero(key, sizeof key);
	if (rc < 0)
		return err_set(e, ERR_STATE_DAMAGED,
		    "the authenticator's secret does not open");
	return 0;
}

/* ---- add ---- */

int
totp_add(struct tx *tx, struct call *c, struct err *e)
{
	OWN(buf_free) struct buf text = { 0 };
	OWN(buf_free) struct buf uri = { 0 };
	uint8_t secret[SECRET], sealed[SEALED];
	struct account a;

	if (server_account(tx, &c->me->uid, &a, e) < 0)
		return -1;
	randombytes_buf(secret, sizeof secret);
	seal(c->s, &c->me->uid, secret, sealed);
	text_base32(&text, bytes_of(secret, sizeof secret));
	sodium_memzero(secret, sizeof secret);
	if (sql_run(tx, e,
		"INSERT INTO factor (uid, kind, secret, confirmed, counter)"
		" VALUES (?, ?, ?, 0, 0) ON CONFLICT (uid, kind) DO UPDATE SET"
		" secret = excluded.secret, confirmed = 0, counter = 0",
		"isb", &c->me->uid, NEW, bytes_of(sealed, sizeof sealed)) < 0 ||
	    server_event_own(tx, c, "factor_added", KIND, e) < 0)
		return -1;
	buf_printf(&uri,
	    "otpauth://totp/Aumbry:%s@%s?secret=%s&issuer=Aumbry&digits=%d"
	    "&period=%d",
	    a.name, c->s->config.host, buf_text(&text), CODE_DIGITS, STEP_S);
	jsonio_put_text(c->out, "secret", buf_text(&text));
	jsonio_put_text(c->out, "uri", buf_text(&uri));
	return 0;
}

/* ---- checking codes ---- */

/*
 * The step whose code this is, later than `after`; 0 for none. An `after` that
 * no code of now can reach is of a clock that was ahead and was set back: it
 * would shut the owner out until then.
 */
static uint64_t
find_step(
    const uint8_t *secret, const char *code, int64_t now_ms, uint64_t after)
{
	uint64_t now = (uint64_t)now_ms / 1000 / STEP_S;
	uint64_t hit = 0;

	if (after > now + WINDOW)
		after = 0;
	for (uint64_t step = now - WINDOW; step <= now + WINDOW; step++) {
		char want[CODE_DIGITS + 1];
		if (oath_hotp_generate((const char *)secret, SECRET, step,
			CODE_DIGITS, 0, OATH_HOTP_DYNAMIC_TRUNCATION,
			want) != OATH_OK)
			continue;
		if (sodium_memcmp(want, code, CODE_DIGITS) == 0 && step > after)
			hit = step;
	}
	return hit;
}

/* A code that was used, or is of another time: typed again it stays wrong. */
static int
wrong(struct tx *tx, struct call *c, const struct id *uid, struct err *e)
{
	time_t now_s = (time_t)(c->now_ms / 1000);
	char time[sizeof "hh:mm:ss"];
	struct tm tm;

	if (code_wrong(tx, c, uid, KIND, e) < 0)
		return -1;
	if (gmtime_r(&now_s, &tm) == NULL)
		abort();
	(void)strftime(time, sizeof time, "%T", &tm);
	(void)server_refuse(c, ERR_WRONG_CODE,
	    "the code is wrong, was used before, or comes of a clock that is "
	    "not right: here it is %s UTC",
	    time);
	(void)err_remedy(
	    &c->refusal, "Wait for the next code and type that one.");
	return 0;
}

static int
check(struct tx *tx, struct call *c, const struct id *uid, bool confirmed,
    bool *ok, struct err *e)
{
	const char *typed = "";
	OWN(stmt_done) struct stmt *s = NULL;
	char code[CODE_DIGITS + 1];
	uint8_t secret[SECRET];
	bool row;

	*ok = false;
	if (jsonio_text(c->in, "code", &typed, e) < 0)
		return -1;
	if (!code_take(c, typed, "of the authenticator", code))
		return 0;
	if (code_try(tx, c, uid, KIND, ok, e) < 0)
		return -1;
	if (!*ok)
		return 0;
	*ok = false;
	if (sql_first(tx, e, &s, &row,
		"SELECT secret, counter FROM factor WHERE uid = ?"
		" AND kind = ?",
		"is", uid, confirmed ? KIND : NEW) < 0)
		return -1;
	if (!row)
		return err_set(e, ERR_FACTOR_MISSING,
		    "no authenticator waits to be confirmed");
	if (unseal(c->s, uid, stmt_got_bytes(s, 0), secret, e) < 0)
		return -1;
	uint64_t step = find_step(secret, code, c->now_ms, stmt_got_u64(s, 1));
	stmt_done(&s);
	sodium_memzero(secret, sizeof secret);
	if (step == 0)
		return wrong(tx, c, uid, e);
	*ok = true;
	if (code_tried_well(tx, c, uid, KIND, e) < 0)
		return -1;
	return sql_run(tx, e,
	    "UPDATE factor SET counter = ? WHERE uid = ? AND kind = ?", "uis",
	    step, uid, confirmed ? KIND : NEW);
}

int
totp_check(struct tx *tx, struct call *c, const struct id *uid, bool *ok,
    struct err *e)
{
	return check(tx, c, uid, true, ok, e);
}

int
totp_has(struct tx *tx, const struct id *uid, bool *has, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;

	return sql_first(tx, e, &s, has,
	    "SELECT 1 FROM factor WHERE uid = ? AND kind = ? AND confirmed = 1",
	    "is", uid, KIND);
}

int
totp_confirm(struct tx *tx, struct call *c, struct err *e)
{
	bool ok;

	if (check(tx, c, &c->me->uid, false, &ok, e) < 0)
		return -1;
	if (!ok)
		return 0;
	return sql_run(tx, e, "DELETE FROM factor WHERE uid = ? AND kind = ?",
		   "is", &c->me->uid, KIND) < 0 ||
		sql_run(tx, e,
		    "UPDATE factor SET confirmed = 1, kind = ? WHERE uid = ?"
		    " AND kind = ?",
		    "sis", KIND, &c->me->uid, NEW) < 0
	    ? -1
	    : factor_confirmed(tx, c, "factor_confirmed", KIND, e);
}

int
totp_remove(struct tx *tx, struct call *c, struct err *e)
{
	return factor_may_go(
		   tx, c, FACTOR_AUTHENTICATOR, "the authenticator", e) < 0 ||
		sql_run(tx, e, "DELETE FROM factor WHERE uid = ? AND kind = ?",
		    "is", &c->me->uid, KIND) < 0 ||
		server_event_own(tx, c, "factor_removed", KIND, e) < 0
	    ? -1
	    : 0;
}
