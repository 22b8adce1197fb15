/* SPDX-License-Identifier: ISC */
/* account.h: accounts, circles, envelopes, sessions, joins, limits, events. */
/*
 * What the server knows of people, in tables whose first column is the
 * account. Everything here runs inside a transaction of the caller. Tokens and
 * codes are stored as digests. Times are UTC milliseconds.
 */
#pragma once

#include "store/sql.h"
#include "wire/freshpin.h"
#include "wire/opaque3dh.h"

enum account_two_factor { TWO_FACTOR_OFF, TWO_FACTOR_PENDING, TWO_FACTOR_ON };

/* "off", "pending" or "on", as answers have it. */
const char *account_two_factor_name(enum account_two_factor t);

/* The scripts that make the tables, oldest first. None changes any more once
 * it is in use: tests/unit/test_schema.c. */
const char *const *account_schema(size_t *n);
/* Those that have rows of an account, by their column uid: all that goes with
 * it. The last two stay until the others are done. */
extern const char *const account_tables[];
extern const size_t account_n_tables;
MUST_CHECK int account_open(struct db *db, struct err *e);

/* What an account keeps from others. */
enum account_hides {
	ACCOUNT_HIDES_NAME = 1, /* found by name by whom it lets write alone */
	ACCOUNT_HIDES_INBOX = 2 /* nobody asks: those whom it knows write */
};

struct account {
	struct id uid;
	char name[LIMIT_NAME_BYTES + 1];
	int64_t created_ms;
	bool suspended;
	enum account_two_factor two_factor;
	uint8_t record[OPAQUE_RECORD];
	struct digest birth_pin;
	uint8_t hides; /* enum account_hides, or'd; 0 for a new one */
};

/*
 * 1 to 64 of a-z 0-9 . _ -, with a letter or digit at both ends and no dot
 * beside another: it stands in mail addresses, in paths of what mail and
 * calendar servers keep, and on command lines. Upper case is lowered in place.
 */
bool account_name_ok(char *name);

/* errors: name-taken. */
MUST_CHECK int account_insert(
    struct tx *tx, const struct account *a, struct err *e);
/* *found false when there is none. */
MUST_CHECK int account_by_name(struct tx *tx, const char *name,
    struct account *out, bool *found, struct err *e);
MUST_CHECK int account_by_uid(struct tx *tx, const struct id *uid,
    struct account *out, bool *found, struct err *e);
MUST_CHECK int account_set_record(struct tx *tx, const struct id *uid,
    const uint8_t *record, const struct digest *birth_pin, struct err *e);
MUST_CHECK int account_set_two_factor(struct tx *tx, const struct id *uid,
    enum account_two_factor t, struct err *e);
MUST_CHECK int account_set_hides(
    struct tx *tx, const struct id *uid, uint8_t hides, struct err *e);

/* ---- circle ---- */

/* All entries applied, from the tables. */
MUST_CHECK int account_circle(
    struct tx *tx, const struct id *uid, struct circle *out, struct err *e);
MUST_CHECK int account_add_entry(struct tx *tx, const struct id *uid,
    uint32_t seq, struct bytes entry, struct err *e);
/* Append v16 entries after `since`. */
MUST_CHECK int account_entries(struct tx *tx, const struct id *uid,
    uint32_t since, struct buf *out, struct err *e);
/* The stored entry of that seq, appended; nothing when there is none. */
MUST_CHECK int account_entry(struct tx *tx, const struct id *uid, uint32_t seq,
    struct buf *out, struct err *e);

struct account_envelope {
	uint8_t purpose;
	uint32_t epoch;
	uint8_t category;
	struct id sender, receiver;
	struct bytes bytes; /* all of it */
	struct bytes signed_part;
	const uint8_t *sig;
};

/* Header of an envelope. errors: key-substituted. */
MUST_CHECK int account_envelope_parse(
    struct bytes x, struct account_envelope *out, struct err *e);
/* One that is there stays: nobody puts noise in the place of a key. */
MUST_CHECK int account_add_envelope(struct tx *tx, const struct id *uid,
    const struct account_envelope *v, struct err *e);
/* v16 each: every S that is sealed to dev_id, and every wrapped key. */
MUST_CHECK int account_keyring(struct tx *tx, const struct id *uid,
    const struct id *dev_id, struct buf *out, struct err *e);

/*
 * Fresh pins of security keys and recovery keys, as devices renew them. One
 * that covers an earlier entry than what is there changes nothing, unless that
 * one is of a circle that reached further than `newest` (a restored server).
 */
MUST_CHECK int account_set_pin(struct tx *tx, const struct id *uid,
    const struct id *ref, const struct freshpin *p, uint32_t newest,
    struct err *e);
/* Appended; nothing when there is none. */
MUST_CHECK int account_pin(struct tx *tx, const struct id *uid,
    const struct id *ref, struct buf *out, struct err *e);

/* ---- sessions ---- */

/* Of a device of the circle; a limited one is of whoever has proven the
 * password and a factor, and reaches the account but none of its data. */
struct account_session {
	struct id id; /* its name in lists; tells nothing of the token */
	struct id uid, dev_id;
	uint8_t class; /* enum circle_class */
	bool limited;
	int64_t opened_ms, expires_ms;
	int64_t password_ms; /* when the password was proven again; or 0 */
	int64_t step_up_ms; /* and a factor beside it; or 0 */
	uint64_t released; /* bit c: the escrow gave the keys of category c */
	const char *way; /* what was proven, "text"; borrowed */
	const char *os, *address; /* borrowed; "" when read */
};

/* Of one device, and of all visitors of an account: one more ends the oldest,
 * so that a list of them stays short. */
#define ACCOUNT_SESSIONS 16

/* nonce: refused when it was used before (conflict). */
MUST_CHECK int account_add_session(struct tx *tx, const struct digest *token,
    const struct account_session *s, struct bytes nonce, struct err *e);
MUST_CHECK int account_session(struct tx *tx, const struct digest *token,
    int64_t now_ms, struct account_session *out, bool *found, struct err *e);
MUST_CHECK int account_step_up(
    struct tx *tx, const struct digest *token, int64_t now_ms, struct err *e);
/* Keys were released to it. */
MUST_CHECK int account_released(struct tx *tx, const struct digest *token,
    uint64_t categories, struct err *e);
/* The first half of a step-up. */
MUST_CHECK int account_password_proven(
    struct tx *tx, const struct digest *token, int64_t now_ms, struct err *e);
/* Whatever stands on the password that was: limited sessions but one, sign-ins
 * that wait, requests to join, and browsers that are trusted. */
MUST_CHECK int account_end_visits(struct tx *tx, const struct id *uid,
    const struct digest *but, struct err *e);
/* All sessions of a device; dev_id NULL: of the account. */
MUST_CHECK int account_end_sessions(struct tx *tx, const struct id *uid,
    const struct id *dev_id, struct err *e);

/* ---- events, limits ---- */

/* Events kept of each kind that strangers can cause, */
#define ACCOUNT_ATTEMPTS 40
/* and of each kind that the account's devices and sign-ins can, as often as
 * they like. */
#define ACCOUNT_EVENTS 1000

/* One line of an account's log. */
struct account_event {
	int64_t time_ms;
	const char *event;
	const struct id *dev_id; /* whose it was; NULL: no device's */
	const char *address, *detail; /* "" for none */
};

/* Add to the account's log, which keeps the newest of each kind: of attempts
 * (signin_started, signin_failed, step_up_started, code_sent, code_wrong,
 * join_opened, join_refused, join_failed, join_ended, visit_asked,
 * visit_refused, visit_ended, security_key_refused) ACCOUNT_ATTEMPTS, of all
 * others ACCOUNT_EVENTS. */
MUST_CHECK int account_event(struct tx *tx, const struct id *uid,
    const struct account_event *x, struct err *e);

/* How often something may be done. Keys are of parts, "what|of whom|of which
 * asker": whom is an account's name or uid, by which its owner and the operator
 * end the counts. */
struct account_limit {
	const char *key;
	uint64_t most;
	int64_t span_ms;
};

/*
 * Count one try. When there were `most` in the span already, *retry_ms says how
 * long to wait (doubling, to 8 spans), else it is 0.
 */
MUST_CHECK int account_throttle(struct tx *tx, const struct account_limit *l,
    int64_t now_ms, int64_t *retry_ms, struct err *e);
/* Spend one of `most` in a span, which asking in vain does not prolong.
 * *left: how many there are yet; *retry_ms as above. */
MUST_CHECK int account_spend(struct tx *tx, const struct account_limit *l,
    int64_t now_ms, uint64_t *left, int64_t *retry_ms, struct err *e);
/* Give one back that was spent for nothing. */
MUST_CHECK int account_unspend(struct tx *tx, const char *key, struct err *e);
MUST_CHECK int account_unthrottle(
    struct tx *tx, const char *key, struct err *e);
/* What only slows: `most` at once, and then one in each span. Asking in vain
 * costs nothing. *retry_ms as above, and never more than the span. */
MUST_CHECK int account_drip(struct tx *tx, const struct account_limit *l,
    int64_t now_ms, int64_t *retry_ms, struct err *e);
/* Every count of the account ends, and every refusal of a request. */
MUST_CHECK int account_unthrottle_all(
    struct tx *tx, const char *name, const struct id *uid, struct err *e);
