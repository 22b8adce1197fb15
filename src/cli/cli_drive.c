/* SPDX-License-Identifier: ISC */
/* cli_drive.c: aumbry drive: its rows. */
#include "cli/stay.h"

const struct cmd cli_drive[] = {
	{ "drive enable", "DIR", "keep a folder and the Drive equal, always",
	    cli_drive_enable,
	    CMD_OPTIONS(cli_drive_root_options, struct cli_drive_root) },
	{ "drive disable", "DIR", "leave a folder as it is from now on",
	    cli_drive_disable },
	{ "drive sync", "DIR", "bring a folder and the Drive together now",
	    cli_drive_sync,
	    CMD_OPTIONS(cli_drive_root_options, struct cli_drive_root) },
	{ "drive status", "", "which folders are in sync, and what is not",
	    cli_drive_status },
	{ "drive pause", "[SPAN]", "sync nothing, for 1h, 2d or until resumed",
	    cli_drive_pause },
	{ "drive resume", "", "go on after a pause", cli_drive_resume },
	{ "drive stay", "", "sync the enabled folders until it is ended",
	    cli_drive_stay },
	{ 0 },
};
