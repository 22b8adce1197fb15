/* SPDX-License-Identifier: ISC */
/* recoverykeys.h: what the server keeps of an account's recovery keys. */
#pragma once

#include "server/server.h"

/* After an entry of the circle: forget keys that no set names any more. */
MUST_CHECK int recoverykeys_tidy(
    struct tx *tx, const struct circle *c, struct err *e);
/* Is there a row for each key of both sets? errors: bad-request. */
MUST_CHECK int recoverykeys_staged(
    struct tx *tx, const struct circle *c, struct err *e);
