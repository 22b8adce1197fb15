/* SPDX-License-Identifier: ISC */
/* code.h: codes of six digits that the server checks, whatever brought them. */
#pragma once

#include "server/server.h"

#define CODE_DIGITS 6

/* A code nobody can foretell; wipe it. */
void code_draw(char out[static CODE_DIGITS + 1]);

/* Six digits? Refuses with wrong-code-kind when not: "a code `of` has …". */
bool code_shape(struct call *c, const char *code, const char *of);

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
