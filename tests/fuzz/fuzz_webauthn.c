/* SPDX-License-Identifier: ISC */
/* fuzz_webauthn.c: what a security key answered, to both of its questions. */
#include "factor/webauthn.h"
#include "base/scan.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Fixed, so that the corpus can hold answers that are right. */
static const uint8_t challenge[WEBAUTHN_CHALLENGE] = { 0 };

/* u8 what | v16 client data | the rest. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct webauthn_ask ask = { "cloud.example",
		"https://cloud.example:8443",
		bytes_of(challenge, sizeof challenge) };
	struct scan s = scan_of(bytes_of(data, size));
	uint8_t what = scan_u8(&s);
	struct bytes client = scan_v16(&s);
	struct webauthn_key key = { .alg = WEBAUTHN_ES256 };
	struct err e = { 0 };
	uint32_t counter;

	if (!scan_ok(&s))
		return 0;
	if ((what & 1) == 0) {
		if (webauthn_register(
			&ask, client, bytes_of(s.p, s.n), &key, &e) == 0 &&
		    (key.id_n == 0 || key.id_n > WEBAUTHN_ID ||
			key.pk_n != (key.alg == WEBAUTHN_ES256 ? 64 : 32)))
			abort();
		return 0;
	}
	/* Whose signature holds here without its key has been forged. */
	struct webauthn_answer answer = { .client_data = client,
		.authenticator_data = scan_v16(&s) };
	answer.signature = bytes_of(s.p, s.n);
	key.alg = (what & 2) != 0 ? WEBAUTHN_EDDSA : WEBAUTHN_ES256;
	key.pk_n = (what & 2) != 0 ? 32 : 64;
	memset(key.pk, 2, sizeof key.pk);
	if (webauthn_assert(&ask, &key, &answer, &counter, &e) == 0)
		abort();
	return 0;
}
