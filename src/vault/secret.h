/* SPDX-License-Identifier: ISC */
/* secret.h: memory for keys and passphrases, and the keys made from them. */
/*
 * Guarded, locked, never dumped, wiped when freed. One key serves one purpose
 * and is derived by label. secret_bytes may be called in `vault` alone (and in
 * the mains' reading of passwords).
 */
#pragma once

#include "base/buf.h"

#define SECRET_KEY 32 /* bytes in every symmetric key of ours */

struct secret;

/* Locked, guarded pages; freed as zeros. secret_new: n zero bytes. */
struct secret *secret_new(size_t n);
struct secret *secret_of(struct bytes x); /* copies */
struct secret *secret_random(size_t n);
struct secret *secret_copy(const struct secret *s);
/*
 * n bytes of s, from `at` on, as a secret in the pages of s: freed before s is.
 *
 * cost    next to nothing, where pages of its own cost as much as an exchange
 *         of keys: for what many keys are drawn for and wiped at once. Nothing
 *         guards one part from the next.
 */
struct secret *secret_part(struct secret *s, size_t at, size_t n);
void secret_free(struct secret **s);
struct bytes secret_bytes(const struct secret *s); /* borrowed */
uint8_t *secret_room(struct secret *s); /* to be filled, secret_bytes(s).n */
/* A uniformly random number below `limit`, for codes shown to people. */
uint32_t secret_number(uint32_t limit);
bool secret_equal(const struct secret *a, const struct secret *b);

/*
 * HKDF-SHA-256(ikm = s, salt empty, info = label | NUL | context), 32 bytes.
 *
 * label  a fixed text that names the purpose.
 */
struct secret *secret_derive(
    const struct secret *s, const char *label, struct bytes context);
/* The same into `out`, of 32 bytes. */
void secret_derive_to(struct secret *out, const struct secret *s,
    const char *label, struct bytes context);

/*
 * Argon2id (RFC 9106), p = 1: 32 bytes from a password.
 *
 * errors  too-large when there is not that much memory.
 */
MUST_CHECK int secret_stretch(struct bytes password,
    const uint8_t salt[static 16], uint32_t memory_kib, uint32_t passes,
    struct secret **out, struct err *e);
