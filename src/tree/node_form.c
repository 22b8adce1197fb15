/* SPDX-License-Identifier: ISC */
/* node_form.c: what records of the drive have in common. */
#include "tree/node_in.h"

#include <string.h>

int
node_bad(struct err *e, const char *why)
{
	return err_set(e, ERR_RECORD_CORRUPT, "a record of the drive: %s", why);
}

uint64_t
node_number(struct scan *s, uint64_t most)
{
	uint64_t v = scan_varint(s);

	if (v > most)
		s->bad = true;
	return s->bad ? 0 : v;
}

int
node_begin(struct scan *s, uint8_t kind, struct err *e)
{
	uint8_t is = scan_u8(s), format = scan_u8(s);

	if (!scan_ok(s) || is != kind || format == 0)
		return node_bad(e, "it is of another kind");
	return format == NODE_FORMAT
	    ? 0
	    : err_set(e, ERR_UPDATE_NEEDED,
		  "a record of the drive is of format %u", (unsigned)format);
}

static size_t
padded(size_t n)
{
	size_t size = NODE_PAD;

	while (size < n)
		size *= 2;
	return size;
}

void
node_pad(struct buf *out, size_t start)
{
	size_t n = out->n - start;
	size_t zeros = padded(n) - n;

	if (zeros > 0)
		memset(buf_grow(out, zeros), 0, zeros);
}

bool
node_pad_ok(struct scan *s, size_t n)
{
	if (!scan_ok(s) || n != padded(n - s->n))
		return false;
	while (s->n > 0)
		if (scan_u8(s) != 0)
			return false;
	return true;
}
