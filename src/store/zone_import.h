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

/* After all the others: the current head, references, what is charged. */
MUST_CHECK int zone_import_end(
    struct db *db, const struct zone_key *key, struct err *e);
