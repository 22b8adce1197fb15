/* SPDX-License-Identifier: ISC */
/* server_sweep.c: dropping what has expired, a few rows at a time. */
/*
 * Each step is a transaction of its own over an index, so that what a flood
 * left is swept beside all other writers, and not before them.
 */
#include "base/log.h"
#include "server/closing.h"
#include "server/escrowlink.h"
#include "server/notice.h"
#include "server/once.h"
#include "server/server.h"

#include <string.h>

#define STEP 500 /* rows */
#define HOUR_MS (3600 * 1000LL)
#define DAY_MS (24 * HOUR_MS)

#define OLD(table, key, column) \
	"DELETE FROM " table " WHERE (" key ") IN (SELECT " key " FROM " table \
	" WHERE " column " < ? ORDER BY " column ", " key " LIMIT ?)"
/* The messages of the rows that go in the same step. */
#define MESSAGES(table) \
	"DELETE FROM joining_message WHERE joining IN (SELECT id FROM " table \
	" WHERE expires_ms < ? ORDER BY expires_ms, id LIMIT ?)"

static const struct sweep {
	const char *first; /* or NULL */
	const char *rows;
	int64_t after_ms; /* what has expired still explains itself, if asked */
} sweeps[] = {
	{ NULL, OLD("session", "token", "expires_ms"), HOUR_MS },
	{ NULL, OLD("login", "id", "expires_ms"), 0 },
	{ NULL, OLD("used_nonce", "nonce", "expires_ms"), 0 },
	{ NULL, OLD("key_challenge", "holder, kind", "expires_ms"), HOUR_MS },
	{ NULL, OLD("trusted_browser", "token", "expires_ms"), DAY_MS },
	{ NULL, OLD("invite", "code", "expires_ms"), DAY_MS },
	{ NULL, OLD("throttle", "name", "since_ms"), DAY_MS },
	{ MESSAGES("joining"), OLD("joining", "id", "expires_ms"), DAY_MS },
	{ MESSAGES("recovering"), OLD("recovering", "id", "expires_ms"),
	    DAY_MS },
	{ MESSAGES("verifying"), OLD("verifying", "id", "expires_ms"), DAY_MS },
	{ MESSAGES("visit"), OLD("visit", "id", "expires_ms"), DAY_MS },
};

struct step {
	const struct sweep *sweep;
	int64_t before_ms;
	uint64_t gone;
};

static int
step(struct tx *tx, void *arg, struct err *e)
{
	struct step *k = arg;

	if (k->sweep->first != NULL &&
	    sql_run(
		tx, e, k->sweep->first, "nu", k->before_ms, (uint64_t)STEP) < 0)
		return -1;
	if (sql_run(tx, e, k->sweep->rows, "nu", k->before_ms, (uint64_t)STEP) <
	    0)
		return -1;
	k->gone = tx_changes(tx);
	return 0;
}

/* Keys with the escrow that nothing came of. */
static int
drop_begun(struct tx *tx, void *arg, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;
	OWN(buf_free) struct buf all = { 0 };
	struct call *c = arg;
	struct id uid;

	if (sql_ask(tx, e, &s,
		"SELECT uid FROM escrow_begun WHERE expires_ms < ? LIMIT ?",
		"nu", c->now_ms, (uint64_t)STEP) < 0 ||
	    sql_gather(s, &all, e) < 0)
		return -1;
	stmt_done(&s);
	for (struct scan p = scan_of(buf_bytes(&all)); p.n > 0;) {
		struct bytes x = scan_v16(&p);
		if (x.n != ID_BYTES)
			continue;
		memcpy(uid.b, x.p, ID_BYTES);
		if (escrowlink_later(
			tx, c, &uid, ESCROW_DROP, bytes_str(""), e) < 0 ||
		    sql_run(tx, e, "DELETE FROM escrow_begun WHERE uid = ?",
			"i", &uid) < 0)
			return -1;
	}
	return 0;
}

static int
drop_answers(struct tx *tx, void *arg, struct err *e)
{
	const int64_t *now = arg;

	return once_sweep(tx, *now, e);
}

static int
tell_late(struct tx *tx, void *arg, struct err *e)
{
	return notice_late(tx, arg, e);
}

/* What lies in the trash is the first that a full disk does without. */
static int
make_room(struct server *s, int64_t at_ms, struct err *e)
{
	uint64_t n;

	return !room_full(s->room) ? 0
	    : zone_empty_trash(&s->store, NULL, UINT64_MAX, &n, e) < 0 ||
		blob_purge(s->blobs, at_ms + BLOB_TRASH_MS, &n, e) < 0
	    ? -1
	    : 0;
}

static int
sweep(struct server *s, int64_t at_ms, struct err *e)
{
	struct request nobody = { .peer = "", .source = "" };
	struct call c = { .s = s, .q = &nobody, .now_ms = at_ms };
	struct err later = { 0 };
	struct zone_gc gc;

	for (size_t i = 0; i < ARRAY_SIZE(sweeps); i++) {
		struct step k = { &sweeps[i], at_ms - sweeps[i].after_ms, 0 };
		do {
			if (db_write(s->db, step, &k, e) < 0)
				return -1;
		} while (k.gone == STEP);
	}
	if (db_write(s->db, drop_begun, &c, e) < 0 ||
	    db_write(s->db, drop_answers, &at_ms, e) < 0 ||
	    db_write(s->db, tell_late, &c, e) < 0)
		return -1;
	server_wake(&c);
	if (closing_sweep(s, at_ms, &later) < 0)
		log_error("closing_failed", "code=%s", err_name(later.code));
	return make_room(s, at_ms, e) < 0 ||
		zone_gc(&s->store, at_ms, &gc, e) < 0
	    ? -1
	    : 0;
}

int
server_sweep(struct server *s, int64_t at_ms, struct err *e)
{
	int rc = sweep(s, at_ms, e);

	/* The next one finds room. */
	if (rc < 0 && e->code == ERR_SERVER_FULL)
		(void)room_use(s->room);
	return rc;
}
