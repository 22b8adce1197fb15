/* SPDX-License-Identifier: ISC */
/* format.c: vsnprintf for texts, characters and whole numbers. */
#include "web/format.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct out {
	char *p;
	size_t size, n; /* n: as if there were room for all */
};

static void
put(struct out *o, char c)
{
	if (o->n + 1 < o->size)
		o->p[o->n] = c;
	o->n++;
}

static void
put_text(struct out *o, const char *s, size_t n, size_t width)
{
	for (size_t i = n; i < width; i++)
		put(o, ' ');
	for (size_t i = 0; i < n; i++)
		put(o, s[i]);
}

struct spec {
	char pad;
	size_t width, precision; /* SIZE_MAX: none */
	size_t bytes; /* of a number */
};

/* hex: where its letters begin; 0: in tens. */
static void
put_number(
    struct out *o, uint64_t v, bool minus, char hex, const struct spec *s)
{
	unsigned base = hex != 0 ? 16 : 10;
	char digits[20];
	size_t n = 0;

	do {
		unsigned d = (unsigned)(v % base);
		digits[n++] = (char)(d < 10 ? '0' + (int)d : hex + (int)d - 10);
		v /= base;
	} while (v > 0);
	if (minus && s->pad == '0')
		put(o, '-');
	for (size_t i = n + minus; i < s->width; i++)
		put(o, s->pad);
	if (minus && s->pad != '0')
		put(o, '-');
	while (n > 0)
		put(o, digits[--n]);
}

static size_t
take_count(const char **f, va_list *args)
{
	size_t n = 0;

	if (**f == '*') {
		(*f)++;
		return (size_t)va_arg(*args, int);
	}
	for (; **f >= '0' && **f <= '9'; (*f)++)
		n = n * 10 + (size_t)(**f - '0');
	return n;
}

static struct spec
take_spec(const char **f, va_list *args)
{
	struct spec s = { ' ', 0, SIZE_MAX, sizeof(int) };

	if (**f == '0') {
		s.pad = '0';
		(*f)++;
	}
	s.width = take_count(f, args);
	if (**f == '.') {
		(*f)++;
		s.precision = take_count(f, args);
	}
	if (**f == 'z') {
		s.bytes = sizeof(size_t);
		(*f)++;
	}
	for (unsigned longs = 0; **f == 'l'; (*f)++)
		s.bytes = longs++ == 0 ? sizeof(long) : sizeof(long long);
	return s;
}

static void
put_integer(struct out *o, char kind, const struct spec *s, va_list *args)
{
	bool whole = kind == 'd' || kind == 'i';
	uint64_t v = s->bytes == sizeof(uint64_t) ? va_arg(*args, uint64_t)
	    : whole ? (uint64_t)(int64_t)va_arg(*args, int)
		    : va_arg(*args, unsigned);
	bool minus = whole && (int64_t)v < 0;

	char hex = kind == 'x' ? 'a' : kind == 'X' ? 'A' : 0;

	put_number(o, minus ? 0 - v : v, minus, hex, s);
}

static void
put_one(struct out *o, const char **f, va_list *args)
{
	struct spec s = take_spec(f, args);
	const char *text;

	switch (*(*f)++) {
	case '%':
		put(o, '%');
		return;
	case 'c':
		put(o, (char)va_arg(*args, int));
		return;
	case 's':
		text = va_arg(*args, const char *);
		put_text(o, text, strnlen(text, s.precision), s.width);
		return;
	case 'p':
		put_text(o, "0x", 2, 0);
		s = (struct spec){ .pad = ' ' };
		put_number(o, (uintptr_t)va_arg(*args, void *), false, 'a', &s);
		return;
	case 'd':
	case 'i':
	case 'u':
	case 'x':
	case 'X':
		put_integer(o, (*f)[-1], &s, args);
		return;
	default: /* our own formats are none of these */
		abort();
	}
}

int
format_text(char *p, size_t size, const char *f, va_list given)
{
	struct out o = { p, size, 0 };
	va_list args;

	va_copy(args, given);
	while (*f != '\0') {
		if (*f != '%') {
			put(&o, *f++);
			continue;
		}
		f++;
		put_one(&o, &f, &args);
	}
	va_end(args);
	if (size > 0)
		p[o.n < size ? o.n : size - 1] = '\0';
	return (int)o.n;
}
