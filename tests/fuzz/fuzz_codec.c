/* SPDX-License-Identifier: ISC */
/* fuzz_codec.c: compressed blocks; input: u8 method, u32 length, block. */
#include "vault/codec.h"

#include "base/scan.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct codec *c;
	OWN(buf_free) struct buf out = { 0 };
	struct scan s = scan_of(bytes_of(data, size));
	unsigned method = scan_u8(&s);
	size_t n = scan_u32(&s) % (1u << 20);
	struct err e = { 0 };

	if (c == NULL)
		c = codec_new(1);
	buf_put_str(&out, "before");
	int rc = codec_expand(c, method, bytes_of(s.p, s.n), n, &out, &e);
	if (out.n != (rc == 0 ? 6 + n : 6))
		abort();
	return 0;
}
