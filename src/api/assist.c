/* SPDX-License-Identifier: ISC */
/* assist.c: a recovery contact helps: it finds the recovery, and talks to the
 * new device. */
/*
 * The server does not know who is whose contact. Who helps shows the assist
 * value of a half (vault/recseed.h), whose SHA-256 the owner has left here. The
 * device that helps is remembered while the recovery is open, and no longer;
 * when two contacts help at once, the later takes the earlier's place.
 */
#include "api/api.h"

#include "api/message.h"
#include "api/recovering.h"

#include <string.h>

#define TRIES_A_DAY 10 /* of one account, whatever it asks for */
#define DAY_MS (24 * 3600 * 1000LL)
#define OPEN_SHOWN 16 /* recoveries of an account, in one answer */
#define REQUEST_HEX 4 /* digits of an ID that name one */
#define RECOVERIES "recoveries" /* in the answer, also to a try */

/* As the messages say it; the same numbers as those of a join request. */
enum talk {
	TALK_WAITING = 0,
	TALK_OPEN = 1,
	TALK_DONE = 3,
	TALK_OVER = 4,
};

/* ---- finding ---- */

/* Whose half that is; both zeros: nobody's, or not in force. */
static int
find_half(struct tx *tx, struct call *c, struct id *uid, struct id *keyref,
    struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;
	OWN(buf_free) struct buf assist = { 0 };
	struct digest stored;
	bool good = false;
	int row;

	if (jsonio_bytes(c->in, "assist", DIGEST_BYTES, &assist, e) < 0)
		return -1;
	digest_of(buf_bytes(&assist), &stored);
	if (sql_ask(tx, e, &s,
		"SELECT uid, keyref FROM recovery WHERE assist = ?"
		" AND kind = ?",
		"du", &stored, (uint64_t)RECOVERY_CONTACT) < 0)
		return -1;
	while ((row = sql_next(s, e)) > 0) {
		stmt_got_copy(s, 0, uid->b, ID_BYTES);
		stmt_got_copy(s, 1, keyref->b, ID_BYTES);
		if (recovering_in_force(tx, c, uid, keyref, &good, e) < 0)
			return -1;
		if (good)
			return 0;
	}
	return row < 0 ? -1
		       : err_set(e, ERR_NOT_FOUND,
			     "this code belongs to nobody, or its owner has "
			     "taken it out");
}

static void
put_recovery(struct stmt *s, const struct call *c, json_t *row)
{
	struct id id;

	stmt_got_copy(s, 0, id.b, ID_BYTES);
	jsonio_put_id(row, "id", &id);
	jsonio_put_u64(row, "created_ms", stmt_got_u64(s, 1));
	jsonio_put_bytes(row, "device", stmt_got_bytes(s, 2));
	jsonio_put_text(row, "os", stmt_got_text(s, 3));
	server_put_address(c, row, stmt_got_text(s, 4));
}

/* The owner's log tells that a half was tried, and not by whom or from where. */
static int
drilled(struct tx *tx, struct call *c, const struct id *uid, struct err *e)
{
	struct request nowhere = { .peer = "a contact" };
	struct call quiet = { .s = c->s, .q = &nowhere, .now_ms = c->now_ms };

	return server_event(tx, &quiet,
	    &(struct server_event){ uid, "contact_drilled", NULL, "" }, e);
}

/* The newest; or those whose ID, which the owner reads out, begins so: what
 * strangers ask for in the owner's name cannot hide it. */
static int
find_open(struct tx *tx, struct call *c, const struct id *uid, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;
	const char *begin =
	    json_string_value(json_object_get(c->in, "request"));
	size_t n = begin != NULL ? strlen(begin) : 0;
	char lo[2 * ID_BYTES + 1], hi[2 * ID_BYTES + 1];
	struct id from, to;

	memset(lo, '0', sizeof lo - 1);
	memset(hi, 'f', sizeof hi - 1);
	if (n < sizeof lo && begin != NULL) {
		memcpy(lo, begin, n);
		memcpy(hi, begin, n);
	}
	if ((begin != NULL && (n < REQUEST_HEX || n >= sizeof lo)) ||
	    id_parse(bytes_of(lo, sizeof lo - 1), &from) < 0 ||
	    id_parse(bytes_of(hi, sizeof hi - 1), &to) < 0)
		return err_set(e, ERR_BAD_REQUEST,
		    "a recovery is named by %d or more of its hex digits",
		    REQUEST_HEX);
	return sql_ask(tx, e, &s,
		   "SELECT id, created_ms, device, os, address"
		   " FROM recovering WHERE uid = ? AND known = 1"
		   " AND way = 'contact' AND state = ? AND expires_ms > ?"
		   " AND id >= ? AND id <= ?"
		   " ORDER BY created_ms DESC LIMIT ?",
		   "iuniiu", uid, (uint64_t)RECOVER_ASKED, c->now_ms, &from,
		   &to, (uint64_t)OPEN_SHOWN) < 0
	    ? -1
	    : server_rows(s, c, RECOVERIES, put_recovery, e);
}

int
assist_list(struct tx *tx, struct call *c, struct err *e)
{
	OWN(buf_free) struct buf key = { 0 };
	struct id uid, keyref;
	bool ok;

	(void)json_object_set_new(c->out, RECOVERIES, json_array());
	buf_printf(&key, "assist|%s", id_text(&c->me->uid).s);
	if (server_drip(tx, c,
		&(struct account_limit){
		    buf_text(&key), TRIES_A_DAY, DAY_MS / TRIES_A_DAY },
		&ok, e) < 0)
		return -1;
	if (!ok)
		return 0;
	if (find_half(tx, c, &uid, &keyref, e) < 0)
		return e->code == ERR_NOT_FOUND
		    ? server_refuse(c, e->code, "%s", e->msg)
		    : -1;
	/* A try is told to the owner, so it counts; what helps does not. */
	if (jsonio_true(c->in, "drill"))
		return drilled(tx, c, &uid, e);
	return account_unspend(tx, buf_text(&key), e) < 0
	    ? -1
	    : find_open(tx, c, &uid, e);
}

/* ---- beginning and ending ---- */

int
assist_begin(struct tx *tx, struct call *c, struct err *e)
{
	OWN(recovering_free) struct recovering r = { .known = false };
	struct id uid, keyref, id;
	bool found = false;

	if (find_half(tx, c, &uid, &keyref, e) < 0 ||
	    (id_parse(bytes_str(c->q->capture[0]), &id) == 0 &&
		recovering_load(tx, &id, &r, &found, e) < 0))
		return -1;
	if (!found || !r.known || !id_equal(&r.uid, &uid) ||
	    strcmp(r.way, "contact") != 0 || r.state != RECOVER_ASKED ||
	    r.expires_ms <= c->now_ms)
		return err_set(e, ERR_NOT_FOUND,
		    "there is no such recovery, or it is over");
	c->wake = id;
	return sql_run(tx, e,
		   "UPDATE recovering SET helper = ?, keyref = ? WHERE id = ?",
		   "iii", &c->me->dev_id, &keyref, &id) < 0
	    ? -1
	    : message_clear(tx, &id, e);
}

/* The recovery that the caller has begun, or that it helps with. */
static int
load(struct tx *tx, const struct call *c, struct recovering *r, struct err *e)
{
	struct id id;
	bool found = false;

	if (id_parse(bytes_str(c->q->capture[0]), &id) == 0 &&
	    recovering_load(tx, &id, r, &found, e) < 0)
		return -1;
	if (found && c->me->session)
		found = r->known && id_equal(&r->contact, &c->me->dev_id);
	else if (found)
		found = id_equal(&id, &c->me->recovering);
	return found ? 0
		     : err_set(e, ERR_NOT_FOUND,
			   "there is no such recovery, or another contact "
			   "helps with it");
}

static enum talk
talk_of(const struct recovering *r, const struct call *c)
{
	if (r->state == RECOVER_WAITING)
		return TALK_DONE;
	if (r->state != RECOVER_ASKED || r->expires_ms <= c->now_ms)
		return TALK_OVER;
	return id_zero(&r->contact) ? TALK_WAITING : TALK_OPEN;
}

/* The contact gives up, or no code was right; another try may follow. */
int
assist_end(struct tx *tx, struct call *c, struct err *e)
{
	static const struct id nobody;
	OWN(recovering_free) struct recovering r = { .known = false };

	if (load(tx, c, &r, e) < 0)
		return -1;
	if (talk_of(&r, c) != TALK_OPEN)
		return 0;
	c->wake = r.id;
	return sql_run(tx, e,
		   "UPDATE recovering SET helper = ?, keyref = ? WHERE id = ?",
		   "iii", &nobody, &nobody, &r.id) < 0
	    ? -1
	    : message_clear(tx, &r.id, e);
}

/* ---- messages ---- */

int
assist_talk(struct tx *tx, const struct call *c, bool posting,
    struct message_talk *out, struct err *e)
{
	OWN(recovering_free) struct recovering r = { .known = false };

	if (load(tx, c, &r, e) < 0)
		return -1;
	out->state = talk_of(&r, c);
	return posting && out->state != TALK_OPEN
	    ? err_set(
		  e, ERR_CODE_EXPIRED, "nobody helps with this recovery now")
	    : 0;
}
