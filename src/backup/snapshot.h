/* SPDX-License-Identifier: ISC */
/* snapshot.h: the record of one completed backup, and finding one. */
/*
 *   u8 kind 1 | u8 format 1 | u64 time_ms | u64 duration_ms | dev_id[16]
 *   | u8 flags (1 partial) | v16 host | v16 user | v16 program version
 *   | varint n | n * vv(path) | varint n | n * v8(tag)
 *   | varint files, dirs, others, bytes, new_bytes, stored_bytes, errors
 *   | stream reference of the tree | stream reference of its index
 *   | varint n | n * id[16] of further records that carry refs
 *   | varint packs of the keychain category | n * id[16]
 *
 * vv(x) = varint length | x. The refs of the record are the packs of the
 * backup category that the snapshot uses, sorted; what exceeds 4,096 goes into
 * refs records (u8 kind 4 | snapshot id[16]) of the same commit.
 *
 * Beside snapshots and pack records the backup zone holds:
 *   run        u8 kind 3 | u8 format 1 | dev_id[16] | u64 time_ms
 *              a backup goes on: prune deletes nothing while it is young
 *   condemned  u8 kind 5 | u8 format 1 | u8 category | pack[16] | u64 time_ms
 *              no snapshot used this pack then; its id is
 *              SHA-256("aumbry condemned v1" | pack)[0..16]
 * source  docs/FORMAT.md "Snapshot".
 */
#pragma once

#include "content/stream.h"

#define SNAPSHOT_KIND 1
#define SNAPSHOT_RUN_KIND 3
#define SNAPSHOT_REFS_KIND 4

/* What a reader takes, and a writer refuses before the work begins. */
#define SNAPSHOT_PATHS_MAX 4096
#define SNAPSHOT_TAGS_MAX 64
#define SNAPSHOT_TAG_BYTES 255
#define SNAPSHOT_NAME_BYTES 1024 /* of the host, the user, the version */
/* All these together: half a record, the other half is for references. */
#define SNAPSHOT_WORDS_BYTES (LIMIT_RECORD_BYTES / 2)

struct snapshot {
	struct id id;
	uint64_t seq; /* of its commit */
	uint64_t time_ms, duration_ms;
	struct id dev_id;
	bool partial;
	struct buf host, user, version;
	struct buf *paths; /* absolute, raw bytes */
	size_t n_paths;
	struct buf *tags;
	size_t n_tags;
	uint64_t files, dirs, others, bytes, new_bytes, stored_bytes, errors;
	struct stream_ref tree, index;
	struct buf more_refs; /* ids */
	struct buf keychain_packs; /* ids */
};

/* For OWN; it is empty then. */
void snapshot_free(struct snapshot *s);
/* Append the record; the id is not in it. */
void snapshot_put(struct buf *out, const struct snapshot *s);
/* errors: record-corrupt, update-needed. */
MUST_CHECK int snapshot_parse(
    struct bytes plain, struct snapshot *out, struct err *e);

/*
 * Will what is typed (paths, tags, host, user, version) be taken back by
 * snapshot_parse, whatever the backup finds? Asked before anything is stored.
 *
 * errors  bad-usage.
 */
MUST_CHECK int snapshot_check_words(const struct snapshot *s, struct err *e);
MUST_CHECK int snapshot_check_tags(
    const char *const *tags, size_t n, struct err *e);
/* Append a copy. */
void snapshot_add_path(struct snapshot *s, struct bytes path);
void snapshot_add_tag(struct snapshot *s, struct bytes tag);
bool snapshot_has_tag(const struct snapshot *s, const char *tag);
/* Is it of this host, and has it this tag? NULL: of any, whatever it has. */
bool snapshot_is_of(
    const struct snapshot *s, const char *host, const char *tag);

/* One whose record is there and says nothing. */
struct snapshot_bad {
	struct id id;
	uint64_t seq;
	struct err why;
	bool opened; /* false: only this device's copy of the record is bad */
};

/* All snapshots of a repository, oldest first. */
struct snapshot_list {
	struct snapshot *list;
	size_t n;
	struct snapshot_bad *bad; /* in no order */
	size_t n_bad;
};

/* For OWN; it is empty then. */
void snapshot_list_free(struct snapshot_list *l);
/*
 * Read the records of all snapshots, as this device's copy of the zone has
 * them.
 *
 * errors  io-error; what is wrong with a single one stands in out->bad.
 */
MUST_CHECK int snapshot_load(
    struct repo *r, struct snapshot_list *out, struct err *e);

/* Does it say to be of a time that has not come? A clock was wrong. */
bool snapshot_of_future(const struct snapshot *s, uint64_t now_ms);
/* The same; or of one before there was any: a clock that begins at 1970. */
bool snapshot_clock_wrong(const struct snapshot *s, uint64_t now_ms);

/*
 * The newest that is not of the future; else the one recorded last; NULL when
 * there is none.
 */
const struct snapshot *snapshot_latest(const struct snapshot_list *l);

/*
 * The snapshot that `text` means: "latest", or the first hex digits of an id.
 *
 * errors  not-found; bad-usage when several begin so; record-corrupt and
 *         update-needed when it is there and cannot be read.
 */
MUST_CHECK int snapshot_find(const struct snapshot_list *l, const char *text,
    const struct snapshot **out, struct err *e);
