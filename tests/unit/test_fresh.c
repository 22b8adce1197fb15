/* SPDX-License-Identifier: ISC */
/* test_fresh.c: how long a password or a factor counts once it was proven. */
#include "server/server.h"
#include "wire/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define NOW 1800000000000LL
#define SPAN (LIMIT_STEP_UP_S * 1000LL)

static void
counts_for_five_minutes(void **state)
{
	(void)state;
	assert_true(server_fresh(NOW, NOW));
	assert_true(server_fresh(NOW - SPAN, NOW));
	assert_false(server_fresh(NOW - SPAN - 1, NOW));
	assert_false(server_fresh(0, NOW));
}

/* A clock is put right by a little all the time, and by much now and then. */
static void
a_time_to_come_is_no_proof(void **state)
{
	(void)state;
	assert_true(server_fresh(NOW + 50, NOW));
	assert_false(server_fresh(NOW + SPAN + 1, NOW));
	assert_false(server_fresh(NOW + 1000 * SPAN, NOW));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts_for_five_minutes),
		cmocka_unit_test(a_time_to_come_is_no_proof),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
