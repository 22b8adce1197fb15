/* SPDX-License-Identifier: ISC */
/* self_signup.c: sign-up. */
#include "client/self_signup.h"

#include "base/file.h"
#include "base/now.h"
#include "base/typed.h"
#include "client/login.h"
#include "client/password.h"
#include "client/release.h"
#include "client/self_in.h"

#include <string.h>

/* ---- what is founded ---- */

struct founder {
	struct devkey *key;
	struct device device;
	struct id opening;
	struct keyring *keyring;
	struct circle circle;
	struct circle_escrow escrow; /* for standard protection */
	uint8_t protection;
	struct buf address; /* NAME@HOST */
	struct buf genesis, named, bundle;
};

static void
founder_free(struct founder *f)
{
	devkey_free(&f->key);
	keyring_free(&f->keyring);
	circle_free(&f->circle);
	buf_free(&f->address);
	buf_free(&f->genesis);
	buf_free(&f->named);
	buf_free(&f->bundle);
}

static int
append(struct founder *f, const struct id *uid, enum circle_type type,
    struct bytes body, struct buf *out, struct err *e)
{
	struct circle_sig sig = { .kind = 1, .keyref = f->device.dev_id };

	circle_entry_begin(
	    out, &f->circle, uid, (uint64_t)now_ms(), type, body);
	devkey_sign(f->key, SIG_CIRCLE, buf_bytes(out), sig.sig);
	circle_entry_end(out, &sig, 1);
	return circle_apply(&f->circle, buf_bytes(out), e);
}

/*
 * The first device, the first keys, the entry that founds the circle, and the
 * one by which it goes by its name.
 */
static int
found(struct founder *f, const struct self_signup *a, const struct id *uid,
    uint16_t mature_hours, struct err *e)
{
	static const struct recovery_set none;
	OWN(buf_free) struct buf body = { 0 };
	OWN(buf_free) struct buf name = { 0 };
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
		circle_escrow_put(&body, &f->escrow);
	id_put(&body, &state_zone);
	key_change_put(&body, &kc);
	circle_name_put(&name, buf_text(&f->address));
	if (append(f, uid, CIRCLE_GENESIS, buf_bytes(&body), &f->genesis, e) <
		0 ||
	    append(f, uid, CIRCLE_NAME, buf_bytes(&name), &f->named, e) < 0)
		return -1;
	keyring_bundle(
	    f->keyring, &f->circle, f->key, &f->device.dev_id, &f->bundle);
	return 0;
}

/* The request that makes the account. */
static int
compose(const struct self_signup *a, const json_t *started,
    struct opaque *opaque, const struct founder *f, struct buf *out,
    struct err *e)
{
	OWN(secret_free) struct secret *export_key = NULL;
	OWN(jsonio_free) json_t *ask = json_object();
	const char *ticket = "";

	if (jsonio_text(started, "ticket", &ticket, e) < 0 ||
	    login_record(opaque, started, &f->circle, ask, &export_key, e) < 0)
		return -1;
	if (f->protection == PROTECTION_STANDARD)
		release_register(
		    export_key, &f->circle.uid, f->key, &f->device.dev_id, ask);
	jsonio_put_id(ask, "uid", &f->circle.uid);
	jsonio_put_text(ask, "ticket", ticket);
	jsonio_put_text(ask, "name", a->name);
	if (a->invite != NULL)
		jsonio_put_text(ask, "invite", a->invite);
	jsonio_put_bytes(ask, "genesis", buf_bytes(&f->genesis));
	jsonio_put_bytes(ask, "named", buf_bytes(&f->named));
	jsonio_put_list(ask, "envelopes", buf_bytes(&f->bundle));
	jsonio_put_true(ask, "no_two_factor", a->no_two_factor);
	jsonio_put(out, ask);
	return 0;
}

/* The key comes last: what lacks it is nothing. */
static int
save(const struct self_signup *a, const struct founder *f, const char *host,
    struct bytes request, struct err *e)
{
	OWN(local_free) struct local *local = NULL;
	OWN(buf_free) struct buf framed = { 0 };

	buf_put_v16(&framed, buf_bytes(&f->genesis));
	buf_put_v16(&framed, buf_bytes(&f->named));
	struct self_account account = { a->url, a->name, host,
		buf_bytes(&framed), buf_bytes(&f->bundle) };
	return self_save_account(a->dir, &account, e) < 0 ||
		home_open(a->dir, &local, e) < 0 ||
		self_founding_keep(
		    local, &f->opening, a->device_name, request, e) < 0 ||
		home_write_key(
		    a->dir, &f->circle.uid, &f->device.dev_id, f->key, e) < 0
	    ? -1
	    : 0;
}

/*
 * Standard when it is asked for, or when the address that was given names the
 * escrow; never on the server's word alone.
 */
static int
choose_level(struct founder *f, const struct self_signup *a,
    struct remote *remote, const json_t *server, struct err *e)
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

/* What ends TLS on the way, and does not belong to the server, would have its
 * own key pinned, and nobody's identity. */
static int
check_tls(struct remote *r, const json_t *server, struct err *e)
{
	OWN(buf_free) struct buf own = { 0 };
	struct digest id = { { 0 } };
	struct err ignored;

	if (digest_zero(remote_pin(r)))
		return 0;
	if (jsonio_bytes(server, "tls", DIGEST_BYTES, &own, &ignored) == 0)
		memcpy(id.b, own.p, DIGEST_BYTES);
	if (remote_adopt(r, &id, e) == 0)
		return 0;
	(void)err_set(e, ERR_CERTIFICATE_CHANGED,
	    "what is pinned is not the server's own key: something between "
	    "here and the server ends TLS");
	return err_remedy(e,
	    "Nothing was made. Use the address with the pin that `aumbryd "
	    "status` prints.");
}

static int
begin(const struct self_signup *a, struct err *e)
{
	OWN(remote_free) struct remote *remote = NULL;
	OWN(jsonio_free) json_t *server = NULL;
	OWN(jsonio_free) json_t *ask = json_object();
	OWN(jsonio_free) json_t *started = NULL;
	OWN(opaque_free) struct opaque *opaque = opaque_new(a->password);
	OWN(founder_free) struct founder f = { 0 };
	OWN(buf_free) struct buf text = { 0 };
	OWN(buf_free) struct buf name = { 0 };
	struct self_signup plain = *a;
	uint8_t request[OPAQUE_REQUEST];
	const char *host = "";
	struct id uid;
	uint16_t mature;

	if (password_check(a->password, e) < 0)
		return -1;
	opaque_register(opaque, request);
	jsonio_put_bytes(ask, "request", bytes_of(request, sizeof request));
	if (remote_new(a->url, &remote, e) < 0 ||
	    login_server(remote, &server, &mature, e) < 0 ||
	    check_tls(remote, server, e) < 0 ||
	    jsonio_text(server, "host", &host, e) < 0 ||
	    typed_account(bytes_str(a->name), host, &name, e) < 0 ||
	    choose_level(&f, a, remote, server, e) < 0)
		return -1;
	plain.name = buf_text(&name);
	buf_printf(&f.address, "%s@%s", plain.name, host);
	if (!jsonio_true(server, "names")) {
		(void)err_set(e, ERR_UPDATE_NEEDED,
		    "this server is older than the program here, and would "
		    "not take what an account begins with");
		return err_remedy(e,
		    "Nothing was made. Ask who runs the server to install the "
		    "newer version.");
	}
	if (!circle_address_ok(buf_bytes(&f.address)))
		return err_set(e, ERR_BAD_NAME,
		    "no account can have that name: %s", plain.name);
	plain.url = remote_url(remote);
	bool standard = f.protection == PROTECTION_STANDARD;
	jsonio_put_true(ask, "standard", standard);
	/* The escrow makes a key only for who may begin an account. */
	if (standard && a->invite != NULL)
		jsonio_put_text(ask, "invite", a->invite);
	return control_call_bare(
		   remote, "POST", "/v1/signup/start", ask, &started, e) < 0 ||
		jsonio_id(started, "uid", &uid, e) < 0 ||
		(standard &&
		    release_escrow(remote, started, &uid, &f.escrow, e) < 0) ||
		found(&f, a, &uid, mature, e) < 0 ||
		compose(&plain, started, opaque, &f, &text, e) < 0
	    ? -1
	    : save(&plain, &f, host, buf_bytes(&text), e);
}

/* Was the account, which an earlier try made, made with this password? */
static int
same_account(struct self *s, const struct self_signup *a, struct err *e)
{
	OWN(login_free) struct login l = { .known = NULL };

	if (strcmp(s->name, a->name) != 0)
		return err_set(e, ERR_ALREADY_SIGNED_IN,
		    "the sign-up of %s that was cut off here came through, and "
		    "this device is its first",
		    s->name);
	if (login_start(s->remote, NULL, a->password, &l, e) == 0)
		return 0;
	if (e->code != ERR_WRONG_PASSWORD)
		return -1;
	(void)err_set(e, ERR_WRONG_PASSWORD,
	    "the account was made, by the sign-up that was cut off, with "
	    "another password than this");
	return err_remedy(e, "To change it: aumbry password change");
}

static bool
too_late(const struct err *e)
{
	return e->code == ERR_CODE_EXPIRED || e->code == ERR_CLOCK_WRONG;
}

int
self_signup_begin(const struct self_signup *a, bool *again, struct err *e)
{
	OWN(self_free) struct self *s = NULL;
	OWN(fd_close) int lock = -1;

	*again = false;
	if (home_enter(a->dir, &lock, e) < 0)
		return -1;
	if (!home_has_key(a->dir))
		return begin(a, e);
	if (!self_founding(a->dir))
		return err_set(e, ERR_ALREADY_SIGNED_IN,
		    "an account is signed in at %s", a->dir);
	if (self_open(a->dir, &s, e) < 0)
		return -1;
	*again = true;
	if (self_connect(s, e) == 0)
		return same_account(s, a, e);
	if (home_has_key(a->dir) || !too_late(e))
		return -1;
	/* It cannot come through any more. */
	self_free(&s);
	*again = false;
	return begin(a, e);
}

int
self_signup_end(const char *dir, struct err *e)
{
	OWN(self_free) struct self *s = NULL;

	return self_open(dir, &s, e) < 0 ? -1 : self_connect(s, e);
}

int
self_signup(const struct self_signup *a, struct err *e)
{
	bool again;

	if (self_signup_begin(a, &again, e) < 0)
		return -1;
	return again ? 0 : self_signup_end(a->dir, e);
}
