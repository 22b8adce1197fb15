/* SPDX-License-Identifier: ISC */
/* recseed.c: keys and proofs from a recovery code. */
#include "vault/recseed.h"

#include <string.h>

static void
derive(const struct secret *code, const char *label, struct digest *out)
{
	OWN(secret_free)
	struct secret *s = secret_derive(code, label, bytes_str(""));

	memcpy(out->b, secret_bytes(s).p, DIGEST_BYTES);
}

void
recseed_shown(const struct secret *code, struct digest *out)
{
	derive(code, "aumbry recovery shown", out);
}

void
recseed_assist(const struct secret *code, struct digest *out)
{
	derive(code, "aumbry recovery assist", out);
}

struct secret *
recseed_make(const struct secret *code, struct bytes half)
{
	return secret_derive(code, "aumbry recovery seed", half);
}

struct devkey *
recseed_key(const struct secret *seed, struct id *keyref)
{
	struct devkey *k = devkey_from_prf(seed);
	uint8_t pk[SIG_PK_BYTES];

	devkey_sign_pk(k, pk);
	recovery_keyref(pk, keyref);
	return k;
}
