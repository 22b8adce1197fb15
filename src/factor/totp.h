/* SPDX-License-Identifier: ISC */
/* totp.h: codes of an authenticator app (RFC 6238), SHA-1, 30 s, 6 digits. */
#pragma once

#include "server/server.h"

MUST_CHECK int totp_has(
    struct tx *tx, const struct id *uid, bool *has, struct err *e);
/* The code in c->in. *ok false: refused. */
MUST_CHECK int totp_check(struct tx *tx, struct call *c, const struct id *uid,
    bool *ok, struct err *e);

/* The app: its secret drawn, confirmed by a code, taken out. */
server_call_fn totp_add, totp_confirm, totp_remove;
