/* SPDX-License-Identifier: ISC */
/* sasl.h: a socket that speaks the protocol of saslauthd. */
/*
 * Mail and calendar servers (Cyrus, Postfix, Exim, OpenLDAP) that ask
 * saslauthd about passwords can ask here: what they are given must be an
 * app-specific password whose scope covers their service.
 *
 *   asks     login, password, service, realm: u16 big-endian length | bytes
 *   answers  u16 length | "OK", or "NO" and why
 *
 * One connection is one question. Its caller is whoever may open the socket:
 * the folder that it is in decides, as with saslauthd.
 *
 * source  Cyrus SASL, saslauthd: ipc_unix.c's description of the protocol.
 */
#pragma once

#include "server/server.h"

#define SASL_FIELD 1024 /* bytes of one field; saslauthd itself takes 256 */
#define SASL_PEERS 128 /* questions at once */
#define SASL_WAIT_MS 10000 /* from connecting to the whole answer taken */

struct sasl;

/*
 * Listen on the UNIX socket `path` and answer in a thread of its own. A socket
 * that a dead server left is replaced.
 *
 * errors  bad-usage for a path that is too long; conflict when something else
 *         is there, or listens; io-error.
 */
MUST_CHECK int sasl_start(
    struct server *s, const char *path, struct sasl **out, struct err *e);
/* Stop, and remove the socket. */
void sasl_stop(struct sasl **s);

/*
 * The fields of a question.
 *
 * result  1 when it is whole, 0 when more must come, -1 when it is none.
 * field   four texts in new memory, in the order above; NULL unless 1.
 */
int sasl_parse(struct bytes x, char *field[static 4]);
