/* SPDX-License-Identifier: ISC */
/* people.c: the records of the account's contacts. */
#include "client/people_in.h"

#include "base/now.h"
#include "base/typed.h"
#include "client/alerts.h"
#include "client/self_note.h"
#include "link/control.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

int
people_one(struct self *s, const char *typed, struct person *out, struct err *e)
{
	OWN(people_free) struct people all = { NULL, 0 };
	OWN(buf_free) struct buf name = { 0 };
	char address[PERSON_ADDRESS_MAX + 1];
	const struct person *p = NULL;
	struct err ignored;

	if (people_all(s, &all, e) < 0)
		return -1;
	for (size_t i = 0; i < all.n; i++)
		if (all.list[i].nickname[0] != '\0' &&
		    strcmp(all.list[i].nickname, typed) == 0)
			p = &all.list[i];
	if (typed_account(bytes_str(typed), s->host, &name, &ignored) == 0) {
		people_address(s, buf_text(&name), address);
		if (with_address(&all, address) != NULL)
			p = with_address(&all, address);
	}
	if (p == NULL) {
		(void)err_set(
		    e, ERR_NOT_FOUND, "no contact is called %s", typed);
		return err_remedy(e,
		    "See who there is: aumbry contact list   Add somebody: "
		    "aumbry contact add NAME");
	}
	*out = *p;
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
people_remove(struct self *s, const struct person *p, struct err *e)
{
	return self_note_drop(s, SELF_NOTE_PERSON, &p->uid, p->version, e) < 0
	    ? -1
	    : people_forget(s, &p->uid, e);
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

/* Of those that there are, who has this uid? And does it fit? */
static int
known_as(struct self *s, const struct people_row *row, const char *address,
    struct person *had, bool *is, struct err *e)
{
	OWN(people_free) struct people all = { NULL, 0 };

	*is = false;
	if (people_all(s, &all, e) < 0)
		return -1;
	for (size_t i = 0; i < all.n; i++)
		if (id_equal(&all.list[i].uid, &row->uid)) {
			*had = all.list[i];
			*is = true;
			return 0;
		}
	const struct person *other = with_address(&all, address);
	if (other != NULL) {
		struct err ignored;
		(void)err_set(e, ERR_NAME_MOVED,
		    "%s is a contact, and the server shows another account by "
		    "that name",
		    address);
		if (alerts_raise(s, &other->uid, e, &ignored) < 0)
			err_clear(&ignored);
		return -1;
	}
	return all.n < LIMIT_CONTACTS
	    ? 0
	    : err_set(e, ERR_TOO_LARGE, "an account has at most %d contacts",
		  LIMIT_CONTACTS);
}

int
people_add(struct self *s, const char *typed, struct person *out,
    struct circle *c, bool *had, struct err *e)
{
	OWN(buf_free) struct buf name = { 0 };
	OWN(buf_free) struct buf more = { 0 };
	struct people_row row;
	char address[PERSON_ADDRESS_MAX + 1];

	if (typed_account(bytes_str(typed), s->host, &name, e) < 0 ||
	    ask_for(s, buf_text(&name), &row, e) < 0)
		return -1;
	if (id_equal(&row.uid, &s->uid))
		return err_set(e, ERR_USAGE, "that is this account itself");
	people_address(s, row.name, address);
	if (known_as(s, &row, address, out, had, e) < 0 ||
	    people_follow(s, &row, c, &more, e) < 0)
		return -1;
	if (*had)
		return 0;
	*out = (struct person){ .uid = row.uid,
		.seq = c->seq,
		.head = c->head,
		.level = PERSON_KNOWN,
		.since_ms = (uint64_t)now_ms() };
	memcpy(out->address, address, sizeof address);
	person_root(c, &out->root);
	return people_put(s, out, e) < 0
	    ? -1
	    : people_keep(s, &row.uid, buf_bytes(&more), e);
}
