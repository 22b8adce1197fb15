/* SPDX-License-Identifier: ISC */
/* roots.h: the folders that this device keeps in sync. */
#pragma once

#include "drive/drive.h"

/* Visit all that this device knows, also those that are not enabled. */
MUST_CHECK int roots_each(
    struct drive *d, drivedb_root_fn fn, void *ctx, struct err *e);

/* Nodes that are shown elsewhere than their records say: valid.h. */
MUST_CHECK int roots_invalid(struct drive *d, uint64_t *n, struct err *e);

/* Shall whoever stays keep it in sync? errors: not-found. */
MUST_CHECK int roots_enable(
    struct drive *d, const char *path, bool on, struct err *e);
