/* SPDX-License-Identifier: ISC */
/* cli_restore.h: what is said of files that are given back. */
#pragma once

#include "backup/restore.h"

/* Draw how far it is; ctx: a struct cli_show. */
void cli_restore_progress(void *ctx, const struct restore_progress *p);
/* Say what came back without all of its properties, a line for each kind.
 * Returns whether anything did. */
bool cli_restore_lost(const struct place_counts *c);
