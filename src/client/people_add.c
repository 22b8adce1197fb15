/* SPDX-License-Identifier: ISC */
/* people_add.c: somebody is met for the first time, and pinned. */
#include "client/people_in.h"

#include "base/now.h"
#include "base/typed.h"
#include "client/alerts.h"
#include "client/self_zones.h"
#include "link/control.h"

#include <stdio.h>
#include <string.h>

#define TRIES 5 /* when other devices write the same */

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

/* One more, of that name? What a stranger is called is no word about others. */
static int
is_free(
    struct self *s, const char *address, enum person_level level, struct err *e)
{
	OWN(people_free) struct people all = { NULL, 0 };
	struct err ignored;

	if (people_all(s, &all, e) < 0)
		return -1;
	if (all.n >= LIMIT_CONTACTS)
		return err_set(e, ERR_TOO_LARGE,
		    "an account has at most %d contacts", LIMIT_CONTACTS);
	const struct person *other = people_with_address(&all, address);
	if (other == NULL || level == PERSON_BLOCKED)
		return 0;
	if (level == PERSON_ASKS)
		return err_set(e, ERR_NAME_UNCLAIMED,
		    "somebody has written who is called %s, which is another "
		    "contact",
		    address);
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
	if (level == PERSON_BLOCKED)
		return 0;
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
	people_claimed(s, c, address);
	return is_free(s, address, level, e);
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
	if (is_free(s, address, level, e) < 0 ||
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

static int
find(struct self *s, const char *typed, struct people_row *row, struct err *e)
{
	OWN(buf_free) struct buf name = { 0 };

	if (typed_account(bytes_str(typed), s->host, &name, e) < 0 ||
	    ask_for(s, buf_text(&name), row, e) < 0)
		return -1;
	return id_equal(&row->uid, &s->uid)
	    ? err_set(e, ERR_USAGE, "that is this account itself")
	    : 0;
}

/* Who is there already, and is shown by the name that was typed: does he go by
 * it? Otherwise somebody else is meant. */
static int
is_meant(struct self *s, const struct people_row *row, struct person *p,
    struct err *e)
{
	OWN(people_looks_free) struct people_looks one = { NULL, 0 };
	char address[PERSON_ADDRESS_MAX + 1];

	people_address(s, row->name, address);
	if (strcmp(p->address, address) == 0)
		return 0;
	/* He may have signed it since he was looked at. */
	if (people_check(s, p, &one, e) < 0)
		return -1;
	*p = one.list[0].person;
	return strcmp(p->address, address) == 0
	    ? 0
	    : err_set(e, ERR_NAME_UNCLAIMED,
		  "the server calls %s %s, and no device of that account has "
		  "signed so",
		  p->address, address);
}

int
people_add(struct self *s, const char *typed, struct person *out, bool *had,
    struct err *e)
{
	struct people_row row;

	if (find(s, typed, &row, e) < 0 ||
	    add_row(s, &row, PERSON_KNOWN, out, had, e) < 0 ||
	    (*had && is_meant(s, &row, out, e) < 0))
		return -1;
	return *had && out->level != PERSON_ASKS
	    ? 0
	    : people_let(s, &row.uid, PERSON_KNOWN, out, e);
}

int
people_block(
    struct self *s, const char *typed, struct person *out, struct err *e)
{
	struct people_row row;
	bool had;

	return find(s, typed, &row, e) < 0 ||
		add_row(s, &row, PERSON_BLOCKED, out, &had, e) < 0
	    ? -1
	    : people_let(s, &row.uid, PERSON_BLOCKED, out, e);
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
