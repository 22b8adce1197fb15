/* SPDX-License-Identifier: ISC */
/* retention.h: how long the Drive keeps what was: a record of its zone. */
/*
 *   u8 kind 36 | u8 format 1 | u64 all_ms | u64 daily_ms | u64 weekly_ms
 *   | u8 least | u64 trash_ms
 *
 * So all devices agree. Without it the rules are those of hist_default.
 * source  docs/FORMAT.md "Drive".
 */
#pragma once

#include "tree/hist.h"
#include "link/zcopy.h"

#define RETENTION_KIND 36
/* What was deleted can be had back for a day; and no time is past counting. */
#define RETENTION_TRASH_MIN_MS ((uint64_t)24 * 3600 * 1000)
#define RETENTION_MAX_MS ((uint64_t)100 * 366 * 24 * 3600 * 1000)

/*
 * What the zone's copy says.
 *
 * errors  record-corrupt: nothing is to be thinned by a guess; update-needed.
 */
MUST_CHECK int retention_get(
    struct zcopy *z, struct hist_policy *out, struct err *e);

/* Say so for all devices. errors: bad-usage: out of the limits. */
MUST_CHECK int retention_set(
    struct zcopy *z, const struct hist_policy *p, struct err *e);
