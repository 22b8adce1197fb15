/* SPDX-License-Identifier: ISC */
/* seal.h: small ciphertext: XChaCha20-Poly1305 with everything bound. */
#pragma once

#include "vault/secret.h"
#include "wire/category.h"
#include "wire/id.h"

#define SEAL_NONCE 24
#define SEAL_TAG 16
#define SEAL_OVERHEAD (SEAL_NONCE + SEAL_TAG)

/* Append nonce[24] | ciphertext | tag[16]; the nonce is random. */
void seal_make(const struct secret *key, struct bytes ad, struct bytes plain,
    struct buf *out);

/* Append the plaintext. errors: record-corrupt. */
MUST_CHECK int seal_open(const struct secret *key, struct bytes ad,
    struct bytes sealed, struct buf *out, struct err *e);

/* Into key memory instead. errors: record-corrupt. */
MUST_CHECK int seal_open_secret(const struct secret *key, struct bytes ad,
    struct bytes sealed, struct secret **out, struct err *e);

/* Where a record stands: all of it is bound to its ciphertext. */
struct seal_place {
	struct id uid; /* owner of the zone */
	uint8_t category;
	struct id zone;
	struct id id;
	uint64_t version;
};

#define SEAL_RECORD_HEADER 6 /* u8 format | u8 algorithm | u32 epoch */
#define SEAL_ALG_XCHACHA20_POLY1305 2

/*
 * Seal a record: header | nonce | ciphertext | tag, associated data
 * "aumbry record v1\0" | header | uid | u8 category | zone | id | u64 version.
 *
 * key     HKDF(K of category and epoch, "record" | zone), see keyring.h.
 * source  docs/FORMAT.md "Record".
 */
void seal_record(const struct secret *key, uint32_t epoch,
    const struct seal_place *place, struct bytes plain, struct buf *out);

/* The epoch a sealed record names. errors: record-corrupt, update-needed. */
MUST_CHECK int seal_record_epoch(
    struct bytes sealed, uint32_t *epoch, struct err *e);

/* errors: record-corrupt. */
MUST_CHECK int seal_record_open(const struct secret *key,
    const struct seal_place *place, struct bytes sealed, struct buf *out,
    struct err *e);
