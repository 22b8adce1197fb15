/* SPDX-License-Identifier: ISC */
/* protections.h: the protection level, and the account's key with the escrow. */
#pragma once

#include "server/server.h"

/* Have the escrow make a key for the uid: "escrow" of the answer, as in
 * wire/circle.h. Outside of transactions. errors: escrow-unreachable. */
MUST_CHECK int protections_put_escrow(
    struct call *c, struct bytes uid, struct err *e);

/* A key with the escrow is asked for; unless protections_begun says by until_ms
 * that an entry names it, it is dropped. */
MUST_CHECK int protections_begin(
    struct tx *tx, const struct id *uid, int64_t until_ms, struct err *e);
/* An entry came, and the account stands under that protection. */
MUST_CHECK int protections_begun(struct tx *tx, struct call *c,
    const struct id *uid, bool standard, struct err *e);

/* Is it standard by our escrow, or advanced? errors: protection-blocked,
 * escrow-changed. */
MUST_CHECK int protections_check(
    const struct call *c, const struct circle *circle, struct err *e);

/*
 * Pass on the "release" of a new password, the key that it signs releases with.
 * Nothing when there is none and the account is not under standard protection.
 */
MUST_CHECK int protections_register(
    struct tx *tx, struct call *c, const struct id *uid, struct err *e);

/* An entry of the circle has set the level. */
MUST_CHECK int protections_changed(struct tx *tx, struct call *c,
    const struct circle *before, const struct circle *after, struct err *e);
