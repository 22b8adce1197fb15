/* SPDX-License-Identifier: ISC */
/* zone_import.h: tables made anew from frames and files. */
/*
 * For a database that is empty otherwise. Frames (wire/change.h) come in any
 * order and any number of times: of each record the newest version stays.
 * Nothing is judged: who reads a zone verifies it.
 */
#pragma once

#include "store/zone_blob.h"

/* Whole frames of one zone. errors: record-corrupt; conflict. */
MUST_CHECK int zone_import(struct db *db, const struct zone_key *key,
    enum category c, struct bytes frames, struct err *e);

/* Give a row to each file there is; reads them all, for their checksums. */
MUST_CHECK int zone_import_blobs(
    const struct zone_store *s, int64_t now_ms, uint64_t *n, struct err *e);

/*
 * Give a row to each file that has none: tables older than the files were put
 * back. It is a blob again, which a device that heals the account may name;
 * else it is collected as any that nothing names. A second file of a blob is
 * removed. Runs beside everything else.
 *
 * now_ms  the moment from which they are left.
 */
MUST_CHECK int zone_adopt(
    const struct zone_store *s, int64_t now_ms, uint64_t *n, struct err *e);

/* After all the others: the current head, references, what is charged. */
MUST_CHECK int zone_import_end(
    struct db *db, const struct zone_key *key, struct err *e);
