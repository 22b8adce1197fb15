/* SPDX-License-Identifier: ISC */
/* seckeys.h: the security keys of an account. */
/*
 * Up to six. From the second on they are the account's only factor: no code
 * is accepted any more, and no trusted device is asked before a key was
 * proven. A challenge lives 5 minutes, belongs to the request to join or the
 * session it was given to, and is good once.
 *
 * A key whose PRF made it a member of the circle has that member's dev_id, and
 * the birth pin by which it recognizes the circle (docs/FORMAT.md).
 */
#pragma once

#include "factor/webauthn.h"
#include "server/server.h"

#define SECKEYS_MOST 6
#define SECKEYS_LEAST 2 /* from here on codes are refused */
#define SECKEYS_BIRTH (4 + 3 * DIGEST_BYTES) /* bytes of a birth pin */

/* Who this server is to a key. */
struct seckeys_site {
	const char *rp_id; /* borrowed from the configuration */
	struct buf origin;
};
void seckeys_site(const struct server *s, struct seckeys_site *out);
void seckeys_site_free(struct seckeys_site *s);

enum seckeys_kind { SECKEYS_ADD = 1, SECKEYS_PROVE = 2 };

/* Give the caller a challenge; it goes in the place of one given before. */
MUST_CHECK int seckeys_draw(struct tx *tx, struct call *c,
    enum seckeys_kind kind, uint8_t out[static WEBAUTHN_CHALLENGE],
    struct err *e);
/* Take the caller's challenge back. *ok false: refused with code-expired. */
MUST_CHECK int seckeys_take(struct tx *tx, struct call *c,
    enum seckeys_kind kind, uint8_t out[static WEBAUTHN_CHALLENGE], bool *ok,
    struct err *e);

/* The input of every key's PRF for this account. */
void seckeys_prf_input(const struct id *uid, struct digest *out);

/* For the table of ways: are the keys in force; does an assertion hold? */
MUST_CHECK int seckeys_has(
    struct tx *tx, const struct id *uid, bool *has, struct err *e);
MUST_CHECK int seckeys_check(struct tx *tx, struct call *c,
    const struct id *uid, bool *ok, struct err *e);

/*
 * Was the key that is this member proven by the request to join whose token is
 * "join" in c->in, and does the request still wait?
 */
MUST_CHECK int seckeys_proved(struct tx *tx, const struct call *c,
    const struct id *uid, const struct id *member, bool *proved, struct err *e);

/* A challenge to prove one; keys shown, added in two calls, taken out. */
server_call_fn seckeys_ask, seckeys_list, seckeys_start, seckeys_finish,
    seckeys_remove;
