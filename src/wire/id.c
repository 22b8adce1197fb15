/* SPDX-License-Identifier: ISC */
/* id.c: names of things. */
#include "wire/id.h"

#include "base/text.h"
#include "base/typed.h"

#include <sodium.h>
#include <string.h>
#include <strings.h>

void
id_random(struct id *id)
{
	randombytes_buf(id->b, sizeof id->b);
}

int
id_cmp(const struct id *a, const struct id *b)
{
	return bytes_cmp(bytes_of(a->b, ID_BYTES), bytes_of(b->b, ID_BYTES));
}

bool
id_equal(const struct id *a, const struct id *b)
{
	return id_cmp(a, b) == 0;
}

bool
id_zero(const struct id *id)
{
	return sodium_is_zero(id->b, sizeof id->b) == 1;
}

struct id_text
id_text(const struct id *id)
{
	struct id_text t;

	(void)sodium_bin2hex(t.s, sizeof t.s, id->b, sizeof id->b);
	return t;
}

struct id_text
id_short(const struct id *id)
{
	struct id_text t = id_text(id);

	t.s[8] = '\0';
	return t;
}

int
id_parse(struct bytes text, struct id *out)
{
	OWN(buf_free) struct buf raw = { 0 };

	if (text.n != ID_TEXT || text_unhex(&raw, text) < 0)
		return -1;
	memcpy(out->b, raw.p, ID_BYTES);
	return 0;
}

bool
id_begins(const struct id *id, const char *typed)
{
	OWN(buf_free) struct buf plain = { 0 };

	typed_code(&plain, bytes_str(typed));
	return plain.n > 0 &&
	    strncasecmp(id_text(id).s, buf_text(&plain), plain.n) == 0;
}

void
id_put(struct buf *b, const struct id *id)
{
	buf_put(b, id->b, ID_BYTES);
}

struct id
id_take(struct scan *s)
{
	struct id id;

	scan_copy(s, id.b, ID_BYTES);
	return id;
}
