/* SPDX-License-Identifier: ISC */
/* piece.h: what a device profile is made of. */
#pragma once

#include "profile/items.h"

/* The folder of the profile: the last component of a root of its snapshot. */
#define PROFILE_FOLDER "device-profile"
#define PROFILE_MANIFEST "profile.json"
#define PROFILE_CONNECTIONS "/etc/NetworkManager/system-connections"

#define PROFILE_FILE_BYTES (4 << 20) /* of a piece: ten times what is usual */
#define PROFILE_MANIFEST_BYTES 65536
#define PROFILE_CONNECTION_BYTES 65536 /* as secrets that are searched */

enum profile_id {
	PROFILE_SETTINGS,
	PROFILE_PACKAGES,
	PROFILE_SELECTIONS,
	PROFILE_SOURCES,
	PROFILE_FLATPAK,
	PROFILE_REMOTES,
	PROFILE_SNAP,
	PROFILE_UNITS,
	PROFILE_CRONTAB,
	PROFILE_PRINTERS,
	PROFILE_FONTS,
	PROFILE_WIFI,
	PROFILE_PIECES
};

struct profile_piece {
	enum profile_id id;
	const char *name; /* as people type it */
	bool record; /* a second file of that name, for people to read */
	const char *file; /* in the folder; NULL: PROFILE_CONNECTIONS */
	const char *const *argv; /* whose output the file is; or NULL */
	enum items_kind kind;
	bool sorted; /* the tool has no order of its own */
	/* Its words where that it fails means that there is nothing. */
	const char *const *nothing;
	/* Files that the tool reads: the same times, the same output. */
	const char *const *inputs;
};

extern const struct profile_piece profile_pieces[PROFILE_PIECES];

/* The piece of that name; NULL when there is none. */
const struct profile_piece *profile_piece_of(const char *name, size_t n);

/*
 * What the piece is on this machine now: the tool's output, in order.
 *
 * errors  not-found: there is nothing, or no tool, and the message says why;
 *         those of tool_run.
 */
MUST_CHECK int profile_piece_ask(
    const struct profile_piece *p, struct buf *out, struct err *e);
