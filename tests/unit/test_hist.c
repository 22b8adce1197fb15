/* SPDX-License-Identifier: ISC */
/* test_hist.c: which former contents are kept, told by tables. */
#include "tree/hist.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define HOUR ((uint64_t)60 * 60 * 1000)
#define DAY (24 * HOUR)
/* Monday 2026-11-30, 12:00 UTC. */
#define NOW ((uint64_t)1796040000000)
#define MAX 120

/* Without the newest ones, which would hide the other rules. */
static struct hist_policy
rules(void)
{
	struct hist_policy p = hist_default();

	p.least = 0;
	return p;
}

/* "+-+": kept or not, newest first. */
static void
judged(const struct hist_policy *p, uint64_t current_ms,
    const uint64_t *changed, size_t n, const char *want)
{
	struct hist_version v[MAX];
	char got[MAX + 1] = "";

	for (size_t i = 0; i < n; i++)
		v[i] = (struct hist_version){ .changed_ms = changed[i],
			.bytes = 10 };
	hist_judge(p, NOW, current_ms, v, n);
	for (size_t i = 0; i < n; i++)
		got[i] = v[i].keep ? '+' : '-';
	assert_string_equal(got, want);
}

static void
all_are_kept_for_a_day(void **state)
{
	const struct hist_policy p = rules();
	const uint64_t changed[] = { NOW - HOUR, NOW - 10 * HOUR,
		NOW - 24 * HOUR, NOW - 25 * HOUR, NOW - 26 * HOUR };

	(void)state;
	/* The third was there until ten hours ago, the fourth until a day. */
	judged(&p, NOW, changed, 5, "+++--");
}

static void
one_that_was_left_alone_for_long_counts_from_its_end(void **state)
{
	const struct hist_policy p = rules();
	/* Good for three years, then spoiled ten times within an hour. */
	uint64_t changed[11];

	(void)state;
	for (size_t i = 0; i < 10; i++)
		changed[i] = NOW - 2 * HOUR - i * 60 * 1000;
	changed[10] = NOW - 1100 * DAY;
	judged(&p, NOW - 2 * HOUR + 1, changed, 11, "+++++++++++");
}

static void
then_what_a_day_ended_with(void **state)
{
	const struct hist_policy p = rules();
	const uint64_t noon = NOW - 3 * DAY;
	const uint64_t changed[] = {
		noon + 10 * HOUR, /* of its day the last: until the next */
		noon + 9 * HOUR,
		noon + 1 * HOUR,
		noon - 1 * HOUR,
		noon - 20 * HOUR, /* of the day before */
		noon - 21 * HOUR,
	};

	(void)state;
	judged(&p, noon + DAY, changed, 6, "+---+-");
}

static void
then_what_a_week_ended_with(void **state)
{
	const struct hist_policy p = rules();
	/* 2026-11-30 is a Monday: so was each 7 days before. */
	const uint64_t changed[] = {
		NOW - 34 * DAY, /* Tuesday; gone on Wednesday */
		NOW - 36 * DAY, /* Sunday: over the end of a week */
		NOW - 37 * DAY, /* Saturday */
		NOW - 42 * DAY, /* Monday */
		NOW - 43 * DAY, /* Sunday */
	};

	(void)state;
	judged(&p, NOW - 33 * DAY, changed, 5, "-+--+");
}

static void
and_nothing_after_a_year(void **state)
{
	struct hist_policy p = rules();
	const uint64_t changed[] = { NOW - 360 * DAY, NOW - 380 * DAY,
		NOW - 400 * DAY, NOW - 420 * DAY, NOW - 440 * DAY,
		NOW - 460 * DAY };

	(void)state;
	judged(&p, NOW - 300 * DAY, changed, 6, "++----");
	p.least = 5;
	judged(&p, NOW - 300 * DAY, changed, 6, "+++++-");
}

static void
clocks_that_differ_lose_nothing(void **state)
{
	const struct hist_policy p = rules();
	/* Written "tomorrow", after what took its place; and in 1970. */
	const uint64_t changed[] = { NOW + DAY, NOW - HOUR, 5, 0 };

	(void)state;
	judged(&p, NOW, changed, 4, "+++-");
}

static void
what_was_there_for_the_shortest_time_makes_room(void **state)
{
	struct hist_policy p = hist_default();
	uint64_t changed[6];

	(void)state;
	p.room = 4;
	p.least = 2;
	/* Minutes that they were there, newest first: 1 1 9 2 8 7. */
	static const uint64_t minutes[] = { 1, 1, 9, 2, 8, 7 };
	uint64_t at = NOW;
	for (size_t i = 0; i < 6; i++)
		changed[i] = at -= minutes[i] * 60 * 1000;
	judged(&p, NOW, changed, 6, "+++-+-");
	p.room = 100;
	p.room_bytes = 35;
	judged(&p, NOW, changed, 6, "+++---");
	/* Not even for the newest ones. */
	p.room_bytes = 15;
	judged(&p, NOW, changed, 6, "+-----");
	p.room_bytes = 5;
	judged(&p, NOW, changed, 6, "------");
}

static void
of_equal_ones_the_oldest_goes(void **state)
{
	struct hist_policy p = hist_default();
	const uint64_t changed[] = { NOW - 10, NOW - 20, NOW - 30, NOW - 40,
		NOW - DAY };

	(void)state;
	p.room = 3;
	p.least = 1;
	judged(&p, NOW, changed, 5, "++--+");
}

static void
the_trash_is_kept_for_a_month(void **state)
{
	const struct hist_policy p = hist_default();

	(void)state;
	assert_false(hist_expired(&p, NOW, NOW));
	assert_false(hist_expired(&p, NOW, NOW + DAY));
	assert_false(hist_expired(&p, NOW, NOW - 30 * DAY + 1));
	assert_true(hist_expired(&p, NOW, NOW - 30 * DAY));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_are_kept_for_a_day),
		cmocka_unit_test(
		    one_that_was_left_alone_for_long_counts_from_its_end),
		cmocka_unit_test(then_what_a_day_ended_with),
		cmocka_unit_test(then_what_a_week_ended_with),
		cmocka_unit_test(and_nothing_after_a_year),
		cmocka_unit_test(clocks_that_differ_lose_nothing),
		cmocka_unit_test(
		    what_was_there_for_the_shortest_time_makes_room),
		cmocka_unit_test(of_equal_ones_the_oldest_goes),
		cmocka_unit_test(the_trash_is_kept_for_a_month),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
