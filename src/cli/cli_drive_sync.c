/* SPDX-License-Identifier: ISC */
/* cli_drive_sync.c: aumbry drive sync: one folder, now. */
#include "cli/stay.h"

#include "base/stop.h"
#include "wire/jsonio.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define AT(field) offsetof(struct cli_drive_root, field)
const struct cmd_option cli_drive_root_options[7] = {
	{ "once", CMD_FLAG, AT(once), NULL, "once, and do not stay" },
	{ "folder", CMD_TEXT, AT(folder), "/PATH",
	    "of the Drive only this folder" },
	{ "skip", CMD_LIST, AT(skips), "/PATH",
	    "a folder of the Drive that is not to be here" },
	{ "adopt", CMD_FLAG, AT(adopt), NULL,
	    "the folder is new to this device: bring together, delete "
	    "nothing" },
	{ "confirm-deletions", CMD_TEXT, AT(confirm), "ID",
	    "those that wait were meant" },
	{ "undo-deletions", CMD_TEXT, AT(undo), "ID",
	    "those that wait were not meant: bring them back here" },
	{ "dry-run", CMD_FLAG, AT(dry), NULL,
	    "say what would be done, and do nothing" },
};

/* ---- for people ---- */

static json_int_t
number(const json_t *j, const char *of, const char *key)
{
	const json_t *in = of != NULL ? json_object_get(j, of) : j;

	return json_integer_value(json_object_get(in, key));
}

static void
say_conflicts(const json_t *j)
{
	size_t i;
	const json_t *x;

	json_array_foreach(json_object_get(j, "conflicts"), i, x)
	{
		OWN(mem_free)
		char *copy = cli_shown(
		    bytes_str(json_string_value(json_object_get(x, "copy"))));
		cli_warn("Both sides changed: yours is now %s", copy);
	}
	if (number(j, NULL, "conflicts_more") > 0)
		cli_warn("%lld more are conflict copies",
		    (long long)number(j, NULL, "conflicts_more"));
}

static void
warn_line(void *ctx, const char *line)
{
	(void)ctx;
	cli_warn("%s", line);
}

static void
say_report(struct cli *cli, const json_t *j)
{
	OWN(mem_free)
	char *up = cli_size((uint64_t)number(j, "uploaded", "bytes"));
	OWN(mem_free)
	char *down = cli_size((uint64_t)number(j, "downloaded", "bytes"));

	if (number(j, "uploaded", "files") + number(j, "downloaded", "files") +
		number(j, NULL, "moved") + number(j, NULL, "trashed") +
		number(j, NULL, "removed") ==
	    0)
		cli_say(cli, "Nothing to do.");
	else
		cli_say(cli,
		    "%lld files sent (%s), %lld fetched (%s), %lld moved, "
		    "%lld to the trash, %lld removed here.",
		    (long long)number(j, "uploaded", "files"), up,
		    (long long)number(j, "downloaded", "files"), down,
		    (long long)number(j, NULL, "moved"),
		    (long long)number(j, NULL, "trashed"),
		    (long long)number(j, NULL, "removed"));
	say_conflicts(j);
	cli_drive_say_lists(j, warn_line, NULL);
}

static void
set_status(struct cli *cli, const json_t *j)
{
	const json_t *gate = json_object_get(j, "gate");

	if (json_is_object(gate)) {
		cli_warn("aumbry: %lld files (%lld %%) were deleted here, and "
			 "wait for your word\nIf that was meant: add "
			 "--confirm-deletions %s\nTo have them back here: add "
			 "--undo-deletions %s\n(%s)",
		    (long long)number(gate, NULL, "files"),
		    (long long)number(gate, NULL, "percent"),
		    json_string_value(json_object_get(gate, "id")),
		    json_string_value(json_object_get(gate, "id")),
		    err_name(ERR_DRIVE_DELETIONS_HELD));
		cli->line.status = err_exit(ERR_DRIVE_DELETIONS_HELD);
	} else if (json_array_size(json_object_get(j, "held")) > 0) {
		cli->line.status = err_exit(ERR_DRIVE_HELD);
	}
}

static void
show(struct cli *cli, json_t *report)
{
	if (cli->line.json)
		cli_print_json(json_incref(report));
	else
		say_report(cli, report);
	set_status(cli, report);
}

/* ---- */

static int
asked_for(
    const struct cli_drive_root *g, struct drive_sync_ask *out, struct err *e)
{
	const char *id = g->confirm != NULL ? g->confirm : g->undo;

	*out =
	    (struct drive_sync_ask){ .dry = g->dry, .undo = g->undo != NULL };
	if (g->confirm != NULL && g->undo != NULL)
		return err_set(e, ERR_USAGE,
		    "deletions are confirmed or undone, not both");
	if (id != NULL && id_parse(bytes_str(id), &out->confirm) < 0)
		return err_set(
		    e, ERR_USAGE, "%s is no ID of deletions that wait", id);
	return 0;
}

/* *done: one that stays has this home's Drive, and did it. */
static int
by_who_stays(struct cli *cli, const struct cli_drive_root *g, const char *path,
    bool *done, struct err *e)
{
	OWN(jsonio_free) json_t *ask = json_object();
	OWN(jsonio_free) json_t *answer = NULL;
	OWN(mem_free) char *home = cli_home(cli);

	*done = false;
	jsonio_put_text(ask, "ask", "sync");
	(void)json_object_set_new(ask, "dir", cli_json_bytes(bytes_str(path)));
	if (g->confirm != NULL)
		jsonio_put_text(ask, "confirm", g->confirm);
	if (g->undo != NULL)
		jsonio_put_text(ask, "undo", g->undo);
	jsonio_put_true(ask, "dry", g->dry);
	if (stay_ask(home, ask, &answer, e) < 0)
		return -1;
	if (answer == NULL)
		return 0;
	*done = true;
	show(cli, answer);
	return 0;
}

static int
sync_here(struct cli *cli, const struct cli_drive_root *g,
    const struct drive_sync_ask *ask, struct err *e)
{
	OWN(cli_drive_free) struct cli_drive d = { .lock = -1 };
	OWN(drive_root_free) struct drive_root *root = NULL;
	OWN(drive_report_free) struct drive_report t = { 0 };
	const struct drive_root_ask where = { .dir = cli->line.args[0],
		.folder = g->folder != NULL ? g->folder : "/",
		.adopt = g->adopt,
		.make = true };

	if (cli_drive_open(cli, &d, e) < 0 || drive_pull(d.drive, e) < 0 ||
	    drive_root_open(d.drive, &where, &root, e) < 0 ||
	    cli_drive_skips(d.drive, drive_root_row(root)->path, &g->skips, e) <
		0)
		return -1;
	stop_order_begin();
	int rc = drive_sync(root, NULL, ask, &t, e);
	stop_order_end();
	if (rc < 0)
		return -1;
	OWN(mem_free) char *path = mem_text(drive_root_row(root)->path);
	OWN(jsonio_free) json_t *report = cli_drive_report(path, &t);
	show(cli, report);
	if (g->once || g->dry || stop_order_asked())
		return 0;
	drive_root_free(&root);
	return stay_one(cli, &d, path, e);
}

int
cli_drive_sync(void *line, const void *options, struct err *e)
{
	struct cli *cli = line;
	const struct cli_drive_root *g = options;
	OWN(mem_free) char *path = cli_drive_absolute(cli->line.args[0]);
	struct drive_sync_ask ask;
	bool done;

	if (asked_for(g, &ask, e) < 0 ||
	    by_who_stays(cli, g, path, &done, e) < 0)
		return -1;
	return done ? 0 : sync_here(cli, g, &ask, e);
}
