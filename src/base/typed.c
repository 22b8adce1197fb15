/* SPDX-License-Identifier: ISC */
/* typed.c: reading what people type and paste. */
#include "base/typed.h"

#include "base/rune.h"
#include "base/text.h"

#include <string.h>
#include <strings.h>

void
typed_code(struct buf *out, struct bytes typed)
{
	for (size_t i = 0; i < typed.n;) {
		uint32_t r = 0;
		size_t n = rune_take(bytes_of(typed.p + i, typed.n - i), &r);
		if (n == 0)
			buf_put_u8(out, typed.p[i]);
		else if (!rune_is_space(r) && !rune_is_dash(r) &&
		    !rune_is_mark(r))
			rune_put(out, rune_narrow(r));
		i += n == 0 ? 1 : n;
	}
}

static bool
blank(uint32_t r)
{
	return rune_is_space(r) || rune_is_mark(r);
}

struct bytes
typed_trim(struct bytes x)
{
	uint32_t r = 0;
	size_t n, end = 0;

	while ((n = rune_take(x, &r)) > 0 && blank(r))
		x = bytes_of(x.p + n, x.n - n);
	for (size_t i = 0; i < x.n; i += n) {
		n = rune_take(bytes_of(x.p + i, x.n - i), &r);
		if (n == 0 || !blank(r))
			end = i + (n == 0 ? 1 : n);
		n = n == 0 ? 1 : n;
	}
	return bytes_of(x.p, end);
}

void
typed_lines(struct buf *file)
{
	static const char mark[] = "\xef\xbb\xbf";
	size_t from = 0, to = 0;

	if (file->n >= 3 && bytes_equal(bytes_of(file->p, 3), bytes_str(mark)))
		from = 3;
	for (; from < file->n; from++)
		if (file->p[from] != '\r' || from + 1 == file->n ||
		    file->p[from + 1] != '\n')
			file->p[to++] = file->p[from];
	if (file->n > to)
		mem_wipe(file->p + to, file->n - to);
	file->n = to;
}

int
typed_account(
    struct bytes typed, const char *host, struct buf *out, struct err *e)
{
	OWN(buf_free) struct buf name = { 0 };
	OWN(buf_free) struct buf shown = { 0 };

	buf_put_bytes(&name, typed_trim(typed));
	const char *whole = buf_text(&name);
	size_t n = strcspn(whole, "@");
	if (n == 0 || n != name.n) {
		text_show(&shown, buf_bytes(&name));
		if (n == 0 || strlen(whole) != name.n)
			return err_set(e, ERR_BAD_NAME,
			    "\"%s\" is not an account's name",
			    buf_text(&shown));
		if (whole[n + 1] != '\0' &&
		    strcasecmp(whole + n + 1, host) != 0) {
			(void)err_set(e, ERR_BAD_NAME,
			    "\"%s\" is of another server; this one is %s",
			    buf_text(&shown), host);
			return err_remedy(e,
			    "Give the name without @, or the "
			    "address of its server.");
		}
	}
	for (size_t i = 0; i < n; i++) {
		uint8_t c = name.p[i];
		buf_put_u8(out, c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c);
	}
	return 0;
}
