/* SPDX-License-Identifier: ISC */
/* text.c: bytes as text and back. */
#include "base/text.h"

#include "base/rune.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char hex_digits[] = "0123456789abcdef";
static const char b64_std[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char b64_url[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
static const char b32[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

void
text_hex(struct buf *out, struct bytes x)
{
	uint8_t *p = buf_grow(out, 2 * x.n);

	for (size_t i = 0; i < x.n; i++) {
		p[2 * i] = (uint8_t)hex_digits[x.p[i] >> 4];
		p[2 * i + 1] = (uint8_t)hex_digits[x.p[i] & 15];
	}
}

int
text_unhex_digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int
text_unhex(struct buf *out, struct bytes hex)
{
	size_t before = out->n;

	if (hex.n % 2 != 0)
		return -1;
	for (size_t i = 0; i < hex.n; i += 2) {
		int hi = text_unhex_digit(hex.p[i]),
		    lo = text_unhex_digit(hex.p[i + 1]);
		if (hi < 0 || lo < 0) {
			out->n = before;
			return -1;
		}
		buf_put_u8(out, (uint8_t)(hi << 4 | lo));
	}
	return 0;
}

/* Encode in groups of `bits`; `pad_to` 0 writes no padding. */
static void
encode(struct buf *out, struct bytes x, const char *alphabet, unsigned bits,
    size_t pad_to)
{
	uint32_t acc = 0;
	unsigned have = 0;
	size_t wrote = 0;

	for (size_t i = 0; i < x.n; i++) {
		acc = acc << 8 | x.p[i];
		have += 8;
		while (have >= bits) {
			have -= bits;
			buf_put_u8(out,
			    (uint8_t)
				alphabet[acc >> have & ((1U << bits) - 1)]);
			wrote++;
		}
		acc &= (1U << have) - 1;
	}
	if (have > 0) {
		buf_put_u8(out,
		    (uint8_t)
			alphabet[acc << (bits - have) & ((1U << bits) - 1)]);
		wrote++;
	}
	while (pad_to != 0 && wrote % pad_to != 0) {
		buf_put_u8(out, '=');
		wrote++;
	}
}

void
text_base64(struct buf *out, struct bytes x)
{
	encode(out, x, b64_std, 6, 4);
}

void
text_base64url(struct buf *out, struct bytes x)
{
	encode(out, x, b64_url, 6, 0);
}

void
text_base32(struct buf *out, struct bytes x)
{
	encode(out, x, b32, 5, 0);
}

static int
value64(uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+' || c == '-')
		return 62;
	if (c == '/' || c == '_')
		return 63;
	return -1;
}

int
text_unbase64(struct buf *out, struct bytes x)
{
	size_t before = out->n;
	uint32_t acc = 0;
	unsigned have = 0;

	while (x.n > 0 && x.p[x.n - 1] == '=')
		x.n--;
	for (size_t i = 0; i < x.n; i++) {
		int v = value64(x.p[i]);
		if (v < 0) {
			out->n = before;
			return -1;
		}
		acc = acc << 6 | (uint32_t)v;
		have += 6;
		if (have >= 8) {
			have -= 8;
			buf_put_u8(out, (uint8_t)(acc >> have));
			acc &= (1U << have) - 1;
		}
	}
	/* Left-over bits must be zero and fewer than one character. */
	if (have >= 6 || acc != 0) {
		out->n = before;
		return -1;
	}
	return 0;
}

bool
text_is_utf8(struct bytes x)
{
	uint32_t r;

	for (size_t i = 0; i < x.n;) {
		size_t step = rune_take(bytes_of(x.p + i, x.n - i), &r);
		if (step == 0)
			return false;
		i += step;
	}
	return true;
}

bool
text_is_label(const char *s)
{
	struct bytes x = bytes_str(s);
	bool seen = x.n == 0;
	uint32_t r = 0;

	for (size_t i = 0; i < x.n;) {
		size_t step = rune_take(bytes_of(x.p + i, x.n - i), &r);
		if (step == 0 || rune_hides_at(x, i, step, r))
			return false;
		seen |= !rune_is_space(r) && !rune_is_hidden(r);
		i += step;
	}
	return seen;
}

static bool
shows_itself(uint8_t c, bool words)
{
	return words && (c == '\n' || c == '\t' || c == '\\');
}

static void
show(struct buf *out, struct bytes x, bool words)
{
	for (size_t i = 0; i < x.n;) {
		uint8_t c = x.p[i];
		uint32_t r = 0;
		size_t step = rune_take(bytes_of(x.p + i, x.n - i), &r);
		if (shows_itself(c, words)) {
			buf_put_u8(out, c);
		} else if (c == '\n') {
			buf_put_str(out, "\\n");
		} else if (c == '\t') {
			buf_put_str(out, "\\t");
		} else if (c == '\\') {
			buf_put_str(out, "\\\\");
		} else if (step == 0 || rune_hides_at(x, i, step, r)) {
			step = step == 0 ? 1 : step;
			for (size_t k = 0; k < step; k++)
				buf_printf(out, "\\x%02x", x.p[i + k]);
		} else {
			buf_put(out, x.p + i, step);
		}
		i += step;
	}
}

void
text_show(struct buf *out, struct bytes x)
{
	show(out, x, false);
}

void
text_words(struct buf *out, struct bytes x)
{
	show(out, x, true);
}

void
text_fold(struct buf *out, struct bytes x)
{
	uint32_t r;
	size_t n;

	for (size_t i = 0; i < x.n; i += n) {
		n = rune_take(bytes_of(x.p + i, x.n - i), &r);
		if (n == 0) {
			buf_put_u8(out, x.p[i]);
			n = 1;
			continue;
		}
		rune_put(out, rune_fold(r));
	}
}

void
text_size(struct buf *out, uint64_t bytes)
{
	static const char *unit[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB" };
	double v = (double)bytes;
	size_t u = 0;

	while (v >= 1024 && u + 1 < ARRAY_SIZE(unit)) {
		v /= 1024;
		u++;
	}
	if (u == 0)
		buf_printf(out, "%llu B", (unsigned long long)bytes);
	else
		buf_printf(out, v < 10 ? "%.2f %s" : "%.1f %s", v, unit[u]);
}

int
text_parse_size(const char *s, uint64_t *bytes)
{
	static const char units[] = "KMGTP";
	char *end;

	/* strtod takes hexadecimal and exponents too; people do not mean it. */
	size_t digits = strspn(s, "0123456789.");
	if (*s < '0' || *s > '9')
		return -1;
	double v = strtod(s, &end);
	if (end != s + digits)
		return -1;
	if (*end != '\0') {
		const char *u = strchr(units, *end >= 'a' ? *end - 32 : *end);
		if (u == NULL || *u == '\0')
			return -1;
		for (const char *k = units; k <= u; k++)
			v *= 1024;
		end++;
		if (strcmp(end, "iB") != 0 && strcmp(end, "B") != 0 &&
		    *end != '\0')
			return -1;
	}
	if (!(v >= 0 && v < 9e18))
		return -1;
	*bytes = (uint64_t)v;
	return 0;
}

#define DAY_S 86400

int
text_parse_span(const char *s, int64_t *seconds)
{
	static const struct {
		const char *unit;
		int64_t seconds;
	} units[] = { { "s", 1 }, { "min", 60 }, { "h", 3600 }, { "d", DAY_S },
		{ "w", 7 * DAY_S }, { "m", 31 * DAY_S }, { "y", 366 * DAY_S } };
	char *end;

	if (*s < '0' || *s > '9')
		return -1;
	errno = 0;
	long long v = strtoll(s, &end, 10);
	if (errno != 0 || v > 1000000000)
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		if (strcmp(end, units[i].unit) == 0) {
			*seconds = v * units[i].seconds;
			return 0;
		}
	}
	return -1;
}

int
text_parse_u64(const char *s, uint64_t lo, uint64_t hi, uint64_t *out)
{
	char *end;

	if (*s < '0' || *s > '9')
		return -1;
	errno = 0;
	unsigned long long v = strtoull(s, &end, 10);
	if (errno != 0 || *end != '\0' || v < lo || v > hi)
		return -1;
	*out = v;
	return 0;
}

void
text_time(struct buf *out, int64_t time_ms)
{
	time_t t = (time_t)(time_ms / 1000);
	struct tm tm;
	char s[32];

	if (gmtime_r(&t, &tm) == NULL ||
	    strftime(s, sizeof s, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		(void)snprintf(s, sizeof s, "?");
	buf_put_str(out, s);
}
