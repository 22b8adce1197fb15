/* SPDX-License-Identifier: ISC */
/* envelopes.h: taking in the key envelopes that come with a circle entry. */
#pragma once

#include "server/server.h"

enum envelopes_bundle {
	ENVELOPES_WHOLE, /* a new epoch: S for all, the previous S, every K, N, I */
	ENVELOPES_ONE, /* ADD: S for the new device, the last of the members */
	ENVELOPES_RECOVERY, /* S for each recovery key of the sets */
	ENVELOPES_ESCROW, /* K of every epoch and N, for the escrow */
	ENVELOPES_NONE /* no envelope belongs to this entry */
};

/*
 * Check that the envelopes are complete and the caller's, and store them.
 *
 * circle  with the entry applied.
 * errors  key-substituted.
 */
MUST_CHECK int envelopes_take(struct tx *tx, const struct circle *circle,
    const struct id *sender, struct bytes envelopes, enum envelopes_bundle kind,
    struct err *e);

/* Before the bundle of a RESET: what an earlier one carried over. */
MUST_CHECK int envelopes_forget_carried(
    struct tx *tx, const struct id *uid, struct err *e);
