/* SPDX-License-Identifier: ISC */
/* buf.h: the two byte types, one that borrows and one that owns. */
/*
 * `struct bytes` borrows. `struct buf` owns, grows, keeps a NUL behind its last
 * byte and wipes what it gives back. Out of memory aborts. Numbers are written
 * big-endian.
 */
#pragma once

#include "base/err.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

struct bytes {
	const uint8_t *p;
	size_t n;
};

struct buf {
	uint8_t *p; /* NULL only while nothing was ever put */
	size_t n;
	size_t cap;
};

/* Borrow n bytes, or a text without its NUL. */
struct bytes bytes_of(const void *p, size_t n);
struct bytes bytes_str(const char *s);
bool bytes_equal(struct bytes a, struct bytes b); /* not constant time */
int bytes_cmp(struct bytes a, struct bytes b); /* as memcmp, then by length */

/* Borrow what it holds, until it changes; as text "" when it is empty. */
struct bytes buf_bytes(const struct buf *b);
const char *buf_text(const struct buf *b);
void buf_free(struct buf *b); /* wipes */
void buf_clear(struct buf *b); /* n = 0, keeps the memory, wipes nothing */
void buf_room(struct buf *b, size_t more); /* capacity for `more` bytes */

/* Append `n` bytes whose value is not set, and return where they begin. */
uint8_t *buf_grow(struct buf *b, size_t n);

/* Append what this program made; never a part of the same buf. */
void buf_put(struct buf *b, const void *p, size_t n);
void buf_put_bytes(struct buf *b, struct bytes x);
void buf_put_str(struct buf *b, const char *s);
void buf_printf(struct buf *b, const char *fmt, ...) PRINTF(2, 3);
void buf_vprintf(struct buf *b, const char *fmt, va_list ap) PRINTF(2, 0);
void buf_put_u8(struct buf *b, uint8_t v);
void buf_put_u16(struct buf *b, uint16_t v);
void buf_put_u32(struct buf *b, uint32_t v);
void buf_put_u64(struct buf *b, uint64_t v);
/* LEB128, at most 10 bytes. */
void buf_put_varint(struct buf *b, uint64_t v);
/* 0, -1, 1, -2 … as the varints 0, 1, 2, 3 … */
void buf_put_zigzag(struct buf *b, int64_t v);
/* Length-prefixed: asserts that x fits its prefix. */
void buf_put_v8(struct buf *b, struct bytes x);
void buf_put_v16(struct buf *b, struct bytes x);
void buf_put_v32(struct buf *b, struct bytes x);
/* The length as varint. */
void buf_put_vv(struct buf *b, struct bytes x);

/* malloc and friends that abort when there is no memory. */
void *mem_new(size_t n); /* zeroed */
void *mem_array(size_t n, size_t size); /* zeroed, checks the product */
void *mem_resize(void *p, size_t n, size_t size);
char *mem_text(const char *s); /* strdup */
void mem_free(void *p); /* for OWN: takes the address of a pointer */
void mem_wipe(void *p, size_t n); /* never optimized away */

/* Numbers in bytes that are there: write one, read one. */
void be16_put(uint8_t *p, uint16_t v);
void be32_put(uint8_t *p, uint32_t v);
void be64_put(uint8_t *p, uint64_t v);
uint16_t be16(const uint8_t *p);
uint32_t be32(const uint8_t *p);
uint64_t be64(const uint8_t *p);
