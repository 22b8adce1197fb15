/* SPDX-License-Identifier: ISC */
/* self_password.h: a new password. */
#pragma once

#include "client/login.h"
#include "client/self.h"

/* After a step-up, whose run of OPAQUE is `l`. */
MUST_CHECK int self_new_password(
    struct self *s, const struct login *l, struct bytes fresh, struct err *e);
/*
 * already  the new one was in force before, and the old one not: a change whose
 *          answer was lost.
 * errors   wrong-password-or-name, wrong-code, step-up-required.
 */
MUST_CHECK int self_change_password(struct self *s, struct bytes old,
    struct bytes fresh, const struct prove *p, bool *already, struct err *e);
