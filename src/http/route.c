/* SPDX-License-Identifier: ISC */
/* route.c: matching patterns, undoing percent-encoding. */
#include "http/route.h"

#include "base/text.h"

#include <assert.h>
#include <string.h>

int
route_unescape(char *s)
{
	char *start = s, *to = s;

	while (*s != '\0') {
		if (*s != '%') {
			*to++ = *s++;
			continue;
		}
		int high = text_unhex_digit((uint8_t)s[1]);
		int low = high < 0 ? -1 : text_unhex_digit((uint8_t)s[2]);
		if (low < 0 || (high == 0 && low == 0))
			return -1;
		*to++ = (char)(high << 4 | low);
		s += 3;
	}
	*to = '\0';
	return text_is_utf8(bytes_str(start)) ? 0 : -1;
}

static size_t
segment(const char *s)
{
	return strcspn(s, "/");
}

/* Compare without changing anything: most patterns do not match. */
static bool
same_form(const char *pattern, const char *path)
{
	while (*pattern == '/' && *path == '/') {
		size_t n = segment(++pattern), m = segment(++path);
		bool any = n == 2 && pattern[0] == '{' && pattern[1] == '}';

		if (any ? m == 0 : n != m || strncmp(pattern, path, n) != 0)
			return false;
		pattern += n;
		path += m;
	}
	return *pattern == '\0' && *path == '\0';
}

bool
route_match(const char *pattern, char *path,
    const char *capture[static ROUTE_CAPTURES], size_t *captures)
{
	char *found[ROUTE_CAPTURES];
	size_t n = 0;

	if (!same_form(pattern, path))
		return false;
	while (*pattern == '/') {
		bool any = *++pattern == '{';
		char *begin = ++path;

		pattern += segment(pattern);
		path += segment(path);
		if (any) {
			assert(n < ROUTE_CAPTURES);
			found[n++] = begin;
		}
	}
	for (size_t i = 0; i < n; i++)
		found[i][segment(found[i])] = '\0';
	for (size_t i = 0; i < n; i++) {
		if (route_unescape(found[i]) < 0)
			return false;
		capture[i] = found[i];
	}
	*captures = n;
	return true;
}

bool
route_range(const char *text, uint64_t size, uint64_t *from, uint64_t *n)
{
	OWN(mem_free) char *first = NULL;
	uint64_t a, b = UINT64_MAX;

	if (text == NULL || strncmp(text, "bytes=", 6) != 0)
		return false;
	first = mem_text(text + 6);
	char *dash = strchr(first, '-');
	if (dash == NULL)
		return false;
	*dash = '\0';
	if (text_parse_u64(first, 0, UINT64_MAX, &a) < 0 || a >= size ||
	    (dash[1] != '\0' &&
		text_parse_u64(dash + 1, a, UINT64_MAX, &b) < 0))
		return false;
	*from = a;
	*n = (b < size ? b + 1 : size) - a;
	return true;
}
