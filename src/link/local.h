/* SPDX-License-Identifier: ISC */
/* local.h: what this device remembers: state.db. */
/*
 * Values by key, and the verified copies of zones. Each write is one
 * transaction: after a crash the old or the new is there. Any thread.
 */
#pragma once

#include "wire/change.h"

struct local;

/* errors: state-damaged, disk-full-here. */
MUST_CHECK int local_open(const char *path, struct local **out, struct err *e);
void local_free(struct local **l);

/* Append the value; nothing when there is none. */
MUST_CHECK int local_get(
    struct local *l, const char *key, struct buf *out, struct err *e);
/* n 0 removes it. */
MUST_CHECK int local_put(
    struct local *l, const char *key, struct bytes value, struct err *e);
/* Several at once, in one transaction. */
struct local_pair {
	const char *key;
	struct bytes value;
};
MUST_CHECK int local_put_all(
    struct local *l, const struct local_pair *pairs, size_t n, struct err *e);

/* A record as it was received, and the commit that brought it. */
struct local_record {
	struct change change; /* borrows */
	uint64_t seq;
};

struct local_zone {
	struct head head; /* seq 0: nothing yet */
	struct digest sum; /* the live sum under the head's integrity key */
};

/* The copy's head and sum; zeros when nothing is held of it. */
MUST_CHECK int local_zone_get(struct local *l, const struct id *zone,
    struct local_zone *out, struct err *e);

/*
 * What comes of a zone is held apart, in bounded memory and transactions, and
 * taken in when all of it is there and was verified; until then the copy stays
 * as it was. One that is dropped, or whose process ends, leaves nothing that
 * is ever seen. One thread.
 */
struct local_fill;
struct local_fill *local_fill_new(struct local *l, const struct id *zone);
void local_fill_free(struct local_fill **f);
MUST_CHECK int local_fill_head(struct local_fill *f, uint64_t seq,
    const struct digest *hash, struct err *e);
MUST_CHECK int local_fill_record(
    struct local_fill *f, const struct local_record *r, struct err *e);

/*
 * Take in what is held apart and the head it leads to.
 *
 * before  seq of the head that is there now.
 * all     it is the whole live set; what else is there goes.
 * errors  conflict: another process has moved the copy meanwhile;
 *         record-replayed: a record came twice.
 */
MUST_CHECK int local_fill_take(struct local_fill *f, uint64_t before,
    const struct local_zone *z, bool all, struct err *e);

/* The hash of the head that was taken in as seq; zeros when none was, as of
 * those before the one that another device vouched for. */
MUST_CHECK int local_chain_at(struct local *l, const struct id *zone,
    uint64_t seq, struct digest *out, struct err *e);

/* One record's newest version. fn is not called when there is none. */
typedef int (*local_record_fn)(
    void *ctx, const struct local_record *r, struct err *e);
MUST_CHECK int local_record_get(struct local *l, const struct id *zone,
    const struct id *id, local_record_fn fn, void *ctx, struct err *e);

/* Every record with seq > since, tombstones too, in order of seq. */
MUST_CHECK int local_records_each(struct local *l, const struct id *zone,
    uint64_t since, local_record_fn fn, void *ctx, struct err *e);

/* The same of what is held apart. errors: also those of local_fill_take. */
MUST_CHECK int local_fill_get(struct local_fill *f, const struct id *id,
    local_record_fn fn, void *ctx, struct err *e);
MUST_CHECK int local_fill_each(
    struct local_fill *f, local_record_fn fn, void *ctx, struct err *e);
