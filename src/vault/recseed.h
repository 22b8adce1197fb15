/* SPDX-License-Identifier: ISC */
/* recseed.h: what is made from a recovery code. */
/*
 *   shown   HKDF(code, "aumbry recovery shown"): proves to the server, which
 *           knows its SHA-256, that one has the code
 *   assist  HKDF(code, "aumbry recovery assist"): by that a contact's half
 *           names what it belongs to
 *   seed    HKDF(code, "aumbry recovery seed" | half): the keys of a member of
 *           the recovery set, by devkey_from_prf. half is the server's, 32
 *           bytes, or empty for a code that opens alone
 *
 * code is the 26 symbols of reccode.h. None of the first two tells anything of
 * the seed.
 * source  docs/FORMAT.md "Recovery keys".
 */
#pragma once

#include "vault/devkey.h"

#define RECSEED_HALF 32 /* bytes */

/* As above: what the server is shown, what a contact shows, the seed. */
void recseed_shown(const struct secret *code, struct digest *out);
void recseed_assist(const struct secret *code, struct digest *out);
struct secret *recseed_make(const struct secret *code, struct bytes half);

/* The keys, and how entries and envelopes name them. */
struct devkey *recseed_key(const struct secret *seed, struct id *keyref);
