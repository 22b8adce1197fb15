/* SPDX-License-Identifier: ISC */
/* past.h: a file or a directory as it was. */
/*
 * By ordinary commits: what is replaced goes into histories, what was not there
 * then into the trash, so a restoration is undone by another.
 *
 * What is known of a time: when each kept content of a file came, when
 * something was thrown away, and of what was never moved or thrown away when it
 * came. Names and places are as they are now; what cannot be told stays.
 */
#pragma once

#include "drive/edit.h"

enum past_step {
	PAST_TRASH, /* it was not there */
	PAST_BACK, /* it was thrown away since */
	PAST_CONTENT, /* it had another content */
	PAST_BOTH, /* it was thrown away since, with another content */
	PAST_UNKNOWN /* that content is kept no more: it stays as it is */
};

struct past_ask {
	const char *path;
	uint64_t at_ms;
	bool dry; /* tell, and do nothing */
	/* Each thing, with its path. */
	void (*tell)(void *ctx, enum past_step step, struct bytes path);
	void *ctx;
};

struct past_result {
	uint64_t trashed, back, contents, unknown;
};

/* A file, or all that is or was in a directory, as then; with a file of a
 * database (dbfile.h) go the others. errors: not-found, stopped. Done in part,
 * the same command goes on with it. */
MUST_CHECK int past_restore(struct edit *d, const struct past_ask *ask,
    struct past_result *out, struct err *e);
/* A former content becomes the newest. number: as look_versions has it. The
 * files of a database are as they were when that one came, and are told; at_ms
 * and dry of ask are not used. errors: version-gone; not-found; bad-usage: it is
 * the newest, or no file. */
MUST_CHECK int past_version(
    struct edit *d, const struct past_ask *ask, uint64_t number, struct err *e);
