/* SPDX-License-Identifier: ISC */
/* usage.c: the counter of each account. */
#include "store/usage.h"

#include "wire/limits.h"

const char usage_schema[] =
    "CREATE TABLE usage ("
    " uid BLOB PRIMARY KEY, bytes INTEGER NOT NULL, quota INTEGER NOT NULL)";

/* 4096 is USAGE_BLOB; `size` of a loose row is what it is charged. */
const char usage_schema_trash[] =
    "ALTER TABLE usage ADD COLUMN trash INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE usage ADD COLUMN blobs INTEGER NOT NULL DEFAULT 0;"
    "UPDATE loose SET size = MAX(size, 4096) WHERE state = 1;"
    "UPDATE loose SET size = 0 WHERE state = 2;"
    "UPDATE usage SET bytes = (SELECT COALESCE(SUM(r.bytes), 0)"
    "  FROM record AS r JOIN zone AS z ON z.number = r.number"
    "  WHERE z.uid = usage.uid) +"
    " (SELECT COUNT(*) * 364 FROM head AS h WHERE h.uid = usage.uid) +"
    " (SELECT COALESCE(SUM(MAX(b.size, 4096)), 0) FROM blob AS b"
    "  WHERE b.uid = usage.uid) +"
    " (SELECT COALESCE(SUM(l.size), 0) FROM loose AS l"
    "  WHERE l.uid = usage.uid AND l.state = 1),"
    " blobs = (SELECT COUNT(*) FROM blob AS b WHERE b.uid = usage.uid) +"
    " (SELECT COUNT(*) FROM loose AS l WHERE l.uid = usage.uid);"
    "CREATE INDEX loose_writing ON loose (since_ms) WHERE state = 1;"
    "CREATE INDEX loose_removing ON loose (uid, zone, file)"
    " WHERE state = 2;"
    "CREATE INDEX loose_trash ON loose (since_ms) WHERE state = 3;"
    "CREATE INDEX loose_trash_of ON loose (uid, since_ms)"
    " WHERE state = 3;";

int
usage_get(struct tx *tx, const struct id *uid, struct usage *out, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;
	bool row;

	if (stmt_new(tx,
		"SELECT bytes, quota, trash, blobs FROM usage WHERE uid = ?",
		&s, e) < 0)
		return -1;
	stmt_bytes(s, 1, bytes_of(uid->b, ID_BYTES));
	if (stmt_next(s, &row, e) < 0)
		return -1;
	*out = (struct usage){ .quota = USAGE_NO_QUOTA };
	if (row)
		*out = (struct usage){ stmt_got_u64(s, 0), stmt_got_u64(s, 1),
			stmt_got_u64(s, 2), stmt_got_u64(s, 3) };
	return 0;
}

static int
put(struct tx *tx, const struct id *uid, const struct usage *u, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;

	if (stmt_new(tx,
		"INSERT INTO usage (uid, bytes, quota, trash, blobs)"
		" VALUES (?, ?, ?, ?, ?)"
		" ON CONFLICT (uid) DO UPDATE"
		" SET bytes = excluded.bytes, quota = excluded.quota,"
		" trash = excluded.trash, blobs = excluded.blobs",
		&s, e) < 0)
		return -1;
	stmt_bytes(s, 1, bytes_of(uid->b, ID_BYTES));
	stmt_u64(s, 2, u->bytes);
	stmt_u64(s, 3, u->quota);
	stmt_u64(s, 4, u->trash);
	stmt_u64(s, 5, u->blobs);
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

static uint64_t
moved(uint64_t n, int64_t by)
{
	return by >= 0		? n + (uint64_t)by
	    : n > (uint64_t)-by ? n - (uint64_t)-by
				: 0;
}

int
usage_change(struct tx *tx, const struct id *uid, const struct usage_change *c,
    struct err *e)
{
	struct usage u;
	int64_t grows = c->bytes + c->trash;

	if (c->bytes == 0 && c->trash == 0 && c->blobs == 0)
		return 0;
	if (usage_get(tx, uid, &u, e) < 0)
		return -1;
	uint64_t used = u.bytes + u.trash;
	uint64_t most = u.quota < USAGE_NO_QUOTA && c->beyond < USAGE_NO_QUOTA
	    ? u.quota + c->beyond
	    : USAGE_NO_QUOTA;
	if (grows > 0 && (used > most || (uint64_t)grows > most - used))
		return err_set(e, ERR_QUOTA_EXCEEDED,
		    "%lld more bytes do not fit: %llu of %llu are used",
		    (long long)grows, (unsigned long long)used,
		    (unsigned long long)u.quota);
	if (c->blobs > 0 && u.blobs >= LIMIT_ACCOUNT_BLOBS)
		return err_set(e, ERR_TOO_LARGE,
		    "the account has %llu blobs, and may have no more",
		    (unsigned long long)u.blobs);
	u.bytes = moved(u.bytes, c->bytes);
	u.trash = moved(u.trash, c->trash);
	u.blobs = moved(u.blobs, c->blobs);
	return put(tx, uid, &u, e);
}

uint64_t
usage_of_blob(uint64_t size)
{
	return size < USAGE_BLOB ? USAGE_BLOB : size;
}
