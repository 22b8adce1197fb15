/* SPDX-License-Identifier: ISC */
/* keyring.h: every key of an account that a member holds, by epoch. */
/*
 *   circle secret  S_n     n = epoch of the circle, from 1
 *   category key   K_c,n   seals records and packs of category c
 *   name key       N_c     names chunks and seeds the chunker
 *   integrity key  I_c,n   keys the live sum of c's zone
 *
 * Each travels in an envelope signed by the member that made it:
 *
 *   u8 format 1 | u8 purpose | uid[16] | u32 epoch | u8 category
 *   | sender dev_id[16] | receiver[16] | v16 ciphertext | sig[64]
 *
 * sig covers SIG_ENVELOPE's label and everything before it. Purposes:
 *   1  S_n sealed to the receiver's X25519 key
 *   2  S_(n-1) under HKDF(S_n, "previous S")
 *   3  K_c,n under HKDF(S_n, "category" c)
 *   4  N_c under HKDF(S_n, "names" c)
 *   5  I_c,n under HKDF(S_n, "integrity" c)
 * Purposes 2 to 5 are XChaCha20-Poly1305 with the header as associated data
 * and a receiver of zeros. S_n is checked against the circle's commitment.
 * A keyring belongs to one thread while it changes.
 * source  docs/FORMAT.md "Keyring".
 */
#pragma once

#include "vault/devkey.h"
#include "wire/category.h"

struct keyring;

struct keyring *keyring_new(const struct id *uid);
void keyring_free(struct keyring **k);
/* Take over what `more` holds and k does not; borrowed keys of k stay. */
void keyring_absorb(struct keyring *k, struct keyring *more);

/*
 * Draw S, K and I for epoch n = newest + 1, and N where there is none yet.
 * The state category has no K: its record key comes from S.
 *
 * kc  gets the epoch and the commitment, for the circle entry.
 */
void keyring_next_epoch(struct keyring *k, struct key_change *kc);

/* Forget the epoch keyring_next_epoch drew: its entry lost a race. */
void keyring_drop_epoch(struct keyring *k);

/*
 * Append to `out` the whole bundle of the circle's epoch, which must be held,
 * each envelope as v16: S for every active member of `circle` (already with the
 * entry applied), the previous S, and all K, N and I.
 */
void keyring_bundle(const struct keyring *k, const struct circle *circle,
    const struct devkey *device, const struct id *dev_id, struct buf *out);

/* Append one envelope (v16): S of an epoch that is held, for one member. */
void keyring_envelope_at(const struct keyring *k, uint32_t epoch,
    const struct device *to, const struct devkey *device,
    const struct id *dev_id, struct buf *out);
/* The same with the newest S. */
void keyring_envelope(const struct keyring *k, const struct device *to,
    const struct devkey *device, const struct id *dev_id, struct buf *out);

/*
 * Open everything a device can open.
 *
 * envelopes  v16 each, in any order.
 * errors     key-substituted: a wrong signature, a sender who never was a
 *            member, a secret that the circle did not commit to, or the newest
 *            epoch missing.
 */
MUST_CHECK int keyring_open(struct keyring *k, const struct circle *circle,
    const struct devkey *device, const struct id *dev_id,
    struct bytes envelopes, struct err *e);

uint32_t keyring_epoch(const struct keyring *k); /* newest; 0 when empty */

/* Borrowed keys. NULL when the epoch or category is not held. */
const struct secret *keyring_category(
    const struct keyring *k, enum category c, uint32_t epoch);
const struct secret *keyring_names(const struct keyring *k, enum category c);
const struct secret *keyring_integrity(
    const struct keyring *k, enum category c, uint32_t epoch);

/*
 * The key that seals records of a zone: HKDF(K_c,epoch, "record" | zone), for
 * the state category HKDF(S_epoch, "record" | zone). NULL when not held.
 */
struct secret *keyring_record(const struct keyring *k, enum category c,
    const struct id *zone, uint32_t epoch);

/* The newest S, for handing it over in pairing. */
const struct secret *keyring_circle_secret(const struct keyring *k);
