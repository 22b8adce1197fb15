/* SPDX-License-Identifier: ISC */
/* retain.c: groups, periods and rules. */
#include "backup/retain.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* What two snapshots of one period have in common. */
struct period {
	int64_t part[5];
};

const char *
retain_name(enum retain_rule rule)
{
	static const char *const names[] = { "last", "hourly", "daily",
		"weekly", "monthly", "yearly", "within", "tag", "clock" };

	return (size_t)rule < ARRAY_SIZE(names) ? names[rule] : "?";
}

bool
retain_keeps(const struct retain_policy *p)
{
	bool keeps = p->within_s > 0;

	for (int i = 0; i < RETAIN_COUNTED; i++)
		keeps = keeps || p->keep[i] > 0;
	return keeps;
}

static int
group_cmp(const struct snapshot *a, const struct snapshot *b)
{
	int c = bytes_cmp(buf_bytes(&a->host), buf_bytes(&b->host));

	for (size_t i = 0; c == 0 && i < a->n_paths && i < b->n_paths; i++)
		c = bytes_cmp(buf_bytes(&a->paths[i]), buf_bytes(&b->paths[i]));
	return c != 0 ? c
		      : (a->n_paths > b->n_paths) - (a->n_paths < b->n_paths);
}

static int
by_group_and_age(const void *a, const void *b)
{
	const struct snapshot *x = ((const struct retain_verdict *)a)->snap;
	const struct snapshot *y = ((const struct retain_verdict *)b)->snap;
	int c = group_cmp(x, y);

	if (c == 0)
		c = (x->time_ms < y->time_ms) - (x->time_ms > y->time_ms);
	return c != 0 ? c : (x->seq < y->seq) - (x->seq > y->seq);
}

/* The year and number of the ISO 8601 week: that of its Thursday. */
static void
week_of(const struct tm *tm, struct period *p)
{
	int since_monday = (tm->tm_wday + 6) % 7;
	int thursday = tm->tm_yday - since_monday + 3;
	int year = tm->tm_year + 1900;
	int days =
	    365 + (year % 4 == 0 && (year % 100 != 0 || year % 400 == 0));
	int before = year - 1;

	if (thursday < 0) {
		thursday += 365 +
		    (before % 4 == 0 &&
			(before % 100 != 0 || before % 400 == 0));
		year = before;
	} else if (thursday >= days) {
		thursday -= days;
		year++;
	}
	p->part[0] = year;
	p->part[1] = thursday / 7;
}

static struct period
period_of(enum retain_rule rule, uint64_t time_ms)
{
	time_t t = (time_t)(time_ms / 1000);
	struct period p = { { 0 } };
	struct tm tm;

	if (localtime_r(&t, &tm) == NULL) {
		/* No calendar has it: a period of its own. */
		p.part[0] = INT64_MIN;
		p.part[1] = (int64_t)time_ms;
		return p;
	}
	if (rule == RETAIN_WEEKLY) {
		week_of(&tm, &p);
		return p;
	}
	p.part[0] = tm.tm_year;
	p.part[1] = rule <= RETAIN_MONTHLY ? tm.tm_mon : 0;
	p.part[2] = rule <= RETAIN_DAILY ? tm.tm_mday : 0;
	if (rule == RETAIN_HOURLY) {
		p.part[3] = tm.tm_hour;
		p.part[4] = tm.tm_gmtoff;
	}
	return p;
}

static bool
same_period(const struct period *a, const struct period *b)
{
	for (size_t i = 0; i < ARRAY_SIZE(a->part); i++)
		if (a->part[i] != b->part[i])
			return false;
	return true;
}

/* One counted rule on one group, newest first. */
static void
count(enum retain_rule rule, uint64_t keep, bool whole,
    struct retain_verdict *v, size_t n)
{
	struct period last = { { 0 } };
	uint64_t kept = 0;

	for (size_t i = 0; i < n && kept < keep; i++) {
		if (whole && v[i].snap->partial)
			continue;
		if (rule != RETAIN_LAST) {
			struct period p = period_of(rule, v[i].snap->time_ms);
			if (kept > 0 && same_period(&p, &last))
				continue;
			last = p;
		}
		v[i].why |= 1u << rule;
		kept++;
	}
}

static bool
tagged(const struct retain_policy *p, const struct snapshot *s)
{
	for (size_t i = 0; i < s->n_tags; i++)
		for (size_t j = 0; j < p->n_tags; j++)
			if (bytes_equal(
				buf_bytes(&s->tags[i]), bytes_str(p->tags[j])))
				return true;
	return false;
}

static void
judge_group(const struct retain_policy *p, struct retain_verdict *v, size_t n)
{
	while (n > 0 && snapshot_clock_wrong(v[0].snap, p->now_ms)) {
		v++->why |= 1u << RETAIN_CLOCK;
		n--;
	}
	while (n > 0 && snapshot_clock_wrong(v[n - 1].snap, p->now_ms))
		v[--n].why |= 1u << RETAIN_CLOCK;
	if (n == 0)
		return;
	uint64_t newest = v[0].snap->time_ms;
	for (int rule = RETAIN_LAST; rule < RETAIN_COUNTED; rule++) {
		enum retain_rule x = (enum retain_rule)rule;
		count(x, p->keep[rule], false, v, n);
		count(x, p->keep[rule], true, v, n);
	}
	for (size_t i = 0; i < n; i++) {
		uint64_t age_ms = newest - v[i].snap->time_ms;
		if (p->within_s > 0 && age_ms / 1000 <= (uint64_t)p->within_s)
			v[i].why |= 1u << RETAIN_WITHIN;
		if (tagged(p, v[i].snap))
			v[i].why |= 1u << RETAIN_TAG;
	}
}

void
retain_judge(const struct retain_policy *p, const struct snapshot *const *list,
    size_t n, struct retain_verdict *out)
{
	size_t group = 0;

	for (size_t i = 0; i < n; i++)
		out[i] = (struct retain_verdict){ .snap = list[i] };
	if (n > 1)
		qsort(out, n, sizeof *out, by_group_and_age);
	for (size_t from = 0, to; from < n; from = to) {
		for (to = from;
		     to < n && group_cmp(out[from].snap, out[to].snap) == 0;
		     to++)
			out[to].group = group;
		judge_group(p, out + from, to - from);
		group++;
	}
}
