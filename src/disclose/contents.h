/* SPDX-License-Identifier: ISC */
/* contents.h: backups and the Drive in plain, and all else as it is stored. */
/*
 *   OUT/backup/snapshots.json   what the snapshots say of themselves
 *   OUT/backup/SNAPSHOT/...     each one's files, as they would be restored
 *   OUT/drive/files/            what the Drive has, as it would be fetched
 *   OUT/drive/trash/ID/         what is in its trash
 *   OUT/drive/former/ID/NUMBER  contents that files had
 *   OUT/drive/NAME.jsonl        a line for each of these
 *   OUT/ciphertext/CATEGORY/    of what is not in plain: changes.bin, heads and
 *                               records as a client gets them after 0 (wire/
 *                               change.h), and blobs/ID
 */
#pragma once

#include "disclose/holding.h"
#include "vault/keyring.h"
#include "disclose/findings.h"

struct contents {
	const struct holding *holding;
	const struct keyring *keys; /* NULL: there are none */
	const char *why; /* there are none, as the escrow said */
	const char *out; /* the folder to write into */
	struct findings *findings;
};

/*
 * Write the history of every zone, from the transaction: to ciphertext, or,
 * when keys to read it are held, where contents_write finds it.
 */
MUST_CHECK int contents_histories(
    const struct contents *c, struct tx *tx, struct err *e);

/*
 * Read what the keys open, and copy the blobs of what they do not.
 *
 * errors  none of a single thing: those are findings; a full disk.
 */
MUST_CHECK int contents_write(const struct contents *c, struct err *e);
