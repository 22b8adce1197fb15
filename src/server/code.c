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

struct counts {
	struct buf asker, account;
};

static void
counts_free(struct counts *x)
{
	buf_free(&x->asker);
	buf_free(&x->account);
}

static void
counts_of(const struct call *c, const struct id *uid, const char *kind,
    struct counts *out)
{
	const struct id *who = c->me->session ? &c->me->dev_id : &c->me->join;

	buf_printf(&out->account, "code|%s|%s", kind, id_text(uid).s);
	buf_printf(
	    &out->asker, "%s|%s", buf_text(&out->account), id_text(who).s);
}

int
code_try(struct tx *tx, struct call *c, const struct id *uid, const char *kind,
    bool *ok, struct err *e)
{
	OWN(counts_free) struct counts x = { .asker = { 0 } };

	counts_of(c, uid, kind, &x);
	if (server_throttle(tx, c,
		&(struct account_limit){ buf_text(&x.asker),
		    server_config(c->s)->code_tries, TRIES_MS },
		ok, e) < 0)
		return -1;
	if (!*ok || c->me->session)
		return 0;
	if (server_drip(tx, c,
		&(struct account_limit){
		    buf_text(&x.account), CODE_ROOM, CODE_DROP_MS },
		ok, e) < 0)
		return -1;
	return *ok ? 0 : account_unspend(tx, buf_text(&x.asker), e);
}

int
code_tried_well(struct tx *tx, const struct call *c, const struct id *uid,
    const char *kind, struct err *e)
{
	OWN(counts_free) struct counts x = { .asker = { 0 } };

	counts_of(c, uid, kind, &x);
	return account_unthrottle(tx, buf_text(&x.asker), e) < 0 ||
		(!c->me->session &&
		    account_unspend(tx, buf_text(&x.account), e) < 0)
	    ? -1
	    : 0;
}

int
code_wrong(struct tx *tx, struct call *c, const struct id *uid,
    const char *kind, struct err *e)
{
	if (server_event(tx, c,
		&(struct server_event){ uid, "code_wrong", NULL, kind }, e) < 0)
		return -1;
	return server_refuse(
	    c, ERR_WRONG_CODE, "the code is wrong, or was used before");
}
