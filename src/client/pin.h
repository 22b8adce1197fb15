/* SPDX-License-Identifier: ISC */
/* pin.h: the birth pin: what a secret alone can recognize the circle by. */
/*
 * HMAC-SHA-256 under HKDF(secret, "birth pin") over uid | circle_id | u32 seq
 * | head. A private key does not prove a circle: the server knows its public
 * half, and could build one around it.
 * source  docs/FORMAT.md "Birth pins".
 */
#pragma once

#include "vault/secret.h"
#include "wire/circle.h"

#define PIN_BYTES (4 + 3 * DIGEST_BYTES) /* circle_id | u32 seq | head | mac */

/* Over where the circle stands. */
void pin_birth(
    const struct secret *secret, const struct circle *c, struct digest *out);

/* The same with what it covers, for who must find that entry again. */
void pin_put(
    const struct secret *secret, const struct circle *c, struct buf *out);
/*
 * Is it of this secret, and does the circle contain what it covers?
 *
 * errors  circle-not-yours.
 */
MUST_CHECK int pin_check(const struct secret *secret, const struct circle *c,
    struct bytes pin, struct err *e);
