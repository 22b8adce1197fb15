/* SPDX-License-Identifier: ISC */
/* put.h: files and folders of this machine, stored in the Drive by hand. */
#pragma once

#include "drive/edit.h"

struct put_ask {
	const char *const *files; /* of this machine */
	size_t n;
	const char *to; /* a directory; or, of one, its new path */
	bool force; /* over what is there: it goes into history or trash */
	/* Something that could not be read; the rest goes on. */
	void (*warn)(void *ctx, struct bytes path, const struct err *why);
	/* Now and then; or NULL. */
	void (*progress)(void *ctx, uint64_t files, uint64_t bytes);
	void *ctx;
};

struct put_result {
	uint64_t files, dirs, bytes; /* stored */
	uint64_t stored_bytes; /* sent */
	uint64_t same; /* that were there already */
	uint64_t failed;
};

/*
 * Store them. A file that is given is followed if it is a link; links in
 * folders stay links. With `force` folders are merged, and what is there with
 * the same content is left: so a run that was cut off is continued.
 *
 * out     also after an error.
 * errors  drive-exists: before anything is read; not-found; stopped; what stops
 *         it all.
 */
MUST_CHECK int put_run(struct edit *d, const struct put_ask *ask,
    struct put_result *out, struct err *e);
