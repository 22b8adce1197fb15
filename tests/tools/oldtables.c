/* SPDX-License-Identifier: ISC */
/* oldtables.c PATH N: a database as a program made it that had N scripts less. */
#include "base/text.h"
#include "store/account.h"
#include "store/zone.h"

#include <stdio.h>

int
main(int argc, char **argv)
{
	OWN(db_free) struct db *db = NULL;
	struct err e = { 0 };
	uint64_t less;
	size_t n;
	const char *const *scripts = account_schema(&n);

	if (argc != 3 || text_parse_u64(argv[2], 1, n - 1, &less) < 0) {
		(void)fprintf(stderr, "usage: oldtables PATH N\n");
		return 2;
	}
	if (db_open(argv[1], DB_SERVER, &db, &e) < 0 || zone_open(db, &e) < 0 ||
	    db_migrate(db, "account", scripts, n - (size_t)less, &e) < 0) {
		(void)fprintf(stderr, "oldtables: %s\n", e.msg);
		return 1;
	}
	return 0;
}
