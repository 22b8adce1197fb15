/* SPDX-License-Identifier: ISC */
/* watch.h: which folders of a root changed, by inotify, folder by folder. */
/*
 * The scan decides what changed, the watch only says where to look: a folder is
 * told of when it was quiet for a tenth of a second, when it never rests after
 * two seconds, and one in which a file is only written to, and never closed, once
 * a minute. The kernel lets a user watch so many folders; those beyond are told
 * of each minute, and a folder that turns out to change takes the place of the
 * one that rested longest.
 *
 * Folders are added before they are listed (scan_policy.listing): what comes
 * into one before it is watched is in its listing, what comes later is told.
 *
 * memory   under 100 bytes a folder, names of up to 23 bytes included.
 * threads  one; watch_fd can be polled.
 */
#pragma once

#include "base/buf.h"

struct watch;

struct watch_policy {
	/* What is ignored is not told; NULL: nothing is. Relative paths. */
	bool (*ignored)(void *ctx, struct bytes path, bool is_dir);
	void *ctx;
	uint32_t most; /* folders to watch, whatever the kernel allows; 0: no
			* such limit */
};

struct watch_state {
	uint64_t folders, watched;
	bool limited; /* not all are */
	char limit[160]; /* which, and how to raise it; "" unless limited */
};

/*
 * errors  watch-limited: this user has as many watchers as the system allows:
 *         scan each minute. io-error.
 */
MUST_CHECK int watch_new(const char *root, const struct watch_policy *policy,
    struct watch **out, struct err *e);
void watch_free(struct watch **w);
int watch_fd(const struct watch *w);

/* Watch a folder, by its path relative to the root; again is the same. */
void watch_add(struct watch *w, const char *path);
/* A scan found it changed: it shall be watched rather than another. */
void watch_prefer(struct watch *w, const char *path);

/*
 * Read what the kernel has, and say what is to be scanned by now.
 *
 * now_ns  of the clock that never steps.
 * dirs    paths for scan_run, each with its NUL, appended; with a slash at the
 *         end where all below is meant.
 * *all    events were lost, or the root itself moved: scan all of it.
 *
 * returns  in how many ns to ask again, if nothing comes before; -1: when
 *          watch_fd can be read.
 */
int64_t watch_take(
    struct watch *w, int64_t now_ns, struct buf *dirs, bool *all);

/* For `drive status`. */
void watch_state(const struct watch *w, struct watch_state *out);
