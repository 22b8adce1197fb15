/* SPDX-License-Identifier: ISC */
/* repo_log.h: the zones of a folder a second time, without a database. */
/*
 *   DIR/log/<zone>-<16 hex digits>   entries, only ever appended to:
 *
 *   "aumbry log\n\0" | u32 n | u64 since | u64 seq | frames[n]
 *   | SHA-256 of all before
 *
 * Frames are those of "changes since" (wire/change.h). An entry with seq 0 is
 * some of them; the one that ends a follow-up has seq > 0: the log then holds
 * every head in (since, seq], and the newest version that each record had at
 * seq, when it came after since. What a crash keeps from being appended the
 * next follow-up brings. Order and repetition mean nothing: all heads and the
 * newest version of each record make the zone.
 *
 * When there is much more of it than the zone holds, a file with all there is
 * takes the place of the others.
 * source  docs/FORMAT.md "Local repository".
 */
#pragma once

#include "store/zone.h"

#define REPO_LOG "log" /* the folder */

struct repo_log;

/* dir  the folder of the log; made when something is written. */
struct repo_log *repo_log_new(const char *dir);
void repo_log_free(struct repo_log **l);

/* Append what the zone has had since. What fails is left to the next one. */
void repo_log_follow(
    struct repo_log *l, struct db *db, const struct zone_key *key);
/* The same, to the disk; and with what is of no use any more left out. */
void repo_log_settle(
    struct repo_log *l, struct db *db, const struct zone_key *key);

/*
 * Write all the zone has into a file of its own; then the others go.
 *
 * errors  the disk's: what was there stays.
 */
MUST_CHECK int repo_log_anew(struct repo_log *l, struct db *db,
    const struct zone_key *key, struct err *e);

/*
 * Does it hold what whoever appends to it takes for written?
 *
 * cost    reads all of it.
 */
MUST_CHECK int repo_log_look(
    const char *dir, const struct id *zone, bool *whole, struct err *e);

/*
 * Hand out the frames of all entries that are whole in these bytes; *bad grows
 * by the places that are damaged, and what is behind one is found.
 */
typedef int (*repo_log_fn)(void *ctx, struct bytes frames, struct err *e);
MUST_CHECK int repo_log_read(
    struct bytes x, repo_log_fn fn, void *ctx, uint64_t *bad, struct err *e);

/* The same of all files of a zone. *bad begins at 0. */
MUST_CHECK int repo_log_each(const char *dir, const struct id *zone,
    repo_log_fn fn, void *ctx, uint64_t *bad, struct err *e);
