/* SPDX-License-Identifier: ISC */
/* fuzz_text.c: decoders of text, and that what they take comes back. */
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
round_trip(struct bytes x, int (*decode)(struct buf *, struct bytes),
    void (*encode)(struct buf *, struct bytes))
{
	OWN(buf_free) struct buf raw = { 0 };
	OWN(buf_free) struct buf text = { 0 };
	OWN(buf_free) struct buf again = { 0 };

	if (decode(&raw, x) < 0)
		return;
	encode(&text, buf_bytes(&raw));
	if (decode(&again, buf_bytes(&text)) < 0 ||
	    !bytes_equal(buf_bytes(&raw), buf_bytes(&again)))
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes x = bytes_of(data, size);
	OWN(buf_free) struct buf shown = { 0 };
	OWN(buf_free) struct buf s = { 0 };
	uint64_t u;
	int64_t i;

	round_trip(x, text_unhex, text_hex);
	round_trip(x, text_unbase64, text_base64);
	round_trip(x, text_unbase64, text_base64url);
	text_show(&shown, x);
	if (!text_is_utf8(buf_bytes(&shown)))
		abort();
	buf_put_bytes(&s, x);
	(void)!text_parse_size(buf_text(&s), &u);
	(void)!text_parse_span(buf_text(&s), &i);
	(void)!text_parse_u64(buf_text(&s), 0, 1000, &u);
	return 0;
}
