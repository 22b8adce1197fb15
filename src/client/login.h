/* SPDX-License-Identifier: ISC */
/* login.h: one run of OPAQUE against the server, for sign-in and step-up. */
#pragma once

#include "client/prove.h"
#include "vault/opaque.h"
#include "wire/circle.h"

/* What a run left: the keys, and the proof for the server. */
struct login {
	struct id id; /* the server's name for this run */
	const char *known; /* shown at a sign-in, see home_known; or NULL */
	struct opaque_keys keys;
	uint8_t ke3[OPAQUE_KE3];
};

/* The keys and the proof; `known` is the caller's. */
void login_free(struct login *l);

/* GET /v1/server; checks clocks. errors: clock-wrong, bad-request. */
MUST_CHECK int login_server(
    struct remote *r, json_t **server, uint16_t *mature_hours, struct err *e);

/* The cost that the answer asks for; opaque_* refuse what is out of bounds. */
MUST_CHECK int login_ksf(
    const json_t *answer, struct opaque_ksf *out, struct err *e);

/*
 * KE1 to the server, KE2 back, KE3 made but not sent.
 *
 * name    whose, to sign in; NULL: of the session that r has, to step up.
 * errors  wrong-password-or-name, too-many-attempts, cost-lowered.
 */
MUST_CHECK int login_start(struct remote *r, const char *name,
    struct bytes password, struct login *out, struct err *e);

/*
 * Finish a registration that opaque_register began: the server's answer holds
 * its response and what stretching costs.
 *
 * out         gets "record" and, over where `c` stands, "birth_pin".
 * export_key  64 bytes that only the password opens again.
 * errors      those of opaque_register_finish; bad-request.
 */
MUST_CHECK int login_record(struct opaque *o, const json_t *answer,
    const struct circle *c, json_t *out, struct secret **export_key,
    struct err *e);

/* The password alone, for what needs no factor. No step-up comes of it. */
MUST_CHECK int login_password(
    struct remote *r, struct bytes password, struct login *out, struct err *e);

/* Password and, when the account has one, a factor. */
MUST_CHECK int login_step_up(struct remote *r, struct bytes password,
    const struct prove *p, struct login *out, struct err *e);

/* HMAC under HKDF(session key, label | NUL). */
void login_mac(const struct login *l, const char *label, struct bytes message,
    struct digest *out);
