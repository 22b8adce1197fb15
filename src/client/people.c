/* SPDX-License-Identifier: ISC */
/* people.c: the records of the account's contacts. */
#include "client/people_in.h"

#include "base/now.h"
#include "base/text.h"
#include "base/typed.h"
#include "client/alerts.h"
#include "client/self_note.h"
#include "client/self_zones.h"
#include "link/control.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TRIES 5 /* when other devices write the same */

void
people_free(struct people *p)
{
	free(p->list);
	*p = (struct people){ NULL, 0 };
}

/* ---- reading ---- */

static int
visit(void *ctx, const struct zcopy_record *r, struct err *e)
{
	struct people *all = ctx;
	struct scan body = self_note_body(r->plain, SELF_NOTE_PERSON);
	struct person p;
	struct err other;

	(void)e;
	if (!scan_ok(&body) || person_take(&body, &p, &other) < 0)
		return 0;
	p.version = r->version;
	all->list = mem_resize(all->list, all->n + 1, sizeof *all->list);
	all->list[all->n++] = p;
	return 0;
}

static int
by_address(const void *a, const void *b)
{
	const struct person *x = a, *y = b;
	int d = strcmp(x->address, y->address);

	return d != 0 ? d : id_cmp(&x->uid, &y->uid);
}

int
people_all(struct self *s, struct people *out, struct err *e)
{
	*out = (struct people){ NULL, 0 };
	if (zcopy_each(s->state, 0, visit, out, e) < 0) {
		people_free(out);
		return -1;
	}
	if (out->n > 0)
		qsort(out->list, out->n, sizeof *out->list, by_address);
	return 0;
}

void
people_address(const struct self *s, const char *name, char *out)
{
	(void)snprintf(out, PERSON_ADDRESS_MAX + 1, "%s@%s", name, s->host);
}

static const struct person *
with_address(const struct people *all, const char *address)
{
	for (size_t i = 0; i < all->n; i++)
		if (strcmp(all->list[i].address, address) == 0)
			return &all->list[i];
	return NULL;
}

static const struct person *
with_nickname(const struct people *all, const char *nickname)
{
	for (size_t i = 0; i < all->n; i++)
		if (all->list[i].nickname[0] != '\0' &&
		    strcmp(all->list[i].nickname, nickname) == 0)
			return &all->list[i];
	return NULL;
}

static int
nobody(const char *typed, struct err *e)
{
	(void)err_set(e, ERR_NOT_FOUND, "no contact is called %s", typed);
	return err_remedy(e,
	    "See who there is: aumbry contact list   Add somebody: aumbry "
	    "contact add NAME");
}

int
people_one(struct self *s, const char *typed, struct person *out, struct err *e)
{
	OWN(people_free) struct people all = { NULL, 0 };
	OWN(buf_free) struct buf name = { 0 };
	char address[PERSON_ADDRESS_MAX + 1];
	const struct person *by_name = NULL;
	struct err ignored;

	if (people_all(s, &all, e) < 0)
		return -1;
	const struct person *by_nick = with_nickname(&all, typed);
	if (typed_account(bytes_str(typed), s->host, &name, &ignored) == 0) {
		people_address(s, buf_text(&name), address);
		by_name = with_address(&all, address);
	}
	/* One's own word for somebody is not taken over by another's name. */
	if (by_nick != NULL && by_name != NULL && by_nick != by_name)
		return err_set(e, ERR_USAGE,
		    "%s is what you call %s, and the name of %s: say the whole "
		    "address",
		    typed, by_nick->address, by_name->address);
	if (by_name == NULL && by_nick == NULL)
		return nobody(typed, e);
	*out = by_name != NULL ? *by_name : *by_nick;
	return 0;
}

/* ---- writing ---- */

int
people_put(struct self *s, struct person *p, struct err *e)
{
	OWN(buf_free) struct buf body = { 0 };
	OWN(buf_free) struct buf now = { 0 };
	struct id id = self_note_id(SELF_NOTE_PERSON, &p->uid);

	person_put(&body, p);
	return self_note_replace(s, SELF_NOTE_PERSON, &p->uid, p->version,
		   buf_bytes(&body), e) < 0
	    ? -1
	    : zcopy_look(s->state, &id, &p->version, &now, e);
}

int
people_read(struct self *s, const struct id *uid, struct person *out,
    bool *found, struct err *e)
{
	OWN(buf_free) struct buf plain = { 0 };
	struct id id = self_note_id(SELF_NOTE_PERSON, uid);
	struct err spoiled;
	uint64_t version;

	*out = (struct person){ .uid = *uid };
	*found = false;
	if (zcopy_look(s->state, &id, &version, &plain, e) < 0)
		return -1;
	struct scan body = self_note_body(buf_bytes(&plain), SELF_NOTE_PERSON);
	if (plain.n > 0 && body.bad)
		return err_set(e, ERR_UPDATE_NEEDED,
		    "a newer version has written what is known of a contact");
	*found = plain.n > 0 && person_take(&body, out, &spoiled) == 0;
	out->uid = *uid;
	out->version = version;
	return 0;
}

int
people_change(struct self *s, const struct id *uid, people_change_fn fn,
    void *ctx, struct person *out, struct err *e)
{
	bool found;

	for (int i = 0; i < TRIES; i++) {
		if (people_read(s, uid, out, &found, e) < 0)
			return -1;
		if (!found)
			return err_set(
			    e, ERR_NOT_FOUND, "that contact is there no more");
		if (fn(ctx, out, e) < 0)
			return -1;
		if (people_put(s, out, e) == 0)
			return 0;
		if (e->code != ERR_CONFLICT || self_state(s, e) < 0)
			return -1;
	}
	return -1;
}

int
people_remove(struct self *s, const struct id *uid, struct err *e)
{
	struct person p;
	bool found;

	for (int i = 0; i < TRIES; i++) {
		if (people_read(s, uid, &p, &found, e) < 0)
			return -1;
		if (p.version == 0 ||
		    self_note_drop(s, SELF_NOTE_PERSON, uid, p.version, e) == 0)
			return people_forget(s, uid, e);
		if (e->code != ERR_CONFLICT || self_state(s, e) < 0)
			return -1;
	}
	return -1;
}

/* ---- nicknames ---- */

static int
set_nickname(void *ctx, struct person *p, struct err *e)
{
	const char *name = ctx;

	(void)e;
	memcpy(p->nickname, name, strlen(name) + 1);
	return 0;
}

int
people_call(
    struct self *s, const struct id *uid, const char *name, struct err *e)
{
	struct person other;
	struct err none;

	if (strlen(name) > LIMIT_NAME_BYTES || !text_is_label(name))
		return err_set(e, ERR_BAD_NAME,
		    "a contact's name has at most %d bytes, and nothing that "
		    "cannot be seen",
		    LIMIT_NAME_BYTES);
	if (name[0] != '\0' && people_one(s, name, &other, &none) == 0 &&
	    !id_equal(&other.uid, uid))
		return err_set(e, ERR_CONFLICT,
		    "another contact is called so: %s", other.address);
	return people_change(
	    s, uid, set_nickname, (void *)(uintptr_t)name, &other, e);
}

void
people_self(const struct self *s, char *address, struct digest *root)
{
	people_address(s, s->name, address);
	person_root(&s->circle, root);
}

/* ---- one more ---- */

static int
ask_for(struct self *s, const char *name, struct people_row *out, struct err *e)
{
	OWN(jsonio_free) json_t *ask = json_object();
	OWN(jsonio_free) json_t *answer = NULL;

	jsonio_put_text(ask, "name", name);
	if (control_call(
		s->remote, "POST", "/v1/people/find", ask, &answer, e) < 0 ||
	    people_row(answer, out, e) < 0)
		return -1;
	if (strcmp(out->name, name) == 0)
		return 0;
	return err_set(e, ERR_BAD_REQUEST,
	    "the server was asked for %s and showed another account", name);
}

/* One more, of that name? */
static int
is_free(struct self *s, const char *address, struct err *e)
{
	OWN(people_free) struct people all = { NULL, 0 };
	struct err ignored;

	if (people_all(s, &all, e) < 0)
		return -1;
	if (all.n >= LIMIT_CONTACTS)
		return err_set(e, ERR_TOO_LARGE,
		    "an account has at most %d contacts", LIMIT_CONTACTS);
	const struct person *other = with_address(&all, address);
	if (other == NULL)
		return 0;
	(void)err_set(e, ERR_NAME_MOVED,
	    "%s is a contact, and the server shows another account by that "
	    "name",
	    address);
	if (alerts_raise(s, &other->uid, e, &ignored) < 0)
		err_clear(&ignored);
	return -1;
}

/*
 * Whoever was looked for by name must go by it: the server could show the
 * account of one by the name of another. Who has written is called as his own
 * devices say.
 */
static int
called_so(struct self *s, const struct circle *c, enum person_level level,
    char *address, struct err *e)
{
	if (c->name[0] == '\0')
		return err_set(e, ERR_NAME_UNCLAIMED,
		    "no device of the account that the server calls %s has "
		    "signed a name",
		    address);
	if (circle_goes_by(c, address))
		return 0;
	if (level != PERSON_ASKS)
		return err_set(e, ERR_NAME_UNCLAIMED,
		    "the server calls an account %s whose devices go by %s",
		    address, c->name);
	(void)snprintf(address, PERSON_ADDRESS_MAX + 1, "%.*s@%s",
	    (int)strcspn(c->name, "@"), c->name, s->host);
	return is_free(s, address, e);
}

/* As it is first seen. */
static int
pin(struct self *s, const struct people_row *row, enum person_level level,
    struct person *out, struct err *e)
{
	OWN(circle_free) struct circle c = { 0 };
	OWN(buf_free) struct buf more = { 0 };
	struct person was;
	bool found;
	char address[PERSON_ADDRESS_MAX + 1];

	people_address(s, row->name, address);
	if (is_free(s, address, e) < 0 ||
	    people_follow(s, row, NULL, &c, &more, e) < 0 ||
	    called_so(s, &c, level, address, e) < 0 ||
	    people_read(s, &row->uid, &was, &found, e) < 0)
		return -1;
	*out = (struct person){ .uid = row->uid,
		.seq = c.seq,
		.head = c.head,
		.level = (uint8_t)level,
		.since_ms = (uint64_t)now_ms(),
		.version = was.version };
	(void)snprintf(out->address, sizeof out->address, "%s", address);
	person_root(&c, &out->root);
	return people_put(s, out, e) < 0
	    ? -1
	    : people_keep(s, &row->uid, buf_bytes(&more), e);
}

/* Pin him, if he is none yet. */
static int
add_row(struct self *s, const struct people_row *row, enum person_level level,
    struct person *out, bool *had, struct err *e)
{
	for (int i = 0; i < TRIES; i++) {
		if (people_read(s, &row->uid, out, had, e) < 0)
			return -1;
		if (*had || pin(s, row, level, out, e) == 0)
			return 0;
		/* Another device has just added him. */
		if (e->code != ERR_CONFLICT || self_state(s, e) < 0)
			return -1;
	}
	return -1;
}

int
people_add(struct self *s, const char *typed, struct person *out, bool *had,
    struct err *e)
{
	OWN(buf_free) struct buf name = { 0 };
	struct people_row row;

	if (typed_account(bytes_str(typed), s->host, &name, e) < 0 ||
	    ask_for(s, buf_text(&name), &row, e) < 0)
		return -1;
	if (id_equal(&row.uid, &s->uid))
		return err_set(e, ERR_USAGE, "that is this account itself");
	if (add_row(s, &row, PERSON_KNOWN, out, had, e) < 0)
		return -1;
	return *had && out->level != PERSON_ASKS
	    ? 0
	    : people_let(s, &row.uid, PERSON_KNOWN, out, e);
}

/* ---- who may write ---- */

static int
set_level(void *ctx, struct person *p, struct err *e)
{
	const enum person_level *to = ctx;

	(void)e;
	if (*to == PERSON_KNOWN && p->level != PERSON_ASKS &&
	    p->level != PERSON_BLOCKED)
		return 0;
	p->level = (uint8_t)*to;
	p->way = PERSON_WAY_NONE;
	p->verified_ms = *to == PERSON_BLOCKED ? (uint64_t)now_ms() : 0;
	p->by = (struct id){ { 0 } };
	return 0;
}

int
people_let(struct self *s, const struct id *uid, enum person_level to,
    struct person *out, struct err *e)
{
	OWN(jsonio_free) json_t *ask = json_object();

	jsonio_put_id(ask, "uid", uid);
	jsonio_put_text(ask, "state",
	    to == PERSON_KNOWN	       ? "accepted"
		: to == PERSON_BLOCKED ? "blocked"
				       : "stranger");
	if (control_call(s->remote, "POST", "/v1/inbox/peers", ask, NULL, e) <
	    0)
		return -1;
	return people_change(s, uid, set_level, &to, out, e);
}

int
people_asked(
    struct self *s, const struct id *uid, struct person *out, struct err *e)
{
	OWN(jsonio_free) json_t *ask = json_object();
	OWN(jsonio_free) json_t *answer = NULL;
	struct people_row row;
	bool had;

	jsonio_add_id(ask, "uids", uid);
	if (control_call(
		s->remote, "POST", "/v1/people/heads", ask, &answer, e) < 0)
		return -1;
	const json_t *list = json_object_get(answer, "people");
	if (json_array_size(list) != 1)
		return err_set(e, ERR_NOT_FOUND,
		    "who has written is not on the server any more");
	if (people_row(json_array_get(list, 0), &row, e) < 0)
		return -1;
	if (!id_equal(&row.uid, uid))
		return err_set(e, ERR_BAD_REQUEST,
		    "the server was asked for one account and showed another");
	return add_row(s, &row, PERSON_ASKS, out, &had, e);
}

/* ---- what others may do ---- */

int
people_privacy(struct self *s, struct people_privacy *out, struct err *e)
{
	OWN(jsonio_free) json_t *answer = NULL;

	if (control_call(
		s->remote, "GET", "/v1/people/settings", NULL, &answer, e) < 0)
		return -1;
	out->findable = jsonio_true(answer, "findable");
	out->asks = jsonio_true(answer, "asks");
	return 0;
}

int
people_set_privacy(
    struct self *s, const struct people_privacy *to, struct err *e)
{
	OWN(jsonio_free) json_t *ask = json_object();

	jsonio_put_true(ask, "findable", to->findable);
	jsonio_put_true(ask, "asks", to->asks);
	return control_call(
	    s->remote, "POST", "/v1/people/settings", ask, NULL, e);
}
