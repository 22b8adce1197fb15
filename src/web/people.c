/* SPDX-License-Identifier: ISC */
/* people.c: the page's contacts, and what was wrong with them. */
#include "web/core.h"

#include "client/alerts.h"
#include "client/people.h"
#include "client/self_settle.h"
#include "client/self_zones.h"

#include <stdlib.h>
#include <string.h>

/* ---- shown ---- */

json_t *
core_error_json(const struct err *why)
{
	json_t *v = json_object();

	jsonio_put_text(v, "code", err_name(why->code));
	jsonio_put_text(v, "message", why->msg);
	jsonio_put_text(v, "remedy", err_fix(why));
	return v;
}

/* What is not as it was. */
static void
put_news(json_t *v, const struct people_look *l)
{
	jsonio_put_u64(v, "added", l->added);
	jsonio_put_u64(v, "removed", l->removed);
	jsonio_put_true(v, "anew", l->anew);
	jsonio_put_true(v, "back", l->back);
	if (l->renamed) {
		jsonio_put_text(v, "called", l->called);
		jsonio_put_text(v, "was", l->was);
	}
	if (l->why.code != ERR_NONE)
		(void)json_object_set_new(v, "wrong", core_error_json(&l->why));
}

static void
put_look(json_t *v, const struct people_look *l)
{
	const struct person *p = &l->person;

	jsonio_put_id(v, "uid", &p->uid);
	jsonio_put_text(v, "address", p->address);
	jsonio_put_text(v, "nickname", p->nickname);
	jsonio_put_text(v, "level", person_level_name(p->level));
	jsonio_put_text(v, "way", person_way_name(p->way));
	jsonio_put_u64(v, "since_ms", p->since_ms);
	jsonio_put_u64(v, "verified_ms", p->verified_ms);
	jsonio_put_u64(v, "devices", people_devices(&l->circle));
	put_news(v, l);
}

static void
put_code(json_t *v, const char *address, const struct digest *root)
{
	char code[PERSON_PUBLIC + 1];

	person_public(&(struct person_key){ address, root }, code);
	jsonio_put_text(v, "public_code", code);
}

/* Of what both of them see. */
static void
put_compared(struct self *s, const struct people_look *l, json_t *out)
{
	char number[PERSON_NUMBER + 1];
	json_t *list = json_array();
	struct digest root;

	(void)json_object_set_new(out, "members", list);
	if (l->circle.seq == 0)
		return;
	person_root(&l->circle, &root);
	put_code(out, l->person.address, &root);
	people_number(s, l, number);
	jsonio_put_text(out, "number", number);
	for (size_t i = 0; i < l->circle.n_members; i++) {
		const struct member *m = &l->circle.members[i];
		if (!m->active)
			continue;
		json_t *v = json_object();
		jsonio_put_u64(v, "class", m->device.class);
		jsonio_put_u64(v, "added_ms", m->added_ms);
		(void)json_array_append_new(list, v);
	}
}

int
core_people(struct core *c, const json_t *in, json_t *out, struct err *e)
{
	OWN(people_looks_free) struct people_looks all = { NULL, 0 };
	char own[PERSON_ADDRESS_MAX + 1];
	json_t *list = json_array();
	struct people_privacy open_to;
	struct digest root;
	struct self *s;

	(void)in;
	(void)json_object_set_new(out, "people", list);
	if (core_self(c, &s, e) < 0 || self_state(s, e) < 0 ||
	    people_check(s, NULL, &all, e) < 0 ||
	    people_privacy(s, &open_to, e) < 0)
		return -1;
	people_self(s, own, &root);
	jsonio_put_text(out, "address", own);
	put_code(out, own, &root);
	if (self_renamed(s))
		jsonio_put_text(out, "called", s->name);
	jsonio_put_true(out, "findable", open_to.findable);
	jsonio_put_true(out, "asks", open_to.asks);
	for (size_t i = 0; i < all.n; i++) {
		json_t *v = json_object();
		put_look(v, &all.list[i]);
		(void)json_array_append_new(list, v);
	}
	return 0;
}

int
core_people_goes_by(
    struct core *c, const json_t *in, json_t *out, struct err *e)
{
	const char *name = "";
	struct self *s;

	(void)out;
	return jsonio_text(in, "name", &name, e) < 0 || core_self(c, &s, e) < 0
	    ? -1
	    : self_goes_by(s, name, e);
}

int
core_people_set_privacy(
    struct core *c, const json_t *in, json_t *out, struct err *e)
{
	const json_t *findable = json_object_get(in, "findable");
	const json_t *asks = json_object_get(in, "asks");
	bool finds = json_is_true(findable), ask = json_is_true(asks);
	struct people_privacy is;
	struct self *s;

	(void)out;
	return core_self(c, &s, e) < 0
	    ? -1
	    : people_set_privacy(s, findable != NULL ? &finds : NULL,
		  asks != NULL ? &ask : NULL, &is, e);
}

/* ---- one of them ---- */

static int
take_person(struct core *c, const json_t *in, struct self **s,
    struct person *out, struct err *e)
{
	OWN(people_free) struct people all = { NULL, 0 };
	struct id uid;

	if (jsonio_id(in, "uid", &uid, e) < 0 || core_self(c, s, e) < 0 ||
	    self_state(*s, e) < 0 || people_all(*s, &all, e) < 0)
		return -1;
	for (size_t i = 0; i < all.n; i++)
		if (id_equal(&all.list[i].uid, &uid)) {
			*out = all.list[i];
			return 0;
		}
	return err_set(e, ERR_NOT_FOUND, "that contact is there no more");
}

int
core_look_at(struct core *c, const json_t *in, struct self **s,
    struct people_looks *out, struct err *e)
{
	struct person p;

	return take_person(c, in, s, &p, e) < 0 ? -1
						: people_check(*s, &p, out, e);
}

int
core_person(struct core *c, const json_t *in, json_t *out, struct err *e)
{
	OWN(people_looks_free) struct people_looks one = { NULL, 0 };
	struct self *s;

	if (core_look_at(c, in, &s, &one, e) < 0)
		return -1;
	put_look(out, &one.list[0]);
	put_compared(s, &one.list[0], out);
	return 0;
}

int
core_person_add(struct core *c, const json_t *in, json_t *out, struct err *e)
{
	const char *name = "";
	struct person p;
	struct self *s;
	bool had;

	if (jsonio_text(in, "name", &name, e) < 0 || core_self(c, &s, e) < 0 ||
	    self_state(s, e) < 0 || people_add(s, name, &p, &had, e) < 0)
		return -1;
	jsonio_put_id(out, "uid", &p.uid);
	jsonio_put_text(out, "address", p.address);
	jsonio_put_true(out, "had", had);
	return 0;
}

/* Who asks may write then; who began anew, or is called otherwise, is taken as
 * he is. */
int
core_person_accept(struct core *c, const json_t *in, json_t *out, struct err *e)
{
	OWN(people_looks_free) struct people_looks one = { NULL, 0 };
	struct person p;
	struct self *s;

	(void)out;
	if (core_look_at(c, in, &s, &one, e) < 0 ||
	    people_right(&one.list[0], e) < 0)
		return -1;
	const struct people_look *l = &one.list[0];
	if (l->person.level == PERSON_ASKS)
		return people_let(s, &l->person.uid, PERSON_KNOWN, &p, e);
	return l->person.level == PERSON_CHANGED || l->renamed
	    ? people_accept(s, l, PERSON_WAY_NONE, e)
	    : 0;
}

/* blocked: or not any more. */
int
core_person_block(struct core *c, const json_t *in, json_t *out, struct err *e)
{
	struct person p;
	struct self *s;

	(void)out;
	core_file_mail(c);
	return take_person(c, in, &s, &p, e) < 0 ||
		people_let(s, &p.uid,
		    jsonio_true(in, "blocked") ? PERSON_BLOCKED : PERSON_KNOWN,
		    &p, e) < 0
	    ? -1
	    : 0;
}

int
core_person_rename(struct core *c, const json_t *in, json_t *out, struct err *e)
{
	const char *name = "";
	struct person p;
	struct self *s;

	(void)out;
	return jsonio_text(in, "name", &name, e) < 0 ||
		take_person(c, in, &s, &p, e) < 0 ||
		people_call(s, &p.uid, name, e) < 0
	    ? -1
	    : 0;
}

int
core_person_remove(struct core *c, const json_t *in, json_t *out, struct err *e)
{
	struct person p;
	struct self *s;

	(void)out;
	core_file_mail(c);
	return take_person(c, in, &s, &p, e) < 0 ||
		people_let(s, &p.uid, PERSON_ASKS, &p, e) < 0
	    ? -1
	    : people_remove(s, &p.uid, e);
}

/* ---- verifying ---- */

/* What was on the screen counts, not what the server shows by now. */
static int
compared(struct self *s, const struct people_look *l, const json_t *in,
    enum person_way *way, struct err *e)
{
	const char *typed = json_string_value(json_object_get(in, "code"));
	char number[PERSON_NUMBER + 1];
	const char *seen = "";
	struct digest root;
	bool same;

	if (typed != NULL) {
		person_root(&l->circle, &root);
		*way = PERSON_WAY_PUBLIC;
		if (person_public_is(
			&(struct person_key){ l->person.address, &root },
			bytes_str(typed), &same, e) < 0)
			return -1;
	} else {
		if (jsonio_text(in, "number", &seen, e) < 0)
			return -1;
		people_number(s, l, number);
		*way = PERSON_WAY_NUMBER;
		same = strcmp(number, seen) == 0;
	}
	return same ? 0
		    : err_set(e, ERR_CODE_DIFFERS,
			  "what %s has is not what this device sees of that "
			  "account",
			  l->person.address);
}

/* By the number that was shown, or a code that was published. */
int
core_person_verify(struct core *c, const json_t *in, json_t *out, struct err *e)
{
	OWN(people_looks_free) struct people_looks one = { NULL, 0 };
	enum person_way way;
	struct self *s;

	(void)out;
	return core_look_at(c, in, &s, &one, e) < 0 ||
		people_right(&one.list[0], e) < 0 ||
		compared(s, &one.list[0], in, &way, e) < 0
	    ? -1
	    : people_accept(s, &one.list[0], way, e);
}

int
core_person_unverify(
    struct core *c, const json_t *in, json_t *out, struct err *e)
{
	struct person p;
	struct self *s;

	(void)out;
	return take_person(c, in, &s, &p, e) < 0
	    ? -1
	    : people_unverify(s, &p.uid, e);
}

/* ---- alerts ---- */

int
core_put_alerts(struct self *s, json_t *out, struct err *e)
{
	OWN(mem_free) struct alert *list = NULL;
	json_t *all = json_array();
	size_t n;

	(void)json_object_set_new(out, "people", all);
	if (self_state(s, e) < 0 || alerts_all(s, &list, &n, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (list[i].dismissed_ms != 0)
			continue;
		json_t *v = json_object();
		jsonio_put_id(v, "id", &list[i].id);
		jsonio_put_id(v, "about", &list[i].about);
		jsonio_put_text(v, "code", list[i].code);
		jsonio_put_text(v, "message", list[i].words);
		jsonio_put_u64(v, "first_ms", list[i].first_ms);
		jsonio_put_u64(v, "last_ms", list[i].last_ms);
		(void)json_array_append_new(all, v);
	}
	return 0;
}

int
core_alert_dismiss(struct core *c, const json_t *in, json_t *out, struct err *e)
{
	const char *id = "";
	struct self *s;

	(void)out;
	return jsonio_text(in, "id", &id, e) < 0 || core_self(c, &s, e) < 0 ||
		self_state(s, e) < 0 || alerts_dismiss(s, id, e) < 0
	    ? -1
	    : 0;
}
