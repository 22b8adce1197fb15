/* SPDX-License-Identifier: ISC */
/* escrowpeer.h: one connection to the escrow, and the frames on it. */
/*
 * On the same machine it is a UNIX socket. To another it is TLS 1.3 without
 * authorities: the escrow shows the key whose pin [escrow] address names, or
 * nothing is said to it; the server shows keys/tls.crt, whose pin the escrow was
 * given. A connection serves one question. Each call ends at a time that its
 * caller says, however many bytes come until then.
 */
#pragma once

#include "server/config.h"
#include "wire/escrow.h"

struct escrowpeer_way; /* to an escrow; shared, read-only */
struct escrowpeer; /* a connection */

/* Does aumbryd.conf name an escrow? */
bool escrowpeer_named(const struct config *c);

/*
 * keys    the folder of the server's keys; read for TLS alone.
 * errors  bad-usage for a path that is too long; state-damaged.
 */
MUST_CHECK int escrowpeer_way_new(const struct config *c, const char *keys,
    struct escrowpeer_way **out, struct err *e);
void escrowpeer_way_free(struct escrowpeer_way **w);

/* until_ms: of the steady clock. errors: escrow-unreachable, escrow-changed. */
MUST_CHECK int escrowpeer_open(const struct escrowpeer_way *w, int64_t until_ms,
    struct escrowpeer **out, struct err *e);
void escrowpeer_free(struct escrowpeer **p);

/*
 * Ask, and append the body of the answer.
 *
 * errors  escrow-unreachable; those that the escrow names.
 */
MUST_CHECK int escrowpeer_ask(struct escrowpeer *p, enum escrow_verb verb,
    struct bytes body, struct buf *out, struct err *e);

/* Sets escrow-unreachable. Returns -1. */
int escrowpeer_unreachable(struct err *e, const char *why);
