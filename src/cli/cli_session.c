/* SPDX-License-Identifier: ISC */
/* cli_session.c: aumbry session: who is signed in now, and ending it. */
#include "cli/cli.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

static const struct cli_things sessions = { "/v1/sessions", "sessions",
	"session", "Run: aumbry session list", NULL };

static bool
is(const json_t *x, const char *what)
{
	return json_is_true(json_object_get(x, what));
}

static int
print_one(const json_t *x, struct err *e)
{
	const char *class = "", *os = "", *from = "";
	uint64_t opened, expires;
	struct id id;

	if (jsonio_id(x, "id", &id, e) < 0 ||
	    jsonio_text(x, "class", &class, e) < 0 ||
	    jsonio_text(x, "os", &os, e) < 0 ||
	    jsonio_text(x, "address", &from, e) < 0 ||
	    jsonio_u64(x, "opened_ms", &opened, e) < 0 ||
	    jsonio_u64(x, "expires_ms", &expires, e) < 0)
		return -1;
	OWN(mem_free) char *since = cli_time(opened);
	OWN(mem_free) char *until = cli_time(expires);
	OWN(mem_free) char *shown = cli_shown(bytes_str(class));
	OWN(mem_free) char *system = cli_shown(bytes_str(os));
	OWN(mem_free)
	char *where =
	    cli_from(from, json_string_value(json_object_get(x, "place")));
	(void)printf("%s  %-10s %-8s from %-15s since %s, until %s%s%s\n",
	    id_short(&id).s, shown, system, where, since, until,
	    is(x, "trusted")	   ? "  (trusted browser)"
		: is(x, "limited") ? "  (only looks)"
				   : "",
	    is(x, "this") ? "  (this one)" : "");
	return 0;
}

static int
session_list(void *line, const void *options, struct err *e)
{
	(void)options;
	return cli_list(line, &sessions, print_one, e);
}

static int
session_end_one(void *line, const void *options, struct err *e)
{
	struct cli *cli = line;
	OWN(cli_account_free) struct cli_account a = { .self = NULL };
	OWN(buf_free) struct buf path = { 0 };
	struct id id;

	(void)options;
	if (cli_account(cli, &a, e) < 0 ||
	    cli_find_id(a.remote, &sessions, cli->line.args[0], &id, e) < 0)
		return -1;
	buf_printf(&path, "/v1/sessions/%s", id_text(&id).s);
	if (control_call(a.remote, "DELETE", buf_text(&path), NULL, NULL, e) <
	    0)
		return -1;
	cli_say(cli, "That session has ended.");
	return 0;
}

const struct cmd cli_session[] = {
	{ "session list", "", "who is signed in now", session_list },
	{ "session end", "ID", "end one", session_end_one },
	{ 0 },
};
