/* SPDX-License-Identifier: ISC */
/* self_freshpin.h: fresh pins of the circle, for what is not always there. */
#pragma once

#include "client/self.h"

/*
 * Keep the fresh pin's key of a security key or recovery key, so that devices
 * can renew its pin (circlepin.h); and renew all where the circle has changed.
 */
MUST_CHECK int self_freshpin_key(struct self *s, const struct id *ref,
    const struct secret *secret, struct err *e);
MUST_CHECK int self_freshpin_renew(struct self *s, struct err *e);
