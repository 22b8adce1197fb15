/* SPDX-License-Identifier: ISC */
/* letter.h: what one person writes to another, signed by the device it is from. */
/*
 * A letter, big-endian:
 *
 *   "PML1" | u8 kind | conv[16] | id[16] | author uid[16] | dev_id[16]
 *   | u32 circle_seq | u64 time_ms | u64 clock | u64 seen_size | seen_root[32]
 *   | u32 state | state_hash[32] | u8 p | p * mark[16] | v32 body | sig[64]
 *
 * sig is by the device, over SIG_LETTER's label and all before it. It is kept as
 * it was signed. clock is one more than
 * the highest of the conversation that its writer had seen, and orders letters
 * with time and id. The marks are of the newest letters that the writer had
 * seen, at most LETTER_MARKS: SHA-256(letter)[0..16]; one that never comes was
 * held back. seen_* and state_* are zeros: for a log and for groups.
 *
 *   kind 1 text    v16 text | u8 0
 *        2 edit    id[16] | v16 text | u8 0      its author's own, as text
 *        3 delete  id[16]
 *
 * source  docs/FORMAT.md "Letters".
 */
#pragma once

#include "wire/circle.h"

/* A text is written by a person; what is longer is a file. Bytes. */
#define LETTER_TEXT_MAX (16 * 1024)
#define LETTER_MARKS 4
/* Whoever writes the highest clock ends no conversation: who comes after him
 * writes it, too, and the time orders them. */
#define LETTER_CLOCK_MAX INT64_MAX
#define LETTER_BYTES_MAX \
	(4 + 1 + 4 * ID_BYTES + 4 + 3 * 8 + DIGEST_BYTES + 4 + DIGEST_BYTES + \
	    1 + LETTER_MARKS * ID_BYTES + 4 + ID_BYTES + 2 + LETTER_TEXT_MAX + \
	    1 + SIG_BYTES)

enum letter_kind { LETTER_TEXT = 1, LETTER_EDIT = 2, LETTER_DELETE = 3 };

struct letter {
	uint8_t kind; /* enum letter_kind, or one of a newer version */
	struct id conv, id;
	struct id author, dev_id;
	uint32_t circle_seq; /* of the author's circle, as he knew it */
	uint64_t time_ms; /* his clock */
	uint64_t clock;
	uint64_t seen_size;
	struct digest seen_root;
	uint32_t state;
	struct digest state_hash;
	uint8_t n_marks;
	struct id marks[LETTER_MARKS];
	struct bytes body; /* borrowed */
	struct bytes signed_part; /* borrowed: what sig covers */
	uint8_t sig[SIG_BYTES];
};

/* Append all that is signed; sig goes behind it. */
void letter_put_signed(struct buf *out, const struct letter *l);
/* All of x; borrows. errors: letter-forged: it is none. */
MUST_CHECK int letter_take(struct bytes x, struct letter *out, struct err *e);
bool letter_sig_valid(
    const struct letter *l, const uint8_t pk[static SIG_PK_BYTES]);
/* What others name it by. */
struct id letter_mark(struct bytes letter);

/* Bodies. of: what is edited or deleted. text: at most LETTER_TEXT_MAX. */
void letter_put_text(struct buf *body, const struct id *of, struct bytes text);
/* What a body says: of, zeros for a text; text, borrowed, empty for a delete.
 * errors: letter-forged; update-needed: a kind that is not known here. */
MUST_CHECK int letter_body(
    const struct letter *l, struct id *of, struct bytes *text, struct err *e);

/* Who may be written to: his account, and where it is. */
struct letter_party {
	struct id uid;
	const char *host; /* behind the @ of the address */
};

/* The conversation of two: SHA-256("aumbry conversation v1" | the uid | v8 host
 * of both, the smaller first)[0..16]. */
struct id letter_conversation(
    const struct letter_party *a, const struct letter_party *b);
