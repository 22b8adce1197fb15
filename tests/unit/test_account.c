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
	if (account_event(tx, &ana,
		&(struct account_event){ 1, "signup", &ana, "::1", "" },
		e) < 0 ||
	    account_event(tx, &ana,
		&(struct account_event){ 2, "join_opened", NULL, "::1", "" },
		e) < 0 ||
	    account_event(tx, &bob,
		&(struct account_event){ 3, "signin_failed", NULL, "::1", "" },
		e) < 0)
		return -1;
	for (int i = 0; i < NOISE; i++)
		if (account_event(tx, &ana,
			&(struct account_event){
			    1000 + i, "signin_failed", NULL, "::2", "" },
			e) < 0 ||
		    account_event(tx, &ana,
			&(struct account_event){
			    1000 + i, "device_added", &ana, "::1", "" },
			e) < 0)
			return -1;
	for (int i = 0; i < ACCOUNT_EVENTS + 7; i++)
		if (account_event(tx, &ana,
			&(struct account_event){
			    5000 + i, "requests_allowed", &ana, "::1", "" },
			e) < 0)
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
	/* What devices do as often as they like fills no disk. */
	struct counts often = counted(db, &ana, "requests_allowed");
	assert_int_equal(often.n, ACCOUNT_EVENTS);
	assert_int_equal(often.newest_ms, 5000 + ACCOUNT_EVENTS + 6);
	assert_int_equal(counted(db, &ana, "signup").n, 1);
	assert_int_equal(counted(db, &ana, "join_opened").n, 1);
	assert_int_equal(counted(db, &bob, "signin_failed").n, 1);
}

/* ---- sessions and counts ---- */

#define MINUTE_MS 60000

static struct db *
opened(const struct scratch *dir)
{
	struct db *db = NULL;
	char path[80];
	struct err e;

	(void)snprintf(path, sizeof path, "%s/db", dir->path);
	assert_int_equal(db_open(path, DB_SERVER, &db, &e), 0);
	assert_int_equal(account_open(db, &e), 0);
	return db;
}

static struct digest
nth(uint8_t n)
{
	return (struct digest){ { n, 7 } };
}

static int
add_session(struct tx *tx, uint8_t n, bool limited, struct err *e)
{
	struct digest token = nth(n);
	struct account_session s = { .uid = ana,
		.dev_id = limited ? (struct id){ { 0 } } : ana,
		.limited = limited,
		.opened_ms = 1000 + n,
		.expires_ms = MINUTE_MS,
		.os = "",
		.address = "::1" };

	id_random(&s.id);
	return account_add_session(
	    tx, &token, &s, bytes_of(token.b, DIGEST_BYTES), e);
}

static bool
there(struct tx *tx, uint8_t n)
{
	struct account_session s;
	struct digest token = nth(n);
	struct err e;
	bool found;

	assert_int_equal(account_session(tx, &token, 2000, &s, &found, &e), 0);
	return found;
}

static int
many_sessions(struct tx *tx, void *arg, struct err *e)
{
	(void)arg;
	for (uint8_t n = 0; n < ACCOUNT_SESSIONS + 3; n++)
		assert_int_equal(add_session(tx, n, false, e), 0);
	assert_false(there(tx, 2));
	assert_true(there(tx, 3));
	/* Visitors have room of their own. */
	for (uint8_t n = 100; n < 100 + ACCOUNT_SESSIONS + 1; n++)
		assert_int_equal(add_session(tx, n, true, e), 0);
	assert_false(there(tx, 100));
	assert_true(there(tx, 101));
	assert_true(there(tx, 3));
	return 0;
}

static void
one_more_session_ends_the_oldest(void **state)
{
	OWN(scratch_free) struct scratch dir = scratch_new();
	OWN(db_free) struct db *db = opened(&dir);
	struct err e;

	(void)state;
	assert_int_equal(db_write(db, many_sessions, NULL, &e), 0);
}

static int
answer_again(struct tx *tx, void *arg, struct err *e)
{
	(void)arg;
	assert_int_equal(add_session(tx, 1, false, e), 0);
	assert_int_equal(account_end_sessions(tx, &ana, &ana, e), 0);
	assert_false(there(tx, 1));
	assert_int_equal(add_session(tx, 1, false, e), -1);
	assert_int_equal(e->code, ERR_CONFLICT);
	return 0;
}

static void
a_challenge_is_answered_once_also_when_its_session_ended(void **state)
{
	OWN(scratch_free) struct scratch dir = scratch_new();
	OWN(db_free) struct db *db = opened(&dir);
	struct err e;

	(void)state;
	assert_int_equal(db_write(db, answer_again, NULL, &e), 0);
}

static int64_t
drip(struct tx *tx, int64_t now_ms)
{
	struct err e;
	int64_t retry_ms = -1;

	assert_int_equal(
	    account_drip(tx, &(struct account_limit){ "drip|x", 3, MINUTE_MS },
		now_ms, &retry_ms, &e),
	    0);
	return retry_ms;
}

static int
drips(struct tx *tx, void *arg, struct err *e)
{
	(void)arg;
	for (int i = 0; i < 3; i++)
		assert_int_equal(drip(tx, 1000), 0);
	/* Asking in vain costs nothing. */
	for (int i = 0; i < 100; i++)
		assert_int_equal(drip(tx, 1000), MINUTE_MS);
	assert_int_equal(drip(tx, 1000 + MINUTE_MS - 1), 1);
	assert_int_equal(drip(tx, 1000 + MINUTE_MS), 0);
	assert_int_equal(drip(tx, 1000 + MINUTE_MS), MINUTE_MS);
	/* What was right is given back. */
	assert_int_equal(account_unspend(tx, "drip|x", e), 0);
	assert_int_equal(drip(tx, 1000 + MINUTE_MS), 0);
	/* All of it after a while, and no more than that. */
	for (int i = 0; i < 3; i++)
		assert_int_equal(drip(tx, 100LL * MINUTE_MS), 0);
	assert_int_not_equal(drip(tx, 100LL * MINUTE_MS), 0);
	/* A clock that was put back shuts nobody out. */
	assert_int_equal(drip(tx, 5), 0);
	return 0;
}

static void
a_drip_slows_and_never_shuts_out(void **state)
{
	OWN(scratch_free) struct scratch dir = scratch_new();
	OWN(db_free) struct db *db = opened(&dir);
	struct err e;

	(void)state;
	assert_int_equal(db_write(db, drips, NULL, &e), 0);
}

static int64_t
tried(struct tx *tx, const char *key)
{
	struct err e;
	int64_t retry_ms = -1;

	assert_int_equal(
	    account_throttle(tx, &(struct account_limit){ key, 1, MINUTE_MS },
		1000, &retry_ms, &e),
	    0);
	return retry_ms;
}

static int
unthrottles(struct tx *tx, void *arg, struct err *e)
{
	struct id_text uid = id_text(&ana), other = id_text(&bob);
	char own[3][80], theirs[2][80];

	(void)arg;
	(void)snprintf(own[0], sizeof own[0], "password|a_a|::1");
	(void)snprintf(own[1], sizeof own[1], "code|phone|%s", uid.s);
	(void)snprintf(own[2], sizeof own[2], "silent|%s|::1 x y", uid.s);
	/* No wildcard of a name meets another's. */
	(void)snprintf(theirs[0], sizeof theirs[0], "password|aba|::1");
	(void)snprintf(theirs[1], sizeof theirs[1], "code|phone|%s", other.s);
	for (int i = 0; i < 2; i++) {
		assert_true(i == (tried(tx, own[0]) > 0));
		assert_true(i == (tried(tx, own[1]) > 0));
		assert_true(i == (tried(tx, own[2]) > 0));
		assert_true(i == (tried(tx, theirs[0]) > 0));
		assert_true(i == (tried(tx, theirs[1]) > 0));
	}
	/* The longest wait is 8 windows, however often one asks. */
	for (int i = 0; i < 100; i++)
		assert_true(tried(tx, theirs[0]) <= 8 * MINUTE_MS);
	assert_int_equal(account_unthrottle_all(tx, "a_a", &ana, e), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(tried(tx, own[i]), 0);
	assert_true(tried(tx, theirs[0]) > 0);
	assert_true(tried(tx, theirs[1]) > 0);
	return 0;
}

static void
the_operator_ends_all_counts_of_an_account_and_no_others(void **state)
{
	OWN(scratch_free) struct scratch dir = scratch_new();
	OWN(db_free) struct db *db = opened(&dir);
	struct err e;

	(void)state;
	assert_int_equal(db_write(db, unthrottles, NULL, &e), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(attempts_push_out_only_their_own_kind),
		cmocka_unit_test(one_more_session_ends_the_oldest),
		cmocka_unit_test(
		    a_challenge_is_answered_once_also_when_its_session_ended),
		cmocka_unit_test(a_drip_slows_and_never_shuts_out),
		cmocka_unit_test(
		    the_operator_ends_all_counts_of_an_account_and_no_others),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
