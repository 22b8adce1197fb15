/* SPDX-License-Identifier: ISC */
/* people.h: what stands before all that accounts see of each other. */
#pragma once

#include "server/server.h"

/* errors: two-factor-required. */
MUST_CHECK int people_may(
    struct tx *tx, const struct caller *me, struct err *e);
