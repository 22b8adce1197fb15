/* SPDX-License-Identifier: ISC */
/* typed.h: what people type and paste, read the same way at every place. */
/*
 * Text arrives from keyboards, mail, chat, word processors and files: with
 * spaces and dashes of any kind, with marks that nobody sees, in capitals. Both
 * sides read it here, so that what works in one place works in all.
 */
#pragma once

#include "base/buf.h"
#include "base/err.h"

/*
 * Append the characters of a code: without spaces, dashes and what nobody sees,
 * in the usual width. What else is in it stays, for the reader to refuse.
 */
void typed_code(struct buf *out, struct bytes typed);

/* Without spaces, ends of lines and what nobody sees at both ends. */
struct bytes typed_trim(struct bytes typed);

/* A text file's bytes as lines that end in LF: without the mark that some
 * editors put before them, and with CR LF as LF. */
void typed_lines(struct buf *file);

/*
 * Append an account's name: "ana", " Ana ", "ana@HOST", "ana@" as "ana".
 *
 * host    of the server.
 * errors  bad-name: of another host, or no name.
 */
MUST_CHECK int typed_account(
    struct bytes typed, const char *host, struct buf *out, struct err *e);
