/* SPDX-License-Identifier: ISC */
/* repo_file.h: what opens a repository in a folder, kept twice. */
/*
 *   "aumbry-repository v1\n" | u8 1 | uid[16] | dev_id[16] | backup zone[16]
 *   | keychain zone[16] | v16(GENESIS) | v32(envelopes, v16 each)
 *   | u32 memory KiB | u32 passes | salt[16]
 *   | nonce[24] | box(device keys[64]) | tag[16]
 *   | SHA-256 of all before
 *
 * The box key is Argon2id of the repository's password (p = 1), all before the
 * nonce is associated data. The folder has the same bytes a second time, as
 * aumbry-repo.copy; one that is damaged is written again from the other.
 * source  docs/FORMAT.md "Local repository".
 */
#pragma once

#include "vault/devkey.h"

#define REPO_FILE "aumbry-repo"
#define REPO_FILE_COPY "aumbry-repo.copy"

struct repo_file {
	struct id uid, dev_id, backup, keychain;
	struct buf genesis; /* the circle's only entry */
	struct buf bundle; /* the keyring: envelopes, v16 each */
	struct devkey *key; /* NULL until it is opened */
};

/* And the key, when it was opened. */
void repo_file_free(struct repo_file *f);

/* Is there one, whole or not? */
bool repo_file_there(const char *dir);
/* Write both; the one that makes the folder a repository comes last. */
MUST_CHECK int repo_file_write(const char *dir, const struct repo_file *f,
    struct bytes password, struct err *e);
/*
 * What is clear in it.
 *
 * errors  not-found; state-damaged when neither is whole; update-needed;
 *         cost-lowered, too-large.
 */
MUST_CHECK int repo_file_look(
    const char *dir, struct repo_file *out, struct err *e);
/* All of it. errors: also wrong-password-or-name. */
MUST_CHECK int repo_file_open(const char *dir, struct bytes password,
    struct repo_file *out, struct err *e);
/* Make two of one; what fails is tried again by the next. */
void repo_file_mend(const char *dir);
