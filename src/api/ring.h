/* SPDX-License-Identifier: ISC */
/* ring.h: taking in the key envelopes that come with a circle entry. */
#pragma once

#include "store/account.h"

enum ring_bundle {
	RING_WHOLE, /* a new epoch: S for all, the previous S, every K, N, I */
	RING_ONE, /* ADD: S for the new device */
	RING_NONE /* no envelope belongs to this entry */
};

/*
 * Check that the envelopes are complete and the caller's, and store them.
 *
 * circle  with the entry applied.
 * to      RING_ONE: the new device.
 * errors  key-substituted.
 */
MUST_CHECK int ring_take_bundle(struct tx *tx, const struct circle *circle,
    const struct id *sender, struct bytes envelopes, enum ring_bundle kind,
    const struct id *to, struct err *e);
