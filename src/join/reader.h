/* SPDX-License-Identifier: ISC */
/* reader.h: reading an account's data by a code. */
/*
 * A visitor (visit.h) to whom the escrow, or a device, has handed out keys. It
 * reads, and writes nothing. By the escrow, it knows the circle by the
 * password's birth pin, and checks every signature but no live sum, whose keys
 * the escrow does not have: a server could leave changes out. By a device, it
 * knows the circle from there, and has those keys too.
 *
 * The home keeps, for as long as the session is good, under "reader":
 *   u8 1 | uid | request id | device keys[64] | v32 what the escrow signed
 *      | v32 circle, v16 each
 *   u8 2 | v32 what the device handed over | v32 circle, v16 each
 */
#pragma once

#include "join/visit.h"
#include "link/zcopy.h"

struct reader {
	struct visit *visit;
	struct local *local;
	struct depot *depot;
	struct circle circle;
	struct keyring *keyring;
	struct zcopy_self zones_of; /* for zcopy_open */
	struct id zones[CATEGORY_END]; /* zeros: it has none of that */
};

/* What is kept in the home stays. */
void reader_free(struct reader **r);

/*
 * Have the keys handed out, and keep them in the home.
 *
 * answer  what the server said to the factor.
 * errors  ERR_NONE and -1 when the account is under advanced protection;
 *         circle-not-yours, release-refused, escrow-unreachable, …
 */
MUST_CHECK int reader_begin(const char *dir, const json_t *answer,
    const struct secret *export_key, struct err *e);

/*
 * Keep what a device has handed over.
 *
 * device  the one that did.
 * given   u32 seq of its circle | hash[32] of its entry | what keyring_lend made
 * errors  circle-not-yours when the server shows another circle than the
 *         device's, or the device is no member of it; circle-*.
 */
MUST_CHECK int reader_take(const char *dir, const struct device *device,
    struct bytes given, struct err *e);

/* Are such keys kept in the home, good or not any more? */
bool reader_there(const char *dir);
/* errors: session-expired. */
MUST_CHECK int reader_open(const char *dir, struct reader **out, struct err *e);
/* errors: not-found: the account has nothing of that category yet. */
MUST_CHECK int reader_zone(const struct reader *r, enum category category,
    const struct id **out, struct err *e);
