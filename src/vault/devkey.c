/* SPDX-License-Identifier: ISC */
/* devkey.c: device keys over libsodium. */
#include "vault/devkey.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

struct devkey {
	struct secret *raw; /* DEVKEY_BYTES */
	struct secret *sign; /* libsodium's 64-byte form */
	uint8_t sign_pk[SIG_PK_BYTES];
	uint8_t kem_pk[KEM_PK_BYTES];
};

struct devkey *
devkey_of(struct bytes raw)
{
	struct devkey *k = mem_new(sizeof *k);

	if (raw.n != DEVKEY_BYTES)
		abort();
	k->raw = secret_of(raw);
	k->sign = secret_new(crypto_sign_SECRETKEYBYTES);
	const uint8_t *p = secret_bytes(k->raw).p;
	if (crypto_sign_seed_keypair(k->sign_pk, secret_room(k->sign), p) < 0 ||
	    crypto_scalarmult_base(k->kem_pk, p + 32) < 0)
		abort();
	return k;
}

void
devkey_publish(const struct devkey *k, struct device *device)
{
	memcpy(device->sign_pk, k->sign_pk, sizeof k->sign_pk);
	memcpy(device->kem_pk, k->kem_pk, sizeof k->kem_pk);
}

struct devkey *
devkey_new(struct device *device)
{
	OWN(secret_free) struct secret *raw = secret_random(DEVKEY_BYTES);
	struct devkey *k = devkey_of(secret_bytes(raw));

	id_random(&device->dev_id);
	devkey_publish(k, device);
	return k;
}

struct devkey *
devkey_from_prf(const struct secret *prf)
{
	OWN(secret_free)
	struct secret *sign =
	    secret_derive(prf, "aumbry key sign", bytes_str(""));
	OWN(secret_free)
	struct secret *seal =
	    secret_derive(prf, "aumbry key seal", bytes_str(""));
	OWN(secret_free) struct secret *raw = secret_new(DEVKEY_BYTES);

	memcpy(secret_room(raw), secret_bytes(sign).p, SECRET_KEY);
	memcpy(secret_room(raw) + SECRET_KEY, secret_bytes(seal).p, SECRET_KEY);
	return devkey_of(secret_bytes(raw));
}

void
devkey_free(struct devkey **k)
{
	if (*k != NULL) {
		secret_free(&(*k)->raw);
		secret_free(&(*k)->sign);
	}
	free(*k);
	*k = NULL;
}

struct secret *
devkey_secret(const struct devkey *k)
{
	return secret_copy(k->raw);
}

void
devkey_sign_pk(const struct devkey *k, uint8_t out[static SIG_PK_BYTES])
{
	memcpy(out, k->sign_pk, SIG_PK_BYTES);
}

void
devkey_sign(const struct devkey *k, enum sig_label label, struct bytes message,
    uint8_t sig[static SIG_BYTES])
{
	OWN(buf_free) struct buf m = { 0 };

	buf_put_bytes(&m, sig_label(label));
	buf_put_bytes(&m, message);
	(void)crypto_sign_detached(
	    sig, NULL, m.p, m.n, secret_bytes(k->sign).p);
}

void
devkey_seal(const uint8_t kem_pk[static KEM_PK_BYTES], struct bytes plain,
    struct buf *out)
{
	uint8_t *to = buf_grow(out, plain.n + crypto_box_SEALBYTES);

	if (crypto_box_seal(to, plain.p, plain.n, kem_pk) < 0)
		abort();
}

int
devkey_open(const struct devkey *k, struct bytes sealed, struct secret **out,
    struct err *e)
{
	if (sealed.n < crypto_box_SEALBYTES)
		return err_set(
		    e, ERR_KEY_SUBSTITUTED, "a sealed key is too short");
	OWN(secret_free)
	struct secret *s = secret_new(sealed.n - crypto_box_SEALBYTES);
	if (crypto_box_seal_open(secret_room(s), sealed.p, sealed.n, k->kem_pk,
		secret_bytes(k->raw).p + 32) < 0)
		return err_set(e, ERR_KEY_SUBSTITUTED,
		    "a key was not sealed to this device");
	*out = TAKE(s);
	return 0;
}
