/* SPDX-License-Identifier: ISC */
/* totp.h: codes of an authenticator app (RFC 6238), SHA-1, 30 s, 6 digits. */
#pragma once

#include "server/server.h"

/* For the table of ways: is there a confirmed app; is the code in c->in right,
 * of now, and not used before? *ok false: refused. errors: factor-missing. */
MUST_CHECK int totp_has(
    struct tx *tx, const struct id *uid, bool *has, struct err *e);
MUST_CHECK int totp_check(struct tx *tx, struct call *c, const struct id *uid,
    bool *ok, struct err *e);

/* The app: its secret drawn, confirmed by a code, taken out. */
server_call_fn totp_add, totp_confirm, totp_remove;
