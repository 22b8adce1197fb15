/* SPDX-License-Identifier: ISC */
/* people.h: what stands before all that accounts see of each other. */
#pragma once

#include "server/server.h"

/* errors: two-factor-required. */
MUST_CHECK int people_may(
    struct tx *tx, const struct caller *me, struct err *e);
/* Where an account's circle stands, into a row of an answer. */
MUST_CHECK int people_show(
    struct tx *tx, const struct account *a, json_t *row, struct err *e);
