/* SPDX-License-Identifier: ISC */
/* joins_prompts.c: who asks the trusted devices, how often, and who may not. */
#include "api/joins.h"

#include <string.h>

#define HOUR_MS (3600 * 1000LL)
#define ASKERS 4 /* that may ask as often as one, all together */

/*
 * Who asks, as far as can be told: a visitor's session is itself; others are
 * their address and what they say they are, so that a refusal does not hit all
 * who share an address.
 */
void
joins_asker(
    const struct call *c, uint8_t class, const char *os, struct buf *out)
{
	if (c->me != NULL && c->me->session)
		buf_put_str(out, id_text(&c->me->session_id).s);
	else
		buf_printf(out, "%s %s %s", server_source(c),
		    circle_class_name(class), os);
}

/* What one prompt of the asker counts under: a refusal hits who it is, this
 * where it is, whatever it says of itself. `kind`: "" or what was withdrawn. */
static void
prompt_key(
    struct buf *out, const struct id *uid, const char *kind, const char *asker)
{
	buf_printf(out, "prompt|%s|%s%.*s", id_text(uid).s, kind,
	    (int)strcspn(asker, " "), asker);
}

int
joins_not_refused(struct tx *tx, struct call *c, const struct id *uid,
    const char *asker, bool *ok, struct err *e)
{
	OWN(buf_free) struct buf silent = { 0 };
	OWN(stmt_done) struct stmt *s = NULL;
	bool row;

	buf_printf(&silent, "silent|%s|%s", id_text(uid).s, asker);
	if (sql_first(tx, e, &s, &row,
		"SELECT 1 FROM throttle WHERE name = ? AND since_ms > ?", "sn",
		buf_text(&silent), c->now_ms - 24 * HOUR_MS) < 0)
		return -1;
	*ok = !row;
	if (row) {
		(void)server_refuse(c, ERR_REQUEST_REFUSED,
		    "a trusted device refused a request from here within the "
		    "last day");
		(void)err_remedy(&c->refusal,
		    "If that was a mistake, run on any device of the account: "
		    "aumbry device allow-again");
	}
	return 0;
}

int
joins_may_prompt(struct tx *tx, struct call *c, const struct id *uid,
    const char *asker, bool *ok, struct err *e)
{
	OWN(buf_free) struct buf key = { 0 };
	OWN(buf_free) struct buf all = { 0 };
	int64_t each_ms =
	    HOUR_MS / (int64_t)server_config(c->s)->prompts_per_hour;

	if (joins_not_refused(tx, c, uid, asker, ok, e) < 0)
		return -1;
	if (!*ok)
		return 0;
	buf_printf(&all, "prompt|%s", id_text(uid).s);
	prompt_key(&key, uid, "", asker);
	if (server_drip(tx, c,
		&(struct account_limit){ buf_text(&key),
		    server_config(c->s)->prompts_per_hour, each_ms },
		ok, e) < 0)
		return -1;
	if (!*ok)
		return 0;
	/* Of however many addresses: nobody is worn down by requests. */
	if (server_drip(tx, c,
		&(struct account_limit){ buf_text(&all),
		    ASKERS * server_config(c->s)->prompts_per_hour,
		    each_ms / ASKERS },
		ok, e) < 0)
		return -1;
	return *ok ? 0 : account_unspend(tx, buf_text(&key), e);
}

/* As often as one may ask, no more: each of them was shown. The account's own
 * count stays. */
int
joins_unprompt(struct tx *tx, struct call *c, const struct id *uid,
    const char *asker, struct err *e)
{
	OWN(buf_free) struct buf key = { 0 };
	OWN(buf_free) struct buf withdrawn = { 0 };
	uint64_t limit = server_config(c->s)->prompts_per_hour;
	int64_t retry_ms;

	prompt_key(&key, uid, "", asker);
	prompt_key(&withdrawn, uid, "withdrawn|", asker);
	if (account_drip(tx,
		&(struct account_limit){
		    buf_text(&withdrawn), limit, HOUR_MS / (int64_t)limit },
		c->now_ms, &retry_ms, e) < 0)
		return -1;
	return retry_ms > 0 ? 0 : account_unspend(tx, buf_text(&key), e);
}

int
joins_silence(struct tx *tx, struct call *c, const struct id *uid,
    const char *asker, struct err *e)
{
	OWN(buf_free) struct buf silent = { 0 };

	buf_printf(&silent, "silent|%s|%s", id_text(uid).s, asker);
	return sql_run(tx, e,
	    "INSERT INTO throttle (name, tries, since_ms) VALUES (?, 1, ?)"
	    " ON CONFLICT (name) DO UPDATE SET since_ms = excluded.since_ms",
	    "sn", buf_text(&silent), c->now_ms);
}
