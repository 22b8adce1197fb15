/* SPDX-License-Identifier: ISC */
/* compare.c: the page's half of a comparison by a typed code. */
#include "web/core.h"

#include <stdlib.h>

/* ---- who asks, and who of them is known ---- */

int
core_compare_requests(
    struct core *c, const json_t *in, json_t *out, struct err *e)
{
	OWN(compare_requests_free) struct compare_requests all = { NULL, 0 };
	OWN(people_free) struct people known = { NULL, 0 };
	json_t *list = json_array();
	struct self *s;

	(void)in;
	(void)json_object_set_new(out, "requests", list);
	if (core_self(c, &s, e) < 0 || compare_requests(s, 0, &all, e) < 0 ||
	    people_all(s, &known, e) < 0)
		return -1;
	/* Only a contact may ask for a code to be shown. */
	for (size_t i = 0; i < all.n; i++)
		for (size_t k = 0; k < known.n; k++) {
			const struct person *p = &known.list[k];
			if (!id_equal(&all.list[i].uid, &p->uid))
				continue;
			json_t *v = json_object();
			jsonio_put_id(v, "id", &all.list[i].id);
			jsonio_put_id(v, "uid", &p->uid);
			jsonio_put_text(v, "address", p->address);
			jsonio_put_text(v, "nickname", p->nickname);
			(void)json_array_append_new(list, v);
		}
	return 0;
}

static int
settle(struct self *s, const struct people_look *l, bool same, json_t *out,
    struct err *e)
{
	struct err unnoted;

	/* The page says itself what then is to be done. */
	if (!same)
		jsonio_put_text(out, "between", l->person.address);
	if (compare_settle(s, l, same, &unnoted, e) < 0) {
		if (same || e->code != ERR_CONTACT_CHANGED)
			return -1;
		jsonio_put_text(out, "message", e->msg);
		jsonio_put_text(out, "remedy", err_fix(e));
		err_clear(e);
	}
	return 0;
}

/* Blocks until the other one has typed a code, or the request has ended. */
int
core_compare_show(struct core *c, const json_t *in, json_t *out, struct err *e)
{
	OWN(compare_requests_free) struct compare_requests all = { NULL, 0 };
	OWN(people_looks_free) struct people_looks one = { NULL, 0 };
	bool same = false;
	struct self *s;
	struct id id;

	if (jsonio_id(in, "id", &id, e) < 0 ||
	    core_look_at(c, in, &s, &one, e) < 0 ||
	    people_right(&one.list[0], e) < 0 ||
	    compare_requests(s, 0, &all, e) < 0)
		return -1;
	const struct compare how = { .with = &one.list[0],
		.timeout_s = PAIR_CODE_S,
		.show = core_show };
	for (size_t i = 0; i < all.n; i++) {
		const struct compare_request *r = &all.list[i];
		if (!id_equal(&r->id, &id) ||
		    !id_equal(&r->uid, &one.list[0].person.uid))
			continue;
		return compare_show(s, &how, r, &same, e) < 0
		    ? -1
		    : settle(s, &one.list[0], same, out, e);
	}
	return err_set(e, ERR_CODE_EXPIRED, "nobody asks any more");
}

/* ---- asking ---- */

static void
forget(struct core *c)
{
	compare_entry_free(&c->comparing);
	people_looks_free(&c->with);
}

void
core_end_compare(struct core *c)
{
	if (c->comparing != NULL)
		compare_entry_cancel(c->comparing);
	forget(c);
}

int
core_compare_cancel(
    struct core *c, const json_t *in, json_t *out, struct err *e)
{
	(void)in;
	(void)out;
	(void)e;
	core_end_compare(c);
	return 0;
}

int
core_compare_ask(struct core *c, const json_t *in, json_t *out, struct err *e)
{
	struct self *s;

	core_end_compare(c);
	if (core_look_at(c, in, &s, &c->with, e) < 0 ||
	    people_right(&c->with.list[0], e) < 0 ||
	    compare_entry_new(s, &c->with.list[0], &c->comparing, e) < 0)
		return -1;
	jsonio_put_id(out, "id", compare_entry_request(c->comparing));
	return 0;
}

static int
none_asked(struct err *e)
{
	return err_set(e, ERR_CODE_EXPIRED, "nobody is asked any more");
}

int
core_compare_look(struct core *c, const json_t *in, json_t *out, struct err *e)
{
	bool shown;

	(void)in;
	if (c->comparing == NULL)
		return none_asked(e);
	if (compare_entry_look(c->comparing, &shown, e) < 0)
		return -1;
	jsonio_put_true(out, "shown", shown);
	return 0;
}

int
core_compare_code(struct core *c, const json_t *in, json_t *out, struct err *e)
{
	const char *code = "";
	bool same = false;
	struct self *s;

	if (c->comparing == NULL)
		return none_asked(e);
	if (jsonio_text(in, "code", &code, e) < 0 || core_self(c, &s, e) < 0 ||
	    compare_entry_try(c->comparing, bytes_str(code), &same, e) < 0)
		return -1;
	int rc = settle(s, &c->with.list[0], same, out, e);
	forget(c);
	return rc;
}
