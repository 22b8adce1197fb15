/* SPDX-License-Identifier: ISC */
/* self_settle.h: what a change of the circle leaves to whoever comes next. */
#pragma once

#include "client/self.h"

/*
 * Hear of the newest circle, and finish what its last change leaves to whoever
 * comes next: new keys after a device left, a head under the newest keys in
 * every zone, and a name where none was signed yet. One small call when nothing is due. What cannot be finished
 * now (a full server, a device too young) waits for the next command; a lie is
 * an error.
 */
MUST_CHECK int self_settle(struct self *s, struct err *e);

/* Does the server call the account otherwise than its devices have signed? */
bool self_renamed(const struct self *s);
/*
 * Its owner says that it goes by that name, which the server gives it: signed
 * by this device, it is what contacts take.
 *
 * errors  bad-name; bad-request: the server calls it otherwise;
 *         device-too-young; the server's.
 */
MUST_CHECK int self_goes_by(struct self *s, const char *name, struct err *e);
