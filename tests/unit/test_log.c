/* SPDX-License-Identifier: ISC */
/* test_log.c: lines on standard error. */
#include "base/log.h"

#include "base/file.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

/* What `say` writes to standard error, without the time. */
static void
caught(void (*say)(void), struct buf *out)
{
	uint8_t room[8192];
	struct err e = { 0 };
	size_t got = 0;
	FILE *f = tmpfile();
	int keep = dup(STDERR_FILENO);

	assert_non_null(f);
	assert_true(dup2(fileno(f), STDERR_FILENO) >= 0);
	say();
	assert_true(dup2(keep, STDERR_FILENO) >= 0);
	close(keep);
	assert_int_equal(
	    file_pread_full(fileno(f), room, sizeof room, 0, &got, &e), 0);
	fclose(f);
	buf_put(out, room, got);
}

static void
expect(void (*say)(void), const char *text)
{
	OWN(buf_free) struct buf b = { 0 };

	caught(say, &b);
	if (text[0] == '\0') {
		assert_int_equal(b.n, 0);
		return;
	}
	assert_true(b.n > 21);
	assert_int_equal(b.p[10], 'T');
	assert_memory_equal(b.p + 19, "Z ", 2);
	assert_string_equal(buf_text(&b) + 21, text);
}

static void
say_warning(void)
{
	log_warn(
	    "put_refused", "account=%s code=%s ms=%d", "3f9c2a10", "limit", 12);
}

static void
say_bare(void)
{
	log_error("stopped", "%s", "");
}

static void
say_nasty(void)
{
	log_error("odd", "value=%s", "a\nerror fake x=1\x1b[31m");
}

static void
say_debug(void)
{
	log_debug("detail", "n=%d", 1);
}

static void
say_long(void)
{
	char many[5000];

	memset(many, 'x', sizeof many);
	many[sizeof many - 1] = '\0';
	log_error("long", "v=%s", many);
}

static void
a_line_is_time_level_event_values(void **state)
{
	(void)state;
	expect(say_warning,
	    "warn put_refused account=3f9c2a10 code=limit ms=12\n");
	expect(say_bare, "error stopped\n");
}

static void
a_value_cannot_begin_a_line(void **state)
{
	(void)state;
	expect(say_nasty, "error odd value=a\\nerror fake x=1\\x1b[31m\n");
}

static void
what_is_beyond_the_level_is_not_written(void **state)
{
	(void)state;
	log_level_set(LOG_INFO_);
	expect(say_debug, "");
	log_level_set(LOG_DEBUG_);
	expect(say_debug, "debug detail n=1\n");
	log_level_set(LOG_ERROR_);
	expect(say_warning, "");
	expect(say_bare, "error stopped\n");
	log_level_set(LOG_INFO_);
}

static void
a_long_line_is_cut_and_ends(void **state)
{
	OWN(buf_free) struct buf b = { 0 };

	(void)state;
	caught(say_long, &b);
	assert_in_range(b.n, 1000, 1100);
	assert_int_equal(b.p[b.n - 1], '\n');
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_is_time_level_event_values),
		cmocka_unit_test(a_value_cannot_begin_a_line),
		cmocka_unit_test(what_is_beyond_the_level_is_not_written),
		cmocka_unit_test(a_long_line_is_cut_and_ends),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
