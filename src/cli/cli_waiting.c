/* SPDX-License-Identifier: ISC */
/* cli_waiting.c: codes between two devices, and how long one waits. */
#include "cli/cli.h"

#include "base/text.h"

#include <stdio.h>
#include <unistd.h>

#define TIMEOUT_S 300 /* how long what waits does so by itself */

int
cli_timeout(const char *text, unsigned *out, struct err *e)
{
	int64_t s = TIMEOUT_S;

	if (text != NULL &&
	    (text_parse_span(text, &s) < 0 || s < 1 || s > 86400))
		return err_set(e, ERR_USAGE,
		    "--timeout is a span as 90s or 5min, of at most 1d, not %s",
		    text);
	*out = (unsigned)s;
	return 0;
}

int
cli_shown_code(const struct cli *cli, enum shown_code kind, const char *prompt,
    const char *flag, struct buf *out, struct err *e)
{
	char digits[SHOWN_DIGITS_MAX + 1];

	for (;;) {
		buf_clear(out);
		if (cli_line(cli, prompt, flag, out, e) < 0)
			return -1;
		if (shown_code_parse(kind, buf_bytes(out), digits, e) == 0) {
			mem_wipe(digits, sizeof digits);
			return 0;
		}
		if (!isatty(STDIN_FILENO))
			return -1;
		cli_say(cli, "%s.", e->msg);
	}
}

void
cli_show_code(void *ctx, const char *code)
{
	struct cli_showing *s = ctx;

	if (!s->bare && s->again)
		cli_say(s->cli, "That code was wrong, and is burnt.");
	if (!s->bare)
		cli_say(s->cli, "%s", s->words);
	(void)printf("%s\n", code);
	(void)fflush(stdout);
	s->again = true;
}
