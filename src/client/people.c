/* SPDX-License-Identifier: ISC */
/* people.c: the records of the account's contacts. */
#include "client/people_in.h"

#include "base/now.h"
#include "base/text.h"
#include "base/typed.h"
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

void
people_claimed(const struct self *s, const struct circle *c, char *out)
{
	(void)snprintf(out, PERSON_ADDRESS_MAX + 1, "%.*s@%s",
	    (int)strcspn(c->name, "@"), c->name, s->host);
}

const struct person *
people_with_address(const struct people *all, const char *address)
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
		by_name = people_with_address(&all, address);
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
	/* Contacts know it by what was signed, not by what the server says. */
	if (s->circle.name[0] != '\0')
		people_claimed(s, &s->circle, address);
	else
		people_address(s, s->name, address);
	person_root(&s->circle, root);
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

/* ---- what others may do ---- */

static void
take_privacy(const json_t *answer, struct people_privacy *out)
{
	out->findable = jsonio_true(answer, "findable");
	out->asks = jsonio_true(answer, "asks");
}

int
people_privacy(struct self *s, struct people_privacy *out, struct err *e)
{
	OWN(jsonio_free) json_t *answer = NULL;

	if (control_call(
		s->remote, "GET", "/v1/people/settings", NULL, &answer, e) < 0)
		return -1;
	take_privacy(answer, out);
	return 0;
}

int
people_set_privacy(struct self *s, const bool *findable, const bool *asks,
    struct people_privacy *out, struct err *e)
{
	OWN(jsonio_free) json_t *ask = json_object();
	OWN(jsonio_free) json_t *answer = NULL;

	if (findable != NULL)
		jsonio_put_true(ask, "findable", *findable);
	if (asks != NULL)
		jsonio_put_true(ask, "asks", *asks);
	if (control_call(
		s->remote, "POST", "/v1/people/settings", ask, &answer, e) < 0)
		return -1;
	take_privacy(answer, out);
	return 0;
}
