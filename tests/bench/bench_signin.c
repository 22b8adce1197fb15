/* SPDX-License-Identifier: ISC */
/* bench_signin.c: what a sign-in costs the server, and the client. */
#include "server/opsrv.h"

#include "base/now.h"
#include "vault/opaque.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SIGNINS 5000

static void
must(int rc, const struct err *e)
{
	if (rc == 0)
		return;
	(void)fprintf(stderr, "%s: %s\n", err_name(e->code), e->msg);
	exit(1);
}

int
main(void)
{
	static const struct opaque_ksf ksf = { OPAQUE_MEMORY_KIB_MIN,
		OPAQUE_PASSES_MIN };
	static const char id[] = "0123456789abcdef";
	struct bytes credential = bytes_str(id);
	uint8_t raw[OPSRV_KEYS], request[OPAQUE_REQUEST];
	uint8_t response[OPAQUE_RESPONSE], record[OPAQUE_RECORD];
	uint8_t fake[OPAQUE_RECORD], ke1[OPAQUE_KE1], ke2[OPAQUE_KE2];
	uint8_t ke3[OPAQUE_KE3], state[OPSRV_STATE], session[OPRF_HASH];
	OWN(opaque_free)
	struct opaque *o = opaque_new(bytes_str("a password"));
	OWN(opaque_free)
	struct opaque *login = opaque_new(bytes_str("a password"));
	OWN(secret_free) struct secret *export_key = NULL;
	OWN(opaque_keys_free) struct opaque_keys left = { NULL, NULL };
	struct opsrv_random random;
	struct opsrv_keys keys;
	struct err e = { 0 };

	opsrv_keys_make(raw);
	opsrv_keys_load(raw, &keys);
	opaque_register(o, request);
	must(opsrv_register(&keys, credential, request, response, &e), &e);
	must(opaque_register_finish(o, &ksf, response, record, &export_key, &e),
	    &e);
	/* The server's draws stay the same, so that one KE3 answers them all. */
	opsrv_draw(&random);
	struct opsrv_login ask = {
		.credential = credential, .record = record, .ke1 = ke1
	};
	opaque_login(login, ke1);
	must(opsrv_answer(&keys, &ask, &random, ke2, state, &e), &e);
	int64_t from = now_mono_ns();
	must(opaque_login_finish(login, &ksf, ke2, ke3, &left, &e), &e);
	(void)printf("sign-in, client      %8.1f ms, nearly all Argon2id\n",
	    (double)(now_mono_ns() - from) / 1e6);
	from = now_mono_ns();
	for (unsigned i = 0; i < SIGNINS; i++) {
		opsrv_fake_record(credential, bytes_str("ana"), fake);
		must(opsrv_answer(&keys, &ask, &random, ke2, state, &e), &e);
		must(opsrv_finish(state, ke3, session, &e), &e);
	}
	(void)printf("sign-in, server      %8.0f a second and core\n",
	    SIGNINS * 1e9 / (double)(now_mono_ns() - from));
	return 0;
}
