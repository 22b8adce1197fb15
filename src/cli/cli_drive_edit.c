/* SPDX-License-Identifier: ISC */
/* cli_drive_edit.c: aumbry drive put, get, mkdir, mv, rm. */
#include "cli/cli_drive.h"
#include "cli/cli_show.h"

#include "base/stop.h"
#include "drive/get.h"
#include "drive/put.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The operands but for the last, and the last. */
static size_t
split_args(const struct cli *cli, const char *const **paths, const char **to)
{
	*paths = (const char *const *)cli->line.args;
	*to = cli->line.args[cli->line.n_args - 1];
	return (size_t)cli->line.n_args - 1;
}

/* ---- put ---- */

static void
put_said(struct cli *cli, const struct put_result *r)
{
	if (cli->line.json) {
		cli_print_json(
		    json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I}", "event",
			"done", "files", (json_int_t)r->files, "directories",
			(json_int_t)r->dirs, "bytes", (json_int_t)r->bytes,
			"stored_bytes", (json_int_t)r->stored_bytes, "same",
			(json_int_t)r->same, "failed", (json_int_t)r->failed));
		return;
	}
	OWN(mem_free) char *size = cli_size(r->bytes);
	cli_say(cli, "%llu files are in the Drive now (%s).",
	    (unsigned long long)r->files, size);
	if (r->same > 0)
		cli_say(cli, "%llu were there already.",
		    (unsigned long long)r->same);
}

int
cli_drive_put(void *line, const void *options, struct err *e)
{
	struct cli *cli = line;
	const struct cli_drive_put *g = options;
	OWN(cli_tree_free) struct cli_tree t = { 0 };
	struct cli_show show = { 0 };
	struct put_result r;
	struct put_ask ask = { .force = g->force,
		.warn = cli_tree_warn,
		.progress = cli_tree_progress,
		.ctx = &show };

	ask.n = split_args(cli, &ask.files, &ask.to);
	if (cli_tree_open(cli, &t, e) < 0)
		return -1;
	cli_show_begin(&show, cli);
	stop_order_begin();
	int rc = put_run(t.edit, &ask, &r, e);
	stop_order_end();
	cli_show_erase(&show);
	if (rc < 0)
		return -1;
	put_said(cli, &r);
	if (r.failed > 0) {
		cli_warn("aumbry: %llu things were not stored\n(%s)",
		    (unsigned long long)r.failed,
		    err_name(ERR_READ_INCOMPLETE));
		cli->line.status = err_exit(ERR_READ_INCOMPLETE);
	}
	return 0;
}

const struct cmd_option cli_drive_put_options[1] = {
	{ "force", CMD_FLAG, offsetof(struct cli_drive_put, force), NULL,
	    "over what is there; folders become one" },
};

/* ---- get ---- */

int
cli_drive_get(void *line, const void *options, struct err *e)
{
	struct cli *cli = line;
	const struct cli_drive_put *g = options;
	OWN(cli_tree_free) struct cli_tree t = { 0 };
	struct cli_show show = { 0 };
	struct get_result r;
	struct get_ask ask = { .force = g->force,
		.warn = cli_tree_warn,
		.progress = cli_tree_progress,
		.ctx = &show };

	ask.n = split_args(cli, &ask.paths, &ask.to);
	if (cli_tree_open(cli, &t, e) < 0)
		return -1;
	cli_show_begin(&show, cli);
	stop_order_begin();
	int rc = get_run(t.edit, &ask, &r, e);
	stop_order_end();
	cli_show_erase(&show);
	if (rc < 0)
		return -1;
	if (cli->line.json)
		cli_print_json(json_pack("{s:s, s:I, s:I, s:I, s:I}", "event",
		    "done", "files", (json_int_t)r.files, "directories",
		    (json_int_t)r.dirs, "bytes", (json_int_t)r.bytes, "failed",
		    (json_int_t)r.failed));
	OWN(mem_free) char *size = cli_size(r.bytes);
	cli_say(cli, "%llu files were written (%s).",
	    (unsigned long long)r.files, size);
	if (r.failed == 0)
		return 0;
	cli_warn("aumbry: %llu things were not written, or not in full\n(%s)",
	    (unsigned long long)r.failed, err_name(r.first.code));
	cli->line.status = err_exit(r.first.code);
	return 0;
}

/* ---- mkdir, mv, rm ---- */

int
cli_drive_mkdir(void *line, const void *options, struct err *e)
{
	struct cli *cli = line;
	const struct cli_drive_edit *g = options;
	OWN(cli_tree_free) struct cli_tree t = { 0 };

	if (cli_tree_open(cli, &t, e) < 0)
		return -1;
	for (int i = 0; i < cli->line.n_args; i++)
		if (edit_mkdir(t.edit, cli->line.args[i], g->parents, e) < 0)
			return -1;
	return 0;
}

const struct cmd_option cli_drive_mkdir_options[1] = {
	{ "parents", CMD_FLAG, offsetof(struct cli_drive_edit, parents), NULL,
	    "and what is missing above; one that is there is fine",
	    .letter = 'p' },
};

int
cli_drive_move(void *line, const void *options, struct err *e)
{
	struct cli *cli = line;
	const struct cli_drive_edit *g = options;
	OWN(cli_tree_free) struct cli_tree t = { 0 };
	const char *const *paths;
	const char *to;
	size_t n = split_args(cli, &paths, &to);

	return cli_tree_open(cli, &t, e) < 0
	    ? -1
	    : edit_move(t.edit, paths, n, to, g->force, e);
}

const struct cmd_option cli_drive_move_options[1] = {
	{ "force", CMD_FLAG, offsetof(struct cli_drive_edit, force), NULL,
	    "what is at the new place goes to the trash" },
};

int
cli_drive_remove(void *line, const void *options, struct err *e)
{
	struct cli *cli = line;
	const struct cli_drive_edit *g = options;
	OWN(cli_tree_free) struct cli_tree t = { 0 };

	if (cli_tree_open(cli, &t, e) < 0 ||
	    edit_remove(t.edit, (const char *const *)cli->line.args,
		(size_t)cli->line.n_args, g->all, e) < 0)
		return -1;
	cli_say(cli, "It is in the trash: aumbry drive trash list");
	return 0;
}

const struct cmd_option cli_drive_remove_options[1] = {
	{ "recursive", CMD_FLAG, offsetof(struct cli_drive_edit, all), NULL,
	    "directories with all that is in them", .letter = 'r' },
};
