/* SPDX-License-Identifier: ISC */
/* circlepin.h: pins: what a secret alone can recognize the circle by. */
/*
 * HMAC-SHA-256 over uid | circle_id | u32 seq | head, under a key derived from
 * the secret of what is not always there: a password, a security key, a
 * recovery key. A private key does not prove a circle: the server knows its
 * public half, and could build one around it.
 *
 *   birth pin  under HKDF(secret, "birth pin"): made with the secret, once
 *   fresh pin  under HKDF(secret, "fresh pin"), a key that the account's
 *              devices have as well: they renew it at each change of the circle
 *
 * Whoever took over the server later has no fresh pin of an older list of
 * devices to show with it. The birth pin must hold; of fresh pins one that no
 * device can have made counts as none, or whoever can put one in its place
 * would shut the key out.
 * source  docs/FORMAT.md "Pins".
 */
#pragma once

#include "vault/devkey.h"

#define CIRCLEPIN_BYTES \
	(4 + 3 * DIGEST_BYTES) /* circle_id | u32 seq | head | mac */

/* The birth pin over where the circle stands: its mac alone. */
void circlepin_birth(
    const struct secret *secret, const struct circle *c, struct digest *out);

/* The same with what it covers, for who must find that entry again. */
void circlepin_put(
    const struct secret *secret, const struct circle *c, struct buf *out);
/*
 * Is it of this secret, and does the circle contain what it covers?
 *
 * errors  circle-not-yours.
 */
MUST_CHECK int circlepin_check(const struct secret *secret,
    const struct circle *c, struct bytes pin, struct err *e);

/* The key of fresh pins. */
struct secret *circlepin_fresh_key(const struct secret *secret);
/* A fresh pin for `ref`, signed by a device: FRESHPIN_BYTES. */
void circlepin_fresh_put(const struct secret *fresh_key, const struct circle *c,
    const struct id *ref, const struct devkey *device, const struct id *dev_id,
    struct buf *out);
/*
 * *made   a device of the account has made it; what else comes is no pin.
 * errors  circle-not-yours; circle-rolled-back: the circle is shorter than what
 *         a device of the account has vouched for.
 */
MUST_CHECK int circlepin_fresh_check(const struct secret *secret,
    const struct circle *c, const struct id *ref, struct bytes pin, bool *made,
    struct err *e);
