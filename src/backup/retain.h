/* SPDX-License-Identifier: ISC */
/* retain.h: which snapshots a policy keeps, and why. */
/*
 * Pure: nothing is read but the arguments and the time zone (TZ). Snapshots of
 * one host and the same paths are a group; every rule looks at one group at a
 * time, newest first. A rule of periods keeps the newest snapshot of each of
 * the last N periods that have one, in local time; weeks begin on Monday (ISO
 * 8601), and the two hours that share a name in autumn are two hours.
 *
 * Snapshots whose clock was wrong (of a time that has not come, or before
 * there was any) are kept, and count for nothing. Partial snapshots take no
 * whole one's place: a rule of N keeps what it keeps among all, and what it
 * keeps among the whole ones alone.
 */
#pragma once

#include "backup/snapshot.h"

enum retain_rule {
	RETAIN_LAST,
	RETAIN_HOURLY,
	RETAIN_DAILY,
	RETAIN_WEEKLY,
	RETAIN_MONTHLY,
	RETAIN_YEARLY,
	RETAIN_COUNTED, /* those above have a number each */
	RETAIN_WITHIN = RETAIN_COUNTED,
	RETAIN_TAG,
	RETAIN_CLOCK, /* no rule: see above */
	RETAIN_RULES
};

struct retain_policy {
	uint64_t keep[RETAIN_COUNTED]; /* 0: the rule keeps nothing */
	int64_t within_s; /* before the newest of the group; 0: no rule */
	uint64_t now_ms;
	const char *const *tags; /* whoever has one of them is kept */
	size_t n_tags;
};

struct retain_verdict {
	const struct snapshot *snap;
	size_t group; /* 0, 1, 2 … */
	unsigned why; /* bit 1 << rule for each that keeps it; 0: forget */
};

/* "last", "hourly" … */
const char *retain_name(enum retain_rule rule);
/* Is there a rule of numbers or spans, so that of each group one stays? */
bool retain_keeps(const struct retain_policy *p);

/*
 * Judge n snapshots, in any order.
 *
 * out  n verdicts, by group; in a group newest first.
 */
void retain_judge(const struct retain_policy *p,
    const struct snapshot *const *list, size_t n, struct retain_verdict *out);
