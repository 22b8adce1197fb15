/* SPDX-License-Identifier: ISC */
/* repack.h: moving what is used out of packs that are mostly unused. */
/*
 * What lives is copied into new packs, these are recorded, and only then the
 * snapshots name them instead: each by one commit that is refused when the
 * snapshot, or the run record that protects the new packs, has changed. The
 * old packs are unused from then on and go by prune's two phases. What was
 * copied by a repack that was cut off is used by the next one.
 */
#pragma once

#include "content/repo.h"

struct repack_result {
	uint64_t packs; /* rewritten, or that would be */
	uint64_t freed_bytes; /* estimated: their share that nobody uses */
	uint64_t written_bytes; /* of new packs; 0 in a dry run */
	uint64_t snapshots; /* that name other packs now */
};

struct repack_options {
	unsigned max_unused; /* percent; 100: none for that reason */
	uint32_t before_epoch; /* all under older keys; 0: none */
	bool dry_run;
};

/*
 * Packs less than half used are rewritten, then the worst until the unused
 * share of the repository is at most max_unused percent. So are, whatever they
 * hold, packs of category backup that were recorded under older keys than those
 * of before_epoch: the escrow once had them. Another prune or backup of this home that interferes ends it without harm.
 *
 * cost    reads the trees of all snapshots; a bit for each chunk, and for each
 *         pair of pack and snapshot.
 * errors  snapshot-damaged, category-closed, conflict: nothing was changed but
 *         that new packs may wait for the next prune.
 */
MUST_CHECK int repack_run(struct repo *r, const struct repack_options *o,
    struct repack_result *out, struct err *e);

/* The id of the run record of this device's rewriting. */
struct id repack_run_id(const struct repo *r);
/* Remove the run record that a killed repack of this device left. */
MUST_CHECK int repack_clear(struct repo *r, struct err *e);
