/* SPDX-License-Identifier: ISC */
/* test_closing.c: no table is forgotten when an account ends. */
#include "scratch_dir.h"

#include "base/file.h"
#include "server/closing.h"
#include "store/zone.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* What zone_forget takes away, and the one that stays. */
static const char *const others[] = { "blob", "head", "loose", "usage", "zone",
	"gone" };

static bool
is_known(const char *name)
{
	size_t n;
	const char *const *tables = closing_tables(&n);

	for (size_t i = 0; i < n; i++)
		if (strcmp(tables[i], name) == 0)
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
				 "closing.c",
			    stmt_got_text(s, 0));
	}
	return row;
}

static void
every_table_of_accounts_is_emptied(void **state)
{
	OWN(scratch_free) struct scratch dir = scratch_new();
	OWN(mem_free) char *path = file_join(dir.path, "x.db");
	OWN(db_free) struct db *db = NULL;
	struct err e = { 0 };
	unsigned n = 0;

	(void)state;
	if (db_open(path, DB_SERVER, &db, &e) < 0 || zone_open(db, &e) < 0 ||
	    account_open(db, &e) < 0 || db_read(db, look_job, &n, &e) < 0)
		fail_msg("%s", e.msg);
	assert_true(n > 20);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_table_of_accounts_is_emptied),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
