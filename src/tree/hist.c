/* SPDX-License-Identifier: ISC */
/* hist.c: rules of time, and then of room. */
#include "tree/hist.h"

#include "tree/node.h"

#define DAY_MS ((uint64_t)24 * 60 * 60 * 1000)
/* 1970 began on a Thursday: the first Monday was four days later. */
#define MONDAY_MS (4 * DAY_MS)

struct hist_policy
hist_default(void)
{
	return (struct hist_policy){ .all_ms = DAY_MS,
		.daily_ms = 30 * DAY_MS,
		.weekly_ms = 365 * DAY_MS,
		.least = 5,
		.room = NODE_VERSIONS_MAX,
		/* Less what stands around them, and the lengths. */
		.room_bytes = NODE_HISTORY_MAX - 64,
		.trash_ms = 30 * DAY_MS };
}

/* When the next one took its place. Clocks of devices differ. */
static uint64_t
replaced(uint64_t current_ms, const struct hist_version *v, size_t i)
{
	uint64_t ms = i == 0 ? current_ms : v[i - 1].changed_ms;

	return ms > v[i].changed_ms ? ms : v[i].changed_ms;
}

static bool
within(uint64_t ms, uint64_t now_ms, uint64_t age_ms)
{
	return ms >= now_ms || now_ms - ms < age_ms;
}

/* Was it there as a period of that length ended, not longer ago than age? */
static bool
at_an_end(uint64_t from_ms, uint64_t to_ms, uint64_t period_ms, uint64_t now_ms,
    uint64_t age_ms)
{
	uint64_t shift = period_ms - MONDAY_MS % period_ms;
	uint64_t last = (to_ms + shift) / period_ms;

	if ((from_ms + shift) / period_ms == last)
		return false;
	return last * period_ms < shift ||
	    within(last * period_ms - shift, now_ms, age_ms);
}

/* Of those that are kept and not among the newest, the one that was there for
 * the shortest time, of equal ones the oldest; n when there is none. */
static size_t
shortest(const struct hist_policy *p, uint64_t current_ms,
    const struct hist_version *v, size_t n)
{
	uint64_t least = UINT64_MAX;
	size_t found = n;

	for (size_t i = p->least; i < n; i++) {
		uint64_t ms = replaced(current_ms, v, i) - v[i].changed_ms;
		if (!v[i].keep || ms > least)
			continue;
		least = ms;
		found = i;
	}
	return found;
}

/* What there is no room for is not kept: of the newest the oldest, when those
 * are too many. */
static void
make_room(const struct hist_policy *p, uint64_t current_ms,
    struct hist_version *v, size_t n)
{
	size_t kept = 0, bytes = 0, newest = n < p->least ? n : p->least;

	for (size_t i = 0; i < n; i++) {
		kept += v[i].keep ? 1 : 0;
		bytes += v[i].keep ? v[i].bytes : 0;
	}
	while (kept > 0 && (kept > p->room || bytes > p->room_bytes)) {
		size_t i = shortest(p, current_ms, v, n);
		if (i == n)
			i = --newest;
		v[i].keep = false;
		kept--;
		bytes -= v[i].bytes;
	}
}

void
hist_judge(const struct hist_policy *p, uint64_t now_ms, uint64_t current_ms,
    struct hist_version *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint64_t from = v[i].changed_ms;
		uint64_t to = replaced(current_ms, v, i);
		v[i].keep = i < p->least || within(to, now_ms, p->all_ms) ||
		    at_an_end(from, to, DAY_MS, now_ms, p->daily_ms) ||
		    at_an_end(from, to, 7 * DAY_MS, now_ms, p->weekly_ms);
	}
	make_room(p, current_ms, v, n);
}

bool
hist_expired(const struct hist_policy *p, uint64_t now_ms, uint64_t trashed_ms)
{
	return !within(trashed_ms, now_ms, p->trash_ms);
}
