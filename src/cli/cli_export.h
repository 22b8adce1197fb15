/* SPDX-License-Identifier: ISC */
/* cli_export.h: what the parts of aumbry export share. */
#pragma once

#include "cli/cli.h"

#include "export/export.h"

/*
 * Write what the account has beside its files: what its commands show, as JSON,
 * and the circle. What cannot be had stands in the manifest.
 *
 * errors  of what makes going on senseless: the network, a full disk.
 */
MUST_CHECK int cli_export_account(
    struct cli *cli, struct self *s, struct export *x, struct err *e);

/* The list of all snapshots, also of those that are not chosen. */
MUST_CHECK int cli_export_snapshots(struct cli *cli,
    const struct snapshot_list *l, struct export *x, struct err *e);
