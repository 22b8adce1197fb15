/* SPDX-License-Identifier: ISC */
/* protections.c: standard and advanced protection, as far as a server has a part. */
#include "api/protections.h"

#include "api/api.h"
#include "server/escrowlink.h"

#define BEGUN_MS (3600 * 1000LL) /* an entry follows at once, or never */

int
protections_put_escrow(struct call *c, struct bytes uid, struct err *e)
{
	OWN(buf_free) struct buf answer = { 0 };
	OWN(buf_free) struct buf escrow = { 0 };
	uint8_t key[SIG_PK_BYTES];

	if (c->s->escrow == NULL)
		return err_set(e, ERR_PROTECTION_BLOCKED,
		    "standard protection needs an escrow, and this server has "
		    "none");
	if (escrowlink_ask(c->s->escrow, ESCROW_CREATE, uid, &answer, e) < 0)
		return -1;
	if (answer.n != KEM_PK_BYTES + SIG_BYTES ||
	    !escrowlink_key(c->s->escrow, key))
		return err_set(e, ERR_ESCROW_UNREACHABLE,
		    "the escrow's answer is not well-formed");
	buf_put(&escrow, key, sizeof key);
	buf_put_bytes(&escrow, buf_bytes(&answer));
	jsonio_put_bytes(c->out, "escrow", buf_bytes(&escrow));
	return 0;
}

int
protections_begin(
    struct tx *tx, const struct id *uid, int64_t until_ms, struct err *e)
{
	return sql_run(tx, e,
	    "INSERT INTO escrow_begun (uid, expires_ms) VALUES (?, ?)"
	    " ON CONFLICT (uid) DO UPDATE SET expires_ms = excluded.expires_ms",
	    "in", uid, until_ms);
}

int
protections_begun(struct tx *tx, struct call *c, const struct id *uid,
    bool standard, struct err *e)
{
	if (sql_run(tx, e, "DELETE FROM escrow_begun WHERE uid = ?", "i", uid) <
	    0)
		return -1;
	return standard || tx_changes(tx) == 0
	    ? 0
	    : escrowlink_later(tx, c, uid, ESCROW_DROP, bytes_str(""), e);
}

int
protections_check(
    const struct call *c, const struct circle *circle, struct err *e)
{
	uint8_t key[SIG_PK_BYTES];

	if (circle->protection != PROTECTION_STANDARD)
		return 0;
	if (!escrowlink_key(c->s->escrow, key))
		return err_set(e, ERR_PROTECTION_BLOCKED,
		    "standard protection needs an escrow, and this server has "
		    "none");
	return bytes_equal(bytes_of(key, sizeof key),
		   bytes_of(circle->escrow.sign_pk, SIG_PK_BYTES))
	    ? 0
	    : err_set(e, ERR_ESCROW_CHANGED,
		  "the entry names another escrow than this server's");
}

int
protections_register(
    struct tx *tx, struct call *c, const struct id *uid, struct err *e)
{
	OWN(buf_free) struct buf x = { 0 };
	OWN(circle_free) struct circle circle = { 0 };
	struct escrow_registration r;

	if (account_circle(tx, uid, &circle, e) < 0)
		return -1;
	if (circle.protection != PROTECTION_STANDARD)
		return 0;
	if (jsonio_bytes(c->in, "release", 0, &x, e) < 0)
		return -1;
	struct scan s = scan_of(buf_bytes(&x));
	if (escrow_registration_take(&s, &r, e) < 0 || !scan_done(&s))
		return err_set(e, ERR_BAD_REQUEST,
		    "the release key's registration is not well-formed");
	return escrowlink_later(tx, c, uid, ESCROW_REGISTER, buf_bytes(&x), e);
}

/* ---- showing ---- */

int
protections_show(struct tx *tx, struct call *c, struct err *e)
{
	OWN(circle_free) struct circle circle = { 0 };
	uint8_t key[SIG_PK_BYTES];
	uint64_t waits;

	if (account_circle(tx, &c->me->uid, &circle, e) < 0 ||
	    escrowlink_waits(tx, &c->me->uid, &waits, e) < 0)
		return -1;
	jsonio_put_text(c->out, "level",
	    circle.protection == PROTECTION_STANDARD ? "standard" : "advanced");
	jsonio_put_true(c->out, "web_access", circle.web_access != 0);
	/* Something is still to be told to the escrow. */
	jsonio_put_true(c->out, "escrow_waits", waits > 0);
	if (escrowlink_key(c->s->escrow, key))
		jsonio_put_bytes(c->out, "escrow", bytes_of(key, sizeof key));
	return 0;
}

/* ---- turning standard protection on ---- */

int
protections_escrow(struct tx *tx, struct call *c, struct err *e)
{
	uint64_t waits;

	/* A key that is to end must have ended first. */
	if (escrowlink_waits(tx, &c->me->uid, &waits, e) < 0)
		return -1;
	if (waits > 0)
		return err_set(e, ERR_ESCROW_UNREACHABLE,
		    "the escrow has not been told of the last change yet");
	id_put(&c->ask, &c->me->uid);
	return protections_begin(tx, &c->me->uid, c->now_ms + BEGUN_MS, e);
}

int
protections_escrow_then(struct call *c, struct err *e)
{
	return protections_put_escrow(c, buf_bytes(&c->ask), e);
}

int
protections_release_key(struct tx *tx, struct call *c, struct err *e)
{
	return protections_register(tx, c, &c->me->uid, e);
}

/* ---- an entry has changed it ---- */

/* Nothing that the escrow could open stays here. */
static int
close_escrow(struct tx *tx, struct call *c, const struct id *uid, struct err *e)
{
	return sql_run(tx, e,
		   "DELETE FROM envelope WHERE uid = ? AND purpose IN (6, 7)",
		   "i", uid) < 0 ||
		sql_run(tx, e, "UPDATE session SET released = 0 WHERE uid = ?",
		    "i", uid) < 0 ||
		sql_run(tx, e,
		    "UPDATE recovering SET state = 2 WHERE uid = ?"
		    " AND way = 'operator' AND state <= 1",
		    "i", uid) < 0 ||
		escrowlink_later(tx, c, uid, ESCROW_DESTROY, bytes_str(""), e) <
		    0
	    ? -1
	    : 0;
}

/* Who was let read stops, and who asks is answered: it is the devices' no. */
static int
close_web(struct tx *tx, const struct id *uid, struct err *e)
{
	return sql_run(tx, e, "UPDATE session SET released = 0 WHERE uid = ?",
		   "i", uid) < 0
	    ? -1
	    : sql_run(tx, e,
		  "UPDATE visit SET state = 4 WHERE uid = ? AND state <= 1",
		  "i", uid);
}

int
protections_changed(struct tx *tx, struct call *c, const struct circle *before,
    const struct circle *after, struct err *e)
{
	bool standard = after->protection == PROTECTION_STANDARD;

	if (protections_check(c, after, e) < 0 ||
	    (after->web_access == 0 && close_web(tx, &after->uid, e) < 0))
		return -1;
	if (before->web_access != after->web_access &&
	    before->protection == after->protection)
		return server_event(tx, c,
		    &(struct server_event){ &after->uid, "web_access",
			&c->me->dev_id, after->web_access ? "on" : "off" },
		    e);
	if (protections_begun(tx, c, &after->uid, standard, e) < 0 ||
	    (!standard && close_escrow(tx, c, &after->uid, e) < 0))
		return -1;
	return server_event(tx, c,
	    &(struct server_event){ &after->uid,
		standard ? "protection_standard" : "protection_advanced",
		&c->me->dev_id, "" },
	    e);
}
