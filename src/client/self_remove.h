/* SPDX-License-Identifier: ISC */
/* self_remove.h: devices leave. */
#pragma once

#include "client/self.h"

/*
 * Remove other devices: new keys for all that remain, then a head in every
 * zone. A kill at any instant leaves it undone or done; self_settle makes the
 * heads then, and self_removing tells who began it.
 * errors  device-too-young, step-up-required, not-found, conflict.
 */
MUST_CHECK int self_remove(
    struct self *s, const struct id *ids, size_t n, struct err *e);

/* *begun: this device removed that one, and never said so. */
MUST_CHECK int self_removing(
    struct self *s, const struct id *dev_id, bool *begun, struct err *e);
/* It was said. */
MUST_CHECK int self_removed(
    struct self *s, const struct id *dev_id, struct err *e);

/*
 * Leave the account. Its keys stay as they are until self_settle of another
 * device: who leaves must not know the next ones.
 * errors  permission-denied for the only device.
 */
MUST_CHECK int self_leave(struct self *s, struct err *e);
