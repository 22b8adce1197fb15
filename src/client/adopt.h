/* SPDX-License-Identifier: ISC */
/* adopt.h: a home whose machine has become another one. */
/*
 * device.key is bound to /etc/machine-id so that a copy is told from the
 * device. A system that was set up anew, or a disk that was moved, looks like
 * a copy; only the owner knows which it is, and the password says who that is.
 * Nothing is asked of a second factor: the keys are here already, and one that
 * was lost with the old system must not lock them in.
 */
#pragma once

#include "client/self.h"

/* Opened to be looked at: what is written under it would be a copy's. */
MUST_CHECK int adopt_look(
    const char *dir, bool *here, struct self **out, struct err *e);

/*
 * Bind the key to this machine.
 *
 * s       of adopt_look.
 * errors  wrong-password-or-name, device-removed, server-unreachable.
 */
MUST_CHECK int adopt(struct self *s, struct bytes password, struct err *e);
