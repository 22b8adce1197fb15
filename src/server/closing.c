/* SPDX-License-Identifier: ISC */
/* closing.c: the rows of accounts that end, and their end. */
#include "server/closing.h"

#include "base/log.h"
#include "base/text.h"
#include "server/escrowlink.h"
#include "server/escrowpeer.h"
#include "server/mark.h"
#include "server/pastname.h"

#include <string.h>

#define MOST 64 /* accounts in one sweep */
#define GAP_MS (3600 * 1000LL) /* between two sweeps */

int
closing_get(
    struct tx *tx, const struct id *uid, struct closing *out, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;

	*out = (struct closing){ .there = false };
	if (sql_first(tx, e, &s, &out->there,
		"SELECT asked_ms, ends_ms, dev_id FROM closing WHERE uid = ?",
		"i", uid) < 0 ||
	    !out->there)
		return out->there ? -1 : 0;
	out->asked_ms = stmt_got_i64(s, 0);
	out->ends_ms = stmt_got_i64(s, 1);
	stmt_got_copy(s, 2, out->dev_id.b, ID_BYTES);
	return 0;
}

int
closing_begin(struct tx *tx, struct call *c, const struct id *uid,
    const struct closing *x, struct bytes entry, struct err *e)
{
	OWN(buf_free) struct buf when = { 0 };
	struct closing now;

	if (closing_get(tx, uid, &now, e) < 0)
		return -1;
	/* An older entry may not go on from the circle any more. */
	if (now.there && !id_zero(&x->dev_id))
		return sql_run(tx, e,
		    "UPDATE closing SET entry = ? WHERE uid = ?", "bi", entry,
		    uid);
	if (now.there && id_zero(&now.dev_id) && now.ends_ms <= x->ends_ms)
		return 0;
	int64_t ends_ms =
	    now.there && now.ends_ms < x->ends_ms ? now.ends_ms : x->ends_ms;
	text_time(&when, ends_ms);
	return sql_run(tx, e,
		   "INSERT INTO closing (uid, asked_ms, ends_ms, dev_id, entry)"
		   " VALUES (?, ?, ?, ?, ?) ON CONFLICT (uid) DO UPDATE SET"
		   " ends_ms = excluded.ends_ms, dev_id = excluded.dev_id",
		   "innib", uid, x->asked_ms, ends_ms, &x->dev_id, entry) < 0
	    ? -1
	    : server_event(tx, c,
		  &(struct server_event){
		      uid, "account_closing", &x->dev_id, buf_text(&when) },
		  e);
}

int
closing_stop(struct tx *tx, struct call *c, const struct id *uid,
    const struct id *dev_id, struct err *e)
{
	struct closing now;

	if (closing_get(tx, uid, &now, e) < 0)
		return -1;
	if (!now.there)
		return err_set(
		    e, ERR_NOT_FOUND, "nobody has asked to end this account");
	if (now.ends_ms <= c->now_ms)
		return err_set(e, ERR_CONFLICT,
		    "it is too late: the account is being taken away");
	return sql_run(tx, e, "DELETE FROM closing WHERE uid = ?", "i", uid) < 0
	    ? -1
	    : server_event(tx, c,
		  &(struct server_event){ uid, "account_kept", dev_id, "" }, e);
}

/* ---- the end ---- */

struct ending {
	struct id uid;
	int64_t now_ms;
	bool escrow; /* it may hold a key of the account */
	bool closed; /* and the circle says that it can go */
	bool kept; /* at the last moment */
};

/* The last moment: whoever wants to keep it now is told that it is too late. */
static int
begin_end(struct tx *tx, struct ending *x, struct buf *entry, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;
	bool row;

	if (sql_first(tx, e, &s, &row,
		"SELECT entry FROM closing WHERE uid = ? AND ends_ms <= ?",
		"in", &x->uid, x->now_ms) < 0)
		return -1;
	x->kept = !row;
	if (!row)
		return 0;
	buf_put_bytes(entry, stmt_got_bytes(s, 0));
	stmt_done(&s);
	return sql_run(tx, e, "UPDATE closing SET ends_ms = 0 WHERE uid = ?",
	    "i", &x->uid);
}

/* Nobody is let in any more; the circle ends, where its owner has said so. */
static int
shut(struct tx *tx, void *arg, struct err *e)
{
	struct ending *x = arg;
	OWN(circle_free) struct circle c = { 0 };
	OWN(buf_free) struct buf entry = { 0 };
	struct err stale = { 0 };

	if (begin_end(tx, x, &entry, e) < 0)
		return -1;
	if (x->kept)
		return 0;
	if (sql_run(tx, e, "UPDATE account SET suspended = 1 WHERE uid = ?",
		"i", &x->uid) < 0 ||
	    account_end_sessions(tx, &x->uid, NULL, e) < 0 ||
	    account_circle(tx, &x->uid, &c, e) < 0)
		return -1;
	x->escrow = c.protection == PROTECTION_STANDARD;
	x->closed = c.closed;
	/* Not when the circle went on since it was signed. */
	if (!x->escrow || c.closed || entry.n == 0 ||
	    circle_apply(&c, buf_bytes(&entry), &stale) < 0)
		return 0;
	x->closed = true;
	return account_add_entry(tx, &x->uid, c.seq, buf_bytes(&entry), e);
}

/* Without a word of the owner the escrow destroys nothing. */
static int
end_escrow(struct server *s, const struct ending *x, struct err *e)
{
	OWN(buf_free) struct buf ask = { 0 };
	OWN(buf_free) struct buf answer = { 0 };

	if (!x->escrow || s->escrow == NULL)
		return 0;
	if (!x->closed) {
		log_warn("escrow_key_kept", "account=%s", id_text(&x->uid).s);
		return 0;
	}
	id_put(&ask, &x->uid);
	return escrowlink_put_circle(s->escrow, s->db, &x->uid, &ask, e) < 0 ||
		escrowlink_ask(
		    s->escrow, ESCROW_DESTROY, buf_bytes(&ask), &answer, e) < 0
	    ? -1
	    : 0;
}

/* And what other accounts have said of it. */
static int
end_peers(struct tx *tx, const struct id *uid, struct err *e)
{
	return sql_run(
	    tx, e, "DELETE FROM inbox_peer WHERE peer = ?", "i", uid);
}

static int
end_messages(struct tx *tx, const struct id *uid, struct err *e)
{
	static const char *const of[] = { "joining", "recovering", "verifying",
		"visit" };

	for (size_t i = 0; i < ARRAY_SIZE(of); i++) {
		OWN(buf_free) struct buf sql = { 0 };
		buf_printf(&sql,
		    "DELETE FROM joining_message WHERE joining IN"
		    " (SELECT id FROM %s WHERE uid = ?)",
		    of[i]);
		if (sql_run(tx, e, buf_text(&sql), "i", uid) < 0)
			return -1;
	}
	return 0;
}

static int
end_rows(struct tx *tx, void *arg, struct err *e)
{
	const struct ending *x = arg;
	struct account a;
	bool found;

	if (account_by_uid(tx, &x->uid, &a, &found, e) < 0 ||
	    end_messages(tx, &x->uid, e) < 0 || end_peers(tx, &x->uid, e) < 0 ||
	    (found &&
		(account_unthrottle_all(tx, a.name, &a.uid, e) < 0 ||
		    pastname_keep(tx, &a, x->now_ms, e) < 0)))
		return -1;
	for (size_t i = 0; i < account_n_tables; i++) {
		OWN(buf_free) struct buf sql = { 0 };
		buf_printf(
		    &sql, "DELETE FROM %s WHERE uid = ?", account_tables[i]);
		if (sql_run(tx, e, buf_text(&sql), "i", &x->uid) < 0)
			return -1;
	}
	return 0;
}

static int
end_one(struct server *s, struct ending *x, struct err *e)
{
	if (db_write(s->db, shut, x, e) < 0)
		return -1;
	if (x->kept)
		return 0;
	http_wake(s->http, &x->uid);
	if (end_escrow(s, x, e) < 0 ||
	    zone_forget(&s->store, &x->uid, x->now_ms, e) < 0 ||
	    db_write(s->db, end_rows, x, e) < 0)
		return -1;
	log_info("account_ended", "account=%s", id_short(&x->uid).s);
	return 0;
}

/* ---- the wait ---- */

struct waiting {
	int64_t now_ms, most_ms; /* most_ms: how long one waits */
	uint64_t n, moved;
};

static int
count_waiting(struct tx *tx, void *arg, struct err *e)
{
	struct waiting *w = arg;

	return sql_count(tx, e, &w->n, "SELECT COUNT(*) FROM closing", "");
}

/*
 * To wait is to be able to keep the account. What passes while no server runs,
 * from the day of a copy until it is served, or by a jump of the clock, is not.
 * And after a clock that was ahead nobody waits for that time to come.
 */
static int
wait_on(struct tx *tx, void *arg, struct err *e)
{
	struct waiting *w = arg;
	int64_t last;

	if (mark_get(tx, MARK_WAITED, &last, NULL, e) < 0)
		return -1;
	if (last - w->now_ms > GAP_MS
		? sql_run(tx, e,
		      "UPDATE closing SET ends_ms = ?"
		      " WHERE ends_ms > ?",
		      "nn", w->now_ms + w->most_ms, w->now_ms + w->most_ms) < 0
		: sql_run(tx, e,
		      "UPDATE closing SET ends_ms = ends_ms + ? -"
		      " MAX(?, asked_ms) WHERE ends_ms > asked_ms"
		      " AND ? - MAX(?, asked_ms) > ?",
		      "nnnnn", w->now_ms, last, w->now_ms, last, GAP_MS) < 0)
		return -1;
	w->moved = tx_changes(tx);
	return mark_set(tx, MARK_WAITED, w->now_ms, "", false, e);
}

static int
wait_for_all(struct server *s, int64_t now_ms, struct err *e)
{
	struct waiting w = { .now_ms = now_ms,
		.most_ms = (int64_t)server_config(s)->closing_wait_s * 1000 };

	if (db_read(s->db, count_waiting, &w, e) < 0)
		return -1;
	if (w.n == 0)
		return 0;
	if (db_write(s->db, wait_on, &w, e) < 0)
		return -1;
	if (w.moved > 0)
		log_warn("account_ends_moved", "accounts=%llu",
		    (unsigned long long)w.moved);
	return 0;
}

struct over_job {
	int64_t now_ms;
	struct buf uids; /* v16 each */
};

static int
over_job(struct tx *tx, void *arg, struct err *e)
{
	struct over_job *j = arg;
	OWN(stmt_done) struct stmt *s = NULL;

	return sql_ask(tx, e, &s,
		   "SELECT uid FROM closing WHERE ends_ms <= ?"
		   " ORDER BY ends_ms LIMIT ?",
		   "nu", j->now_ms, (uint64_t)MOST) < 0
	    ? -1
	    : sql_gather(s, &j->uids, e);
}

int
closing_sweep(struct server *s, int64_t now_ms, struct err *e)
{
	struct over_job j = { .now_ms = now_ms };

	/* It has a part in this, and is not there before the server is. */
	if (escrowpeer_named(&s->config) && s->escrow == NULL)
		return 0;
	if (wait_for_all(s, now_ms, e) < 0)
		return -1;
	int rc = db_read(s->db, over_job, &j, e);
	OWN(buf_free) struct buf uids = j.uids;

	if (rc < 0)
		return -1;
	for (struct scan p = scan_of(buf_bytes(&uids)); p.n > 0;) {
		struct ending x = { .now_ms = now_ms };
		struct err why = { 0 };
		struct bytes uid = scan_v16(&p);
		if (uid.n != ID_BYTES)
			continue;
		memcpy(x.uid.b, uid.p, ID_BYTES);
		if (end_one(s, &x, &why) == 0)
			continue;
		log_warn("account_end_waits", "account=%s code=%s",
		    id_short(&x.uid).s, err_name(why.code));
		if (rc == 0)
			*e = why;
		rc = -1;
	}
	return rc;
}
