/* SPDX-License-Identifier: ISC */
/* trust.h: browsers that need no second factor for 30 days. */
/*
 * Who proves a factor in a browser may have it remembered: a random token in a
 * cookie that scripts cannot read (HttpOnly) and other sites cannot cause to
 * be sent (SameSite=Strict). It stands for the factor, never for the password,
 * and ends with a password change, or by itself.
 */
#pragma once

#include "server/server.h"

#define TRUST_DAYS 30

/* Give the caller's browser a cookie. */
MUST_CHECK int trust_make(
    struct tx *tx, struct call *c, const struct id *uid, struct err *e);
MUST_CHECK int trust_has(
    struct tx *tx, const struct id *uid, bool *has, struct err *e);
/* The cookie of the request. *ok false: refused. */
MUST_CHECK int trust_check(struct tx *tx, struct call *c, const struct id *uid,
    bool *ok, struct err *e);
