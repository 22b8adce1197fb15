/* SPDX-License-Identifier: ISC */
/* tidy.h: housekeeping of the drive's zone: one device, once a day. */
/*
 * In this order, each step whole by itself, so that it may end at any instant
 * and be begun again: what was in the trash for its time is deleted, deepest
 * first; histories are thinned; packs are condemned, deleted and rewritten.
 *
 * Packs and their users share a zone, so that one compare-and-swap orders them.
 * The commit that takes a pack's record away stands on a head at which nobody
 * used what is lost with it; a commit of nodes stands on a head at which all
 * packs are there that it relies on: sink_lost.
 *
 * A pack of which less than half is used is condemned first, by a record, and
 * waits for 14 days: of an upload that takes days nothing is deleted before its
 * node comes, and who reads by an older head ends in peace. Used again, its
 * record goes. Small packs are merged whole, and need not wait.
 *
 * Why it has nothing of backup's prune: users there are snapshots, which name
 * packs, in another zone than some of these; so there are runs. Here they are
 * nodes, which name chunks.
 */
#pragma once

#include "drive/edit.h"
#include "tree/hist.h"

#define TIDY_EVERY_MS (24 * 3600 * 1000LL)
#define TIDY_GRACE_MS (14 * 24 * 3600 * 1000LL)
#define TIDY_SMALL_BYTES (512 * 1024) /* packs below it are merged */
#define TIDY_SMALL_MOST 64 /* when there are more of them */
/* Written in a day at most: the rest has time. */
#define TIDY_COPY_BYTES ((uint64_t)1024 * 1024 * 1024)

struct tidy_ask {
	bool now; /* also when a device did it within a day */
	bool dry; /* count, and change nothing */
};

struct tidy_result {
	bool ran; /* false: not due, or another device is at it */
	uint64_t next_ms; /* when it is due, if it did not run */
	uint64_t purged; /* nodes that left the trash */
	uint64_t versions; /* former contents that went */
	uint64_t packs; /* all there are */
	uint64_t condemned, revived, waiting;
	uint64_t deleted, deleted_bytes;
	uint64_t rewritten, written_bytes;
	struct err kept; /* why no pack went, or code 0 */
};

/*
 * Keep house, if it is time and no other device does.
 *
 * errors  permission-denied: an append-only device does not; update-needed:
 *         there are records of an unknown kind, and nothing was deleted; those
 *         of commits and reads. What was done until then stays.
 */
MUST_CHECK int tidy_run(struct edit *d, const struct tidy_ask *ask,
    struct tidy_result *out, struct err *e);

struct tidy_resealed {
	uint64_t packs, written_bytes, records;
};

/*
 * Seal anew all that keys of epochs before that open, and the escrow may have
 * had: records, and packs but those of secrets.
 *
 * errors  also why a pack could not be: it stays, and all else is done.
 */
MUST_CHECK int tidy_reseal(struct edit *d, uint32_t before_epoch, bool dry,
    struct tidy_resealed *out, struct err *e);
