/* SPDX-License-Identifier: ISC */
/* zcopy_in.h: what the parts of zcopy share. For zcopy*.c only. */
#pragma once

#include "client/zcopy.h"
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
	uint64_t expect_seq; /* 0: nothing is expected */
	struct digest expect_hash;
	/* The record key of one epoch, kept: most records share it. */
	struct secret *key;
	uint32_t key_epoch;
};

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

void zcopy_sum_change(
    struct digest *sum, struct mac *key, const struct change *c, bool subtract);
struct mac *zcopy_sum_key(const struct zcopy *z, uint32_t epoch, struct err *e);
struct secret *zcopy_box_key(const struct zcopy *z, uint32_t epoch);
/* What the sum becomes when `list` replaces what is held of the same ids. */
MUST_CHECK int zcopy_sum_after(struct zcopy *z, uint32_t epoch,
    const struct local_record *list, size_t n, bool all, struct digest *sum,
    struct err *e);

/* ---- records ---- */

MUST_CHECK int zcopy_record_key(struct zcopy *z, uint32_t epoch, struct err *e);
/* Open c as if it were that version of that record. */
MUST_CHECK int zcopy_open_as(struct zcopy *z, const struct id *id,
    uint64_t version, const struct change *c, struct buf *out, struct err *e);
/* 0 when it is not held. */
MUST_CHECK int zcopy_held_version(
    struct zcopy *z, const struct id *id, uint64_t *version, struct err *e);

/* ---- what a server says ---- */

struct zcopy_news {
	struct buf raw;
	struct head *heads;
	size_t n_heads;
	struct local_record *records;
	size_t n_records;
	uint64_t end_seq;
	struct digest end_hash;
	bool all;
};

void zcopy_news_free(struct zcopy_news *p);
/* The whole zone, unverified; empty when the server has none. */
MUST_CHECK int zcopy_fetch_all(
    struct zcopy *z, struct zcopy_news *p, struct err *e);
/* Every new head continues the one before it, from z->at on. */
MUST_CHECK int zcopy_check_chain(
    struct zcopy *z, const struct zcopy_news *p, struct err *e);
MUST_CHECK int zcopy_check_sum(struct zcopy *z, const struct zcopy_news *p,
    const struct head *last, struct digest *sum, struct err *e);
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
MUST_CHECK int zcopy_pull_locked(
    struct zcopy *z, unsigned wait_s, struct err *e);
/*
 * Take over a history that does not continue ours but heals it: a member that
 * stood where we stand has put back what the server had lost.
 *
 * *healed  false: it does not; nothing was done.
 */
MUST_CHECK int zcopy_adopt_healed(struct zcopy *z, bool *healed, struct err *e);
