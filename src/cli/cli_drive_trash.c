/* SPDX-License-Identifier: ISC */
/* cli_drive_trash.c: aumbry drive trash. */
#include "cli/cli_drive.h"

#include "base/now.h"
#include "base/stop.h"
#include "base/text.h"
#include "drive/look.h"
#include "drive/trash.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

struct listing {
	const struct cli *cli;
	const struct cli_tree *tree;
	uint64_t n, bytes;
};

static int
list_one(void *ctx, const struct look_trashed *x, struct err *e)
{
	struct listing *l = ctx;
	const struct plan_node *n = &x->x.node;

	(void)e;
	l->n++;
	l->bytes += x->bytes;
	if (l->cli->line.json) {
		json_t *j = json_pack("{s:s, s:b, s:I, s:I, s:I, s:s}", "id",
		    id_text(&n->id).s, "directory", n->type == NODE_DIR,
		    "files", (json_int_t)x->files, "size", (json_int_t)x->bytes,
		    "trashed", (json_int_t)x->x.trashed_ms, "device",
		    cli_tree_device(l->tree, &x->x.dev));
		cli_tree_path(j, x->path);
		cli_print_json(j);
		return 0;
	}
	OWN(mem_free) char *shown = cli_shown(x->path);
	OWN(mem_free) char *size = cli_size(x->bytes);
	OWN(mem_free) char *when = cli_time(x->x.trashed_ms);
	(void)printf("%s  %s %10s  %s%s\n", id_short(&n->id).s, when, size,
	    shown, n->type == NODE_DIR ? "/" : "");
	return 0;
}

int
cli_drive_trash_list(void *line, const void *options, struct err *e)
{
	struct cli *cli = line;
	OWN(cli_tree_free) struct cli_tree t = { 0 };
	struct listing l = { cli, &t, 0, 0 };

	(void)options;
	if (cli_tree_open(cli, &t, e) < 0 ||
	    look_trash(t.edit, list_one, &l, e) < 0)
		return -1;
	OWN(mem_free) char *size = cli_size(l.bytes);
	cli_say(cli,
	    l.n == 0 ? "The trash is empty." : "%llu in the trash, %s.",
	    (unsigned long long)l.n, size);
	return 0;
}

int
cli_drive_trash_restore(void *line, const void *options, struct err *e)
{
	struct cli *cli = line;
	const struct cli_drive_trash *g = options;
	OWN(cli_tree_free) struct cli_tree t = { 0 };
	OWN(buf_free) struct buf path = { 0 };
	const struct trash_ask ask = { cli->line.args[0], g->to };

	if (cli_tree_open(cli, &t, e) < 0 ||
	    trash_restore(t.edit, &ask, &path, e) < 0)
		return -1;
	if (cli->line.json) {
		json_t *j = json_object();
		cli_tree_path(j, buf_bytes(&path));
		cli_print_json(j);
		return 0;
	}
	OWN(mem_free) char *shown = cli_shown(buf_bytes(&path));
	cli_say(cli, "It is back: %s", shown);
	return 0;
}

const struct cmd_option cli_drive_restore_trash_options[1] = {
	{ "to", CMD_TEXT, offsetof(struct cli_drive_trash, to), "PATH",
	    "not where it was, but there" },
};

/* ---- emptying ---- */

static int
sure(struct cli *cli, const struct cli_drive_trash *g, struct err *e)
{
	bool yes = cli->yes;

	if (yes || g->older != NULL)
		return 0;
	if (cli_yes(cli, "Delete all that is in the trash for good? (yes/no)",
		&yes, e) < 0)
		return -1;
	if (yes)
		return 0;
	return err_set(e, ERR_STOPPED, "nothing was deleted");
}

int
cli_drive_trash_empty(void *line, const void *options, struct err *e)
{
	struct cli *cli = line;
	const struct cli_drive_trash *g = options;
	OWN(cli_tree_free) struct cli_tree t = { 0 };
	int64_t older = 0;
	uint64_t n;

	if (g->older != NULL && text_parse_span(g->older, &older) < 0)
		return err_set(e, ERR_USAGE,
		    "--older is a span, as 30d or 12h, not %s", g->older);
	if (sure(cli, g, e) < 0 || cli_tree_open(cli, &t, e) < 0)
		return -1;
	/* All of it: also what a clock that is ahead threw away. */
	uint64_t before =
	    g->older == NULL ? INT64_MAX : (uint64_t)(now_ms() - older * 1000);
	stop_order_begin();
	int rc = trash_empty(t.edit, before, &n, e);
	stop_order_end();
	if (rc < 0)
		return -1;
	if (cli->line.json)
		cli_print_json(json_pack(
		    "{s:s, s:I}", "event", "done", "deleted", (json_int_t)n));
	cli_say(cli, "%llu files and directories were deleted for good.",
	    (unsigned long long)n);
	return 0;
}

const struct cmd_option cli_drive_empty_options[1] = {
	{ "older", CMD_TEXT, offsetof(struct cli_drive_trash, older), "SPAN",
	    "only what was thrown away longer ago, as 30d" },
};
