/* SPDX-License-Identifier: ISC */
/* fuzz_opaque.c: no message of OPAQUE but the genuine one is believed. */
/*
 * The first byte chooses a message; the others are laid over the genuine one
 * by XOR, so that an empty rest is the genuine message itself.
 */
#include "server/opsrv.h"
#include "vault/opaque_test.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static const struct opaque_ksf none = { 0, 0 };
static const struct bytes uid = { (const uint8_t *)"0123456789abcdef", 16 };
static const struct bytes password = { (const uint8_t *)"correct horse", 13 };

/* One account and one login, the same in every run. */
static struct {
	struct opsrv_keys keys;
	struct opsrv_random random;
	uint8_t blind[32], nonce[32], share_seed[32];
	uint8_t response[OPAQUE_RESPONSE], record[OPAQUE_RECORD];
	uint8_t ke1[OPAQUE_KE1], ke2[OPAQUE_KE2], ke3[OPAQUE_KE3];
	uint8_t state[OPSRV_STATE];
} genuine;

static void
must(bool right)
{
	if (!right)
		abort();
}

static struct opaque *
client(void)
{
	const struct opaque_fixed fixed = { .identity_ksf = true,
		.blind = genuine.blind,
		.nonce = genuine.nonce,
		.share_seed = genuine.share_seed };
	struct opaque *o = opaque_new(password);

	opaque_fix(o, &fixed);
	return o;
}

static int
finish(const uint8_t *ke2, uint8_t *ke3)
{
	uint8_t ke1[OPAQUE_KE1];
	struct err e = { 0 };
	OWN(opaque_free) struct opaque *o = client();
	OWN(opaque_keys_free) struct opaque_keys keys = { NULL, NULL };

	opaque_login(o, ke1);
	int rc = opaque_login_finish(o, &none, ke2, ke3, &keys, &e);
	must(rc == 0 || (e.code == ERR_WRONG_PASSWORD && !keys.session_key));
	return rc;
}

static int
enroll(const uint8_t *response, uint8_t *record)
{
	uint8_t request[OPAQUE_REQUEST];
	struct err e = { 0 };
	OWN(opaque_free) struct opaque *o = client();
	OWN(secret_free) struct secret *exported = NULL;

	opaque_register(o, request);
	int rc =
	    opaque_register_finish(o, &none, response, record, &exported, &e);
	must(rc == 0 || (e.code == ERR_BAD_REQUEST && !exported));
	return rc;
}

static int
answer(const uint8_t *ke1, uint8_t *ke2, uint8_t *state)
{
	const struct opsrv_login in = {
		.credential = uid, .record = genuine.record, .ke1 = ke1
	};
	struct err e = { 0 };
	int rc =
	    opsrv_answer(&genuine.keys, &in, &genuine.random, ke2, state, &e);

	must(rc == 0 || e.code == ERR_BAD_REQUEST);
	return rc;
}

static void
prepare(void)
{
	uint8_t raw[OPSRV_KEYS] = { 1 }, request[OPAQUE_REQUEST];
	struct err e = { 0 };
	OWN(opaque_free) struct opaque *reg = NULL;
	OWN(opaque_free) struct opaque *login = NULL;

	must(sodium_init() >= 0);
	raw[64] = 7; /* any scalar */
	opsrv_keys_load(raw, &genuine.keys);
	memset(&genuine.random, 3, sizeof genuine.random);
	genuine.blind[0] = 9;
	genuine.nonce[0] = 5;
	genuine.share_seed[0] = 6;
	reg = client();
	opaque_register(reg, request);
	must(opsrv_register(
		 &genuine.keys, uid, request, genuine.response, &e) == 0);
	must(enroll(genuine.response, genuine.record) == 0);
	login = client();
	opaque_login(login, genuine.ke1);
	must(answer(genuine.ke1, genuine.ke2, genuine.state) == 0);
	must(finish(genuine.ke2, genuine.ke3) == 0);
}

/* True when the result is still the genuine message. */
static bool
lay_over(uint8_t *message, size_t size, struct bytes mask)
{
	bool same = true;

	for (size_t i = 0; i < size && i < mask.n; i++) {
		message[i] ^= mask.p[i];
		same = same && mask.p[i] == 0;
	}
	return same;
}

static void
try_ke2(struct bytes mask)
{
	uint8_t ke2[OPAQUE_KE2], ke3[OPAQUE_KE3];

	memcpy(ke2, genuine.ke2, sizeof ke2);
	bool same = lay_over(ke2, sizeof ke2, mask);
	must((finish(ke2, ke3) == 0) == same);
}

static void
try_response(struct bytes mask)
{
	uint8_t response[OPAQUE_RESPONSE], record[OPAQUE_RECORD];

	memcpy(response, genuine.response, sizeof response);
	bool same = lay_over(response, sizeof response, mask);
	if (enroll(response, record) < 0)
		must(!same);
	else
		must(oprf_equal(record, genuine.record, sizeof record) == same);
}

static void
try_ke1(struct bytes mask)
{
	uint8_t ke1[OPAQUE_KE1], ke2[OPAQUE_KE2], ke3[OPAQUE_KE3];
	uint8_t state[OPSRV_STATE];

	memcpy(ke1, genuine.ke1, sizeof ke1);
	bool same = lay_over(ke1, sizeof ke1, mask);
	if (answer(ke1, ke2, state) < 0)
		must(!same);
	else
		must((finish(ke2, ke3) == 0) == same);
}

static void
try_ke3(struct bytes mask)
{
	uint8_t ke3[OPAQUE_KE3], session[OPRF_HASH];
	struct err e = { 0 };

	memcpy(ke3, genuine.ke3, sizeof ke3);
	bool same = lay_over(ke3, sizeof ke3, mask);
	must((opsrv_finish(genuine.state, ke3, session, &e) == 0) == same);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static void (*const tries[])(
	    struct bytes) = { try_ke2, try_response, try_ke1, try_ke3 };
	static bool ready;

	if (!ready)
		prepare();
	ready = true;
	if (n > 0)
		tries[p[0] % ARRAY_SIZE(tries)](bytes_of(p + 1, n - 1));
	return 0;
}
