/* SPDX-License-Identifier: ISC */
/* settled.h: what a device's word is worth while it is young. */
/*
 * Whoever holds a device that is just in may hold nothing else. While the
 * account has older devices, such a one does not change how the account is
 * opened: who took it could shut the older ones out, and its owner with them.
 * Nor does being let in by a device prove a factor. A device that a security
 * key, a recovery or a sign-up brought has proven more than that.
 */
#pragma once

#include "server/server.h"

/* Was it brought by more than the word of another device? */
MUST_CHECK int settled_by_proof(struct tx *tx, const struct circle *circle,
    const struct member *m, bool *yes, struct err *e);

/* May the calling device change how the account is opened? errors:
 * device-too-young, naming the time. */
MUST_CHECK int settled_check(
    struct tx *tx, const struct caller *who, int64_t now_ms, struct err *e);
