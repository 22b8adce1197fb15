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
 *   6  K_c,n sealed to the account's escrow key, under standard protection
 *   7  N_c sealed to it; n is the epoch in which that was done
 *   8  K_c,n from before a RESET, under HKDF(S_r, "carried" c), where r is the
 *      epoch that the RESET began
 *   10 u8 suite 1 | pk[32]: the account's inbox key of epoch n, its card, in the
 *      clear, category 7; for others, so it is none of the keyring that members
 *      get
 *   11 u32 m | S_m under HKDF(S_n, "earlier S"), in the place of 2: m < n - 1 is
 *      the newest epoch whose S the maker of n holds. Who holds S_(n-1) adds 2.
 * Purposes 2 to 5, 8 and 11 are XChaCha20-Poly1305 with the header as associated
 * data and a receiver of zeros. S_n is checked against the circle's commitment.
 * A receiver is a dev_id, a recovery key's keyref, or for 6 and 7
 * SHA-256(kem_pk)[0..16] of the escrow's key.
 * A keyring belongs to one thread while it changes.
 * source  docs/FORMAT.md "Keyring".
 */
#pragma once

#include "vault/devkey.h"
#include "wire/category.h"

struct keyring;

/* Of an account, without any key; the keys go with it, wiped. */
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

/* Make room for epochs up to n, of which nothing need be held. */
void keyring_reach(struct keyring *k, uint32_t n);

/* Forget the epoch keyring_next_epoch drew: its entry lost a race. */
void keyring_drop_epoch(struct keyring *k);

/*
 * Append to `out` the whole bundle of the circle's epoch, which must be held,
 * each envelope as v16: S for every active member of `circle` (already with the
 * entry applied) and for every recovery key in force or waiting, the previous
 * S, all K, N and I, and under standard protection K and N for the escrow.
 */
void keyring_bundle(const struct keyring *k, const struct circle *circle,
    const struct devkey *device, const struct id *dev_id, struct buf *out);

/*
 * Append (v16 each) the S that epochs lack whose makers could not hand it on,
 * as far as they are held: other members then read what was written under it.
 */
void keyring_fill(const struct keyring *k, const struct circle *circle,
    const struct devkey *device, const struct id *dev_id, struct buf *out);

/* Append one envelope (v16): S of an epoch that is held, for one member. */
void keyring_envelope_at(const struct keyring *k, uint32_t epoch,
    const struct device *to, const struct devkey *device,
    const struct id *dev_id, struct buf *out);
/* The same with the newest S. */
void keyring_envelope(const struct keyring *k, const struct device *to,
    const struct devkey *device, const struct id *dev_id, struct buf *out);

/* Append one envelope (v16): the newest S for a recovery key. */
void keyring_envelope_recovery(const struct keyring *k,
    const struct recovery_key *to, const struct devkey *device,
    const struct id *dev_id, struct buf *out);

/*
 * Append (v16 each) what standard protection uploads when it is turned on: K
 * of every epoch that is held, and N, of the categories that it covers.
 */
void keyring_for_escrow(const struct keyring *k, const struct circle *circle,
    const struct devkey *device, const struct id *dev_id, struct buf *out);

/*
 * Append (v16 each) the K of epochs before the newest RESET that are held, for
 * the bundle that comes with it.
 */
void keyring_carried(const struct keyring *k, const struct circle *circle,
    const struct devkey *device, const struct id *dev_id, struct buf *out);

/*
 * A key that came another way, such as from the escrow. K of an epoch, or N.
 * What is held already stays.
 */
void keyring_put_category(struct keyring *k, enum category c, uint32_t epoch,
    const struct secret *key);
void keyring_put_names(
    struct keyring *k, enum category c, const struct secret *key);

/*
 * What reads one category, for who may read it for a while: in the clear,
 * n * (u8 kind | u8 category | u32 epoch | key[32]); kind 1 is K, 2 is N with
 * epoch 0, 3 is I.
 */
void keyring_lend(const struct keyring *k, enum category c, struct buf *out);
/*
 * Take what keyring_lend made.
 *
 * newest  epoch of the circle.
 * errors  bad-request.
 */
MUST_CHECK int keyring_borrow(
    struct keyring *k, struct bytes lent, uint32_t newest, struct err *e);

/* What one envelope gives the escrow. */
struct keyring_escrowed {
	enum category category;
	uint32_t epoch; /* for N that in which it was sealed */
	bool names; /* N, else K of the epoch */
	struct secret *key;
};

/* Its key. */
void keyring_escrowed_free(struct keyring_escrowed *x);

/*
 * One key of an envelope that was sealed to the escrow: the escrow's half.
 *
 * account  the escrow's key for the account.
 * circle   the account's, verified by the escrow.
 * errors   key-substituted.
 */
MUST_CHECK int keyring_escrow_open(struct bytes envelope,
    const struct circle *circle, const struct devkey *account,
    struct keyring_escrowed *out, struct err *e);

/*
 * Open everything a device can open.
 *
 * dev_id     of the device; for a recovery key its keyref.
 * envelopes  v16 each, in any order; those for others are passed over.
 * errors     key-substituted: a wrong signature, a sender who never was a
 *            member, a secret that the circle did not commit to, or the newest
 *            epoch missing; keys-spoiled: all of that is right, but the member
 *            that began the newest epochs has sealed to this device, or put
 *            under S, what does not open. k then holds the epochs before.
 */
MUST_CHECK int keyring_open(struct keyring *k, const struct circle *circle,
    const struct devkey *device, const struct id *dev_id,
    struct bytes envelopes, struct err *e);

/* The newest epoch; 0 when it is empty. */
uint32_t keyring_epoch(const struct keyring *k);
/* After keys-spoiled: the device that made them. */
struct id keyring_spoiler(const struct keyring *k);
/* An epoch that was gone past: its maker had spoiled it for this device, and
 * nobody has handed it on yet. 0 for "any?". */
bool keyring_lacks(const struct keyring *k, uint32_t epoch);

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

/*
 * The inbox key of an epoch, X25519: HKDF(K of messages, "inbox"); to whose
 * public half others seal what the account gets (inbox.h). NULL when not held.
 * Borrowed: it is kept from its first use on, since each letter wants it, so
 * one thread alone asks for it at a time.
 */
const struct secret *keyring_inbox(const struct keyring *k, uint32_t epoch);
/* Its public half. errors: category-closed: it is not held. */
MUST_CHECK int keyring_inbox_pk(const struct keyring *k, uint32_t epoch,
    uint8_t out[static KEM_PK_BYTES], struct err *e);
/* Append (v16) the card of the newest epoch, if its keys are held. */
void keyring_put_card(const struct keyring *k, const struct devkey *device,
    const struct id *dev_id, struct buf *out);

/* What a card says. */
struct keyring_card {
	struct id uid;
	uint32_t epoch;
	uint8_t pk[KEM_PK_BYTES];
};

/*
 * One of the account whose circle it is, of its newest epoch, signed by a device
 * that was in it since that began.
 *
 * errors  key-substituted; conflict: it is of another epoch than the circle's;
 *         update-needed.
 */
MUST_CHECK int keyring_card_open(struct bytes card, const struct circle *circle,
    struct keyring_card *out, struct err *e);

/* The newest S, for handing it over in pairing. */
const struct secret *keyring_circle_secret(const struct keyring *k);
