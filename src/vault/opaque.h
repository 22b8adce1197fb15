/* SPDX-License-Identifier: ISC */
/* opaque.h: the client half of OPAQUE (RFC 9807): the password stays here. */
/*
 * The context is empty and both identities are the public keys. One object
 * serves one registration or one login: start it, send, finish it. It belongs
 * to one thread.
 */
#pragma once

#include "vault/secret.h"
#include "wire/opaque3dh.h"

/* Below this the client does not go, whatever the server says. */
#define OPAQUE_MEMORY_KIB_MIN 65536
#define OPAQUE_PASSES_MIN 3
/* 1 GiB and 10 passes: a server must not take this machine's resources. */
#define OPAQUE_MEMORY_KIB_MAX (1024 * 1024)
#define OPAQUE_PASSES_MAX 10

/* Argon2id, p = 1, salt of 16 zero bytes, 64 bytes out. */
struct opaque_ksf {
	uint32_t memory_kib, passes;
};

struct opaque;

/* password: copied into guarded memory, 65,535 bytes at most. */
struct opaque *opaque_new(struct bytes password);
void opaque_free(struct opaque **o); /* wipes */

/* Start a registration. */
void opaque_register(struct opaque *o, uint8_t request[static OPAQUE_REQUEST]);

/*
 * Finish a registration, after opaque_register.
 *
 * ksf         what the server will ask for at each login.
 * record      for the server to keep.
 * export_key  64 bytes that only the password opens again.
 * errors      cost-lowered, too-large: ksf out of bounds, or more memory than
 *             there is; bad-request: the response is not well-formed.
 * cost        one Argon2id.
 */
MUST_CHECK int opaque_register_finish(struct opaque *o,
    const struct opaque_ksf *ksf,
    const uint8_t response[static OPAQUE_RESPONSE],
    uint8_t record[static OPAQUE_RECORD], struct secret **export_key,
    struct err *e);

/* Start a login. */
void opaque_login(struct opaque *o, uint8_t ke1[static OPAQUE_KE1]);

/* What a login leaves at the client. */
struct opaque_keys {
	struct secret *session_key; /* 64 bytes, the server's too */
	struct secret *export_key; /* 64 bytes, the same as at registration */
};

/* Both. */
void opaque_keys_free(struct opaque_keys *k);

/*
 * Finish a login, after opaque_login: the server has proven that it holds this
 * password's record.
 *
 * ke3     proof for the server.
 * errors  wrong-password-or-name for everything that the server can do wrong
 *         too; cost-lowered, too-large: as above.
 * cost    one Argon2id.
 */
MUST_CHECK int opaque_login_finish(struct opaque *o,
    const struct opaque_ksf *ksf, const uint8_t ke2[static OPAQUE_KE2],
    uint8_t ke3[static OPAQUE_KE3], struct opaque_keys *keys, struct err *e);
