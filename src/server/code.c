/* SPDX-License-Identifier: ISC */
/* code.c: drawing codes, their shape, and how often one may be wrong. */
#include "server/code.h"

#include "base/typed.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#define TRIES_MS (10 * 60 * 1000)

void
code_draw(char out[static CODE_DIGITS + 1])
{
	(void)snprintf(out, CODE_DIGITS + 1, "%06u",
	    (unsigned)randombytes_uniform(1000000));
}

bool
code_take(struct call *c, const char *typed, const char *of,
    char out[static CODE_DIGITS + 1])
{
	OWN(buf_free) struct buf plain = { 0 };

	typed_code(&plain, bytes_str(typed));
	const char *code = buf_text(&plain);
	if (plain.n == CODE_DIGITS &&
	    strspn(code, "0123456789") == CODE_DIGITS) {
		memcpy(out, code, CODE_DIGITS + 1);
		return true;
	}
	(void)server_refuse(
	    c, ERR_WRONG_CODE_KIND, "a code %s has %d digits", of, CODE_DIGITS);
	return false;
}

static void
tries_key(struct buf *key, const struct id *uid, const char *kind)
{
	buf_printf(key, "code|%s|%s", kind, id_text(uid).s);
}

int
code_try(struct tx *tx, struct call *c, const struct id *uid, const char *kind,
    bool *ok, struct err *e)
{
	OWN(buf_free) struct buf key = { 0 };

	tries_key(&key, uid, kind);
	return server_throttle(
	    tx, c, buf_text(&key), c->s->config.code_tries, TRIES_MS, ok, e);
}

int
code_tried_well(
    struct tx *tx, const struct id *uid, const char *kind, struct err *e)
{
	OWN(buf_free) struct buf key = { 0 };

	tries_key(&key, uid, kind);
	return account_unthrottle(tx, buf_text(&key), e);
}

int
code_wrong(struct tx *tx, struct call *c, const struct id *uid,
    const char *kind, struct err *e)
{
	if (server_event(tx, c, uid, "code_wrong", NULL, kind, e) < 0)
		return -1;
	return server_refuse(
	    c, ERR_WRONG_CODE, "the code is wrong, or was used before");
}
