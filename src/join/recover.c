/* SPDX-License-Identifier: ISC */
/* recover.c: beginning a recovery, and finishing it by a recovery key. */
#include "join/recover_in.h"

#include "base/file.h"
#include "base/now.h"
#include "base/typed.h"
#include "base/text.h"
#include "client/login.h"
#include "client/circlepin.h"
#include "vault/recseed.h"

#include <stdio.h>
#include <string.h>

static bool
same(const struct recover_kept *r, const struct recover_ask *a)
{
	return strcmp(r->url, a->url) == 0 && strcmp(r->name, a->name) == 0 &&
	    strcmp(r->way, a->way) == 0;
}

/* *again: the same was begun, and is now. */
static int
is_blank(const struct recover_ask *a, bool *again, struct err *e)
{
	OWN(recover_kept_free) struct recover_kept old = { .key = NULL };
	struct err ignored;

	*again = false;
	if (home_has_key(a->dir))
		return err_set(e, ERR_ALREADY_SIGNED_IN,
		    "an account is signed in at %s", a->dir);
	if (recover_kept_read(a->dir, &old, &ignored) < 0)
		return 0;
	if (old.begin.n > 0 && same(&old, a)) {
		*again = true;
		return recover_kept_send(a->dir, &old, e);
	}
	(void)err_set(e, ERR_CONFLICT, "a recovery of %s was begun at %s",
	    old.name, a->dir);
	return err_remedy(e,
	    "Go on with it: aumbry recover --continue   Or give it up: aumbry "
	    "recover --cancel");
}

static void
draw(struct recover_kept *r, const struct recover_ask *a, const char *name)
{
	r->key = devkey_new(&r->device);
	r->device.class = CLASS_COMPUTER;
	r->device.rights = RIGHT_APPROVE;
	id_random(&r->opening);
	device_name_commit(&r->opening, a->device_name, &r->device.name_commit);
	memcpy(r->way, a->way, strnlen(a->way, sizeof r->way - 1));
	r->url = mem_text(a->url);
	r->name = mem_text(name);
	r->device_name = mem_text(a->device_name);
	r->code = a->code != NULL ? secret_copy(a->code) : NULL;
}

int
recover_begin(const struct recover_ask *a, struct err *e)
{
	OWN(recover_kept_free) struct recover_kept r = { .key = NULL };
	OWN(jsonio_free) json_t *server = NULL;
	OWN(jsonio_free) json_t *ask = json_object();
	OWN(buf_free) struct buf record = { 0 };
	OWN(buf_free) struct buf name = { 0 };
	const char *host = "";
	struct digest shown;
	struct id nonce;
	uint16_t mature;
	OWN(fd_close) int lock = -1;
	bool again;

	if (home_enter(a->dir, &lock, e) < 0 || is_blank(a, &again, e) < 0)
		return -1;
	if (again)
		return 0;
	if (remote_new(a->url, &r.remote, e) < 0 ||
	    login_server(r.remote, &server, &mature, e) < 0 ||
	    jsonio_text(server, "host", &host, e) < 0 ||
	    typed_account(bytes_str(a->name), host, &name, e) < 0)
		return -1;
	draw(&r, a, buf_text(&name));
	r.host = mem_text(host);
	id_random(&nonce);
	device_put(&record, &r.device);
	jsonio_put_text(ask, "name", buf_text(&name));
	jsonio_put_text(ask, "way", a->way);
	jsonio_put_text(ask, "os", "linux");
	jsonio_put_bytes(ask, "device", buf_bytes(&record));
	jsonio_put_bytes(ask, "nonce", bytes_of(nonce.b, ID_BYTES));
	if (a->code != NULL) {
		recseed_shown(a->code, &shown);
		jsonio_put_bytes(
		    ask, "verifier", bytes_of(shown.b, DIGEST_BYTES));
	}
	/* Kept before it is sent: a recovery that nobody has would wait. */
	jsonio_put(&r.begin, ask);
	return recover_kept_save(a->dir, &r, e) < 0
	    ? -1
	    : recover_kept_send(a->dir, &r, e);
}

static int
ask_state(struct recover_kept *r, json_t **answer, struct recover_state *out,
    struct err *e)
{
	const char *state = "";

	if (control_call(r->remote, "GET", "/v1/recover", NULL, answer, e) <
		0 ||
	    jsonio_text(*answer, "state", &state, e) < 0 ||
	    jsonio_u64(*answer, "ready_ms", &out->ready_ms, e) < 0 ||
	    jsonio_u64(*answer, "expires_ms", &out->expires_ms, e) < 0)
		return -1;
	memcpy(out->way, r->way, sizeof out->way);
	(void)snprintf(out->name, sizeof out->name, "%s", r->name);
	out->begun = true;
	out->recovery = r->id;
	out->proven = strcmp(state, "waiting") == 0;
	out->stopped = strcmp(state, "stopped") == 0;
	out->done = strcmp(state, "done") == 0;
	return 0;
}

static int
over(struct err *e)
{
	if (e->code != ERR_SESSION_EXPIRED)
		return -1;
	(void)err_set(e, ERR_CODE_EXPIRED, "the recovery is over");
	return err_remedy(
	    e, "Run: aumbry recover --cancel   then begin again.");
}

int
recover_look(const char *dir, struct recover_state *out, struct err *e)
{
	OWN(recover_kept_free) struct recover_kept r = { .key = NULL };
	OWN(jsonio_free) json_t *answer = NULL;

	*out = (struct recover_state){ .begun = false };
	if (recover_kept_load(dir, &r, e) < 0)
		return -1;
	return ask_state(&r, &answer, out, e) < 0 ? over(e) : 0;
}

int
recover_cancel(const char *dir, struct err *e)
{
	OWN(recover_kept_free) struct recover_kept r = { .key = NULL };
	struct err ignored;

	if (recover_kept_read(dir, &r, e) < 0)
		return -1;
	/* Without an answer it ends by itself. */
	if (r.begin.n == 0 || recover_kept_send(dir, &r, &ignored) == 0)
		(void)!control_call(
		    r.remote, "DELETE", "/v1/recover", NULL, NULL, &ignored);
	return recover_kept_forget(dir, e);
}

/* Is it the circle that the key was made for, and is the key in force? */
static int
check_circle(const struct recover_work *w, const struct secret *seed,
    const struct id *keyref, const json_t *look, struct err *e)
{
	OWN(buf_free) struct buf birth = { 0 };
	OWN(buf_free) struct buf fresh = { 0 };
	struct err none;
	bool made;

	if (jsonio_bytes(look, "birth_pin", CIRCLEPIN_BYTES, &birth, e) < 0 ||
	    circlepin_check(seed, &w->circle, buf_bytes(&birth), e) < 0)
		return -1;
	/* The newest list that a device has vouched for; the first has yet to. */
	if (jsonio_bytes(look, "fresh_pin", 0, &fresh, &none) == 0 &&
	    circlepin_fresh_check(
		seed, &w->circle, keyref, buf_bytes(&fresh), &made, e) < 0)
		return -1;
	if (recovery_find(circle_recovery_at(&w->circle, (uint64_t)now_ms()),
		keyref) == NULL)
		return err_set(e, ERR_CIRCLE_NOT_YOURS,
		    "the list of devices does not name this recovery key");
	return 0;
}

static int
open_keyring(struct recover_work *w, const struct devkey *key,
    const struct id *keyref, struct err *e)
{
	OWN(jsonio_free) json_t *answer = NULL;
	OWN(buf_free) struct buf envelopes = { 0 };

	w->keyring = keyring_new(&w->uid);
	return control_call(w->r.remote, "GET", "/v1/recover/keyring", NULL,
		   &answer, e) < 0 ||
		jsonio_list(answer, "envelopes",
		    (size_t)LIMIT_BUNDLE_ENVELOPES * w->circle.key.epoch,
		    &envelopes, e) < 0
	    ? -1
	    : keyring_open(w->keyring, &w->circle, key, keyref,
		  buf_bytes(&envelopes), e);
}

/* RECOVER: this device comes in; the lost ones leave. */
static void
make_entry(struct recover_work *w, const struct devkey *key,
    const struct id *keyref, bool keep_devices, struct buf *out)
{
	OWN(buf_free) struct buf body = { 0 };
	OWN(buf_free) struct buf ids = { 0 };
	struct circle_sig sigs[2] = { { 2, *keyref, { 0 } },
		{ 1, w->r.device.dev_id, { 0 } } };
	struct id spoiler = keyring_spoiler(w->keyring);
	struct key_change kc;
	uint8_t n = 0;

	for (size_t i = 0; i < w->circle.n_members; i++) {
		const struct member *m = &w->circle.members[i];
		bool stays =
		    keep_devices || m->device.class == CLASS_SECURITY_KEY;
		if (!m->active || n == LIMIT_REMOVE_IDS ||
		    (stays && !id_equal(&m->device.dev_id, &spoiler)))
			continue;
		id_put(&ids, &m->device.dev_id);
		n++;
	}
	keyring_next_epoch(w->keyring, &kc);
	device_put(&body, &w->r.device);
	buf_put_u8(&body, n);
	buf_put_bytes(&body, buf_bytes(&ids));
	key_change_put(&body, &kc);
	circle_entry_begin(out, &w->circle, &w->uid, (uint64_t)now_ms(),
	    CIRCLE_RECOVER, buf_bytes(&body));
	devkey_sign(key, SIG_CIRCLE, buf_bytes(out), sigs[0].sig);
	devkey_sign(w->r.key, SIG_CIRCLE, buf_bytes(out), sigs[1].sig);
	circle_entry_end(out, sigs, 2);
}

static int
by_key(struct recover_work *w, const struct recover_finish *f,
    const json_t *look, struct err *e)
{
	OWN(buf_free) struct buf half = { 0 };
	OWN(buf_free) struct buf entry = { 0 };
	struct id keyref;

	if (w->r.code == NULL)
		return err_set(e, ERR_RECOVERY_WAITING,
		    "nobody has helped with this recovery yet");
	if (jsonio_bytes(look, "half", 0, &half, e) < 0)
		return -1;
	OWN(secret_free)
	struct secret *seed = recseed_make(w->r.code, buf_bytes(&half));
	OWN(devkey_free) struct devkey *key = recseed_key(seed, &keyref);
	if (recover_circle(w, look, e) < 0 ||
	    check_circle(w, seed, &keyref, look, e) < 0)
		return -1;
	/* Who has spoiled the newest keys goes, also where others stay. */
	if (open_keyring(w, key, &keyref, e) < 0 && e->code != ERR_KEYS_SPOILED)
		return -1;
	keyring_reach(w->keyring, w->circle.key.epoch);
	make_entry(w, key, &keyref, f->keep_devices, &entry);
	return recover_submit(w, f->dir, f->password, buf_bytes(&entry), e);
}

/*
 * The account was recovered, and the answer got lost. The entry that brought
 * this device in carries its signature, and so the list that was checked then.
 */
static int
finish_late(
    struct recover_work *w, const char *dir, const json_t *look, struct err *e)
{
	if (recover_circle(w, look, e) < 0)
		return -1;
	const struct member *m = circle_member(&w->circle, &w->r.device.dev_id);
	if (m == NULL || !m->active ||
	    !bytes_equal(bytes_of(m->device.sign_pk, SIG_PK_BYTES),
		bytes_of(w->r.device.sign_pk, SIG_PK_BYTES)))
		return err_set(
		    e, ERR_CODE_EXPIRED, "another recovery came first");
	return recover_settle_in(w, dir, buf_bytes(&w->entries), e);
}

static int
not_yet(const struct recover_state *st, struct err *e)
{
	if (st->stopped)
		return err_set(e, ERR_REQUEST_REFUSED,
		    "a device of the account, or a sign-in, has stopped this "
		    "recovery");
	if (!st->proven)
		return err_set(e, ERR_RECOVERY_WAITING,
		    "nobody has helped with this recovery yet");
	OWN(buf_free) struct buf when = { 0 };
	text_time(&when, (int64_t)st->ready_ms);
	return err_set(e, ERR_RECOVERY_WAITING,
	    "this recovery waits until %s, so that the account's devices can "
	    "stop it",
	    buf_text(&when));
}

int
recover_finish(const struct recover_finish *f, struct err *e)
{
	OWN(recover_work_free)
	struct recover_work w = { .keyring = NULL };
	OWN(jsonio_free) json_t *look = NULL;
	struct recover_state st;
	OWN(fd_close) int lock = -1;

	if (home_enter(f->dir, &lock, e) < 0 ||
	    recover_kept_load(f->dir, &w.r, e) < 0)
		return -1;
	if (ask_state(&w.r, &look, &st, e) < 0)
		return over(e);
	if (st.done)
		return finish_late(&w, f->dir, look, e);
	if (st.stopped || !st.proven || st.ready_ms > (uint64_t)now_ms())
		return not_yet(&st, e);
	return strcmp(w.r.way, "operator") == 0
	    ? recover_by_operator(&w, f, look, e)
	    : by_key(&w, f, look, e);
}
