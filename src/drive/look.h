/* SPDX-License-Identifier: ISC */
/* look.h: what the Drive has: directories, former versions, the trash. */
#pragma once

#include "drive/edit.h"

/* Something of the Drive; path begins with a slash. -1 stops. */
typedef int (*look_fn)(
    void *ctx, const struct drivedb_entry *x, struct bytes path, struct err *e);

/*
 * A file itself, or what a directory has, in byte order; `all`: and what is
 * below, each directory before what is in it.
 *
 * errors  not-found, bad-usage.
 */
MUST_CHECK int look_list(struct edit *d, const char *path, bool all, look_fn fn,
    void *ctx, struct err *e);
/* One. errors: not-found, bad-usage. */
MUST_CHECK int look_one(
    struct edit *d, const char *path, struct drivedb_entry *out, struct err *e);

/* A content that a file has or had. */
struct look_version {
	uint64_t number; /* the content it is, counted from 1 */
	uint64_t changed_ms, size;
	struct id dev;
	int64_t mtime_s;
	bool exec, current;
};
typedef int (*look_version_fn)(
    void *ctx, const struct look_version *v, struct err *e);
/* Newest first. errors: not-found; bad-usage: no file. */
MUST_CHECK int look_versions(struct edit *d, const char *path,
    look_version_fn fn, void *ctx, struct err *e);

/* What was thrown away, and all that went with it. */
struct look_trashed {
	struct drivedb_entry x;
	struct bytes path; /* where it was */
	uint64_t files, bytes;
};
typedef int (*look_trashed_fn)(
    void *ctx, const struct look_trashed *t, struct err *e);
/* Newest first. */
MUST_CHECK int look_trash(
    struct edit *d, look_trashed_fn fn, void *ctx, struct err *e);
