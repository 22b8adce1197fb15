/* SPDX-License-Identifier: ISC */
/* lost.h: an owner who has a device and the password, and no factor any more. */
/*
 * The device says so, the account is told on every channel, and when nobody has
 * stopped it for as long as a change of the ways to recover waits, the password
 * alone steps that device up for a day, so that its owner can add another
 * factor. A factor that is proven meanwhile ends it: then none is lost.
 */
#pragma once

#include "server/server.h"

/* The calling device says that all factors are lost, or says that they are not.
 * POST and DELETE /v1/factors/lost. */
server_call_fn lost_begin, lost_stop;

/* Has the calling device waited long enough? */
MUST_CHECK int lost_ready(
    struct tx *tx, const struct call *c, bool *yes, struct err *e);
/* A factor was proven, or confirmed anew. */
MUST_CHECK int lost_over(struct tx *tx, const struct id *uid, struct err *e);
