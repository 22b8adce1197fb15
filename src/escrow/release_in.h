/* SPDX-License-Identifier: ISC */
/* release_in.h: what the files of release.c share. */
#pragma once

#include "escrow/release.h"

#define RELEASE_HOUR_MS (3600 * 1000ULL)

/* One request. */
struct release_call {
	struct keeper *k;
	uint64_t now_ms;
	enum escrow_verb verb;
	struct ward w; /* of the account; uid zeros before it is known */
	struct buf detail; /* words of the journal's line */
	struct journal_head head; /* the account's, once the line is written */
	struct journal_head shown; /* the same, as far as its owner is told */
	bool owner; /* who runs the escrow asks */
};

typedef int release_fn(
    struct release_call *c, struct scan *body, struct buf *out, struct err *e);

/* release-refused and bad-request. Always -1. */
int release_refused(struct err *e, const char *why);
int release_malformed(struct err *e);

/* Have a and b the same n bytes? */
bool release_same(const uint8_t *a, const uint8_t *b, size_t n);

/* ---- release_need.c: the journal's line ---- */

/* Append "word=value" to the line's detail; a text of people in quotes. */
void release_word(struct release_call *c, const char *name, const char *value);
void release_word_id(
    struct release_call *c, const char *name, const struct id *id);
void release_word_quoted(
    struct release_call *c, const char *name, struct bytes text);
/*
 * How a line names a recipient: the first 16 bytes of SHA-256 of its keys.
 *
 * sign_pk  NULL when there is none.
 */
struct id release_recipient_ref(
    const uint8_t kem_pk[static KEM_PK_BYTES], const uint8_t *sign_pk);

/* Write the line: from then on it is done, or a crash came between. */
MUST_CHECK int release_will_do(struct release_call *c, struct err *e);
/* Write that it was refused, if that is worth a line. Always -1. */
int release_note_refusal(struct release_call *c, struct err *e);

/* ---- release_need.c: what must hold ---- */

/* Load the account. */
MUST_CHECK int release_meet(
    struct release_call *c, const struct id *uid, struct err *e);
MUST_CHECK int release_need_key(const struct release_call *c, struct err *e);
/* A clock that was turned back would make waits and limits begin anew. */
MUST_CHECK int release_need_clock(const struct release_call *c, struct err *e);
MUST_CHECK int release_need_recent(
    const struct release_call *c, uint64_t time_ms, struct err *e);
/* A point of small order has no secret to share: nothing can be sealed to it. */
MUST_CHECK int release_need_recipient(
    const uint8_t kem_pk[static KEM_PK_BYTES], struct err *e);
/* The account chose standard protection, this escrow, and the key it has. */
MUST_CHECK int release_need_standard(
    const struct release_call *c, const struct circle *circle, struct err *e);
MUST_CHECK int release_need_below(
    size_t n, uint64_t limit, const char *what, struct err *e);
MUST_CHECK int release_need_hand_outs_left(
    const struct release_call *c, struct err *e);
/*
 * What was verified before, and after it what is given: from the next entry on,
 * or from any that is known. What is new is kept, whatever comes of the
 * request: it cannot be taken back.
 *
 * circle  all-zero before.
 */
MUST_CHECK int release_take_circle(struct release_call *c, struct bytes list,
    struct circle *circle, struct err *e);
/* The last field of a request, v8: people's words of at least so many bytes. */
MUST_CHECK int release_take_text(
    struct scan *body, size_t least, struct bytes *out, struct err *e);

/* ---- release_keys.c: keys that are handed out ---- */

struct release_keys {
	uint8_t recipient[KEM_PK_BYTES];
	bool wanted[CATEGORY_END];
	struct buf keys; /* as in `released` */
	uint16_t n;
	struct {
		uint8_t category;
		uint32_t epoch;
	} * done;
	struct secret *names[CATEGORY_END]; /* of the newest epoch given */
	uint32_t names_epoch[CATEGORY_END];
	bool part; /* what does not open is passed over */
	uint32_t closed; /* that did not */
};

/* Everything that was opened goes; the struct can be freed after that. */
void release_keys_drop(struct release_keys *h);
/* Everything wanted that the envelopes hold, sealed to the recipient. */
MUST_CHECK int release_open_all(const struct release_call *c,
    const struct circle *circle, struct bytes list, struct release_keys *h,
    struct err *e);
void release_word_keys(struct release_call *c, const struct release_keys *h);
/* Append `released`, signed. */
void release_put(const struct release_call *c, const struct id *request,
    const struct release_keys *h, struct buf *out);

/* ---- release_order.c, release_disclose.c: what operators ask ---- */

/* Does the account's order wait, or may it be collected? */
bool release_order_lives(const struct release_call *c);
release_fn release_order, release_cancel, release_collect, release_disclose;
