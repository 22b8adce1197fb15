/* SPDX-License-Identifier: ISC */
/* closings.c: an account is ended, or kept, by those whose it is. */
#include "api/api.h"

#include "server/closing.h"

/*
 * What the circle asks for before it ends holds for the account as well: where
 * there are recovery keys one of them has signed, and no device alone.
 */
static int
check_entry(struct tx *tx, struct call *c, struct bytes entry, struct err *e)
{
	OWN(circle_free) struct circle circle = { 0 };
	OWN(circle_free) struct circle after = { 0 };
	struct entry_view v;

	if (circle_entry_parse(entry, &v, e) < 0)
		return -1;
	if (v.type != CIRCLE_CLOSE)
		return err_set(
		    e, ERR_BAD_REQUEST, "an account ends by an entry CLOSE");
	if (server_clock(c, v.time_ms, e) < 0 ||
	    account_circle(tx, &c->me->uid, &circle, e) < 0)
		return -1;
	circle_copy(&after, &circle);
	return circle_apply(&after, entry, e);
}

int
closings_begin(struct tx *tx, struct call *c, struct err *e)
{
	OWN(buf_free) struct buf entry = { 0 };
	struct closing x = { .asked_ms = c->now_ms,
		.ends_ms = c->now_ms +
		    (int64_t)server_config(c->s)->closing_wait_s * 1000,
		.dev_id = c->me->dev_id };

	if (jsonio_bytes(c->in, "entry", 0, &entry, e) < 0 ||
	    check_entry(tx, c, buf_bytes(&entry), e) < 0 ||
	    closing_begin(tx, c, &c->me->uid, &x, buf_bytes(&entry), e) < 0 ||
	    closing_get(tx, &c->me->uid, &x, e) < 0)
		return -1;
	jsonio_put_u64(c->out, "ends_ms", (uint64_t)x.ends_ms);
	return 0;
}

int
closings_stop(struct tx *tx, struct call *c, struct err *e)
{
	struct closing x;

	if (closing_get(tx, &c->me->uid, &x, e) < 0)
		return -1;
	if (x.there && id_zero(&x.dev_id)) {
		(void)err_set(
		    e, ERR_PERMISSION, "who runs the server ends this account");
		return err_remedy(e,
		    "Ask them; and take what you need with you: aumbry "
		    "restore");
	}
	return closing_stop(tx, c, &c->me->uid, &c->me->dev_id, e);
}
