/* SPDX-License-Identifier: ISC */
/* prune.h: giving back the space that no snapshot needs, beside backups. */
/*
 * Two phases, no lock. A pack that no snapshot uses is condemned by a record;
 * when it still is after the grace, and no backup goes on, its record is
 * deleted by a commit, and only then its blob. A backup opens with a run
 * record; its snapshot's commit revives what it uses and is refused when
 * something it uses has gone meanwhile: then it stores that again.
 *
 * A run ends with its backup, however that ends. What a kill leaves is dead
 * when it is 14 days old, when its device left the account, and at once for
 * its own device, which can see that no backup goes on.
 */
#pragma once

#include "backup/repack.h"

#define PRUNE_MAX_UNUSED 5 /* percent */
#define PRUNE_GRACE_S (14 * 24 * 3600LL) /* also: a run older is dead */

struct prune_options {
	int64_t grace_s;
	unsigned max_unused; /* percent of the repository; 100: no repacking */
	uint32_t before_epoch; /* rewrite all under older keys; 0: none */
	bool dry_run;
	bool end_runs; /* no backup of another device goes on */
};

/* A backup that goes on, so far as can be told. */
struct prune_hold {
	struct id dev_id;
	uint64_t time_ms;
};

struct prune_result {
	uint64_t packs; /* all there are */
	uint64_t condemned; /* newly */
	uint64_t revived;
	uint64_t deleted, deleted_bytes;
	uint64_t waiting; /* condemned, still in their grace */
	struct repack_result repack;
	struct err not_repacked; /* why nothing was rewritten, or code 0 */
	uint64_t runs; /* backups that go on and hold deletion up */
	struct prune_hold hold; /* the first of them to end by its age */
};

/*
 * Repack, condemn what is unused, pardon what is used again, and delete what
 * was condemned long enough.
 *
 * errors  conflict when a backup began or took a pack meanwhile: nothing was
 *         deleted; update-needed before records of an unknown kind.
 */
MUST_CHECK int prune_run(struct repo *r, const struct prune_options *o,
    struct prune_result *out, struct err *e);

/* ---- for backups ---- */

/*
 * Note that a backup goes on; drops what this device's dead runs left, and
 * asks which packs are whole (repo_ask).
 */
MUST_CHECK int prune_run_begin(struct repo *r, struct id *run, struct err *e);

/* The backup is over, and there is no snapshot of it. */
MUST_CHECK int prune_run_end(
    struct repo *r, const struct id *run, struct err *e);

/*
 * Who uses an unused pack of another zone again calls this behind its run
 * record, and then sees whether the pack is there. A prune that looked before
 * the run record stood and has not deleted yet must look again: its commit
 * does not fit that zone any more.
 */
MUST_CHECK int prune_hold_up(struct repo *r, enum category c, struct err *e);

/* Ids of condemned records of packs for which `used` says true; appended. */
typedef bool (*prune_used_fn)(
    void *ctx, enum category c, const struct id *pack);
MUST_CHECK int prune_condemned(struct repo *r, prune_used_fn used, void *ctx,
    struct buf *ids, struct err *e);
