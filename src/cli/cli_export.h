/* SPDX-License-Identifier: ISC */
/* cli_export.h: what the parts of aumbry export share. */
#pragma once

#include "cli/cli.h"
#include "cli/cli_show.h"

#include "export/export.h"

/*
 * Write what the account has beside its files: what its commands show, as JSON,
 * and the circle. What cannot be had stands in the manifest.
 *
 * errors  of what makes going on senseless: the network, a full disk.
 */
MUST_CHECK int cli_export_account(
    struct cli *cli, struct self *s, struct export *x, struct err *e);

/*
 * Write the files of the Drive. What cannot be had stands in the manifest; a
 * Drive that is closed to this device, or not there, ends nothing.
 *
 * show    what shows how far it is; warnings are the export's.
 * errors  of what makes going on senseless.
 */
MUST_CHECK int cli_export_drive(struct cli *cli, struct export *x,
    const char *dir, struct cli_show *show, struct err *e);
/* How much that would be. */
MUST_CHECK int cli_export_drive_size(
    struct cli *cli, uint64_t *files, uint64_t *bytes, struct err *e);

/* The list of all snapshots, also of those that are not chosen. */
MUST_CHECK int cli_export_snapshots(struct cli *cli,
    const struct snapshot_list *l, struct export *x, struct err *e);
