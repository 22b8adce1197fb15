/* SPDX-License-Identifier: ISC */
/* desk.h: where the escrow is asked: sockets, frames, and who may come. */
/*
 * All connections in one poll loop, one request at a time: that is the lock
 * over journal and accounts. A connection that does not bring a whole request
 * or take its answer in DESK_WAIT_MS is closed; so is one that asks with a
 * frame longer than ESCROW_FRAME, before there is memory for it.
 */
#pragma once

#include "escrow/gate.h"
#include "escrow/keeper.h"

#define DESK_WAIT_MS 10000
#define DESK_PEERS 16 /* connections of each kind */
#define DESK_UIDS 16

struct desk;

struct desk_config {
	const char *socket; /* path of the UNIX socket; NULL: none */
	const char *group; /* that may open it as well; NULL: its owner alone */
	uint32_t
	    uids[DESK_UIDS]; /* of who may ask, besides root and ourselves */
	size_t n_uids;
	const char *listen; /* ADDR:PORT for TLS; NULL: none */
	const struct gate *gate; /* for that; borrowed */
};

/*
 * Listen.
 *
 * errors  conflict when the path is taken; bad-usage for an address that is
 *         none; io-error.
 */
MUST_CHECK int desk_open(struct keeper *k, const struct desk_config *c,
    struct desk **out, struct err *e);
void desk_free(struct desk **d);

/* "127.0.0.1:8444": where TLS is listened for, with the port it got. */
MUST_CHECK int desk_address(
    const struct desk *d, struct buf *out, struct err *e);

/* Serve until stop_fd can be read, then finish what was begun. */
void desk_run(struct desk *d, int stop_fd);
