/* SPDX-License-Identifier: ISC */
/* test_schema.c: scripts of the tables: they stay, and bring others up to date. */
#include "base/text.h"
#include "scratch_dir.h"
#include "store/account.h"
#include "store/sql.h"
#include "store/zone.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/*
 * A script that ran somewhere is never edited: add one at the end of the list,
 * and here the first 16 digits of its SHA-256.
 */
static const char *const account_hashes[] = {
	"31a0ff9e6a52241f",
	"7af58eaa33537a64",
	"eae60704cfecb78a",
	"7f6d563d77174ca9",
	"05386bb408684eb9",
	"5fca7ac5be1b8457",
	"0ea86c408cddee33",
	"875c701105aa8d86",
	"f6caef4493ac37aa",
	"2032416547454f46",
	"c5249d9e29403876",
	"46e242c80c449325",
	"5075ae3e8c5067f9",
	"04fb3ba313ce0d63",
	"3f8a8edfe11e7bff",
	"711a8bf63f72d895",
	"34a3b41a7a33df09",
};
static const char *const zone_hashes[] = {
	"bb4be011cc0e965d",
	"b55fe35975f0e321",
};

static void
same(const char *const *scripts, size_t n, const char *const *hashes, size_t m)
{
	for (size_t i = 0; i < n; i++) {
		OWN(buf_free) struct buf hex = { 0 };
		struct digest d;
		digest_of(bytes_str(scripts[i]), &d);
		text_hex(&hex, bytes_of(d.b, 8));
		if (i >= m || strcmp(buf_text(&hex), hashes[i]) != 0)
			fail_msg("script %zu is now %s", i + 1, buf_text(&hex));
	}
	assert_int_equal(n, m);
}

static void
a_script_is_never_edited(void **state)
{
	size_t n;

	(void)state;
	const char *const *scripts = account_schema(&n);
	same(scripts, n, account_hashes, ARRAY_SIZE(account_hashes));
	scripts = zone_schema(&n);
	same(scripts, n, zone_hashes, ARRAY_SIZE(zone_hashes));
}

static struct db *
open_db(const struct scratch *dir, enum db_use use)
{
	char path[512];
	struct db *db = NULL;
	struct err e = { 0 };

	(void)snprintf(path, sizeof path, "%s/test.db", dir->path);
	if (db_open(path, use, &db, &e) < 0)
		fail_msg("%s", e.msg);
	return db;
}

static int
run_sql(struct tx *tx, void *sql, struct err *e)
{
	return tx_script(tx, sql, e);
}

/* As tables were between 24 and 27 November 2026: of version 8, without it. */
static void
what_an_edited_script_added_comes_by_a_later_one(void **state)
{
	OWN(scratch_free) struct scratch dir = scratch_new();
	OWN(db_free) struct db *db = open_db(&dir, DB_SERVER);
	struct err e = { 0 };
	size_t n;
	char drop[] = "DROP TABLE visit", look[] = "DELETE FROM visit";

	(void)state;
	const char *const *scripts = account_schema(&n);
	assert_true(n > 8);
	assert_int_equal(db_migrate(db, "account", scripts, 8, &e), 0);
	assert_int_equal(db_write(db, run_sql, drop, &e), 0);
	assert_int_equal(account_open(db, &e), 0);
	assert_int_equal(db_write(db, run_sql, look, &e), 0);
}

static void
who_works_beside_a_server_changes_no_table(void **state)
{
	OWN(scratch_free) struct scratch dir = scratch_new();
	OWN(db_free) struct db *db = open_db(&dir, DB_SERVER);
	struct err e = { 0 };
	uint64_t have;
	size_t n;

	(void)state;
	const char *const *scripts = account_schema(&n);
	assert_int_equal(db_migrate(db, "account", scripts, n - 1, &e), 0);
	OWN(db_free) struct db *beside = open_db(&dir, DB_BESIDE);
	assert_int_equal(account_open(beside, &e), -1);
	assert_int_equal(e.code, ERR_UPDATE_NEEDED);
	assert_non_null(strstr(err_fix(&e), "Restart"));
	assert_int_equal(db_version(beside, "account", &have, &e), 0);
	assert_int_equal(have, n - 1);
	assert_int_equal(db_version(beside, "zone", &have, &e), 0);
	assert_int_equal(have, 0);
	/* The older one goes on. */
	assert_int_equal(db_migrate(db, "account", scripts, n - 1, &e), 0);
	assert_int_equal(account_open(db, &e), 0);
	assert_int_equal(account_open(beside, &e), 0);
}

/* What zone_forget takes away, and the one that stays. */
static const char *const others[] = { "blob", "head", "loose", "usage", "zone",
	"gone" };

static bool
is_known(const char *name)
{
	for (size_t i = 0; i < account_n_tables; i++)
		if (strcmp(account_tables[i], name) == 0)
			return true;
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		if (strcmp(others[i], name) == 0)
			return true;
	return false;
}

static int
look_job(struct tx *tx, void *arg, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;
	unsigned *n = arg;
	int row;

	if (sql_ask(tx, e, &s,
		"SELECT m.name FROM sqlite_master m, pragma_table_info(m.name) "
		"c"
		" WHERE m.type = 'table' AND c.name = 'uid'",
		"") < 0)
		return -1;
	while ((row = sql_next(s, e)) > 0) {
		(*n)++;
		if (!is_known(stmt_got_text(s, 0)))
			fail_msg("%s has rows of accounts, and no line in "
				 "account_schema.c",
			    stmt_got_text(s, 0));
	}
	return row;
}

static void
every_table_of_accounts_goes_with_them(void **state)
{
	OWN(scratch_free) struct scratch dir = scratch_new();
	OWN(db_free) struct db *db = open_db(&dir, DB_SERVER);
	struct err e = { 0 };
	unsigned n = 0;

	(void)state;
	assert_int_equal(zone_open(db, &e), 0);
	assert_int_equal(account_open(db, &e), 0);
	assert_int_equal(db_read(db, look_job, &n, &e), 0);
	assert_true(n > 20);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_script_is_never_edited),
		cmocka_unit_test(
		    what_an_edited_script_added_comes_by_a_later_one),
		cmocka_unit_test(every_table_of_accounts_goes_with_them),
		cmocka_unit_test(who_works_beside_a_server_changes_no_table),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
