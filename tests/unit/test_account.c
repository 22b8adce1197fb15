/* SPDX-License-Identifier: ISC */
/* test_account.c: the account's log, which strangers can write to. */
#include "store/account.h"

#include "store/sql.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <setjmp.h>
#include <cmocka.h>

#include "scratch_dir.h"

#define NOISE (3 * ACCOUNT_ATTEMPTS)

struct counts {
	struct id uid;
	const char *event;
	uint64_t n;
	int64_t oldest_ms, newest_ms;
};

static const struct id ana = { { 1 } }, bob = { { 2 } };

static int
write_events(struct tx *tx, void *arg, struct err *e)
{
	(void)arg;
	if (account_event(tx, &ana, 1, "signup", &ana, "::1", "", e) < 0 ||
	    account_event(tx, &ana, 2, "join_opened", NULL, "::1", "", e) < 0 ||
	    account_event(tx, &bob, 3, "signin_failed", NULL, "::1", "", e) < 0)
		return -1;
	for (int i = 0; i < NOISE; i++)
		if (account_event(tx, &ana, 1000 + i, "signin_failed", NULL,
			"::2", "", e) < 0 ||
		    account_event(tx, &ana, 1000 + i, "device_added", &ana,
			"::1", "", e) < 0)
			return -1;
	return 0;
}

static int
count_events(struct tx *tx, void *arg, struct err *e)
{
	struct counts *c = arg;
	OWN(stmt_done) struct stmt *s = NULL;
	bool row;

	if (sql_first(tx, e, &s, &row,
		"SELECT COUNT(*), MIN(time_ms), MAX(time_ms) FROM event"
		" WHERE uid = ? AND event = ?",
		"is", &c->uid, c->event) < 0)
		return -1;
	c->n = stmt_got_u64(s, 0);
	c->oldest_ms = stmt_got_i64(s, 1);
	c->newest_ms = stmt_got_i64(s, 2);
	return 0;
}

static struct counts
counted(struct db *db, const struct id *uid, const char *event)
{
	struct counts c = { .uid = *uid, .event = event };
	struct err e;

	assert_int_equal(db_read(db, count_events, &c, &e), 0);
	return c;
}

static void
attempts_push_out_only_their_own_kind(void **state)
{
	OWN(scratch_free) struct scratch dir = scratch_new();
	OWN(db_free) struct db *db = NULL;
	char path[80];
	struct err e;

	(void)state;
	(void)snprintf(path, sizeof path, "%s/db", dir.path);
	assert_int_equal(db_open(path, DB_SERVER, &db, &e), 0);
	assert_int_equal(account_open(db, &e), 0);
	assert_int_equal(db_write(db, write_events, NULL, &e), 0);
	struct counts failed = counted(db, &ana, "signin_failed");
	assert_int_equal(failed.n, ACCOUNT_ATTEMPTS);
	assert_int_equal(failed.oldest_ms, 1000 + NOISE - ACCOUNT_ATTEMPTS);
	assert_int_equal(failed.newest_ms, 1000 + NOISE - 1);
	assert_int_equal(counted(db, &ana, "device_added").n, NOISE);
	assert_int_equal(counted(db, &ana, "signup").n, 1);
	assert_int_equal(counted(db, &ana, "join_opened").n, 1);
	assert_int_equal(counted(db, &bob, "signin_failed").n, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(attempts_push_out_only_their_own_kind),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
