/* SPDX-License-Identifier: ISC */
/* recoverykeys.c: recovery keys as the account's devices see them. */
#include "api/recoverykeys.h"

#include "api/api.h"
#include "server/ordered.h"

#include <string.h>

#define BIRTH_PIN (4 + 3 * DIGEST_BYTES)
/* Keys that an account has told of: two sets' worth, and as many that no entry
 * names yet. */
#define RECOVERY_STAGED (4 * LIMIT_RECOVERY_KEYS)

static void
put_key(struct stmt *s, const struct call *c, json_t *row)
{
	struct id keyref;

	stmt_got_copy(s, 0, keyref.b, ID_BYTES);
	jsonio_put_id(row, "keyref", &keyref);
	jsonio_put_u64(row, "kind", stmt_got_u64(s, 1));
	jsonio_put_u64(row, "created_ms", stmt_got_u64(s, 2));
	jsonio_put_true(row, "sealed", stmt_got_bytes(s, 4).n > 0);
	/* A visitor may hold a key that was taken out, or that only waits. */
	if (c->me->limited)
		return;
	jsonio_put_bytes(row, "birth_pin", stmt_got_bytes(s, 3));
	/* Its keys of the newest epoch: what it would open. */
	if (stmt_got_bytes(s, 4).n > 0)
		jsonio_put_bytes(row, "envelope", stmt_got_bytes(s, 4));
	if (stmt_got_bytes(s, 5).n > 0)
		jsonio_put_bytes(row, "fresh_pin", stmt_got_bytes(s, 5));
}

static void
put_open(struct stmt *s, const struct call *c, json_t *row)
{
	struct id id;

	stmt_got_copy(s, 0, id.b, ID_BYTES);
	jsonio_put_id(row, "id", &id);
	jsonio_put_text(row, "way", stmt_got_text(s, 1));
	jsonio_put_text(row, "os", stmt_got_text(s, 2));
	server_put_address(c, row, stmt_got_text(s, 3));
	jsonio_put_u64(row, "created_ms", stmt_got_u64(s, 4));
	jsonio_put_u64(row, "ready_ms", stmt_got_u64(s, 5));
	jsonio_put_text(row, "reference", stmt_got_text(s, 6));
	stmt_got_copy(s, 7, id.b, ID_BYTES);
	if (!id_zero(&id))
		jsonio_put_id(row, "keyref", &id);
}

int
recoverykeys_list(struct tx *tx, struct call *c, struct err *e)
{
	OWN(stmt_done) struct stmt *keys = NULL;
	OWN(stmt_done) struct stmt *open = NULL;

	return sql_ask(tx, e, &keys,
		   "SELECT r.keyref, r.kind, r.created_ms, r.birth_pin,"
		   " (SELECT v.bytes FROM envelope v WHERE v.uid = r.uid"
		   " AND v.purpose = 1 AND v.receiver = r.keyref AND"
		   " v.epoch = (SELECT MAX(epoch) FROM envelope WHERE"
		   " uid = r.uid)), (SELECT p.pin FROM fresh_pin p WHERE"
		   " p.uid = r.uid AND p.ref = r.keyref)"
		   " FROM recovery r WHERE r.uid = ?"
		   " ORDER BY r.created_ms",
		   "i", &c->me->uid) < 0 ||
		server_rows(keys, c, "keys", put_key, e) < 0 ||
		sql_ask(tx, e, &open,
		    "SELECT id, way, os, address, created_ms, ready_ms,"
		    " reference, keyref FROM recovering WHERE uid = ?"
		    " AND known = 1"
		    " AND state = ? AND expires_ms > ? ORDER BY created_ms",
		    "iun", &c->me->uid, (uint64_t)RECOVER_WAITING,
		    c->now_ms) < 0
	    ? -1
	    : server_rows(open, c, "open", put_open, e);
}

/* The server's half of one that needs two, to try it. Whoever may ask holds
 * all keys already. */
int
recoverykeys_half(struct tx *tx, struct call *c, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;
	struct id keyref;
	bool row = false;

	if (id_parse(bytes_str(c->q->capture[0]), &keyref) == 0 &&
	    sql_first(tx, e, &s, &row,
		"SELECT half FROM recovery WHERE uid = ? AND keyref = ?"
		" AND kind <> ?",
		"iiu", &c->me->uid, &keyref, (uint64_t)RECOVERY_KEY) < 0)
		return -1;
	if (!row)
		return err_set(e, ERR_NOT_FOUND,
		    "there is no such recovery contact or kit");
	jsonio_put_bytes(c->out, "half", stmt_got_bytes(s, 0));
	return 0;
}

/* Of those that no set names, neither the one in force nor the one that waits,
 * the oldest go, `most` of them. */
static int
drop_unused(struct tx *tx, const struct circle *c, size_t most, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;
	OWN(buf_free) struct buf refs = { 0 };
	struct id ref;

	if (sql_ask(tx, e, &s,
		"SELECT keyref FROM recovery WHERE uid = ? ORDER BY created_ms",
		"i", &c->uid) < 0 ||
	    sql_gather(s, &refs, e) < 0)
		return -1;
	struct scan p = scan_of(buf_bytes(&refs));
	while (p.n > 0 && most > 0) {
		struct bytes x = scan_v16(&p);
		if (x.n != ID_BYTES)
			continue;
		memcpy(ref.b, x.p, ID_BYTES);
		if (recovery_find(&c->recovery, &ref) != NULL ||
		    (c->pending && recovery_find(&c->next, &ref) != NULL))
			continue;
		if (sql_run(tx, e,
			"DELETE FROM recovery WHERE uid = ? AND keyref = ?",
			"ii", &c->uid, &ref) < 0)
			return -1;
		most--;
	}
	return 0;
}

/* Nobody, also no device that is out by now, uses up the place of the ways to
 * recover: what was told and never named in the circle makes room. */
static int
make_room(struct tx *tx, const struct call *c, struct err *e)
{
	OWN(circle_free) struct circle circle = { 0 };
	uint64_t n;

	if (sql_count(tx, e, &n, "SELECT COUNT(*) FROM recovery WHERE uid = ?",
		"i", &c->me->uid) < 0)
		return -1;
	if (n < RECOVERY_STAGED)
		return 0;
	return account_circle(tx, &c->me->uid, &circle, e) < 0
	    ? -1
	    : drop_unused(tx, &circle, (size_t)n - RECOVERY_STAGED + 1, e);
}

/* What belongs to a key that an entry of the circle will name next. */
int
recoverykeys_stage(struct tx *tx, struct call *c, struct err *e)
{
	OWN(buf_free) struct buf verifier = { 0 };
	OWN(buf_free) struct buf assist = { 0 };
	OWN(buf_free) struct buf half = { 0 };
	OWN(buf_free) struct buf pin = { 0 };
	struct id keyref;
	uint64_t kind;

	if (jsonio_id(c->in, "keyref", &keyref, e) < 0 ||
	    jsonio_u64(c->in, "kind", &kind, e) < 0 ||
	    jsonio_bytes(c->in, "verifier", DIGEST_BYTES, &verifier, e) < 0 ||
	    jsonio_bytes(c->in, "birth_pin", BIRTH_PIN, &pin, e) < 0)
		return -1;
	bool halved = kind != RECOVERY_KEY;
	if (kind < RECOVERY_KEY || kind > RECOVERY_KIT ||
	    (halved && jsonio_bytes(c->in, "half", 32, &half, e) < 0) ||
	    (kind == RECOVERY_CONTACT &&
		jsonio_bytes(c->in, "assist", DIGEST_BYTES, &assist, e) < 0))
		return err_set(e, ERR_BAD_REQUEST,
		    "what belongs to a recovery key is not whole");
	if (make_room(tx, c, e) < 0)
		return -1;
	return sql_run(tx, e,
	    "INSERT INTO recovery (uid, keyref, kind, verifier, assist, half,"
	    " birth_pin, created_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
	    " ON CONFLICT (uid, keyref) DO NOTHING",
	    "iiubbbbn", &c->me->uid, &keyref, kind, buf_bytes(&verifier),
	    buf_bytes(&assist), buf_bytes(&half), buf_bytes(&pin), c->now_ms);
}

static int
each_key(struct tx *tx, const struct circle *c, const struct recovery_set *set,
    struct err *e)
{
	for (size_t i = 0; i < set->n; i++) {
		struct id ref;
		uint64_t n;
		recovery_keyref(set->keys[i].sign_pk, &ref);
		if (sql_count(tx, e, &n,
			"SELECT COUNT(*) FROM recovery WHERE uid = ?"
			" AND keyref = ? AND kind = ?",
			"iiu", &c->uid, &ref, (uint64_t)set->keys[i].kind) < 0)
			return -1;
		if (n == 0)
			return err_set(e, ERR_BAD_REQUEST,
			    "the server was not told what belongs to a "
			    "recovery key");
	}
	return 0;
}

int
recoverykeys_staged(struct tx *tx, const struct circle *c, struct err *e)
{
	return each_key(tx, c, &c->recovery, e) < 0 ||
		(c->pending && each_key(tx, c, &c->next, e) < 0)
	    ? -1
	    : 0;
}

int
recoverykeys_tidy(struct tx *tx, const struct circle *c, struct err *e)
{
	if (drop_unused(tx, c, SIZE_MAX, e) < 0)
		return -1;
	return sql_run(tx, e,
	    "DELETE FROM fresh_pin WHERE uid = ?"
	    " AND ref NOT IN (SELECT keyref FROM recovery WHERE uid = ?)"
	    " AND ref NOT IN (SELECT member FROM security_key WHERE uid = ?)",
	    "iii", &c->uid, &c->uid, &c->uid);
}
