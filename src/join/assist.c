/* SPDX-License-Identifier: ISC */
/* assist.c: a recovery contact's halves, and giving one. */
#include "join/assist.h"

#include "base/now.h"
#include "client/self_note.h"
#include "join/pair_in.h"
#include "vault/recseed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DONE_S 60 /* the new device answers by itself */

void
assist_channel(const char *host, const struct id *recovery, struct buf *ci)
{
	buf_put_str(ci, ASSIST_LABEL);
	buf_put_v8(ci, bytes_str(host));
	id_put(ci, recovery);
}

/* ---- halves in the state zone ---- */

static struct id
about(const char *owner)
{
	return digest_id(bytes_str(owner));
}

/* *code: borrowed from what p reads. */
static bool
parse(struct scan p, struct assist_owner *out, struct bytes *code)
{
	uint64_t since = scan_u64(&p);
	struct bytes name = scan_v8(&p);

	*code = scan_take(&p, RECCODE_SYMBOLS);
	if (!scan_done(&p) || name.n > LIMIT_NAME_BYTES)
		return false;
	out->since_ms = since;
	memcpy(out->name, name.p, name.n);
	out->name[name.n] = '\0';
	return true;
}

struct owners {
	struct assist_owner *list;
	size_t n;
};

static int
visit(void *ctx, const struct zcopy_record *r, struct err *e)
{
	struct owners *o = ctx;
	struct assist_owner one;
	struct bytes code;

	(void)e;
	if (!parse(self_note_body(r->plain, SELF_NOTE_HELPING), &one, &code))
		return 0;
	o->list = mem_resize(o->list, o->n + 1, sizeof *o->list);
	o->list[o->n++] = one;
	return 0;
}

static int
by_name(const void *a, const void *b)
{
	const struct assist_owner *x = a, *y = b;

	return strcmp(x->name, y->name);
}

int
assist_owners(
    struct self *s, struct assist_owner **out, size_t *n, struct err *e)
{
	struct owners o = { NULL, 0 };

	if (zcopy_each(s->state, 0, visit, &o, e) < 0) {
		free(o.list);
		return -1;
	}
	if (o.n > 0)
		qsort(o.list, o.n, sizeof *o.list, by_name);
	*out = o.list;
	*n = o.n;
	return 0;
}

int
assist_keep(
    struct self *s, const char *owner, const struct secret *code, struct err *e)
{
	OWN(secret_free)
	struct secret *body =
	    secret_new(8 + 1 + strlen(owner) + RECCODE_SYMBOLS);
	OWN(buf_free) struct buf head = { 0 };
	struct id id = about(owner);

	buf_put_u64(&head, (uint64_t)now_ms());
	buf_put_v8(&head, bytes_str(owner));
	memcpy(secret_room(body), head.p, head.n);
	memcpy(
	    secret_room(body) + head.n, secret_bytes(code).p, RECCODE_SYMBOLS);
	return self_note_put(s, SELF_NOTE_HELPING, &id, secret_bytes(body), e);
}

static int
nothing_of(const char *owner, struct err *e)
{
	(void)err_set(
	    e, ERR_NOT_FOUND, "no code of %s is kept in this account", owner);
	return err_remedy(e,
	    "See whom you help: aumbry recovery contact list   Keep a code "
	    "that you were given: aumbry recovery contact accept OWNER");
}

int
assist_half(
    struct self *s, const char *owner, struct secret **out, struct err *e)
{
	OWN(buf_free) struct buf plain = { 0 };
	struct id id = about(owner);
	struct assist_owner o;
	struct bytes code;
	struct scan body;

	if (self_note_get(s, SELF_NOTE_HELPING, &id, &plain, &body, e) < 0)
		return e->code == ERR_NOT_FOUND ? nothing_of(owner, e) : -1;
	bool good = parse(body, &o, &code);
	if (good)
		*out = secret_of(code);
	mem_wipe(plain.p, plain.n);
	return good ? 0
		    : err_set(e, ERR_RECORD_CORRUPT,
			  "what is kept of %s is not well-formed", owner);
}

int
assist_forget(struct self *s, const char *owner, struct err *e)
{
	OWN(buf_free) struct buf plain = { 0 };
	struct id who = about(owner);
	struct zcopy_edit edit = { .id = self_note_id(SELF_NOTE_HELPING, &who),
		.deleted = true };

	if (zcopy_get(s->state, &edit.id, &plain, e) < 0)
		return e->code == ERR_NOT_FOUND ? nothing_of(owner, e) : -1;
	mem_wipe(plain.p, plain.n);
	return zcopy_commit(s->state, &edit, 1, NULL, NULL, e);
}

/* ---- finding who asks ---- */

static json_t *
ask_with(const struct secret *code)
{
	json_t *ask = json_object();
	struct digest assist;

	recseed_assist(code, &assist);
	jsonio_put_bytes(ask, "assist", bytes_of(assist.b, DIGEST_BYTES));
	return ask;
}

static int
parse_open(const json_t *v, struct assist_open *o, struct err *e)
{
	OWN(buf_free) struct buf record = { 0 };
	const char *os = "", *address = "";

	if (jsonio_id(v, "id", &o->id, e) < 0 ||
	    jsonio_u64(v, "created_ms", &o->created_ms, e) < 0 ||
	    jsonio_bytes(v, "device", 0, &record, e) < 0 ||
	    jsonio_text(v, "os", &os, e) < 0 ||
	    jsonio_text(v, "address", &address, e) < 0)
		return -1;
	(void)snprintf(o->os, sizeof o->os, "%s", os);
	(void)snprintf(o->address, sizeof o->address, "%s", address);
	const char *place = json_string_value(json_object_get(v, "place"));
	if (place != NULL && strlen(place) < sizeof o->place)
		memcpy(o->place, place, strlen(place) + 1);
	struct scan s = scan_of(buf_bytes(&record));
	if (device_take(&s, &o->device, e) < 0 || !scan_done(&s))
		return relay_malformed(e);
	return 0;
}

int
assist_find(struct self *s, const struct secret *code, const char *start,
    struct assist_open **out, size_t *n, struct err *e)
{
	OWN(jsonio_free) json_t *ask = ask_with(code);
	OWN(jsonio_free) json_t *answer = NULL;
	OWN(mem_free) struct assist_open *list = NULL;

	if (strlen(start) >= ASSIST_NAMED)
		jsonio_put_text(ask, "request", start);
	if (control_call(s->remote, "POST", "/v1/assist", ask, &answer, e) < 0)
		return -1;
	const json_t *rows = json_object_get(answer, "recoveries");
	list = mem_array(json_array_size(rows), sizeof *list);
	for (size_t i = 0; i < json_array_size(rows); i++)
		if (parse_open(json_array_get(rows, i), &list[i], e) < 0)
			return -1;
	*n = json_array_size(rows);
	*out = TAKE(list);
	return 0;
}

int
assist_drill(struct self *s, const struct secret *code, struct err *e)
{
	OWN(jsonio_free) json_t *ask = ask_with(code);

	jsonio_put_true(ask, "drill", true);
	return control_call(s->remote, "POST", "/v1/assist", ask, NULL, e);
}

/* ---- helping ---- */

/* Show codes until one is right. */
static int
show_codes(struct self *s, const struct assist_help *h, struct relay *c,
    struct relay_keys *k, bool *right, struct err *e)
{
	OWN(buf_free) struct buf ci = { 0 };
	OWN(buf_free) struct buf ours = { 0 };
	OWN(buf_free) struct buf theirs = { 0 };

	assist_channel(s->host, &h->to->id, &ci);
	device_put(&ours, &circle_member(&s->circle, &s->dev_id)->device);
	device_put(&theirs, &h->to->device);
	struct pair_code t = { .c = c,
		.ci = buf_bytes(&ci),
		.request = &h->to->id,
		.nonce = &h->to->device.dev_id,
		.ours = buf_bytes(&ours),
		.theirs = buf_bytes(&theirs),
		.show = h->show,
		.ctx = h->ctx };
	return pair_codes(s, &t, k, right, e);
}

static int
give(struct relay *c, const struct relay_keys *k, const struct secret *code,
    struct err *e)
{
	OWN(buf_free) struct buf m = { 0 };
	struct digest mac;

	relay_confirm(k->confirm_a, k, &mac);
	digest_put(&m, &mac);
	relay_box(k, k->a_to_b, RELAY_OFFER, secret_bytes(code), &m);
	return relay_send(c, RELAY_OFFER, buf_bytes(&m), e);
}

/* The new device shows to the server what it got. */
static bool
has_begun(struct relay *c)
{
	struct err ignored;

	c->deadline_ms = now_ms() + DONE_S * 1000LL;
	return relay_change(c, &ignored) == 0 && c->state == RELAY_DONE;
}

static int
help(struct self *s, const struct assist_help *h, struct relay *c, bool *begun,
    struct err *e)
{
	OWN(relay_keys_free) struct relay_keys k = { .label = ASSIST_LABEL };
	bool right;

	if (show_codes(s, h, c, &k, &right, e) < 0)
		return -1;
	if (!right)
		return err_set(e, ERR_WRONG_CODE,
		    "the code was typed wrong %d times; this try is over",
		    PAIR_CODES);
	if (give(c, &k, h->code, e) < 0)
		return -1;
	*begun = has_begun(c);
	return 0;
}

int
assist_help(
    struct self *s, const struct assist_help *h, bool *begun, struct err *e)
{
	OWN(relay_free)
	struct relay c = { .remote = s->remote,
		.path = ASSIST_PATH,
		.join = h->to->id,
		.side = RELAY_SIDE_TRUSTED,
		.state = RELAY_ALLOWED,
		.deadline_ms = now_ms() + h->timeout_s * 1000LL };
	OWN(buf_free) struct buf path = { 0 };
	OWN(jsonio_free) json_t *ask = ask_with(h->code);
	struct err ignored;

	*begun = false;
	buf_printf(&path, "/v1/assist/%s", id_text(&h->to->id).s);
	if (pair_count_fail(s, false, e) < 0 ||
	    control_call(s->remote, "POST", buf_text(&path), ask, NULL, e) < 0)
		return -1;
	if (help(s, h, &c, begun, e) == 0)
		return 0;
	/* Another try, or another contact, may follow. */
	(void)!control_call(
	    s->remote, "DELETE", buf_text(&path), NULL, NULL, &ignored);
	return -1;
}
