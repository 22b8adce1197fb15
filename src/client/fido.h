/* SPDX-License-Identifier: ISC */
/* fido.h: a security key that is plugged in here. */
/*
 * One key is opened at a time. It always checks its owner, by PIN or finger;
 * the PIN is asked for when it is needed, and kept until fido_free.
 */
#pragma once

#include "vault/secret.h"

struct fido;

struct fido_ask {
	/* Path, such as /dev/hidraw0; NULL: the only one that is plugged in;
	 * "unix:/PATH": a socket that carries the reports of a key. */
	const char *device;
	/* Ask the person; the text is without a NUL. */
	int (*pin)(void *ctx, struct secret **out, struct err *e);
	void (*touch)(void *ctx); /* say that it must be touched */
	void *ctx;
};

/*
 * errors  security-key-missing; input-missing when there are several;
 *         security-key-no-pin when it cannot check its owner.
 */
MUST_CHECK int fido_open(
    const struct fido_ask *ask, struct fido **out, struct err *e);
void fido_free(struct fido **f);

struct fido_site {
	const char *rp_id, *rp_name;
	struct bytes client_data; /* JSON */
};

struct fido_user {
	struct bytes id;
	const char *name;
};

struct fido_made {
	struct buf id; /* of the credential */
	struct buf attestation; /* WebAuthn's attestation object */
	bool prf;
};
void fido_made_free(struct fido_made *m);

/*
 * Make a credential, ES256 or else EdDSA.
 *
 * exclude  ids that must not be on this key, v16 each.
 * errors   conflict when one is; security-key-pin, -blocked, -untouched.
 */
MUST_CHECK int fido_make(struct fido *f, const struct fido_site *site,
    const struct fido_user *user, struct bytes exclude, struct fido_made *out,
    struct err *e);

struct fido_assertion {
	struct buf id, authenticator_data, signature;
	struct secret *prf; /* 32 bytes; NULL when the key has no PRF */
};
void fido_assertion_free(struct fido_assertion *a);

/*
 * Sign with a credential of `allow` (ids, v16 each).
 *
 * salt    DIGEST_BYTES for the PRF as CTAP wants it, or n 0.
 * errors  security-key-unknown when none is on this key; security-key-pin,
 *         -blocked, -untouched.
 */
MUST_CHECK int fido_sign(struct fido *f, const struct fido_site *site,
    struct bytes allow, struct bytes salt, struct fido_assertion *out,
    struct err *e);

/* Give a key its PIN. old: NULL when it has none. */
MUST_CHECK int fido_set_pin(const char *device, const struct secret *old,
    const struct secret *fresh, struct err *e);
/* Has it one? */
MUST_CHECK int fido_has_pin(const char *device, bool *has, struct err *e);
