/* SPDX-License-Identifier: ISC */
/* account.c: the tables of accounts. */
#include "store/account.h"

#include "store/circles.h"

#include <stdlib.h>
#include <string.h>

static const char *const schema[] = {
	"CREATE TABLE account (uid BLOB PRIMARY KEY, name TEXT NOT NULL UNIQUE,"
	" created_ms INTEGER NOT NULL, suspended INTEGER NOT NULL,"
	" two_factor INTEGER NOT NULL, record BLOB NOT NULL,"
	" birth_pin BLOB NOT NULL);"
	"CREATE TABLE circle_entry (uid BLOB NOT NULL, seq INTEGER NOT NULL,"
	" bytes BLOB NOT NULL, PRIMARY KEY (uid, seq));"
	"CREATE TABLE envelope (uid BLOB NOT NULL, epoch INTEGER NOT NULL,"
	" purpose INTEGER NOT NULL, category INTEGER NOT NULL,"
	" receiver BLOB NOT NULL, bytes BLOB NOT NULL,"
	" PRIMARY KEY (uid, epoch, purpose, category, receiver));"
	"CREATE TABLE session (token BLOB PRIMARY KEY, uid BLOB NOT NULL,"
	" dev_id BLOB NOT NULL, nonce BLOB NOT NULL UNIQUE,"
	" expires_ms INTEGER NOT NULL, step_up_ms INTEGER NOT NULL);"
	"CREATE INDEX session_uid ON session (uid, dev_id);"
	"CREATE TABLE login (id BLOB PRIMARY KEY, uid BLOB NOT NULL,"
	" known INTEGER NOT NULL, state BLOB NOT NULL,"
	" done INTEGER NOT NULL, expires_ms INTEGER NOT NULL);"
	"CREATE TABLE invite (code BLOB PRIMARY KEY, uses INTEGER NOT NULL,"
	" expires_ms INTEGER NOT NULL);"
	"CREATE TABLE joining (id BLOB PRIMARY KEY, uid BLOB NOT NULL,"
	" token BLOB NOT NULL UNIQUE, created_ms INTEGER NOT NULL,"
	" expires_ms INTEGER NOT NULL, device BLOB NOT NULL,"
	" nonce BLOB NOT NULL, os TEXT NOT NULL, address TEXT NOT NULL,"
	" state INTEGER NOT NULL, by_device BLOB NOT NULL);"
	"CREATE INDEX joining_uid ON joining (uid);"
	"CREATE TABLE joining_message (joining BLOB NOT NULL,"
	" n INTEGER NOT NULL, side INTEGER NOT NULL, body BLOB NOT NULL,"
	" PRIMARY KEY (joining, n));"
	"CREATE TABLE factor (uid BLOB NOT NULL, kind TEXT NOT NULL,"
	" secret BLOB NOT NULL, confirmed INTEGER NOT NULL,"
	" counter INTEGER NOT NULL, PRIMARY KEY (uid, kind));"
	"CREATE TABLE throttle (name TEXT PRIMARY KEY,"
	" tries INTEGER NOT NULL, since_ms INTEGER NOT NULL);"
	"CREATE TABLE event (uid BLOB NOT NULL, n INTEGER NOT NULL,"
	" time_ms INTEGER NOT NULL, event TEXT NOT NULL,"
	" dev_id BLOB NOT NULL, address TEXT NOT NULL, detail TEXT NOT NULL,"
	" PRIMARY KEY (uid, n));"
	"CREATE TABLE device_seen (uid BLOB NOT NULL, dev_id BLOB NOT NULL,"
	" time_ms INTEGER NOT NULL, address TEXT NOT NULL,"
	" PRIMARY KEY (uid, dev_id));",
	"CREATE TABLE app_password (uid BLOB NOT NULL, mac BLOB NOT NULL,"
	" id BLOB NOT NULL, label TEXT NOT NULL, scope TEXT NOT NULL,"
	" created_ms INTEGER NOT NULL, expires_ms INTEGER NOT NULL,"
	" used_ms INTEGER NOT NULL, used_from TEXT NOT NULL,"
	" PRIMARY KEY (uid, mac)) WITHOUT ROWID;",
	"CREATE TABLE mail_address (uid BLOB NOT NULL, address TEXT NOT NULL,"
	" confirmed INTEGER NOT NULL, code BLOB NOT NULL,"
	" code_until_ms INTEGER NOT NULL, PRIMARY KEY (uid, address));"
	"CREATE TABLE outbox (n INTEGER PRIMARY KEY, uid BLOB NOT NULL,"
	" address TEXT NOT NULL, subject TEXT NOT NULL, body TEXT NOT NULL,"
	" made_ms INTEGER NOT NULL, tries INTEGER NOT NULL,"
	" next_ms INTEGER NOT NULL);"
	"CREATE TABLE visit (id BLOB PRIMARY KEY, uid BLOB NOT NULL,"
	" session BLOB NOT NULL, nonce BLOB NOT NULL,"
	" categories INTEGER NOT NULL, address TEXT NOT NULL,"
	" created_ms INTEGER NOT NULL, expires_ms INTEGER NOT NULL,"
	" state INTEGER NOT NULL, by_device BLOB NOT NULL);"
	"CREATE INDEX visit_uid ON visit (uid);"
	"CREATE INDEX outbox_next ON outbox (next_ms);"
	"CREATE INDEX outbox_uid ON outbox (uid);",
	"DROP TABLE session;"
	"CREATE TABLE session (token BLOB PRIMARY KEY, id BLOB NOT NULL,"
	" uid BLOB NOT NULL, dev_id BLOB NOT NULL, nonce BLOB NOT NULL UNIQUE,"
	" class INTEGER NOT NULL, limited INTEGER NOT NULL,"
	" opened_ms INTEGER NOT NULL, expires_ms INTEGER NOT NULL,"
	" password_ms INTEGER NOT NULL, step_up_ms INTEGER NOT NULL,"
	" os TEXT NOT NULL, address TEXT NOT NULL);"
	"CREATE INDEX session_uid ON session (uid, dev_id);"
	"CREATE TABLE trusted_browser (token BLOB PRIMARY KEY,"
	" id BLOB NOT NULL, uid BLOB NOT NULL, opened_ms INTEGER NOT NULL,"
	" seen_ms INTEGER NOT NULL, expires_ms INTEGER NOT NULL,"
	" os TEXT NOT NULL, address TEXT NOT NULL);"
	"CREATE INDEX trusted_browser_uid ON trusted_browser (uid);"
	"ALTER TABLE joining ADD COLUMN shown INTEGER NOT NULL DEFAULT 1;",
	"ALTER TABLE joining ADD COLUMN machine BLOB NOT NULL DEFAULT '';",
	"CREATE TABLE security_key (uid BLOB NOT NULL, id BLOB NOT NULL,"
	" credential BLOB NOT NULL, name TEXT NOT NULL, alg INTEGER NOT NULL,"
	" key BLOB NOT NULL, counter INTEGER NOT NULL,"
	" added_ms INTEGER NOT NULL, used_ms INTEGER NOT NULL,"
	" blocked INTEGER NOT NULL, member BLOB NOT NULL,"
	" birth_pin BLOB NOT NULL, PRIMARY KEY (uid, id));"
	"CREATE UNIQUE INDEX security_key_credential ON security_key"
	" (uid, credential);"
	"CREATE TABLE key_challenge (holder BLOB NOT NULL,"
	" kind INTEGER NOT NULL, challenge BLOB NOT NULL,"
	" expires_ms INTEGER NOT NULL, PRIMARY KEY (holder, kind));"
	"ALTER TABLE joining ADD COLUMN proven_key BLOB NOT NULL DEFAULT"
	" (x'');",
	"CREATE TABLE phone (uid BLOB NOT NULL, number TEXT NOT NULL,"
	" id BLOB NOT NULL, call INTEGER NOT NULL, confirmed INTEGER NOT NULL,"
	" added_ms INTEGER NOT NULL, code BLOB NOT NULL,"
	" code_call INTEGER NOT NULL, code_until_ms INTEGER NOT NULL,"
	" PRIMARY KEY (uid, number)) WITHOUT ROWID;",
	"CREATE TABLE recovery (uid BLOB NOT NULL, keyref BLOB NOT NULL,"
	" kind INTEGER NOT NULL, verifier BLOB NOT NULL, assist BLOB NOT NULL,"
	" half BLOB NOT NULL, birth_pin BLOB NOT NULL,"
	" created_ms INTEGER NOT NULL, PRIMARY KEY (uid, keyref));"
	"CREATE INDEX recovery_assist ON recovery (assist);"
	"CREATE TABLE recovering (id BLOB PRIMARY KEY,"
	" token BLOB NOT NULL UNIQUE, uid BLOB NOT NULL,"
	" known INTEGER NOT NULL, way TEXT NOT NULL, keyref BLOB NOT NULL,"
	" device BLOB NOT NULL, nonce BLOB NOT NULL, os TEXT NOT NULL,"
	" address TEXT NOT NULL, created_ms INTEGER NOT NULL,"
	" state INTEGER NOT NULL, ready_ms INTEGER NOT NULL,"
	" expires_ms INTEGER NOT NULL, helper BLOB NOT NULL,"
	" reference TEXT NOT NULL);"
	"CREATE INDEX recovering_uid ON recovering (uid);"
	"CREATE TABLE fresh_pin (uid BLOB NOT NULL, ref BLOB NOT NULL,"
	" pin BLOB NOT NULL, PRIMARY KEY (uid, ref));"
	"CREATE TABLE escrow_job (n INTEGER PRIMARY KEY, uid BLOB NOT NULL,"
	" verb INTEGER NOT NULL, body BLOB NOT NULL, tries INTEGER NOT NULL,"
	" next_ms INTEGER NOT NULL);"
	"ALTER TABLE session ADD COLUMN released INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE session ADD COLUMN way TEXT NOT NULL DEFAULT '';",
	"CREATE TABLE used_nonce (nonce BLOB PRIMARY KEY,"
	" expires_ms INTEGER NOT NULL);"
	"CREATE INDEX used_nonce_expires ON used_nonce (expires_ms);"
	"CREATE INDEX login_expires ON login (expires_ms);"
	"CREATE INDEX login_uid ON login (uid);"
	"CREATE INDEX event_kind ON event (uid, event, n);"
	"CREATE TABLE escrow_begun (uid BLOB PRIMARY KEY,"
	" expires_ms INTEGER NOT NULL);"
	"ALTER TABLE recovering ADD COLUMN source TEXT NOT NULL DEFAULT '';"
	"ALTER TABLE joining ADD COLUMN asker TEXT NOT NULL DEFAULT '';",
	"CREATE TABLE answered (n INTEGER PRIMARY KEY, scope BLOB NOT NULL,"
	" name BLOB NOT NULL, about BLOB NOT NULL, answer BLOB NOT NULL,"
	" time_ms INTEGER NOT NULL, UNIQUE (scope, name));"
	"CREATE INDEX answered_scope ON answered (scope);"
	"CREATE INDEX answered_time ON answered (time_ms);",
	/* visit: once it was put into the third script, which others had run.
	 * The indexes are for the sweep. */
	"CREATE TABLE IF NOT EXISTS visit (id BLOB PRIMARY KEY,"
	" uid BLOB NOT NULL, session BLOB NOT NULL, nonce BLOB NOT NULL,"
	" categories INTEGER NOT NULL, address TEXT NOT NULL,"
	" created_ms INTEGER NOT NULL, expires_ms INTEGER NOT NULL,"
	" state INTEGER NOT NULL, by_device BLOB NOT NULL);"
	"CREATE INDEX IF NOT EXISTS visit_uid ON visit (uid);"
	"CREATE INDEX session_end ON session (expires_ms);"
	"CREATE INDEX key_challenge_end ON key_challenge (expires_ms);"
	"CREATE INDEX trusted_browser_end ON trusted_browser (expires_ms);"
	"CREATE INDEX invite_end ON invite (expires_ms);"
	"CREATE INDEX joining_end ON joining (expires_ms);"
	"CREATE INDEX recovering_end ON recovering (expires_ms);"
	"CREATE INDEX visit_end ON visit (expires_ms);"
	"CREATE INDEX throttle_since ON throttle (since_ms);",
	/* clang takes one pair of strings for a comma that was forgotten */
	("CREATE TABLE factor_loss (uid BLOB NOT NULL, dev_id BLOB NOT NULL,"
	 " ready_ms INTEGER NOT NULL, PRIMARY KEY (uid, dev_id));"),
};

const char *const *
account_schema(size_t *n)
{
	*n = ARRAY_SIZE(schema);
	return schema;
}

const char *
account_two_factor_name(enum account_two_factor t)
{
	return t == TWO_FACTOR_ON ? "on"
	    : t == TWO_FACTOR_OFF ? "off"
				  : "pending";
}

bool
account_name_ok(char *name)
{
	size_t n = strlen(name);

	for (size_t i = 0; i < n; i++) {
		if (name[i] >= 'A' && name[i] <= 'Z')
			name[i] = (char)(name[i] + 32);
		if (strchr("abcdefghijklmnopqrstuvwxyz0123456789._-",
			name[i]) == NULL)
			return false;
	}
	return n >= 1 && n <= LIMIT_NAME_BYTES &&
	    strchr("._-", name[0]) == NULL &&
	    strchr("._-", name[n - 1]) == NULL && strstr(name, "..") == NULL;
}

int
account_insert(struct tx *tx, const struct account *a, struct err *e)
{
	struct account other;
	bool found;

	if (account_by_name(tx, a->name, &other, &found, e) < 0)
		return -1;
	if (found)
		return err_set(e, ERR_NAME_TAKEN,
		    "the name \"%s\" belongs to another account", a->name);
	return sql_run(tx, e,
	    "INSERT INTO account (uid, name, created_ms, suspended,"
	    " two_factor, record, birth_pin) VALUES (?, ?, ?, 0, ?, ?, ?)",
	    "isnubd", &a->uid, a->name, a->created_ms, (uint64_t)a->two_factor,
	    bytes_of(a->record, OPAQUE_RECORD), &a->birth_pin);
}

#define COLUMNS \
	"uid, name, created_ms, suspended, two_factor, record, birth_pin"

static void
take(struct stmt *s, struct account *out)
{
	struct bytes name = bytes_str(stmt_got_text(s, 1));

	memset(out, 0, sizeof *out);
	stmt_got_copy(s, 0, out->uid.b, ID_BYTES);
	memcpy(out->name, name.p,
	    name.n < sizeof out->name ? name.n : sizeof out->name - 1);
	out->created_ms = stmt_got_i64(s, 2);
	out->suspended = stmt_got_u64(s, 3) != 0;
	out->two_factor = (enum account_two_factor)stmt_got_u64(s, 4);
	stmt_got_copy(s, 5, out->record, OPAQUE_RECORD);
	stmt_got_copy(s, 6, out->birth_pin.b, DIGEST_BYTES);
}

int
account_by_name(struct tx *tx, const char *name, struct account *out,
    bool *found, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;

	if (sql_first(tx, e, &s, found,
		"SELECT " COLUMNS " FROM account WHERE name = ?", "s",
		name) < 0)
		return -1;
	if (*found)
		take(s, out);
	return 0;
}

int
account_by_uid(struct tx *tx, const struct id *uid, struct account *out,
    bool *found, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;

	if (sql_first(tx, e, &s, found,
		"SELECT " COLUMNS " FROM account WHERE uid = ?", "i", uid) < 0)
		return -1;
	if (*found)
		take(s, out);
	return 0;
}

int
account_set_record(struct tx *tx, const struct id *uid, const uint8_t *record,
    const struct digest *birth_pin, struct err *e)
{
	return sql_run(tx, e,
	    "UPDATE account SET record = ?, birth_pin = ? WHERE uid = ?", "bdi",
	    bytes_of(record, OPAQUE_RECORD), birth_pin, uid);
}

int
account_set_two_factor(struct tx *tx, const struct id *uid,
    enum account_two_factor t, struct err *e)
{
	return sql_run(tx, e, "UPDATE account SET two_factor = ? WHERE uid = ?",
	    "ui", (uint64_t)t, uid);
}

/* ---- circle ---- */

static void
free_circles(void *cs)
{
	circles_free(cs);
}

int
account_open(struct db *db, struct err *e)
{
	db_attach(db, circles_new(), free_circles);
	return db_migrate(db, "account", schema, ARRAY_SIZE(schema), e);
}

/* Is what was kept still what the tables say, up to its newest entry? */
static bool
still_holds(const struct circle *c, struct bytes newest)
{
	struct digest d;

	digest_of(newest, &d);
	return digest_equal(&d, &c->head);
}

/*
 * Apply the entries from c's newest one on. *stale: that one is another now, as
 * when the transaction that had added it was undone.
 */
static int
continue_circle(struct tx *tx, const struct id *uid, struct circle *c,
    bool *stale, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;
	bool row, first = c->seq > 0;

	*stale = false;
	if (sql_ask(tx, e, &s,
		"SELECT bytes FROM circle_entry WHERE uid = ? AND seq >= ?"
		" ORDER BY seq",
		"iu", uid, (uint64_t)c->seq) < 0)
		return -1;
	for (;; first = false) {
		if (stmt_next(s, &row, e) < 0)
			return -1;
		if (first) {
			*stale = !row || !still_holds(c, stmt_got_bytes(s, 0));
			if (*stale)
				return 0;
			continue;
		}
		if (!row)
			return 0;
		if (circle_apply(c, stmt_got_bytes(s, 0), e) < 0)
			return -1;
	}
}

int
account_circle(
    struct tx *tx, const struct id *uid, struct circle *out, struct err *e)
{
	OWN(circle_free) struct circle c = { 0 };
	struct circles *kept = tx_attached(tx);
	bool stale;

	/* None: whoever only looks has no need of it. */
	if (kept != NULL)
		(void)circles_get(kept, uid, &c);
	uint32_t before = c.seq;
	if (continue_circle(tx, uid, &c, &stale, e) < 0)
		return -1;
	if (stale) {
		circle_free(&c);
		c = (struct circle){ 0 };
		before = 0;
		if (continue_circle(tx, uid, &c, &stale, e) < 0)
			return -1;
	}
	if (kept != NULL && c.seq != before)
		circles_put(kept, &c);
	*out = c;
	c = (struct circle){ 0 };
	return 0;
}

int
account_add_entry(struct tx *tx, const struct id *uid, uint32_t seq,
    struct bytes entry, struct err *e)
{
	return sql_run(tx, e,
	    "INSERT INTO circle_entry (uid, seq, bytes) VALUES (?, ?, ?)",
	    "iub", uid, (uint64_t)seq, entry);
}

int
account_entries(struct tx *tx, const struct id *uid, uint32_t since,
    struct buf *out, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;

	return sql_ask(tx, e, &s,
		   "SELECT bytes FROM circle_entry WHERE uid = ? AND seq > ?"
		   " ORDER BY seq",
		   "iu", uid, (uint64_t)since) < 0
	    ? -1
	    : sql_gather(s, out, e);
}

int
account_entry(struct tx *tx, const struct id *uid, uint32_t seq,
    struct buf *out, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;
	bool row;

	if (sql_first(tx, e, &s, &row,
		"SELECT bytes FROM circle_entry WHERE uid = ? AND seq = ?",
		"iu", uid, (uint64_t)seq) < 0)
		return -1;
	if (row)
		buf_put_bytes(out, stmt_got_bytes(s, 0));
	return 0;
}

int
account_envelope_parse(
    struct bytes x, struct account_envelope *out, struct err *e)
{
	struct scan s = scan_of(x);

	uint8_t format = scan_u8(&s);
	out->purpose = scan_u8(&s);
	(void)id_take(&s);
	out->epoch = scan_u32(&s);
	out->category = scan_u8(&s);
	out->sender = id_take(&s);
	out->receiver = id_take(&s);
	(void)scan_v16(&s);
	out->signed_part = bytes_of(x.p, x.n - s.n);
	out->bytes = x;
	out->sig = scan_take(&s, SIG_BYTES).p;
	if (!scan_done(&s) || format != 1 || x.n > LIMIT_ENVELOPE)
		return err_set(e, ERR_KEY_SUBSTITUTED,
		    "a key envelope is not well-formed");
	return 0;
}

int
account_add_envelope(struct tx *tx, const struct id *uid,
    const struct account_envelope *v, struct err *e)
{
	return sql_run(tx, e,
	    "INSERT INTO envelope (uid, epoch, purpose, category, receiver,"
	    " bytes) VALUES (?, ?, ?, ?, ?, ?)"
	    " ON CONFLICT (uid, epoch, purpose, category, receiver)"
	    " DO NOTHING",
	    "iuuuib", uid, (uint64_t)v->epoch, (uint64_t)v->purpose,
	    (uint64_t)v->category, &v->receiver, v->bytes);
}

int
account_keyring(struct tx *tx, const struct id *uid, const struct id *dev_id,
    struct buf *out, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;

	return sql_ask(tx, e, &s,
		   "SELECT bytes FROM envelope WHERE uid = ?"
		   " AND (purpose IN (2, 3, 4, 5, 8, 11) OR"
		   " (purpose = 1 AND receiver = ?))"
		   " ORDER BY epoch, purpose, category",
		   "ii", uid, dev_id) < 0
	    ? -1
	    : sql_gather(s, out, e);
}

int
account_pin(struct tx *tx, const struct id *uid, const struct id *ref,
    struct buf *out, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;
	bool row;

	if (sql_first(tx, e, &s, &row,
		"SELECT pin FROM fresh_pin WHERE uid = ? AND ref = ?", "ii",
		uid, ref) < 0)
		return -1;
	if (row)
		buf_put_bytes(out, stmt_got_bytes(s, 0));
	return 0;
}

int
account_set_pin(struct tx *tx, const struct id *uid, const struct id *ref,
    const struct freshpin *p, uint32_t newest, struct err *e)
{
	OWN(buf_free) struct buf before = { 0 };
	OWN(buf_free) struct buf pin = { 0 };
	struct freshpin last;
	struct err ignored;

	if (account_pin(tx, uid, ref, &before, e) < 0)
		return -1;
	if (freshpin_parse(buf_bytes(&before), &last, &ignored) == 0 &&
	    last.seq > p->seq && last.seq <= newest)
		return 0;
	freshpin_put(&pin, p);
	return sql_run(tx, e,
	    "INSERT INTO fresh_pin (uid, ref, pin) VALUES (?, ?, ?)"
	    " ON CONFLICT (uid, ref) DO UPDATE SET pin = excluded.pin",
	    "iib", uid, ref, buf_bytes(&pin));
}

/* ---- sessions ---- */

#define NONCE_MS (5 * 60 * 1000) /* a challenge is good for a minute */

/* Used for as long as it could be answered again: longer than the session that
 * it opened, which may end at once. */
static int
use_nonce(struct tx *tx, const struct account_session *x, struct bytes nonce,
    struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;
	bool row;

	if (sql_first(tx, e, &s, &row,
		"SELECT 1 FROM used_nonce WHERE nonce = ?", "b", nonce) < 0)
		return -1;
	if (row)
		return err_set(
		    e, ERR_CONFLICT, "this challenge was answered before");
	return sql_run(tx, e,
	    "INSERT INTO used_nonce (nonce, expires_ms) VALUES (?, ?)", "bn",
	    nonce, x->opened_ms + NONCE_MS);
}

/* The oldest ends where there are enough: of a device, or of all visitors. */
static int
make_room(struct tx *tx, const struct account_session *x, struct err *e)
{
	return sql_run(tx, e,
	    "DELETE FROM session WHERE token IN (SELECT token FROM session"
	    " WHERE uid = ? AND dev_id = ? AND limited = ?"
	    " ORDER BY opened_ms DESC LIMIT ? OFFSET ?)",
	    "iiuuu", &x->uid, &x->dev_id, (uint64_t)x->limited, UINT64_C(10000),
	    (uint64_t)ACCOUNT_SESSIONS - 1);
}

int
account_add_session(struct tx *tx, const struct digest *token,
    const struct account_session *x, struct bytes nonce, struct err *e)
{
	if (use_nonce(tx, x, nonce, e) < 0 || make_room(tx, x, e) < 0)
		return -1;
	return sql_run(tx, e,
	    "INSERT INTO session (token, id, uid, dev_id, nonce, class,"
	    " limited, opened_ms, expires_ms, password_ms, step_up_ms, os,"
	    " address, way) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?, ?, ?)",
	    "diiibuunnnsss", token, &x->id, &x->uid, &x->dev_id, nonce,
	    (uint64_t)x->class, (uint64_t)x->limited, x->opened_ms,
	    x->expires_ms, x->step_up_ms, x->os, x->address,
	    x->way != NULL ? x->way : "");
}

int
account_released(struct tx *tx, const struct digest *token, uint64_t categories,
    struct err *e)
{
	return sql_run(tx, e,
	    "UPDATE session SET released = released | ? WHERE token = ?", "ud",
	    categories, token);
}

int
account_session(struct tx *tx, const struct digest *token, int64_t now_ms,
    struct account_session *out, bool *found, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;

	if (sql_first(tx, e, &s, found,
		"SELECT id, uid, dev_id, class, limited, opened_ms,"
		" expires_ms, password_ms, step_up_ms, released FROM session"
		" WHERE token = ? AND expires_ms > ?",
		"dn", token, now_ms) < 0)
		return -1;
	if (!*found)
		return 0;
	*out = (struct account_session){ .os = "", .address = "", .way = "" };
	stmt_got_copy(s, 0, out->id.b, ID_BYTES);
	stmt_got_copy(s, 1, out->uid.b, ID_BYTES);
	stmt_got_copy(s, 2, out->dev_id.b, ID_BYTES);
	out->class = (uint8_t)stmt_got_u64(s, 3);
	out->limited = stmt_got_u64(s, 4) != 0;
	out->opened_ms = stmt_got_i64(s, 5);
	out->expires_ms = stmt_got_i64(s, 6);
	out->password_ms = stmt_got_i64(s, 7);
	out->step_up_ms = stmt_got_i64(s, 8);
	out->released = stmt_got_u64(s, 9);
	return 0;
}

int
account_step_up(
    struct tx *tx, const struct digest *token, int64_t now_ms, struct err *e)
{
	return sql_run(tx, e,
	    "UPDATE session SET step_up_ms = ? WHERE token = ?", "nd", now_ms,
	    token);
}

int
account_password_proven(
    struct tx *tx, const struct digest *token, int64_t now_ms, struct err *e)
{
	return sql_run(tx, e,
	    "UPDATE session SET password_ms = ? WHERE token = ?", "nd", now_ms,
	    token);
}

int
account_end_visits(struct tx *tx, const struct id *uid,
    const struct digest *but, struct err *e)
{
	return sql_run(tx, e,
		   "DELETE FROM session WHERE uid = ? AND limited = 1"
		   " AND token <> ?",
		   "id", uid, but) < 0 ||
		sql_run(tx, e, "DELETE FROM login WHERE uid = ?", "i", uid) <
		    0 ||
		sql_run(tx, e,
		    "UPDATE joining SET state = 4 WHERE uid = ?"
		    " AND state <= 1",
		    "i", uid) < 0
	    ? -1
	    : sql_run(
		  tx, e, "DELETE FROM trusted_browser WHERE uid = ?", "i", uid);
}

int
account_end_sessions(
    struct tx *tx, const struct id *uid, const struct id *dev_id, struct err *e)
{
	if (dev_id == NULL)
		return sql_run(
		    tx, e, "DELETE FROM session WHERE uid = ?", "i", uid);
	return sql_run(tx, e,
	    "DELETE FROM session WHERE uid = ? AND dev_id = ?", "ii", uid,
	    dev_id);
}

/* ---- events ---- */

/*
 * What somebody outside can cause, as often as he likes from ever new
 * addresses. Each kind has its own limit, so that none pushes out another.
 */
static bool
is_attempt(const char *event)
{
	static const char *const attempts[] = { "signin_started",
		"signin_failed", "step_up_started", "code_sent", "code_wrong",
		"join_opened", "join_refused", "join_failed", "join_ended",
		"visit_asked", "visit_refused", "visit_ended",
		"security_key_refused" };

	for (size_t i = 0; i < ARRAY_SIZE(attempts); i++)
		if (strcmp(event, attempts[i]) == 0)
			return true;
	return false;
}

int
account_event(struct tx *tx, const struct id *uid, int64_t now_ms,
    const char *event, const struct id *dev_id, const char *address,
    const char *detail, struct err *e)
{
	static const struct id nobody;

	if (sql_run(tx, e,
		"INSERT INTO event (uid, n, time_ms, event, dev_id, address,"
		" detail) VALUES (?, (SELECT COALESCE(MAX(n), 0) + 1 FROM event"
		" WHERE uid = ?), ?, ?, ?, ?, ?)",
		"iinsiss", uid, uid, now_ms, event,
		dev_id != NULL ? dev_id : &nobody, address, detail) < 0)
		return -1;
	return sql_run(tx, e,
	    "DELETE FROM event WHERE uid = ? AND event = ? AND n <="
	    " (SELECT n FROM event WHERE uid = ? AND event = ?"
	    " ORDER BY n DESC LIMIT 1 OFFSET ?)",
	    "isisu", uid, event, uid, event,
	    (uint64_t)(is_attempt(event) ? ACCOUNT_ATTEMPTS : ACCOUNT_EVENTS));
}
