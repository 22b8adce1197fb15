/* SPDX-License-Identifier: ISC */
/* cli_show.h: how far something is, on a terminal or into a pipe. */
#pragma once

#include "cli/cli.h"

#define CLI_SHOW_PIPE_NS 10000000000LL /* between two lines that stay */

struct cli_show {
	const struct cli *cli;
	int64_t started, last;
	bool terminal, drawn;
};

/* From now on; draws nothing yet. */
void cli_show_begin(struct cli_show *s, const struct cli *cli);
/* Is it time to say something? */
bool cli_show_due(struct cli_show *s);
/* Take back what was drawn last, before other words. */
void cli_show_erase(struct cli_show *s);
/* What could not be read or written; ctx: a struct cli_show. */
void cli_show_warn(void *ctx, struct bytes path, const struct err *why);
