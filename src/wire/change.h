/* SPDX-License-Identifier: ISC */
/* change.h: records as they travel, commits, and the stream of changes. */
/*
 * A change is the newest version of one record:
 *
 *   id[16] | u64 version | u8 flags | u32 key epoch | u16 n | n * blob id[16]
 *   | v32 ciphertext
 *
 * A commit is head | u32 n | n changes, sorted by id, each id once.
 * The answer to "changes since" is a sequence of frames, u8 kind first:
 *   1 head                       every head after `since`, in order
 *   2 u64 seq | change           the newest version of each changed record
 *   3 u64 seq | head hash[32]    the end; without it the answer was cut short
 *   4 u64 seq | line[93]         in the place of 2, of a table: to who asked so
 * source  docs/PROTOCOL.md "Zones".
 */
#pragma once

#include "wire/head.h"
#include "wire/limits.h"

#define CHANGE_DELETED 0x01 /* a tombstone: no ciphertext, no refs */
#define CHANGE_TABLE 0x02 /* of a pack: some do with its line alone */
#define CHANGE_LINE_BYTES 93

enum change_frame {
	FRAME_HEAD = 1,
	FRAME_RECORD = 2,
	FRAME_END = 3,
	FRAME_LINE = 4
};

struct change {
	struct id id;
	uint64_t version; /* from 1, +1 for each change */
	uint8_t flags;
	uint32_t key_epoch; /* of the category key that seals it */
	struct bytes refs; /* blob ids, 16 bytes each */
	struct bytes ct;
};

/* Append it as a commit and an answer carry it. */
void change_put(struct buf *out, const struct change *c);

/* Take one change; borrows from what s scans. errors: record-corrupt. */
MUST_CHECK int change_take(struct scan *s, struct change *out, struct err *e);

/*
 * What a head's changes_hash and live sum cover of one record:
 *   id | version | flags | key epoch | SHA-256(refs) | SHA-256(ciphertext)
 */
void change_line(const struct change *c, uint8_t out[static CHANGE_LINE_BYTES]);
/* The same with a digest of the caller's, for many lines. */
void change_line_by(struct digest_state *s, const struct change *c,
    uint8_t out[static CHANGE_LINE_BYTES]);

/* Append what a line says of the one record that it is of. */
void change_put_line(struct buf *out, struct digest_state *s, uint64_t seq,
    const struct change *c);

/* SHA-256 over the lines of n changes sorted by id. */
void change_hash(const struct change *list, size_t n, struct digest *out);

/* One frame of the answer; only what its kind has is set. */
struct frame {
	enum change_frame kind;
	struct head head;
	uint64_t seq; /* of a record, a line, or the end */
	struct change change; /* borrows; of a line without refs and ct */
	struct bytes line; /* the same */
	struct digest hash; /* of the end */
};

/*
 * Take the next frame, when s holds all of it: *whole; else s stays.
 *
 * errors  record-corrupt, too-large; update-needed: a kind that is not known.
 */
MUST_CHECK int frame_take(
    struct scan *s, struct frame *out, bool *whole, struct err *e);

/* A parsed commit; borrows from the bytes it was parsed from. */
struct commit {
	struct head head;
	struct change *changes; /* owned array */
	size_t n;
};

/* The array; what it borrows stays. */
void commit_free(struct commit *c);

/*
 * errors  record-corrupt: not well-formed, not sorted, a hash that differs;
 *         too-large: over LIMIT_COMMIT_RECORDS or a record's limits.
 */
MUST_CHECK int commit_parse(struct bytes x, struct commit *out, struct err *e);
void commit_put(
    struct buf *out, const struct head *h, const struct change *list, size_t n);
