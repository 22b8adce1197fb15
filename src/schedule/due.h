/* SPDX-License-Identifier: ISC */
/* due.h: when a plan runs next, by clocks that may be wrong. */
/*
 * Pure: nothing is read but the arguments and the time zone (TZ). A plan has
 * one time a day. It is due from then on until a backup succeeded, so what was
 * missed while the machine slept or was off is caught up, once, however often
 * it was missed. After a failure it waits, longer each time.
 */
#pragma once

#include "schedule/plan.h"

#define DUE_RETRY_MS (15 * 60 * 1000ULL) /* after the first failure */
#define DUE_RETRY_MOST_MS (4 * 3600 * 1000ULL) /* doubling until then */
#define DUE_LATE_MS (7 * 24 * 3600 * 1000ULL) /* then it is said aloud, */
#define DUE_SILENT_MS (150 * 24 * 3600 * 1000ULL) /* and in other words */

/* What lies in a time that has not come counts as of now: the clock was wrong
 * then, or is. Returns whether there was any. */
bool due_settle(struct plan_state *s, uint64_t now_ms);

/* When it is to run: not after now_ms when it is due. s was settled. */
uint64_t due_next(
    const struct plan *p, const struct plan_state *s, uint64_t now_ms);

/* Since when there is no backup: the last one, or the plan's making. */
uint64_t due_since(const struct plan *p, const struct plan_state *s);
/* For DUE_LATE_MS or longer. */
bool due_late(
    const struct plan *p, const struct plan_state *s, uint64_t now_ms);
