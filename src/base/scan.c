/* SPDX-License-Identifier: ISC */
/* scan.c: bounded reading. */
#include "base/scan.h"

#include <string.h>

struct scan
scan_of(struct bytes x)
{
	return (struct scan){ x.p, x.n, false };
}

struct bytes
scan_take(struct scan *s, size_t n)
{
	if (s->bad || s->n < n) {
		s->bad = true;
		return (struct bytes){ NULL, 0 };
	}
	struct bytes out = { s->p, n };
	if (n > 0)
		s->p += n;
	s->n -= n;
	return out;
}

void
scan_copy(struct scan *s, void *out, size_t n)
{
	struct bytes x = scan_take(s, n);

	if (x.n == n && n > 0)
		memcpy(out, x.p, n);
	else if (n > 0)
		memset(out, 0, n);
}

uint8_t
scan_u8(struct scan *s)
{
	struct bytes x = scan_take(s, 1);

	return x.n == 1 ? x.p[0] : 0;
}

uint16_t
scan_u16(struct scan *s)
{
	struct bytes x = scan_take(s, 2);

	return x.n == 2 ? be16(x.p) : 0;
}

uint32_t
scan_u32(struct scan *s)
{
	struct bytes x = scan_take(s, 4);

	return x.n == 4 ? be32(x.p) : 0;
}

uint64_t
scan_u64(struct scan *s)
{
	struct bytes x = scan_take(s, 8);

	return x.n == 8 ? be64(x.p) : 0;
}

uint64_t
scan_varint(struct scan *s)
{
	uint64_t v = 0;

	for (unsigned shift = 0; shift < 64; shift += 7) {
		uint8_t b = scan_u8(s);
		if (shift == 63 && b > 1)
			break;
		v |= (uint64_t)(b & 0x7f) << shift;
		if ((b & 0x80) == 0) {
			if (b == 0 && shift > 0)
				break;
			return s->bad ? 0 : v;
		}
	}
	s->bad = true;
	return 0;
}

int64_t
scan_zigzag(struct scan *s)
{
	uint64_t v = scan_varint(s);
	int64_t out;

	/* Two's complement, without a conversion that may trap. */
	v = (v >> 1) ^ (0 - (v & 1));
	memcpy(&out, &v, sizeof out);
	return out;
}

struct bytes
scan_v8(struct scan *s)
{
	return scan_take(s, scan_u8(s));
}

struct bytes
scan_v16(struct scan *s)
{
	return scan_take(s, scan_u16(s));
}

struct bytes
scan_v32(struct scan *s)
{
	return scan_take(s, scan_u32(s));
}

struct bytes
scan_vv(struct scan *s)
{
	uint64_t n = scan_varint(s);

	if (n > s->n)
		s->bad = true;
	return scan_take(s, s->bad ? 0 : (size_t)n);
}

bool
scan_ok(const struct scan *s)
{
	return !s->bad;
}

bool
scan_done(const struct scan *s)
{
	return !s->bad && s->n == 0;
}
