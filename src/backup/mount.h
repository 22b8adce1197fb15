/* SPDX-License-Identifier: ISC */
/* mount.h: all snapshots as a read-only file system. */
/*
 *   DIR/2026-11-23T13.33.39-1a2b3c4d/…  each snapshot, its tree below
 *   DIR/latest                          a link to the newest
 *
 * Nothing is written and nothing is fetched before it is looked at. One thread
 * serves all requests. Snapshots made later appear, forgotten ones go. Who
 * mounted reads everything, whoever owned it; others see nothing.
 */
#pragma once

#include "backup/snapshot.h"

struct mount_options {
	const char *dir; /* an empty directory, here */
	void (*ready)(void *ctx); /* it can be used from now on */
	/* A request failed by EIO or EACCES; `path` is below dir. */
	void (*warn)(void *ctx, const char *path, const struct err *why);
	void *ctx;
};

/*
 * Serve until SIGINT, SIGTERM, SIGHUP or an unmount from outside; then unmount.
 *
 * list    oldest first; emptied.
 * errors  io-error with what is in the way of mounting.
 */
MUST_CHECK int mount_run(struct repo *r, struct snapshot_list *list,
    const struct mount_options *o, struct err *e);
