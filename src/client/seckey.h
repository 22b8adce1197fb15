/* SPDX-License-Identifier: ISC */
/* seckey.h: a security key and the account: adding one, proving one. */
#pragma once

#include "client/fido.h"
#include "client/self.h"

/*
 * May a key be used for who asks? The origin must be the one this device
 * reached the server at (on loopback any), its host the RP id or below it:
 * a server in between gets nothing that another would take.
 *
 * errors  security-key-origin.
 */
MUST_CHECK int seckey_check_site(
    const char *url, const char *rp_id, const char *origin, struct err *e);

/*
 * The salt that a key's PRF gets for an account: what a browser makes of the
 * input SHA-256("aumbry prf v1" | uid).
 */
void seckey_hmac_salt(const struct id *uid, struct digest *out);

/*
 * Prove a key, by the token that `r` has: of a request to join, or of a
 * session whose password was proven.
 *
 * uid     of the account; NULL: the PRF is not asked.
 * prf     the key's secret; stays NULL when it has none. May be NULL.
 * answer  of the server.
 * errors  security-key-*, code-expired.
 */
MUST_CHECK int seckey_prove(struct remote *r, const struct fido_ask *ask,
    const struct id *uid, struct secret **prf, json_t **answer, struct err *e);

struct seckey_new {
	struct remote *remote;
	struct self *self; /* NULL: a visitor, who cannot let it in */
	const json_t *start; /* the answer of /v1/security-keys/start */
	const struct fido_ask *ask;
	const char *name;
};

struct seckey_added {
	uint64_t keys;
	bool on; /* codes are refused from now on */
	bool member; /* it opens the data */
	struct err why; /* else: why not */
};

/*
 * Make a credential on a key, let the key into the circle if it can keep a
 * secret and this device may, and give it to the server.
 */
MUST_CHECK int seckey_add(
    const struct seckey_new *a, struct seckey_added *out, struct err *e);

/* A credential that was made elsewhere. */
struct seckey_made {
	struct bytes client_data, attestation;
	const struct secret *prf; /* NULL: it has none */
};

/* As seckey_add, from there on; `start` and `ask` are not looked at. */
MUST_CHECK int seckey_enter(const struct seckey_new *a,
    const struct seckey_made *made, struct seckey_added *out, struct err *e);

/* In state.db: dev_id[16] each, zeros for keys that are no members. */
#define SECKEY_ADDING "keying"

/*
 * Finish what adding keys leaves to be done: the circle says that keys alone
 * count, where they do; a member of whose key the server knows nothing, since
 * the adding was cut off, leaves. Nothing when no key was added here.
 * errors  device-too-young, step-up-required: the next time does it.
 */
MUST_CHECK int seckey_settle(struct remote *r, struct self *s, struct err *e);

/*
 * Remove one key, by its name or its id, or all of them (NULL): first the
 * member of the circle that it is, then from the server. A cut in between
 * leaves an account that is stricter than it says; run it again.
 *
 * on      whether keys counted before.
 * errors  step-up-required, not-found, permission-denied, device-too-young.
 */
MUST_CHECK int seckey_drop(struct remote *r, struct self *s, const char *which,
    bool *on, struct err *e);
