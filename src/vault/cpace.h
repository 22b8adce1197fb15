/* SPDX-License-Identifier: ISC */
/* cpace.h: CPace over ristretto255 with SHA-512: from a short code to a key. */
/*
 * Only who knows the same code, channel identifier, session id and both sides'
 * associated data gets the same key; a wrong guess learns nothing but that it
 * was wrong, and only if the key is then confirmed. One object serves one
 * exchange: new, share, finish. It belongs to one thread.
 * source  draft-irtf-cfrg-cpace, initiator-responder setting.
 */
#pragma once

#include "vault/secret.h"

#define CPACE_SHARE 32 /* bytes of Ya, Yb */
#define CPACE_KEY 64 /* bytes of the intermediate session key, ISK */

enum cpace_role { CPACE_INITIATOR, CPACE_RESPONDER };

struct cpace;

/*
 * code  the short secret; ci the channel identifier; sid the session id; ad
 *       what this side says of itself. All are copied.
 */
struct cpace *cpace_new(enum cpace_role role, struct bytes code,
    struct bytes ci, struct bytes sid, struct bytes ad);
void cpace_free(struct cpace **c);

/*
 * This side's share, once.
 *
 * scalar  NULL: random. 32 bytes only for published vectors.
 */
void cpace_share(
    struct cpace *c, const uint8_t *scalar, uint8_t out[static CPACE_SHARE]);

/*
 * The key, from the other side's share and associated data, after cpace_share.
 *
 * isk         64 bytes; to be confirmed before anything is believed.
 * transcript  appended: what both sides have seen, in one order.
 * errors      wrong-code for a share that is no proper group element, or is
 *             this side's own.
 */
MUST_CHECK int cpace_finish(struct cpace *c,
    const uint8_t share[static CPACE_SHARE], struct bytes ad,
    struct secret **isk, struct buf *transcript, struct err *e);
