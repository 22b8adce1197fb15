/* SPDX-License-Identifier: ISC */
/* format.h: what vsnprintf is on the page. */
#pragma once

#include <stdarg.h>
#include <stddef.h>

/*
 * As vsnprintf, with %% %c %s %d %i %u %x %X %p, l, ll, z, a width, zeros before
 * it, a precision of %s, and * for both. Aborts at anything else.
 */
int format_text(char *p, size_t size, const char *f, va_list given)
    __attribute__((format(printf, 3, 0)));
