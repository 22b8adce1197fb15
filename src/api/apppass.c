/* SPDX-License-Identifier: ISC */
/* apppass.c: making, listing, revoking and checking app-specific passwords. */
#include "api/apppass.h"

#include "api/api.h"
#include "base/text.h"
#include "base/typed.h"
#include "factor/factor.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#define GROUP 4 /* letters between dashes */
/* A use is written down once a minute, a failure a few times an hour. */
#define NOTE_MS (60 * 1000LL)
#define FAILURES 5
#define HOUR_MS (3600 * 1000LL)

static void
mac_of_letters(const struct server *s, const struct id *uid,
    const char *letters, struct digest *out)
{
	OWN(buf_free) struct buf m = { 0 };

	id_put(&m, uid);
	buf_put_str(&m, letters);
	server_mac(s, "app password", buf_bytes(&m), out);
}

/* ---- making ---- */

static void
draw(char letters[static APPPASS_LETTERS + 1], struct buf *shown)
{
	for (size_t i = 0; i < APPPASS_LETTERS; i++) {
		letters[i] = (char)('a' + randombytes_uniform(26));
		if (i > 0 && i % GROUP == 0)
			buf_put_u8(shown, '-');
		buf_put_u8(shown, (uint8_t)letters[i]);
	}
	letters[APPPASS_LETTERS] = '\0';
}

static int
count(struct tx *tx, const struct id *uid, uint64_t *n, struct err *e)
{
	return sql_count(tx, e, n,
	    "SELECT COUNT(*) FROM app_password WHERE uid = ?", "i", uid);
}

#define LIVES_MAX_S (100 * 365 * 86400ULL)

struct wish {
	const char *label, *scope;
	uint64_t expires_ms; /* 0: never */
};

static int
take_wish(struct call *c, struct wish *w, struct err *e)
{
	bool ends = json_object_get(c->in, "lives_s") != NULL;
	struct scope scope;
	uint64_t lives_s = 0;

	w->label = w->scope = "";
	w->expires_ms = 0;
	if (jsonio_text(c->in, "label", &w->label, e) < 0 ||
	    jsonio_text(c->in, "scope", &w->scope, e) < 0 ||
	    (ends && jsonio_u64(c->in, "lives_s", &lives_s, e) < 0) ||
	    scope_parse(w->scope, &scope, e) < 0)
		return -1;
	if (w->label[0] == '\0' || strlen(w->label) > APPPASS_LABEL ||
	    !text_is_label(w->label)) {
		(void)err_set(e, ERR_BAD_REQUEST,
		    "a label has 1 to %d bytes, something to be seen, and no "
		    "control characters",
		    APPPASS_LABEL);
		return err_remedy(e, "Choose another label.");
	}
	if (ends && (lives_s == 0 || lives_s > LIVES_MAX_S))
		return err_set(e, ERR_USAGE,
		    "an app-specific password lives for 1 second to 100 years");
	w->expires_ms = ends ? (uint64_t)c->now_ms + lives_s * 1000 : 0;
	return 0;
}

int
apppass_create(struct tx *tx, struct call *c, struct err *e)
{
	OWN(buf_free) struct buf shown = { 0 };
	char letters[APPPASS_LETTERS + 1];
	struct wish w;
	struct account a;
	struct digest mac;
	struct id id;
	uint64_t n;

	if (take_wish(c, &w, e) < 0 ||
	    server_account(tx, &c->me->uid, &a, e) < 0)
		return -1;
	if (a.two_factor != TWO_FACTOR_ON)
		return factor_required(
		    c->s, &a, "App-specific passwords need", e);
	if (count(tx, &a.uid, &n, e) < 0)
		return -1;
	if (n >= APPPASS_MAX) {
		(void)err_set(e, ERR_TOO_LARGE,
		    "an account has at most %d app-specific passwords",
		    APPPASS_MAX);
		return err_remedy(
		    e, "Revoke one that is not used: aumbry app-password list");
	}
	draw(letters, &shown);
	mac_of_letters(c->s, &a.uid, letters, &mac);
	sodium_memzero(letters, sizeof letters);
	id_random(&id);
	if (sql_run(tx, e,
		"INSERT INTO app_password (uid, mac, id, label, scope,"
		" created_ms, expires_ms, used_ms, used_from)"
		" VALUES (?, ?, ?, ?, ?, ?, ?, 0, '')",
		"idissnu", &a.uid, &mac, &id, w.label, w.scope, c->now_ms,
		w.expires_ms) < 0 ||
	    server_event(tx, c,
		&(struct server_event){
		    &a.uid, "app_password_created", &c->me->dev_id, w.label },
		e) < 0)
		return -1;
	jsonio_put_id(c->out, "id", &id);
	jsonio_put_text(c->out, "name", a.name);
	jsonio_put_text(c->out, "password", buf_text(&shown));
	return 0;
}

/* ---- listing, revoking ---- */

static void
put_one(struct stmt *s, const struct call *c, json_t *row)
{
	struct id id;

	(void)c;
	stmt_got_copy(s, 0, id.b, ID_BYTES);
	jsonio_put_id(row, "id", &id);
	jsonio_put_text(row, "label", stmt_got_text(s, 1));
	jsonio_put_text(row, "scope", stmt_got_text(s, 2));
	jsonio_put_u64(row, "created_ms", stmt_got_u64(s, 3));
	if (stmt_got_u64(s, 4) != 0)
		jsonio_put_u64(row, "expires_ms", stmt_got_u64(s, 4));
	if (stmt_got_u64(s, 5) != 0) {
		jsonio_put_u64(row, "used_ms", stmt_got_u64(s, 5));
		jsonio_put_text(row, "used_from", stmt_got_text(s, 6));
	}
}

int
apppass_list(struct tx *tx, struct call *c, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;

	return sql_ask(tx, e, &s,
		   "SELECT id, label, scope, created_ms, expires_ms, used_ms,"
		   " used_from FROM app_password WHERE uid = ?"
		   " ORDER BY created_ms, id",
		   "i", &c->me->uid) < 0
	    ? -1
	    : server_rows(s, c, "app_passwords", put_one, e);
}

int
apppass_revoke(struct tx *tx, struct call *c, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;
	OWN(buf_free) struct buf label = { 0 };
	struct id id;
	bool row = false;

	if (id_parse(bytes_str(c->q->capture[0]), &id) == 0 &&
	    sql_first(tx, e, &s, &row,
		"SELECT label FROM app_password WHERE uid = ? AND id = ?", "ii",
		&c->me->uid, &id) < 0)
		return -1;
	if (!row)
		return err_set(
		    e, ERR_NOT_FOUND, "there is no such app-specific password");
	buf_put_str(&label, stmt_got_text(s, 0));
	stmt_done(&s);
	return sql_run(tx, e,
		   "DELETE FROM app_password WHERE uid = ? AND id = ?", "ii",
		   &c->me->uid, &id) < 0 ||
		server_event_own(
		    tx, c, "app_password_revoked", buf_text(&label), e) < 0
	    ? -1
	    : 0;
}

int
apppass_drop_all(
    struct tx *tx, struct call *c, const struct id *uid, struct err *e)
{
	OWN(buf_free) struct buf how_many = { 0 };
	uint64_t n;

	if (count(tx, uid, &n, e) < 0)
		return -1;
	if (n == 0)
		return 0;
	buf_printf(&how_many, "%llu", (unsigned long long)n);
	return sql_run(tx, e, "DELETE FROM app_password WHERE uid = ?", "i",
		   uid) < 0 ||
		server_event(tx, c,
		    &(struct server_event){ uid, "app_passwords_revoked",
			&c->me->dev_id, buf_text(&how_many) },
		    e) < 0
	    ? -1
	    : 0;
}

int
apppass_revoke_all(struct tx *tx, struct call *c, struct err *e)
{
	uint64_t n;

	if (count(tx, &c->me->uid, &n, e) < 0)
		return -1;
	jsonio_put_u64(c->out, "revoked", n);
	return apppass_drop_all(tx, c, &c->me->uid, e);
}

/* ---- checking ---- */

struct check_job {
	const struct server *s;
	const struct apppass_ask *ask;
	struct apppass_who *out;
	char letters[APPPASS_LETTERS + 1];
	struct id who; /* the account, or what stands for an unknown name */
	bool known; /* there is such an account */
	bool note_use, note_failure; /* to be written down */
};

/* The letters of what was typed; "" when they cannot be a password. */
static void
take_letters(const char *typed, char out[static APPPASS_LETTERS + 1])
{
	OWN(buf_free) struct buf plain = { 0 };
	size_t n = 0;

	out[0] = '\0';
	typed_code(&plain, bytes_str(typed));
	if (plain.n != APPPASS_LETTERS)
		return;
	for (; n < plain.n; n++) {
		uint8_t c = plain.p[n];
		if (c >= 'A' && c <= 'Z')
			c = (uint8_t)(c + 32);
		if (c < 'a' || c > 'z') {
			out[0] = '\0';
			return;
		}
		out[n] = (char)c;
	}
	out[n] = '\0';
}

/* NAME, or NAME@HOST of this server. */
static bool
take_name(const struct server *s, const char *login,
    char name[static LIMIT_NAME_BYTES + 1])
{
	OWN(buf_free) struct buf plain = { 0 };
	struct err ignored;

	if (typed_account(bytes_str(login), s->config.host, &plain, &ignored) <
		0 ||
	    plain.n > LIMIT_NAME_BYTES)
		return false;
	memcpy(name, plain.p, plain.n);
	name[plain.n] = '\0';
	return account_name_ok(name);
}

static int
wrong(struct err *e)
{
	return err_set(e, ERR_WRONG_PASSWORD,
	    "the name or the app-specific password is wrong");
}

/* Counts what is logged; nothing is refused by it. */
static void
failures_key(const struct check_job *j, struct buf *key)
{
	buf_printf(key, "app|%s|%s", id_text(&j->who).s, j->ask->service);
}

/* Wrong, and noted, unless there were enough of them within the hour. */
static int
fails(struct tx *tx, struct check_job *j, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;
	OWN(buf_free) struct buf key = { 0 };
	bool enough;

	failures_key(j, &key);
	if (sql_first(tx, e, &s, &enough,
		"SELECT 1 FROM throttle WHERE name = ? AND tries >= ?"
		" AND since_ms > ?",
		"sun", buf_text(&key), (uint64_t)FAILURES,
		j->ask->now_ms - HOUR_MS) < 0)
		return -1;
	j->note_failure = !enough;
	return wrong(e);
}

/* The password held; may it do this? */
static int
allowed(const struct check_job *j, const struct account *a, struct err *e)
{
	struct scope scope;

	if (a->suspended)
		return err_set(e, ERR_ACCOUNT_SUSPENDED,
		    "who runs the server has suspended this account");
	if (a->two_factor != TWO_FACTOR_ON)
		return err_set(e, ERR_TWO_FACTOR_REQUIRED,
		    "app-specific passwords need two-factor authentication");
	if (scope_parse(j->out->scope, &scope, e) < 0)
		return -1;
	if (scope.kind != j->ask->kind)
		return err_set(e, ERR_APP_PASSWORD_SCOPE,
		    "this app-specific password is for %s, not for %s",
		    j->out->scope, j->ask->service);
	return 0;
}

/* Unknown names cost and count as known ones do, so that no answer, and no
 * delay, tells which there are. */
static void
stand_in(struct check_job *j)
{
	struct digest d;

	server_mac(j->s, "nobody", bytes_str(j->out->name), &d);
	memcpy(j->who.b, d.b, ID_BYTES);
}

static int
look(struct tx *tx, void *arg, struct err *e)
{
	struct check_job *j = arg;
	OWN(stmt_done) struct stmt *s = NULL;
	struct account a;
	struct digest mac;
	bool row;

	if (!take_name(j->s, j->ask->login, j->out->name))
		return wrong(e);
	if (account_by_name(tx, j->out->name, &a, &j->known, e) < 0)
		return -1;
	stand_in(j);
	if (j->known)
		j->who = a.uid;
	mac_of_letters(j->s, &j->who, j->letters, &mac);
	if (sql_first(tx, e, &s, &row,
		"SELECT id, scope, expires_ms, used_ms FROM app_password"
		" WHERE uid = ? AND mac = ?",
		"id", &j->who, &mac) < 0)
		return -1;
	int64_t expires_ms = row ? stmt_got_i64(s, 2) : 0;
	if (!row || (expires_ms != 0 && expires_ms <= j->ask->now_ms)) {
		stmt_done(&s);
		return fails(tx, j, e);
	}
	j->out->uid = a.uid;
	stmt_got_copy(s, 0, j->out->id.b, ID_BYTES);
	(void)snprintf(
	    j->out->scope, sizeof j->out->scope, "%s", stmt_got_text(s, 1));
	j->note_use = j->ask->now_ms - stmt_got_i64(s, 3) >= NOTE_MS;
	return allowed(j, &a, e);
}

static int
note_use(struct tx *tx, void *arg, struct err *e)
{
	const struct check_job *j = arg;
	OWN(buf_free) struct buf from = { 0 };

	buf_printf(&from, "%s%s%s", j->ask->service,
	    j->ask->from[0] != '\0' ? " " : "", j->ask->from);
	return sql_run(tx, e,
	    "UPDATE app_password SET used_ms = ?, used_from = ?"
	    " WHERE uid = ? AND id = ?",
	    "nsii", j->ask->now_ms, buf_text(&from), &j->out->uid, &j->out->id);
}

static int
note_failure(struct tx *tx, void *arg, struct err *e)
{
	const struct check_job *j = arg;
	OWN(buf_free) struct buf key = { 0 };
	int64_t retry_ms;

	failures_key(j, &key);
	if (account_throttle(tx,
		&(struct account_limit){ buf_text(&key), FAILURES, HOUR_MS },
		j->ask->now_ms, &retry_ms, e) < 0)
		return -1;
	return retry_ms != 0 || !j->known
	    ? 0
	    : account_event(tx, &j->who,
		  &(struct account_event){ j->ask->now_ms,
		      "app_password_failed", NULL, j->ask->from,
		      j->ask->service },
		  e);
}

int
apppass_check(struct server *s, const struct apppass_ask *ask,
    struct apppass_who *out, struct err *e)
{
	struct check_job j = { .s = s, .ask = ask, .out = out };
	struct err later;

	*out = (struct apppass_who){ 0 };
	take_letters(ask->password, j.letters);
	int rc = db_read(s->db, look, &j, e);
	sodium_memzero(j.letters, sizeof j.letters);
	/* What cannot be noted refuses nobody. */
	if (rc == 0 && j.note_use)
		(void)!db_write(s->db, note_use, &j, &later);
	if (rc < 0 && j.note_failure)
		(void)!db_write(s->db, note_failure, &j, &later);
	return rc;
}
