/* SPDX-License-Identifier: ISC */
/* pastname.c: rows of the table gone. */
#include "server/pastname.h"

#include <string.h>

int
pastname_keep(
    struct tx *tx, const struct account *a, int64_t now_ms, struct err *e)
{
	return sql_run(tx, e,
	    "INSERT INTO gone (name, uid, time_ms) VALUES (?, ?, ?)"
	    " ON CONFLICT (name) DO UPDATE SET uid = excluded.uid,"
	    " time_ms = excluded.time_ms",
	    "sin", a->name, &a->uid, now_ms);
}

int
pastname_ended(
    struct tx *tx, const struct id *uid, int64_t *time_ms, struct err *e)
{
	uint64_t n = 0;

	int rc = sql_count(tx, e, &n,
	    "SELECT MAX(time_ms) FROM gone WHERE uid = ? AND NOT EXISTS"
	    " (SELECT 1 FROM account a WHERE a.uid = gone.uid)",
	    "i", uid);
	*time_ms = (int64_t)n;
	return rc;
}

int
pastname_check(
    struct tx *tx, const char *name, const struct id *uid, struct err *e)
{
	uint64_t n;

	if (sql_count(tx, e, &n,
		"SELECT COUNT(*) FROM gone WHERE name = ? AND uid <> ?", "si",
		name, uid) < 0)
		return -1;
	return n == 0
	    ? 0
	    : err_set(e, ERR_NAME_TAKEN, "that name was another account's");
}

int
pastname_free(struct tx *tx, const char *name, struct err *e)
{
	if (sql_run(tx, e, "DELETE FROM gone WHERE name = ?", "s", name) < 0)
		return -1;
	return tx_changes(tx) == 1
	    ? 0
	    : err_set(e, ERR_NOT_FOUND, "no account had the name %s", name);
}

int
pastname_rename(struct tx *tx, const struct account *a, const char *name,
    int64_t now_ms, struct err *e)
{
	struct account other;
	char plain[LIMIT_NAME_BYTES + 1] = "";
	bool found;

	if (strlen(name) < sizeof plain)
		memcpy(plain, name, strlen(name) + 1);
	if (!account_name_ok(plain))
		return err_set(e, ERR_BAD_NAME,
		    "a name has 1 to %d of the characters a-z 0-9 . _ -, with "
		    "a letter or digit at both ends and no dot beside another",
		    LIMIT_NAME_BYTES);
	if (account_by_name(tx, plain, &other, &found, e) < 0)
		return -1;
	if (found)
		return err_set(e, ERR_NAME_TAKEN,
		    "the name \"%s\" belongs to %s account", plain,
		    id_equal(&other.uid, &a->uid) ? "this" : "another");
	/* Its sessions end, since each begins with the name. */
	return pastname_check(tx, plain, &a->uid, e) < 0 ||
		sql_run(tx, e, "DELETE FROM gone WHERE name = ?", "s", plain) <
		    0 ||
		pastname_keep(tx, a, now_ms, e) < 0 ||
		sql_run(tx, e, "UPDATE account SET name = ? WHERE uid = ?",
		    "si", plain, &a->uid) < 0
	    ? -1
	    : account_end_sessions(tx, &a->uid, NULL, e);
}
