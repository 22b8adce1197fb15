/* SPDX-License-Identifier: ISC */
/* password.c: what a new password must be. */
#include "client/password.h"

#include "base/rune.h"

static int
refuse(struct err *e, const char *why)
{
	(void)err_set(e, ERR_BAD_REQUEST, "the new password %s", why);
	return err_remedy(e,
	    "Longer is better: three or four words that nobody would put "
	    "together.");
}

int
password_check(struct bytes x, struct err *e)
{
	size_t chars = 0, step;
	uint32_t r = 0;

	if (x.n > PASSWORD_BYTES)
		return err_set(e, ERR_TOO_LARGE,
		    "a password has at most %d bytes", PASSWORD_BYTES);
	for (size_t i = 0; i < x.n; i += step, chars++) {
		step = rune_take(bytes_of(x.p + i, x.n - i), &r);
		if (step == 0)
			return refuse(e, "has bytes that are not UTF-8");
		if (r < 0x20 || (r >= 0x7f && r < 0xa0))
			return refuse(
			    e, "has a control character, which no form takes");
	}
	if (chars >= PASSWORD_CHARS)
		return 0;
	return refuse(e, "is shorter than 8 characters");
}
