/* SPDX-License-Identifier: ISC */
/* self_in.h: what the parts of self share. For self*.c only. */
#pragma once

#include "client/self.h"

/* ---- circle and keyring: self_refresh.c ---- */

/*
 * Apply entries, v16 each, that this device has kept or that the server adds;
 * the latter only when they are none of the future (chain_in_time).
 *
 * errors  circle-rolled-back, circle-forked when they do not go on from `c`;
 *         those of circle_apply.
 */
MUST_CHECK int self_apply_kept(
    struct circle *c, struct bytes entries, struct err *e);
MUST_CHECK int self_apply_entries(
    struct circle *c, struct bytes entries, struct err *e);
/* Take over what opens here. errors: those of keyring_open. */
MUST_CHECK int self_open_keyring(struct self *s, const struct circle *c,
    struct bytes envelopes, struct err *e);
/* Fetch the keys of the newest epoch, when they are not here yet. */
MUST_CHECK int self_complete_keyring(struct self *s, struct err *e);
/* This device is not in `c` any more: device-removed or account-reset. */
MUST_CHECK int self_is_out(
    const struct self *s, const struct circle *c, struct err *e);

/* ---- the sign-up that was cut off: self_connect.c ---- */

/* Note what self_connect goes on with, until its end is known. */
MUST_CHECK int self_founding_keep(struct local *local, const struct id *opening,
    const char *device_name, struct bytes request, struct err *e);

/* ---- entries of the circle: self_entry.c ---- */

/* May another try do better? Then the newest circle is here. */
bool self_again(struct self *s, int tries, struct err *e);
/* Append an entry after the circle, signed by this device. */
void self_make_entry(const struct self *s, enum circle_type type,
    struct bytes body, struct buf *out);
/*
 * Submit an entry whose body is `before` and then new keys, with its bundle.
 *
 * errors  conflict: see self_again; those of circle_apply.
 */
MUST_CHECK int self_submit_keys(
    struct self *s, enum circle_type type, struct bytes before, struct err *e);
/*
 * Submit an entry without new keys, if it may be, and follow it.
 *
 * errors  as self_submit_keys.
 */
MUST_CHECK int self_submit_entry(
    struct self *s, struct bytes entry, struct bytes envelopes, struct err *e);

/*
 * As self_settle of the circle that is here; what cannot be finished is an
 * error.
 */
MUST_CHECK int self_settle_here(struct self *s, struct err *e);
