/* SPDX-License-Identifier: ISC */
/* phone_number.c: one number: typed, shown, and in its row. */
#include "factor/phone_in.h"

#include "base/rune.h"
#include "base/typed.h"

#include <string.h>

#define DIGITS_MIN 7

/* What people set between the digits. */
static bool
between(uint32_t r)
{
	return rune_is_space(r) || rune_is_dash(r) || rune_is_mark(r) ||
	    r == '(' || r == ')' || r == '.' || r == '/' || r == 0xb7;
}

bool
phone_parse(const char *text, char out[static PHONE_NUMBER + 1])
{
	struct bytes x = bytes_str(text);
	OWN(buf_free) struct buf plain = { 0 };
	struct bytes own = bytes_str("(0)");
	uint32_t r = 0;
	size_t step;

	if (typed_trim(x).n != x.n)
		return false;
	for (size_t i = 0; i < x.n; i += step) {
		struct bytes rest = bytes_of(x.p + i, x.n - i);
		step = rune_take(rest, &r);
		if (step == 0)
			return false;
		/* What is dialed inside the country, in the place of its code:
		 * "+44 (0)20". */
		if (plain.n > 0 && rest.n > own.n &&
		    bytes_equal(bytes_of(rest.p, own.n), own))
			step = own.n;
		else if (!between(r))
			rune_put(&plain, r);
	}
	const char *digits = buf_text(&plain);
	if (digits[0] == '+')
		digits++;
	else if (strncmp(digits, "00", 2) == 0)
		digits += 2;
	else
		return false;
	size_t n = strlen(digits);
	if (n != strspn(digits, "0123456789") || digits[0] == '0' ||
	    n < DIGITS_MIN || n + 1 > PHONE_NUMBER)
		return false;
	out[0] = '+';
	memcpy(out + 1, digits, n + 1);
	return true;
}

void
phone_hint(struct buf *out, const char *number)
{
	size_t n = strlen(number);

	buf_printf(out, "••• %s", number + (n > 2 ? n - 2 : 0));
}

void
phone_take(struct stmt *s, struct phone *out)
{
	struct bytes number = bytes_str(stmt_got_text(s, 1));

	memset(out, 0, sizeof *out);
	stmt_got_copy(s, 0, out->id.b, ID_BYTES);
	memcpy(out->number, number.p,
	    number.n < PHONE_NUMBER ? number.n : PHONE_NUMBER);
	out->call = stmt_got_u64(s, 2) != 0;
	out->confirmed = stmt_got_u64(s, 3) != 0;
}
