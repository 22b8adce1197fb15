/* SPDX-License-Identifier: ISC */
/* release.h: keys from the escrow, under standard protection. */
/*
 * The release key is an Ed25519 key from OPAQUE's export key, so that only the
 * password makes it; a device of the account names it to the escrow. What it
 * signs, with the server's word that a factor was proven, lets the escrow hand
 * out the keys that standard protection covers, to one recipient, for reading.
 * source  wire/escrow.h, docs/PROTOCOL.md "Release".
 */
#pragma once

#include "link/control.h"
#include "client/login.h"
#include "vault/keyring.h"
#include "wire/escrow.h"

/* "release" of a new password: the registration of its release key. */
void release_register(const struct secret *export_key, const struct id *uid,
    const struct devkey *device, const struct id *dev_id, json_t *out);

/* What was handed out, still sealed to the key that is beside it. */
struct release {
	struct id request;
	struct devkey *key;
	struct buf bytes; /* as the escrow signed it */
};

/* The key and what was handed out. */
void release_free(struct release *x);

/*
 * Ask the escrow for the keys of everything it holds. release_open is next.
 *
 * r       a session by password and factor, or a device's.
 * uid     of the account.
 * errors  release-refused, escrow-unreachable, those of the escrow.
 */
MUST_CHECK int release_ask(struct remote *r, const struct secret *export_key,
    const struct id *uid, struct release *out, struct err *e);

/*
 * Open what the escrow has handed out.
 *
 * request  of the asking, or the order.
 * key      the recipient's.
 * errors   escrow-changed when another escrow has signed it; key-substituted.
 */
MUST_CHECK int release_open(struct bytes released, const struct circle *circle,
    const struct id *request, const struct devkey *key, struct keyring *out,
    struct err *e);

/* The escrow that a server names for an account: "escrow" of its answer.
 * errors: escrow-changed when it is not the one of the URL; bad-request. */
MUST_CHECK int release_escrow(struct remote *r, const json_t *answer,
    const struct id *uid, struct circle_escrow *out, struct err *e);

/* Is it the circle that this password's account began with? errors:
 * circle-not-yours. */
MUST_CHECK int release_check_circlepin(const struct secret *export_key,
    const struct circle *circle, struct bytes birth, struct err *e);
