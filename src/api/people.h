/* SPDX-License-Identifier: ISC */
/* people.h: what stands before all that accounts see of each other. */
#pragma once

#include "server/server.h"

/* errors: two-factor-required. */
MUST_CHECK int people_may(
    struct tx *tx, const struct caller *me, struct err *e);
/* What else a row of an answer has of an account. */
typedef int people_more_fn(
    struct tx *tx, const struct id *uid, json_t *row, struct err *e);
/* Answer where the circles of the accounts in "uids" stand, of at most so many;
 * more: or NULL. errors: two-factor-required, bad-request. */
MUST_CHECK int people_list(struct tx *tx, struct call *c, size_t most,
    people_more_fn *more, struct err *e);
