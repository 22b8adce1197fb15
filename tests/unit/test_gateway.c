/* SPDX-License-Identifier: ISC */
/* test_gateway.c: commands that call: what they get, and how they end. */
#include "scratch_dir.h"

#include "base/file.h"
#include "server/gateway_in.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define SOON_MS 1000 /* and the script has long begun */
#define LONG_MS 60000

static struct scratch dir;
static int home = -1;

static int
set_up(void **state)
{
	(void)state;
	dir = scratch_new();
	home = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return home >= 0 && chdir(dir.path) == 0 ? 0 : -1;
}

static int
tear_down(void **state)
{
	(void)state;
	if (fchdir(home) < 0)
		return -1;
	scratch_free(&dir);
	return close(home);
}

static void
count(void *ctx)
{
	++*(int *)ctx;
}

/* Run a script with the phone's number as $1. */
static bool
call(const char *script, int64_t limit_ms, const atomic_bool *stop)
{
	char *words[] = { "sh", "-c", mem_text(script), "sh", "{number}",
		NULL };
	struct gateway_message m = { .call = true,
		.number = "+420123",
		.code = "123456",
		.message = "It is \"123456\"." };
	static const atomic_bool go_on = false;
	int rings = 0;

	bool sent = gateway_call(
	    words, &m, limit_ms, count, &rings, stop != NULL ? stop : &go_on);
	assert_int_equal(rings, 0);
	free(words[2]);
	return sent;
}

static void
is_written(const char *file, const char *want)
{
	OWN(buf_free) struct buf got = { 0 };
	struct err e;

	assert_int_equal(file_read(file, 1000, &got, &e), 0);
	assert_string_equal(buf_text(&got), want);
}

/* The child that a script left in the file "child" is gone. */
static void
child_is_gone(void)
{
	OWN(buf_free) struct buf b = { 0 };
	struct err e;

	assert_int_equal(file_read("child", 100, &b, &e), 0);
	pid_t pid = (pid_t)strtol(buf_text(&b), NULL, 10);
	assert_true(pid > 1);
	/* Killed, it may wait to be reaped by whoever took it over. */
	for (int i = 0; i < 500; i++) {
		char path[40];
		OWN(buf_free) struct buf stat = { 0 };
		(void)snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
		if (file_read(path, 1000, &stat, &e) < 0 ||
		    strstr(buf_text(&stat), ") Z ") != NULL)
			return;
		(void)usleep(10000);
	}
	fail_msg("a child of the command still runs");
}

static void
gets_the_code_by_its_input_alone(void **state)
{
	(void)state;
	assert_true(
	    call("cat >in; echo \"$1\" >>in; tr '\\0' '\\n' "
		 "</proc/$$/cmdline | grep -c 12[3]456 >>in; env | grep "
		 "-c 12[3]456 >>in; true",
		LONG_MS, NULL));
	is_written("in",
	    "{\"number\":\"+420123\",\"code\":\"123456\",\"message\":\"It is "
	    "\\\"123456\\\".\"}\n+420123\n0\n0\n");
}

static void
failing_is_told(void **state)
{
	(void)state;
	assert_false(call("exit 3", LONG_MS, NULL));
	assert_false(call("kill -9 $$", LONG_MS, NULL));
	char *none[] = { "/nonexistent/program", NULL };
	struct gateway_message m = { .message = "" };
	static const atomic_bool go_on = false;
	assert_false(gateway_call(none, &m, LONG_MS, NULL, NULL, &go_on));
}

static void
ends_at_its_limit_with_all_it_began(void **state)
{
	(void)state;
	assert_false(
	    call("sleep 1000 & echo $! >child; sleep 1000", SOON_MS, NULL));
	child_is_gone();
}

static void
may_tidy_up_when_its_time_is_over(void **state)
{
	(void)state;
	assert_false(call("trap 'echo yes >tidied; exit 0' TERM; sleep 1000 & "
			  "wait",
	    SOON_MS, NULL));
	is_written("tidied", "yes\n");
}

static void
is_killed_when_it_will_not_end(void **state)
{
	(void)state;
	assert_false(call("trap '' TERM; sh -c 'echo $$; exec sleep 1000' "
			  ">child & while :; do sleep 1000; done",
	    SOON_MS, NULL));
	child_is_gone();
}

static void
what_it_left_running_ends_with_it(void **state)
{
	(void)state;
	assert_true(call("sleep 1000 & echo $! >child", LONG_MS, NULL));
	child_is_gone();
}

static void
ends_when_the_server_stops(void **state)
{
	static const atomic_bool stopped = true;

	(void)state;
	assert_false(
	    call("sleep 1000 & echo $! >child; sleep 1000", LONG_MS, &stopped));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gets_the_code_by_its_input_alone),
		cmocka_unit_test(failing_is_told),
		cmocka_unit_test(ends_at_its_limit_with_all_it_began),
		cmocka_unit_test(may_tidy_up_when_its_time_is_over),
		cmocka_unit_test(is_killed_when_it_will_not_end),
		cmocka_unit_test(what_it_left_running_ends_with_it),
		cmocka_unit_test(ends_when_the_server_stops),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
