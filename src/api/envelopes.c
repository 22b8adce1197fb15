/* SPDX-License-Identifier: ISC */
/* envelopes.c: the circle and its key envelopes over HTTP. */
#include "api/envelopes.h"

#include "api/api.h"
#include "api/protections.h"
#include "api/recoveries.h"
#include "base/now.h"
#include "base/text.h"
#include "factor/seckeys.h"
#include "server/restored.h"
#include "server/server.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Entries an hour that one account's devices may add, so that none of them
 * makes the circle dear for everybody who reads it. Removals and vetoes are
 * not counted: nothing may stand in their way. */
#define ENTRIES_AN_HOUR 200
#define HOUR_MS (3600 * 1000LL)
#define RESTORED_MS (RESTORED_DAYS * 24 * HOUR_MS)

enum { PURPOSE_PREVIOUS = 2, PURPOSE_EARLIER = 11 };

/* ---- bundles ---- */

/* What a bundle must bring, ticked off as it comes. */
struct checklist {
	bool s[LIMIT_MEMBERS]; /* by place among the active members */
	bool previous;
	bool recovery[2 * LIMIT_RECOVERY_KEYS]; /* in force, then waiting */
	bool keys[3][CATEGORY_END]; /* K, N, I */
	bool escrow[2][CATEGORY_END]; /* K, N for the escrow */
};

static int
incomplete(struct err *e, const char *what)
{
	return err_set(e, ERR_KEY_SUBSTITUTED, "the keys %s", what);
}

static bool
tick_member(struct checklist *l, const struct circle *c, const struct id *to)
{
	size_t place = 0;

	assert(c->members != NULL); /* a circle has a founder */
	for (size_t i = 0; i < c->n_members; i++) {
		if (!c->members[i].active)
			continue;
		if (id_equal(&c->members[i].device.dev_id, to)) {
			l->s[place] = true;
			return true;
		}
		place++;
	}
	return false;
}

/* Where a keyref stands in the set; LIMIT_RECOVERY_KEYS when it does not. */
static size_t
place_in(const struct recovery_set *set, const struct id *keyref)
{
	const struct recovery_key *k = recovery_find(set, keyref);

	return k == NULL ? LIMIT_RECOVERY_KEYS : (size_t)(k - set->keys);
}

static bool
tick_recovery(struct checklist *l, const struct circle *c, const struct id *to)
{
	size_t now = place_in(&c->recovery, to);
	size_t next = c->pending ? place_in(&c->next, to) : LIMIT_RECOVERY_KEYS;

	if (now < LIMIT_RECOVERY_KEYS)
		l->recovery[now] = true;
	if (next < LIMIT_RECOVERY_KEYS)
		l->recovery[LIMIT_RECOVERY_KEYS + next] = true;
	return now < LIMIT_RECOVERY_KEYS || next < LIMIT_RECOVERY_KEYS;
}

static int
tick_escrow(struct checklist *l, const struct circle *c,
    const struct account_envelope *v, struct err *e)
{
	struct digest d;

	if (c->protection != PROTECTION_STANDARD ||
	    !category_known(v->category) || !category_escrowed(v->category))
		return incomplete(e, "are for an escrow that has no part here");
	digest_of(bytes_of(c->escrow.kem_pk, KEM_PK_BYTES), &d);
	if (!bytes_equal(
		bytes_of(v->receiver.b, ID_BYTES), bytes_of(d.b, ID_BYTES)))
		return incomplete(e, "are sealed to another escrow");
	l->escrow[v->purpose - 6][v->category] = true;
	return 0;
}

static int
tick(struct checklist *l, const struct circle *c,
    const struct account_envelope *v, struct err *e)
{
	if (v->purpose == 1)
		return tick_member(l, c, &v->receiver) ||
			tick_recovery(l, c, &v->receiver)
		    ? 0
		    : incomplete(e, "are sealed to a device that is not there");
	if (v->purpose == 6 || v->purpose == 7)
		return tick_escrow(l, c, v, e);
	if (v->purpose == PURPOSE_PREVIOUS || v->purpose == PURPOSE_EARLIER) {
		l->previous = true;
		return 0;
	}
	if (v->purpose == 8 && c->reset_seq == c->seq &&
	    v->epoch < c->first_epoch && category_known(v->category))
		return 0;
	if (v->purpose < 3 || v->purpose > 5 || !category_known(v->category))
		return incomplete(e, "are of a kind this server does not know");
	l->keys[v->purpose - 3][v->category] = true;
	return 0;
}

static int
check_escrow(const struct checklist *l, struct err *e)
{
	for (unsigned k = CATEGORY_STATE; k < CATEGORY_END; k++)
		if (category_escrowed(k) &&
		    (!l->escrow[0][k] || !l->escrow[1][k]))
			return incomplete(e, "lack a category for the escrow");
	return 0;
}

static int
check_whole(const struct checklist *l, const struct circle *c, struct err *e)
{
	size_t active = circle_active_count(c);

	for (size_t i = 0; i < active; i++)
		if (!l->s[i])
			return incomplete(e, "lack the secret of a device");
	for (size_t i = 0; i < c->recovery.n; i++)
		if (!l->recovery[i])
			return incomplete(e, "lack a recovery key's secret");
	for (size_t i = 0; c->pending && i < c->next.n; i++)
		if (!l->recovery[LIMIT_RECOVERY_KEYS + i])
			return incomplete(e, "lack a recovery key's secret");
	if (c->key.epoch > c->first_epoch && !l->previous)
		return incomplete(e, "lack the previous secret");
	for (unsigned k = CATEGORY_STATE; k < CATEGORY_END; k++)
		if (!l->keys[2][k] ||
		    (k != CATEGORY_STATE && (!l->keys[0][k] || !l->keys[1][k])))
			return incomplete(e, "lack a category");
	return c->protection == PROTECTION_STANDARD ? check_escrow(l, e) : 0;
}

/* Each recovery key must be able to read the newest epoch. */
static int
check_recovery(const struct checklist *l, const struct circle *c, struct tx *tx,
    struct err *e)
{
	const struct recovery_set *sets[2] = { &c->recovery, &c->next };

	for (size_t k = 0; k < (c->pending ? 2 : 1); k++)
		for (size_t i = 0; i < sets[k]->n; i++) {
			struct id ref;
			uint64_t n;
			if (l->recovery[k * LIMIT_RECOVERY_KEYS + i])
				continue;
			recovery_keyref(sets[k]->keys[i].sign_pk, &ref);
			if (sql_count(tx, e, &n,
				"SELECT COUNT(*) FROM envelope WHERE uid = ?"
				" AND purpose = 1 AND epoch = ?"
				" AND receiver = ?",
				"iui", &c->uid, (uint64_t)c->key.epoch,
				&ref) < 0)
				return -1;
			if (n == 0)
				return incomplete(
				    e, "lack a recovery key's secret");
		}
	return 0;
}

/* Every epoch there is, of what standard protection covers. */
static int
check_all_escrowed(const struct checklist *l, const struct circle *c,
    struct tx *tx, struct err *e)
{
	for (unsigned k = CATEGORY_STATE; k < CATEGORY_END; k++) {
		uint64_t n;
		if (!category_escrowed(k))
			continue;
		if (sql_count(tx, e, &n,
			"SELECT COUNT(DISTINCT epoch) FROM envelope AS v WHERE"
			" uid = ? AND category = ? AND purpose IN (3, 8)"
			" AND epoch NOT IN (SELECT epoch FROM envelope WHERE"
			" uid = ? AND category = ? AND purpose = 6)"
			/* Not those whose S was never handed on. */
			" AND (purpose = 8 OR epoch = ? OR EXISTS"
			" (SELECT 1 FROM envelope WHERE uid = v.uid"
			" AND purpose = 2 AND epoch = v.epoch + 1))",
			"iuiuu", &c->uid, (uint64_t)k, &c->uid, (uint64_t)k,
			(uint64_t)c->key.epoch) < 0)
			return -1;
		if (n > 0)
			return incomplete(e, "lack an epoch for the escrow");
	}
	return check_escrow(l, e);
}

/* What may stand in such a bundle beside what the checklist knows. */
static bool
belongs(const struct account_envelope *v, enum envelopes_bundle kind,
    const struct circle *circle, const struct id *to)
{
	switch (kind) {
	case ENVELOPES_WHOLE:
		return v->epoch == circle->key.epoch || v->purpose == 8;
	case ENVELOPES_ONE:
		return v->epoch == circle->key.epoch && v->purpose == 1 &&
		    id_equal(&v->receiver, to);
	case ENVELOPES_RECOVERY:
		return v->epoch == circle->key.epoch && v->purpose == 1 &&
		    circle_member(circle, &v->receiver) == NULL;
	case ENVELOPES_ESCROW:
		return v->epoch <= circle->key.epoch &&
		    (v->purpose == 6 || v->purpose == 7);
	default:
		return false;
	}
}

int
envelopes_take(struct tx *tx, const struct circle *circle,
    const struct id *sender, struct bytes envelopes, enum envelopes_bundle kind,
    const struct id *to, struct err *e)
{
	struct scan s = scan_of(envelopes);
	struct checklist list = { 0 };
	const struct member *m = circle_member(circle, sender);
	size_t n = 0;

	while (s.n > 0) {
		struct account_envelope v;
		struct bytes x = scan_v16(&s);
		if (!scan_ok(&s) || ++n > LIMIT_CARRIED_ENVELOPES)
			return incomplete(e, "are not well-formed");
		if (account_envelope_parse(x, &v, e) < 0)
			return -1;
		if (m == NULL || !id_equal(&v.sender, sender) ||
		    !sig_valid(
			SIG_ENVELOPE, m->device.sign_pk, v.signed_part, v.sig))
			return incomplete(
			    e, "are not signed by who sends them");
		if (!belongs(&v, kind, circle, to))
			return incomplete(e, "do not belong to this entry");
		if (tick(&list, circle, &v, e) < 0 ||
		    account_add_envelope(tx, &circle->uid, &v, e) < 0)
			return -1;
	}
	if (kind == ENVELOPES_ONE && n != 1)
		return incomplete(e, "lack the new device's secret");
	return kind == ENVELOPES_WHOLE	 ? check_whole(&list, circle, e)
	    : kind == ENVELOPES_RECOVERY ? check_recovery(&list, circle, tx, e)
	    : kind == ENVELOPES_ESCROW
	    ? check_all_escrowed(&list, circle, tx, e)
	    : 0;
}

int
envelopes_forget_carried(struct tx *tx, const struct id *uid, struct err *e)
{
	return sql_run(tx, e,
	    "DELETE FROM envelope WHERE uid = ? AND purpose = 8", "i", uid);
}

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

static int
keyring_job(struct tx *tx, void *arg, struct err *e)
{
	const struct list_job *j = arg;

	return account_keyring(tx, &j->me->uid, &j->me->dev_id, j->out, e);
}

int
envelopes_list(
    void *app, const struct request *q, struct response *r, struct err *e)
{
	struct server *s = app;
	struct list_job j = { .me = q->user, .out = &r->body };

	r->type = "application/octet-stream";
	return db_read(s->db, keyring_job, &j, e);
}

/* ---- what the maker of an epoch could not hand on ---- */

/* The S before an epoch, where only an earlier one was handed on. */
static int
fill_one(struct tx *tx, const struct circle *c, const struct id *sender,
    struct bytes x, struct err *e)
{
	const struct member *m = circle_member(c, sender);
	struct account_envelope v;
	uint64_t earlier;

	if (account_envelope_parse(x, &v, e) < 0)
		return -1;
	if (v.purpose != PURPOSE_PREVIOUS || v.epoch < 1 ||
	    v.epoch > c->key.epoch || m == NULL ||
	    !id_equal(&v.sender, sender) || !id_zero(&v.receiver) ||
	    v.category != 0 ||
	    !circle_active_at(c, sender, c->epochs[v.epoch - 1].seq) ||
	    !sig_valid(SIG_ENVELOPE, m->device.sign_pk, v.signed_part, v.sig))
		return incomplete(
		    e, "are not signed by a member of their time");
	if (sql_count(tx, e, &earlier,
		"SELECT COUNT(*) FROM envelope WHERE uid = ? AND purpose = ?"
		" AND epoch = ?",
		"iuu", &c->uid, (uint64_t)PURPOSE_EARLIER,
		(uint64_t)v.epoch) < 0)
		return -1;
	return earlier > 0 ? account_add_envelope(tx, &c->uid, &v, e)
			   : incomplete(e, "lack nothing");
}

static int
fill(struct tx *tx, struct call *c, struct err *e)
{
	OWN(circle_free) struct circle circle = { 0 };
	OWN(buf_free) struct buf list = { 0 };

	if (jsonio_list(c->in, "envelopes", LIMIT_BUNDLE_ENVELOPES, &list, e) <
		0 ||
	    account_circle(tx, &c->me->uid, &circle, e) < 0)
		return -1;
	struct scan s = scan_of(buf_bytes(&list));
	while (s.n > 0)
		if (fill_one(tx, &circle, &c->me->dev_id, scan_v16(&s), e) < 0)
			return -1;
	return 0;
}

int
envelopes_fill(
    void *app, const struct request *q, struct response *r, struct err *e)
{
	return server_json(app, q, r, fill, SERVER_WRITE, e);
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
	bool fresh = server_fresh(me->step_up_ms, j->c->now_ms);
	if (v->type != CIRCLE_ADD && v->type != CIRCLE_EPOCH &&
	    !own_removal(v, &me->dev_id) && !fresh)
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
		    server_event(
			tx, c, &after->uid, "device_removed", id, "", e) < 0)
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
	return server_event(tx, c, &after->uid, "device_added", &d->dev_id,
	    "a security key", e);
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
		return server_event(
		    tx, c, &after->uid, "device_added", &d->dev_id, "again", e);
	if (!row)
		return err_set(e, ERR_REQUEST_REFUSED,
		    "no request of this device was allowed");
	stmt_got_copy(s, 0, c->wake.b, ID_BYTES);
	return sql_run(tx, e, "UPDATE joining SET state = 3 WHERE id = ?", "i",
		   &c->wake) < 0 ||
		server_event(
		    tx, c, &after->uid, "device_added", &d->dev_id, "", e) < 0
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

/* What else an entry changes here. */
static int
changed(struct tx *tx, struct call *c, const struct entry_view *v,
    const struct circle *before, const struct circle *after, struct err *e)
{
	switch (v->type) {
	case CIRCLE_FACTORS:
		return keys_needed(tx, c, v, after, e);
	case CIRCLE_RECOVERY:
		return recoverykeys_staged(tx, after, e) < 0 ||
			recoverykeys_tidy(tx, after, e) < 0
		    ? -1
		    : server_event(tx, c, &after->uid,
			  after->pending ? "recovery_change_waits"
					 : "recovery_changed",
			  &c->me->dev_id, "", e);
	case CIRCLE_VETO:
		return recoverykeys_tidy(tx, after, e) < 0
		    ? -1
		    : server_event(tx, c, &after->uid, "recovery_vetoed",
			  &c->me->dev_id, "", e);
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
	if (account_spend(tx, buf_text(&key), ENTRIES_AN_HOUR, HOUR_MS,
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
		bundle_of(&v, &before, &after),
		fresh != NULL ? &fresh->dev_id : NULL, e) < 0 ||
	    entries_end_removed(tx, j->c, &before, &after, e) < 0 ||
	    changed(tx, j->c, &v, &before, &after, e) < 0)
		return -1;
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
