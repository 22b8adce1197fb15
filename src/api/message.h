/* SPDX-License-Identifier: ISC */
/* message.h: what two devices say to each other through the server. */
/*
 * A join request or a recovery carries opaque messages, numbered from 1. Side 0
 * is the new device, side 1 who helps it in. The server can neither read nor
 * make those that matter.
 */
#pragma once

#include "server/server.h"

#define MESSAGE_BYTES (8 * 1024) /* of one message */

/* Append one; *n: its number. errors: too-large. */
MUST_CHECK int message_post(struct tx *tx, const struct id *of, unsigned side,
    struct bytes body, uint64_t *n, struct err *e);
/* What is older than now says nothing any more; its numbers stay used. */
MUST_CHECK int message_clear(struct tx *tx, const struct id *of, struct err *e);

/* ?after=N&wait=S&state=K of who asks for them. */
struct message_query {
	uint64_t after, wait_s, known; /* known: UINT64_MAX when not given */
};
MUST_CHECK int message_query(
    const struct request *q, struct message_query *out, struct err *e);
/* u8 state | u8 0 | (u32 n | u8 side | v16 body)…; *n: how many. */
MUST_CHECK int message_list(struct tx *tx, const struct id *of, uint64_t after,
    unsigned state, struct buf *out, uint64_t *n, struct err *e);
