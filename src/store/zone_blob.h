/* SPDX-License-Identifier: ISC */
/* zone_blob.h: which blobs a zone has: uploads, references, collection. */
/*
 * Files and rows change in an order that survives a crash at any point. Each
 * upload has a file name of its own, and a file exists only while a row of
 * `blob` or of `loose` names it:
 *
 *   upload  row in loose (being written), quota taken -> file written, synced
 *           -> row moves from loose to blob
 *   delete  row moves from blob to loose (to be removed)
 *           -> file to the trash, synced -> row says so
 *           -> 7 days later both go, and the quota gets its bytes back
 *
 * So no row of `blob` is without its file, and what a crash leaves is in
 * loose, where zone_gc finds it.
 */
#pragma once

#include "store/zone.h"

/* Unreferenced blobs live this long, milliseconds (ruling: 7 days). */
#define ZONE_BLOB_IDLE_MS (7LL * 24 * 3600 * 1000)
/* An upload that has not ended by then was given up, milliseconds. */
#define ZONE_BLOB_UPLOAD_MS (24LL * 3600 * 1000)
/* An existence check renews only what is older: spares writes. */
#define ZONE_BLOB_RENEW_MS (3600LL * 1000)

struct zone_blob {
	struct blob_name name;
	struct blob_sum sum;
	uint64_t refs; /* records that name it */
	int64_t finished_ms; /* or renewed */
};

/* An upload; the caller fills uid, zone and id of the name, and the sum. */
struct zone_upload {
	struct blob_name name;
	struct blob_sum sum;
	bool have; /* the blob is there already: nothing to send */
};

/*
 * Reserve room for an upload and draw its file's name. When the blob is
 * complete with the same bytes, renew it and set have.
 *
 * When the quota is used up, the account's trash is emptied before its time.
 *
 * errors  conflict: the id has other bytes; too-large; quota-exceeded.
 */
MUST_CHECK int zone_blob_begin(const struct zone_store *s,
    struct zone_upload *u, int64_t now_ms, struct err *e);
/*
 * The file is durable under u->name: the blob is complete.
 *
 * errors  conflict: another upload brought other bytes first, or this one
 *         took longer than ZONE_BLOB_UPLOAD_MS; its file is removed.
 */
MUST_CHECK int zone_blob_done(const struct zone_store *s,
    const struct zone_upload *u, int64_t now_ms, struct err *e);
/* The upload failed: give back what it reserved. */
MUST_CHECK int zone_blob_cancel(const struct zone_store *s,
    const struct zone_upload *u, int64_t now_ms, struct err *e);
/* Begin, write x and end in one call; id and key as in zone_blob_begin. */
MUST_CHECK int zone_blob_put(const struct zone_store *s,
    const struct zone_key *key, const struct id *id, struct bytes x,
    int64_t now_ms, struct err *e);

/* errors  not-found. */
MUST_CHECK int zone_blob_get(const struct zone_store *s,
    const struct zone_key *key, const struct id *id, struct zone_blob *out,
    struct err *e);
/*
 * Open a blob for reading.
 *
 * errors  not-found; blob-missing, blob-truncated when the file is not as
 *         the tables say.
 */
MUST_CHECK int zone_blob_open(const struct zone_store *s,
    const struct zone_key *key, const struct id *id, int *fd,
    struct zone_blob *out, struct err *e);

/*
 * Say which of ids are complete, with a file of their length, and renew
 * those.
 *
 * ids     16 bytes each, at most LIMIT_EXISTS_IDS.
 * bitmap  (n + 7) / 8 bytes; bit i % 8 of byte i / 8 for id i.
 * errors  bad-request, too-large.
 */
MUST_CHECK int zone_blob_exists(const struct zone_store *s,
    const struct zone_key *key, struct bytes ids, int64_t now_ms,
    uint8_t *bitmap, struct err *e);

/* errors  not-found; conflict while a record names it. */
MUST_CHECK int zone_blob_delete(const struct zone_store *s,
    const struct zone_key *key, const struct id *id, int64_t now_ms,
    struct err *e);

struct zone_gc {
	uint64_t blobs; /* unreferenced, moved to the trash */
	uint64_t uploads; /* given up, reservation returned */
	uint64_t purged; /* left the trash for good */
};

/*
 * Remove what nobody needs: blobs without a reference that were finished
 * more than ZONE_BLOB_IDLE_MS ago (decided in the transaction that removes
 * them), uploads given up, what a crash left, old trash. It goes on past a
 * file that cannot be moved and returns that failure at the end.
 */
MUST_CHECK int zone_gc(const struct zone_store *s, int64_t now_ms,
    struct zone_gc *out, struct err *e);

/*
 * Empty the trash before its time, oldest first, until `bytes` that were charged
 * for it are free.
 *
 * uid    of one account; NULL: of all.
 * freed  how many, also after a failure.
 */
MUST_CHECK int zone_empty_trash(const struct zone_store *s,
    const struct id *uid, uint64_t bytes, uint64_t *freed, struct err *e);

/*
 * All that an account has here: blobs, also out of the trash, records, heads.
 * It has no session any more, so that nothing comes. After a crash it is done
 * again.
 */
MUST_CHECK int zone_forget(const struct zone_store *s, const struct id *uid,
    int64_t now_ms, struct err *e);

/*
 * The same without waiting: what was left before that moment, by uploads and
 * deletions, and all that is in the trash. The caller knows that nothing goes
 * on that began before.
 */
MUST_CHECK int zone_gc_left(const struct zone_store *s, int64_t left_ms,
    struct zone_gc *out, struct err *e);
