/* SPDX-License-Identifier: ISC */
/* inbox.c: inboxes, and who may write to whom. */
#include "store/inbox.h"

#include "wire/limits.h"

#include <inttypes.h>

/* ---- items ---- */

struct count {
	uint64_t top, items, bytes;
	int64_t last_ms;
};

static int
look(struct tx *tx, const struct id *uid, struct count *out, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;
	bool row;

	*out = (struct count){ .top = 0 };
	if (sql_first(tx, e, &s, &row,
		"SELECT top, items, bytes, last_ms FROM inbox WHERE uid = ?",
		"i", uid) < 0)
		return -1;
	if (!row)
		return 0;
	out->top = stmt_got_u64(s, 0);
	out->items = stmt_got_u64(s, 1);
	out->bytes = stmt_got_u64(s, 2);
	out->last_ms = stmt_got_i64(s, 3);
	return 0;
}

static int
save(struct tx *tx, const struct id *uid, const struct count *n, struct err *e)
{
	return sql_run(tx, e,
	    "INSERT INTO inbox (uid, top, items, bytes, last_ms)"
	    " VALUES (?, ?, ?, ?, ?) ON CONFLICT (uid) DO UPDATE SET"
	    " top = excluded.top, items = excluded.items,"
	    " bytes = excluded.bytes, last_ms = excluded.last_ms",
	    "iuuun", uid, n->top, n->items, n->bytes, n->last_ms);
}

static int
has_room(const struct count *n, size_t more, struct err *e)
{
	return n->items < LIMIT_INBOX_ITEMS &&
		n->bytes + more <= LIMIT_INBOX_BYTES
	    ? 0
	    : err_set(e, ERR_INBOX_FULL,
		  "an inbox has no more room: %" PRIu64 " messages wait there",
		  n->items);
}

int
inbox_room(struct tx *tx, const struct id *uid, size_t more, struct err *e)
{
	struct count n;

	return look(tx, uid, &n, e) < 0 ? -1 : has_room(&n, more, e);
}

int
inbox_add(struct tx *tx, const struct inbox_add *x, struct err *e)
{
	struct count n;
	uint64_t had;

	if (sql_count(tx, e, &had,
		"SELECT COUNT(*) FROM inbox_item WHERE uid = ? AND packet = ?",
		"ii", &x->uid, &x->packet) < 0)
		return -1;
	if (had > 0)
		return 0;
	if (look(tx, &x->uid, &n, e) < 0)
		return -1;
	if (has_room(&n, x->rest.n, e) < 0)
		return -1;
	n.top++;
	n.items++;
	n.bytes += x->rest.n;
	n.last_ms = x->now_ms > n.last_ms ? x->now_ms : n.last_ms + 1;
	return sql_run(tx, e,
		   "INSERT INTO inbox_item (uid, number, sender, packet,"
		   " received_ms, bytes) VALUES (?, ?, ?, ?, ?, ?)",
		   "iuiinb", &x->uid, n.top, &x->from, &x->packet, n.last_ms,
		   x->rest) < 0
	    ? -1
	    : save(tx, &x->uid, &n, e);
}

int
inbox_read(struct tx *tx, const struct id *uid, uint64_t since, size_t most,
    struct buf *out, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;
	int row;

	if (sql_ask(tx, e, &s,
		"SELECT number, received_ms, bytes FROM inbox_item"
		" WHERE uid = ? AND number > ? ORDER BY number",
		"iu", uid, since) < 0)
		return -1;
	size_t start = out->n;
	while ((row = sql_next(s, e)) > 0) {
		struct bytes rest = stmt_got_bytes(s, 2);
		buf_put_u32(out, (uint32_t)(rest.n + 16));
		buf_put_u64(out, stmt_got_u64(s, 0));
		buf_put_u64(out, stmt_got_u64(s, 1));
		buf_put_bytes(out, rest);
		if (out->n - start > most)
			return 0;
	}
	return row;
}

int
inbox_top(struct tx *tx, const struct id *uid, uint64_t *out, struct err *e)
{
	return sql_count(
	    tx, e, out, "SELECT top FROM inbox WHERE uid = ?", "i", uid);
}

int
inbox_take(struct tx *tx, const struct id *uid, uint64_t upto, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;
	struct count n;
	bool row;

	if (look(tx, uid, &n, e) < 0 ||
	    sql_run(tx, e,
		"DELETE FROM inbox_item WHERE uid = ? AND number <= ?", "iu",
		uid, upto) < 0 ||
	    sql_first(tx, e, &s, &row,
		"SELECT COUNT(*), COALESCE(SUM(LENGTH(bytes)), 0)"
		" FROM inbox_item WHERE uid = ?",
		"i", uid) < 0)
		return -1;
	n.items = stmt_got_u64(s, 0);
	n.bytes = stmt_got_u64(s, 1);
	stmt_done(&s);
	return save(tx, uid, &n, e);
}

/* ---- who may write ---- */

int
inbox_peer(struct tx *tx, const struct id *uid, const struct id *peer,
    enum inbox_peer *out, struct err *e)
{
	uint64_t state;

	if (sql_count(tx, e, &state,
		"SELECT state FROM inbox_peer WHERE uid = ? AND peer = ?", "ii",
		uid, peer) < 0)
		return -1;
	*out = (enum inbox_peer)state;
	return 0;
}

bool
inbox_is_blocked(enum inbox_peer state)
{
	return state == INBOX_BLOCKED || state == INBOX_BLOCKED_STRANGER ||
	    state == INBOX_BLOCKED_ASKS;
}

enum inbox_peer
inbox_seen_as(enum inbox_peer state)
{
	switch (state) {
	case INBOX_BLOCKED:
		return INBOX_ACCEPTED;
	case INBOX_BLOCKED_STRANGER:
		return INBOX_STRANGER;
	case INBOX_BLOCKED_ASKS:
		return INBOX_ASKS;
	default:
		return state;
	}
}

/* As who he was. */
static enum inbox_peer
blocked(enum inbox_peer was)
{
	switch (inbox_seen_as(was)) {
	case INBOX_STRANGER:
		return INBOX_BLOCKED_STRANGER;
	case INBOX_ASKS:
		return INBOX_BLOCKED_ASKS;
	default:
		return INBOX_BLOCKED;
	}
}

int
inbox_set_peer(struct tx *tx, const struct id *uid, const struct id *peer,
    enum inbox_peer state, int64_t now_ms, struct err *e)
{
	enum inbox_peer was;

	if (inbox_peer(tx, uid, peer, &was, e) < 0)
		return -1;
	if (state == INBOX_BLOCKED)
		state = blocked(was);
	if (state == INBOX_STRANGER)
		return sql_run(tx, e,
		    "DELETE FROM inbox_peer WHERE uid = ? AND peer = ?", "ii",
		    uid, peer);
	return sql_run(tx, e,
	    "INSERT INTO inbox_peer (uid, peer, state, time_ms)"
	    " VALUES (?, ?, ?, ?) ON CONFLICT (uid, peer) DO UPDATE SET"
	    " state = excluded.state, time_ms = excluded.time_ms",
	    "iiun", uid, peer, (uint64_t)state, now_ms);
}
