/* SPDX-License-Identifier: ISC */
/* keys.h: the key files of the server, data/keys/. */
/*
 *   tls.crt  tls.key  PEM: the server's identity, wire/identity.h
 *   identity.past     identities before it, each with its word for the next
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
 * errors  state-damaged when a file is not what it was; permission-denied when
 *         others may read a secret one; not-found; io-error.
 */
MUST_CHECK int keys_load(const char *dir, struct keys **out, struct err *e);
void keys_free(struct keys **k); /* wipes */

/*
 * Draw a new identity for which the one in `dir` gives its word, once, and is
 * gone. What is cut off either did nothing, or is ended by the next keys_load.
 *
 * names   see tlscert_make.
 * stolen  the old one gives no word, and nor do those before it: whoever has
 *         its key is nobody from then on.
 * errors  as keys_load.
 */
MUST_CHECK int keys_rotate(const char *dir, const char *const *names, size_t n,
    bool stolen, struct err *e);

/*
 * Read a PEM certificate and its key, whoever's they are.
 *
 * errors  as keys_load.
 */
MUST_CHECK int keys_read_pair(const char *cert_path, const char *key_path,
    struct buf *cert, struct buf *key, struct err *e);

/* All borrowed. */
struct bytes keys_cert_pem(const struct keys *k); /* the identity's */
struct bytes keys_key_pem(const struct keys *k);
const struct digest *keys_spki(const struct keys *k); /* the identity */
struct bytes keys_public(const struct keys *k); /* its SPKI, DER */
struct bytes keys_past(const struct keys *k); /* see identity_parts */
const uint8_t *keys_opaque(const struct keys *k); /* KEYS_OPAQUE bytes */
struct bytes keys_fake(const struct keys *k);
struct bytes keys_token(const struct keys *k);
