/* SPDX-License-Identifier: ISC */
/* keys.h: the key files of the server, data/keys/. */
/*
 *   tls.crt  tls.key  PEM
 *   opaque.key        OPRF seed[64] | AKE private key[32]
 *   fake.key          32 bytes: answers about names that do not exist
 *   token.key         32 bytes: MACs of tokens and invitation codes
 *
 * The folder is 0700, the files 0600. All but the PEM files begin with
 * KEYS_MAGIC. Keys are locked in memory where the system allows it, left out
 * of core dumps, and wiped when freed. Read-only once loaded: any thread.
 */
#pragma once

#include "wire/digest.h"

#define KEYS_MAGIC "aumbry-secret-file v1\n"
#define KEYS_OPAQUE 96 /* bytes */
#define KEYS_BYTES 32

struct keys;

/*
 * Draw all keys and write their files, the certificate by tlscert_make.
 *
 * dir     the folder; made when it is not there, its parent must exist.
 * opaque  made by the OPAQUE module.
 * names   see tlscert_make.
 * errors  repository-exists when any of the files is there already: nothing
 *         is written then.
 */
MUST_CHECK int keys_make(const char *dir, const uint8_t opaque[KEYS_OPAQUE],
    const char *const *names, size_t n, struct err *e);

/*
 * Read the files of keys_make.
 *
 * cert, key  paths of the TLS files that are used instead of dir's; NULL: dir's.
 * errors     state-damaged when a file is not what it was; permission-denied
 *            when others may read a secret one; not-found; io-error.
 */
MUST_CHECK int keys_load(const char *dir, const char *cert, const char *key,
    struct keys **out, struct err *e);
void keys_free(struct keys **k); /* wipes */

/* All borrowed. */
const char *keys_cert_pem(const struct keys *k);
const char *keys_key_pem(const struct keys *k);
const struct digest *keys_spki(const struct keys *k); /* of the certificate */
const uint8_t *keys_opaque(const struct keys *k); /* KEYS_OPAQUE bytes */
struct bytes keys_fake(const struct keys *k);
struct bytes keys_token(const struct keys *k);
