/* SPDX-License-Identifier: ISC */
/* drivedb_boot.c: in which boot of the machine a root was as it shall be. */
#include "tree/drivedb_in.h"

#include "store/sql.h"

#include <inttypes.h>
#include <stdio.h>

#define PAIR_BOOT "boot-" /* and the number of the root */

static void
boot_name(uint64_t root, char out[static 32])
{
	(void)snprintf(out, 32, PAIR_BOOT "%" PRIu64, root);
}

int
drivedb_boot(struct tx *tx, uint64_t root, struct id *boot, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;
	char name[32];
	bool row;

	*boot = (struct id){ { 0 } };
	boot_name(root, name);
	if (sql_first(tx, e, &s, &row, "SELECT value FROM pair WHERE name = ?",
		"s", name) < 0)
		return -1;
	if (row)
		*boot = drivedb_id(s, 0);
	return 0;
}

int
drivedb_boot_set(
    struct tx *tx, uint64_t root, const struct id *boot, struct err *e)
{
	char name[32];

	boot_name(root, name);
	return drivedb_keep(tx, name, bytes_of(boot->b, ID_BYTES), e);
}
