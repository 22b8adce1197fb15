/* SPDX-License-Identifier: ISC */
/* shown_code.h: codes that one screen shows and a person types at another. */
/*
 * Random digits and a check digit (Luhn). Each purpose has a shape of its own,
 * so that nobody learns to read one aloud for which that would be wrong: pairing
 * has "1234-5678", comparing two people "V-123-456-789". One in the place of the
 * other is told, and goes nowhere.
 */
#pragma once

#include "base/buf.h"

enum shown_code { SHOWN_PAIR, SHOWN_VERIFY };

#define SHOWN_DIGITS_MAX 9
#define SHOWN_TEXT_MAX 16

/* Draw one: its digits; wipe them. */
void shown_code_draw(
    enum shown_code kind, char digits[static SHOWN_DIGITS_MAX + 1]);
/* As people see it. */
void shown_code_text(
    enum shown_code kind, const char *digits, char out[static SHOWN_TEXT_MAX]);
/*
 * Digits of what was typed, without what people add to read it.
 *
 * errors  wrong-code-kind: a code of another kind; wrong-code: it has another
 *         length or its check digit is wrong: a slip of the finger costs no try.
 */
MUST_CHECK int shown_code_parse(enum shown_code kind, struct bytes typed,
    char digits[static SHOWN_DIGITS_MAX + 1], struct err *e);
