/* SPDX-License-Identifier: ISC */
/* freshpin.h: what a device vouches for to a key that is not always there. */
/*
 *   circle_id[32] | u32 seq | head[32] | mac[32] | dev_id[16] | sig[64]
 *
 * sig is the device's over SIG_FRESHPIN's label | uid | ref | all before it, ref
 * being the member's dev_id or the recovery key's keyref that the pin is for.
 * The mac only that key, and members, can make and check; client/circlepin.h.
 * source  docs/FORMAT.md "Pins".
 */
#pragma once

#include "wire/circle.h"

#define FRESHPIN_COVERED (4 + 2 * DIGEST_BYTES)
#define FRESHPIN_BYTES (FRESHPIN_COVERED + DIGEST_BYTES + ID_BYTES + SIG_BYTES)

struct freshpin {
	struct digest circle_id;
	uint32_t seq;
	struct digest head;
	struct digest mac;
	struct id dev_id;
	uint8_t sig[SIG_BYTES];
};

/* Append FRESHPIN_BYTES. */
void freshpin_put(struct buf *out, const struct freshpin *p);
/* errors: bad-request. */
MUST_CHECK int freshpin_parse(
    struct bytes x, struct freshpin *out, struct err *e);

/* Append what its signature covers. */
void freshpin_signed(const struct id *uid, const struct id *ref,
    const struct freshpin *p, struct buf *out);

/* Does the circle reach what it covers, and was its signer a member then? */
bool freshpin_vouched(
    const struct circle *c, const struct id *ref, const struct freshpin *p);
