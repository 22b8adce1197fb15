/* SPDX-License-Identifier: ISC */
/* protect.c: the page's screens of protection and recovery. */
#include "web/core.h"

#include "base/now.h"
#include "base/text.h"
#include "client/protection.h"
#include "client/recovery.h"
#include "client/self_circle.h"
#include "client/self_settle.h"
#include "client/self_zones.h"
#include "wire/category.h"

#include <stdlib.h>
#include <string.h>

/* ---- what there is ---- */

static json_t *
categories(void)
{
	json_t *list = json_array();

	for (unsigned c = CATEGORY_STATE; c < CATEGORY_END; c++) {
		json_t *v = json_object();
		jsonio_put_text(v, "name", category_name((enum category)c));
		jsonio_put_true(
		    v, "escrowed", category_escrowed((enum category)c));
		(void)json_array_append_new(list, v);
	}
	return list;
}

/* A device goes by the circle, not by what the server says. */
static int
put_own(struct self *s, json_t *out, struct err *e)
{
	struct protection_ready ready;
	const struct circle *c = &s->circle;
	bool standard = c->protection == PROTECTION_STANDARD;

	if (self_settle(s, e) < 0 || self_state(s, e) < 0 ||
	    protection_ready(s, &ready, e) < 0)
		return -1;
	jsonio_put_text(out, "level", standard ? "standard" : "advanced");
	jsonio_put_true(out, "web_access", c->web_access != 0);
	jsonio_put_true(out, "keys_due", c->epoch_due);
	jsonio_put_true(out, "two_factor", ready.two_factor);
	jsonio_put_true(out, "way", ready.way);
	jsonio_put_true(out, "tried", ready.tried);
	if (standard)
		core_put_fingerprint(
		    out, bytes_of(c->escrow.sign_pk, SIG_PK_BYTES));
	return 0;
}

int
core_protection(struct core *c, const json_t *in, json_t *out, struct err *e)
{
	OWN(jsonio_free) json_t *answer = NULL;
	OWN(buf_free) struct buf key = { 0 };
	struct remote *r;
	struct err none;

	(void)in;
	if (core_remote(c, &r, e) < 0 ||
	    control_call(r, "GET", "/v1/protection", NULL, &answer, e) < 0)
		return -1;
	core_put_all(out, answer);
	if (jsonio_bytes(answer, "escrow", SIG_PK_BYTES, &key, &none) == 0)
		core_put_fingerprint(out, buf_bytes(&key));
	(void)json_object_set_new(out, "categories", categories());
	return c->self != NULL ? put_own(c->self, out, e) : 0;
}

/* ---- choosing ---- */

static int
set_standard(struct core *c, struct self *s, const json_t *in, struct err *e)
{
	OWN(buf_free) struct buf seen = { 0 };
	const char *text = "";
	struct digest d;

	if (c->step.keys.export_key == NULL)
		return err_set(
		    e, ERR_STEP_UP_REQUIRED, "the password was not given yet");
	if (jsonio_text(in, "fingerprint", &text, e) < 0)
		return -1;
	if (text_unbase64(&seen, bytes_str(text)) < 0 || seen.n != DIGEST_BYTES)
		return err_set(e, ERR_BAD_REQUEST, "that is no fingerprint");
	memcpy(d.b, seen.p, DIGEST_BYTES);
	return protection_standard(s, &c->step, &d, e);
}

int
core_level(struct core *c, const json_t *in, json_t *out, struct err *e)
{
	const char *level = "";
	struct self *s;

	(void)out;
	if (jsonio_text(in, "level", &level, e) < 0 ||
	    core_self(c, &s, e) < 0 || self_state(s, e) < 0)
		return -1;
	return strcmp(level, "standard") == 0 ? set_standard(c, s, in, e)
					      : protection_advanced(s, e);
}

int
core_web_access(struct core *c, const json_t *in, json_t *out, struct err *e)
{
	struct self *s;

	(void)out;
	return core_self(c, &s, e) < 0 ||
		protection_web_access(s, jsonio_true(in, "on"), e) < 0
	    ? -1
	    : 0;
}

/* ---- ways to recover ---- */

static uint64_t
change_ms(const struct self *s)
{
	const struct circle *c = &s->circle;

	return c->pending && (uint64_t)now_ms() < c->pending_ms ? c->pending_ms
								: 0;
}

/* What the banner tells: recoveries that are open, a change that waits, what was
 * wrong with contacts. */
int
core_alerts(struct core *c, const json_t *in, json_t *out, struct err *e)
{
	OWN(jsonio_free) json_t *answer = NULL;
	struct remote *r;

	(void)in;
	if (core_remote(c, &r, e) < 0 ||
	    control_call(r, "GET", "/v1/recovery", NULL, &answer, e) < 0 ||
	    (c->self != NULL &&
		(self_refresh(c->self, e) < 0 ||
		    core_put_alerts(c->self, out, e) < 0)))
		return -1;
	core_put_all(out, answer);
	jsonio_put_u64(
	    out, "change_ms", c->self != NULL ? change_ms(c->self) : 0);
	return 0;
}

static json_t *
way_json(const struct recovery_info *i)
{
	json_t *v = json_object();

	jsonio_put_id(v, "keyref", &i->keyref);
	jsonio_put_u64(v, "kind", i->kind);
	jsonio_put_text(v, "label", i->label);
	jsonio_put_u64(v, "created_ms", i->created_ms);
	jsonio_put_u64(v, "tried_ms", i->tried_ms);
	jsonio_put_true(v, "waits", i->waits);
	jsonio_put_true(v, "leaves", i->leaves);
	jsonio_put_true(v, "sealed", i->sealed);
	return v;
}

int
core_recovery(struct core *c, const json_t *in, json_t *out, struct err *e)
{
	OWN(mem_free) struct recovery_info *list = NULL;
	json_t *ways = json_array();
	struct self *s;
	size_t n;

	(void)json_object_set_new(out, "ways", ways);
	if (core_self(c, &s, e) < 0 || core_alerts(c, in, out, e) < 0 ||
	    self_state(s, e) < 0 || recovery_all(s, &list, &n, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		(void)json_array_append_new(ways, way_json(&list[i]));
	return 0;
}

int
core_recovery_draw(struct core *c, const json_t *in, json_t *out, struct err *e)
{
	OWN(buf_free) struct buf text = { 0 };
	struct self *s;

	(void)in;
	if (core_self(c, &s, e) < 0)
		return -1;
	recovery_new_free(&c->drawn);
	recovery_draw(s, RECOVERY_KEY, "", &c->drawn);
	reccode_make(c->drawn.code, RECCODE_KEY, &text);
	jsonio_put_text(out, "code", buf_text(&text));
	return 0;
}

static int
parse_code(const json_t *in, struct secret **out, struct err *e)
{
	const char *text = "";

	return jsonio_text(in, "code", &text, e) < 0
	    ? -1
	    : reccode_parse(bytes_str(text), RECCODE_KEY, out, e);
}

/* The one that was drawn counts when it was typed again. */
int
core_recovery_typed(
    struct core *c, const json_t *in, json_t *out, struct err *e)
{
	OWN(secret_free) struct secret *typed = NULL;
	struct id instead;
	bool replaces = json_object_get(in, "instead") != NULL;
	struct self *s;
	uint64_t waits;

	if (core_self(c, &s, e) < 0 || parse_code(in, &typed, e) < 0 ||
	    (replaces && jsonio_id(in, "instead", &instead, e) < 0))
		return -1;
	if (c->drawn.code == NULL || !secret_equal(typed, c->drawn.code)) {
		(void)err_set(
		    e, ERR_RECOVERY_CODE, "that is another recovery key");
		return err_remedy(e, "Type the one that was just shown.");
	}
	if (control_call(s->remote, "POST", "/v1/recovery", c->drawn.stage,
		NULL, e) < 0 ||
	    self_state(s, e) < 0 ||
	    recovery_add(s, &c->drawn, replaces ? &instead : NULL, &waits, e) <
		0)
		return -1;
	recovery_new_free(&c->drawn);
	jsonio_put_u64(out, "change_ms", waits);
	return 0;
}

int
core_recovery_remove(
    struct core *c, const json_t *in, json_t *out, struct err *e)
{
	struct self *s;
	struct id keyref;
	uint64_t waits;

	if (jsonio_id(in, "keyref", &keyref, e) < 0 ||
	    core_self(c, &s, e) < 0 ||
	    recovery_remove(s, &keyref, &waits, e) < 0)
		return -1;
	jsonio_put_u64(out, "change_ms", waits);
	return 0;
}

int
core_recovery_try(struct core *c, const json_t *in, json_t *out, struct err *e)
{
	OWN(secret_free) struct secret *code = NULL;
	struct self *s;

	(void)out;
	return core_self(c, &s, e) < 0 || parse_code(in, &code, e) < 0 ||
		self_refresh(s, e) < 0 || self_state(s, e) < 0 ||
		recovery_try(s, code, bytes_str(""), e) < 0
	    ? -1
	    : 0;
}

int
core_veto(struct core *c, const json_t *in, json_t *out, struct err *e)
{
	struct self *s;

	(void)in;
	(void)out;
	return core_self(c, &s, e) < 0 || self_refresh(s, e) < 0 ||
		self_veto(s, e) < 0
	    ? -1
	    : 0;
}
