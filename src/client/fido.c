/* SPDX-License-Identifier: ISC */
/* fido.c: making and signing with a security key, over libfido2. */
#include "client/fido_in.h"

#include "base/scan.h"
#include "base/stop.h"
#include "wire/digest.h"

#include <stdlib.h>
#include <string.h>

struct fido {
	fido_dev_t *dev;
	const struct fido_ask *ask;
	struct secret *pin; /* with its NUL; NULL: not asked for yet */
};

int
fido_open(const struct fido_ask *ask, struct fido **out, struct err *e)
{
	OWN(fido_device_free) fido_dev_t *dev = NULL;

	if (fido_device_open(ask->device, &dev, e) < 0)
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
	fido_device_free(&(*f)->dev);
	secret_free(&(*f)->pin);
	free(*f);
	*f = NULL;
}

static int
ask_pin(struct fido *f, struct err *e)
{
	OWN(secret_free) struct secret *typed = NULL;

	return f->ask->pin(f->ask->ctx, &typed, e) < 0 ||
		fido_pin_text(typed, &f->pin, e) < 0
	    ? -1
	    : 0;
}

/* One command, with the owner's finger or PIN. */
typedef int (*command_fn)(struct fido *f, void *ctx, const char *pin);

/* Asked to stop, the key need not blink until its time is up. */
static int
guarded(struct fido *f, command_fn fn, void *ctx)
{
	stop_guard();
	int rc = fn(f, ctx, fido_pin_shown(f->pin));
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
		return fido_pin_wrong(f->dev, e);
	}
	return rc == FIDO_OK ? 0 : fido_failed(rc, what, e);
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
