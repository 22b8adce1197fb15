/* SPDX-License-Identifier: ISC */
/* status.c: what an account is told of itself, and its log. */
#include "api/api.h"

#include "base/text.h"
#include "factor/factor.h"
#include "server/closing.h"

#define EVENTS_MAX 200 /* in one answer */

/* ---- account ---- */

static void
put_device(struct stmt *s, const struct call *c, json_t *row)
{
	struct id dev_id;

	stmt_got_copy(s, 0, dev_id.b, ID_BYTES);
	jsonio_put_id(row, "dev_id", &dev_id);
	jsonio_put_u64(row, "last_seen_ms", stmt_got_u64(s, 1));
	server_put_address(c, row, stmt_got_text(s, 2));
	if (stmt_got_u64(s, 4) == 0)
		return;
	jsonio_put_u64(row, "backup_last_ms", stmt_got_u64(s, 3));
	jsonio_put_u64(row, "backup_since_ms", stmt_got_u64(s, 4));
}

static int
put_devices(struct tx *tx, struct call *c, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;

	return sql_ask(tx, e, &s,
		   "SELECT d.dev_id, d.time_ms, d.address,"
		   " COALESCE(b.last_ms, 0), COALESCE(b.since_ms, 0)"
		   " FROM device_seen d LEFT JOIN backup_state b"
		   " ON b.uid = d.uid AND b.dev_id = d.dev_id"
		   " WHERE d.uid = ?",
		   "i", &c->me->uid) < 0
	    ? -1
	    : server_rows(s, c, "devices", put_device, e);
}

/* Is it to end? */
static int
put_closing(struct tx *tx, struct call *c, struct err *e)
{
	struct closing x;

	if (closing_get(tx, &c->me->uid, &x, e) < 0)
		return -1;
	if (!x.there)
		return 0;
	json_t *j = json_object();
	jsonio_put_u64(j, "asked_ms", (uint64_t)x.asked_ms);
	jsonio_put_u64(j, "ends_ms", (uint64_t)x.ends_ms);
	if (!id_zero(&x.dev_id))
		jsonio_put_id(j, "dev_id", &x.dev_id);
	(void)json_object_set_new(c->out, "closing", j);
	return 0;
}

int
status_account(struct tx *tx, struct call *c, struct err *e)
{
	struct account a;
	struct usage u;

	if (server_account(tx, &c->me->uid, &a, e) < 0 ||
	    usage_get(tx, &c->me->uid, &u, e) < 0 ||
	    put_closing(tx, c, e) < 0 ||
	    factor_put_methods(tx, c, &c->me->uid, false, e) < 0)
		return -1;
	/* By the name that a status has had from the first. */
	(void)json_object_set(
	    c->out, "factors", json_object_get(c->out, "methods"));
	(void)json_object_del(c->out, "methods");
	(void)json_object_del(c->out, "numbers");
	jsonio_put_id(c->out, "uid", &a.uid);
	jsonio_put_true(c->out, "limited", c->me->limited);
	jsonio_put_text(c->out, "name", a.name);
	jsonio_put_text(c->out, "host", c->s->config.host);
	jsonio_put_u64(c->out, "created_ms", (uint64_t)a.created_ms);
	jsonio_put_text(
	    c->out, "two_factor", account_two_factor_name(a.two_factor));
	jsonio_put_u64(c->out, "used_bytes", u.bytes);
	jsonio_put_u64(
	    c->out, "quota_bytes", u.quota == USAGE_NO_QUOTA ? 0 : u.quota);
	return put_devices(tx, c, e);
}

static void
put_event(struct stmt *s, const struct call *c, json_t *row)
{
	struct id dev_id;

	jsonio_put_u64(row, "time_ms", stmt_got_u64(s, 0));
	jsonio_put_text(row, "event", stmt_got_text(s, 1));
	stmt_got_copy(s, 2, dev_id.b, ID_BYTES);
	if (!id_zero(&dev_id))
		jsonio_put_id(row, "dev_id", &dev_id);
	server_put_address(c, row, stmt_got_text(s, 3));
	jsonio_put_text(row, "detail", stmt_got_text(s, 4));
	jsonio_put_u64(row, "n", stmt_got_u64(s, 5));
}

int
status_log(struct tx *tx, struct call *c, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;
	const char *since = http_query(c->q, "since");
	const char *before = http_query(c->q, "before");
	uint64_t from = 0, below = INT64_MAX;

	if (since != NULL && text_parse_u64(since, 0, INT64_MAX, &from) < 0)
		return err_set(e, ERR_BAD_REQUEST, "since is no number");
	if (before != NULL && text_parse_u64(before, 0, INT64_MAX, &below) < 0)
		return err_set(e, ERR_BAD_REQUEST, "before is no number");
	if (sql_ask(tx, e, &s,
		"SELECT time_ms, event, dev_id, address, detail, n FROM event"
		" WHERE uid = ? AND time_ms >= ? AND n < ?"
		" ORDER BY n DESC LIMIT ?",
		"iuuu", &c->me->uid, from, below, (uint64_t)EVENTS_MAX) < 0 ||
	    server_rows(s, c, "events", put_event, e) < 0)
		return -1;
	const json_t *list = json_object_get(c->out, "events");
	if (json_array_size(list) == EVENTS_MAX)
		(void)json_object_set(c->out, "next",
		    json_object_get(json_array_get(list, EVENTS_MAX - 1), "n"));
	return 0;
}
