/* SPDX-License-Identifier: ISC */
/* self_login.c: what begins with a password: sign-up, a new password. */
#include "client/self.h"

#include "base/now.h"
#include "base/typed.h"
#include "client/login.h"
#include "client/password.h"
#include "client/release.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

/* ---- sign-up ---- */

struct founder {
	struct devkey *key;
	struct device device;
	struct id opening;
	struct keyring *keyring;
	struct circle circle;
	struct circle_escrow escrow; /* for standard protection */
	uint8_t protection;
	struct buf genesis, bundle;
};

static void
founder_free(struct founder *f)
{
	devkey_free(&f->key);
	keyring_free(&f->keyring);
	circle_free(&f->circle);
	buf_free(&f->genesis);
	buf_free(&f->bundle);
}

/* The first device, the first keys, and the entry that founds the circle. */
static int
found(struct founder *f, const struct self_signup *a, const struct id *uid,
    uint16_t mature_hours, struct err *e)
{
	static const struct recovery_set none;
	OWN(buf_free) struct buf body = { 0 };
	struct circle_sig sig = { .kind = 1 };
	struct key_change kc;
	struct id state_zone;

	f->key = devkey_new(&f->device);
	f->device.class = a->browser ? CLASS_BROWSER : CLASS_COMPUTER;
	f->device.rights = RIGHT_APPROVE;
	id_random(&f->opening);
	device_name_commit(&f->opening, a->device_name, &f->device.name_commit);
	f->keyring = keyring_new(uid);
	keyring_next_epoch(f->keyring, &kc);
	id_random(&state_zone);
	device_put(&body, &f->device);
	recovery_set_put(&body, &none);
	buf_put_u8(&body, 1); /* one signature removes a device */
	buf_put_u16(&body, mature_hours);
	buf_put_u8(&body, f->protection);
	if (f->protection == PROTECTION_STANDARD)
		escrow_put(&body, &f->escrow);
	id_put(&body, &state_zone);
	key_change_put(&body, &kc);
	circle_entry_begin(&f->genesis, &f->circle, uid, (uint64_t)now_ms(),
	    CIRCLE_GENESIS, buf_bytes(&body));
	sig.keyref = f->device.dev_id;
	devkey_sign(f->key, SIG_CIRCLE, buf_bytes(&f->genesis), sig.sig);
	circle_entry_end(&f->genesis, &sig, 1);
	if (circle_apply(&f->circle, buf_bytes(&f->genesis), e) < 0)
		return -1;
	keyring_bundle(
	    f->keyring, &f->circle, f->key, &f->device.dev_id, &f->bundle);
	return 0;
}

static int
submit(struct remote *remote, const struct self_signup *a, const char *name,
    const json_t *started, struct opaque *opaque, const struct founder *f,
    struct err *e)
{
	OWN(secret_free) struct secret *export_key = NULL;
	OWN(jsonio_free) json_t *ask = json_object();
	OWN(jsonio_free) json_t *answer = NULL;
	const char *ticket = "";

	if (jsonio_text(started, "ticket", &ticket, e) < 0 ||
	    login_record(opaque, started, &f->circle, ask, &export_key, e) < 0)
		return -1;
	if (f->protection == PROTECTION_STANDARD)
		release_register(
		    export_key, &f->circle.uid, f->key, &f->device.dev_id, ask);
	jsonio_put_id(ask, "uid", &f->circle.uid);
	jsonio_put_text(ask, "ticket", ticket);
	jsonio_put_text(ask, "name", name);
	if (a->invite != NULL)
		jsonio_put_text(ask, "invite", a->invite);
	jsonio_put_bytes(ask, "genesis", buf_bytes(&f->genesis));
	jsonio_put_list(ask, "envelopes", buf_bytes(&f->bundle));
	jsonio_put_true(ask, "no_two_factor", a->no_two_factor);
	return api_call(
	    remote, "POST", "/v1/signup/finish", ask, true, &answer, e);
}

/*
 * Standard when it is asked for, or when the address that was given names the
 * escrow; never on the server's word alone.
 */
static int
choose_level(struct founder *f, const struct self_signup *a,
    const struct remote *remote, const json_t *server, struct err *e)
{
	struct digest ignored;
	bool has = json_is_string(json_object_get(server, "escrow"));

	f->protection = a->protection != 0	     ? a->protection
	    : has && remote_escrow(remote, &ignored) ? PROTECTION_STANDARD
						     : PROTECTION_ADVANCED;
	return f->protection == PROTECTION_ADVANCED || has
	    ? 0
	    : err_set(e, ERR_PROTECTION_BLOCKED,
		  "standard protection needs an escrow, and this server has "
		  "none");
}

int
self_signup(const struct self_signup *a, struct err *e)
{
	OWN(remote_free) struct remote *remote = NULL;
	OWN(jsonio_free) json_t *server = NULL;
	OWN(jsonio_free) json_t *ask = json_object();
	OWN(jsonio_free) json_t *started = NULL;
	OWN(opaque_free) struct opaque *opaque = opaque_new(a->password);
	OWN(founder_free) struct founder f = { 0 };
	OWN(buf_free) struct buf framed = { 0 };
	OWN(buf_free) struct buf name = { 0 };
	OWN(self_free) struct self *self = NULL;
	uint8_t request[OPAQUE_REQUEST];
	const char *host = "";
	struct id uid;
	uint16_t mature;

	if (home_has_key(a->dir))
		return err_set(e, ERR_ALREADY_SIGNED_IN,
		    "an account is signed in at %s", a->dir);
	if (password_check(a->password, e) < 0)
		return -1;
	opaque_register(opaque, request);
	jsonio_put_bytes(ask, "request", bytes_of(request, sizeof request));
	if (remote_new(a->url, &remote, e) < 0 ||
	    login_server(remote, &server, &mature, e) < 0 ||
	    jsonio_text(server, "host", &host, e) < 0 ||
	    typed_account(bytes_str(a->name), host, &name, e) < 0 ||
	    choose_level(&f, a, remote, server, e) < 0)
		return -1;
	bool standard = f.protection == PROTECTION_STANDARD;
	jsonio_put_true(ask, "standard", standard);
	if (api_call(remote, "POST", "/v1/signup/start", ask, true, &started,
		e) < 0 ||
	    jsonio_id(started, "uid", &uid, e) < 0 ||
	    (standard &&
		release_escrow(remote, started, &uid, &f.escrow, e) < 0) ||
	    found(&f, a, &uid, mature, e) < 0)
		return -1;
	/* Kept before the server is told: a crash must not lose the keys. */
	buf_put_v16(&framed, buf_bytes(&f.genesis));
	if (self_save_account(a->dir, remote_url(remote), buf_text(&name), host,
		buf_bytes(&framed), buf_bytes(&f.bundle), e) < 0 ||
	    home_write_key(a->dir, &uid, &f.device.dev_id, f.key, e) < 0)
		return -1;
	if (submit(remote, a, buf_text(&name), started, opaque, &f, e) < 0) {
		struct err ignored;
		/* When the answer was lost the account may exist: keep. */
		if (e->code != ERR_SERVER_UNREACHABLE &&
		    home_erase(a->dir, &ignored) < 0)
			return -1;
		return -1;
	}
	if (self_open(a->dir, &self, e) < 0 || self_connect(self, e) < 0 ||
	    self_state(self, e) < 0)
		return -1;
	return self_put_name(
	    self, &f.device.dev_id, &f.opening, a->device_name, e);
}

/* ---- password ---- */

int
self_new_password(
    struct self *s, const struct login *l, struct bytes fresh, struct err *e)
{
	OWN(opaque_free) struct opaque *opaque = opaque_new(fresh);
	OWN(jsonio_free) json_t *ask = json_object();
	OWN(jsonio_free) json_t *started = NULL;
	OWN(jsonio_free) json_t *finish = json_object();
	OWN(buf_free) struct buf record = { 0 };
	OWN(buf_free) struct buf m = { 0 };
	OWN(secret_free) struct secret *export_key = NULL;
	uint8_t request[OPAQUE_REQUEST];
	struct digest mac;

	if (password_check(fresh, e) < 0)
		return -1;
	opaque_register(opaque, request);
	jsonio_put_bytes(ask, "request", bytes_of(request, sizeof request));
	if (api_call(s->remote, "POST", "/v1/password/start", ask, false,
		&started, e) < 0 ||
	    login_record(opaque, started, &s->circle, finish, &export_key, e) <
		0 ||
	    jsonio_bytes(finish, "record", OPAQUE_RECORD, &record, e) < 0)
		return -1;
	if (s->circle.protection == PROTECTION_STANDARD)
		release_register(
		    export_key, &s->uid, s->key, &s->dev_id, finish);
	id_put(&m, &s->uid);
	buf_put_bytes(&m, buf_bytes(&record));
	login_mac(l, "aumbry password v1", buf_bytes(&m), &mac);
	jsonio_put_id(finish, "login", &l->id);
	jsonio_put_bytes(finish, "mac", bytes_of(mac.b, DIGEST_BYTES));
	return api_call(
	    s->remote, "POST", "/v1/password/finish", finish, false, NULL, e);
}

int
self_change_password(struct self *s, struct bytes old, struct bytes fresh,
    const struct prove *p, struct err *e)
{
	OWN(login_free) struct login l = { 0 };

	return login_step_up(s->remote, old, p, &l, e) < 0
	    ? -1
	    : self_new_password(s, &l, fresh, e);
}
