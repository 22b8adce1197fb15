/* SPDX-License-Identifier: ISC */
/* cli_snapshot.h: what the parts of aumbry snapshot share. */
#pragma once

#include "cli/cli.h"

#include "backup/retain.h"

/* Options, as given. */
struct cli_forget {
	const char *keep[RETAIN_COUNTED];
	const char *within, *host, *tag;
	struct cmd_list tags;
	bool dry_run;
};

struct cli_tag {
	struct cmd_list add, remove;
};

/* cmd_fn: aumbry snapshot forget, diff, tag. */
cmd_fn cli_forget, cli_diff, cli_tag;
