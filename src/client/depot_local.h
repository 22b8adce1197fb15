/* SPDX-License-Identifier: ISC */
/* depot_local.h: a repository in a folder: the same zones without a server. */
/*
 *   aumbry-repo   what opens it: "aumbry-repository v1\n" | u8 1 | uid[16]
 *                 | dev_id[16] | backup zone[16] | keychain zone[16]
 *                 | u32 memory KiB | u32 passes | salt[16]
 *                 | nonce[24] | box(device keys[64]) | tag[16]
 *   repo.db       zones, records, circle and envelopes
 *   blobs/        packs
 *   reserve       4 MiB at most: on a full disk what frees space takes it
 *                 first, and makes it again
 *   runs/         one locked file for each backup that goes on, named by the
 *                 id of its run record
 *
 * The box key is Argon2id of the repository's password (p = 1), all before the
 * nonce is associated data. Every writer uses the same device key, so a
 * repository is an account of one device.
 * source  docs/FORMAT.md "Local repository".
 */
#pragma once

#include "client/local.h"
#include "client/zcopy.h"

#define DEPOT_LOCAL_FILE "aumbry-repo"

struct depot_local_repo {
	struct id uid, dev_id, backup, keychain;
	struct devkey *key;
	struct keyring *keyring;
	struct circle circle;
	struct depot *depot;
	struct zcopy_self writer;
};

void depot_local_free(struct depot_local_repo **r);

/* Is there a repository in this folder? */
bool depot_local_there(const char *dir);

/* errors: repository-exists when the folder holds anything else. */
MUST_CHECK int depot_local_create(
    const char *dir, struct bytes password, struct err *e);
/* errors: wrong-password-or-name, not-found, state-damaged, cost-lowered. */
MUST_CHECK int depot_local_open(const char *dir, struct bytes password,
    struct depot_local_repo **out, struct err *e);
/* Whoever is about to free space in it calls this before it is opened. */
void depot_local_make_room(const char *dir);
