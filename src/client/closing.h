/* SPDX-License-Identifier: ISC */
/* closing.h: this device's account is to end. */
/*
 * A CLOSE of the circle as it is now goes to the server, which keeps it and
 * waits; the circle goes on until then. Where there are recovery keys, one of
 * them signs it, and no device.
 */
#pragma once

#include "client/self.h"

/* Does it take a recovery key? */
bool closing_wants_key(const struct self *s);

/*
 * Ask for it, after a step-up.
 *
 * code, half  of a recovery key in force, as recovery_try takes them; code
 *             NULL: where there are none.
 * ends_ms     when it does.
 * errors      input-missing without a key where one is wanted;
 *             recovery-key-wrong; conflict: the circle has just changed.
 */
MUST_CHECK int closing_ask(struct self *s, const struct secret *code,
    struct bytes half, uint64_t *ends_ms, struct err *e);
