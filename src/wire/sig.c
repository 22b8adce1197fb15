/* SPDX-License-Identifier: ISC */
/* sig.c: the one table of signature labels, and verification. */
#include "wire/sig.h"

#include <sodium.h>

#define LABEL(text) \
	{ \
		(text), sizeof(text) \
	} /* with its NUL */

static const struct {
	const char *text;
	size_t n;
} labels[SIG_LABELS] = {
	[SIG_CIRCLE] = LABEL("aumbry circle v1"),
	[SIG_HEAD] = LABEL("aumbry zone head v1"),
	[SIG_SESSION] = LABEL("aumbry session v1"),
	[SIG_ENVELOPE] = LABEL("aumbry envelope v1"),
	[SIG_ESCROW_ACCOUNT] = LABEL("aumbry escrow account v1"),
	[SIG_ESCROW_JOURNAL] = LABEL("aumbry escrow journal v1"),
	[SIG_ESCROW_RELEASED] = LABEL("aumbry escrow released v1"),
	[SIG_RELEASE] = LABEL("aumbry release v1"),
	[SIG_RELEASE_KEY] = LABEL("aumbry release key v1"),
	[SIG_FACTOR] = LABEL("aumbry factor v1"),
	[SIG_FRESHPIN] = LABEL("aumbry fresh pin v1"),
	[SIG_LETTER] = LABEL("aumbry letter v1"),
};

struct bytes
sig_label(enum sig_label label)
{
	return bytes_of(labels[label].text, labels[label].n);
}

bool
sig_valid(enum sig_label label, const uint8_t pk[static SIG_PK_BYTES],
    struct bytes message, const uint8_t sig[static SIG_BYTES])
{
	OWN(buf_free) struct buf m = { 0 };

	buf_put_bytes(&m, sig_label(label));
	buf_put_bytes(&m, message);
	return crypto_sign_verify_detached(sig, m.p, m.n, pk) == 0;
}
