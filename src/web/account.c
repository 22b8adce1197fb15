/* SPDX-License-Identifier: ISC */
/* account.c: what the page does once somebody is in. */
#include "web/core.h"

#include "client/password.h"
#include "client/seckey.h"
#include "client/self_devices.h"
#include "client/self_password.h"
#include "client/self_remove.h"
#include "client/self_zones.h"
#include "client/session.h"
#include "join/lend.h"
#include "web/browser.h"

#include <stdlib.h>
#include <string.h>

/* ---- the server's own routes ---- */

int
core_call_server(struct core *c, const json_t *in, json_t *out, struct err *e)
{
	OWN(jsonio_free) json_t *answer = NULL;
	const char *method = "", *path = "";
	struct remote *r;

	if (jsonio_text(in, "method", &method, e) < 0 ||
	    jsonio_text(in, "path", &path, e) < 0 ||
	    core_remote(c, &r, e) < 0 ||
	    control_call(
		r, method, path, json_object_get(in, "body"), &answer, e) < 0)
		return -1;
	core_put_all(out, answer);
	return 0;
}

/* The password's half; factors/prove does the other, if there is one. */
int
core_step_up(struct core *c, const json_t *in, json_t *out, struct err *e)
{
	OWN(jsonio_free) json_t *ask = json_object();
	OWN(jsonio_free) json_t *answer = NULL;
	const char *password = "";
	struct remote *r;

	login_free(&c->step);
	c->step = (struct login){ .known = NULL };
	if (jsonio_text(in, "password", &password, e) < 0 ||
	    core_remote(c, &r, e) < 0 ||
	    login_start(r, NULL, bytes_str(password), &c->step, e) < 0)
		return -1;
	jsonio_put_id(ask, "login", &c->step.id);
	jsonio_put_bytes(ask, "ke3", bytes_of(c->step.ke3, sizeof c->step.ke3));
	if (control_call(r, "POST", "/v1/step-up/finish", ask, &answer, e) < 0)
		return -1;
	struct prove p = { .keys_only =
			       c->self != NULL && c->self->circle.keys_only };
	if (prove_stripped(answer, &p, e) < 0)
		return -1;
	core_put_all(out, answer);
	return 0;
}

/* Before anything is asked for it. */
int
core_password_ok(struct core *c, const json_t *in, json_t *out, struct err *e)
{
	const char *password = "";

	(void)c;
	(void)out;
	return jsonio_text(in, "password", &password, e) < 0
	    ? -1
	    : password_check(bytes_str(password), e);
}

int
core_new_password(struct core *c, const json_t *in, json_t *out, struct err *e)
{
	const char *password = "";
	struct self *s;

	(void)out;
	if (c->step.keys.session_key == NULL)
		return err_set(e, ERR_STEP_UP_REQUIRED,
		    "the old password was not given yet");
	return jsonio_text(in, "password", &password, e) < 0 ||
		core_self(c, &s, e) < 0 ||
		self_new_password(s, &c->step, bytes_str(password), e) < 0
	    ? -1
	    : 0;
}

/* ---- security keys ---- */

/* This device, or NULL for a visitor. */
static int
self_if_any(struct core *c, struct self **out, struct remote **r, struct err *e)
{
	*out = NULL;
	if (core_remote(c, r, e) < 0)
		return -1;
	*out = c->self;
	return 0;
}

int
core_key_add(struct core *c, const json_t *in, json_t *out, struct err *e)
{
	OWN(buf_free) struct buf client = { 0 };
	OWN(buf_free) struct buf attestation = { 0 };
	OWN(buf_free) struct buf raw = { 0 };
	OWN(secret_free) struct secret *prf = NULL;
	struct seckey_new n = { .self = NULL };
	struct seckey_made made;
	struct seckey_added added;

	if (self_if_any(c, &n.self, &n.remote, e) < 0 ||
	    jsonio_text(in, "name", &n.name, e) < 0 ||
	    jsonio_bytes(in, "client_data", 0, &client, e) < 0 ||
	    jsonio_bytes(in, "attestation_object", 0, &attestation, e) < 0)
		return -1;
	if (json_object_get(in, "prf") != NULL) {
		if (jsonio_bytes(in, "prf", SECRET_KEY, &raw, e) < 0)
			return -1;
		prf = secret_of(buf_bytes(&raw));
	}
	made = (struct seckey_made){ buf_bytes(&client),
		buf_bytes(&attestation), prf };
	if (seckey_enter(&n, &made, &added, e) < 0)
		return -1;
	jsonio_put_u64(out, "keys", added.keys);
	jsonio_put_true(out, "on", added.on);
	jsonio_put_true(out, "member", added.member);
	if (!added.member)
		jsonio_put_text(out, "why", added.why.msg);
	if (n.self == NULL || seckey_settle(n.remote, n.self, e) == 0)
		return 0;
	/* The next one that is added says it. */
	return e->code == ERR_DEVICE_TOO_YOUNG ? 0 : -1;
}

/* id: one; without it all. */
int
core_key_remove(struct core *c, const json_t *in, json_t *out, struct err *e)
{
	struct remote *r;
	struct self *s;
	bool on;

	(void)out;
	return self_if_any(c, &s, &r, e) < 0 ||
		seckey_drop(r, s, json_string_value(json_object_get(in, "id")),
		    &on, e) < 0
	    ? -1
	    : 0;
}

/* ---- devices ---- */

int
core_devices(struct core *c, const json_t *in, json_t *out, struct err *e)
{
	OWN(mem_free) struct self_device *d = NULL;
	json_t *list = json_array();
	struct self *s;
	size_t n;

	(void)in;
	(void)json_object_set_new(out, "devices", list);
	if (core_self(c, &s, e) < 0 || self_refresh(s, e) < 0 ||
	    self_state(s, e) < 0 || self_devices(s, &d, &n, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (!d[i].active)
			continue;
		json_t *v = json_object();
		jsonio_put_id(v, "dev_id", &d[i].dev_id);
		jsonio_put_text(v, "name", d[i].name);
		jsonio_put_u64(v, "class", d[i].class);
		jsonio_put_u64(v, "added_ms", d[i].added_ms);
		jsonio_put_true(v, "this", d[i].self);
		(void)json_array_append_new(list, v);
	}
	return 0;
}

int
core_rename(struct core *c, const json_t *in, json_t *out, struct err *e)
{
	const char *name = "";
	struct self *s;
	struct id none;

	(void)out;
	id_random(&none);
	return jsonio_text(in, "name", &name, e) < 0 ||
		core_self(c, &s, e) < 0 || self_state(s, e) < 0 ||
		self_put_name(s, &s->dev_id, &none, name, e) < 0
	    ? -1
	    : 0;
}

int
core_remove(struct core *c, const json_t *in, json_t *out, struct err *e)
{
	struct self *s;
	struct id id;

	(void)out;
	return jsonio_id(in, "dev_id", &id, e) < 0 || core_self(c, &s, e) < 0 ||
		self_state(s, e) < 0 || self_remove(s, &id, 1, e) < 0
	    ? -1
	    : 0;
}

/* ---- requests of others ---- */

static void
put_place(json_t *v, const char *address, const char *place)
{
	jsonio_put_text(v, "address", address);
	if (place[0] != '\0')
		jsonio_put_text(v, "place", place);
}

/* Sign-ins by a code that ask for keys to read with. */
static int
put_visits(struct self *s, json_t *out, struct err *e)
{
	OWN(mem_free) struct lend_open *all = NULL;
	json_t *list = json_array();
	size_t n = 0;

	(void)json_object_set_new(out, "visits", list);
	if (lend_list(s, &all, &n, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		json_t *v = json_object();
		jsonio_put_id(v, "visit", &all[i].id);
		jsonio_put_u64(v, "created_ms", all[i].created_ms);
		jsonio_put_text(v, "way", all[i].way);
		put_place(v, all[i].address, all[i].place);
		(void)json_array_append_new(list, v);
	}
	return 0;
}

int
core_requests(struct core *c, const json_t *in, json_t *out, struct err *e)
{
	OWN(pair_requests_free) struct pair_requests all = { NULL, 0 };
	json_t *list = json_array();
	struct self *s;

	(void)in;
	(void)json_object_set_new(out, "requests", list);
	if (core_self(c, &s, e) < 0 || pair_requests(s, 0, 0, &all, e) < 0)
		return -1;
	for (size_t i = 0; i < all.n; i++) {
		const struct pair_request *r = &all.list[i];
		json_t *v = json_object();
		jsonio_put_id(v, "join", &r->join);
		jsonio_put_u64(v, "created_ms", r->created_ms);
		jsonio_put_u64(v, "expires_ms", r->expires_ms);
		jsonio_put_u64(v, "class", r->device.class);
		jsonio_put_text(v, "os", r->os);
		put_place(v, r->address, r->place);
		(void)json_array_append_new(list, v);
	}
	return put_visits(s, out, e);
}

void
core_show(void *ctx, const char *code)
{
	OWN(jsonio_free) json_t *say = json_object();
	OWN(buf_free) struct buf text = { 0 };

	(void)ctx;
	jsonio_put_text(say, "code", code);
	jsonio_put(&text, say);
	browser_tell((const char *)text.p, text.n);
}

/* Blocks until the other device is in, or the request has ended. */
int
core_approve(struct core *c, const json_t *in, json_t *out, struct err *e)
{
	OWN(pair_requests_free) struct pair_requests all = { NULL, 0 };
	struct self *s;
	struct id join;

	(void)out;
	if (jsonio_id(in, "join", &join, e) < 0 || core_self(c, &s, e) < 0 ||
	    pair_requests(s, 0, 0, &all, e) < 0)
		return -1;
	for (size_t i = 0; i < all.n; i++)
		if (id_equal(&all.list[i].join, &join))
			return pair_approve(
			    s, &all.list[i], PAIR_CODE_S, core_show, NULL, e);
	return err_set(e, ERR_CODE_EXPIRED, "the request is over");
}

int
core_refuse(struct core *c, const json_t *in, json_t *out, struct err *e)
{
	struct self *s;
	struct id join;

	(void)out;
	return jsonio_id(in, "join", &join, e) < 0 || core_self(c, &s, e) < 0 ||
		pair_refuse(s, &join, e) < 0
	    ? -1
	    : 0;
}

/* The same two for a visit. */
int
core_visit_approve(struct core *c, const json_t *in, json_t *out, struct err *e)
{
	OWN(mem_free) struct lend_open *all = NULL;
	struct self *s;
	struct id visit;
	size_t n = 0;

	(void)out;
	if (jsonio_id(in, "visit", &visit, e) < 0 || core_self(c, &s, e) < 0 ||
	    lend_list(s, &all, &n, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (id_equal(&all[i].id, &visit))
			return lend_allow(
			    s, &all[i], PAIR_CODE_S, core_show, NULL, e);
	return err_set(e, ERR_CODE_EXPIRED, "the request is over");
}

int
core_visit_refuse(struct core *c, const json_t *in, json_t *out, struct err *e)
{
	struct self *s;
	struct id visit;

	(void)out;
	return jsonio_id(in, "visit", &visit, e) < 0 ||
		core_self(c, &s, e) < 0 || lend_refuse(s, &visit, e) < 0
	    ? -1
	    : 0;
}

/* ---- leaving ---- */

static int
leave_circle(struct self *s, bool sure, struct err *e)
{
	if (circle_active_count(&s->circle) > 1)
		return self_leave(s, e);
	if (sure) {
		session_end(s->remote);
		return 0;
	}
	(void)err_set(e, ERR_INPUT_MISSING,
	    "this is the account's only device: without its keys nobody can "
	    "read the data any more");
	return err_remedy(e, "Let another device in first.");
}

/* sure: also as the account's last device. */
int
core_leave(struct core *c, const json_t *in, json_t *out, struct err *e)
{
	struct self *s;

	if (!home_has_key(CORE_HOME)) {
		struct remote *r;
		struct err gone;
		if (core_remote(c, &r, &gone) == 0)
			session_end(r);
		return core_forget(c, in, out, e);
	}
	if (core_self(c, &s, e) < 0 || self_refresh(s, e) < 0 ||
	    leave_circle(s, jsonio_true(in, "sure"), e) < 0)
		return -1;
	return core_forget(c, in, out, e);
}
