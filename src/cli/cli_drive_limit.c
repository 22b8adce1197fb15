/* SPDX-License-Identifier: ISC */
/* cli_drive_limit.c: aumbry drive limit: how much of the network it takes. */
#include "cli/stay.h"

#include "base/text.h"
#include "wire/jsonio.h"

#include <stdio.h>
#include <string.h>

#define LIMIT_MAX_KIB (UINT64_C(1) << 30) /* 1 TiB/s */

#define AT(field) offsetof(struct cli_drive_limit, field)
const struct cmd_option cli_drive_limit_options[3] = {
	{ "up", CMD_TEXT, AT(up), "KIB",
	    "send that many KiB a second at most; 0: no limit" },
	{ "down", CMD_TEXT, AT(down), "KIB", "the same for what is fetched" },
	{ "metered", CMD_TEXT, AT(metered), "skip|use",
	    "what to do on networks that cost by the byte" },
};

static int
kib(const char *text, const char *option, uint64_t *out, struct err *e)
{
	uint64_t n;

	if (text == NULL)
		return 0;
	if (text_parse_u64(text, 0, LIMIT_MAX_KIB, &n) < 0)
		return err_set(e, ERR_USAGE,
		    "--%s %s is no number of KiB a second", option, text);
	*out = n * 1024;
	return 0;
}

static int
take(const struct cli_drive_limit *g, struct stay_limits *l, struct err *e)
{
	if (kib(g->up, "up", &l->up, e) < 0 ||
	    kib(g->down, "down", &l->down, e) < 0)
		return -1;
	if (g->metered == NULL)
		return 0;
	l->metered = strcmp(g->metered, "use") == 0;
	return l->metered || strcmp(g->metered, "skip") == 0
	    ? 0
	    : err_set(
		  e, ERR_USAGE, "--metered is skip or use, not %s", g->metered);
}

static void
say_way(const char *way, uint64_t bytes)
{
	if (bytes == 0)
		(void)printf("%s\tno limit\n", way);
	else
		(void)printf("%s\t%llu KiB/s\n", way,
		    (unsigned long long)(bytes / 1024));
}

static void
show(const struct cli *cli, const struct stay_limits *l)
{
	OWN(buf_free) struct buf line = { 0 };

	if (cli->line.json) {
		stay_limits_put(l, &line);
		(void)puts(buf_text(&line));
		return;
	}
	say_way("up", l->up);
	say_way("down", l->down);
	(void)printf("metered\t%s\n", l->metered ? "use" : "skip");
}

int
cli_drive_limit(void *line, const void *options, struct err *e)
{
	struct cli *cli = line;
	const struct cli_drive_limit *g = options;
	OWN(mem_free) char *home = cli_home(cli);
	OWN(jsonio_free) json_t *ask = json_object();
	OWN(jsonio_free) json_t *answer = NULL;
	struct stay_limits l;

	stay_limits_load(home, &l);
	if (g->up == NULL && g->down == NULL && g->metered == NULL) {
		show(cli, &l);
		return 0;
	}
	if (take(g, &l, e) < 0)
		return -1;
	if (stay_limits_save(home, &l, e) < 0)
		return -1;
	jsonio_put_text(ask, "ask", "limits");
	return stay_ask(home, ask, &answer, e);
}
