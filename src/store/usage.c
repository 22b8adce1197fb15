/* SPDX-License-Identifier: ISC */
/* usage.c: the counter of each account. */
#include "store/usage.h"

#include "wire/limits.h"

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
