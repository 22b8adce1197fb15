/* SPDX-License-Identifier: ISC */
/* fuzz_cpace.c: only the other side's own share and words give its key. */
/*
 * The first 32 bytes are laid over the genuine share by XOR, the rest over the
 * genuine associated data, which grows as needed.
 */
#include "vault/cpace.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static const uint8_t scalar_a[32] = { 3 }, scalar_b[32] = { 5 };
static const char ad_a[] = "first", ad_b[] = "second";

static void
must(bool right)
{
	if (!right)
		abort();
}

static struct cpace *
side(enum cpace_role role, uint8_t share[static CPACE_SHARE])
{
	bool first = role == CPACE_INITIATOR;
	struct cpace *c = cpace_new(role, bytes_str("12345674"),
	    bytes_str("ci"), bytes_str("sid"), bytes_str(first ? ad_a : ad_b));

	cpace_share(c, first ? scalar_a : scalar_b, share);
	return c;
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	uint8_t ya[CPACE_SHARE], yb[CPACE_SHARE];
	OWN(cpace_free) struct cpace *a = side(CPACE_INITIATOR, ya);
	OWN(cpace_free) struct cpace *b = side(CPACE_RESPONDER, yb);
	OWN(secret_free) struct secret *ka = NULL;
	OWN(secret_free) struct secret *kb = NULL;
	OWN(buf_free) struct buf ad = { 0 };
	OWN(buf_free) struct buf ta = { 0 };
	OWN(buf_free) struct buf tb = { 0 };
	struct err e = { 0 };
	bool same = n <= CPACE_SHARE;

	must(cpace_finish(b, ya, bytes_str(ad_a), &kb, &tb, &e) == 0);
	buf_put_str(&ad, ad_b);
	for (size_t i = 0; i < n && i < CPACE_SHARE; i++) {
		yb[i] ^= p[i];
		same = same && p[i] == 0;
	}
	for (size_t i = CPACE_SHARE; i < n; i++)
		if (i - CPACE_SHARE < strlen(ad_b))
			ad.p[i - CPACE_SHARE] ^= p[i];
		else
			buf_put_u8(&ad, p[i]);
	same = same ||
	    (bytes_equal(buf_bytes(&ad), bytes_str(ad_b)) &&
		sodium_is_zero(p, CPACE_SHARE));
	if (cpace_finish(a, yb, buf_bytes(&ad), &ka, &ta, &e) < 0) {
		must(!same && e.code == ERR_WRONG_CODE);
		must(ka == NULL && ta.n == 0);
	} else {
		must(secret_equal(ka, kb) == same);
		must(bytes_equal(buf_bytes(&ta), buf_bytes(&tb)) == same);
	}
	return 0;
}
