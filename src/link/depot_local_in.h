/* SPDX-License-Identifier: ISC */
/* depot_local_in.h: what its parts share. For depot_local*.c only. */
#pragma once

#include "link/depot_local.h"
#include "link/repo_file.h"
#include "store/zone_blob.h"

#define RESERVE_FILE "reserve"

struct depot_local {
	struct depot base;
	struct db *db;
	struct blob_store *blobs;
	struct zone_store store;
	struct id uid;
	struct buf genesis, bundle;
	char *dir;
	char *runs; /* the folder */
	char *run; /* our file in it, or NULL */
	int run_fd;
	struct err shut; /* why it can only be read */
	struct repo_log *log; /* NULL: it can only be read */
	struct id zones[2];
};

/* The depot that is one of ours. */
struct depot_local *depot_local_of(struct depot *d);
/*
 * The depot alone, from what the folder's file says.
 *
 * errors  state-damaged, permission-denied, of the system.
 */
MUST_CHECK int depot_local_depot(const char *dir, const struct repo_file *f,
    struct depot **out, struct err *e);
