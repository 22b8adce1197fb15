/* SPDX-License-Identifier: ISC */
/* rootkey.h: the key over everything secret that the escrow keeps. */
/*
 * 32 bytes, in one of two places:
 *
 *   DIR/root.key  "aumbry-secret-file v1\n" | root[32]
 *   DIR/root.p11  "aumbry-secret-file v1\n" | "PEP1" | key id[16] | iv[12]
 *                 | v16 AES-256-GCM of root[32] with its tag: opened by a key
 *                 that was made on a PKCS#11 token and never leaves it
 *
 * Every key in use is derived from it by a label of its own.
 */
#pragma once

#include "escrow/settings.h"
#include "vault/secret.h"

#define ROOTKEY_MAGIC "aumbry-secret-file v1\n"
#define ROOTKEY_FILE "root.key"
#define ROOTKEY_TOKEN_FILE "root.p11"

/*
 * Draw the root key and write its file.
 *
 * s       says whether a token is used, and which.
 * errors  of the token, see token.h; io-error.
 */
MUST_CHECK int rootkey_make(const char *dir, const struct settings *s,
    struct secret **out, struct err *e);

/*
 * Read the root key.
 *
 * errors  permission-denied when others may read root.key; state-damaged when
 *         a file is not what it was; not-found; of the token, see token.h.
 */
MUST_CHECK int rootkey_open(const char *dir, const struct settings *s,
    struct secret **out, struct err *e);

/*
 * Read a file of our own that begins with the magic.
 *
 * out     what follows it.
 * errors  permission-denied when others may read it; state-damaged; not-found.
 */
MUST_CHECK int rootkey_read_file(
    const char *path, size_t limit, struct buf *out, struct err *e);

/* Write one, 0600, magic first, old or new after a crash. */
MUST_CHECK int rootkey_write_file(
    const char *path, struct bytes x, struct err *e);
