/* SPDX-License-Identifier: ISC */
/* token.h: a PKCS#11 token that wraps the root key. */
/*
 * The token makes an AES-256 key that cannot be read out of it; AES-GCM with
 * that key seals 32 bytes of ours. The library is loaded for one act and let
 * go after it.
 * source  PKCS#11 v2.40.
 */
#pragma once

#include "vault/secret.h"
#include "wire/id.h"

#define TOKEN_IV 12
#define TOKEN_TAG 16

struct token_place {
	const char *module; /* path of the library */
	const char *label; /* of the token */
	const char *pin_file; /* its first line is the PIN */
};

struct token_wrapped {
	struct id key; /* CKA_ID of the key on the token */
	uint8_t iv[TOKEN_IV];
	uint8_t ct[SECRET_KEY + TOKEN_TAG];
};

/*
 * Make a key on the token and seal `root` (SECRET_KEY bytes) with it.
 *
 * errors  not-found when there is no such library, token or file; wrong-code
 *         when the PIN is wrong; permission-denied when others may read the
 *         PIN's file; io-error for whatever else the token says.
 */
MUST_CHECK int token_make(const struct token_place *place,
    const struct secret *root, struct token_wrapped *out, struct err *e);

/*
 * Have the token open it.
 *
 * errors  as token_make; not-found when the key is not on the token;
 *         state-damaged when it opens nothing.
 */
MUST_CHECK int token_open(const struct token_place *place,
    const struct token_wrapped *w, struct secret **out, struct err *e);
