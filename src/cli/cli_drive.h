/* SPDX-License-Identifier: ISC */
/* cli_drive.h: what the commands of the Drive share. */
#pragma once

#include "cli/cli.h"

#include "drive/drive.h"

/* The account's drive, pulled. */
struct cli_drive {
	struct self *self;
	struct repo *repo;
	struct drive *drive;
	int lock; /* only one changes drive.db of a home: or -1 */
	char *device; /* this device's name */
};

/* For OWN, of one whose lock is -1 and all else zeros. */
void cli_drive_free(struct cli_drive *d);
/* errors: those of cli_self; another program of this home has it open. */
MUST_CHECK int cli_drive_open(
    struct cli *cli, struct cli_drive *out, struct err *e);

extern const struct cmd cli_drive[];
