/* SPDX-License-Identifier: ISC */
/* recovering.c: the rows of recoveries, and when one may go on. */
#include "api/recovering.h"

#include "base/text.h"

#include <string.h>

#define KEY_MS (3600 * 1000LL) /* a recovery by key is done in one sitting */

void
recovering_free(struct recovering *r)
{
	buf_free(&r->device);
}

int
recovering_load(struct tx *tx, const struct id *id, struct recovering *out,
    bool *found, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;

	recovering_free(out);
	*out = (struct recovering){ .id = *id };
	if (sql_first(tx, e, &s, found,
		"SELECT uid, known, way, keyref, state, created_ms, ready_ms,"
		" expires_ms, helper, device FROM recovering WHERE id = ?",
		"i", id) < 0)
		return -1;
	if (!*found)
		return 0;
	stmt_got_copy(s, 0, out->uid.b, ID_BYTES);
	out->known = stmt_got_u64(s, 1) != 0;
	const char *way = stmt_got_text(s, 2);
	memcpy(out->way, way, strnlen(way, sizeof out->way - 1));
	stmt_got_copy(s, 3, out->keyref.b, ID_BYTES);
	out->state = (enum recover_state)stmt_got_u64(s, 4);
	out->created_ms = stmt_got_i64(s, 5);
	out->ready_ms = stmt_got_i64(s, 6);
	out->expires_ms = stmt_got_i64(s, 7);
	stmt_got_copy(s, 8, out->contact.b, ID_BYTES);
	buf_put_bytes(&out->device, stmt_got_bytes(s, 9));
	return 0;
}

int
recovering_of(
    struct tx *tx, const struct call *c, struct recovering *out, struct err *e)
{
	bool found;

	if (recovering_load(tx, &c->me->recovering, out, &found, e) < 0)
		return -1;
	return found ? 0 : err_set(e, ERR_NOT_FOUND, "the recovery is over");
}

int
recovering_ready(
    const struct recovering *r, const struct call *c, struct err *e)
{
	OWN(buf_free) struct buf when = { 0 };

	switch (r->state) {
	case RECOVER_STOPPED:
		return err_set(e, ERR_REQUEST_REFUSED,
		    "a device of the account, or a sign-in, has stopped this "
		    "recovery");
	case RECOVER_DONE:
		return err_set(e, ERR_CODE_EXPIRED, "this recovery was used");
	case RECOVER_ASKED:
		return err_set(e, ERR_RECOVERY_WAITING,
		    "nobody has helped with this recovery yet");
	default:
		break;
	}
	if (r->ready_ms <= c->now_ms)
		return 0;
	text_time(&when, r->ready_ms);
	return err_set(e, ERR_RECOVERY_WAITING,
	    "this recovery waits until %s, so that the account's devices can "
	    "stop it",
	    buf_text(&when));
}

int
recovering_proven(struct tx *tx, struct call *c, struct recovering *r,
    int64_t wait_ms, struct err *e)
{
	OWN(buf_free) struct buf detail = { 0 };

	r->state = RECOVER_WAITING;
	r->ready_ms = c->now_ms + wait_ms;
	r->expires_ms =
	    r->ready_ms + (wait_ms == 0 ? KEY_MS : RECOVERING_LATER_MS);
	if (wait_ms > 0) {
		buf_printf(&detail, "by %s, can be stopped until ", r->way);
		text_time(&detail, r->ready_ms);
	}
	return sql_run(tx, e,
		   "UPDATE recovering SET state = ?, ready_ms = ?,"
		   " expires_ms = ?, keyref = ? WHERE id = ?",
		   "unnii", (uint64_t)r->state, r->ready_ms, r->expires_ms,
		   &r->keyref, &r->id) < 0 ||
		server_event(tx, c,
		    &(struct server_event){ &r->uid, "recovery_begun", NULL,
			wait_ms > 0 ? buf_text(&detail) : r->way },
		    e) < 0
	    ? -1
	    : 0;
}

/* ---- which recovery key it is ---- */

int
recovering_in_force(struct tx *tx, const struct call *c, const struct id *uid,
    const struct id *keyref, bool *yes, struct err *e)
{
	OWN(circle_free) struct circle circle = { 0 };

	if (account_circle(tx, uid, &circle, e) < 0)
		return -1;
	*yes = recovery_find(circle_recovery_at(&circle, (uint64_t)c->now_ms),
		   keyref) != NULL;
	return 0;
}

int
recovering_take_shown(const struct call *c, uint8_t kind,
    struct recovering_shown *out, struct err *e)
{
	OWN(buf_free) struct buf verifier = { 0 };

	if (jsonio_bytes(c->in, "verifier", DIGEST_BYTES, &verifier, e) < 0)
		return -1;
	out->kind = kind;
	digest_of(buf_bytes(&verifier), &out->verifier);
	return 0;
}

int
recovering_find_key(struct tx *tx, const struct call *c, const struct id *uid,
    const struct recovering_shown *shown, struct id *keyref, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;
	bool row, good;

	*keyref = (struct id){ { 0 } };
	if (sql_first(tx, e, &s, &row,
		"SELECT keyref FROM recovery WHERE uid = ? AND kind = ?"
		" AND verifier = ?",
		"iud", uid, (uint64_t)shown->kind, &shown->verifier) < 0)
		return -1;
	if (!row)
		return 0;
	stmt_got_copy(s, 0, keyref->b, ID_BYTES);
	if (recovering_in_force(tx, c, uid, keyref, &good, e) < 0)
		return -1;
	if (!good)
		*keyref = (struct id){ { 0 } };
	return 0;
}
