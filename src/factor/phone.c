/* SPDX-License-Identifier: ISC */
/* phone.c: the phone numbers of an account. */
#include "factor/phone_in.h"

#include "base/typed.h"
#include "factor/factor.h"

#include <string.h>

bool
phone_can_text(const struct server *s)
{
	return gateway_can(s->gateway, false);
}

bool
phone_can_call(const struct server *s)
{
	return gateway_can(s->gateway, true);
}

int
phone_has_text(struct tx *tx, const struct id *uid, bool *has, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;

	return sql_first(tx, e, &s, has,
	    "SELECT 1 FROM phone WHERE uid = ? AND confirmed = 1 AND call = 0",
	    "i", uid);
}

int
phone_has_call(struct tx *tx, const struct id *uid, bool *has, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;

	return sql_first(tx, e, &s, has,
	    "SELECT 1 FROM phone WHERE uid = ? AND confirmed = 1", "i", uid);
}

/* Confirmed ones by their hints, or all with their numbers. */
static int
put_list(struct tx *tx, struct call *c, const struct id *uid, const char *name,
    bool whole, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;
	json_t *all = json_array();
	int row;

	(void)json_object_set_new(c->out, name, all);
	if (sql_ask(tx, e, &s,
		"SELECT id, number, call, confirmed FROM phone WHERE uid = ?"
		" ORDER BY added_ms, number",
		"i", uid) < 0)
		return -1;
	while ((row = sql_next(s, e)) > 0) {
		OWN(buf_free) struct buf hint = { 0 };
		struct phone p;
		phone_take(s, &p);
		if (!whole && !p.confirmed)
			continue;
		json_t *x = json_object();
		phone_hint(&hint, p.number);
		jsonio_put_id(x, "id", &p.id);
		jsonio_put_text(x, whole ? "number" : "hint",
		    whole ? p.number : buf_text(&hint));
		jsonio_put_true(x, "call", p.call);
		if (whole)
			jsonio_put_true(x, "confirmed", p.confirmed);
		(void)json_array_append_new(all, x);
	}
	return row;
}

int
phone_put_numbers(
    struct tx *tx, struct call *c, const struct id *uid, struct err *e)
{
	return put_list(tx, c, uid, "numbers", false, e);
}

int
phone_list(struct tx *tx, struct call *c, struct err *e)
{
	json_t *gateways = json_object();

	(void)json_object_set_new(c->out, "gateways", gateways);
	jsonio_put_true(gateways, "text", phone_can_text(c->s));
	jsonio_put_true(gateways, "call", phone_can_call(c->s));
	return put_list(tx, c, &c->me->uid, "phones", true, e);
}

/* ---- add, confirm, remove ---- */

static int
no_number(struct err *e)
{
	(void)err_set(e, ERR_BAD_REQUEST,
	    "a phone number is + with the country's code and the number, 7 to "
	    "15 digits in all");
	return err_remedy(e, "Write it as: aumbry phone add +420601234567");
}

static int
find(struct tx *tx, struct call *c, const char *number, struct phone *out,
    bool *found, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;

	if (sql_first(tx, e, &s, found,
		"SELECT id, number, call, confirmed FROM phone WHERE uid = ?"
		" AND number = ?",
		"is", &c->me->uid, number) < 0)
		return -1;
	if (*found)
		phone_take(s, out);
	return 0;
}

/* Numbers whose code is over give room to new ones. */
static int
has_room(struct tx *tx, struct call *c, const char *number, struct err *e)
{
	uint64_t n;

	if (sql_run(tx, e,
		"DELETE FROM phone WHERE uid = ? AND number <> ?"
		" AND confirmed = 0 AND code_until_ms < ?",
		"isn", &c->me->uid, number, c->now_ms) < 0 ||
	    sql_count(tx, e, &n,
		"SELECT COUNT(*) FROM phone WHERE uid = ? AND number <> ?",
		"is", &c->me->uid, number) < 0)
		return -1;
	if (n < PHONE_NUMBERS)
		return 0;
	(void)err_set(e, ERR_TOO_LARGE, "an account has at most %d phones",
	    PHONE_NUMBERS);
	return err_remedy(e, "Remove one: aumbry phone list");
}

static int
insert(struct tx *tx, struct call *c, const struct phone *p, struct err *e)
{
	OWN(buf_free) struct buf hint = { 0 };
	static const struct digest none;

	phone_hint(&hint, p->number);
	return sql_run(tx, e,
		   "INSERT INTO phone (uid, number, id, call, confirmed,"
		   " added_ms, code, code_call, code_until_ms)"
		   " VALUES (?, ?, ?, ?, 0, ?, ?, 0, 0)",
		   "isiund", &c->me->uid, p->number, &p->id, (uint64_t)p->call,
		   c->now_ms, &none) < 0
	    ? -1
	    : server_event_own(tx, c, "phone_added", buf_text(&hint), e);
}

static int
take_number(
    const struct call *c, char out[static PHONE_NUMBER + 1], struct err *e)
{
	OWN(buf_free) struct buf typed = { 0 };
	const char *text = "";

	if (jsonio_text(c->in, "number", &text, e) < 0)
		return -1;
	buf_put_bytes(&typed, typed_trim(bytes_str(text)));
	return phone_parse(buf_text(&typed), out) ? 0 : no_number(e);
}

int
phone_add(struct tx *tx, struct call *c, struct err *e)
{
	bool call = jsonio_true(c->in, "call"), found;
	char number[PHONE_NUMBER + 1];
	struct phone p;

	if (take_number(c, number, e) < 0)
		return -1;
	if (phone_gateway(c, call, e) < 0 || has_room(tx, c, number, e) < 0 ||
	    find(tx, c, number, &p, &found, e) < 0)
		return -1;
	if (found && p.confirmed) {
		(void)err_set(
		    e, ERR_CONFLICT, "the account has that number already");
		return err_remedy(e, "See: aumbry phone list");
	}
	if (found) {
		p.call = call;
		return sql_run(tx, e,
			   "UPDATE phone SET call = ? WHERE uid = ?"
			   " AND number = ?",
			   "uis", (uint64_t)call, &c->me->uid, number) < 0
		    ? -1
		    : phone_send_code(tx, c, &p, call, e);
	}
	p = (struct phone){ .call = call };
	id_random(&p.id);
	memcpy(p.number, number, sizeof number);
	return insert(tx, c, &p, e) < 0 ? -1
					: phone_send_code(tx, c, &p, call, e);
}

int
phone_confirm(struct tx *tx, struct call *c, struct err *e)
{
	OWN(buf_free) struct buf hint = { 0 };
	struct phone p;

	if (phone_check(tx, c, &c->me->uid, PHONE_NEW, &p, e) < 0)
		return -1;
	if (p.number[0] == '\0')
		return 0;
	phone_hint(&hint, p.number);
	jsonio_put_text(c->out, "number", p.number);
	return sql_run(tx, e,
		   "UPDATE phone SET confirmed = 1 WHERE uid = ?"
		   " AND number = ?",
		   "is", &c->me->uid, p.number) < 0
	    ? -1
	    : factor_confirmed(tx, c, "phone_confirmed", buf_text(&hint), e);
}

int
phone_remove(struct tx *tx, struct call *c, struct err *e)
{
	OWN(buf_free) struct buf hint = { 0 };
	char number[PHONE_NUMBER + 1];
	struct phone p;
	bool found;

	if (take_number(c, number, e) < 0)
		return -1;
	if (find(tx, c, number, &p, &found, e) < 0)
		return -1;
	if (!found) {
		(void)err_set(
		    e, ERR_NOT_FOUND, "the account has no such phone");
		return err_remedy(e, "See: aumbry phone list");
	}
	phone_hint(&hint, number);
	return sql_run(tx, e, "DELETE FROM phone WHERE uid = ? AND number = ?",
		   "is", &c->me->uid, number) < 0 ||
		factor_may_go(tx, c, FACTOR_WAYS, "this phone", e) < 0 ||
		server_event_own(tx, c, "phone_removed", buf_text(&hint), e) < 0
	    ? -1
	    : 0;
}
