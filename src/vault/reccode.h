/* SPDX-License-Identifier: ISC */
/* reccode.h: recovery codes: secrets that people write on paper. */
/*
 *   ABCD-EFGH-JKLM-NPQR-STUV-WXYZ-23NN
 *
 * 28 characters, A to Z without I and O, 2 to 9: 26 carry a secret, 5 bits each,
 * and 2 check it. What they check is the kind of code too, which is not written.
 * One wrong character is located and never mended: a person looks at the paper
 * again. Two wrong characters never pass for a right code; of more, about one
 * in a thousand does.
 *
 * In memory a secret is RECCODE_SYMBOLS bytes with values 0 to 31, one for each
 * character, whatever case and spaces were typed. Keys are derived from these.
 * source  docs/FORMAT.md "Recovery codes".
 */
#pragma once

#include "vault/secret.h"

#define RECCODE_SYMBOLS 26 /* bytes of a secret, 130 bits */
#define RECCODE_TEXT 34 /* characters of a printed code, 6 dashes among them */
#define RECCODE_GROUPS 7
#define RECCODE_SHEETS 3

enum reccode_kind {
	RECCODE_KEY = 1, /* opens alone */
	RECCODE_CONTACT = 2, /* the half that a recovery contact keeps */
	RECCODE_SHEET_1 = 3, /* of a paper kit, the others behind it */
	RECCODE_SHEET_2 = 4,
	RECCODE_SHEET_3 = 5,
};

/* A fresh secret, uniformly random. */
struct secret *reccode_new(void);

/* Append the code of a secret: RECCODE_TEXT characters, no line end. */
void reccode_make(
    const struct secret *s, enum reccode_kind kind, struct buf *out);

/*
 * The secret of a code that a person typed. Either case will do, and spaces,
 * dashes and line ends anywhere.
 *
 * kind    what was asked for; a code of another kind is refused by its name.
 * errors  recovery-key-wrong. The message names the group, 1 to 7, when it can
 *         be told: where a character stands that no code has, where one is
 *         missing or too many, where a single wrong one must be. With two wrong
 *         ones that group may be a right one, and the message says so. It never
 *         holds a character of the code, nor what would be right.
 */
MUST_CHECK int reccode_parse(struct bytes text, enum reccode_kind kind,
    struct secret **out, struct err *e);

/*
 * Three fresh sheets of a secret: any two give it back, one alone says nothing
 * about it. sheets[i] is a secret like any other, of kind RECCODE_SHEET_1 + i.
 */
void reccode_split(
    const struct secret *s, struct secret *sheets[static RECCODE_SHEETS]);

/*
 * The secret of two sheets, in either order. Sheets of two kits give a wrong
 * secret: the caller sees that when it opens nothing.
 *
 * kind_a, kind_b  RECCODE_SHEET_1 to _3, as reccode_parse read them.
 * errors          recovery-key-wrong when both are the same sheet.
 */
MUST_CHECK int reccode_join(const struct secret *a, enum reccode_kind kind_a,
    const struct secret *b, enum reccode_kind kind_b, struct secret **out,
    struct err *e);
