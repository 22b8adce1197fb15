/* SPDX-License-Identifier: ISC */
/* route.h: from a URL's path and query to the parts that handlers see. */
/*
 * A pattern is a path whose segments are literal or "{}". Segments are cut
 * before anything is unescaped, so "%2F" in a segment never makes two.
 */
#pragma once

#include "base/own.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ROUTE_CAPTURES 4

/*
 * Whether `path` has the form of `pattern`.
 *
 * path     as it came, escaped; changed only when true is returned: captured
 *          segments are then cut off by NUL and unescaped in place.
 * capture  set for each "{}", in order; borrowed from path.
 */
bool route_match(const char *pattern, char *path,
    const char *capture[static ROUTE_CAPTURES], size_t *captures);

/*
 * Unescape %XX in place.
 *
 * errors  -1 for a wrong escape, for %00, for bytes that are not UTF-8.
 */
MUST_CHECK int route_unescape(char *s);

/*
 * The part of `size` bytes that a Range header asks for: "bytes=A-B" or
 * "bytes=A-". false for NULL, and for anything that is none: all of it then.
 */
bool route_range(const char *text, uint64_t size, uint64_t *from, uint64_t *n);
