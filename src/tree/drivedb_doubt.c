/* SPDX-License-Identifier: ISC */
/* drivedb_doubt.c: roots of which the server may not have all files any more. */
#include "tree/drivedb_in.h"

#include "store/sql.h"

#include <inttypes.h>
#include <stdio.h>

#define PAIR_DOUBT "doubt-" /* and the number of the root */

static int
doubt_job(struct tx *tx, void *arg, struct err *e)
{
	(void)arg;
	return sql_run(tx, e,
	    "INSERT OR REPLACE INTO pair (name, value)"
	    " SELECT ? || root, x'01' FROM root",
	    "s", PAIR_DOUBT);
}

int
drivedb_doubt(struct drivedb *d, struct err *e)
{
	return db_write(drivedb_db(d), doubt_job, NULL, e);
}

static void
doubt_name(uint64_t root, char out[static 32])
{
	(void)snprintf(out, 32, PAIR_DOUBT "%" PRIu64, root);
}

int
drivedb_doubts(struct tx *tx, uint64_t root, bool *is, struct err *e)
{
	uint64_t n;
	char name[32];

	doubt_name(root, name);
	if (sql_count(tx, e, &n, "SELECT count(*) FROM pair WHERE name = ?",
		"s", name) < 0)
		return -1;
	*is = n > 0;
	return 0;
}

int
drivedb_doubt_end(struct tx *tx, uint64_t root, struct err *e)
{
	char name[32];

	doubt_name(root, name);
	return sql_run(tx, e, "DELETE FROM pair WHERE name = ?", "s", name);
}
