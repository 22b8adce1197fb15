/* SPDX-License-Identifier: ISC */
/* tool.h: running a program of the machine, for what it prints or does. */
/*
 * No shell, the locale C.UTF-8, nothing of ours open, and an end: of its time and of
 * what it may print. What names this program's own files (AUMBRY_*) is not in
 * its environment.
 */
#pragma once

#include "base/buf.h"

#define TOOL_SECONDS 20 /* to look: a tool that asks a bus that hangs */
#define TOOL_ACT_SECONDS 3600 /* to act: packages over a slow line */
#define TOOL_WORDS 300 /* bytes of standard error that are told */

struct tool {
	const char *const *argv; /* argv[0] is looked for on PATH */
	struct bytes input; /* its standard input */
	unsigned seconds;
	size_t limit; /* bytes of its output */
};

/*
 * Run it to its end.
 *
 * out     its output is appended. NULL: it goes to our standard error, as its
 *         words do, and a Ctrl-C reaches it.
 * errors  not-found: there is no such program; too-large: it printed more than
 *         the limit; io-error: all else, with its first words.
 */
MUST_CHECK int tool_run(const struct tool *t, struct buf *out, struct err *e);
