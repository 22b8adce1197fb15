/* SPDX-License-Identifier: ISC */
/* cli_drive_skip.c: aumbry drive skip: what a folder here does not have. */
#include "cli/stay.h"

#include "drive/skips.h"
#include "wire/jsonio.h"

#include <stdio.h>

const struct cmd_option cli_drive_skip_options[1] = {
	{ "off", CMD_FLAG, offsetof(struct cli_drive_skip, off), NULL,
	    "have it here again" },
};

int
cli_drive_skips(struct drive *d, const char *dir, const struct cmd_list *paths,
    struct err *e)
{
	for (size_t i = 0; i < paths->n; i++)
		if (skips_set(d, dir, paths->items[i], true, e) < 0)
			return -1;
	return 0;
}

static int
print_one(void *ctx, const char *path, struct err *e)
{
	const struct cli *cli = ctx;

	(void)e;
	if (cli->line.json) {
		json_t *j = json_object();
		cli_tree_path(j, bytes_str(path));
		cli_print_json(j);
		return 0;
	}
	OWN(mem_free) char *shown = cli_shown(bytes_str(path));
	(void)puts(shown);
	return 0;
}

/* By who stays, which begins with it at once. */
static int
ask(struct cli *cli, const char *dir, const char *path, bool on, bool *done,
    struct err *e)
{
	OWN(jsonio_free) json_t *j = json_object();
	OWN(jsonio_free) json_t *answer = NULL;
	OWN(mem_free) char *home = cli_home(cli);

	jsonio_put_text(j, "ask", "skip");
	jsonio_put_text(j, "dir", dir);
	jsonio_put_text(j, "path", path);
	jsonio_put_true(j, "on", on);
	if (stay_ask(home, j, &answer, e) < 0)
		return -1;
	*done = answer != NULL;
	return 0;
}

int
cli_drive_skip(void *line, const void *options, struct err *e)
{
	struct cli *cli = line;
	const struct cli_drive_skip *g = options;
	OWN(cli_drive_free) struct cli_drive d = { .lock = -1 };
	OWN(mem_free) char *dir = cli_drive_absolute(cli->line.args[0]);
	const char *path = cli->line.n_args > 1 ? cli->line.args[1] : NULL;
	bool done = false;

	if (path == NULL && g->off)
		return err_set(e, ERR_USAGE, "name the folder, as /Photos");
	if (path != NULL && ask(cli, dir, path, !g->off, &done, e) < 0)
		return -1;
	if (done)
		return 0;
	if (cli_drive_open(cli, &d, e) < 0 || drive_pull(d.drive, e) < 0)
		return -1;
	if (path == NULL)
		return skips_each(d.drive, dir, print_one, cli, e);
	if (skips_set(d.drive, dir, path, !g->off, e) < 0)
		return -1;
	cli_say(cli, "From the next sync on: aumbry drive sync %s", dir);
	return 0;
}
