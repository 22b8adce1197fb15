/* SPDX-License-Identifier: ISC */
/* message.h: what two devices say to each other through the server. */
/*
 * A join request, a recovery or a visit carries opaque messages, numbered from
 * 1. Side 0 is the new device, side 1 who helps it in. The server can neither
 * read nor make those that matter.
 */
#pragma once

#include "server/server.h"

#define MESSAGE_BYTES (8 * 1024) /* of one message */

/* What a call of either side is about. */
struct message_talk {
	unsigned state; /* 0 and 1: still open */
	bool
	    helps; /* the caller is side 1: a device, when nothing else is said */
};

/*
 * Look it up by the call's path.
 *
 * posting  the caller says something: may it, now?
 * errors   not-found; when posting code-expired, conflict, and the like.
 */
typedef int message_load_fn(struct tx *tx, const struct call *c, bool posting,
    struct message_talk *out, struct err *e);

/* What the routes of a talk have as their `call`. */
struct message_relay {
	message_load_fn *load;
};

/* A POST: keeps the message, answers its number, and wakes who waits for the
 * ID in the path. errors: too-large. */
http_handle_fn message_post;
/* ?after=N&wait=S&state=K: what came since; waits as long as there is no
 * message and no other state. */
http_handle_fn message_list;

/* What is older than now says nothing any more; its numbers stay used. */
MUST_CHECK int message_clear(struct tx *tx, const struct id *of, struct err *e);
