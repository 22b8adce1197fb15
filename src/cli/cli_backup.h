/* SPDX-License-Identifier: ISC */
/* cli_backup.h: aumbry backup, by a person or by itself. */
#pragma once

#include "cli/cli_snapshot.h"

#include "backup/backup.h"

/* As a person types it, or a plan has it. */
struct backing_up {
	struct cmd_list tags, excludes, exclude_files, secrets;
	bool one_file_system, dry_run, verify, new_repo, no_profile, explain;
	const char *to;
};

/* The repository that a backup goes to, made when it is to be; and may this
 * device back up there? */
MUST_CHECK int cli_backup_open(
    struct cli *cli, struct cli_repo *r, struct err *e);
/* Back up what cli->line.args name, and say what was done. */
MUST_CHECK int cli_back_up(struct cli *cli, const struct backing_up *g,
    struct backup_result *result, struct err *e);

extern const struct cmd_option cli_backup_options[11];
cmd_fn cli_backup_once;

/* ---- by itself ---- */

struct cli_enable {
	struct cmd_list tags, excludes, exclude_files, secrets;
	bool one_file_system, on_battery, metered;
	const char *to, *at;
	struct cli_policy policy;
};
struct cli_disable {
	const char *to;
};
struct cli_run {
	bool now;
};

extern const struct cmd_option cli_enable_options[17], cli_disable_options[1],
    cli_run_options[1];
cmd_fn cli_backup_enable, cli_backup_disable, cli_backup_status, cli_backup_run;
