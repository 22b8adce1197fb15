/* SPDX-License-Identifier: ISC */
/* zcopy_in.h: what the parts of zcopy share. For zcopy*.c only. */
#pragma once

#include "link/zcopy.h"
#include "vault/seal.h"

#include <pthread.h>

#define ZCOPY_TRIES 32 /* lost races before we say conflict */

struct zcopy {
	const struct zcopy_self *self;
	struct local *local;
	struct depot *depot;
	struct id zone;
	enum category category;
	pthread_mutex_t own_lock;
	struct local_zone at; /* as in state.db */
	struct digest hash; /* of at.head */
	uint64_t taken; /* zcopy_takes */
	uint64_t expect_seq; /* 0: nothing is expected */
	struct digest expect_hash;
	/* The record key of one epoch, kept: most records share it. */
	struct secret *key;
	uint32_t key_epoch;
};

/* LOCKED(z) holds the copy until the block is left. */
void zcopy_unlock(pthread_mutex_t **m);
#define LOCKED(z) \
	OWN(zcopy_unlock) \
	pthread_mutex_t *locked_ = \
	    (z)->self->lock != NULL ? (z)->self->lock : &(z)->own_lock; \
	(void)pthread_mutex_lock(locked_)

/* Another process of this home may have moved the copy. */
MUST_CHECK int zcopy_reload(struct zcopy *z, struct err *e);
/* It did since the copy was loaded: what is held does not belong to z->at. */
bool zcopy_moved(struct zcopy *z);

/*
 * Is there no key to check this head's sum by, and cannot be: because this
 * device only reads, or the head is from before the account was reset?
 */
bool zcopy_on_faith(const struct zcopy *z, const struct head *h);

/* ---- the live sum ---- */

/*
 * Add a record to the sum, or take it off; the key of an epoch, NULL with
 * category-closed in e when it is not held; the key that boxes a sum.
 */
void zcopy_sum_change(
    struct digest *sum, struct mac *key, const struct change *c, bool subtract);
struct mac *zcopy_sum_key(const struct zcopy *z, uint32_t epoch, struct err *e);
struct secret *zcopy_box_key(const struct zcopy *z, uint32_t epoch);
/* What the sum becomes when `list` replaces what is held of the same ids. */
MUST_CHECK int zcopy_sum_after(struct zcopy *z, uint32_t epoch,
    const struct change *list, size_t n, struct digest *sum, struct err *e);
/* The sum of what is held, by the key of `epoch`. */
MUST_CHECK int zcopy_sum_here(struct zcopy *z, uint32_t epoch, struct mac *key,
    struct digest *sum, struct err *e);

/* ---- records ---- */

/* Have z->key be that of the epoch. errors: category-closed without it. */
MUST_CHECK int zcopy_record_key(struct zcopy *z, uint32_t epoch, struct err *e);
/* Open c as if it were that version of that record. */
MUST_CHECK int zcopy_open_as(struct zcopy *z, const struct id *id,
    uint64_t version, const struct change *c, struct buf *out, struct err *e);
/* What is held of it, and where it says it belongs. errors: as above. */
MUST_CHECK int zcopy_open_record(
    struct zcopy *z, const struct change *c, struct buf *out, struct err *e);
/* Version 0 when it is not held. */
struct zcopy_held {
	uint64_t version;
	bool deleted;
};
MUST_CHECK int zcopy_held(struct zcopy *z, const struct id *id,
    struct zcopy_held *out, struct err *e);

/* ---- what a server says ---- */

/*
 * An answer to "changes since", verified as it comes: no more of it than one
 * frame and a few MiB is in memory. What a server can make us store ends with
 * the heads that members have signed: a commit has LIMIT_COMMIT_RECORDS.
 */
struct zcopy_take {
	struct zcopy *z; /* whose head and sum it continues */
	bool
	    all; /* it is the whole zone, and takes the place of what is held */
	bool held; /* no record may be older than what is held */
	/* Also asked about each new head; may be NULL. */
	int (*on_head)(void *ctx, const struct head *h,
	    const struct digest *hash, struct err *e);
	void *ctx;

	struct local_fill *fill;
	struct buf rest; /* the beginning of a frame */
	bool ended;
	struct head last; /* the newest that was verified */
	struct digest hash; /* of it */
	uint64_t known; /* of the heads that are held, the last that came */
	uint64_t n_heads, n_records, seq;
	unsigned in_seq; /* records that came of seq */
	bool has; /* is a version held of the record that is taken? */
	uint64_t had; /* which */
	struct frame end;
	struct mac *key; /* NULL: the sum is taken on faith */
	struct digest sum;
	bool summing;
};

/* What was not taken in is dropped. */
void zcopy_take_free(struct zcopy_take *t);
/* From the depot. errors: those of its `changes`, and of what does not hold. */
MUST_CHECK int zcopy_take_fetch(
    struct zcopy_take *t, uint64_t since, struct err *e);
/* All of it came: do its end and the live sum hold? *next: what it leads to. */
MUST_CHECK int zcopy_take_check(
    struct zcopy_take *t, struct local_zone *next, struct err *e);
MUST_CHECK int zcopy_rolled_back(
    const struct zcopy *z, uint64_t seq, struct err *e);
/*
 * Sign the head after z->at for the records of a commit, with the sum box
 * under the newest epoch.
 *
 * heals  zeros, or the lost head it stands for.
 * sum    the live sum after it.
 */
void zcopy_sign_head(const struct zcopy *z, const struct change *list, size_t n,
    const struct digest *heals, const struct digest *sum, struct head *h);
/* The copy will be replaced as a whole: zcopy_base gives another id. */
MUST_CHECK int zcopy_new_base(struct zcopy *z, struct err *e);
/* z is locked. */
MUST_CHECK int zcopy_pull_locked(struct zcopy *z, struct err *e);
/*
 * Take over a history that does not continue ours but heals it: a member that
 * stood where we stand has put back what the server had lost.
 *
 * *healed  false: it does not; nothing was done.
 */
MUST_CHECK int zcopy_adopt_healed(struct zcopy *z, bool *healed, struct err *e);
