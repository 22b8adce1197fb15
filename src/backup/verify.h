/* SPDX-License-Identifier: ISC */
/* verify.h: is everything that the snapshots need there and whole? */
/*
 * Finds rot and loss. A server that lies is found by every pull, not here.
 */
#pragma once

#include "backup/snapshot.h"

struct verify_options {
	unsigned read_percent; /* of the packs, chosen at random; 0: none */
	/* One damage, or what cannot be read today (io-error,
	 * permission-denied). snap: the snapshot that needs it, or NULL. */
	void (*found)(
	    void *ctx, const struct snapshot *snap, const struct err *why);
	void (*progress)(void *ctx, uint64_t done, uint64_t all);
	void *ctx;
};

struct verify_result {
	uint64_t snapshots, packs, packs_read, chunks_read, bytes_read;
	uint64_t damages;
	uint64_t snapshots_damaged;
	uint64_t unneeded; /* packs that are lost and nothing needs */
	uint64_t unread; /* packs and snapshots that cannot be read today */
	struct buf unreadable; /* ids of snapshots whose record says nothing */
	/* Packs that are lost or changed: category u8 | id[16] each. */
	struct buf bad;
};

/* For OWN. */
void verify_result_free(struct verify_result *r);

/*
 * Look at the zones, ask for all packs, read some of them, and walk through
 * all snapshots.
 *
 * errors  of what ends it all; damages are told by o->found and counted.
 */
MUST_CHECK int verify_run(struct repo *r, const struct verify_options *o,
    struct verify_result *out, struct err *e);

/*
 * Take what verify_run found lost out of the index and the zones, so that the
 * next backup stores again what is still on disk, and the records of snapshots
 * that say nothing. Nothing whole is touched.
 */
MUST_CHECK int verify_repair(
    struct repo *r, const struct verify_result *v, struct err *e);
