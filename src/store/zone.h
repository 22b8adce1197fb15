/* SPDX-License-Identifier: ISC */
/* zone.h: zones at rest: heads, the newest version of each record, commits. */
/*
 * A zone is a chain of heads and a set of records, kept by account. A commit
 * is applied whole or not at all, only on top of the current head, and only
 * when every blob it newly names is complete. The newest version of a record
 * is kept with the seq of the commit it came in; a deleted record stays as a
 * tombstone until a head drops it. Signatures and circles are for the caller,
 * who judges each head inside the transaction.
 *
 * The tables here hold ciphertext and what is clear on the wire.
 */
#pragma once

#include "store/blob.h"
#include "store/db.h"
#include "wire/category.h"
#include "wire/change.h"

struct zone_key {
	struct id uid; /* the owner */
	struct id zone;
};

/* Both halves of a store, borrowed. */
struct zone_store {
	struct db *db;
	struct blob_store *blobs;
};

struct zone_info {
	struct id zone;
	enum category category;
	uint64_t seq; /* of the current head */
	uint64_t tombstones_gone_below;
	uint64_t number; /* what the tables call it; never leaves the store */
	uint8_t head[HEAD_BYTES_MAX];
	size_t head_n; /* bytes of it */
};

/* The bytes of the current head; borrows. */
struct bytes zone_head_of(const struct zone_info *z);

/* The scripts that make the tables, oldest first. None changes any more once
 * it is in use: tests/unit/test_schema.c. */
const char *const *zone_schema(size_t *n);
/* Make or update the tables. */
MUST_CHECK int zone_open(struct db *db, struct err *e);

/* Say whether a head is to be accepted; called before anything is changed. */
typedef int zone_judge_fn(
    struct tx *tx, const struct head *h, void *arg, struct err *e);

struct zone_commit {
	struct zone_key key;
	enum category category;
	const struct commit *commit; /* from commit_parse */
	int64_t now_ms; /* of the server */
	zone_judge_fn *judge;
	void *arg;
};

/*
 * Apply a commit. The first of a zone creates it. A head that heals another
 * may raise versions by more than one (server restored from a backup). One that
 * was applied before is right, and changes nothing.
 *
 * errors  bad-request: ids that differ from key, a category that is none,
 *         tombstones_gone_below that falls or is past the head, a format of
 *         head that falls;
 *         conflict: prev, seq or a version is not the next one, the category
 *         has another zone or the zone another category; clock-wrong;
 *         blob-missing; quota-exceeded when it makes the account grow; those
 *         of judge.
 * cost    under 10 ms for 1,000 records.
 */
MUST_CHECK int zone_commit(
    struct tx *tx, const struct zone_commit *in, struct err *e);
/* The same as a transaction of its own. */
MUST_CHECK int zone_commit_now(
    struct db *db, const struct zone_commit *in, struct err *e);

/* errors  not-found. */
MUST_CHECK int zone_find(struct tx *tx, const struct zone_key *key,
    struct zone_info *out, struct err *e);
/* The same, but that there is none is no failure: *found says it. */
MUST_CHECK int zone_look_up(struct tx *tx, const struct zone_key *key,
    struct zone_info *out, bool *found, struct err *e);
/* The current head's bytes. errors: not-found. */
MUST_CHECK int zone_head(
    struct db *db, const struct zone_key *key, struct buf *out, struct err *e);
/* All zones of an account, by id, in an owned array (mem_free). */
MUST_CHECK int zone_list(struct db *db, const struct id *uid,
    struct zone_info **out, size_t *n, struct err *e);

/*
 * Set aside the zones of an account whose keys nobody has any more, but for
 * those of the categories in `keep` (bit c). They are kept, and are no
 * category's; the next commit of a category makes a new zone.
 */
MUST_CHECK int zone_set_aside(
    struct tx *tx, const struct id *uid, uint64_t keep, struct err *e);

typedef int zone_sink_fn(void *arg, struct bytes x, struct err *e);

/*
 * Stream what changed after `since` as the frames of wire/change.h, from one
 * snapshot, in pieces of whole frames, some 64 KiB each.
 *
 * sink    stops all when it fails; it must not wait without a limit.
 * errors  not-found; resync when `since` is above 0 and below the seq from
 *         which on tombstones are kept; those of sink.
 * cost    above 100,000 small records a second, no memory per record.
 */
MUST_CHECK int zone_changes(struct db *db, const struct zone_key *key,
    uint64_t since, zone_sink_fn *sink, void *arg, struct err *e);
/* The same inside a transaction of the caller. */
MUST_CHECK int zone_changes_in(struct tx *tx, const struct zone_key *key,
    uint64_t since, zone_sink_fn *sink, void *arg, struct err *e);

struct zone_ask {
	uint64_t since;
	uint64_t heads_from; /* no heads below it; 0: all after since */
	bool lines; /* of records that are CHANGE_TABLE */
};
/* zone_changes, for who wants less of it. */
MUST_CHECK int zone_changes_as(struct db *db, const struct zone_key *key,
    const struct zone_ask *ask, zone_sink_fn *sink, void *arg, struct err *e);
/*
 * These records as frames, tombstones too, in the order of the n ids; those
 * that are not there are left out. As zone_changes else.
 */
MUST_CHECK int zone_records(struct db *db, const struct zone_key *key,
    struct bytes ids, zone_sink_fn *sink, void *arg, struct err *e);

/*
 * What a record's row carries to find rot, since SQLite has no checksum over
 * its pages: 63 bits of SHA-256 over all that is stored of it.
 */
uint64_t zone_record_sum(struct digest_state *s, const struct change *c);
