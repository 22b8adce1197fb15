/* SPDX-License-Identifier: ISC */
/* usage.c: the counter of each account. */
#include "store/usage.h"

const char usage_schema[] =
    "CREATE TABLE usage ("
    " uid BLOB PRIMARY KEY, bytes INTEGER NOT NULL, quota INTEGER NOT NULL)";

int
usage_get(struct tx *tx, const struct id *uid, struct usage *out, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;
	bool row;

	if (stmt_new(
		tx, "SELECT bytes, quota FROM usage WHERE uid = ?", &s, e) < 0)
		return -1;
	stmt_bytes(s, 1, bytes_of(uid->b, ID_BYTES));
	if (stmt_next(s, &row, e) < 0)
		return -1;
	*out = (struct usage){ 0, USAGE_NO_QUOTA };
	if (row)
		*out = (struct usage){ stmt_got_u64(s, 0), stmt_got_u64(s, 1) };
	return 0;
}

static int
put(struct tx *tx, const struct id *uid, const struct usage *u, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;

	if (stmt_new(tx,
		"INSERT INTO usage (uid, bytes, quota) VALUES (?, ?, ?)"
		" ON CONFLICT (uid) DO UPDATE"
		" SET bytes = excluded.bytes, quota = excluded.quota",
		&s, e) < 0)
		return -1;
	stmt_bytes(s, 1, bytes_of(uid->b, ID_BYTES));
	stmt_u64(s, 2, u->bytes);
	stmt_u64(s, 3, u->quota);
	return stmt_run(s, e);
}

int
usage_set_quota(
    struct tx *tx, const struct id *uid, uint64_t quota, struct err *e)
{
	struct usage u;

	if (usage_get(tx, uid, &u, e) < 0)
		return -1;
	u.quota = quota < USAGE_NO_QUOTA ? quota : USAGE_NO_QUOTA;
	return put(tx, uid, &u, e);
}

int
usage_add(struct tx *tx, const struct id *uid, int64_t delta, int64_t free,
    struct err *e)
{
	struct usage u;

	if (delta + free == 0 && delta <= 0)
		return 0;
	if (usage_get(tx, uid, &u, e) < 0)
		return -1;
	if (delta > 0 &&
	    (u.bytes > u.quota || (uint64_t)delta > u.quota - u.bytes))
		return err_set(e, ERR_QUOTA_EXCEEDED,
		    "%lld more bytes do not fit: %llu of %llu are used",
		    (long long)delta, (unsigned long long)u.bytes,
		    (unsigned long long)u.quota);
	int64_t bytes = (int64_t)u.bytes + delta + free;
	u.bytes = bytes > 0 ? (uint64_t)bytes : 0;
	return put(tx, uid, &u, e);
}
