/* SPDX-License-Identifier: ISC */
/* zone_blob_in.h: for zone_blob*.c only: rows, as all of them handle them. */
#pragma once

#include "store/zone_blob.h"

enum loose_state { LOOSE_WRITING = 1, LOOSE_REMOVING = 2, LOOSE_TRASH = 3 };

/* Bind uid, zone and id from parameter i on; uid, zone and file from 1 on. */
void zone_blob_bind(struct stmt *s, int i, const struct blob_name *n);
void zone_blob_bind_file(struct stmt *s, const struct blob_name *n);

/* A blob's name without the file's number. */
struct blob_name zone_blob_name(
    const struct zone_key *key, const struct id *id);

/* Look for the blob of name's uid, zone and id. */
MUST_CHECK int zone_blob_find(struct tx *tx, const struct blob_name *name,
    struct zone_blob *out, bool *found, struct err *e);
/* It counts as finished now. */
MUST_CHECK int zone_blob_renew(
    struct tx *tx, const struct blob_name *name, int64_t now_ms, struct err *e);
/* The file of a complete blob is there in full, so far as a look can tell. */
bool zone_blob_whole(const struct zone_store *s, const struct zone_blob *b);

/* Put a loose row, or give it another state.
 * charged: bytes, of the account's; in the trash once it is not written. */
MUST_CHECK int zone_blob_put_loose(struct tx *tx, const struct blob_name *n,
    uint64_t charged, enum loose_state state, int64_t now_ms, struct err *e);
/* Delete a loose row of that state; *had says whether it was there. */
MUST_CHECK int zone_blob_drop_loose(struct tx *tx, const struct blob_name *n,
    enum loose_state state, bool *had, struct err *e);
/* From what is stored to what is thrown away. */
MUST_CHECK int zone_blob_throw_away(struct tx *tx, const struct blob_name *n,
    uint64_t charged, int64_t now_ms, struct err *e);
/* The blob's row moves to the files to be removed. */
MUST_CHECK int zone_blob_doom(
    struct tx *tx, const struct zone_blob *b, int64_t now_ms, struct err *e);

struct zone_blob_thrown {
	const struct blob_name *list;
	const bool *gone;
	size_t n;
	int64_t now_ms;
};

/* Of struct zone_blob_thrown: those that are gone lie in the trash since
 * then, where they are charged. A job of db_write. */
MUST_CHECK int zone_blob_note_thrown(
    struct tx *tx, void *thrown, struct err *e);
/* Move the file of a row that says so to the trash. */
MUST_CHECK int zone_blob_remove_file(const struct zone_store *s,
    const struct blob_name *n, int64_t now_ms, struct err *e);
