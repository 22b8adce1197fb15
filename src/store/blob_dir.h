/* SPDX-License-Identifier: ISC */
/* blob_dir.h: blobs as files under a folder. */
/*
 *   ROOT/<uid>/<zone>/<first 2 digits of id>/<id>-<file number>
 *   ROOT/tmp/<random>                          being written, locked
 *   ROOT/trash/<ms>-<uid>-<zone>-<id>-<file number>
 *
 * All numbers in hex. A file is written in tmp, fsync, rename, fsync of its
 * folder; folders above it are synced when this store first meets them. What
 * a crash leaves in tmp is removed by the next open; writers hold a lock on
 * their file, so a second process does not lose what it is writing.
 */
#pragma once

#include "store/blob.h"

/*
 * Open the folder, made when it is not there.
 *
 * full  the code of a full disk, as in db_open.
 */
MUST_CHECK int blob_dir_open(const char *root, enum err_code full,
    struct blob_store **out, struct err *e);

/* The same folder to open blobs in alone: nothing is made or cleared away. */
struct blob_store *blob_dir_look(const char *root);
