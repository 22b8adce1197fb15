/* SPDX-License-Identifier: ISC */
/* people_check.c: what the server shows of contacts, against what was pinned. */
#include "client/people_in.h"

#include "base/now.h"
#include "client/alerts.h"
#include "link/control.h"

#include <stdlib.h>
#include <string.h>

void
people_looks_free(struct people_looks *l)
{
	for (size_t i = 0; i < l->n; i++)
		circle_free(&l->list[i].circle);
	free(l->list);
	*l = (struct people_looks){ NULL, 0 };
}

/* ---- one ---- */

/* What a person can do about it is not what helps with the own account. */
static void
wrong(struct people_look *l)
{
	(void)err_remedy(&l->why,
	    "If the server was put back to a backup, this ends once the other "
	    "one's devices were online. Otherwise the server is not to be "
	    "trusted.");
}

static void
changes_since(struct people_look *l, uint32_t seq)
{
	for (size_t i = 0; i < l->circle.n_members; i++) {
		const struct member *m = &l->circle.members[i];
		if (m->device.class == CLASS_SECURITY_KEY)
			continue;
		l->added += m->added_seq > seq && m->active;
		l->removed += m->added_seq <= seq && m->removed_seq > seq;
	}
}

static int
rolled_back(const struct person *p, uint32_t ends, struct err *e)
{
	return err_set(e, ERR_CIRCLE_ROLLED_BACK,
	    "the list of devices of %s ends at %u, and %u was seen", p->address,
	    (unsigned)ends, (unsigned)p->seq);
}

/* Does the circle go on from the pin? */
static int
goes_on(const struct circle *c, const struct person *p, struct err *e)
{
	const struct digest *at = circle_hash_at(c, p->seq);

	if (at == NULL)
		return rolled_back(p, c->seq, e);
	return digest_equal(at, &p->head)
	    ? 0
	    : err_set(e, ERR_CIRCLE_FORKED,
		  "the list of devices of %s is another one than was seen "
		  "before",
		  p->address);
}

/*
 * Who was compared and began anew stays pinned as he was, until that is
 * accepted or compared. When it is taken back, all is as before.
 */
static bool
is_changed(struct people_look *l)
{
	struct person *p = &l->person;
	struct digest root;

	person_root(&l->circle, &root);
	bool same = digest_equal(&root, &p->root);
	if (p->level == PERSON_CHANGED && same) {
		p->level = PERSON_VERIFIED;
		l->back = true;
	}
	if (same)
		return false;
	if (p->level != PERSON_VERIFIED && p->level != PERSON_CHANGED) {
		p->root = root;
		l->anew = true;
		return false;
	}
	p->level = PERSON_CHANGED;
	(void)err_set(&l->why, ERR_CONTACT_CHANGED,
	    "the account of %s began anew, with new keys", p->address);
	return true;
}

/* Has another contact that name? Then it is not taken over. */
static int
take_name(struct self *s, struct people_look *l, const struct people_row *row,
    struct err *e)
{
	OWN(people_free) struct people all = { NULL, 0 };
	struct person *p = &l->person;

	people_address(s, row->name, l->called);
	l->renamed = strcmp(l->called, p->address) != 0;
	if (!l->renamed)
		return 0;
	memcpy(l->was, p->address, sizeof l->was);
	if (people_all(s, &all, e) < 0)
		return -1;
	for (size_t i = 0; i < all.n; i++)
		if (!id_equal(&all.list[i].uid, &p->uid) &&
		    strcmp(all.list[i].address, l->called) == 0) {
			(void)err_set(&l->why, ERR_NAME_MOVED,
			    "the server calls %s %s, which is another contact",
			    p->address, l->called);
			return 0;
		}
	if (circle_goes_by(&l->circle, l->called))
		memcpy(p->address, l->called, sizeof p->address);
	return 0;
}

/* errors: of what is kept here; those of what is shown stand in the look. */
static int
compare(struct self *s, struct people_look *l, const struct people_row *row,
    struct err *e)
{
	OWN(buf_free) struct buf more = { 0 };
	struct person *p = &l->person;

	if (row->seq < p->seq) {
		(void)rolled_back(p, row->seq, &l->why);
		wrong(l);
		return 0;
	}
	bool followed =
	    people_follow(s, row, p, &l->circle, &more, &l->why) == 0;
	if (!followed)
		(void)err_in(&l->why, "%s", p->address);
	if (!followed || goes_on(&l->circle, p, &l->why) < 0) {
		circle_free(&l->circle);
		if (alerts_is(l->why.code))
			wrong(l);
		return 0;
	}
	err_clear(&l->why);
	if (is_changed(l))
		return 0;
	changes_since(l, p->seq);
	p->seq = l->circle.seq;
	p->head = l->circle.head;
	return take_name(s, l, row, e) < 0
	    ? -1
	    : people_keep(s, &p->uid, buf_bytes(&more), e);
}

/* Found once, by whatever looks first: so it is told until it is read. */
static int
raise_anew(struct self *s, const struct person *p, struct err *e)
{
	struct err why;

	(void)err_set(&why, ERR_CONTACT_CHANGED,
	    "the account of %s began anew, with new keys; nobody had compared "
	    "the old ones",
	    p->address);
	return alerts_raise(s, &p->uid, &why, e);
}

/* What was learnt is for all devices. */
static int
keep(struct self *s, const struct person *was, struct people_look *l,
    struct err *e)
{
	struct person *p = &l->person;

	if (alerts_is(l->why.code) && alerts_raise(s, &p->uid, &l->why, e) < 0)
		return -1;
	if (l->anew && raise_anew(s, p, e) < 0)
		return -1;
	if (was->seq == p->seq && was->level == p->level &&
	    strcmp(was->address, p->address) == 0)
		return 0;
	if (people_put(s, p, e) == 0)
		return 0;
	/* Another device has just done so. */
	if (e->code != ERR_CONFLICT)
		return -1;
	err_clear(e);
	return 0;
}

/* ---- all ---- */

/* *row: what the answer has of him. errors: not-found; bad-request: of a row
 * that may be his nothing is to be read. */
static int
row_of(const json_t *people, const struct person *p, struct people_row *row,
    struct err *e)
{
	struct err bad = { .code = ERR_NONE };

	for (size_t i = 0; i < json_array_size(people); i++) {
		if (people_row(json_array_get(people, i), row, &bad) == 0 &&
		    id_equal(&row->uid, &p->uid))
			return 0;
	}
	if (bad.code == ERR_NONE && json_is_array(people))
		return err_set(e, ERR_NOT_FOUND,
		    "the server knows no %s any more", p->address);
	return err_set(e, ERR_BAD_REQUEST,
	    "%s: what the server says of contacts is not well-formed",
	    p->address);
}

static int
ask_heads(struct self *s, const struct person *list, size_t n, json_t **answer,
    struct err *e)
{
	OWN(jsonio_free) json_t *ask = json_object();

	for (size_t i = 0; i < n; i++)
		jsonio_add_id(ask, "uids", &list[i].uid);
	return control_call(
	    s->remote, "POST", "/v1/people/heads", ask, answer, e);
}

/* What he has written may be read later than he is there. */
static int
gone(struct self *s, struct people_look *l, struct err *e)
{
	return l->why.code == ERR_NOT_FOUND
	    ? people_kept(s, &l->person, &l->circle, e)
	    : 0;
}

static int
check_some(struct self *s, const struct person *list, size_t n,
    struct people_looks *out, struct err *e)
{
	OWN(jsonio_free) json_t *answer = NULL;

	if (ask_heads(s, list, n, &answer, e) < 0)
		return -1;
	const json_t *people = json_object_get(answer, "people");
	for (size_t i = 0; i < n; i++) {
		struct people_look *l = &out->list[out->n++];
		struct people_row row;
		*l = (struct people_look){ .person = list[i] };
		if ((row_of(people, &list[i], &row, &l->why) == 0
			    ? compare(s, l, &row, e)
			    : gone(s, l, e)) < 0)
			return -1;
		if (keep(s, &list[i], l, e) < 0)
			return -1;
	}
	return 0;
}

int
people_check(struct self *s, const struct person *only,
    struct people_looks *out, struct err *e)
{
	OWN(people_free) struct people all = { NULL, 0 };
	int rc = 0;

	*out = (struct people_looks){ NULL, 0 };
	if (only == NULL && people_all(s, &all, e) < 0)
		return -1;
	const struct person *list = only != NULL ? only : all.list;
	size_t n = only != NULL ? 1 : all.n;
	out->list = mem_array(n + 1, sizeof *out->list);
	for (size_t i = 0; rc == 0 && i < n; i += LIMIT_HEADS)
		rc = check_some(s, list + i,
		    n - i < LIMIT_HEADS ? n - i : LIMIT_HEADS, out, e);
	if (rc < 0)
		people_looks_free(out);
	return rc;
}

/* ---- what was found ---- */

int
people_right(const struct people_look *l, struct err *e)
{
	if (l->circle.seq > 0 &&
	    (l->why.code == ERR_NONE || l->why.code == ERR_CONTACT_CHANGED))
		return 0;
	*e = l->why;
	return -1;
}

unsigned
people_devices(const struct circle *c)
{
	unsigned n = 0;

	for (size_t i = 0; i < c->n_members; i++)
		n += c->members[i].active &&
		    c->members[i].device.class != CLASS_SECURITY_KEY;
	return n;
}

void
people_number(const struct self *s, const struct people_look *l,
    char out[static PERSON_NUMBER + 1])
{
	char own[PERSON_ADDRESS_MAX + 1];
	struct digest own_root, root;

	people_self(s, own, &own_root);
	person_root(&l->circle, &root);
	person_number(&(struct person_key){ own, &own_root },
	    &(struct person_key){ l->person.address, &root }, out);
}

/* ---- what is settled ---- */

struct accepting {
	const struct people_look *l;
	enum person_way way;
	const struct id *by;
};

/* What another device has seen since must be of the same list. */
static int
accept(void *ctx, struct person *p, struct err *e)
{
	const struct accepting *a = ctx;
	const struct circle *c = &a->l->circle;
	const struct digest *at = circle_hash_at(c, p->seq);
	struct digest root;

	person_root(c, &root);
	if (at != NULL ? !digest_equal(at, &p->head)
		       : !digest_equal(&root, &p->root))
		return err_set(e, ERR_CONFLICT,
		    "another device has seen another list of devices of %s "
		    "meanwhile; look again",
		    p->address);
	if (at != NULL) {
		p->seq = c->seq;
		p->head = c->head;
	}
	p->root = root;
	if (a->way == PERSON_WAY_NONE && a->l->renamed)
		memcpy(p->address, a->l->called, sizeof p->address);
	p->level = a->way == PERSON_WAY_NONE ? PERSON_KNOWN : PERSON_VERIFIED;
	p->way = (uint8_t)a->way;
	p->verified_ms = a->way == PERSON_WAY_NONE ? 0 : (uint64_t)now_ms();
	p->by = a->way == PERSON_WAY_NONE ? (struct id){ { 0 } } : *a->by;
	return 0;
}

int
people_accept(struct self *s, const struct people_look *l, enum person_way way,
    struct err *e)
{
	struct accepting a = { l, way, &s->dev_id };
	struct person now;

	if (l->circle.seq == 0)
		return err_set(e, ERR_BAD_REQUEST,
		    "the server shows no list of devices of %s",
		    l->person.address);
	return people_change(s, &l->person.uid, accept, &a, &now, e);
}

static int
unverify(void *ctx, struct person *p, struct err *e)
{
	(void)ctx;
	if (p->level == PERSON_CHANGED)
		return err_set(e, ERR_CONTACT_CHANGED,
		    "the account of %s began anew, which is settled first",
		    p->address);
	p->level = PERSON_KNOWN;
	p->way = PERSON_WAY_NONE;
	p->verified_ms = 0;
	p->by = (struct id){ { 0 } };
	return 0;
}

int
people_unverify(struct self *s, const struct id *uid, struct err *e)
{
	struct person now;

	return people_change(s, uid, unverify, NULL, &now, e);
}
