/* SPDX-License-Identifier: ISC */
/* fido.c: security keys over libfido2. */
#include "client/fido.h"

#include "base/stop.h"

#include <errno.h>
#include <fido.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define SOCKET_PREFIX "unix:"
#define DEVICES 16 /* plugged in at once */
#define TOUCH_MS 60000 /* keys themselves give up after 30 s */
#define PIN_MAX 63 /* bytes, CTAP 2 */

struct fido {
	fido_dev_t *dev;
	const struct fido_ask *ask;
	struct secret *pin; /* with its NUL; NULL: not asked for yet */
};

/* ---- reports over a socket, as a key's own driver has them ---- */

struct line {
	int fd;
};

static void *
line_open(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	const char *name = path + strlen(SOCKET_PREFIX);
	struct line *l = mem_new(sizeof *l);

	l->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (strlen(name) < sizeof a.sun_path)
		memcpy(a.sun_path, name, strlen(name) + 1);
	if (l->fd >= 0 && a.sun_path[0] != '\0' &&
	    connect(l->fd, (struct sockaddr *)&a, sizeof a) == 0)
		return l;
	if (l->fd >= 0)
		(void)close(l->fd);
	free(l);
	return NULL;
}

static void
line_close(void *handle)
{
	struct line *l = handle;

	(void)close(l->fd);
	free(l);
}

static int
line_read(void *handle, unsigned char *p, size_t n, int wait_ms)
{
	const struct line *l = handle;
	struct pollfd w = { .fd = l->fd, .events = POLLIN };

	if (poll(&w, 1, wait_ms) != 1)
		return -1;
	ssize_t got = recv(l->fd, p, n, 0);
	return got == (ssize_t)n ? (int)n : -1;
}

static int
line_write(void *handle, const unsigned char *p, size_t n)
{
	const struct line *l = handle;

	return send(l->fd, p, n, MSG_NOSIGNAL) == (ssize_t)n ? (int)n : -1;
}

static const fido_dev_io_t line_io = { line_open, line_close, line_read,
	line_write };

/* ---- finding one ---- */

static int
failed(int rc, const char *what, struct err *e)
{
	switch (rc) {
	case FIDO_ERR_NO_CREDENTIALS:
		return err_set(e, ERR_KEY_UNKNOWN,
		    "this security key is none of this account's");
	case FIDO_ERR_PIN_BLOCKED:
	case FIDO_ERR_PIN_AUTH_BLOCKED:
	case FIDO_ERR_UV_BLOCKED:
		return err_set(e, ERR_KEY_BLOCKED,
		    "the security key takes no PIN any more");
	case FIDO_ERR_PIN_NOT_SET:
	case FIDO_ERR_PIN_REQUIRED:
		return err_set(
		    e, ERR_KEY_NO_PIN, "the security key has no PIN");
	case FIDO_ERR_ACTION_TIMEOUT:
	case FIDO_ERR_USER_ACTION_TIMEOUT:
	case FIDO_ERR_OPERATION_DENIED:
	case FIDO_ERR_KEEPALIVE_CANCEL:
		return err_set(e, ERR_KEY_UNTOUCHED,
		    "the security key was not touched in time");
	case FIDO_ERR_CREDENTIAL_EXCLUDED:
		(void)err_set(e, ERR_CONFLICT,
		    "this security key is the account's already");
		return err_remedy(e, "Use another one.");
	case FIDO_ERR_KEY_STORE_FULL:
		return err_set(
		    e, ERR_IO, "the security key has no room for more");
	case FIDO_ERR_PIN_POLICY_VIOLATION:
		return err_set(e, ERR_KEY_PIN,
		    "the security key wants another PIN: 4 characters at "
		    "least");
	default:
		return err_set(e, ERR_IO, "%s: the security key says: %s", what,
		    fido_strerr(rc));
	}
}

static void
infos_free(fido_dev_info_t **list)
{
	fido_dev_info_free(list, DEVICES);
}

static int
manifest(fido_dev_info_t **list, size_t *n, struct err *e)
{
	fido_init(FIDO_DISABLE_U2F_FALLBACK);
	*list = fido_dev_info_new(DEVICES);
	if (*list == NULL)
		abort();
	int rc = fido_dev_info_manifest(*list, DEVICES, n);
	return rc == FIDO_OK ? 0 : failed(rc, "looking for keys", e);
}

int
fido_list(fido_list_fn fn, void *ctx, struct err *e)
{
	OWN(infos_free) fido_dev_info_t *list = NULL;
	size_t n = 0;

	if (manifest(&list, &n, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		const fido_dev_info_t *d = fido_dev_info_ptr(list, i);
		fn(ctx, fido_dev_info_path(d), fido_dev_info_product_string(d));
	}
	return 0;
}

/* The path of the only one. */
static int
only_one(char **path, struct err *e)
{
	OWN(infos_free) fido_dev_info_t *list = NULL;
	size_t n = 0;

	if (manifest(&list, &n, e) < 0)
		return -1;
	if (n == 0)
		return err_set(
		    e, ERR_KEY_MISSING, "no security key is plugged in");
	if (n > 1) {
		(void)err_set(e, ERR_INPUT_MISSING,
		    "%zu security keys are plugged in", n);
		return err_remedy(e,
		    "Unplug the others, or name one: --device %s",
		    fido_dev_info_path(fido_dev_info_ptr(list, 0)));
	}
	*path = mem_text(fido_dev_info_path(fido_dev_info_ptr(list, 0)));
	return 0;
}

static void
dev_free(fido_dev_t **dev)
{
	if (*dev == NULL)
		return;
	(void)fido_dev_close(*dev);
	fido_dev_free(dev);
}

static int
open_device(const char *device, fido_dev_t **out, struct err *e)
{
	OWN(dev_free) fido_dev_t *dev = NULL;
	OWN(mem_free) char *found = NULL;

	if (device == NULL && only_one(&found, e) < 0)
		return -1;
	const char *path = device != NULL ? device : found;
	fido_init(FIDO_DISABLE_U2F_FALLBACK);
	dev = fido_dev_new();
	if (dev == NULL)
		abort();
	if (strncmp(path, SOCKET_PREFIX, strlen(SOCKET_PREFIX)) == 0 &&
	    fido_dev_set_io_functions(dev, &line_io) != FIDO_OK)
		abort();
	if (fido_dev_open(dev, path) != FIDO_OK)
		return err_set(e, ERR_KEY_MISSING,
		    "there is no security key at %s, or this user may not use "
		    "it",
		    path);
	(void)fido_dev_set_timeout(dev, TOUCH_MS);
	if (!fido_dev_is_fido2(dev)) {
		(void)err_set(e, ERR_KEY_NO_PIN,
		    "the security key at %s is older than FIDO2: it cannot "
		    "tell its owner from a finder",
		    path);
		return err_remedy(e, "Use a newer one.");
	}
	*out = TAKE(dev);
	return 0;
}

int
fido_open(const struct fido_ask *ask, struct fido **out, struct err *e)
{
	OWN(dev_free) fido_dev_t *dev = NULL;

	if (open_device(ask->device, &dev, e) < 0)
		return -1;
	if (!fido_dev_has_uv(dev) && !fido_dev_has_pin(dev))
		return err_set(e, ERR_KEY_NO_PIN,
		    "the security key has no PIN, so it cannot tell its owner "
		    "from a finder");
	struct fido *f = mem_new(sizeof *f);
	f->dev = TAKE(dev);
	f->ask = ask;
	*out = f;
	return 0;
}

void
fido_free(struct fido **f)
{
	if (*f == NULL)
		return;
	dev_free(&(*f)->dev);
	secret_free(&(*f)->pin);
	free(*f);
	*f = NULL;
}

/* ---- its owner ---- */

/* A PIN as libfido2 takes it. */
static int
pin_text(const struct secret *typed, struct secret **out, struct err *e)
{
	struct bytes x = secret_bytes(typed);

	if (x.n > PIN_MAX)
		return err_set(e, ERR_KEY_PIN,
		    "a security key's PIN has at most %d bytes", PIN_MAX);
	OWN(secret_free) struct secret *s = secret_new(x.n + 1);
	memcpy(secret_room(s), x.p, x.n);
	*out = TAKE(s);
	return 0;
}

static const char *
as_text(const struct secret *pin)
{
	return pin != NULL ? (const char *)secret_bytes(pin).p : NULL;
}

static int
ask_pin(struct fido *f, struct err *e)
{
	OWN(secret_free) struct secret *typed = NULL;

	return f->ask->pin(f->ask->ctx, &typed, e) < 0 ||
		pin_text(typed, &f->pin, e) < 0
	    ? -1
	    : 0;
}

static int
wrong_pin(fido_dev_t *dev, struct err *e)
{
	int left = 0;

	if (fido_dev_get_retry_count(dev, &left) != FIDO_OK)
		return err_set(
		    e, ERR_KEY_PIN, "the PIN of the security key is wrong");
	return err_set(e, ERR_KEY_PIN,
	    "the PIN of the security key is wrong; %d %s left", left,
	    left == 1 ? "try is" : "tries are");
}

/* One command, with the owner's finger or PIN. */
typedef int (*command_fn)(struct fido *f, void *ctx, const char *pin);

/* Asked to stop, the key need not blink until its time is up. */
static int
guarded(struct fido *f, command_fn fn, void *ctx)
{
	stop_guard();
	int rc = fn(f, ctx, as_text(f->pin));
	if (rc != FIDO_OK && stop_asked()) {
		(void)fido_dev_cancel(f->dev);
		rc = FIDO_ERR_KEEPALIVE_CANCEL;
	}
	stop_unguard();
	return rc;
}

static int
command(
    struct fido *f, command_fn fn, void *ctx, const char *what, struct err *e)
{
	bool finger = fido_dev_has_uv(f->dev) && f->pin == NULL;

	if (!finger && f->pin == NULL && ask_pin(f, e) < 0)
		return -1;
	if (f->ask->touch != NULL)
		f->ask->touch(f->ask->ctx);
	int rc = guarded(f, fn, ctx);
	/* The wrong finger too often: the PIN still helps. */
	if (finger &&
	    (rc == FIDO_ERR_UV_BLOCKED || rc == FIDO_ERR_UV_INVALID ||
		rc == FIDO_ERR_PIN_REQUIRED) &&
	    fido_dev_has_pin(f->dev)) {
		if (ask_pin(f, e) < 0)
			return -1;
		rc = guarded(f, fn, ctx);
	}
	if (rc == FIDO_ERR_PIN_INVALID) {
		secret_free(&f->pin);
		return wrong_pin(f->dev, e);
	}
	return rc == FIDO_OK ? 0 : failed(rc, what, e);
}

/* ---- a new credential ---- */

/* WebAuthn's attestation object from its parts. */
static void
put_attestation(const fido_cred_t *c, struct buf *out)
{
	const char *format = fido_cred_fmt(c);
	size_t n = fido_cred_authdata_raw_len(c);
	bool none = strcmp(format, "none") == 0;

	buf_put_u8(out, 0xa3); /* a map of three */
	buf_put_str(out,
	    "\x63"
	    "fmt");
	buf_put_u8(out, (uint8_t)(0x60 + strlen(format)));
	buf_put_str(out, format);
	buf_put_str(out,
	    "\x67"
	    "attStmt");
	if (none)
		buf_put_u8(out, 0xa0);
	else
		buf_put(
		    out, fido_cred_attstmt_ptr(c), fido_cred_attstmt_len(c));
	buf_put_str(out,
	    "\x68"
	    "authData");
	if (n < 256) {
		buf_put_u8(out, 0x58);
		buf_put_u8(out, (uint8_t)n);
	} else {
		buf_put_u8(out, 0x59);
		buf_put_u16(out, (uint16_t)n);
	}
	buf_put(out, fido_cred_authdata_raw_ptr(c), n);
}

/* Can it keep a secret? */
static bool
has_prf(fido_dev_t *dev)
{
	fido_cbor_info_t *info = fido_cbor_info_new();
	bool has = false;

	if (info == NULL)
		abort();
	if (fido_dev_get_cbor_info(dev, info) == FIDO_OK) {
		char **names = fido_cbor_info_extensions_ptr(info);
		for (size_t i = 0; i < fido_cbor_info_extensions_len(info); i++)
			has |= strcmp(names[i], "hmac-secret") == 0;
	}
	fido_cbor_info_free(&info);
	return has;
}

struct making {
	const struct fido_site *site;
	const struct fido_user *user;
	struct bytes exclude;
	bool prf;
	fido_cred_t *cred;
};

static int
make_with(struct fido *f, struct making *m, int alg, const char *pin)
{
	struct scan ids = scan_of(m->exclude);
	struct digest hash;
	fido_cred_t *c;
	int rc;

	fido_cred_free(&m->cred);
	m->cred = c = fido_cred_new();
	if (c == NULL)
		abort();
	digest_of(m->site->client_data, &hash);
	if ((rc = fido_cred_set_type(c, alg)) != FIDO_OK ||
	    (rc = fido_cred_set_clientdata_hash(c, hash.b, DIGEST_BYTES)) !=
		FIDO_OK ||
	    (rc = fido_cred_set_rp(c, m->site->rp_id, m->site->rp_name)) !=
		FIDO_OK ||
	    (rc = fido_cred_set_user(c, m->user->id.p, m->user->id.n,
		 m->user->name, m->user->name, NULL)) != FIDO_OK ||
	    (rc = fido_cred_set_extensions(
		 c, m->prf ? FIDO_EXT_HMAC_SECRET : 0)) != FIDO_OK ||
	    (rc = fido_cred_set_uv(
		 c, pin == NULL ? FIDO_OPT_TRUE : FIDO_OPT_OMIT)) != FIDO_OK)
		return rc;
	while (ids.n > 0) {
		struct bytes id = scan_v16(&ids);
		if ((rc = fido_cred_exclude(c, id.p, id.n)) != FIDO_OK)
			return rc;
	}
	return fido_dev_make_cred(f->dev, c, pin);
}

static int
make_any(struct fido *f, void *ctx, const char *pin)
{
	int rc = make_with(f, ctx, COSE_ES256, pin);

	return rc == FIDO_ERR_UNSUPPORTED_ALGORITHM
	    ? make_with(f, ctx, COSE_EDDSA, pin)
	    : rc;
}

void
fido_made_free(struct fido_made *m)
{
	buf_free(&m->id);
	buf_free(&m->attestation);
}

int
fido_make(struct fido *f, const struct fido_site *site,
    const struct fido_user *user, struct bytes exclude, struct fido_made *out,
    struct err *e)
{
	struct making m = { site, user, exclude, has_prf(f->dev), NULL };

	int rc = command(f, make_any, &m, "making a credential", e);
	if (rc == 0) {
		buf_put(&out->id, fido_cred_id_ptr(m.cred),
		    fido_cred_id_len(m.cred));
		put_attestation(m.cred, &out->attestation);
		out->prf = m.prf;
	}
	fido_cred_free(&m.cred);
	return rc;
}

/* ---- an assertion ---- */

struct signing {
	const struct fido_site *site;
	struct bytes allow, salt;
	fido_assert_t *assert;
};

static int
sign(struct fido *f, void *ctx, const char *pin)
{
	struct signing *s = ctx;
	struct scan ids = scan_of(s->allow);
	struct digest hash;
	fido_assert_t *a;
	int rc;

	fido_assert_free(&s->assert);
	s->assert = a = fido_assert_new();
	if (a == NULL)
		abort();
	digest_of(s->site->client_data, &hash);
	if ((rc = fido_assert_set_clientdata_hash(a, hash.b, DIGEST_BYTES)) !=
		FIDO_OK ||
	    (rc = fido_assert_set_rp(a, s->site->rp_id)) != FIDO_OK ||
	    (rc = fido_assert_set_uv(
		 a, pin == NULL ? FIDO_OPT_TRUE : FIDO_OPT_OMIT)) != FIDO_OK)
		return rc;
	if (s->salt.n > 0 &&
	    ((rc = fido_assert_set_extensions(a, FIDO_EXT_HMAC_SECRET)) !=
		    FIDO_OK ||
		(rc = fido_assert_set_hmac_salt(a, s->salt.p, s->salt.n)) !=
		    FIDO_OK))
		return rc;
	while (ids.n > 0) {
		struct bytes id = scan_v16(&ids);
		if ((rc = fido_assert_allow_cred(a, id.p, id.n)) != FIDO_OK)
			return rc;
	}
	return fido_dev_get_assert(f->dev, a, pin);
}

void
fido_assertion_free(struct fido_assertion *a)
{
	buf_free(&a->id);
	buf_free(&a->authenticator_data);
	buf_free(&a->signature);
	secret_free(&a->prf);
}

/* authenticator_data as it was signed: libfido2 has it wrapped in CBOR. */
static void
put_auth_data(const fido_assert_t *a, struct buf *out)
{
	struct scan s = scan_of(bytes_of(
	    fido_assert_authdata_ptr(a, 0), fido_assert_authdata_len(a, 0)));
	uint8_t head = scan_u8(&s);

	if (head == 0x58)
		(void)scan_u8(&s);
	else if (head == 0x59)
		(void)scan_u16(&s);
	buf_put_bytes(out, bytes_of(s.p, s.n));
}

static void
take_assertion(
    const fido_assert_t *a, struct bytes allow, struct fido_assertion *out)
{
	struct scan ids = scan_of(allow);
	const unsigned char *id = fido_assert_id_ptr(a, 0);
	const unsigned char *secret = fido_assert_hmac_secret_ptr(a, 0);

	/* With a single choice a key may leave the id out. */
	if (id != NULL)
		buf_put(&out->id, id, fido_assert_id_len(a, 0));
	else
		buf_put_bytes(&out->id, scan_v16(&ids));
	put_auth_data(a, &out->authenticator_data);
	buf_put(&out->signature, fido_assert_sig_ptr(a, 0),
	    fido_assert_sig_len(a, 0));
	if (secret != NULL && fido_assert_hmac_secret_len(a, 0) == DIGEST_BYTES)
		out->prf = secret_of(bytes_of(secret, DIGEST_BYTES));
}

int
fido_sign(struct fido *f, const struct fido_site *site, struct bytes allow,
    struct bytes salt, struct fido_assertion *out, struct err *e)
{
	struct signing s = { site, allow, { NULL, 0 }, NULL };

	if (has_prf(f->dev))
		s.salt = salt;
	int rc = command(f, sign, &s, "signing", e);
	if (rc == 0 && fido_assert_count(s.assert) != 1)
		rc = err_set(e, ERR_IO, "the security key gave no signature");
	if (rc == 0)
		take_assertion(s.assert, allow, out);
	fido_assert_free(&s.assert);
	return rc;
}

/* ---- its PIN ---- */

int
fido_has_pin(const char *device, bool *has, struct err *e)
{
	OWN(dev_free) fido_dev_t *dev = NULL;

	if (open_device(device, &dev, e) < 0)
		return -1;
	*has = fido_dev_has_pin(dev);
	return 0;
}

int
fido_set_pin(const char *device, const struct secret *old,
    const struct secret *fresh, struct err *e)
{
	OWN(dev_free) fido_dev_t *dev = NULL;
	OWN(secret_free) struct secret *was = NULL;
	OWN(secret_free) struct secret *is = NULL;

	if ((old != NULL && pin_text(old, &was, e) < 0) ||
	    pin_text(fresh, &is, e) < 0 || open_device(device, &dev, e) < 0)
		return -1;
	int rc = fido_dev_set_pin(dev, as_text(is), as_text(was));
	if (rc == FIDO_ERR_PIN_INVALID)
		return wrong_pin(dev, e);
	return rc == FIDO_OK ? 0 : failed(rc, "setting the PIN", e);
}
