/* SPDX-License-Identifier: ISC */
/* restore.h: giving back a snapshot, or a part of it. */
#pragma once

#include "files/place.h"
#include "backup/snapshot.h"

struct restore_progress {
	uint64_t files, bytes; /* done, those already there included */
	uint64_t all_files, all_bytes; /* as far as is known */
	bool all_known; /* the walk is over, or the snapshot told */
};

struct restore_options {
	const char *to; /* target directory */
	/* Absolute path inside the snapshot, "" for all. A directory's content
	 * lands in the target itself, a file under its name. Without a path,
	 * everything lands under its full path. */
	const char *path;
	const char *const
	    *includes; /* gitignore patterns; none: all. What leads
				      * to something included comes too. */
	size_t n_includes;
	enum place_rule rule;
	bool dry_run;
	bool tame; /* place_tame */
	bool numeric_ids; /* owners by number, not by name */
	unsigned threads; /* 0: one per core, and one */
	void (*warn)(void *ctx, struct bytes path, const struct err *why);
	void (*list)(void *ctx, struct bytes path, const struct entry *x);
	void (*progress)(void *ctx, const struct restore_progress *p);
	void *ctx;
};

struct restore_result {
	struct restore_progress totals;
	uint64_t errors; /* what could not be restored: write-incomplete */
	uint64_t damaged; /* of those, because content is lost or changed */
	uint64_t closed; /* of those, because their category is closed */
	uint64_t included; /* objects that the patterns took */
	struct place_counts counts;
	uint64_t duration_ms;
};

/*
 * Restore a snapshot, or what the options ask for.
 *
 * errors  of what ends it all: disk-full-here, a server that is away, a part
 *         that is not in the snapshot. Of single objects o->warn is told, and
 *         `out` counts them.
 */
MUST_CHECK int restore_run(struct repo *r, const struct snapshot *snap,
    const struct restore_options *o, struct restore_result *out, struct err *e);
