/* SPDX-License-Identifier: ISC */
/* keyring_in.h: what the parts of keyring share. For keyring*.c only. */
#pragma once

#include "vault/keyring.h"

enum purpose {
	PURPOSE_S = 1,
	PURPOSE_PREVIOUS = 2,
	PURPOSE_CATEGORY = 3,
	PURPOSE_NAMES = 4,
	PURPOSE_INTEGRITY = 5,
	PURPOSE_ESCROW = 6,
	PURPOSE_ESCROW_NAMES = 7,
	PURPOSE_CARRIED = 8,
	PURPOSE_CARD = 10,
	PURPOSE_EARLIER = 11
};

/* What PURPOSE_EARLIER wraps: u32 epoch | S of it. */
#define EARLIER_BYTES (4 + SECRET_KEY)

struct epoch {
	struct secret *s;
	bool skips; /* its maker could not hand on the S before it */
	const struct envelope *noise; /* while opening: its maker's */
	struct secret *category[CATEGORY_END];
	struct secret *integrity[CATEGORY_END];
	struct secret *inbox; /* NULL until it is asked for */
	uint8_t inbox_pk[KEM_PK_BYTES]; /* its public half, from then on */
};

struct keyring {
	struct id uid;
	struct epoch *epochs; /* of epoch i + 1 */
	uint32_t n;
	struct secret *names[CATEGORY_END];
	const struct envelope *names_by[CATEGORY_END]; /* while opening */
	const struct envelope *false_names; /* found in an epoch below */
	struct id spoiler; /* who sealed noise to this device; else zeros */
};

struct envelope {
	uint8_t purpose;
	uint32_t epoch;
	uint8_t category;
	struct id sender, receiver;
	struct bytes header, ct, signed_part;
	uint8_t sig[SIG_BYTES];
};

/* Borrowed; NULL when there is no such epoch. */
const struct epoch *keyring_at(const struct keyring *k, uint32_t epoch);
/* Of epoch n, from 1; made, with all before it, when there is none. */
struct epoch *keyring_epoch_room(struct keyring *k, uint32_t n);
/* It holds that K from now on, which is taken, and what followed from another is
 * forgotten. */
void keyring_epoch_category(
    struct epoch *p, enum category c, struct secret **key);
/* Forget its keys; what else is known of it stays. */
void keyring_epoch_wipe(struct epoch *p);

/* The key under which S_n wraps what v is for. */
struct secret *keyring_wrap_key(
    const struct secret *s, const struct envelope *v);
/*
 * Append (v16) what v's header says, signed by the device: a key, or such
 * bytes, under the S of its epoch; or a key sealed to the receiver's.
 */
void keyring_put_wrapped(const struct keyring *k, const struct secret *s,
    const struct envelope *v, const struct secret *key,
    const struct devkey *device, struct buf *out);
void keyring_put_wrapped_bytes(const struct keyring *k, const struct secret *s,
    const struct envelope *v, struct bytes plain, const struct devkey *device,
    struct buf *out);
void keyring_put_sealed(const struct keyring *k, const struct envelope *v,
    const uint8_t kem_pk[static KEM_PK_BYTES], const struct secret *key,
    const struct devkey *device, struct buf *out);
/* The same of what everybody may read. */
void keyring_put_open(const struct keyring *k, const struct envelope *v,
    struct bytes plain, const struct devkey *device, struct buf *out);

/* Append the K of an epoch, or N, for the escrow that the circle names. */
void keyring_put_escrowed(const struct keyring *k, const struct circle *circle,
    uint32_t epoch, const struct devkey *device, const struct id *dev_id,
    struct buf *out);
void keyring_put_escrowed_names(const struct keyring *k,
    const struct circle *circle, const struct devkey *device,
    const struct id *dev_id, struct buf *out);

/*
 * Look at one envelope, borrowed from x: well-formed, of this account, signed
 * by a member that may have made it. Nothing is opened.
 *
 * errors  key-substituted, update-needed.
 */
MUST_CHECK int keyring_take_envelope(struct bytes x,
    const struct circle *circle, struct envelope *out, struct err *e);
/* errors: key-substituted, with those words. */
MUST_CHECK int keyring_substituted(struct err *e, const char *what);
