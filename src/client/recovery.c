/* SPDX-License-Identifier: ISC */
/* recovery.c: making, changing and trying recovery keys. */
#include "client/recovery.h"

#include "base/file.h"
#include "base/now.h"
#include "base/typed.h"
#include "client/self_circle.h"
#include "client/self_note.h"
#include "client/self_freshpin.h"
#include "link/act.h"
#include "client/circlepin.h"
#include "vault/recseed.h"

#include <stdlib.h>
#include <string.h>

#define FILE_MAX 4096 /* bytes; a code's file has some 200 */

/* ---- notes in the state zone ---- */

/* What is not known stays as it was. */
static void
take_note(struct self *s, struct recovery_info *i)
{
	OWN(buf_free) struct buf plain = { 0 };
	struct err ignored;
	struct scan p;

	if (self_note_get(
		s, SELF_NOTE_RECOVERY, &i->keyref, &plain, &p, &ignored) < 0)
		return;
	struct id about = id_take(&p);
	(void)scan_u8(&p);
	uint64_t created = scan_u64(&p), tried = scan_u64(&p);
	struct bytes label = scan_v8(&p);
	if (!scan_done(&p) || !id_equal(&about, &i->keyref) ||
	    label.n > LIMIT_NAME_BYTES)
		return;
	i->created_ms = created;
	i->tried_ms = tried;
	memcpy(i->label, label.p, label.n);
	i->label[label.n] = '\0';
}

static int
write_note(struct self *s, const struct recovery_info *i, struct err *e)
{
	OWN(buf_free) struct buf body = { 0 };

	id_put(&body, &i->keyref);
	buf_put_u8(&body, i->kind);
	buf_put_u64(&body, i->created_ms);
	buf_put_u64(&body, i->tried_ms);
	buf_put_v8(&body, bytes_str(i->label));
	return self_note_put(
	    s, SELF_NOTE_RECOVERY, &i->keyref, buf_bytes(&body), e);
}

/* ---- listing ---- */

static int
server_list(struct self *s, json_t **out, struct err *e)
{
	return control_call(s->remote, "GET", "/v1/recovery", NULL, out, e);
}

static const json_t *
server_row(const json_t *answer, const struct id *keyref)
{
	const json_t *keys = json_object_get(answer, "keys");

	for (size_t i = 0; i < json_array_size(keys); i++) {
		const json_t *v = json_array_get(keys, i);
		struct err ignored;
		struct id id;
		if (jsonio_id(v, "keyref", &id, &ignored) == 0 &&
		    id_equal(&id, keyref))
			return v;
	}
	return NULL;
}

struct listing {
	const json_t *answer; /* of the server */
	struct recovery_info *list;
	size_t n;
};

/* skip: keys that are listed already; NULL: of the set in force. */
static void
put_all(struct self *s, const struct recovery_set *set,
    const struct recovery_set *skip, struct listing *out)
{
	for (size_t i = 0; i < set->n; i++) {
		struct recovery_info *x = &out->list[out->n];
		struct err ignored;
		struct buf envelope = { 0 };
		*x = (struct recovery_info){ .kind = set->keys[i].kind,
			.waits = skip != NULL };
		recovery_keyref(set->keys[i].sign_pk, &x->keyref);
		if (skip != NULL && recovery_find(skip, &x->keyref) != NULL)
			continue;
		const json_t *row = server_row(out->answer, &x->keyref);
		x->sealed = row != NULL &&
		    jsonio_bytes(row, "envelope", 0, &envelope, &ignored) == 0;
		buf_free(&envelope);
		take_note(s, x);
		out->n++;
	}
}

static bool
in_next(const struct circle *c, const struct id *keyref)
{
	return recovery_find(&c->next, keyref) != NULL;
}

int
recovery_all(
    struct self *s, struct recovery_info **out, size_t *n, struct err *e)
{
	OWN(jsonio_free) json_t *answer = NULL;
	const struct circle *c = &s->circle;
	uint64_t now = (uint64_t)now_ms();
	const struct recovery_set *set = circle_recovery_at(c, now);
	bool waits = c->pending && now < c->pending_ms;

	*out = NULL;
	*n = 0;
	if (server_list(s, &answer, e) < 0)
		return -1;
	struct listing all = { .answer = answer,
		.list =
		    mem_array(2 * (size_t)LIMIT_RECOVERY_KEYS, sizeof **out) };
	put_all(s, set, NULL, &all);
	for (size_t i = 0; i < all.n; i++)
		all.list[i].leaves = waits && !in_next(c, &all.list[i].keyref);
	if (waits)
		put_all(s, &c->next, set, &all);
	*out = all.list;
	*n = all.n;
	return 0;
}

/* ---- making ---- */

void
recovery_new_free(struct recovery_new *n)
{
	secret_free(&n->code);
	secret_free(&n->seed);
	jsonio_free(&n->stage);
}

void
recovery_draw(struct self *s, enum recovery_kind kind, const char *label,
    struct recovery_new *out)
{
	OWN(buf_free) struct buf half = { 0 };
	OWN(buf_free) struct buf birth = { 0 };
	struct digest shown, assist;
	struct device public;

	*out = (struct recovery_new){ .code = reccode_new() };
	memcpy(out->label, label, strnlen(label, LIMIT_NAME_BYTES));
	if (kind != RECOVERY_KEY) {
		OWN(secret_free)
		struct secret *drawn = secret_random(RECSEED_HALF);
		buf_put_bytes(&half, secret_bytes(drawn));
	}
	out->seed = recseed_make(out->code, buf_bytes(&half));
	OWN(devkey_free)
	struct devkey *key = recseed_key(out->seed, &out->keyref);
	devkey_publish(key, &public);
	out->key = (struct recovery_key){ .kind = (uint8_t)kind, .weight = 1 };
	memcpy(out->key.sign_pk, public.sign_pk, SIG_PK_BYTES);
	memcpy(out->key.kem_pk, public.kem_pk, KEM_PK_BYTES);
	circlepin_put(out->seed, &s->circle, &birth);
	recseed_shown(out->code, &shown);
	digest_of(bytes_of(shown.b, DIGEST_BYTES), &shown);
	out->stage = json_object();
	jsonio_put_id(out->stage, "keyref", &out->keyref);
	jsonio_put_u64(out->stage, "kind", kind);
	jsonio_put_bytes(
	    out->stage, "verifier", bytes_of(shown.b, DIGEST_BYTES));
	jsonio_put_bytes(out->stage, "birth_pin", buf_bytes(&birth));
	if (kind != RECOVERY_KEY)
		jsonio_put_bytes(out->stage, "half", buf_bytes(&half));
	if (kind == RECOVERY_CONTACT) {
		recseed_assist(out->code, &assist);
		digest_of(bytes_of(assist.b, DIGEST_BYTES), &assist);
		jsonio_put_bytes(
		    out->stage, "assist", bytes_of(assist.b, DIGEST_BYTES));
	}
}

/* The set that will be in force, which a change begins from. */
static struct recovery_set
coming(const struct self *s)
{
	const struct circle *c = &s->circle;

	return c->pending ? c->next : c->recovery;
}

static bool
drop(struct recovery_set *set, const struct id *keyref)
{
	for (size_t i = 0; i < set->n; i++) {
		struct id ref;
		recovery_keyref(set->keys[i].sign_pk, &ref);
		if (!id_equal(&ref, keyref))
			continue;
		set->keys[i] = set->keys[--set->n];
		return true;
	}
	return false;
}

static int
put_in(
    struct self *s, struct recovery_set *set, uint64_t *waits_ms, struct err *e)
{
	set->t = set->n > 0 ? 1 : 0; /* any one of them suffices */
	if (self_recovery_set(s, set, e) < 0)
		return -1;
	*waits_ms = s->circle.pending ? s->circle.pending_ms : 0;
	return 0;
}

int
recovery_add(struct self *s, const struct recovery_new *n,
    const struct id *instead, uint64_t *waits_ms, struct err *e)
{
	struct recovery_set set = coming(s);
	struct recovery_info note = { .keyref = n->keyref,
		.kind = n->key.kind,
		.created_ms = (uint64_t)now_ms() };

	/* Asked again, it may be in already. */
	bool in = recovery_find(&set, &n->keyref) != NULL;
	*waits_ms = s->circle.pending ? s->circle.pending_ms : 0;
	if (instead != NULL && !in)
		(void)drop(&set, instead);
	if (!in && set.n == LIMIT_RECOVERY_KEYS)
		return err_set(e, ERR_TOO_LARGE,
		    "an account has at most %d ways to recover",
		    LIMIT_RECOVERY_KEYS);
	if (!in)
		set.keys[set.n++] = n->key;
	memcpy(note.label, n->label, sizeof note.label);
	return (!in && put_in(s, &set, waits_ms, e) < 0) ||
		write_note(s, &note, e) < 0 ||
		self_freshpin_key(s, &n->keyref, n->seed, e) < 0
	    ? -1
	    : self_freshpin_renew(s, e);
}

bool
recovery_unused(struct self *s, const struct id *keyref, const struct err *why)
{
	struct recovery_set set;
	struct err ignored;

	if (act_unknown(why) || self_refresh(s, &ignored) < 0)
		return false;
	set = coming(s);
	return recovery_find(&set, keyref) == NULL;
}

int
recovery_remove(
    struct self *s, const struct id *keyref, uint64_t *waits_ms, struct err *e)
{
	struct recovery_set set = coming(s);

	if (!drop(&set, keyref))
		return err_set(
		    e, ERR_NOT_FOUND, "there is no such way to recover");
	return put_in(s, &set, waits_ms, e);
}

/* ---- trying ---- */

static int
opens(struct self *s, const json_t *row, const struct devkey *key,
    const struct id *keyref, struct err *e)
{
	OWN(keyring_free) struct keyring *k = keyring_new(&s->uid);
	OWN(buf_free) struct buf all = { 0 };
	OWN(buf_free) struct buf own = { 0 };

	if (jsonio_bytes(row, "envelope", 0, &own, e) < 0)
		return err_set(e, ERR_KEY_SUBSTITUTED,
		    "the server does not hold the newest keys for it");
	buf_put_bytes(&all, buf_bytes(&s->envelopes));
	buf_put_v16(&all, buf_bytes(&own));
	return keyring_open(k, &s->circle, key, keyref, buf_bytes(&all), e);
}

int
recovery_half(
    struct self *s, const struct id *keyref, struct buf *half, struct err *e)
{
	OWN(jsonio_free) json_t *answer = NULL;
	OWN(buf_free) struct buf path = { 0 };

	buf_printf(&path, "/v1/recovery/%s/half", id_text(keyref).s);
	return control_call(
		   s->remote, "GET", buf_text(&path), NULL, &answer, e) < 0
	    ? -1
	    : jsonio_bytes(answer, "half", RECSEED_HALF, half, e);
}

/* Is the newest list of devices vouched for, for this key? */
static bool
fresh_holds(const struct self *s, const struct secret *seed,
    const struct id *keyref, const json_t *row)
{
	OWN(buf_free) struct buf fresh = { 0 };
	struct err ignored;
	bool made = false;

	return row != NULL &&
	    jsonio_bytes(row, "fresh_pin", 0, &fresh, &ignored) == 0 &&
	    circlepin_fresh_check(seed, &s->circle, keyref, buf_bytes(&fresh),
		&made, &ignored) == 0 &&
	    made;
}

/* Vouch for it, and see that the server keeps that. */
static int
keep_fresh(struct self *s, const struct secret *seed, const struct id *keyref,
    const json_t *row, struct err *e)
{
	OWN(jsonio_free) json_t *answer = NULL;

	if (fresh_holds(s, seed, keyref, row))
		return 0;
	if (self_freshpin_key(s, keyref, seed, e) < 0 ||
	    self_freshpin_renew(s, e) < 0 || server_list(s, &answer, e) < 0)
		return -1;
	return fresh_holds(s, seed, keyref, server_row(answer, keyref))
	    ? 0
	    : err_set(e, ERR_KEY_SUBSTITUTED,
		  "the server does not keep which list of devices is the "
		  "newest, for this key");
}

int
recovery_try(
    struct self *s, const struct secret *code, struct bytes half, struct err *e)
{
	OWN(jsonio_free) json_t *answer = NULL;
	OWN(secret_free) struct secret *seed = recseed_make(code, half);
	OWN(buf_free) struct buf birth = { 0 };
	struct recovery_info note = { 0 };
	OWN(devkey_free)
	struct devkey *key = recseed_key(seed, &note.keyref);
	const struct recovery_key *k = recovery_find(
	    circle_recovery_at(&s->circle, (uint64_t)now_ms()), &note.keyref);

	if (k == NULL)
		return err_set(e, ERR_RECOVERY_CODE,
		    "this is no recovery key of this account, or one that was "
		    "replaced");
	if (server_list(s, &answer, e) < 0)
		return -1;
	const json_t *row = server_row(answer, &note.keyref);
	if (row == NULL)
		return err_set(e, ERR_KEY_SUBSTITUTED,
		    "the server does not know this recovery key");
	if (jsonio_bytes(row, "birth_pin", CIRCLEPIN_BYTES, &birth, e) < 0 ||
	    circlepin_check(seed, &s->circle, buf_bytes(&birth), e) < 0 ||
	    opens(s, row, key, &note.keyref, e) < 0 ||
	    keep_fresh(s, seed, &note.keyref, row, e) < 0)
		return -1;
	note.kind = k->kind;
	take_note(s, &note);
	note.tried_ms = (uint64_t)now_ms();
	return write_note(s, &note, e);
}

/* ---- files ---- */

static const char *
kind_name(enum reccode_kind kind)
{
	static const char *const names[] = {
		[RECCODE_KEY] = "recovery key",
		[RECCODE_CONTACT] = "recovery contact's half",
		[RECCODE_SHEET_1] = "sheet 1 of a recovery kit",
		[RECCODE_SHEET_2] = "sheet 2 of a recovery kit",
		[RECCODE_SHEET_3] = "sheet 3 of a recovery kit",
	};

	return names[kind];
}

void
recovery_file_make(const struct secret *code, enum reccode_kind kind,
    const char *account, struct buf *out)
{
	buf_put_str(out, HOME_SECRET_MAGIC);
	buf_printf(out, "%s of %s\n\n", kind_name(kind), account);
	reccode_make(code, kind, out);
	buf_put_str(out, "\n");
}

/* *code: within the file; *what: the line that names it, or nothing. */
static int
read_file(const char *path, struct buf *file, struct bytes *what,
    struct bytes *code, struct err *e)
{
	struct bytes magic = bytes_str(HOME_SECRET_MAGIC);

	if (file_read(path, FILE_MAX, file, e) < 0)
		return -1;
	typed_lines(file);
	*what = bytes_str("");
	*code = buf_bytes(file);
	if (code->n < magic.n ||
	    !bytes_equal(bytes_of(code->p, magic.n), magic))
		return 0;
	/* Behind the first empty line stands the code. */
	const char *line = buf_text(file) + magic.n;
	const char *gap = strstr(line, "\n\n");
	if (gap != NULL) {
		*what = bytes_of(line, (size_t)(gap - line));
		*code = bytes_str(gap + 2);
	}
	return 0;
}

static void
wipe(struct buf *file)
{
	if (file->n > 0)
		mem_wipe(file->p, file->n);
	buf_free(file);
}

int
recovery_file_read(const char *path, enum reccode_kind kind,
    struct secret **out, struct err *e)
{
	OWN(wipe) struct buf file = { 0 };
	struct bytes what, code;

	return read_file(path, &file, &what, &code, e) < 0
	    ? -1
	    : reccode_parse(code, kind, out, e);
}

static bool
begins(struct bytes x, const char *start)
{
	struct bytes s = bytes_str(start);

	return x.n >= s.n && bytes_equal(bytes_of(x.p, s.n), s);
}

int
recovery_sheet_read(const char *path, enum reccode_kind *kind,
    struct secret **out, struct err *e)
{
	OWN(wipe) struct buf file = { 0 };
	struct bytes what, code;
	struct err ignored;

	if (read_file(path, &file, &what, &code, e) < 0) {
		if (e->code != ERR_TOO_LARGE)
			return -1;
		code = what = bytes_str("");
	}
	for (unsigned k = RECCODE_SHEET_1; k <= RECCODE_SHEET_3; k++) {
		*kind = (enum reccode_kind)k;
		if (begins(what, kind_name(*kind)))
			return reccode_parse(code, *kind, out, e);
		if (what.n == 0 &&
		    reccode_parse(code, *kind, out, &ignored) == 0)
			return 0;
	}
	(void)err_set(e, ERR_RECOVERY_CODE,
	    "%s holds no sheet of a kit, or a wrong character", path);
	return err_remedy(e,
	    "Give the file sheet-1.txt, -2 or -3 of the kit; or type the "
	    "codes: --kit");
}
