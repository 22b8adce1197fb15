/* SPDX-License-Identifier: ISC */
/* renew.h: a running server follows a configuration that was changed. */
#pragma once

#include "server/server.h"

/*
 * Take over what of it can change while the server runs. What cannot stays as
 * it was, and is named in the log, as is each key that changed; values are not.
 * Those who read the one before may go on doing so: it is kept.
 *
 * fresh    taken over; empty after that, also when it fails.
 * verbose  the level of the log stays as the command line has it.
 * errors   bad-usage: nothing has changed then; io-error.
 * threads  one at a time.
 */
MUST_CHECK int server_renew(
    struct server *s, struct config *fresh, bool verbose, struct err *e);
void server_renew_free(struct server *s); /* the last thing of it */
