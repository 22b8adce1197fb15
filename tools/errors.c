/* SPDX-License-Identifier: ISC */
/* errors.c: prints docs/ERRORS.md from the error table. */
#include "base/err.h"

#include <stdio.h>

struct row {
	const char *code;
	int http, exit_status;
	const char *what, *remedy;
};

#define ROW(id, code, http, exit_status, what, remedy) \
	{ code, http, exit_status, what, remedy },
static const struct row rows[] = { ERR_TABLE(ROW) };
#undef ROW

static const char *const meaning[] = {
	[0] = "done",
	[1] = "failed",
	[2] = "wrong usage",
	[3] = "done in part",
	[4] = "refused by policy",
	[5] = "cannot reach the server",
	[6] = "data damaged, or the server was caught lying",
};

/* A cell of a table: a bar would end it. */
static void
cell(const char *text)
{
	for (; *text; text++)
		if (*text == '|')
			fputs("\\|", stdout);
		else
			putchar(*text);
}

int
main(void)
{
	puts("# Errors\n\n"
	     "<!-- Made by `make docs` from src/base/err_table.h. -->\n\n"
	     "Every failure has a code that never changes its meaning. On the "
	     "terminal it stands in\nparentheses below the message and the "
	     "remedy; in JSON it is `error.code`. Programs\nshould look at the "
	     "code or at the exit status, never at the words.");
	for (int status = 0; status < (int)ARRAY_SIZE(meaning); status++) {
		printf("\n## Exit status %d: %s\n\n"
		       "| code | HTTP | what happened | what to do |\n"
		       "|---|---|---|---|\n",
		    status, meaning[status]);
		for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
			if (rows[i].exit_status != status)
				continue;
			printf("| `%s` | %d | ", rows[i].code, rows[i].http);
			cell(rows[i].what);
			printf(" | ");
			cell(rows[i].remedy);
			puts(" |");
		}
	}
	return fflush(stdout) == 0 ? 0 : 1;
}
