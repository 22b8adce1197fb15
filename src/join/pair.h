/* SPDX-License-Identifier: ISC */
/* pair.h: a new device joins by a code that a trusted device shows. */
/*
 * The server relays opaque messages and learns nothing: both sides run CPace
 * over the code. Kinds of messages, the first byte of each:
 *
 *   1 A→B  ra[16] | Ya[32] | v16 device record of A
 *   2 B→A  Yb[32] | HMAC(k_b, transcript)
 *   3 A→B  HMAC(k_a, transcript) | box(uid | circle_id | u32 seq | head
 *          | v16 unsigned ADD)
 *   4 B→A  box(signature[64] over the ADD)
 *   5 A→B  box(v8 name | u16 n | n * (u8 category | zone[16]
 *          | u64 seq | head hash[32]))
 *   6 A→B  nothing: the code was wrong and is burnt
 *
 * CI = "aumbry pair v1" | v8(host) | uid; sid = join id | rb[16] | ra[16]; each
 * side's associated data is its whole device record. k_a, k_b and the box keys
 * are HKDF-SHA-256 of CPace's key by label. box is XChaCha20-Poly1305 with
 * "aumbry pair v1" | kind | sid as associated data. A is the trusted device,
 * the initiator. 3 and 4 repeat when another entry came first. The ADD, signed
 * by both, is the second factor: the server cannot make one.
 *
 * A code has 7 random digits and a check digit (Luhn), lives 5 minutes and is
 * good for one try.
 * source  docs/PROTOCOL.md "Pairing".
 */
#pragma once

#include "join/newcomer.h"
#include "client/self.h"

#define PAIR_CODE_DIGITS 8
#define PAIR_CODES 3 /* codes shown for one request */
#define PAIR_FAILS_A_DAY 10 /* wrong codes a trusted device takes in a day */
#define PAIR_CODE_S 300

struct pair_request {
	struct id join;
	uint64_t created_ms, expires_ms;
	struct device device;
	struct id nonce;
	char os[33], address[64];
	char place[128]; /* about where that is, or "" */
	bool here; /* it says that it comes from this very machine */
	struct buf record; /* device, encoded */
};

struct pair_requests {
	struct pair_request *list;
	size_t n;
};

/* And what they hold; empty then. */
void pair_requests_free(struct pair_requests *r);

/* Those that wait and came after since_ms, in order of arrival; waits up to
 * wait_s for one. */
MUST_CHECK int pair_requests(struct self *s, uint64_t since_ms, unsigned wait_s,
    struct pair_requests *out, struct err *e);
MUST_CHECK int pair_refuse(
    struct self *s, const struct id *join, struct err *e);
/* Who was refused, or has asked too often, may ask again. */
MUST_CHECK int pair_allow_again(struct self *s, struct err *e);

/* Show a code ("1234-5678") to the person; again after a wrong one. */
typedef void (*pair_show_fn)(void *ctx, const char *code);

/*
 * Let a device in; returns when it is in or the request has ended.
 *
 * errors  wrong-code after PAIR_CODES; too-many-attempts; code-expired;
 *         device-too-young; circle-full.
 */
MUST_CHECK int pair_approve(struct self *s, const struct pair_request *r,
    unsigned timeout_s, pair_show_fn show, void *ctx, struct err *e);

/* Ask the person for the code; text is appended as typed. */
typedef int (*pair_ask_fn)(void *ctx, struct buf *code, struct err *e);

struct pair_join {
	const char *dir, *url, *name, *device_name;
	struct bytes password;
	unsigned timeout_s;
	pair_ask_fn ask;
	bool again; /* ask for the next code after a wrong one */
	void (*waiting)(void *ctx); /* the request is open */
	/* One that was cut off here has been in, and left; or NULL. */
	void (*left)(void *ctx);
	void *ctx;
};

/*
 * Join an account with this device. What it leaves in `dir` is ready for
 * self_open.
 *
 * errors  wrong-password-or-name, request-refused, code-expired, wrong-code,
 *         wrong-code-kind, circle-*, history-*.
 */
MUST_CHECK int pair_join(const struct pair_join *a, struct err *e);

/*
 * The beginning of it, for who goes on in another way: newcomer_request, with
 * its keys kept in the home. What was cut off there is ended before.
 */
MUST_CHECK int pair_ask(const struct pair_join *a,
    const struct newcomer_ask *ask, struct newcomer *me, json_t **answer,
    struct err *e);

/*
 * The same for a request that is open, but was kept from the trusted devices:
 * ask them after all. `me` is used up.
 */
MUST_CHECK int pair_prompt(
    const struct pair_join *a, struct newcomer *me, struct err *e);

/*
 * The same in steps, for who cannot be asked in the middle of a call. The
 * devices have been asked by the request of `me`, which is taken over.
 *
 * a    its texts are borrowed until pair_entry_free; ask, again and waiting
 *      are not used.
 * key  the request has proven a security key.
 */
struct pair_entry;
struct pair_entry *pair_entry_new(
    const struct pair_join *a, struct newcomer *me, bool key);
void pair_entry_free(struct pair_entry **n); /* the request stays */
/* The request's own calls: another factor may be shown instead. */
struct remote *pair_entry_remote(struct pair_entry *n);
/* The request was given up. */
void pair_entry_cancel(struct pair_entry *n);
/* *allowed: a trusted device shows a code now. errors: the request is over. */
MUST_CHECK int pair_entry_look(
    struct pair_entry *n, bool *allowed, struct err *e);
/*
 * Give a code; on success this device is in. After wrong-code the trusted
 * device shows another, unless the typing was a slip.
 */
MUST_CHECK int pair_entry_try(
    struct pair_entry *n, struct bytes code, struct err *e);

/*
 * Digits of a pairing code, without what people add to read it.
 *
 * errors  wrong-code-kind for 6 digits; wrong-code when it has another length
 *         or its check digit is wrong: a slip of the finger costs no try.
 */
MUST_CHECK int pair_parse_code(
    struct bytes typed, char out[static PAIR_CODE_DIGITS + 1], struct err *e);
