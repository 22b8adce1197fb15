/* SPDX-License-Identifier: ISC */
/* id.h: 16 random bytes that name a thing: account, device, zone, record… */
#pragma once

#include "base/scan.h"

#define ID_BYTES 16
#define ID_TEXT (2 * ID_BYTES) /* hex digits */

struct id {
	uint8_t b[ID_BYTES];
};

struct id_text {
	char s[ID_TEXT + 1];
};

/* Drawn, compared as bytes (cmp: in their order), and as text. */
void id_random(struct id *id);
bool id_equal(const struct id *a, const struct id *b);
int id_cmp(const struct id *a, const struct id *b);
bool id_zero(const struct id *id);
struct id_text id_text(const struct id *id); /* 32 hex digits */
struct id_text id_short(const struct id *id); /* the first 8, for logs */
/* Exactly 32 hex digits; -1 for anything else. */
MUST_CHECK int id_parse(struct bytes text, struct id *out);
/* Does its text begin with what a person typed? Never with nothing. */
bool id_begins(const struct id *id, const char *typed);
void id_put(struct buf *b, const struct id *id);
struct id id_take(struct scan *s);
