/* SPDX-License-Identifier: ISC */
/* contents.h: backups in plain, and all else as it is stored. */
/*
 *   OUT/backup/snapshots.json   what the snapshots say of themselves
 *   OUT/backup/SNAPSHOT/...     each one's files, as they would be restored
 *   OUT/ciphertext/CATEGORY/    of what is not in plain: changes.bin, heads and
 *                               records as a client gets them after 0 (wire/
 *                               change.h), and blobs/ID
 */
#pragma once

#include "disclose/asking.h"
#include "disclose/findings.h"

/*
 * Write the history of every zone, from the transaction: to ciphertext, or,
 * when keys to read it are held, where contents_open finds it.
 */
MUST_CHECK int contents_histories(const struct holding *h, struct tx *tx,
    const struct keyring *keys, const char *out, struct err *e);

/*
 * Read what the keys open, and copy the blobs of what they do not.
 *
 * keys    NULL: there are none.
 * why     there are none, as the escrow said.
 * errors  none of a single thing: those are findings; a full disk.
 */
MUST_CHECK int contents_write(const struct holding *h,
    const struct keyring *keys, const char *why, const char *out,
    struct findings *f, struct err *e);
