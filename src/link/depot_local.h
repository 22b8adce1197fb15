/* SPDX-License-Identifier: ISC */
/* depot_local.h: a repository in a folder: the same zones without a server. */
/*
 *   aumbry-repo   what opens it, and aumbry-repo.copy: repo_file.h
 *   repo.db       zones and records
 *   log/          the same records and heads without it: repo_log.h
 *   blobs/        packs
 *   reserve       4 MiB at most: on a full disk what frees space takes it
 *                 first, and makes it again
 *   runs/         one locked file for each backup that goes on, named by the
 *                 id of its run record
 *
 * Every writer uses the same device key, so a
 * repository is an account of one device.
 * source  docs/FORMAT.md "Local repository".
 */
#pragma once

#include "link/local.h"
#include "link/zcopy.h"

struct depot_local_repo {
	struct id uid, dev_id, backup, keychain;
	struct devkey *key;
	struct keyring *keyring;
	struct circle circle;
	struct depot *depot;
	struct zcopy_self writer;
};

/* And its depot: what was opened from it is closed before. */
void depot_local_free(struct depot_local_repo **r);

/* Is there a repository in this folder? */
bool depot_local_there(const char *dir);

/* errors: repository-exists when the folder holds anything else. */
MUST_CHECK int depot_local_create(
    const char *dir, struct bytes password, struct err *e);
/* errors: wrong-password-or-name, not-found, state-damaged, cost-lowered. */
MUST_CHECK int depot_local_open(const char *dir, struct bytes password,
    struct depot_local_repo **out, struct err *e);
/* Name the remedy for a damaged database. Always returns -1. */
int depot_local_damaged(const char *dir, struct err *e);
/* Whoever is about to free space in it calls this before it is opened. */
void depot_local_make_room(const char *dir);
