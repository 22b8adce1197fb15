/* SPDX-License-Identifier: ISC */
/* scan.h: one cursor for all bytes that come from outside. */
/*
 * The first short read marks the cursor bad; every later one yields zero or
 * empty. Check scan_done once at the end, before any value is used.
 */
#pragma once

#include "base/buf.h"

struct scan {
	const uint8_t *p;
	size_t n; /* bytes left */
	bool bad;
};

/* Begin at the start of x, which is borrowed. */
struct scan scan_of(struct bytes x);
/* Take the next n bytes, borrowed. */
struct bytes scan_take(struct scan *s, size_t n);
/* Copies n bytes to out; zeros when there are not as many. */
void scan_copy(struct scan *s, void *out, size_t n);
uint8_t scan_u8(struct scan *s);
uint16_t scan_u16(struct scan *s);
uint32_t scan_u32(struct scan *s);
uint64_t scan_u64(struct scan *s);
uint64_t scan_varint(struct scan *s); /* shortest form only */
int64_t scan_zigzag(struct scan *s);
struct bytes scan_v8(struct scan *s);
struct bytes scan_v16(struct scan *s);
struct bytes scan_v32(struct scan *s);
struct bytes scan_vv(struct scan *s); /* varint length */
bool scan_ok(const struct scan *s); /* nothing was short so far */
bool scan_done(const struct scan *s); /* and nothing is left */
