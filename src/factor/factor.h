/* SPDX-License-Identifier: ISC */
/* factor.h: the ways to show that one is more than a password. */
/*
 * One table of ways; each way is a module: totp (an authenticator app), phone
 * (a code by text or by call), seckey (security keys, in whose presence no
 * other way counts), trust (a browser that was told to remember). A way is
 * proven by a request to join, which gives a visitor's session, or by a session
 * whose password was proven again, which completes its step-up.
 */
#pragma once

#include "server/server.h"

enum factor_way {
	FACTOR_AUTHENTICATOR,
	FACTOR_TEXT,
	FACTOR_CALL,
	FACTOR_KEY,
	FACTOR_TRUSTED,
	FACTOR_WAYS
};

/* What an account has: a way that was confirmed can be used. */
struct factors {
	bool has[FACTOR_WAYS];
};

/* Which ways the account has; which of them count, factor_allowed says. */
MUST_CHECK int factor_of(
    struct tx *tx, const struct id *uid, struct factors *out, struct err *e);
/* Is there one that two-factor can fall back on? */
bool factor_any(const struct factors *f);

/* Add "methods": what the caller can use here; `device` is put first when
 * wanted; and "numbers" when there are phones. */
MUST_CHECK int factor_put_methods(struct tx *tx, struct call *c,
    const struct id *uid, bool device, struct err *e);

/* May the account's owner go on with this way? errors: factor-missing;
 * security-key-required for a code while security keys are in force. */
MUST_CHECK int factor_allowed(
    const struct factors *f, enum factor_way way, struct err *e);
/* The refusal of what a security key must open. Returns -1. */
int factor_key_required(struct err *e);
/* errors: bad-request for a word that names none. */
MUST_CHECK int factor_parse(
    const char *word, enum factor_way *out, struct err *e);

/* Was the password proven, by a session of late or by a request to join that
 * still waits? errors: step-up-required, code-expired. */
MUST_CHECK int factor_may_prove(struct tx *tx, struct call *c, struct err *e);

/* Was the password proven in this session of late? errors: step-up-required. */
MUST_CHECK int factor_password_fresh(const struct call *c, struct err *e);

/* All is proven: the session may change what matters, for a while. */
MUST_CHECK int factor_step_up(struct tx *tx, struct call *c, struct err *e);

/*
 * A fallback was confirmed: tells so, and turns pending two-factor on. Adds
 * "two_factor".
 */
MUST_CHECK int factor_confirmed(struct tx *tx, struct call *c,
    const char *event, const char *detail, struct err *e);
/*
 * May this way go? errors: permission-denied when two-factor is on and nothing
 * else is left to fall back on.
 *
 * way  FACTOR_WAYS: what goes is gone already, and the refusal undoes it.
 */
MUST_CHECK int factor_may_go(struct tx *tx, struct call *c, enum factor_way way,
    const char *what, struct err *e);

/* The refusal of what needs two-factor: "%s needs …". Returns -1. */
int factor_required(const struct server *s, const struct account *a,
    const char *what, struct err *e);

/* A factor is shown, by any of the ways. */
server_call_fn factor_prove;
