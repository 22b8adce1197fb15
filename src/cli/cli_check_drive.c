/* SPDX-License-Identifier: ISC */
/* cli_check_drive.c: aumbry check, of the Drive. */
#include "cli/cli_drive.h"

#include "drive/check.h"

#include <jansson.h>
#include <stdio.h>

static void
found(void *ctx, struct bytes path, const struct err *why)
{
	const struct cli *cli = ctx;

	if (cli->line.json) {
		json_t *j = json_pack("{s:s, s:s, s:s}", "event", "damage",
		    "code", err_name(why->code), "message", why->msg);
		if (path.n > 0)
			cli_tree_path(j, path);
		cli_print_json(j);
		return;
	}
	OWN(mem_free) char *shown = cli_shown(path);
	(void)printf("drive %s%s%s (%s)\n", shown, path.n > 0 ? ": " : "",
	    why->msg, err_name(why->code));
}

int
cli_check_drive(struct cli *cli, unsigned read_percent, struct err *e)
{
	struct check_options o = {
		.read_percent = read_percent, .found = found, .ctx = cli
	};
	OWN(cli_tree_free) struct cli_tree t = { 0 };
	struct check_result r;

	if (cli_tree_open(cli, &t, e) < 0 || check_run(t.edit, &o, &r, e) < 0)
		return err_in(e, "the drive");
	if (cli->line.json)
		cli_print_json(json_pack("{s:s, s:I, s:I, s:I, s:I, s:I}",
		    "event", "drive", "contents", (json_int_t)r.contents,
		    "packs", (json_int_t)r.packs, "packs_read",
		    (json_int_t)r.packs_read, "damages", (json_int_t)r.damages,
		    "files_damaged", (json_int_t)r.files_damaged));
	OWN(mem_free) char *bytes = cli_size(r.bytes_read);
	cli_say(cli,
	    "Drive: %llu contents, %llu packs, %llu of them read (%s): "
	    "%llu damages",
	    (unsigned long long)r.contents, (unsigned long long)r.packs,
	    (unsigned long long)r.packs_read, bytes,
	    (unsigned long long)r.damages);
	if (r.damages == 0)
		return 0;
	return err_set(e,
	    r.files_damaged > 0 ? ERR_FILE_DAMAGED : ERR_BLOB_CORRUPT,
	    "%llu damages of the drive; %llu files or versions need what is "
	    "lost",
	    (unsigned long long)r.damages, (unsigned long long)r.files_damaged);
}
