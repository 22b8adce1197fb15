/* SPDX-License-Identifier: ISC */
/* entries.h: what an entry of the circle does to the account's sessions. */
#pragma once

#include "server/server.h"

/* Does the circle go by the account's own name? again: or by one that a copy may
 * have lost. errors: bad-request. */
MUST_CHECK int entries_name(
    struct tx *tx, const struct circle *c, bool again, struct err *e);

/* Devices that were active before and are not now lose their sessions. */
MUST_CHECK int entries_end_removed(struct tx *tx, struct call *c,
    const struct circle *before, const struct circle *after, struct err *e);
