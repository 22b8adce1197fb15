/* SPDX-License-Identifier: ISC */
/* keyjoin.h: a new device joins by password and security key alone. */
/*
 * The key's PRF makes it a member of the circle: as that member it opens a
 * session, reads the keyring, and lets this device in. What it can recognize
 * the circle by is its birth pin: an old circle, but no false one, can be shown
 * to it.
 */
#pragma once

#include "client/fido.h"
#include "join/pair.h"

/*
 * Join with a key. One that is no member proves who asks, and then `a` goes
 * on as pair_join does, for a trusted device must let this one in; `only_factor`
 * is told before that.
 *
 * errors  those of pair_join and seckey_prove; circle-not-yours,
 *         device-too-young.
 */
MUST_CHECK int keyjoin(const struct pair_join *a, const struct fido_ask *key,
    void (*only_factor)(void *ctx), struct err *e);

/*
 * The second half, for a key that was proven elsewhere: it is a member, and
 * lets `me` in.
 *
 * proved      the server's answer, with "member".
 * join_token  of the request that has proven it.
 */
MUST_CHECK int keyjoin_member(const struct pair_join *a,
    const struct newcomer *me, const struct secret *prf, const json_t *proved,
    const char *join_token, struct err *e);

/* End the visitor's session that came with the proof, where it is not needed.
 * That it cannot be ended is no failure: it ends by itself. */
void keyjoin_end_visit(const char *url, const json_t *proved);
