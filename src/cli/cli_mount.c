/* SPDX-License-Identifier: ISC */
/* cli_mount.c: aumbry mount: snapshots as folders. */
#include "cli/cli.h"

#include "backup/mount.h"
#include "base/stop.h"

#include <stdio.h>

struct serving {
	const struct cli *cli;
	const char *dir;
};

static void
ready(void *ctx)
{
	const struct serving *s = ctx;

	/* Scripts wait for this line: it is there with --quiet too. */
	(void)fprintf(stderr, "aumbry: mounted at %s\n", s->dir);
}

static void
warn(void *ctx, const char *path, const struct err *why)
{
	OWN(mem_free) char *shown = cli_shown(bytes_str(path));

	(void)ctx;
	(void)fprintf(stderr, "aumbry: %s: %s (%s)\n", shown, why->msg,
	    err_name(why->code));
}

static int
run(void *line, const void *options, struct err *e)
{
	struct cli *cli = line;
	OWN(cli_view_free) struct cli_view view = { .repo.lock = -1 };

	(void)options;
	cli->reads = true;
	if (cli_view(cli, &view, e) < 0)
		return -1;
	struct serving s = { cli, cli->line.args[0] };
	const struct mount_options o = {
		.dir = s.dir, .ready = ready, .warn = warn, .ctx = &s
	};
	/* A signal unmounts. */
	stop_unwatch();
	return mount_run(view.repo.repo, &view.list, &o, e);
}

const struct cmd cli_mount[] = {
	{ "mount", "DIR", "show all snapshots as folders, read-only", run, NULL,
	    0, 0, "It stays until Ctrl-C or umount." },
	{ 0 },
};
