/* SPDX-License-Identifier: ISC */
/* zcopy.h: this device's verified copy of one zone. */
/*
 * A pull takes the server's new heads and records in only when every link,
 * signature and the live sum hold; a commit signs the next head on top of it.
 * What the server cannot do unnoticed is listed in docs/THREATS.md; each lie
 * has its code. All calls lock inside: several threads may share a copy.
 */
#pragma once

#include "link/depot.h"
#include "link/local.h"
#include "vault/keyring.h"

#include <pthread.h>

/* Who writes. Borrowed; must outlive the copies. */
struct zcopy_self {
	struct id uid;
	struct id dev_id;
	const struct devkey *key;
	const struct keyring *keyring;
	const struct circle *circle; /* verified up to now */
	/* Fetch newer circle entries and keys: a head names some we lack. */
	int (*refresh)(void *ctx, struct err *e);
	void *ctx;
	/*
	 * Recursive; held by whoever changes circle or keyring, and by every
	 * call on a copy. NULL: neither ever changes.
	 */
	pthread_mutex_t *lock;
	/* One that reads and never writes; live sums whose integrity keys it
	 * does not hold are taken on faith. */
	bool unverified;
};

struct zcopy;

/* What a copy is of, and where it is kept. */
struct zcopy_of {
	struct local *local;
	struct depot *depot;
	const struct id *zone; /* it may not exist on the server yet */
	enum category category;
};

/* The copy as it was left; nothing is asked. It keeps all that it is given. */
MUST_CHECK int zcopy_open(const struct zcopy_self *self,
    const struct zcopy_of *of, struct zcopy **out, struct err *e);
void zcopy_free(struct zcopy **z);

/* What it is a copy of, and the seq of the newest head taken in. */
const struct id *zcopy_zone(const struct zcopy *z);
enum category zcopy_category(const struct zcopy *z);
uint64_t zcopy_seq(struct zcopy *z);
/* The newest head taken in; seq 0 when there is none. */
struct head zcopy_head(struct zcopy *z);

/*
 * Fetch and verify what is new. Who waits for it: client/self_wait.h.
 *
 * errors  history-rolled-back, history-forked, record-corrupt,
 *         record-misplaced, record-replayed, not-a-member, …
 */
MUST_CHECK int zcopy_pull(struct zcopy *z, struct err *e);

/*
 * The newest key for what belongs to the zone (packs), or one of an epoch.
 * Borrowed as long as the keyring; NULL with category-closed.
 */
const struct secret *zcopy_write_key(
    struct zcopy *z, uint32_t *epoch, struct err *e);
const struct secret *zcopy_read_key(
    struct zcopy *z, uint32_t epoch, struct err *e);

struct zcopy_edit {
	struct id id;
	bool deleted;
	bool table; /* CHANGE_TABLE: the record of a pack */
	struct bytes refs; /* blob ids */
	struct bytes plain; /* sealed here */
	/* Only if the record is still as its writer saw it: at version
	 * `expect`; 0: there is none, or it was deleted. */
	bool expects;
	uint64_t expect;
};

/*
 * Commit n edits (n 0: a head that only names the newest circle). A lost race
 * is pulled and tried again; `check`, when not NULL, is asked before each try:
 * what is committed stands right behind the head at which it said yes. Without
 * either the last writer wins.
 *
 * errors  conflict: a record is no more as its edit expects: nothing was
 *         committed, and what is there now is in the copy; what `check` says.
 */
typedef int (*zcopy_check_fn)(void *ctx, struct err *e);
MUST_CHECK int zcopy_commit(struct zcopy *z, const struct zcopy_edit *edits,
    size_t n, zcopy_check_fn check, void *ctx, struct err *e);

/* From now on a commit says that it files the inbox up to there; 0: no more. Of
 * the messages category. */
void zcopy_takes(struct zcopy *z, uint64_t upto);

/* Make the zone where it is kept, when there is none: blobs want one. */
MUST_CHECK int zcopy_begin(struct zcopy *z, struct err *e);

struct zcopy_record {
	struct id id;
	uint64_t seq; /* of the commit that brought it */
	uint64_t version; /* zcopy_edit.expect of who changes it */
	uint32_t epoch; /* of the key that it is sealed with */
	struct bytes refs;
	struct bytes plain;
	bool deleted; /* zcopy_news: there is no plain */
	/* zcopy_each_all, zcopy_news: why plain is empty, or NULL */
	const struct err *bad;
};

/*
 * Visit every live record with seq > since, in order of seq; -1 from fn stops.
 * fn must not call into the copy.
 */
typedef int (*zcopy_visit_fn)(
    void *ctx, const struct zcopy_record *r, struct err *e);
MUST_CHECK int zcopy_each(struct zcopy *z, uint64_t since, zcopy_visit_fn fn,
    void *ctx, struct err *e);

/* The same, and one that does not open closes nothing: its visit says why. */
MUST_CHECK int zcopy_each_all(struct zcopy *z, uint64_t since,
    zcopy_visit_fn fn, void *ctx, struct err *e);

/* Visit the ids of records that were deleted by commits after `since`. */
typedef int (*zcopy_gone_fn)(void *ctx, const struct id *id, struct err *e);
MUST_CHECK int zcopy_gone(struct zcopy *z, uint64_t since, zcopy_gone_fn fn,
    void *ctx, struct err *e);

/*
 * Open every record held and compare the live sum with the last head's.
 *
 * errors  record-corrupt, record-replayed: the copy here is damaged.
 */
MUST_CHECK int zcopy_verify(struct zcopy *z, struct err *e);

/* One live record's plaintext, appended. errors: not-found. */
MUST_CHECK int zcopy_get(
    struct zcopy *z, const struct id *id, struct buf *plain, struct err *e);
/* The same for who will change it; version 0 and nothing when there is none.
 * What does not open has a version, too. */
MUST_CHECK int zcopy_look(struct zcopy *z, const struct id *id,
    uint64_t *version, struct buf *plain, struct err *e);

/*
 * What grows with the zone's seq (an index) is true of one base only: it is the
 * zone's id until the copy was replaced as a whole, then another one.
 */
MUST_CHECK int zcopy_base(struct zcopy *z, struct id *out, struct err *e);

/* How far somebody has followed a copy; zeros: not at all. */
struct zcopy_point {
	struct id base;
	uint64_t seq;
};

/*
 * Visit every record that commits after *at changed, deleted ones too, in order
 * of seq; one that does not open says why. Nothing is locked while fn runs, and
 * it may call into the copy. What changes meanwhile is visited, some of it
 * twice; at the end *at is the head that all of it leads to, and after a failure
 * how far it came.
 *
 * errors  resync: the copy was replaced; *at is zeros, for the next call.
 * cost    memory of 1 MiB, or of one commit.
 */
MUST_CHECK int zcopy_news(struct zcopy *z, struct zcopy_point *at,
    zcopy_visit_fn fn, void *ctx, struct err *e);

/*
 * What another device vouched for: the next pull refuses a history that ends
 * before seq (history-rolled-back) or has another head there (history-forked).
 * A copy of nothing begins at that head, and asks for none before it.
 */
void zcopy_expect(struct zcopy *z, uint64_t seq, const struct digest *hash);

/* ---- after the server was restored from a backup ---- */

struct zcopy_loss {
	uint64_t here, there; /* seq of the head seen here, and the server's */
	bool whole; /* the server's history holds ours: nothing to heal */
	size_t newer; /* records to bring back */
	size_t lost; /* of them: blobs are gone (after zcopy_heal) */
};

/* Compare the server's history, verified from its start, with this copy. */
MUST_CHECK int zcopy_compare(
    struct zcopy *z, struct zcopy_loss *out, struct err *e);

/*
 * Bring back, on top of the server's last head, every record that is newer
 * here; the last commit's head names the lost head it heals, and a device that
 * remembers that one goes on without a question. Where both have the same
 * version, or the server's is newer, the server's stays.
 *
 * drop    asked about a record some of whose blobs are gone: true deletes it,
 *         false keeps it without them. It must not call into the copy.
 * errors  those of a pull; what was brought back until then stays: run again.
 */
typedef bool (*zcopy_drop_fn)(void *ctx, struct bytes plain);
MUST_CHECK int zcopy_heal(struct zcopy *z, zcopy_drop_fn drop, void *ctx,
    struct zcopy_loss *out, struct err *e);
