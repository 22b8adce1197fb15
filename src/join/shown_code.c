/* SPDX-License-Identifier: ISC */
/* shown_code.c: their digits, and what people type of them. */
#include "join/shown_code.h"

#include "base/typed.h"
#include "vault/secret.h"

#include <stdio.h>

#define FACTOR_DIGITS 6 /* of an authenticator, a text, a call */

static const struct shape {
	unsigned digits; /* with the check digit */
	uint32_t most; /* of the random ones */
	const char *name; /* in a sentence */
} shapes[] = {
	[SHOWN_PAIR] = { 8, 10000000, "a pairing code" },
	[SHOWN_VERIFY] = { 9, 100000000, "a code to verify a contact" },
};

/* Luhn, of n digits. */
static unsigned
check_digit(const char *digits, unsigned n)
{
	unsigned sum = 0;

	for (unsigned i = 0; i < n; i++) {
		unsigned d = (unsigned)(digits[i] - '0');
		if ((n - i) % 2 == 1) { /* every second from the right */
			d *= 2;
			if (d > 9)
				d -= 9;
		}
		sum += d;
	}
	return (10 - sum % 10) % 10;
}

void
shown_code_draw(enum shown_code kind, char digits[static SHOWN_DIGITS_MAX + 1])
{
	const struct shape *s = &shapes[kind];
	const unsigned n = s->digits - 1;

	(void)snprintf(digits, SHOWN_DIGITS_MAX + 1, "%0*u", (int)n,
	    secret_number(s->most));
	digits[n] = (char)('0' + check_digit(digits, n));
	digits[n + 1] = '\0';
}

void
shown_code_text(
    enum shown_code kind, const char *digits, char out[static SHOWN_TEXT_MAX])
{
	if (kind == SHOWN_VERIFY)
		(void)snprintf(out, SHOWN_TEXT_MAX, "V-%.3s-%.3s-%.3s", digits,
		    digits + 3, digits + 6);
	else
		(void)snprintf(
		    out, SHOWN_TEXT_MAX, "%.4s-%.4s", digits, digits + 4);
}

/* Whose is it, by its letter and length? */
static int
other_kind(enum shown_code kind, bool lettered, size_t n, struct err *e)
{
	const struct shape *pair = &shapes[SHOWN_PAIR];

	if (n == FACTOR_DIGITS && !lettered)
		return err_set(e, ERR_WRONG_CODE_KIND,
		    "that is a code with %d digits; %s has %u", FACTOR_DIGITS,
		    shapes[kind].name, shapes[kind].digits);
	if (kind == SHOWN_PAIR && lettered) {
		(void)err_set(e, ERR_WRONG_CODE_KIND,
		    "that is a code to verify a contact, and lets no device "
		    "in");
		return err_remedy(e, "To compare: aumbry verify NAME");
	}
	if (kind == SHOWN_VERIFY && !lettered && n == pair->digits) {
		(void)err_set(e, ERR_WRONG_CODE_KIND,
		    "that is a pairing code, which lets a device into an "
		    "account; it was sent nowhere");
		return err_remedy(e,
		    "Tell a pairing code to nobody. The code to compare begins "
		    "with V.");
	}
	return 0;
}

int
shown_code_parse(enum shown_code kind, struct bytes typed,
    char digits[static SHOWN_DIGITS_MAX + 1], struct err *e)
{
	OWN(buf_free) struct buf plain = { 0 };
	const struct shape *s = &shapes[kind];
	size_t at = 0, n = 0;

	typed_code(&plain, typed);
	bool lettered = plain.n > 0 && (plain.p[0] == 'V' || plain.p[0] == 'v');
	for (at = lettered; at < plain.n; at++) {
		uint8_t c = plain.p[at];
		if (c < '0' || c > '9' || n == SHOWN_DIGITS_MAX)
			return err_set(e, ERR_WRONG_CODE, "%s has %u digits",
			    s->name, s->digits);
		digits[n++] = (char)c;
	}
	digits[n] = '\0';
	if (other_kind(kind, lettered, n, e) < 0)
		return -1;
	if (n != s->digits ||
	    digits[n - 1] != (char)('0' + check_digit(digits, s->digits - 1)))
		return err_set(e, ERR_WRONG_CODE,
		    "the code has a typing slip; it costs no try");
	return 0;
}
