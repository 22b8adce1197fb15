/* SPDX-License-Identifier: ISC */
/* account_limit.c: counts of tries, and how they end. */
#include "store/account.h"

#define DOUBLINGS_MAX 3 /* the longest wait is 8 windows */

/* What was counted under a key, and since when. */
static int
counted(struct tx *tx, const char *key, int64_t now_ms, uint64_t *tries,
    int64_t *since, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;
	bool row;

	if (sql_first(tx, e, &s, &row,
		"SELECT tries, since_ms FROM throttle WHERE name = ?", "s",
		key) < 0)
		return -1;
	*tries = row ? stmt_got_u64(s, 0) : 0;
	*since = row ? stmt_got_i64(s, 1) : now_ms;
	return 0;
}

static int
count(struct tx *tx, const char *key, uint64_t tries, int64_t since,
    struct err *e)
{
	return sql_run(tx, e,
	    "INSERT INTO throttle (name, tries, since_ms) VALUES (?, ?, ?)"
	    " ON CONFLICT (name) DO UPDATE SET tries = excluded.tries,"
	    " since_ms = excluded.since_ms",
	    "sun", key, tries, since);
}

int
account_throttle(struct tx *tx, const struct account_limit *l, int64_t now_ms,
    int64_t *retry_ms, struct err *e)
{
	uint64_t tries;
	int64_t since;

	*retry_ms = 0;
	if (counted(tx, l->key, now_ms, &tries, &since, e) < 0)
		return -1;
	uint64_t over = tries > l->most ? tries - l->most : 0;
	int64_t span = l->span_ms
	    << (over < DOUBLINGS_MAX ? over : DOUBLINGS_MAX);
	if (now_ms - since >= span || now_ms < since) {
		tries = 0;
		since = now_ms;
	}
	if (tries >= l->most) {
		*retry_ms = since + span - now_ms;
		/* Only what comes while it waits makes the wait longer. */
		if (tries < l->most + DOUBLINGS_MAX)
			tries++;
	} else {
		tries++;
	}
	return count(tx, l->key, tries, since, e);
}

int
account_spend(struct tx *tx, const struct account_limit *l, int64_t now_ms,
    uint64_t *left, int64_t *retry_ms, struct err *e)
{
	uint64_t spent;
	int64_t since;

	if (counted(tx, l->key, now_ms, &spent, &since, e) < 0)
		return -1;
	if (now_ms - since >= l->span_ms || now_ms < since) {
		spent = 0;
		since = now_ms;
	}
	*retry_ms = spent >= l->most ? since + l->span_ms - now_ms : 0;
	*left = spent >= l->most ? 0 : l->most - spent - 1;
	return spent >= l->most ? 0 : count(tx, l->key, spent + 1, since, e);
}

int
account_unspend(struct tx *tx, const char *key, struct err *e)
{
	return sql_run(tx, e,
	    "UPDATE throttle SET tries = tries - 1 WHERE name = ?"
	    " AND tries > 0",
	    "s", key);
}

int
account_unthrottle(struct tx *tx, const char *key, struct err *e)
{
	return sql_run(tx, e, "DELETE FROM throttle WHERE name = ?", "s", key);
}

int
account_drip(struct tx *tx, const struct account_limit *l, int64_t now_ms,
    int64_t *retry_ms, struct err *e)
{
	uint64_t full;
	int64_t since;

	if (counted(tx, l->key, now_ms, &full, &since, e) < 0)
		return -1;
	uint64_t gone =
	    now_ms > since ? (uint64_t)((now_ms - since) / l->span_ms) : 0;
	/* A clock that went back begins anew. */
	if (gone >= full || now_ms < since) {
		full = 0;
		since = now_ms;
	} else {
		full -= gone;
		since += (int64_t)gone * l->span_ms;
	}
	*retry_ms = full >= l->most ? since + l->span_ms - now_ms : 0;
	return full >= l->most ? 0 : count(tx, l->key, full + 1, since, e);
}

int
account_unthrottle_all(
    struct tx *tx, const char *name, const struct id *uid, struct err *e)
{
	static const char *const of_name[] = { "password", "recover" };
	struct id_text text = id_text(uid);

	for (size_t i = 0; i < ARRAY_SIZE(of_name); i++) {
		OWN(buf_free) struct buf key = { 0 };
		buf_printf(&key, "%s|%s|", of_name[i], name);
		if (sql_run(tx, e,
			"DELETE FROM throttle WHERE"
			" SUBSTR(name, 1, ?) = ?",
			"us", (uint64_t)key.n, buf_text(&key)) < 0)
			return -1;
	}
	return sql_run(tx, e,
	    "DELETE FROM throttle WHERE name LIKE '%|' || ? || '|%'"
	    " OR name LIKE '%|' || ?",
	    "ss", text.s, text.s);
}
