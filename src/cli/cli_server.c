/* SPDX-License-Identifier: ISC */
/* cli_server.c: aumbry server: where this device finds its server. */
#include "cli/cli.h"

#include <stdio.h>

static int
server_set(void *line, const void *options, struct err *e)
{
	struct cli *cli = line;
	OWN(mem_free) char *dir = cli_home(cli);
	OWN(buf_free) struct buf url = { 0 };
	OWN(buf_free) struct buf kept = { 0 };

	(void)options;
	if (remote_find(cli->line.args[0], &url, e) < 0)
		return -1;
	if (self_set_server(dir, buf_text(&url), &kept, e) < 0) {
		if (e->code == ERR_NOT_A_MEMBER || e->code == ERR_CIRCLE_FORKED)
			(void)err_remedy(e,
			    "Nothing was changed. Is it the address of the "
			    "server that has this account?");
		return -1;
	}
	if (cli->line.json) {
		json_t *j = json_pack("{s:s}", "server", buf_text(&kept));
		(void)json_dumpf(j, stdout, JSON_COMPACT);
		(void)putchar('\n');
		json_decref(j);
	}
	cli_say(cli, "This device finds its server at %s from now on.",
	    buf_text(&kept));
	return 0;
}

const struct cmd cli_server[] = {
	{ "server set", "URL",
	    "the server has another address, or another identity", server_set,
	    .more = "It must show this account as this device knows it, or "
		    "nothing is changed.\n"
		    "Get the address from who runs it; `aumbryd status` "
		    "prints it." },
	{ 0 },
};
