/* SPDX-License-Identifier: ISC */
/* test_retain.c: what a policy keeps, in which time zone, and why. */
#include "backup/retain.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define MOST 12
#define TODAY "2026-11-29 12:00"

/* Rules of their own, so that no data base of zones is needed. */
#define BERLIN "CET-1CEST,M3.5.0,M10.5.0/3"
#define NEW_YORK "EST5EDT,M3.2.0,M11.1.0"
#define KATHMANDU "<+0545>-5:45"
#define AUCKLAND "NZST-12NZDT,M9.5.0,M4.1.0/3"

static void
zone(const char *tz)
{
	assert_int_equal(setenv("TZ", tz, 1), 0);
	tzset();
}

/* "2024-02-29 23:00" UTC. */
static uint64_t
utc_ms(const char *text)
{
	struct tm tm = { 0 };

	assert_non_null(strptime(text, "%Y-%m-%d %H:%M", &tm));
	return (uint64_t)timegm(&tm) * 1000;
}

struct set {
	struct snapshot all[MOST];
	const struct snapshot *list[MOST];
	struct retain_verdict out[MOST];
	size_t n;
};

static void
set_free(struct set *s)
{
	for (size_t i = 0; i < s->n; i++)
		snapshot_free(&s->all[i]);
}

static struct snapshot *
add(struct set *s, const char *time, const char *host, const char *path)
{
	struct snapshot *x = &s->all[s->n];

	assert_true(s->n < MOST);
	x->time_ms = utc_ms(time);
	x->seq = s->n;
	x->id.b[0] = (uint8_t)s->n;
	buf_put_str(&x->host, host);
	snapshot_add_path(x, bytes_str(path));
	s->list[s->n++] = x;
	return x;
}

/* Why the snapshot that was added as number i is kept. */
static unsigned
why(const struct set *s, size_t i)
{
	for (size_t k = 0; k < s->n; k++)
		if (s->out[k].snap == &s->all[i])
			return s->out[k].why;
	fail_msg("snapshot %zu was not judged", i);
	return 0;
}

#define LAST (1u << RETAIN_LAST)
#define HOURLY (1u << RETAIN_HOURLY)
#define DAILY (1u << RETAIN_DAILY)
#define WEEKLY (1u << RETAIN_WEEKLY)
#define MONTHLY (1u << RETAIN_MONTHLY)
#define YEARLY (1u << RETAIN_YEARLY)
#define WITHIN (1u << RETAIN_WITHIN)
#define TAGGED (1u << RETAIN_TAG)
#define CLOCK (1u << RETAIN_CLOCK)

static const struct {
	const char *name, *tz;
	struct retain_policy policy;
	struct {
		const char *time; /* UTC */
		unsigned why;
	} snaps[MOST];
} cases[] = {
	{ "nothing without a rule", "UTC", { .keep = { 0 } },
	    { { "2024-01-01 00:00", 0 }, { "2024-01-02 00:00", 0 } } },
	{ "the last two", "UTC", { .keep = { [RETAIN_LAST] = 2 } },
	    { { "2024-01-01 00:00", 0 }, { "2024-01-01 00:00", LAST },
		{ "2024-01-01 00:01", LAST } } },
	{ "the newest of each day, not of each 24 hours", "UTC",
	    { .keep = { [RETAIN_DAILY] = 2 } },
	    { { "2024-01-01 12:00", 0 }, { "2024-01-02 00:00", 0 },
		{ "2024-01-02 23:59", DAILY },
		{ "2024-01-03 00:00", DAILY } } },
	{ "days without a snapshot do not count", "UTC",
	    { .keep = { [RETAIN_DAILY] = 3 } },
	    { { "2020-01-01 12:00", 0 }, { "2021-01-01 12:00", DAILY },
		{ "2023-07-01 12:00", DAILY },
		{ "2024-01-01 12:00", DAILY } } },
	{ "a day is local: west of Greenwich", NEW_YORK,
	    { .keep = { [RETAIN_DAILY] = 9 } },
	    { { "2024-01-02 03:00", 0 }, { "2024-01-02 04:59", DAILY },
		{ "2024-01-02 05:00", DAILY } } },
	{ "a day is local: a quarter past", KATHMANDU,
	    { .keep = { [RETAIN_DAILY] = 9 } },
	    { { "2024-01-01 18:14", DAILY }, { "2024-01-01 18:15", DAILY } } },
	/* 2024-10-27 01:00 UTC: 03:00 becomes 02:00. */
	{ "the doubled hour of autumn is two hours", BERLIN,
	    { .keep = { [RETAIN_HOURLY] = 9 } },
	    { { "2024-10-26 23:59", HOURLY }, { "2024-10-27 00:10", 0 },
		{ "2024-10-27 00:50", HOURLY }, { "2024-10-27 01:10", 0 },
		{ "2024-10-27 01:50", HOURLY },
		{ "2024-10-27 02:00", HOURLY } } },
	{ "that day is one of 25 hours", BERLIN,
	    { .keep = { [RETAIN_DAILY] = 9 } },
	    { { "2024-10-26 21:59", DAILY }, { "2024-10-26 22:00", 0 },
		{ "2024-10-27 22:59", DAILY },
		{ "2024-10-27 23:00", DAILY } } },
	/* 2024-03-31 01:00 UTC: 02:00 becomes 03:00. */
	{ "the hour left out in spring is none", BERLIN,
	    { .keep = { [RETAIN_HOURLY] = 9 } },
	    { { "2024-03-31 00:59", HOURLY }, { "2024-03-31 01:00", 0 },
		{ "2024-03-31 01:59", HOURLY } } },
	{ "that day is one of 23 hours", BERLIN,
	    { .keep = { [RETAIN_DAILY] = 9 } },
	    { { "2024-03-30 22:59", DAILY }, { "2024-03-30 23:00", 0 },
		{ "2024-03-31 21:59", DAILY },
		{ "2024-03-31 22:00", DAILY } } },
	{ "a week begins on Monday", "UTC", { .keep = { [RETAIN_WEEKLY] = 9 } },
	    { { "2024-05-05 23:59", WEEKLY }, { "2024-05-06 00:00", 0 },
		{ "2024-05-12 23:59", WEEKLY },
		{ "2024-05-13 00:00", WEEKLY } } },
	/* Monday 2024-12-30 is in week 1 of 2025. */
	{ "a week may lie in two years", "UTC",
	    { .keep = { [RETAIN_WEEKLY] = 9 } },
	    { { "2024-12-29 12:00", WEEKLY }, { "2024-12-30 12:00", 0 },
		{ "2024-12-31 12:00", 0 }, { "2025-01-01 12:00", 0 },
		{ "2025-01-05 12:00", WEEKLY },
		{ "2025-01-06 12:00", WEEKLY } } },
	/* 2020 has 53 weeks; Sunday 2021-01-03 is the last day of them. */
	{ "a year may have 53 weeks", "UTC",
	    { .keep = { [RETAIN_WEEKLY] = 9 } },
	    { { "2020-12-27 12:00", WEEKLY }, { "2020-12-28 12:00", 0 },
		{ "2021-01-03 12:00", WEEKLY },
		{ "2021-01-04 12:00", WEEKLY } } },
	/* Week 1 of 2019 and of 2020 are not the same. */
	{ "weeks of one number in two years", "UTC",
	    { .keep = { [RETAIN_WEEKLY] = 9 } },
	    { { "2018-12-31 12:00", 0 }, { "2019-01-01 12:00", WEEKLY },
		{ "2019-12-30 12:00", 0 }, { "2020-01-01 12:00", WEEKLY } } },
	{ "months and the year's border", "UTC",
	    { .keep = { [RETAIN_MONTHLY] = 3 } },
	    { { "2023-11-30 23:59", 0 }, { "2023-12-01 00:00", 0 },
		{ "2023-12-31 23:59", MONTHLY }, { "2024-01-01 00:00", 0 },
		{ "2024-01-31 23:59", MONTHLY },
		{ "2024-02-29 12:00", MONTHLY } } },
	{ "months of one name in two years", "UTC",
	    { .keep = { [RETAIN_MONTHLY] = 9 } },
	    { { "2023-03-01 12:00", MONTHLY },
		{ "2024-03-01 12:00", MONTHLY } } },
	{ "years are local as well", AUCKLAND,
	    { .keep = { [RETAIN_YEARLY] = 2 } },
	    { { "2022-06-01 00:00", 0 }, { "2023-12-31 10:59", YEARLY },
		{ "2023-12-31 11:00", 0 }, { "2024-12-31 10:59", YEARLY } } },
	{ "within counts from the newest, its border included", "UTC",
	    { .within_s = 86400 },
	    { { "2024-01-01 11:59", 0 }, { "2024-01-01 12:00", WITHIN },
		{ "2024-01-02 12:00", WITHIN } } },
	{ "rules add up", "UTC",
	    { .keep = { [RETAIN_LAST] = 1,
		  [RETAIN_DAILY] = 2,
		  [RETAIN_MONTHLY] = 2,
		  [RETAIN_YEARLY] = 2 } },
	    { { "2023-05-01 00:00", 0 },
		{ "2023-12-31 00:00", YEARLY | MONTHLY },
		{ "2024-01-01 01:00", 0 }, { "2024-01-01 02:00", DAILY },
		{ "2024-01-02 02:00", 0 },
		{ "2024-01-02 03:00", LAST | DAILY | MONTHLY | YEARLY } } },
};

static void
keeps_what_the_table_says(void **state)
{
	(void)state;
	for (size_t c = 0; c < ARRAY_SIZE(cases); c++) {
		OWN(set_free) struct set s = { 0 };
		zone(cases[c].tz);
		for (size_t i = 0; i < MOST && cases[c].snaps[i].time; i++)
			(void)add(&s, cases[c].snaps[i].time, "host", "/p");
		struct retain_policy p = cases[c].policy;
		p.now_ms = utc_ms(TODAY);
		retain_judge(&p, s.list, s.n, s.out);
		for (size_t i = 0; i < s.n; i++)
			if (why(&s, i) != cases[c].snaps[i].why)
				fail_msg("%s: %s is kept by %x, not %x",
				    cases[c].name, cases[c].snaps[i].time,
				    why(&s, i), cases[c].snaps[i].why);
	}
}

static void
looks_at_each_host_and_paths_alone(void **state)
{
	OWN(set_free) struct set s = { 0 };
	struct retain_policy p = { .keep = { [RETAIN_LAST] = 1 } };

	(void)state;
	(void)add(&s, "2024-01-01 00:00", "a", "/p");
	(void)add(&s, "2024-01-02 00:00", "b", "/p");
	(void)add(&s, "2024-01-03 00:00", "a", "/q");
	snapshot_add_path(
	    add(&s, "2024-01-04 00:00", "a", "/p"), bytes_str("/q"));
	(void)add(&s, "2024-01-05 00:00", "a", "/p");
	p.now_ms = utc_ms(TODAY);
	retain_judge(&p, s.list, s.n, s.out);
	assert_int_equal(why(&s, 0), 0);
	for (size_t i = 1; i < s.n; i++)
		assert_int_equal(why(&s, i), LAST);
	/* The two of a group stand together, the newer first. */
	size_t at = 0;
	while (s.out[at].snap != &s.all[4])
		at++;
	assert_true(at + 1 < s.n);
	assert_ptr_equal(s.out[at + 1].snap, &s.all[0]);
	assert_int_equal(s.out[at].group, s.out[at + 1].group);
	assert_int_equal(s.out[0].group, 0);
	assert_int_equal(s.out[s.n - 1].group, 3);
}

static void
keeps_who_has_a_tag(void **state)
{
	OWN(set_free) struct set s = { 0 };
	const char *tags[] = { "keep", "other" };
	struct retain_policy p = { .tags = tags, .n_tags = 2 };

	(void)state;
	snapshot_add_tag(
	    add(&s, "2024-01-01 00:00", "a", "/p"), bytes_str("keep"));
	snapshot_add_tag(
	    add(&s, "2024-01-02 00:00", "a", "/p"), bytes_str("keeper"));
	(void)add(&s, "2024-01-03 00:00", "a", "/p");
	p.now_ms = utc_ms(TODAY);
	retain_judge(&p, s.list, s.n, s.out);
	assert_int_equal(why(&s, 0), TAGGED);
	assert_int_equal(why(&s, 1), 0);
	assert_int_equal(why(&s, 2), 0);
}

static void
does_not_care_in_which_order_they_come(void **state)
{
	OWN(set_free) struct set s = { 0 };
	struct retain_policy p = { .keep = { [RETAIN_DAILY] = 2 } };

	(void)state;
	zone("UTC");
	(void)add(&s, "2024-01-03 01:00", "a", "/p");
	(void)add(&s, "2024-01-01 01:00", "a", "/p");
	(void)add(&s, "2024-01-03 02:00", "a", "/p");
	(void)add(&s, "2024-01-02 01:00", "a", "/p");
	p.now_ms = utc_ms(TODAY);
	retain_judge(&p, s.list, s.n, s.out);
	assert_int_equal(why(&s, 0), 0);
	assert_int_equal(why(&s, 1), 0);
	assert_int_equal(why(&s, 2), DAILY);
	assert_int_equal(why(&s, 3), DAILY);
}

static void
keeps_what_a_wrong_clock_made(void **state)
{
	OWN(set_free) struct set s = { 0 };
	struct retain_policy p = { .keep = { [RETAIN_LAST] = 1 },
		.within_s = 30 * 86400,
		.now_ms = utc_ms(TODAY) };

	(void)state;
	zone("UTC");
	add(&s, "2024-01-01 01:00", "a", "/p")->time_ms = UINT64_MAX;
	add(&s, "2024-01-01 01:00", "a", "/p")->time_ms = 0;
	(void)add(&s, "2036-01-01 00:00", "a", "/p");
	(void)add(&s, "2026-11-29 12:04", "a", "/p");
	(void)add(&s, "2026-11-01 12:00", "a", "/p");
	(void)add(&s, "2026-10-01 12:00", "a", "/p");
	(void)add(&s, "2036-01-01 00:00", "b", "/p");
	retain_judge(&p, s.list, s.n, s.out);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(why(&s, i), CLOCK);
	assert_int_equal(why(&s, 3), LAST | WITHIN);
	assert_int_equal(why(&s, 4), WITHIN);
	assert_int_equal(why(&s, 5), 0);
	assert_int_equal(why(&s, 6), CLOCK);
	retain_judge(&p, s.list, 0, s.out);
}

/* Nine nights a file is locked, and what was whole is not pushed out. */
static void
partial_ones_take_no_place(void **state)
{
	OWN(set_free) struct set s = { 0 };
	struct retain_policy p = {
		.keep = { [RETAIN_LAST] = 2, [RETAIN_DAILY] = 1 },
		.now_ms = utc_ms(TODAY)
	};

	(void)state;
	zone("UTC");
	(void)add(&s, "2026-11-01 01:00", "a", "/p");
	(void)add(&s, "2026-11-02 01:00", "a", "/p");
	(void)add(&s, "2026-11-02 02:00", "a", "/p");
	add(&s, "2026-11-02 03:00", "a", "/p")->partial = true;
	add(&s, "2026-11-03 01:00", "a", "/p")->partial = true;
	add(&s, "2026-11-04 01:00", "a", "/p")->partial = true;
	retain_judge(&p, s.list, s.n, s.out);
	assert_int_equal(why(&s, 0), 0);
	assert_int_equal(why(&s, 1), LAST);
	assert_int_equal(why(&s, 2), LAST | DAILY);
	assert_int_equal(why(&s, 3), 0);
	assert_int_equal(why(&s, 4), LAST);
	assert_int_equal(why(&s, 5), LAST | DAILY);
}

static void
names_its_rules(void **state)
{
	(void)state;
	assert_string_equal(retain_name(RETAIN_LAST), "last");
	assert_string_equal(retain_name(RETAIN_WITHIN), "within");
	assert_string_equal(retain_name(RETAIN_TAG), "tag");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_what_the_table_says),
		cmocka_unit_test(looks_at_each_host_and_paths_alone),
		cmocka_unit_test(keeps_who_has_a_tag),
		cmocka_unit_test(does_not_care_in_which_order_they_come),
		cmocka_unit_test(keeps_what_a_wrong_clock_made),
		cmocka_unit_test(partial_ones_take_no_place),
		cmocka_unit_test(names_its_rules),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
