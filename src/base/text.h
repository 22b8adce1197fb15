/* SPDX-License-Identifier: ISC */
/* text.h: bytes as text and back: hex, base64, base32, UTF-8, sizes, spans. */
#pragma once

#include "base/buf.h"

/* Append lower-case hex. */
void text_hex(struct buf *out, struct bytes x);
/* Append what hex text stands for; -1 on an odd length or a wrong digit. */
MUST_CHECK int text_unhex(struct buf *out, struct bytes hex);
/* The value of one digit, or -1. */
int text_unhex_digit(uint8_t c);

/* Append base64 with padding (RFC 4648, section 4), base64url without (5). */
void text_base64(struct buf *out, struct bytes x);
void text_base64url(struct buf *out, struct bytes x);
/* Append what base64 text stands for, either alphabet, padding optional. */
MUST_CHECK int text_unbase64(struct buf *out, struct bytes x);

/* Append base32 without padding (RFC 4648, section 6). */
void text_base32(struct buf *out, struct bytes x);

/* Is it well-formed (RFC 3629)? */
bool text_is_utf8(struct bytes x);
/* What a person may name a thing: "", or UTF-8 of which something is seen, and
 * nothing that hides or turns what stands beside it. */
bool text_is_label(const char *s);

/*
 * Append x so that a terminal and a person can take it: control characters,
 * what is not seen or turns the direction of writing, bytes that are not UTF-8
 * and backslash as \n, \t, \\ or \xHH.
 */
void text_show(struct buf *out, struct bytes x);
/* The same of whole words, in which something may stand that was not shown so:
 * line ends, tabs and backslashes stay. */
void text_words(struct buf *out, struct bytes x);

/* Append well-formed UTF-8 as a search takes it (rune_fold). */
void text_fold(struct buf *out, struct bytes x);
/* Append 1536 as "1.50 KiB", 15360 as "15.0 KiB". */
void text_size(struct buf *out, uint64_t bytes);

/* "10G", "512M", "1.5T", "4096": powers of 1,024. -1 when it is none. */
MUST_CHECK int text_parse_size(const char *s, uint64_t *bytes);

/*
 * "90s", "5min", "12h", "7d", "2w", "6m", "1y": a month counts 31 days and a year
 * 366, so that no span is shorter than what was meant. No number alone.
 *
 * -1 when it is none.
 */
MUST_CHECK int text_parse_span(const char *s, int64_t *seconds);

/* Whole decimal number within lo..hi. -1 when it is none. */
MUST_CHECK int text_parse_u64(
    const char *s, uint64_t lo, uint64_t hi, uint64_t *out);

/* Append "2026-11-23T13:33:39Z" for milliseconds since 1970. */
void text_time(struct buf *out, int64_t time_ms);
