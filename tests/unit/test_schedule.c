/* SPDX-License-Identifier: ISC */
/* test_schedule.c: when a plan is due, by clocks that jump; its files; units. */
#include "scratch_dir.h"
#include "base/file.h"
#include "schedule/due.h"
#include "schedule/units.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define BERLIN "CET-1CEST,M3.5.0,M10.5.0/3"
#define MINUTE (60 * 1000ULL)
#define HOUR (60 * MINUTE)

static void
zone(const char *tz)
{
	assert_int_equal(setenv("TZ", tz, 1), 0);
	tzset();
}

/* "2026-03-29 01:30" UTC; 0 for "". */
static uint64_t
utc_ms(const char *text)
{
	struct tm tm = { 0 };

	if (text[0] == '\0')
		return 0;
	assert_non_null(strptime(text, "%Y-%m-%d %H:%M", &tm));
	return (uint64_t)timegm(&tm) * 1000;
}

static const struct {
	const char *what, *tz, *at, *done, *tried;
	uint64_t failures;
	const char *now, *next;
} times[] = {
	{ "the first is due at once", "UTC", "02:00", "", "", 0,
	    "2026-05-01 12:00", "2026-05-01 12:00" },
	{ "after the night's own the next night", "UTC", "02:00",
	    "2026-05-01 02:03", "2026-05-01 02:03", 0, "2026-05-01 12:00",
	    "2026-05-02 02:00" },
	{ "one that was missed is due", "UTC", "02:00", "2026-05-01 02:03",
	    "2026-05-01 02:03", 0, "2026-05-03 09:00", "2026-05-02 02:00" },
	{ "what caught up moves no night", "UTC", "18:00", "2026-05-02 09:46",
	    "2026-05-02 09:46", 0, "2026-05-02 12:00", "2026-05-02 18:00" },
	{ "by the time of the place", BERLIN, "02:00", "2026-07-01 00:05",
	    "2026-07-01 00:05", 0, "2026-07-01 12:00", "2026-07-02 00:00" },
	{ "a time that the clocks leave out is later", BERLIN, "02:30",
	    "2026-03-28 01:31", "2026-03-28 01:31", 0, "2026-03-28 12:00",
	    "2026-03-29 01:30" },
	{ "and one that comes twice comes once", BERLIN, "02:30",
	    "2026-10-25 00:30", "2026-10-25 00:30", 0, "2026-10-25 01:30",
	    "2026-10-26 01:30" },
	{ "a failure waits 15 minutes", "UTC", "02:00", "2026-05-01 02:03",
	    "2026-05-02 02:00", 1, "2026-05-02 02:01", "2026-05-02 02:15" },
	{ "three an hour", "UTC", "02:00", "2026-05-01 02:03",
	    "2026-05-02 03:00", 3, "2026-05-02 03:01", "2026-05-02 04:00" },
	{ "five four hours", "UTC", "02:00", "2026-05-01 02:03",
	    "2026-05-02 03:00", 5, "2026-05-02 03:01", "2026-05-02 07:00" },
	{ "and very many no longer", "UTC", "02:00", "2026-05-01 02:03",
	    "2026-05-02 03:00", UINT64_MAX, "2026-05-02 03:01",
	    "2026-05-02 07:00" },
	{ "the first of all that failed waits too", "UTC", "02:00", "",
	    "2026-05-01 12:00", 2, "2026-05-01 12:01", "2026-05-01 12:30" },
	{ "what failed by hand makes no night earlier", "UTC", "02:00",
	    "2026-05-01 02:03", "2026-05-01 12:00", 1, "2026-05-01 12:01",
	    "2026-05-02 02:00" },
	{ "a success of a time to come is of now", "UTC", "02:00",
	    "2027-05-01 02:03", "2027-05-01 02:03", 0, "2026-05-01 12:00",
	    "2026-05-02 02:00" },
	{ "and a failure", "UTC", "02:00", "2026-05-01 02:03",
	    "2027-05-01 02:03", 1, "2026-05-02 02:01", "2026-05-02 02:16" },
	{ "a clock that begins in 1970", "UTC", "02:00", "2026-05-01 02:03",
	    "2026-05-01 02:03", 0, "1970-01-01 00:10", "1970-01-01 02:00" },
};

static void
is_due_when_it_is(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(times); i++) {
		OWN(plan_free) struct plan p;
		OWN(plan_state_free) struct plan_state s;
		plan_init(&p);
		plan_state_init(&s);
		zone(times[i].tz);
		assert_int_equal(plan_parse_at(times[i].at, &p.at_min), 0);
		s.done_ms = utc_ms(times[i].done);
		s.tried_ms = utc_ms(times[i].tried);
		s.failures = times[i].failures;
		uint64_t now = utc_ms(times[i].now);
		(void)due_settle(&s, now);
		uint64_t next = due_next(&p, &s, now);
		if (next != utc_ms(times[i].next))
			fail_msg("%s: %lld minutes off", times[i].what,
			    (long long)(next - utc_ms(times[i].next)) /
				(long long)MINUTE);
	}
}

static void
is_late_after_a_week(void **state)
{
	OWN(plan_free) struct plan p;
	OWN(plan_state_free) struct plan_state s;
	uint64_t now = utc_ms("2026-05-08 12:00");

	(void)state;
	plan_init(&p);
	plan_state_init(&s);
	p.made_ms = utc_ms("2026-05-01 12:01");
	assert_false(due_late(&p, &s, now));
	assert_true(due_late(&p, &s, now + MINUTE));
	s.done_ms = utc_ms("2026-05-02 02:00");
	assert_false(due_late(&p, &s, now + MINUTE));
	assert_true(due_late(&p, &s, now + 24 * HOUR));
	/* Made under a clock that was ahead. */
	p.made_ms = now + HOUR;
	s.done_ms = 0;
	assert_false(due_late(&p, &s, now));
}

static void
times_of_the_day(void **state)
{
	static const char *const bad[] = { "", ":", "2", "24:00", "02:60",
		"2:0", "02:000", "002:00", "-1:00", "02:0x", "x2:00", "02-00",
		" 2:00", "02:00 " };
	uint64_t at = 77;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (plan_parse_at(bad[i], &at) == 0)
			fail_msg("\"%s\" is taken", bad[i]);
	assert_int_equal(at, 77);
	assert_int_equal(plan_parse_at("7:05", &at), 0);
	assert_int_equal(at, 7 * 60 + 5);
	assert_int_equal(plan_parse_at("23:59", &at), 0);
	assert_int_equal(at, 24 * 60 - 1);
}

/* ---- files ---- */

static void
fill(struct plan *p, const char *to)
{
	OWN(mem_free) char *name = plan_name(to);

	plan_init(p);
	plan_set(&p->name, name);
	plan_set(&p->to, to);
	plan_set(&p->tag, "nightly-1");
	plan_set(&p->keep[PLAN_RULES - 1], "7d");
	plan_list_add(&p->roots, "/home/ana");
	plan_list_add(&p->roots, "/srv/\xc3\xa1");
	p->at_min = 125;
	p->metered = true;
}

static void
what_is_written_is_read(void **state)
{
	struct scratch dir = scratch_new();
	OWN(plan_free) struct plan one;
	OWN(plan_free) struct plan two;
	OWN(plan_all_free) struct plan_all all = { 0 };
	struct err e = { 0 };

	(void)state;
	fill(&one, "/media/disk");
	fill(&two, "");
	assert_int_equal(plan_read_all(dir.path, &all, &e), 0);
	assert_int_equal(all.n, 0);
	assert_int_equal(plan_write(dir.path, &one, &e), 0);
	assert_int_equal(plan_write(dir.path, &two, &e), 0);
	assert_int_equal(plan_read_all(dir.path, &all, &e), 0);
	assert_int_equal(all.n, 2);
	assert_string_equal(all.list[0].name, PLAN_ACCOUNT);
	const struct plan *p = &all.list[1];
	assert_string_equal(p->to, "/media/disk");
	assert_string_equal(p->keep[PLAN_RULES - 1], "7d");
	assert_int_equal(p->roots.n, 2);
	assert_string_equal(p->roots.items[1], "/srv/\xc3\xa1");
	assert_int_equal(p->at_min, 125);
	assert_true(p->metered);
	assert_false(p->on_battery);
	assert_int_equal(plan_remove(dir.path, PLAN_ACCOUNT, &e), 0);
	plan_all_free(&all);
	assert_int_equal(plan_read_all(dir.path, &all, &e), 0);
	assert_int_equal(all.n, 1);
	scratch_free(&dir);
}

/* A plan that says nothing is told; a state is begun anew. */
static void
what_is_damaged_is_named(void **state)
{
	static const struct {
		const char *text;
		enum err_code code;
	} bad[] = {
		{ "", ERR_STATE_DAMAGED },
		{ "{", ERR_STATE_DAMAGED },
		{ "{}", ERR_STATE_DAMAGED },
		{ "{\"format\":2}", ERR_UPDATE_NEEDED },
		{ "{\"format\":1}", ERR_STATE_DAMAGED },
		{ "{\"format\":1,\"tag\":\"a\",\"to\":\"b\"}",
		    ERR_STATE_DAMAGED },
		{ "{\"format\":1,\"tag\":\"a\",\"roots\":[1]}",
		    ERR_STATE_DAMAGED },
		{ "{\"format\":1,\"tag\":\"a\",\"roots\":\"/\"}",
		    ERR_STATE_DAMAGED },
		{ "{\"format\":1,\"tag\":\"a\",\"at_min\":1440}",
		    ERR_STATE_DAMAGED },
		{ "{\"format\":1,\"tag\":\"a\",\"at_min\":-1}",
		    ERR_STATE_DAMAGED },
		{ "{\"format\":1,\"tag\":\"a\",\"metered\":1}",
		    ERR_STATE_DAMAGED },
		{ "{\"format\":1,\"tag\":\"a\",\"new\":1}", ERR_NONE },
	};
	struct scratch dir = scratch_new();
	OWN(mem_free) char *folder = plan_folder(dir.path);
	OWN(mem_free) char *path = plan_path(dir.path, PLAN_ACCOUNT, "plan");
	OWN(mem_free) char *other = plan_path(dir.path, PLAN_ACCOUNT, "state");
	struct err e = { 0 };
	bool found;

	(void)state;
	assert_int_equal(file_mkdirs(folder, 0700, &e), 0);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		OWN(plan_free) struct plan p = { 0 };
		OWN(plan_state_free) struct plan_state s;
		err_clear(&e);
		assert_int_equal(
		    file_write(path, bytes_str(bad[i].text), 0600, &e), 0);
		assert_int_equal(
		    file_write(other, bytes_str(bad[i].text), 0600, &e), 0);
		(void)!plan_read(dir.path, PLAN_ACCOUNT, &p, &found, &e);
		if (e.code != bad[i].code)
			fail_msg("%s: %s", bad[i].text, err_name(e.code));
		plan_state_read(dir.path, PLAN_ACCOUNT, &s);
		assert_string_equal(s.code, "");
		assert_int_equal(s.done_ms, 0);
	}
	scratch_free(&dir);
}

/* ---- units ---- */

static void
units_say_what_was_asked(void **state)
{
	struct units u = {
		.program = "/opt/a $b/%c", .home = "/h\"o\\me", .system = true
	};
	char *points[] = { "/media/a b", "/mnt/.x-\xc3\xa1" };
	struct plan_list mounts = { points, 2 };
	OWN(buf_free) struct buf service = { 0 };
	OWN(buf_free) struct buf timer = { 0 };
	struct plan list[2] = { { .at_min = 120 }, { .at_min = 1439 } };
	struct plan_all plans = { list, 2 };

	(void)state;
	units_service(&u, &mounts, &service);
	assert_non_null(strstr(buf_text(&service),
	    "\nExecStart=\"/opt/a $b/%%c\" --home \"/h\\\"o\\\\me\" "
	    "backup run\n"));
	assert_non_null(strstr(buf_text(&service),
	    "\nWantedBy=media-a\\x20b.mount\n"
	    "WantedBy=mnt-.x\\x2d\\xc3\\xa1.mount\n"));
	units_timer(&u, &plans, &timer);
	assert_non_null(strstr(buf_text(&timer),
	    "\nOnCalendar=*-*-* 02:00:00\nOnCalendar=*-*-* 23:59:00\n"));
}

/* A line ends at CR, and one that is no UTF-8 is not read. */
static void
units_have_odd_names(void **state)
{
	struct units u = { .program = "/bin/a",
		.home = "/h\rExecStartPre=/evil\n\t\x7f\xc3\xa1" };
	struct plan_list none = { NULL, 0 };
	OWN(buf_free) struct buf text = { 0 };

	(void)state;
	units_service(&u, &none, &text);
	assert_non_null(strstr(buf_text(&text),
	    " --home \"/h\\x0dExecStartPre=/evil\\x0a\\x09\\x7f\xc3\xa1\" "
	    "backup run\n"));
	assert_null(strchr(buf_text(&text), '\r'));
	u.home = "/h\xff\xc3\xa1";
	buf_clear(&text);
	units_service(&u, &none, &text);
	assert_non_null(
	    strstr(buf_text(&text), " --home \"/h\\xff\\xc3\\xa1\" "));
}

/* To cron a % ends the command, and to sh a quote the word. */
static void
cron_takes_odd_names(void **state)
{
	struct units u = { .program = "/a b/c", .home = "/50%/it's\\%$(x)" };
	OWN(buf_free) struct buf line = { 0 };

	(void)state;
	assert_true(units_cron(&u, &line));
	assert_string_equal(buf_text(&line),
	    "*/15 * * * * '/a b/c' --home '/50\\%/it'\\''s\\''\\%$(x)' "
	    "backup run --quiet");
	u.home = "/a\n* * * * * evil";
	assert_false(units_cron(&u, &line));
}

static void
finds_what_a_path_lies_on(void **state)
{
	OWN(mem_free) char *proc = units_mount_point("/proc/self/none/x");
	OWN(mem_free) char *root = units_mount_point("/");

	(void)state;
	assert_string_equal(proc, "/proc");
	assert_string_equal(root, "/");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_due_when_it_is),
		cmocka_unit_test(is_late_after_a_week),
		cmocka_unit_test(times_of_the_day),
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(what_is_damaged_is_named),
		cmocka_unit_test(units_say_what_was_asked),
		cmocka_unit_test(units_have_odd_names),
		cmocka_unit_test(cron_takes_odd_names),
		cmocka_unit_test(finds_what_a_path_lies_on),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
