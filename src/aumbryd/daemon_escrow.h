/* SPDX-License-Identifier: ISC */
/* daemon_escrow.h: aumbry-escrow as a child of aumbryd, for a household. */
/*
 * `aumbryd serve --with-escrow` starts the program beside it, in a folder of
 * its own and, when the configuration names one, as a user of its own, so that
 * one command serves a household. It is another process all the same: aumbryd
 * never holds a key of it.
 */
#pragma once

#include "aumbryd/daemon_user.h"

#include <sys/types.h>

struct daemon_escrow;

/*
 * Start it and wait until it answers at the socket of the configuration.
 *
 * While it is another user's, a process of root's stays that only starts it
 * again when it has died; aumbryd itself is root no more by then.
 *
 * data    the server's folder; the escrow's is in it unless its path is
 *         absolute. Made when it is not there.
 * server  whom aumbryd serves as: that user may ask, and no other.
 * errors  bad-usage: a user of its own needs an absolute folder, which aumbryd
 *         need not own, and a server that is neither root nor that user; not-found: no such user or program.
 */
MUST_CHECK int daemon_escrow_start(const char *data, const struct config *c,
    const struct daemon_user *server, struct daemon_escrow **out,
    struct err *e);
/* It has ended by itself: start it again. False when it is another child's. */
bool daemon_escrow_died(struct daemon_escrow *c);
/* SIGTERM, and wait for its end. */
void daemon_escrow_stop(struct daemon_escrow **c);
