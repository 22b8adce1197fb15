/* SPDX-License-Identifier: ISC */
/* rune.c: characters of UTF-8 and their kinds. */
#include "base/rune.h"

#include <locale.h>
#include <pthread.h>
#include <wctype.h>

size_t
rune_take(struct bytes x, uint32_t *rune)
{
	static const struct {
		uint8_t lo, hi, lo2, hi2;
		size_t n;
	} rows[] = {
		/* RFC 3629, section 4 */
		{ 0x00, 0x7f, 0, 0, 1 },
		{ 0xc2, 0xdf, 0x80, 0xbf, 2 },
		{ 0xe0, 0xe0, 0xa0, 0xbf, 3 },
		{ 0xe1, 0xec, 0x80, 0xbf, 3 },
		{ 0xed, 0xed, 0x80, 0x9f, 3 },
		{ 0xee, 0xef, 0x80, 0xbf, 3 },
		{ 0xf0, 0xf0, 0x90, 0xbf, 4 },
		{ 0xf1, 0xf3, 0x80, 0xbf, 4 },
		{ 0xf4, 0xf4, 0x80, 0x8f, 4 },
	};
	static const uint8_t first[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };

	for (size_t i = 0; x.n > 0 && i < ARRAY_SIZE(rows); i++) {
		size_t n = rows[i].n;
		if (x.p[0] < rows[i].lo || x.p[0] > rows[i].hi)
			continue;
		if (x.n < n)
			return 0;
		if (n > 1 && (x.p[1] < rows[i].lo2 || x.p[1] > rows[i].hi2))
			return 0;
		uint32_t r = x.p[0] & first[n];
		for (size_t k = 1; k < n; k++) {
			if ((x.p[k] & 0xc0) != 0x80)
				return 0;
			r = r << 6 | (x.p[k] & 0x3f);
		}
		*rune = r;
		return n;
	}
	return 0;
}

void
rune_put(struct buf *out, uint32_t r)
{
	if (r < 0x80) {
		buf_put_u8(out, (uint8_t)r);
		return;
	}
	unsigned n = r < 0x800 ? 2 : r < 0x10000 ? 3 : 4;
	static const uint8_t lead[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
	buf_put_u8(out, (uint8_t)(lead[n] | r >> 6 * (n - 1)));
	for (unsigned k = n - 1; k-- > 0;)
		buf_put_u8(out, (uint8_t)(0x80 | (r >> 6 * k & 0x3f)));
}

#ifdef __wasi__
/* It knows one locale, whose letters are those of Unicode. */
static uint32_t
lower(uint32_t r)
{
	return (uint32_t)towlower((wint_t)r);
}
#else
static locale_t letters;

static void
letters_open(void)
{
	letters = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
}

static uint32_t
lower(uint32_t r)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	(void)pthread_once(&once, letters_open);
	return letters != (locale_t)0 ? (uint32_t)towlower_l((wint_t)r, letters)
				      : r;
}
#endif

uint32_t
rune_fold(uint32_t r)
{
	if (r < 0x80)
		return r >= 'A' && r <= 'Z' ? r + 'a' - 'A' : r;
	r = lower(r);
	return r == 0x3c2 ? 0x3c3 : r;
}

struct range {
	uint32_t lo, hi;
};

static bool
within(const struct range *ranges, size_t n, uint32_t r)
{
	for (size_t i = 0; i < n; i++)
		if (r >= ranges[i].lo && r <= ranges[i].hi)
			return true;
	return false;
}

bool
rune_is_space(uint32_t r)
{
	static const struct range spaces[] = { { '\t', '\n' }, { '\r', '\r' },
		{ ' ', ' ' }, { 0xa0, 0xa0 }, { 0x1680, 0x1680 },
		{ 0x2000, 0x200a }, { 0x2028, 0x2029 }, { 0x202f, 0x202f },
		{ 0x205f, 0x205f }, { 0x3000, 0x3000 },
		/* blanks that count as letters */
		{ 0x115f, 0x1160 }, { 0x2800, 0x2800 }, { 0x3164, 0x3164 },
		{ 0xffa0, 0xffa0 } };

	return within(spaces, ARRAY_SIZE(spaces), r);
}

bool
rune_is_dash(uint32_t r)
{
	static const struct range dashes[] = { { '-', '-' }, { 0x2010, 0x2015 },
		{ 0x2043, 0x2043 }, { 0x2212, 0x2212 }, { 0x30fc, 0x30fc },
		{ 0xfe58, 0xfe58 }, { 0xfe63, 0xfe63 }, { 0xff0d, 0xff0d },
		{ 0xff70, 0xff70 } };

	return within(dashes, ARRAY_SIZE(dashes), r);
}

bool
rune_is_hidden(uint32_t r)
{
	static const struct range hidden[] = { { 0x00, 0x1f }, { 0x7f, 0x9f },
		{ 0xad, 0xad }, { 0x34f, 0x34f }, { 0x61c, 0x61c },
		{ 0x17b4, 0x17b5 }, { 0x180b, 0x180f }, { 0x200b, 0x200f },
		{ 0x2028, 0x202e }, { 0x2060, 0x206f }, { 0xfdd0, 0xfdef },
		{ 0xfeff, 0xfeff }, { 0xfff0, 0xfffb }, { 0x1bca0, 0x1bca3 },
		{ 0x1d173, 0x1d17a }, { 0xe0000, 0xe0fff } };

	/* The last two of each plane are no characters. */
	return (r & 0xfffe) == 0xfffe || within(hidden, ARRAY_SIZE(hidden), r);
}

bool
rune_is_mark(uint32_t r)
{
	return r >= 0xa0 && rune_is_hidden(r);
}

uint32_t
rune_narrow(uint32_t r)
{
	return r >= 0xff01 && r <= 0xff5e ? r - 0xff01 + '!' : r;
}

bool
rune_hides_at(struct bytes x, size_t at, size_t n, uint32_t r)
{
	bool joins = r == 0x200c || r == 0x200d;

	if (joins && at > 0 && at + n < x.n && x.p[at - 1] >= 0x80 &&
	    x.p[at + n] >= 0x80)
		return false;
	return rune_is_hidden(r);
}
