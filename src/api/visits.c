/* SPDX-License-Identifier: ISC */
/* visits.c: a sign-in by a code asks the devices to read, for this visit. */
/*
 * Under advanced protection nobody but devices has keys. Where they have turned
 * web access on, a visitor can ask for the keys of categories; a device runs a
 * code with it (docs/PROTOCOL.md "Visits") and hands them over, past this
 * server. It may then read those zones until its hour is over.
 */
#include "api/api.h"

#include "api/joins.h"
#include "api/message.h"
#include "http/address.h"

#include <stdio.h>
#include <string.h>

#define VISIT_MS (10 * 60 * 1000) /* a request waits this long */

/* As the messages say it; the same numbers as those of a join request. */
enum visit_state {
	VISIT_WAITING = 0,
	VISIT_ALLOWED = 1,
	VISIT_REFUSED = 2,
	VISIT_DONE = 3,
	VISIT_OVER = 4
};

struct visiting {
	struct id id, uid, by;
	struct digest session; /* token of the visitor's */
	enum visit_state state;
	uint64_t categories; /* bit c */
	struct id asker; /* the visitor's session; zeros: it is over */
	char source[ADDRESS_TEXT]; /* where it asked from, as limits count */
};

/* ---- asking ---- */

/* Whom a refusal silences beside the session: that one ends, and the next
 * sign-in from there is another. */
static void
put_place(const char *source, struct buf *out)
{
	buf_printf(out, "%s visit", source);
}

static int
may_ask(struct tx *tx, struct call *c, bool *ok, struct err *e)
{
	OWN(buf_free) struct buf place = { 0 };
	OWN(buf_free) struct buf asker = { 0 };

	put_place(server_source(c), &place);
	joins_asker(c, CLASS_BROWSER, "", &asker);
	if (joins_not_refused(tx, c, &c->me->uid, buf_text(&place), ok, e) < 0)
		return -1;
	return *ok
	    ? joins_may_prompt(tx, c, &c->me->uid, buf_text(&asker), ok, e)
	    : 0;
}

static int
take_categories(const struct call *c, uint64_t *out, struct err *e)
{
	const json_t *list = json_object_get(c->in, "categories");

	*out = 0;
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *name = json_string_value(json_array_get(list, i));
		for (unsigned k = CATEGORY_STATE + 1; k < CATEGORY_END; k++)
			if (name != NULL && category_escrowed(k) &&
			    strcmp(name, category_name((enum category)k)) == 0)
				*out |= 1ULL << k;
	}
	return *out != 0 ? 0
			 : err_set(e, ERR_BAD_REQUEST,
			       "categories names none that a visit can open");
}

static void
put_names(uint64_t categories, struct buf *out)
{
	for (unsigned k = CATEGORY_STATE; k < CATEGORY_END; k++)
		if ((categories >> k & 1) != 0)
			buf_printf(out, "%s%s", out->n > 0 ? " " : "",
			    category_name((enum category)k));
}

int
visits_ask(struct tx *tx, struct call *c, struct err *e)
{
	static const struct id nobody;
	OWN(circle_free) struct circle circle = { 0 };
	OWN(buf_free) struct buf nonce = { 0 };
	OWN(buf_free) struct buf names = { 0 };
	uint64_t categories;
	struct id id;
	bool ok;

	if (!c->me->limited)
		return err_set(e, ERR_BAD_REQUEST,
		    "a device of the account needs no visit");
	if (take_categories(c, &categories, e) < 0 ||
	    jsonio_bytes(c->in, "nonce", ID_BYTES, &nonce, e) < 0 ||
	    account_circle(tx, &c->me->uid, &circle, e) < 0)
		return -1;
	if (circle.web_access == 0) {
		(void)err_set(e, ERR_RELEASE_REFUSED,
		    "the account's devices have turned web access off");
		return err_remedy(
		    e, "On a device, run: aumbry protection web on");
	}
	if (may_ask(tx, c, &ok, e) < 0)
		return -1;
	if (!ok)
		return 0;
	id_random(&id);
	put_names(categories, &names);
	jsonio_put_id(c->out, "visit", &id);
	jsonio_put_u64(c->out, "expires_ms", (uint64_t)(c->now_ms + VISIT_MS));
	/* A sign-in has one request at a time. */
	return sql_run(tx, e,
		   "UPDATE visit SET state = 4 WHERE session = ? AND state"
		   " <= 1",
		   "d", &c->me->token) < 0 ||
		sql_run(tx, e,
		    "INSERT INTO visit (id, uid, session, nonce, categories,"
		    " address, created_ms, expires_ms, state, by_device)"
		    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, ?)",
		    "iidbusnni", &id, &c->me->uid, &c->me->token,
		    buf_bytes(&nonce), categories, c->q->peer, c->now_ms,
		    c->now_ms + VISIT_MS, &nobody) < 0
	    ? -1
	    : server_event(tx, c,
		  &(struct server_event){
		      &c->me->uid, "visit_asked", NULL, buf_text(&names) },
		  e);
}

static void
put_visit(struct stmt *s, const struct call *c, json_t *row)
{
	OWN(buf_free) struct buf names = { 0 };
	struct id id;

	stmt_got_copy(s, 0, id.b, ID_BYTES);
	put_names(stmt_got_u64(s, 2), &names);
	jsonio_put_id(row, "visit", &id);
	jsonio_put_bytes(row, "nonce", stmt_got_bytes(s, 1));
	jsonio_put_text(row, "categories", buf_text(&names));
	server_put_address(c, row, stmt_got_text(s, 3));
	jsonio_put_u64(row, "created_ms", stmt_got_u64(s, 4));
	jsonio_put_text(row, "way", stmt_got_text(s, 5));
}

int
visits_list(struct tx *tx, struct call *c, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;

	return sql_ask(tx, e, &s,
		   "SELECT v.id, v.nonce, v.categories, v.address,"
		   " v.created_ms, s.way FROM visit v JOIN session s"
		   " ON s.token = v.session WHERE v.uid = ? AND v.state <= 1"
		   " AND v.expires_ms > ? ORDER BY v.created_ms",
		   "in", &c->me->uid, c->now_ms) < 0
	    ? -1
	    : server_rows(s, c, "visits", put_visit, e);
}

/* ---- one visit ---- */

static void
put_source(const char *address, char out[static ADDRESS_TEXT])
{
	char text[ADDRESS_TEXT];
	struct id net;

	if (!address_read(address, text, out, &net))
		(void)snprintf(out, ADDRESS_TEXT, "%s", address);
}

/* Of a device: any of the account; of a visitor: its own. */
static int
load(struct tx *tx, const struct call *c, struct visiting *out, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;
	bool row = false;

	*out = (struct visiting){ .state = VISIT_OVER };
	if (id_parse(bytes_str(c->q->capture[0]), &out->id) == 0 &&
	    sql_first(tx, e, &s, &row,
		"SELECT v.uid, session, state, categories,"
		" s.id, by_device, v.expires_ms, v.address FROM visit v"
		" LEFT JOIN session s ON s.token = v.session WHERE v.id = ?",
		"i", &out->id) < 0)
		return -1;
	if (row) {
		stmt_got_copy(s, 0, out->uid.b, ID_BYTES);
		stmt_got_copy(s, 1, out->session.b, DIGEST_BYTES);
		out->state = (enum visit_state)stmt_got_u64(s, 2);
		out->categories = stmt_got_u64(s, 3);
		if (stmt_got_bytes(s, 4).n == ID_BYTES)
			stmt_got_copy(s, 4, out->asker.b, ID_BYTES);
		stmt_got_copy(s, 5, out->by.b, ID_BYTES);
		put_source(stmt_got_text(s, 7), out->source);
		if (out->state <= VISIT_ALLOWED &&
		    stmt_got_i64(s, 6) <= c->now_ms)
			out->state = VISIT_OVER;
	}
	if (!row || !id_equal(&out->uid, &c->me->uid) ||
	    (c->me->limited && !digest_equal(&out->session, &c->me->token)))
		return err_set(e, ERR_NOT_FOUND, "there is no such visit");
	return 0;
}

static int
load_open(
    struct tx *tx, const struct call *c, struct visiting *v, struct err *e)
{
	if (load(tx, c, v, e) < 0)
		return -1;
	return v->state <= VISIT_ALLOWED
	    ? 0
	    : err_set(e, ERR_CODE_EXPIRED, "the visit is over");
}

static int
set_state(struct tx *tx, struct call *c, const struct visiting *v,
    enum visit_state state, struct err *e)
{
	c->wake = v->id;
	return sql_run(tx, e,
	    "UPDATE visit SET state = ?, by_device = ? WHERE id = ?", "uii",
	    (uint64_t)state, &c->me->dev_id, &v->id);
}

int
visits_allow(struct tx *tx, struct call *c, struct err *e)
{
	struct visiting v;

	if (load_open(tx, c, &v, e) < 0 || message_clear(tx, &v.id, e) < 0)
		return -1;
	return set_state(tx, c, &v, VISIT_ALLOWED, e);
}

int
visits_refuse(struct tx *tx, struct call *c, struct err *e)
{
	OWN(buf_free) struct buf place = { 0 };
	struct visiting v;

	if (load_open(tx, c, &v, e) < 0)
		return -1;
	put_place(v.source, &place);
	return joins_silence(tx, c, &v.uid, id_text(&v.asker).s, e) < 0 ||
		joins_silence(tx, c, &v.uid, buf_text(&place), e) < 0 ||
		set_state(tx, c, &v, VISIT_REFUSED, e) < 0
	    ? -1
	    : server_event(tx, c,
		  &(struct server_event){
		      &v.uid, "visit_refused", &c->me->dev_id, "" },
		  e);
}

/* Who asked gives it up; or a device does, and nobody is silenced. */
int
visits_cancel(struct tx *tx, struct call *c, struct err *e)
{
	struct visiting v;

	if (load(tx, c, &v, e) < 0)
		return -1;
	if (v.state > VISIT_ALLOWED)
		return 0;
	if (c->me->limited && v.state == VISIT_WAITING &&
	    joins_unprompt(tx, c, &v.uid, id_text(&v.asker).s, e) < 0)
		return -1;
	return set_state(tx, c, &v, VISIT_OVER, e) < 0
	    ? -1
	    : server_event(tx, c,
		  &(struct server_event){ &v.uid, "visit_ended",
		      c->me->limited ? NULL : &c->me->dev_id, "" },
		  e);
}

/* The keys were handed over: now it may read what they open. */
int
visits_done(struct tx *tx, struct call *c, struct err *e)
{
	OWN(buf_free) struct buf names = { 0 };
	struct visiting v;

	if (load_open(tx, c, &v, e) < 0)
		return -1;
	if (v.state != VISIT_ALLOWED || !id_equal(&v.by, &c->me->dev_id))
		return err_set(
		    e, ERR_CONFLICT, "another device answers this visit");
	put_names(v.categories, &names);
	return account_released(tx, &v.session, v.categories, e) < 0 ||
		set_state(tx, c, &v, VISIT_DONE, e) < 0
	    ? -1
	    : server_event(tx, c,
		  &(struct server_event){ &v.uid, "visit_opened",
		      &c->me->dev_id, buf_text(&names) },
		  e);
}

/* ---- messages ---- */

int
visits_talk(struct tx *tx, const struct call *c, bool posting,
    struct message_talk *out, struct err *e)
{
	struct visiting v;

	if (load(tx, c, &v, e) < 0)
		return -1;
	out->state = v.state;
	if (!posting)
		return 0;
	if (v.state != VISIT_ALLOWED && v.state != VISIT_DONE)
		return err_set(e, ERR_CODE_EXPIRED, "the visit is not open");
	return c->me->limited || id_equal(&v.by, &c->me->dev_id)
	    ? 0
	    : err_set(e, ERR_CONFLICT, "another device answers this visit");
}
