/* SPDX-License-Identifier: ISC */
/* profile.h: the device profile: made in a folder, before a backup of it. */
/*
 * A file for each piece (piece.h), as the machine's own tools print it, and
 * profile.json, which says of each whether it is there, and why not:
 *
 *	{ "profile": 1, "host", "user", "os", "time", "pieces": { NAME:
 *	  { "state": "stored" | "none" | "failed", "file", "why", "read" } } }
 *
 * A file whose bytes are the same is not written, so that its times stay, and
 * "time" is when any of them last changed.
 * source  docs/FORMAT.md "Device profile".
 */
#pragma once

#include "profile/piece.h"

struct profile_making {
	const char *dir; /* made, 0700 */
	const char *host, *user;
	/* One piece failed: what is stored of it is older, if there is any. */
	void (*warn)(void *ctx, const char *name, const struct err *why);
	void *ctx;
};

/* errors: those of writing the folder. */
MUST_CHECK int profile_make(const struct profile_making *m, struct err *e);

/* What a profile says of itself, as outside bytes: nothing, where it is no
 * such file. */
struct profile_about {
	struct buf host, user, os, time;
};

/* For OWN. */
void profile_about_free(struct profile_about *a);
/* errors: record-corrupt, update-needed. */
MUST_CHECK int profile_about_read(
    struct bytes manifest, struct profile_about *out, struct err *e);
