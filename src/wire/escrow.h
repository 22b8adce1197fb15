/* SPDX-License-Identifier: ISC */
/* escrow.h: what is said to the escrow and by it, and what both sign. */
/*
 * The escrow holds one key pair for each account under standard protection. It
 * is asked by a server over a UNIX socket or TLS, in frames:
 *
 *   request  u32 length | u8 version 1 | u8 verb | body
 *   answer   u32 length | u8 0 | body
 *            u32 length | u8 1 | v8 code | v16 message
 *
 * Bodies by verb; circle and envelopes are lists of v16. A circle is given
 * from the entry after what STATE says the escrow knows, and verified by it.
 *
 *   1 HELLO     server sign_pk[32]
 *               -> escrow sign_pk[32] | u32 wait_s | u64 journal n | hash[32]
 *   2 CREATE    uid -> kem_pk[32] | sig[64]
 *   3 STATE     uid -> state
 *   4 REGISTER  uid | v32 circle | registration -> nothing
 *   5 NONCE     uid -> nonce[32]
 *   6 RELEASE   v16 ask | sig[64] | v16 statement | sig[64] | v32 circle
 *               | v32 envelopes -> released
 *   7 ORDER     uid | order id[16] | recipient kem_pk[32] | sign_pk[32]
 *               | v8 reference -> u64 ends_ms
 *   8 CANCEL    uid | order id[16] | v8 why -> nothing
 *   9 COLLECT   uid | order id[16] | v32 circle | v32 envelopes -> released
 *  10 DESTROY   uid | v32 circle -> nothing
 *  11 JOURNAL   uid | u64 since -> lines, v16 each
 *  12 DROP      uid -> nothing: of a sign-up that came to nothing
 *  13 DISCLOSE  uid | request id[16] | recipient kem_pk[32]
 *               | escrow sign_pk[32] | u32 notify_after_s | v32 circle
 *               | v32 envelopes | v8 reference
 *               -> v16 journal line | v8 why not | u32 envelopes that do not
 *               open | v32 released, empty when there is a reason why not
 *
 * DISCLOSE is answered to who runs the escrow alone: to its own user or root on
 * the UNIX socket, without HELLO; never to a server.
 *
 *   registration  dev_id[16] | release_pk[32] | u64 time_ms | sig[64]
 *   state         u8 there | kem_pk[32] | u8 registered | u32 circle seq
 *                 | hash[32] | u64 journal n | hash[32] | order id[16]
 *                 | u64 order ends_ms
 *   ask           uid[16] | request id[16] | u64 time_ms | nonce[32]
 *                 | recipient kem_pk[32] | u8 n | n * u8 category
 *   statement     uid[16] | request id[16] | u64 time_ms
 *                 | recipient kem_pk[32] | v8 way
 *   released      uid[16] | request or order id[16] | recipient kem_pk[32]
 *                 | u64 journal n | hash[32] | u16 n
 *                 | n * (u8 kind | u8 category | u32 epoch | v16 sealed key)
 *                 | sig[64]
 *
 * Signatures: ask by the account's release key over SIG_RELEASE; statement by
 * the server over SIG_FACTOR; released by the escrow over SIG_ESCROW_RELEASED
 * and all before it; registration by a device of the circle over
 * SIG_RELEASE_KEY and uid | release_pk | time_ms. kind 1 is K of an epoch, 2 is
 * N with epoch 0, each sealed to the recipient (X25519 sealed box). The journal
 * n and hash in `state` and `released` are of the newest line of the account
 * that JOURNAL hands out.
 *
 * A line of the journal, two hash chains in one: of all and of the account.
 *
 *   line  "PEJ1" | u64 n | prev[32] | uid[16] | u64 account n
 *         | account prev[32] | u64 time_ms | u8 verb | u8 outcome
 *         | v16 detail | sig[64]
 *
 * n and account n count from 1, prev is the hash of the line before, zeros for
 * the first; hash = SHA-256 of the whole line. outcome 1: will be done, 2:
 * refused. detail is words "key=value", for people and programs. A line of
 * DISCLOSE with the word notify_after=TIME, and what follows it in its account's
 * chain, is not handed out by JOURNAL before that time, as of text_time.
 * source  docs/FORMAT.md "Escrow".
 */
#pragma once

#include "wire/category.h"
#include "wire/digest.h"
#include "wire/id.h"
#include "wire/kem.h"
#include "wire/sig.h"

#define ESCROW_VERSION 1
#define ESCROW_FRAME (8 * 1024 * 1024) /* bytes; a circle of 30,000 entries */
#define ESCROW_DETAIL 512 /* bytes of a journal line's detail */
#define ESCROW_REFERENCE 200 /* bytes of an operator's reference */
#define ESCROW_NONCE 32
#define ESCROW_NONCE_MS (60 * 1000) /* a nonce is good for one minute, once */
#define ESCROW_KEYS 4096 /* keys in one release */
#define ESCROW_NOTIFY_S (365 * 24 * 3600) /* a disclosure's delay, at most */

enum escrow_verb {
	ESCROW_HELLO = 1,
	ESCROW_CREATE,
	ESCROW_STATE,
	ESCROW_REGISTER,
	ESCROW_NONCE_ASK,
	ESCROW_RELEASE,
	ESCROW_ORDER,
	ESCROW_CANCEL,
	ESCROW_COLLECT,
	ESCROW_DESTROY,
	ESCROW_JOURNAL,
	ESCROW_DROP,
	ESCROW_DISCLOSE, /* for who runs the escrow, and no server */
	ESCROW_VERBS
};
/* "release": as in the journal; "?" for none. */
const char *escrow_verb_name(uint8_t verb);

enum escrow_outcome { ESCROW_WILL_DO = 1, ESCROW_REFUSED = 2 };

struct escrow_state {
	bool there; /* there is a key; without one kem_pk, registered and
		       order are zeros */
	uint8_t kem_pk[KEM_PK_BYTES];
	bool registered; /* there is a release key */
	uint32_t circle_seq; /* of the newest entry the escrow has verified */
	struct digest circle_head;
	uint64_t journal_n; /* of the account's last line */
	struct digest journal_head;
	struct id order; /* that waits or may be collected; zeros: none */
	uint64_t order_ends_ms;
};

struct escrow_registration {
	struct id dev_id;
	uint8_t release_pk[SIG_PK_BYTES];
	uint64_t time_ms;
	uint8_t sig[SIG_BYTES];
};

struct escrow_ask {
	struct id uid, request;
	uint64_t time_ms;
	uint8_t nonce[ESCROW_NONCE];
	uint8_t recipient[KEM_PK_BYTES];
	uint8_t n;
	uint8_t categories[CATEGORY_END];
};

struct escrow_statement {
	struct id uid, request;
	uint64_t time_ms;
	uint8_t recipient[KEM_PK_BYTES];
	struct bytes way; /* borrows; 1 to 32 bytes, "authenticator" */
};

enum escrow_kind { ESCROW_KIND_CATEGORY = 1, ESCROW_KIND_NAMES = 2 };

struct escrow_key {
	uint8_t kind, category;
	uint32_t epoch;
	struct bytes sealed; /* borrows */
};

struct escrow_released {
	struct id uid, request;
	uint8_t recipient[KEM_PK_BYTES];
	uint64_t journal_n;
	struct digest journal_head;
	uint16_t n;
	struct bytes keys; /* borrows; walk with escrow_key_take */
	struct bytes signed_part;
	uint8_t sig[SIG_BYTES];
};

struct escrow_line {
	uint64_t n;
	struct digest prev;
	struct id uid;
	uint64_t account_n;
	struct digest account_prev;
	uint64_t time_ms;
	uint8_t verb, outcome;
	struct bytes detail; /* borrows; UTF-8 */
	struct bytes signed_part;
	uint8_t sig[SIG_BYTES];
};

/* What REGISTER's signature covers. */
void escrow_registration_signed(const struct id *uid,
    const uint8_t release_pk[static SIG_PK_BYTES], uint64_t time_ms,
    struct buf *out);

/* Append one, as the escrow and who asks it send it. */
void escrow_state_put(struct buf *out, const struct escrow_state *x);
void escrow_registration_put(
    struct buf *out, const struct escrow_registration *x);
void escrow_ask_put(struct buf *out, const struct escrow_ask *x);
void escrow_statement_put(struct buf *out, const struct escrow_statement *x);
void escrow_key_put(struct buf *out, const struct escrow_key *x);
/* Everything before the keys; the signature ends it. */
void escrow_released_begin(struct buf *out, const struct escrow_released *x);
/* Everything before the signature. */
void escrow_line_begin(struct buf *out, const struct escrow_line *x);

/* All of them read from outside. errors: bad-request. */
MUST_CHECK int escrow_state_parse(
    struct bytes x, struct escrow_state *out, struct err *e);
MUST_CHECK int escrow_registration_take(
    struct scan *s, struct escrow_registration *out, struct err *e);
MUST_CHECK int escrow_ask_parse(
    struct bytes x, struct escrow_ask *out, struct err *e);
MUST_CHECK int escrow_statement_parse(
    struct bytes x, struct escrow_statement *out, struct err *e);
MUST_CHECK int escrow_key_take(
    struct scan *s, struct escrow_key *out, struct err *e);
/* Also that there are n keys, of categories that standard protection covers. */
MUST_CHECK int escrow_released_parse(
    struct bytes x, struct escrow_released *out, struct err *e);
MUST_CHECK int escrow_line_parse(
    struct bytes x, struct escrow_line *out, struct err *e);

/*
 * Check lines of an account, v16 each, against what was known of its chain.
 *
 * n, head  of the last line known; 0 and zeros for none. Moved on.
 * errors   journal-rolled-back: a line does not continue the chain, is of
 *          another account, or not signed by the escrow.
 */
MUST_CHECK int escrow_lines_check(struct bytes lines, const struct id *uid,
    const uint8_t sign_pk[static SIG_PK_BYTES], uint64_t *n,
    struct digest *head, struct err *e);
