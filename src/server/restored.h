/* SPDX-License-Identifier: ISC */
/* restored.h: knowing that this server was put back to a copy. */
/*
 * A copy made by `aumbryd backup` holds the file "copied": the time it was made
 * (decimal ms). The first start from it turns that into "restored": that time
 * and the start's. From then on, for RESTORED_DAYS, devices may submit circle
 * entries again that are as old as the copy, which a server otherwise refuses:
 * an entry's time decides how old a device counts, and an old one could make a
 * new device look mature.
 */
#pragma once

#include "base/err.h"

#include <stdint.h>

#define RESTORED_DAYS 14 /* all devices should have been switched on once */

/* Note that `data` is, or will be, a copy made at copy_ms. */
MUST_CHECK int restored_mark(const char *data, int64_t copy_ms, struct err *e);

/*
 * Called at each start.
 *
 * since_ms  entries from then on are taken again; 0: none.
 * until_ms  for so long.
 * errors    state-damaged.
 */
MUST_CHECK int restored_load(const char *data, int64_t now_ms,
    int64_t *since_ms, int64_t *until_ms, struct err *e);
