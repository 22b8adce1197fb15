/* SPDX-License-Identifier: ISC */
/* self_settle.h: what a change of the circle leaves to whoever comes next. */
#pragma once

#include "client/self.h"

/*
 * Hear of the newest circle, and finish what its last change leaves to whoever
 * comes next: new keys after a device left, a head under the newest keys in
 * every zone, and the name that the account goes by. One small call when nothing is due. What cannot be finished
 * now (a full server, a device too young) waits for the next command; a lie is
 * an error.
 */
MUST_CHECK int self_settle(struct self *s, struct err *e);
