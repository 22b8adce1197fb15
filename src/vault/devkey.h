/* SPDX-License-Identifier: ISC */
/* devkey.h: the private keys of one device: it signs, and opens what is sealed
 * to it. */
#pragma once

#include "vault/secret.h"
#include "wire/circle.h"
#include "wire/sig.h"

#define DEVKEY_BYTES 64 /* Ed25519 seed[32] | X25519 private key[32] */

struct devkey;

/* Fresh keys; `device` gets their public halves and a random dev_id. */
struct devkey *devkey_new(struct device *device);
/* From DEVKEY_BYTES that devkey_secret gave. */
struct devkey *devkey_of(struct bytes raw);
/*
 * The keys of a member that is a security key, from the 32 bytes that its PRF
 * gives: HKDF-SHA-256 with info "aumbry key sign\0" and "aumbry key seal\0".
 */
struct devkey *devkey_from_prf(const struct secret *prf);
/* The public halves into `device`. */
void devkey_publish(const struct devkey *k, struct device *device);
void devkey_free(struct devkey **k);
/* For writing the key file: DEVKEY_BYTES. */
struct secret *devkey_secret(const struct devkey *k);
void devkey_sign_pk(const struct devkey *k, uint8_t out[static SIG_PK_BYTES]);

/* Ed25519 over the label and the message. */
void devkey_sign(const struct devkey *k, enum sig_label label,
    struct bytes message, uint8_t sig[static SIG_BYTES]);

/* Append what only the holder of kem_pk can open (X25519 sealed box). It must
 * be usable (wire/kem.h), as all in a circle are. */
void devkey_seal(const uint8_t kem_pk[static KEM_PK_BYTES], struct bytes plain,
    struct buf *out);
/* errors: key-substituted when it was not sealed to this device. */
MUST_CHECK int devkey_open(const struct devkey *k, struct bytes sealed,
    struct secret **out, struct err *e);
