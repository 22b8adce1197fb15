/* SPDX-License-Identifier: ISC */
/* cli_drive.c: aumbry drive: its rows, and the drive opened. */
#include "cli/cli_drive.h"

#include "client/self_devices.h"
#include "client/self_zones.h"
#include "link/homedir.h"
#include "base/file.h"
#include "base/stop.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

void
cli_drive_free(struct cli_drive *d)
{
	drive_free(&d->drive);
	repo_free(&d->repo);
	self_free(&d->self);
	free(d->device);
	d->device = NULL;
	fd_close(&d->lock);
}

static int
open_zones(struct cli_drive *d, struct err *e)
{
	struct self *s = d->self;
	struct id zone;

	if (self_state(s, e) < 0 ||
	    self_zone(s, CATEGORY_DRIVE, &zone, e) < 0)
		return -1;
	bool secrets = keyring_names(s->keyring, CATEGORY_KEYCHAIN) != NULL;
	const struct repo_from from = { .self = &s->writer,
		.local = s->local,
		.depot = s->depot,
		.dir = s->dir,
		.zones = { [CATEGORY_DRIVE] = &zone,
		    [CATEGORY_KEYCHAIN] = secrets ? &zone : NULL } };
	return repo_open(&from, &d->repo, e);
}

/* As the other devices know it. */
static int
name_device(struct cli_drive *d, struct err *e)
{
	OWN(mem_free) struct self_device *list = NULL;
	size_t n;

	if (self_devices(d->self, &list, &n, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (list[i].self && list[i].name[0] != '\0')
			d->device = mem_text(list[i].name);
	if (d->device == NULL)
		d->device = mem_text("another device");
	return 0;
}

int
cli_drive_open(struct cli *cli, struct cli_drive *out, struct err *e)
{
	OWN(cli_drive_free) struct cli_drive d = { .lock = -1 };

	if (cli_self(cli, &d.self, e) < 0 ||
	    homedir_lock(d.self->dir, "drive", &d.lock, e) < 0 ||
	    open_zones(&d, e) < 0)
		return -1;
	if (name_device(&d, e) < 0)
		return -1;
	const struct drive_from from = { .repo = d.repo,
		.dir = d.self->dir,
		.uid = d.self->uid,
		.dev_id = d.self->dev_id,
		.device = d.device,
		.stop = stop_order_asked };
	if (drive_open(&from, &d.drive, e) < 0)
		return -1;
	*out = d;
	d = (struct cli_drive){ .lock = -1 };
	return 0;
}

struct syncing {
	const char *folder, *confirm;
	bool once, adopt, dry;
};

static const struct cmd_option sync_options[] = {
	{ "once", CMD_FLAG, offsetof(struct syncing, once), NULL,
	    "bring both sides together once, and end" },
	{ "folder", CMD_TEXT, offsetof(struct syncing, folder), "/PATH",
	    "of the Drive only this folder" },
	{ "adopt", CMD_FLAG, offsetof(struct syncing, adopt), NULL,
	    "the folder is new to this device: bring together, delete nothing" },
	{ "confirm-deletions", CMD_TEXT, offsetof(struct syncing, confirm),
	    "ID", "those that wait were meant" },
	{ "dry-run", CMD_FLAG, offsetof(struct syncing, dry), NULL,
	    "say what would be done, and do nothing" },
};

static void
report_json(const struct drive_root *r, const struct drive_report *t)
{
	json_t *held = json_array();

	for (size_t i = 0; i < t->n_held; i++)
		(void)json_array_append_new(held,
		    json_pack("{s:s, s:s, s:s}", "path", t->held[i].path,
			"code", err_name(t->held[i].code), "reason",
			t->held[i].reason));
	json_t *gate = id_zero(&t->gate)
	    ? json_null()
	    : json_pack("{s:s, s:I, s:i}", "id", id_text(&t->gate).s, "files",
		  (json_int_t)t->gate_files, "percent", (int)t->gate_percent);
	cli_print_json(json_pack(
	    "{s:s, s:s, s:I, s:{s:I, s:I, s:I}, s:{s:I, s:I}, s:I, s:I, s:I, "
	    "s:o, s:o}",
	    "event", "done", "root", drive_root_row(r)->path, "seq",
	    (json_int_t)drive_root_row(r)->seq, "uploaded", "files",
	    (json_int_t)t->up_files, "bytes", (json_int_t)t->up_bytes,
	    "stored_bytes", (json_int_t)t->stored_bytes, "downloaded", "files",
	    (json_int_t)t->down_files, "bytes", (json_int_t)t->down_bytes,
	    "moved", (json_int_t)t->moved, "trashed", (json_int_t)t->trashed,
	    "removed", (json_int_t)t->removed, "held", held, "gate", gate));
}

static void
report_text(struct cli *cli, const struct drive_report *t)
{
	OWN(mem_free) char *up = cli_size(t->up_bytes);
	OWN(mem_free) char *down = cli_size(t->down_bytes);

	cli_say(cli,
	    "%llu files sent (%s), %llu fetched (%s), %llu moved, %llu "
	    "thrown away, %llu removed here.",
	    (unsigned long long)t->up_files, up,
	    (unsigned long long)t->down_files, down,
	    (unsigned long long)t->moved, (unsigned long long)t->trashed,
	    (unsigned long long)t->removed);
	for (size_t i = 0; i < t->n_held; i++) {
		OWN(mem_free) char *path = cli_shown(bytes_str(t->held[i].path));
		cli_warn("%s: %s (%s)", path, t->held[i].reason,
		    err_name(t->held[i].code));
	}
}

static void
status_of(struct cli *cli, const struct drive_report *t)
{
	if (!id_zero(&t->gate)) {
		cli_warn("aumbry: %llu files (%u %%) were deleted here, and "
			 "wait for your word\nIf that was meant: add "
			 "--confirm-deletions %s\n(%s)",
		    (unsigned long long)t->gate_files, t->gate_percent,
		    id_text(&t->gate).s, err_name(ERR_DRIVE_DELETIONS_HELD));
		cli->line.status = err_exit(ERR_DRIVE_DELETIONS_HELD);
	} else if (t->n_held > 0) {
		cli->line.status = err_exit(ERR_DRIVE_HELD);
	}
}

static int
drive_sync_command(void *line, const void *options, struct err *e)
{
	struct cli *cli = line;
	const struct syncing *g = options;
	OWN(cli_drive_free) struct cli_drive d = { .lock = -1 };
	OWN(drive_root_free) struct drive_root *root = NULL;
	OWN(drive_report_free) struct drive_report t = { 0 };
	const struct drive_root_ask where = { .dir = cli->line.args[0],
		.folder = g->folder != NULL ? g->folder : "/",
		.adopt = g->adopt,
		.make = true };
	struct drive_sync_ask ask = { .dry = g->dry };

	if (g->confirm != NULL &&
	    id_parse(bytes_str(g->confirm), &ask.confirm) < 0)
		return err_set(e, ERR_USAGE,
		    "%s is no ID of deletions that wait", g->confirm);
	if (cli_drive_open(cli, &d, e) < 0 || drive_pull(d.drive, e) < 0 ||
	    drive_root_open(d.drive, &where, &root, e) < 0)
		return -1;
	stop_order_begin();
	int rc = drive_sync(root, NULL, &ask, &t, e);
	stop_order_end();
	if (rc < 0)
		return -1;
	if (cli->line.json)
		report_json(root, &t);
	else
		report_text(cli, &t);
	status_of(cli, &t);
	return 0;
}

const struct cmd cli_drive[] = {
	{ "drive sync", "DIR", "keep a folder and the Drive equal",
	    drive_sync_command, CMD_OPTIONS(sync_options, struct syncing) },
	{ 0 },
};
