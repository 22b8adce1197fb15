/* SPDX-License-Identifier: ISC */
/* entries.c: the circle's entries over HTTP. */
#include "api/entries.h"

#include "api/api.h"
#include "api/envelopes.h"
#include "api/protections.h"
#include "api/recoverykeys.h"
#include "base/now.h"
#include "base/text.h"
#include "factor/seckeys.h"
#include "server/ordered.h"
#include "server/pastname.h"
#include "server/restored.h"

#include <string.h>

/* Entries an hour that one account's devices may add, so that none of them
 * makes the circle dear for everybody who reads it. Removals and vetoes are
 * not counted: nothing may stand in their way. */
#define ENTRIES_AN_HOUR 200
#define HOUR_MS (3600 * 1000LL)
#define RESTORED_MS (RESTORED_DAYS * 24 * HOUR_MS)

/* ---- listing ---- */

struct list_job {
	const struct caller *me;
	uint32_t since;
	struct buf *out;
};

static int
list_job(struct tx *tx, void *arg, struct err *e)
{
	const struct list_job *j = arg;

	return account_entries(tx, &j->me->uid, j->since, j->out, e);
}

int
entries_list(
    void *app, const struct request *q, struct response *r, struct err *e)
{
	struct server *s = app;
	struct list_job j = { .me = q->user, .out = &r->body };
	const char *since = http_query(q, "since");
	uint64_t n = 0;

	if (since != NULL && text_parse_u64(since, 0, UINT32_MAX, &n) < 0)
		return err_set(e, ERR_BAD_REQUEST, "since is no number");
	/* A name alone shows no list of devices. */
	if (!id_zero(&j.me->recovering) &&
	    j.me->recovery_state != RECOVER_WAITING &&
	    j.me->recovery_state != RECOVER_DONE)
		return err_set(e, ERR_RECOVERY_WAITING,
		    "nobody has helped with this recovery yet");
	j.since = (uint32_t)n;
	r->type = "application/octet-stream";
	return db_read(s->db, list_job, &j, e);
}

/* ---- submitting ---- */

struct submit_job {
	struct call *c;
	struct bytes entry, envelopes;
};

/* An entry that was taken before is answered as the first time. */
static int
seen_before(
    struct tx *tx, const struct submit_job *j, bool *seen, struct err *e)
{
	OWN(buf_free) struct buf have = { 0 };
	struct entry_view v;

	if (circle_entry_parse(j->entry, &v, e) < 0 ||
	    account_entry(tx, &j->c->me->uid, v.seq, &have, e) < 0)
		return -1;
	*seen = have.n > 0 && bytes_equal(buf_bytes(&have), j->entry);
	return 0;
}

static bool
own_removal(const struct entry_view *v, const struct id *dev_id)
{
	return v->type == CIRCLE_REMOVE && v->body.n >= 1 + ID_BYTES &&
	    v->body.p[0] == 1 &&
	    bytes_equal(bytes_of(v->body.p + 1, ID_BYTES),
		bytes_of(dev_id->b, ID_BYTES));
}

/*
 * The server was put back to a copy: what it has lost since may come again. A
 * RESET, which proves nothing by itself, does not: its recovery is done again.
 */
static bool
comes_again(const struct call *c, const struct entry_view *v)
{
	const struct server *s = c->s;
	int64_t time_ms = (int64_t)v->time_ms;

	return v->type != CIRCLE_RESET && c->now_ms < s->restored_until_ms &&
	    time_ms >= s->restored_since_ms - LIMIT_CLOCK_SKEW_MS &&
	    time_ms <= s->restored_until_ms - RESTORED_MS + LIMIT_CLOCK_SKEW_MS;
}

static bool
signs_it(const struct entry_view *v, const struct id *dev_id)
{
	for (size_t i = 0; i < v->n_sigs; i++)
		if (v->sigs[i].kind == 1 &&
		    id_equal(&v->sigs[i].keyref, dev_id))
			return true;
	return false;
}

static int
check_rights(
    const struct submit_job *j, const struct entry_view *v, struct err *e)
{
	const struct caller *me = j->c->me;
	int64_t skew = j->c->now_ms - (int64_t)v->time_ms;
	bool again = comes_again(j->c, v);

	if ((skew > LIMIT_CLOCK_SKEW_MS && !again) ||
	    skew < -LIMIT_CLOCK_SKEW_MS)
		return err_set(e, ERR_CLOCK_WRONG,
		    "the clocks of client and server are more than 5 minutes "
		    "apart");
	if ((v->type == CIRCLE_RECOVER || v->type == CIRCLE_RESET) && !again)
		return err_set(e, ERR_PERMISSION,
		    "a device that is in does not recover the account");
	if (!again && !signs_it(v, &me->dev_id))
		return err_set(e, ERR_PERMISSION,
		    "a device submits only entries it has signed");
	/* It would be final, before another device has seen it. */
	if (v->type == CIRCLE_CLOSE)
		return err_set(e, ERR_PERMISSION,
		    "an account is ended by: aumbry account delete, which "
		    "waits so that other devices can keep it");
	bool fresh = server_fresh(me->step_up_ms, j->c->now_ms);
	if (v->type != CIRCLE_ADD && v->type != CIRCLE_EPOCH &&
	    v->type != CIRCLE_NAME && !own_removal(v, &me->dev_id) && !fresh)
		return err_set(e, ERR_STEP_UP_REQUIRED,
		    "this needs the password, and a factor, proven within the "
		    "last 5 minutes");
	return 0;
}

int
entries_end_removed(struct tx *tx, struct call *c, const struct circle *before,
    const struct circle *after, struct err *e)
{
	for (size_t i = 0; i < before->n_members; i++) {
		const struct id *id = &before->members[i].device.dev_id;
		if (!before->members[i].active || circle_active(after, id))
			continue;
		if (account_end_sessions(tx, &after->uid, id, e) < 0 ||
		    sql_run(tx, e,
			"DELETE FROM backup_state WHERE uid = ?"
			" AND dev_id = ?",
			"ii", &after->uid, id) < 0 ||
		    server_event(tx, c,
			&(struct server_event){
			    &after->uid, "device_removed", id, "" },
			e) < 0)
			return -1;
	}
	return 0;
}

/*
 * A key joins by a device that has just proven password and factor: it cannot
 * ask by itself.
 */
static int
key_added(struct tx *tx, struct call *c, const struct circle *after,
    const struct device *d, bool again, struct err *e)
{
	if (!server_fresh(c->me->step_up_ms, c->now_ms) && !again)
		return err_set(e, ERR_STEP_UP_REQUIRED,
		    "this needs the password, and a factor, proven within the "
		    "last 5 minutes");
	return server_event(tx, c,
	    &(struct server_event){
		&after->uid, "device_added", &d->dev_id, "a security key" },
	    e);
}

static int
add_done(struct tx *tx, struct call *c, const struct circle *after,
    const struct device *d, bool again, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;
	OWN(buf_free) struct buf record = { 0 };
	bool row;

	if (d->class == CLASS_SECURITY_KEY)
		return key_added(tx, c, after, d, again, e);
	device_put(&record, d);
	/* Allowed by a device, or by the key that adds it. */
	if (sql_first(tx, e, &s, &row,
		"SELECT id FROM joining j WHERE uid = ? AND device = ?"
		" AND (state = 1 OR (state = 0 AND expires_ms > ? AND EXISTS"
		" (SELECT 1 FROM security_key k WHERE k.uid = j.uid"
		" AND k.id = j.proven_key AND k.member = ?)))",
		"ibni", &after->uid, buf_bytes(&record), c->now_ms,
		&c->me->dev_id) < 0)
		return -1;
	if (!row && again)
		return server_event(tx, c,
		    &(struct server_event){
			&after->uid, "device_added", &d->dev_id, "again" },
		    e);
	if (!row)
		return err_set(e, ERR_REQUEST_REFUSED,
		    "no request of this device was allowed");
	stmt_got_copy(s, 0, c->wake.b, ID_BYTES);
	return sql_run(tx, e, "UPDATE joining SET state = 3 WHERE id = ?", "i",
		   &c->wake) < 0 ||
		server_event(tx, c,
		    &(struct server_event){
			&after->uid, "device_added", &d->dev_id, "" },
		    e) < 0
	    ? -1
	    : 0;
}

static enum envelopes_bundle
bundle_of(const struct entry_view *v, const struct circle *before,
    const struct circle *after)
{
	if (after->key.epoch != before->key.epoch)
		return ENVELOPES_WHOLE;
	switch (v->type) {
	case CIRCLE_ADD:
		return ENVELOPES_ONE;
	case CIRCLE_RECOVERY:
		return ENVELOPES_RECOVERY;
	case CIRCLE_PROTECTION:
		return after->protection == PROTECTION_STANDARD
		    ? ENVELOPES_ESCROW
		    : ENVELOPES_NONE;
	default:
		return ENVELOPES_NONE;
	}
}

/* Where there is none, no device could prove a factor any more. */
static int
keys_needed(struct tx *tx, struct call *c, const struct entry_view *v,
    const struct circle *after, struct err *e)
{
	bool has;

	if (after->keys_only == 0 || comes_again(c, v))
		return 0;
	if (seckeys_has(tx, &after->uid, &has, e) < 0)
		return -1;
	return has ? 0
		   : err_set(e, ERR_BAD_REQUEST,
			 "security keys alone count once there are two");
}

/* One that was made before the server was put back to a copy may be of a name
 * that it has lost: but of none that is, or was, another account's. */
static int
may_again(struct tx *tx, const struct circle *c, bool *ok, struct err *e)
{
	char name[LIMIT_NAME_BYTES + 1] = "";
	size_t n = strcspn(c->name, "@");
	struct account other;
	bool found;

	*ok = false;
	if (n >= sizeof name)
		return 0;
	memcpy(name, c->name, n);
	if (account_by_name(tx, name, &other, &found, e) < 0)
		return -1;
	if (found)
		return 0;
	*ok = pastname_check(tx, name, &c->uid, e) == 0;
	if (*ok)
		return 0;
	if (e->code != ERR_NAME_TAKEN)
		return -1;
	err_clear(e);
	return 0;
}

int
entries_name(struct tx *tx, const struct circle *c, bool again, struct err *e)
{
	struct account a;
	bool ok;

	if (server_account(tx, &c->uid, &a, e) < 0)
		return -1;
	ok = circle_goes_by(c, a.name);
	if (!ok && again && may_again(tx, c, &ok, e) < 0)
		return -1;
	return ok
	    ? 0
	    : err_set(e, ERR_BAD_REQUEST,
		  "an account goes by no other name than its own, %s", a.name);
}

/* What else an entry changes here. */
static int
changed(struct tx *tx, struct call *c, const struct entry_view *v,
    const struct circle *before, const struct circle *after, struct err *e)
{
	switch (v->type) {
	case CIRCLE_NAME:
		return entries_name(tx, after, comes_again(c, v), e);
	case CIRCLE_FACTORS:
		return keys_needed(tx, c, v, after, e);
	case CIRCLE_RECOVERY:
		return recoverykeys_staged(tx, after, e) < 0 ||
			recoverykeys_tidy(tx, after, e) < 0
		    ? -1
		    : server_event(tx, c,
			  &(struct server_event){ &after->uid,
			      after->pending ? "recovery_change_waits"
					     : "recovery_changed",
			      &c->me->dev_id, "" },
			  e);
	case CIRCLE_VETO:
		return recoverykeys_tidy(tx, after, e) < 0
		    ? -1
		    : server_event(tx, c,
			  &(struct server_event){ &after->uid,
			      "recovery_vetoed", &c->me->dev_id, "" },
			  e);
	case CIRCLE_PROTECTION:
		return protections_changed(tx, c, before, after, e);
	default:
		return 0;
	}
}

static int
check_rate(
    struct tx *tx, struct call *c, const struct entry_view *v, struct err *e)
{
	OWN(buf_free) struct buf key = { 0 };
	uint64_t left;
	int64_t retry_ms;

	if (v->type == CIRCLE_REMOVE || v->type == CIRCLE_VETO ||
	    comes_again(c, v))
		return 0;
	buf_printf(&key, "entry|%s", id_text(&c->me->uid).s);
	if (account_spend(tx,
		&(struct account_limit){
		    buf_text(&key), ENTRIES_AN_HOUR, HOUR_MS },
		c->now_ms, &left, &retry_ms, e) < 0)
		return -1;
	return retry_ms == 0
	    ? 0
	    : err_set(e, ERR_TOO_MANY_ATTEMPTS,
		  "the list of devices changed %d times within an hour; try "
		  "again in %lld minutes",
		  ENTRIES_AN_HOUR, (long long)(retry_ms / 60000 + 1));
}

static int
submit_job(struct tx *tx, void *arg, struct err *e)
{
	struct submit_job *j = arg;
	OWN(circle_free) struct circle before = { 0 };
	OWN(circle_free) struct circle after = { 0 };
	struct entry_view v;
	bool seen;

	if (seen_before(tx, j, &seen, e) < 0)
		return -1;
	if (seen)
		return 0;
	if (circle_entry_parse(j->entry, &v, e) < 0 ||
	    check_rights(j, &v, e) < 0 || check_rate(tx, j->c, &v, e) < 0 ||
	    account_circle(tx, &j->c->me->uid, &before, e) < 0)
		return -1;
	circle_copy(&after, &before);
	if (circle_apply(&after, j->entry, e) < 0)
		return -1;
	bool add = v.type == CIRCLE_ADD;
	const struct device *fresh =
	    add ? &after.members[after.n_members - 1].device : NULL;
	if (account_add_entry(tx, &after.uid, after.seq, j->entry, e) < 0 ||
	    envelopes_take(tx, &after, &j->c->me->dev_id, j->envelopes,
		bundle_of(&v, &before, &after), e) < 0 ||
	    entries_end_removed(tx, j->c, &before, &after, e) < 0 ||
	    changed(tx, j->c, &v, &before, &after, e) < 0)
		return -1;
	j->c->longer = after.uid;
	return fresh != NULL
	    ? add_done(tx, j->c, &after, fresh, comes_again(j->c, &v), e)
	    : 0;
}

int
entries_submit(
    void *app, const struct request *q, struct response *r, struct err *e)
{
	struct server *s = app;
	OWN(jsonio_free) json_t *out = json_object();
	struct call c = { .s = s, .q = q, .me = q->user, .now_ms = now_ms() };
	struct submit_job j = { .c = &c };
	struct scan body = scan_of(q->body);

	j.entry = scan_v16(&body);
	(void)scan_u16(&body);
	j.envelopes = bytes_of(body.p, body.n);
	if (!scan_ok(&body))
		return err_set(
		    e, ERR_BAD_REQUEST, "the entry is not well-formed");
	if (db_write(s->db, submit_job, &j, e) < 0)
		return -1;
	server_wake(&c);
	jsonio_put_true(out, "ok", true);
	jsonio_put(&r->body, out);
	return 0;
}
