/* SPDX-License-Identifier: ISC */
/* code.h: codes of six digits that the server checks, whatever brought them. */
#pragma once

#include "server/server.h"

#define CODE_DIGITS 6

/* A code nobody can foretell; wipe it. */
void code_draw(char out[static CODE_DIGITS + 1]);

/* The six digits of what was typed. Refuses with wrong-code-kind when they are
 * none: "a code `of` has …". */
bool code_take(struct call *c, const char *typed, const char *of,
    char out[static CODE_DIGITS + 1]);

/*
 * Count a try of a code of the account, for each kind: code_tries of the
 * configuration in 10 minutes for each device, and for each request to join.
 * Of these, who knows the password opens as many as they like: all together
 * have CODE_ROOM wrong ones, and then one in CODE_DROP_MS. That bounds the
 * guesses; the account's devices are not held up by it.
 *
 * ok  false: refused.
 */
#define CODE_ROOM 30
#define CODE_DROP_MS 60000
MUST_CHECK int code_try(struct tx *tx, struct call *c, const struct id *uid,
    const char *kind, bool *ok, struct err *e);
/* The asker's tries begin anew, and what was right counts for nobody. */
MUST_CHECK int code_tried_well(struct tx *tx, const struct call *c,
    const struct id *uid, const char *kind, struct err *e);
/* Tells of a wrong code, and refuses. */
MUST_CHECK int code_wrong(struct tx *tx, struct call *c, const struct id *uid,
    const char *kind, struct err *e);
