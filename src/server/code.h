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
 * Count a try of a code of the account: code_tries of the configuration in 10
 * minutes, for each kind.
 *
 * ok  false: refused.
 */
MUST_CHECK int code_try(struct tx *tx, struct call *c, const struct id *uid,
    const char *kind, bool *ok, struct err *e);
/* The tries begin anew. */
MUST_CHECK int code_tried_well(
    struct tx *tx, const struct id *uid, const char *kind, struct err *e);
/* Tells of a wrong code, and refuses. */
MUST_CHECK int code_wrong(struct tx *tx, struct call *c, const struct id *uid,
    const char *kind, struct err *e);
