/* SPDX-License-Identifier: ISC */
/* cli_show.c: lines that come and go while something goes on. */
#include "cli/cli_show.h"

#include "base/now.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define TERMINAL_NS 200000000LL /* between two updates of a terminal */

void
cli_show_begin(struct cli_show *s, const struct cli *cli)
{
	s->cli = cli;
	s->started = s->last = now_mono_ns();
	s->terminal = isatty(STDERR_FILENO) != 0;
}

bool
cli_show_due(struct cli_show *s)
{
	int64_t now = now_mono_ns();

	if (s->cli->quiet || s->cli->line.json ||
	    now - s->last < (s->terminal ? TERMINAL_NS : CLI_SHOW_PIPE_NS))
		return false;
	s->last = now;
	return true;
}

void
cli_show_erase(struct cli_show *s)
{
	if (s->drawn)
		(void)fprintf(stderr, "\033[A\r\033[J");
	s->drawn = false;
}

void
cli_show_warn(void *ctx, struct bytes path, const struct err *why)
{
	struct cli_show *s = ctx;
	OWN(mem_free) char *shown = cli_shown(path);

	cli_show_erase(s);
	(void)fprintf(stderr, "aumbry: /%s: %s (%s)\n", shown, why->msg,
	    err_name(why->code));
}
