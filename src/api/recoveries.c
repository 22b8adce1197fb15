/* SPDX-License-Identifier: ISC */
/* recoveries.c: the calls of who has lost every device, and those of devices
 * that stop or allow a recovery. */
#include "api/api.h"

#include "api/apppass.h"
#include "api/entries.h"
#include "api/envelopes.h"
#include "api/message.h"
#include "api/protections.h"
#include "api/recovering.h"
#include "api/recoverykeys.h"

#include <string.h>

/* ---- going on ---- */

static int
put_key_half(
    struct tx *tx, struct call *c, const struct recovering *r, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;
	OWN(buf_free) struct buf fresh = { 0 };
	bool row, good;

	if (recovering_in_force(tx, c, &r->uid, &r->keyref, &good, e) < 0 ||
	    sql_first(tx, e, &s, &row,
		"SELECT kind, half, birth_pin FROM recovery WHERE uid = ?"
		" AND keyref = ?",
		"ii", &r->uid, &r->keyref) < 0)
		return -1;
	/* What was taken out while this waited gives nothing away. */
	if (!row || !good)
		return err_set(e, ERR_CODE_EXPIRED,
		    "the account's owner has taken out or replaced, meanwhile, "
		    "what this recovery was begun with");
	jsonio_put_u64(c->out, "kind", stmt_got_u64(s, 0));
	jsonio_put_bytes(c->out, "half", stmt_got_bytes(s, 1));
	jsonio_put_bytes(c->out, "birth_pin", stmt_got_bytes(s, 2));
	jsonio_put_id(c->out, "keyref", &r->keyref);
	if (account_pin(tx, &r->uid, &r->keyref, &fresh, e) < 0)
		return -1;
	if (fresh.n > 0)
		jsonio_put_bytes(c->out, "fresh_pin", buf_bytes(&fresh));
	return 0;
}

int
recoveries_look(struct tx *tx, struct call *c, struct err *e)
{
	static const char *const states[] = { "asked", "waiting", "stopped",
		"done" };
	OWN(recovering_free) struct recovering r = { .known = false };
	struct account a;
	struct err why;

	if (recovering_of(tx, c, &r, e) < 0)
		return -1;
	jsonio_put_text(c->out, "state", states[r.state]);
	jsonio_put_text(c->out, "way", r.way);
	jsonio_put_u64(c->out, "ready_ms", (uint64_t)r.ready_ms);
	jsonio_put_u64(c->out, "expires_ms", (uint64_t)r.expires_ms);
	if (r.state != RECOVER_WAITING && r.state != RECOVER_DONE)
		return 0;
	if (server_account(tx, &r.uid, &a, e) < 0)
		return -1;
	jsonio_put_id(c->out, "uid", &r.uid);
	jsonio_put_text(c->out, "name", a.name);
	jsonio_put_text(c->out, "host", c->s->config.host);
	return recovering_ready(&r, c, &why) < 0 || id_zero(&r.keyref)
	    ? 0
	    : put_key_half(tx, c, &r, e);
}

/* A contact has given its half to the new device, which shows that here. */
int
recoveries_prove(struct tx *tx, struct call *c, struct err *e)
{
	OWN(recovering_free) struct recovering r = { .known = false };
	struct id keyref = { { 0 } };
	struct recovering_shown shown;

	if (recovering_take_shown(c, RECOVERY_CONTACT, &shown, e) < 0 ||
	    recovering_of(tx, c, &r, e) < 0)
		return -1;
	if (r.state == RECOVER_WAITING && strcmp(r.way, "contact") == 0)
		return 0; /* the answer got lost */
	if (r.state != RECOVER_ASKED || strcmp(r.way, "contact") != 0)
		return err_set(e, ERR_CODE_EXPIRED,
		    "this recovery waits for no contact any more");
	/* A code alone begins no wait: its contact must have come, too. */
	if (r.known && !id_zero(&r.keyref) &&
	    recovering_find_key(tx, c, &r.uid, &shown, &keyref, e) < 0)
		return -1;
	if (id_zero(&keyref) || !id_equal(&keyref, &r.keyref))
		return err_set(e, ERR_RECOVERY_CODE,
		    "what the contact has sent is no half of a recovery "
		    "contact of this account, or not any more");
	c->wake = r.id;
	return recovering_proven(tx, c, &r,
		   (int64_t)server_config(c->s)->recovery_wait_s * 1000, e) < 0
	    ? -1
	    : message_clear(tx, &r.id, e);
}

/* Given up by who began it. */
int
recoveries_cancel(struct tx *tx, struct call *c, struct err *e)
{
	static const struct id nobody;

	c->wake = c->me->recovering;
	return sql_run(tx, e,
	    "UPDATE recovering SET state = ?, helper = ?"
	    " WHERE id = ? AND state <= ?",
	    "uiiu", (uint64_t)RECOVER_STOPPED, &nobody, &c->me->recovering,
	    (uint64_t)RECOVER_WAITING);
}

/* The keys of the account, as the recovery key may open them. */
int
recoveries_keyring(struct tx *tx, struct call *c, struct err *e)
{
	OWN(recovering_free) struct recovering r = { .known = false };
	OWN(buf_free) struct buf envelopes = { 0 };

	if (recovering_of(tx, c, &r, e) < 0 || recovering_ready(&r, c, e) < 0 ||
	    account_keyring(tx, &r.uid, &r.keyref, &envelopes, e) < 0)
		return -1;
	jsonio_put_list(c->out, "envelopes", buf_bytes(&envelopes));
	return 0;
}

int
recoveries_password(struct tx *tx, struct call *c, struct err *e)
{
	OWN(recovering_free) struct recovering r = { .known = false };
	OWN(buf_free) struct buf request = { 0 };
	uint8_t response[OPAQUE_RESPONSE];

	if (recovering_of(tx, c, &r, e) < 0 || recovering_ready(&r, c, e) < 0 ||
	    jsonio_bytes(c->in, "request", OPAQUE_REQUEST, &request, e) < 0 ||
	    opsrv_register(&c->s->opaque, bytes_of(r.uid.b, ID_BYTES),
		request.p, response, e) < 0)
		return -1;
	jsonio_put_bytes(
	    c->out, "response", bytes_of(response, sizeof response));
	server_put_ksf(c->out);
	return 0;
}

/* ---- the end ---- */

/* The entry must be this recovery's: by its way, for its device. */
static int
check_entry(const struct recovering *r, const struct entry_view *v,
    const struct call *c, struct err *e)
{
	bool reset = strcmp(r->way, "operator") == 0;
	struct bytes device = buf_bytes(&r->device);

	if (v->type != (reset ? CIRCLE_RESET : CIRCLE_RECOVER) ||
	    v->body.n < device.n ||
	    !bytes_equal(bytes_of(v->body.p, device.n), device))
		return err_set(e, ERR_BAD_REQUEST,
		    "the entry is not the one of this recovery");
	bool ours = reset;
	for (size_t i = 0; i < v->n_sigs; i++)
		ours |= v->sigs[i].kind == 2 &&
		    id_equal(&v->sigs[i].keyref, &r->keyref);
	if (!ours)
		return err_set(e, ERR_BAD_REQUEST,
		    "the entry is not signed by the key of this recovery");
	return server_clock(c, v->time_ms, e);
}

static int
new_record(struct tx *tx, struct call *c, const struct id *uid, struct err *e)
{
	OWN(buf_free) struct buf record = { 0 };
	OWN(buf_free) struct buf pin = { 0 };
	struct digest birth;

	if (jsonio_bytes(c->in, "record", OPAQUE_RECORD, &record, e) < 0 ||
	    opsrv_record_check(record.p, e) < 0 ||
	    jsonio_bytes(c->in, "birth_pin", DIGEST_BYTES, &pin, e) < 0)
		return -1;
	memcpy(birth.b, pin.p, DIGEST_BYTES);
	return account_set_record(tx, uid, record.p, &birth, e) < 0 ||
		protections_register(tx, c, uid, e) < 0 ||
		apppass_drop_all(tx, c, uid, e) < 0 ||
		account_end_visits(tx, uid, &c->me->token, e) < 0
	    ? -1
	    : 0;
}

/* Zones whose keys nobody has are set aside, and security keys that are no
 * members any more are none of the account's. */
static int
begin_anew(struct tx *tx, const struct circle *after, struct err *e)
{
	uint64_t keep = 0;

	for (unsigned k = CATEGORY_STATE; k < CATEGORY_END; k++)
		if (after->protection == PROTECTION_STANDARD &&
		    category_escrowed(k))
			keep |= 1ULL << k;
	return zone_set_aside(tx, &after->uid, keep, e) < 0 ||
		envelopes_forget_carried(tx, &after->uid, e) < 0
	    ? -1
	    : sql_run(tx, e, "DELETE FROM security_key WHERE uid = ?", "i",
		  &after->uid);
}

int
recoveries_finish(struct tx *tx, struct call *c, struct err *e)
{
	OWN(recovering_free) struct recovering r = { .known = false };
	OWN(buf_free) struct buf entry = { 0 };
	OWN(buf_free) struct buf envelopes = { 0 };
	OWN(circle_free) struct circle before = { 0 };
	OWN(circle_free) struct circle after = { 0 };
	static const struct id nobody;
	struct entry_view v;

	if (recovering_of(tx, c, &r, e) < 0 || recovering_ready(&r, c, e) < 0 ||
	    jsonio_bytes(c->in, "entry", 0, &entry, e) < 0 ||
	    jsonio_list(c->in, "envelopes", LIMIT_CARRIED_ENVELOPES, &envelopes,
		e) < 0 ||
	    circle_entry_parse(buf_bytes(&entry), &v, e) < 0 ||
	    check_entry(&r, &v, c, e) < 0 ||
	    account_circle(tx, &r.uid, &before, e) < 0)
		return -1;
	circle_copy(&after, &before);
	if (circle_apply(&after, buf_bytes(&entry), e) < 0)
		return -1;
	const struct id *fresh =
	    &after.members[after.n_members - 1].device.dev_id;
	if (account_add_entry(tx, &r.uid, after.seq, buf_bytes(&entry), e) <
		0 ||
	    (v.type == CIRCLE_RESET && begin_anew(tx, &after, e) < 0) ||
	    envelopes_take(tx, &after, fresh, buf_bytes(&envelopes),
		ENVELOPES_WHOLE, e) < 0 ||
	    entries_end_removed(tx, c, &before, &after, e) < 0 ||
	    recoverykeys_tidy(tx, &after, e) < 0 ||
	    new_record(tx, c, &r.uid, e) < 0)
		return -1;
	c->longer = r.uid;
	return sql_run(tx, e,
		   "UPDATE recovering SET state = ?, helper = ?"
		   " WHERE uid = ?",
		   "uii", (uint64_t)RECOVER_DONE, &nobody, &r.uid) < 0 ||
		server_event(tx, c,
		    &(struct server_event){
			&r.uid, "account_recovered", fresh, r.way },
		    e) < 0
	    ? -1
	    : 0;
}

/* ---- a device stops it, or allows it ---- */

static int
waiting(struct tx *tx, struct call *c, struct recovering *r, struct err *e)
{
	struct id id;
	bool found = false;

	if (id_parse(bytes_str(c->q->capture[0]), &id) == 0 &&
	    recovering_load(tx, &id, r, &found, e) < 0)
		return -1;
	found = found && r->known && id_equal(&r->uid, &c->me->uid);
	if (found && r->state == RECOVER_DONE)
		return err_set(e, ERR_CONFLICT,
		    "it is too late: a recovery was finished, and the account "
		    "has a new password and a new device");
	if (!found || r->state != RECOVER_WAITING || r->expires_ms <= c->now_ms)
		return err_set(
		    e, ERR_NOT_FOUND, "there is no such recovery any more");
	return 0;
}

int
recoveries_stop(struct tx *tx, struct call *c, struct err *e)
{
	static const struct id nobody;
	OWN(recovering_free) struct recovering r = { .known = false };

	if (waiting(tx, c, &r, e) < 0)
		return -1;
	if (strcmp(r.way, "operator") == 0)
		return ordered_stop(tx, c, &r.uid, e);
	/* Who has the password and a code is not who may keep the owner out. */
	if (c->me->limited) {
		(void)err_set(e, ERR_PERMISSION,
		    "a sign-in by a code stops a recovery by the operator, and "
		    "no other");
		return err_remedy(
		    e, "On a device of the account, run: aumbry recovery stop");
	}
	return sql_run(tx, e,
		   "UPDATE recovering SET state = ?, helper = ? WHERE id = ?",
		   "uii", (uint64_t)RECOVER_STOPPED, &nobody, &r.id) < 0 ||
		server_event(tx, c,
		    &(struct server_event){
			&r.uid, "recovery_stopped", &c->me->dev_id, r.way },
		    e) < 0
	    ? -1
	    : 0;
}

/* An operator's order waits by the escrow's clock, which no device moves. */
int
recoveries_allow(struct tx *tx, struct call *c, struct err *e)
{
	OWN(recovering_free) struct recovering r = { .known = false };

	if (waiting(tx, c, &r, e) < 0)
		return -1;
	if (strcmp(r.way, "operator") == 0)
		return err_set(e, ERR_PERMISSION,
		    "a recovery by the operator cannot be hastened: let the "
		    "new device in by a code instead");
	return sql_run(tx, e, "UPDATE recovering SET ready_ms = ? WHERE id = ?",
		   "ni", c->now_ms, &r.id) < 0 ||
		server_event(tx, c,
		    &(struct server_event){
			&r.uid, "recovery_allowed", &c->me->dev_id, r.way },
		    e) < 0
	    ? -1
	    : 0;
}
