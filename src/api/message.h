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

/* Append one; *n: its number. errors: too-large. */
MUST_CHECK int message_post(struct tx *tx, const struct id *of, unsigned side,
    struct bytes body, uint64_t *n, struct err *e);
/* What is older than now says nothing any more; its numbers stay used. */
MUST_CHECK int message_clear(struct tx *tx, const struct id *of, struct err *e);

/* What a call of either side asks for, and what the answer says. */
struct message_talk {
	uint64_t after, wait_s, known; /* known: UINT64_MAX when not given */
	struct buf *out;
	uint64_t n; /* messages in the answer; of a posted one its number */
	unsigned state; /* 0 and 1: still open */
};
/* u8 state | u8 0 | (u32 n | u8 side | v16 body)…, into t->out. */
MUST_CHECK int message_list(struct tx *tx, const struct id *of, unsigned state,
    struct message_talk *t, struct err *e);
/*
 * Answer a POST: run `job`, which calls message_post for t->n and sets *of,
 * once; the answer is the number. Who waits for *of is woken.
 */
MUST_CHECK int message_take(struct call *c, const struct id *of,
    struct message_talk *t, db_job_fn *job, void *arg, struct err *e);
/*
 * Answer ?after=N&wait=S&state=K: run `job`, which calls message_list, and wait
 * as long as it finds no message and no other state.
 */
MUST_CHECK int message_answer(struct server *s, const struct request *q,
    struct response *r, const struct id *of, struct message_talk *t,
    db_job_fn *job, void *arg, struct err *e);
