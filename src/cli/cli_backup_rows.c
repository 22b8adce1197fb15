/* SPDX-License-Identifier: ISC */
/* cli_backup_rows.c: the commands of aumbry backup. */
#include "cli/cli_backup.h"

const struct cmd cli_backup[] = {
	{ "backup", "[PATH…]",
	    "back up files: your home and a device profile, without PATH",
	    cli_backup_once, CMD_OPTIONS(cli_backup_options, struct backing_up),
	    "Examples:\n"
	    "  aumbry backup\n"
	    "  aumbry backup ~/Photos ~/Documents --exclude '*.tmp'\n"
	    "  aumbry backup --to /mnt/disk/backup --tag before-travel" },
	{ "backup enable", "[PATH…]",
	    "back up by itself, each night or when that was missed",
	    cli_backup_enable,
	    CMD_OPTIONS(cli_enable_options, struct cli_enable),
	    "Examples:\n"
	    "  aumbry backup enable\n"
	    "  aumbry backup enable ~/Photos --to /media/ana/disk --at 12:30" },
	{ "backup disable", "", "back up by itself no more", cli_backup_disable,
	    CMD_OPTIONS(cli_disable_options, struct cli_disable) },
	{ "backup status", "", "what is backed up by itself, and how it went",
	    cli_backup_status },
	{ "backup run", "", "do what is due, as the timer does", cli_backup_run,
	    CMD_OPTIONS(cli_run_options, struct cli_run) },
	{ 0 },
};
