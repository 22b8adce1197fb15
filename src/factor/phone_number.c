/* SPDX-License-Identifier: ISC */
/* phone_number.c: one number: typed, shown, and in its row. */
#include "factor/phone_in.h"

#include <string.h>

#define DIGITS_MIN 7

bool
phone_parse(const char *text, char out[static PHONE_NUMBER + 1])
{
	size_t n = 0;

	for (; *text != '\0'; text++) {
		bool digit = *text >= '0' && *text <= '9';
		if (n > 0 && strchr(" -()", *text) != NULL)
			continue;
		if (n == PHONE_NUMBER || (n == 0 ? *text != '+' : !digit) ||
		    (n == 1 && *text == '0'))
			return false;
		out[n++] = *text;
	}
	out[n] = '\0';
	return n >= 1 + DIGITS_MIN;
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
