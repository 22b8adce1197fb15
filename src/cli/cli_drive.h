/* SPDX-License-Identifier: ISC */
/* cli_drive.h: what the commands of the Drive share. */
#pragma once

#include "cli/cli.h"

#include "drive/drive.h"

#include <jansson.h>

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

/* What is said of one root. */
struct cli_drive_root {
	const char *folder, *confirm, *undo;
	bool once, adopt, dry;
};
extern const struct cmd_option cli_drive_root_options[7];

/* The rows; of one file each, or two. */
int cli_drive_sync(void *line, const void *options, struct err *e);
int cli_drive_enable(void *line, const void *options, struct err *e);
int cli_drive_disable(void *line, const void *options, struct err *e);
int cli_drive_status(void *line, const void *options, struct err *e);
int cli_drive_pause(void *line, const void *options, struct err *e);
int cli_drive_resume(void *line, const void *options, struct err *e);

/* What a sync did, as an object: {"event":"done",…}. */
json_t *cli_drive_report(const char *path, const struct drive_report *t);
/* A list of what is held. */
json_t *cli_drive_held(const struct drive_report *t);
json_t *cli_drive_gate(const struct drive_report *t);
/* As it was typed, from the root. In new memory. */
char *cli_drive_absolute(const char *path);

extern const struct cmd cli_drive[];
