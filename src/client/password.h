/* SPDX-License-Identifier: ISC */
/* password.h: what a new password must be, for the program and the page. */
#pragma once

#include "base/buf.h"
#include "base/err.h"

#define PASSWORD_CHARS 8 /* at least */
#define PASSWORD_BYTES 1024 /* at most */

/*
 * Text that can be typed again, and long enough.
 *
 * errors  bad-request: it is not, and the message says why; too-large.
 */
MUST_CHECK int password_check(struct bytes password, struct err *e);
