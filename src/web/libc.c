/* SPDX-License-Identifier: ISC */
/* libc.c: small stand-ins for what wasi-libc would bring along at length. */
/*
 * A page weighs what a person waits for. Nothing here has to do with fractions,
 * and those are most of printf and of reading numbers.
 */
#include "web/format.h"

#include <stdio.h>
#include <stdlib.h>

#ifdef __wasm__ /* tools that only read have a libc of their own */

int
vsnprintf(char *p, size_t size, const char *f, va_list args)
{
	return format_text(p, size, f, args);
}

int
snprintf(char *p, size_t size, const char *f, ...)
{
	va_list args;
	int n;

	va_start(args, f);
	n = format_text(p, size, f, args);
	va_end(args);
	return n;
}

/* A failed assertion has nowhere to write to. */
_Noreturn void __assert_fail(const char *, const char *, int, const char *);
_Noreturn void
__assert_fail(const char *what, const char *file, int line, const char *fn)
{
	(void)what;
	(void)file;
	(void)line;
	(void)fn;
	abort();
}

/* ---- fractions in JSON ---- */

/* In the place of jansson's strconv.c: neither side ever sends one. */
typedef struct strbuffer strbuffer_t;
int jsonp_strtod(strbuffer_t *text, double *out);
int jsonp_dtostr(char *p, size_t size, double value, int precision);

int
jsonp_strtod(strbuffer_t *text, double *out)
{
	(void)text;
	*out = 0;
	return -1;
}

int
jsonp_dtostr(char *p, size_t size, double value, int precision)
{
	(void)p;
	(void)size;
	(void)value;
	(void)precision;
	return -1;
}

#endif
