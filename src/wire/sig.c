/* SPDX-License-Identifier: ISC */
/* sig.c: the one table of signature labels, and verification. */
#include "wire/sig.h"

#include <sodium.h>

static const struct {
	const char *text;
	size_t n;
} labels[SIG_LABELS] = {
	[SIG_CIRCLE] = { "aumbry circle v1", sizeof "aumbry circle v1" },
	[SIG_HEAD] = { "aumbry zone head v1", sizeof "aumbry zone head v1" },
	[SIG_SESSION] = { "aumbry session v1", sizeof "aumbry session v1" },
	[SIG_ENVELOPE] = { "aumbry envelope v1", sizeof "aumbry envelope v1" },
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
