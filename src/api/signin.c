/* SPDX-License-Identifier: ISC */
/* signin.c: proving a password: sign-in, step-up, changing it. */
#include "api/api.h"

#include "api/apppass.h"
#include "api/joins.h"
#include "api/protections.h"
#include "base/text.h"
#include "factor/lost.h"
#include "factor/factor.h"

#include <sodium.h>
#include <string.h>

#define LOGIN_MS (5 * 60 * 1000) /* a KE2 waits this long for its KE3 */
#define DONE_MS (5 * 60 * 1000) /* and its session key for what follows */
#define JOIN_MS (10 * 60 * 1000) /* a join request */
#define TRIES_MS (10 * 60 * 1000)
#define HOUR_MS (3600 * 1000LL)
#define STARTED_A_DAY 20 /* started sign-ins that the log of an account tells */
#define NAMES_ROOM 60 /* sign-ins begun from one address, all names together */
/* Requests of an account that no device was shown, of one address and of all
 * others. */
#define QUIET_PER_ADDRESS 64
#define QUIET_ALL 1024
#define NAMES_DROP_MS 2000 /* and then one in this time */

/* ---- KE1 → KE2: the same work and answer whether the name exists ---- */

static int
answer(struct tx *tx, struct call *c, const char *name, const struct account *a,
    struct err *e)
{
	OWN(buf_free) struct buf ke1 = { 0 };
	struct opsrv_random random;
	uint8_t fake[OPAQUE_RECORD], ke2[OPAQUE_KE2], state[OPSRV_STATE];
	struct id login, uid, fake_uid;

	if (jsonio_bytes(c->in, "ke1", OPAQUE_KE1, &ke1, e) < 0)
		return -1;
	/* Both are computed for every name. */
	opsrv_fake_record(keys_fake(c->s->keys), bytes_str(name), fake);
	server_stand_in(c->s, name, &fake_uid);
	uid = a != NULL ? a->uid : fake_uid;
	struct opsrv_login ask = { .credential = bytes_of(uid.b, ID_BYTES),
		.record = a != NULL ? a->record : fake,
		.ke1 = ke1.p };
	opsrv_draw(&random);
	if (opsrv_answer(&c->s->opaque, &ask, &random, ke2, state, e) < 0)
		return -1;
	id_random(&login);
	int rc = sql_run(tx, e,
	    "INSERT INTO login (id, uid, known, state, done, expires_ms)"
	    " VALUES (?, ?, ?, ?, 0, ?)",
	    "iiubn", &login, &uid, (uint64_t)(a != NULL),
	    bytes_of(state, sizeof state), c->now_ms + LOGIN_MS);
	sodium_memzero(state, sizeof state);
	if (rc < 0)
		return -1;
	jsonio_put_id(c->out, "login", &login);
	jsonio_put_bytes(c->out, "ke2", bytes_of(ke2, sizeof ke2));
	server_put_ksf(c->out);
	return 0;
}

/* ---- counting ---- */

static bool
was_device(const struct call *c, const struct id *uid, struct id *dev_id)
{
	OWN(buf_free) struct buf known = { 0 };
	struct err ignored;

	return json_object_get(c->in, "known") != NULL &&
	    jsonio_bytes(c->in, "known", 0, &known, &ignored) == 0 &&
	    server_knows(c->s, uid, buf_bytes(&known), dev_id);
}

/*
 * Where tries are counted. Strangers count under the name and their address, a
 * device under itself, also one that was: who guesses at a name cannot hold up
 * the account's devices, also not those at the guesser's address.
 */
static void
tries_key(const struct call *c, const struct id *uid, const char *name,
    struct buf *out)
{
	struct id dev_id;

	if (c->me != NULL)
		buf_printf(out, "step-up|%s|%s", id_text(uid).s,
		    id_text(&c->me->dev_id).s);
	else if (was_device(c, uid, &dev_id))
		buf_printf(
		    out, "known|%s|%s", id_text(uid).s, id_text(&dev_id).s);
	else
		buf_printf(out, "password|%s|%s", name, server_source(c));
}

/* Names asked for from one address, so that ever new ones are bounded. */
static void
names_key(const struct call *c, struct buf *out)
{
	buf_printf(out, "names|%s", server_source(c));
}

static void
told_key(const struct call *c, const struct id *uid, struct buf *out)
{
	buf_printf(out, "started|%s|%s", id_text(uid).s, server_source(c));
}

static int
may_try(struct tx *tx, struct call *c, const struct id *uid, const char *name,
    bool *ok, struct err *e)
{
	OWN(buf_free) struct buf key = { 0 };
	OWN(buf_free) struct buf names = { 0 };
	struct id dev_id;
	bool stranger = c->me == NULL && !was_device(c, uid, &dev_id);

	tries_key(c, uid, name, &key);
	names_key(c, &names);
	*ok = true;
	if (stranger &&
	    server_drip(tx, c,
		&(struct account_limit){
		    buf_text(&names), NAMES_ROOM, NAMES_DROP_MS },
		ok, e) < 0)
		return -1;
	if (!*ok)
		return 0;
	if (server_throttle(tx, c,
		&(struct account_limit){ buf_text(&key),
		    server_config(c->s)->password_tries, TRIES_MS },
		ok, e) < 0)
		return -1;
	return *ok || !stranger ? 0 : account_unspend(tx, buf_text(&names), e);
}

/* Nothing that was right counts. */
static int
was_right(
    struct tx *tx, const struct call *c, const struct id *uid, struct err *e)
{
	OWN(buf_free) struct buf key = { 0 };
	OWN(buf_free) struct buf names = { 0 };
	OWN(buf_free) struct buf told = { 0 };
	struct account a;
	struct id dev_id;

	if (server_account(tx, uid, &a, e) < 0)
		return -1;
	tries_key(c, uid, a.name, &key);
	names_key(c, &names);
	told_key(c, uid, &told);
	/* A sign-in has ended well when it asks for more: see open_join. */
	return account_unthrottle(tx, buf_text(&key), e) < 0 ||
		(c->me != NULL ? account_unthrottle(tx, buf_text(&told), e)
			: was_device(c, uid, &dev_id)
			? 0
			: account_unspend(tx, buf_text(&names), e)) < 0
	    ? -1
	    : 0;
}

/*
 * Only the client learns that a password was wrong, and an attacker's does not
 * say. So the log tells of every beginning, as `started`. Of those that did not
 * end well, an address adds one in an hour, and all together STARTED_A_DAY:
 * nobody can fill the log from outside. For a name that is not there the same
 * is written, into nobody's log, so that the time does not tell.
 */
static int
log_started(struct tx *tx, struct call *c, const struct id *uid, bool known,
    const char *started, struct err *e)
{
	static const struct id nobody;
	OWN(buf_free) struct buf here = { 0 };
	OWN(buf_free) struct buf all = { 0 };
	const struct id *dev_id = c->me != NULL ? &c->me->dev_id : NULL;
	int64_t told_ms, full_ms = 0;
	uint64_t left;

	told_key(c, uid, &here);
	buf_printf(&all, "started|%s", id_text(uid).s);
	if (account_spend(tx,
		&(struct account_limit){ buf_text(&here), 1, HOUR_MS },
		c->now_ms, &left, &told_ms, e) < 0 ||
	    (told_ms == 0 &&
		account_spend(tx,
		    &(struct account_limit){
			buf_text(&all), STARTED_A_DAY, 24 * HOUR_MS },
		    c->now_ms, &left, &full_ms, e) < 0))
		return -1;
	return told_ms != 0 || full_ms != 0
	    ? 0
	    : server_event(tx, c,
		  &(struct server_event){
		      known ? uid : &nobody, started, dev_id, "" },
		  e);
}

int
signin_start(struct tx *tx, struct call *c, struct err *e)
{
	char name[LIMIT_NAME_BYTES + 1] = "";
	const char *given = "";
	struct account a;
	struct id uid;
	bool found = false, ok;

	if (jsonio_text(c->in, "name", &given, e) < 0)
		return -1;
	if (strlen(given) < sizeof name)
		memcpy(name, given, strlen(given) + 1);
	if (!account_name_ok(name))
		name[0] = '\0'; /* nobody has it */
	server_stand_in(c->s, name, &uid);
	if (account_by_name(tx, name, &a, &found, e) < 0)
		return -1;
	if (found)
		uid = a.uid;
	if (may_try(tx, c, &uid, name, &ok, e) < 0)
		return -1;
	if (!ok)
		return 0;
	return answer(tx, c, name, found ? &a : NULL, e) < 0
	    ? -1
	    : log_started(tx, c, &uid, found, "signin_started", e);
}

/* ---- KE3 ---- */

/* A login whose password was right. Wipe the key. */
struct proven {
	struct id login, uid;
	uint8_t session_key[OPRF_HASH];
};

/* Check a login's KE3. *ok false: refused with wrong-password-or-name. */
static int
check_login(
    struct tx *tx, struct call *c, struct proven *p, bool *ok, struct err *e)
{
	OWN(buf_free) struct buf ke3 = { 0 };
	OWN(stmt_done) struct stmt *s = NULL;
	static const struct id nobody;
	uint8_t state[OPSRV_STATE] = { 0 };
	struct err why;
	bool row, known = false;

	*ok = false;
	if (jsonio_id(c->in, "login", &p->login, e) < 0 ||
	    jsonio_bytes(c->in, "ke3", OPAQUE_KE3, &ke3, e) < 0 ||
	    sql_first(tx, e, &s, &row,
		"SELECT uid, known, state FROM login WHERE id = ?"
		" AND done = 0 AND expires_ms > ?",
		"in", &p->login, c->now_ms) < 0)
		return -1;
	if (!row)
		return err_set(e, ERR_CODE_EXPIRED,
		    "this sign-in is not waiting any more");
	stmt_got_copy(s, 0, p->uid.b, ID_BYTES);
	known = stmt_got_u64(s, 1) != 0;
	stmt_got_copy(s, 2, state, sizeof state);
	stmt_done(&s);
	int wrong = opsrv_finish(state, ke3.p, p->session_key, &why);
	sodium_memzero(state, sizeof state);
	if (wrong < 0 || !known) {
		/* The same work for a name that is not there. */
		if (server_event(tx, c,
			&(struct server_event){ known ? &p->uid : &nobody,
			    "signin_failed", NULL, "" },
			e) < 0)
			return -1;
		if (sql_run(tx, e, "DELETE FROM login WHERE id = ?", "i",
			&p->login) < 0)
			return -1;
		return server_refuse(
		    c, ERR_WRONG_PASSWORD, "the name or the password is wrong");
	}
	*ok = true;
	if (was_right(tx, c, &p->uid, e) < 0)
		return -1;
	/* The session key stays for a while: what follows is bound to it. */
	return sql_run(tx, e,
	    "UPDATE login SET done = 1, state = ?, expires_ms = ?"
	    " WHERE id = ?",
	    "bni", bytes_of(p->session_key, OPRF_HASH), c->now_ms + DONE_MS,
	    &p->login);
}

/* HMAC under HKDF(session key, label | NUL), as the client does. */
static bool
mac_holds(const uint8_t *session_key, const char *label, struct bytes message,
    const struct buf *given)
{
	uint8_t key[32];
	struct digest mac;

	hkdf(bytes_of(session_key, OPRF_HASH), bytes_str(""),
	    bytes_of(label, strlen(label) + 1), key, sizeof key);
	mac_once(bytes_of(key, sizeof key), message, &mac);
	sodium_memzero(key, sizeof key);
	return given->n == DIGEST_BYTES &&
	    sodium_memcmp(mac.b, given->p, DIGEST_BYTES) == 0;
}

/* ---- a join request ---- */

/* What the client says it runs on; "" when that is nothing to show. */
static const char *
os_of(const struct call *c)
{
	const char *os = json_string_value(json_object_get(c->in, "os"));

	return os != NULL && strlen(os) <= 32 && text_is_utf8(bytes_str(os))
	    ? os
	    : "";
}

/*
 * Whoever has the password may ask as often as he likes for what no device
 * sees: of such requests the oldest of his address goes, and of all addresses.
 */
static int
make_room(
    struct tx *tx, const struct call *c, const struct id *uid, struct err *e)
{
	static const struct {
		const char *of;
		uint64_t most;
	} rooms[] = { { "= ?", QUIET_PER_ADDRESS }, { "<> ?", QUIET_ALL } };

	for (size_t i = 0; i < ARRAY_SIZE(rooms); i++) {
		OWN(buf_free) struct buf sql = { 0 };
		buf_printf(&sql,
		    "DELETE FROM joining WHERE id IN (SELECT id FROM joining"
		    " WHERE uid = ? AND shown = 0 AND state IN (0, 4) AND"
		    " address %s ORDER BY created_ms DESC LIMIT 10000"
		    " OFFSET ?)",
		    rooms[i].of);
		if (sql_run(tx, e, buf_text(&sql), "isu", uid, c->q->peer,
			rooms[i].most - 1) < 0)
			return -1;
	}
	return 0;
}

/* Who asks to be let in, and where. */
struct joiner {
	struct id uid;
	struct bytes device;
	const char *asker; /* see joins_asker */
};

static int
open_join(struct tx *tx, struct call *c, const struct joiner *j, bool shown,
    struct err *e)
{
	const struct id *uid = &j->uid;
	static const struct id nobody;
	OWN(buf_free) struct buf token = { 0 };
	OWN(buf_free) struct buf machine = { 0 };
	OWN(buf_free) struct buf nonce = { 0 };
	OWN(buf_free) struct buf told = { 0 };
	const char *os = os_of(c);
	struct digest stored;
	struct account a;
	struct id join;
	bool found;

	if (jsonio_bytes(c->in, "nonce", ID_BYTES, &nonce, e) < 0 ||
	    (json_object_get(c->in, "machine") != NULL &&
		jsonio_bytes(c->in, "machine", DIGEST_BYTES, &machine, e) < 0))
		return -1;
	id_random(&join);
	server_token(&token, &stored);
	told_key(c, uid, &told);
	if (account_by_uid(tx, uid, &a, &found, e) < 0 ||
	    make_room(tx, c, uid, e) < 0 ||
	    sql_run(tx, e,
		"INSERT INTO joining (id, uid, token, created_ms, expires_ms,"
		" device, nonce, os, address, state, by_device, shown,"
		" machine, asker)"
		" VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?, ?, ?)",
		"iidnnbbssiubs", &join, uid, &stored, c->now_ms,
		c->now_ms + JOIN_MS, j->device, buf_bytes(&nonce), os,
		c->q->peer, &nobody, (uint64_t)shown, buf_bytes(&machine),
		j->asker) < 0 ||
	    (shown &&
		(server_event(tx, c,
		     &(struct server_event){ uid, "join_opened", NULL, os },
		     e) < 0 ||
		    account_unthrottle(tx, buf_text(&told), e) < 0)) ||
	    factor_put_methods(tx, c, uid, true, e) < 0)
		return -1;
	jsonio_put_id(c->out, "uid", uid);
	jsonio_put_id(c->out, "join", &join);
	jsonio_put_text(c->out, "token", buf_text(&token));
	jsonio_put_text(
	    c->out, "two_factor", account_two_factor_name(a.two_factor));
	jsonio_put_u64(c->out, "expires_ms", (uint64_t)(c->now_ms + JOIN_MS));
	if (shown)
		c->wake = *uid; /* who waits for requests of this account */
	return 0;
}

/* Trusted devices are asked only when the person wants that way. */
static int
begin_join(struct tx *tx, struct call *c, const struct joiner *j, struct err *e)
{
	const char *with = json_string_value(json_object_get(c->in, "with"));
	enum factor_way way;
	struct factors f;
	bool ok = true;

	if (factor_of(tx, &j->uid, &f, e) < 0)
		return -1;
	if (with == NULL || strcmp(with, "device") == 0)
		return f.has[FACTOR_KEY] ? factor_key_required(e)
		    : joins_may_prompt(tx, c, &j->uid, j->asker, &ok, e) < 0
		    ? -1
		    : ok ? open_join(tx, c, j, true, e)
			 : 0;
	/* Which one is chosen when the ways are known. */
	if (strcmp(with, "factor") == 0)
		return open_join(tx, c, j, false, e);
	if (factor_parse(with, &way, e) < 0 || factor_allowed(&f, way, e) < 0)
		return -1;
	return open_join(tx, c, j, false, e);
}

int
signin_finish(struct tx *tx, struct call *c, struct err *e)
{
	OWN(buf_free) struct buf device = { 0 };
	OWN(buf_free) struct buf nonce = { 0 };
	OWN(buf_free) struct buf mac = { 0 };
	OWN(buf_free) struct buf m = { 0 };
	OWN(buf_free) struct buf asker = { 0 };
	struct proven p;
	struct device d;
	bool ok;

	if (jsonio_bytes(c->in, "device", 0, &device, e) < 0 ||
	    jsonio_bytes(c->in, "nonce", ID_BYTES, &nonce, e) < 0 ||
	    jsonio_bytes(c->in, "mac", DIGEST_BYTES, &mac, e) < 0)
		return -1;
	struct scan s = scan_of(buf_bytes(&device));
	if (device_take(&s, &d, e) < 0 || !scan_done(&s))
		return err_set(e, ERR_BAD_REQUEST,
		    "the device's record is not well-formed");
	if (check_login(tx, c, &p, &ok, e) < 0)
		return -1;
	if (!ok)
		return 0;
	id_put(&m, &p.login);
	buf_put_bytes(&m, buf_bytes(&nonce));
	buf_put_bytes(&m, buf_bytes(&device));
	ok = mac_holds(p.session_key, "aumbry signin v1", buf_bytes(&m), &mac);
	sodium_memzero(p.session_key, sizeof p.session_key);
	if (!ok)
		return err_set(e, ERR_BAD_REQUEST,
		    "the device's record is not the one that was proven");
	joins_asker(c, d.class, os_of(c), &asker);
	struct joiner j = { p.uid, buf_bytes(&device), buf_text(&asker) };
	return begin_join(tx, c, &j, e);
}

/* ---- step-up ---- */

int
signin_step_start(struct tx *tx, struct call *c, struct err *e)
{
	struct account a;
	bool ok;

	if (server_account(tx, &c->me->uid, &a, e) < 0)
		return -1;
	if (may_try(tx, c, &a.uid, a.name, &ok, e) < 0)
		return -1;
	if (!ok)
		return 0;
	return answer(tx, c, a.name, &a, e) < 0
	    ? -1
	    : log_started(tx, c, &a.uid, true, "step_up_started", e);
}

/* The password is half of it, when there is a factor beside it. */
int
signin_step_finish(struct tx *tx, struct call *c, struct err *e)
{
	struct proven p;
	struct factors f;
	bool ok, lost;

	if (check_login(tx, c, &p, &ok, e) < 0)
		return -1;
	sodium_memzero(p.session_key, sizeof p.session_key);
	if (!ok)
		return 0;
	if (!id_equal(&p.uid, &c->me->uid))
		return err_set(
		    e, ERR_BAD_REQUEST, "this proof is another account's");
	if (account_password_proven(tx, &c->me->token, c->now_ms, e) < 0 ||
	    factor_of(tx, &p.uid, &f, e) < 0 || lost_ready(tx, c, &lost, e) < 0)
		return -1;
	return factor_any(&f) && !lost
	    ? factor_put_methods(tx, c, &p.uid, false, e)
	    : factor_step_up(tx, c, e);
}

/* ---- password ---- */

int
signin_password_start(struct tx *tx, struct call *c, struct err *e)
{
	OWN(buf_free) struct buf request = { 0 };
	uint8_t response[OPAQUE_RESPONSE];

	(void)tx;
	if (jsonio_bytes(c->in, "request", OPAQUE_REQUEST, &request, e) < 0 ||
	    opsrv_register(&c->s->opaque, bytes_of(c->me->uid.b, ID_BYTES),
		request.p, response, e) < 0)
		return -1;
	jsonio_put_bytes(
	    c->out, "response", bytes_of(response, sizeof response));
	server_put_ksf(c->out);
	return 0;
}

int
signin_password_finish(struct tx *tx, struct call *c, struct err *e)
{
	OWN(buf_free) struct buf record = { 0 };
	OWN(buf_free) struct buf pin = { 0 };
	OWN(buf_free) struct buf mac = { 0 };
	OWN(buf_free) struct buf m = { 0 };
	OWN(stmt_done) struct stmt *s = NULL;
	uint8_t key[OPRF_HASH];
	struct digest birth;
	struct id login;
	bool row;

	if (jsonio_bytes(c->in, "record", OPAQUE_RECORD, &record, e) < 0 ||
	    opsrv_record_check(record.p, e) < 0 ||
	    jsonio_bytes(c->in, "birth_pin", DIGEST_BYTES, &pin, e) < 0 ||
	    jsonio_bytes(c->in, "mac", DIGEST_BYTES, &mac, e) < 0 ||
	    jsonio_id(c->in, "login", &login, e) < 0 ||
	    sql_first(tx, e, &s, &row,
		"SELECT state FROM login WHERE id = ? AND uid = ? AND done = 1"
		" AND expires_ms > ?",
		"iin", &login, &c->me->uid, c->now_ms) < 0)
		return -1;
	if (!row)
		return err_set(e, ERR_STEP_UP_REQUIRED,
		    "the old password must be proven first");
	stmt_got_copy(s, 0, key, sizeof key);
	stmt_done(&s);
	id_put(&m, &c->me->uid);
	buf_put_bytes(&m, buf_bytes(&record));
	bool ok = mac_holds(key, "aumbry password v1", buf_bytes(&m), &mac);
	sodium_memzero(key, sizeof key);
	if (!ok)
		return err_set(e, ERR_BAD_REQUEST,
		    "the new record is not the one that was proven");
	memcpy(birth.b, pin.p, DIGEST_BYTES);
	return account_set_record(tx, &c->me->uid, record.p, &birth, e) < 0 ||
		protections_register(tx, c, &c->me->uid, e) < 0 ||
		sql_run(tx, e, "DELETE FROM login WHERE id = ?", "i", &login) <
		    0 ||
		apppass_drop_all(tx, c, &c->me->uid, e) < 0 ||
		account_end_visits(tx, &c->me->uid, &c->me->token, e) < 0 ||
		server_event_own(tx, c, "password_changed", "", e) < 0
	    ? -1
	    : 0;
}
