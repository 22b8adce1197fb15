/* SPDX-License-Identifier: ISC */
/* blob.h: the bytes of blobs at rest, whatever keeps them. */
/*
 * A store keeps immutable objects under names that are never used twice: the
 * blob's id and a random file number drawn for each upload. So removing one
 * upload can never hit a later one of the same blob. Which objects count is
 * for the tables to say (zone.h); here nothing is looked up.
 *
 * What is removed goes to the trash first and is found there by name until
 * it is purged.
 *
 * threads  a store: any; a writer: one.
 */
#pragma once

#include "wire/checksum.h"
#include "wire/id.h"

#define BLOB_TRASH_MS (7LL * 24 * 3600 * 1000) /* ruling: kept 7 days */

struct blob_name {
	struct id uid;
	struct id zone;
	struct id id;
	uint64_t file; /* 63 random bits */
};

/* What the bytes must be. */
struct blob_sum {
	uint64_t size; /* bytes */
	struct checksum sum; /* of what, and to what end: FORMAT.md "Pack" */
};

struct blob_store;
typedef int blob_each_fn(
    const struct blob_name *name, void *arg, struct err *e);

/* What a kind of store does; blob_dir.h has the one over a folder. */
struct blob_ops {
	/* A place to write to, not visible under the name yet. */
	int (*begin)(struct blob_store *s, const struct blob_name *name,
	    void **place, struct err *e);
	int (*add)(void *place, struct bytes x, struct err *e);
	/* Make it durable under its name. */
	int (*finish)(struct blob_store *s, const struct blob_name *name,
	    void *place, struct err *e);
	void (*drop)(void *place); /* after finish, too */
	int (*open)(struct blob_store *s, const struct blob_name *name, int *fd,
	    uint64_t *size, struct err *e);
	int (*trash)(struct blob_store *s, const struct blob_name *name,
	    int64_t now_ms, struct err *e);
	int (*untrash)(
	    struct blob_store *s, const struct blob_name *name, struct err *e);
	/* Unlink one that went to the trash at that time; or is not there. */
	int (*expunge)(struct blob_store *s, const struct blob_name *name,
	    int64_t since_ms, struct err *e);
	int (*purge)(struct blob_store *s, int64_t before_ms, uint64_t *n,
	    struct err *e);
	int (*each)(
	    struct blob_store *s, blob_each_fn *fn, void *arg, struct err *e);
	void (*free)(struct blob_store *s);
};

/* The head of every kind of store. */
struct blob_store {
	const struct blob_ops *ops;
};

/* For OWN. Every writer has ended before. */
void blob_store_free(struct blob_store **s);

/* Draw the file number. */
void blob_name_new(const struct id *uid, const struct id *zone,
    const struct id *id, struct blob_name *out);

struct blob_writer;

/*
 * Begin to write an object.
 *
 * want    its size and checksum, compared in blob_finish.
 * errors  too-large over LIMIT_BLOB_BYTES; a full disk; io-error.
 */
MUST_CHECK int blob_begin(struct blob_store *s, const struct blob_name *name,
    const struct blob_sum *want, struct blob_writer **out, struct err *e);
/* errors  too-large over the size that was announced. */
MUST_CHECK int blob_add(struct blob_writer *w, struct bytes x, struct err *e);
/*
 * Compare, then make the object durable under its name; before this returns 0
 * nothing is visible there. In each case the writer is gone.
 *
 * errors  blob-truncated, blob-corrupt when it is not what was announced.
 */
MUST_CHECK int blob_finish(struct blob_writer **w, struct err *e);
void blob_abort(struct blob_writer **w); /* for OWN */

/* errors  not-found. */
MUST_CHECK int blob_open(struct blob_store *s, const struct blob_name *name,
    int *fd, uint64_t *size, struct err *e);

/* Move to the trash; it is no failure when it is not there. */
MUST_CHECK int blob_trash(struct blob_store *s, const struct blob_name *name,
    int64_t now_ms, struct err *e);
/* Move back. errors  not-found when the trash does not hold it. */
MUST_CHECK int blob_untrash(
    struct blob_store *s, const struct blob_name *name, struct err *e);
/* Unlink one at once, which went to the trash at since_ms. */
MUST_CHECK int blob_expunge(struct blob_store *s, const struct blob_name *name,
    int64_t since_ms, struct err *e);
/* Unlink what has been in the trash for BLOB_TRASH_MS; n counts. */
MUST_CHECK int blob_purge(
    struct blob_store *s, int64_t now_ms, uint64_t *n, struct err *e);

/* Call fn for each object that is visible; it stops when fn fails. */
MUST_CHECK int blob_each(
    struct blob_store *s, blob_each_fn *fn, void *arg, struct err *e);
