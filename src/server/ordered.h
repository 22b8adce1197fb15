/* SPDX-License-Identifier: ISC */
/* ordered.h: recoveries that an operator ordered, which any sign-in ends. */
#pragma once

#include "server/server.h"

/* As the column `state` of a recovery says it. */
enum recover_state {
	RECOVER_ASKED, /* nothing is proven: a contact or the operator must */
	RECOVER_WAITING, /* proven, until ready_ms */
	RECOVER_STOPPED, /* by a device, or by a sign-in */
	RECOVER_DONE
};

/* Somebody of the account has signed in, by a device or by a code: an
 * operator's recovery ends. */
MUST_CHECK int ordered_stop(
    struct tx *tx, struct call *c, const struct id *uid, struct err *e);
