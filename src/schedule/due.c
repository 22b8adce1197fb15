/* SPDX-License-Identifier: ISC */
/* due.c: the time of day, missed or to come, and waiting after failures. */
#include "schedule/due.h"

#include <time.h>

static bool
clamp(uint64_t *t, uint64_t now_ms)
{
	bool future = *t > now_ms;

	if (future)
		*t = now_ms;
	return future;
}

bool
due_settle(struct plan_state *s, uint64_t now_ms)
{
	bool tried = clamp(&s->tried_ms, now_ms);
	bool done = clamp(&s->done_ms, now_ms);
	bool pruned = clamp(&s->pruned_ms, now_ms);
	bool warned = clamp(&s->warned_ms, now_ms);

	return tried || done || pruned || warned;
}

/* That time of the day that t_ms is in, or `days` later. Of one that comes twice,
 * when clocks are set back, the first; one that they leave out is later. */
static uint64_t
slot(uint64_t at_min, uint64_t t_ms, int days)
{
	time_t t = (time_t)(t_ms / 1000);
	struct tm tm = { 0 }, before = { 0 };

	(void)localtime_r(&t, &tm);
	tm.tm_mday += days;
	tm.tm_hour = (int)(at_min / 60);
	tm.tm_min = (int)(at_min % 60);
	tm.tm_sec = 0;
	tm.tm_isdst = -1;
	t = mktime(&tm);
	time_t earlier = t - 3600;
	(void)localtime_r(&earlier, &before);
	if (before.tm_hour == tm.tm_hour)
		t = earlier;
	return t > 0 ? (uint64_t)t * 1000 : 0;
}

/* The first such time after a moment. */
static uint64_t
slot_after(uint64_t at_min, uint64_t t_ms)
{
	uint64_t today = slot(at_min, t_ms, 0);

	return today > t_ms ? today : slot(at_min, t_ms, 1);
}

static uint64_t
retry_ms(uint64_t failures)
{
	uint64_t wait = DUE_RETRY_MS;

	while (--failures > 0 && wait < DUE_RETRY_MOST_MS)
		wait *= 2;
	return wait < DUE_RETRY_MOST_MS ? wait : DUE_RETRY_MOST_MS;
}

uint64_t
due_next(const struct plan *p, const struct plan_state *s, uint64_t now_ms)
{
	/* The first one is made at once. */
	uint64_t due =
	    s->done_ms != 0 ? slot_after(p->at_min, s->done_ms) : now_ms;

	if (s->failures > 0) {
		uint64_t again = s->tried_ms + retry_ms(s->failures);
		if (again > due)
			due = again;
	}
	return due;
}

uint64_t
due_since(const struct plan *p, const struct plan_state *s)
{
	return s->done_ms != 0 ? s->done_ms : p->made_ms;
}

bool
due_late(const struct plan *p, const struct plan_state *s, uint64_t now_ms)
{
	uint64_t since = due_since(p, s);

	return now_ms > since && now_ms - since >= DUE_LATE_MS;
}
