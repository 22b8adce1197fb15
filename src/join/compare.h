/* SPDX-License-Identifier: ISC */
/* compare.h: two people make sure of each other, by a code that one types. */
/*
 * B asks; a device of A shows a code, which A tells B by a way where they know
 * each other: face to face, or by voice. Both run CPace over it, through the
 * server:
 *
 *   1 A→B  ra[16] | Ya[32] | v16 claim of A
 *   2 B→A  Yb[32] | HMAC(k_b, transcript)
 *   3 A→B  HMAC(k_a, transcript) | box(claim: what A holds of B)
 *   4 B→A  box(u8 found | claim: what B holds of A)
 *   5 A→B  box(u8 found)
 *   6 A→B  nothing: the code was wrong and is burnt
 *
 * as in pair.h, with CI = "aumbry verify v1" | v8 | v8 of both addresses, the
 * smaller first, sid = request | nonce of B | ra, each side's claim of itself
 * (wire/person.h) as its associated data, and "aumbry verify v1" in the boxes.
 * Each side then sees whether what the server showed it of the other is what the
 * other has, all of it, and the other way round. found 1: it is so, and in 5 for
 * both. A code of its own shape (shown_code.h),
 * good for one try, PAIR_CODES times, PAIR_CODE_S seconds each.
 * source  docs/PROTOCOL.md "Comparing".
 */
#pragma once

#include "client/people.h"
#include "join/pair.h"

#define COMPARE_LABEL "aumbry verify v1"
#define COMPARE_PATH "/v1/verify"

struct compare {
	const struct people_look *with; /* as it was shown just now */
	unsigned timeout_s;
	pair_ask_fn ask; /* B's: for the code */
	pair_show_fn show; /* A's */
	void (*waiting)(void *ctx); /* the other one is asked; or NULL */
	bool again; /* B: ask for the next code after a wrong one */
	void *ctx;
};

/*
 * Ask the other one, and type the code that is shown there.
 *
 * *same   both hold of each other what is so. false: the code was right, and
 *         somebody is in between.
 * errors  wrong-code, wrong-code-kind, code-expired, request-refused,
 *         too-many-attempts.
 */
MUST_CHECK int compare_ask(
    struct self *s, const struct compare *c, bool *same, struct err *e);

/*
 * The same for who cannot wait in a call, as a page: asked first, looked at
 * again and again, and one code at a time.
 */
struct compare_entry;

/* Ask the other one. with stays the caller's, and outlives it. */
MUST_CHECK int compare_entry_new(struct self *s, const struct people_look *with,
    struct compare_entry **out, struct err *e);
/* The request goes on: compare_entry_cancel. */
void compare_entry_free(struct compare_entry **x);
void compare_entry_cancel(struct compare_entry *x);
/* The request, for who ends it otherwise. Borrowed. */
const struct id *compare_entry_request(const struct compare_entry *x);
/* *shown: a code is shown there. errors: the request is over. */
MUST_CHECK int compare_entry_look(
    struct compare_entry *x, bool *shown, struct err *e);
/* The code that is shown there. errors: as compare_ask. */
MUST_CHECK int compare_entry_try(
    struct compare_entry *x, struct bytes code, bool *same, struct err *e);

/* One who asks. */
struct compare_request {
	struct id id, uid, nonce;
	uint64_t created_ms;
	struct buf claim;
};

struct compare_requests {
	struct compare_request *list; /* the newest first */
	size_t n;
};

/* And what they hold; empty then. */
void compare_request_free(struct compare_request *r);
void compare_requests_free(struct compare_requests *r);
/* All that wait, or will within wait_s. */
MUST_CHECK int compare_requests(struct self *s, unsigned wait_s,
    struct compare_requests *out, struct err *e);
/*
 * The newest of those of `uid`, waiting up to wait_s for one.
 *
 * errors  code-expired: nobody asked.
 */
MUST_CHECK int compare_wait(struct self *s, const struct id *uid,
    unsigned wait_s, struct compare_request *out, struct err *e);
/* Show codes to who answers it. errors: as compare_ask. */
MUST_CHECK int compare_show(struct self *s, const struct compare *c,
    const struct compare_request *r, bool *same, struct err *e);

/*
 * They have compared: he is verified, or somebody is in between, which is noted
 * for all devices.
 *
 * unnoted  why that could not be; ERR_NONE: it was.
 * errors   contact-changed; those of people_accept.
 */
MUST_CHECK int compare_settle(struct self *s, const struct people_look *l,
    bool same, struct err *unnoted, struct err *e);
