/* SPDX-License-Identifier: ISC */
/* buf.c: byte strings that borrow and that own. */
#include "base/buf.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct bytes
bytes_of(const void *p, size_t n)
{
	return (struct bytes){ p, n };
}

struct bytes
bytes_str(const char *s)
{
	return (struct bytes){ (const uint8_t *)s, strlen(s) };
}

int
bytes_cmp(struct bytes a, struct bytes b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int c = n > 0 ? memcmp(a.p, b.p, n) : 0;

	if (c != 0)
		return c;
	return (a.n > b.n) - (a.n < b.n);
}

bool
bytes_equal(struct bytes a, struct bytes b)
{
	return a.n == b.n && bytes_cmp(a, b) == 0;
}

static void *
must(void *p)
{
	if (p == NULL) {
		(void)fputs("aumbry: out of memory\n", stderr);
		abort();
	}
	return p;
}

void *
mem_new(size_t n)
{
	return must(calloc(1, n > 0 ? n : 1));
}

void *
mem_array(size_t n, size_t size)
{
	return must(calloc(n > 0 ? n : 1, size));
}

void *
mem_resize(void *p, size_t n, size_t size)
{
	assert(size > 0 && n <= SIZE_MAX / size);
	return must(realloc(p, n > 0 ? n * size : 1));
}

char *
mem_text(const char *s)
{
	return must(strdup(s));
}

void
mem_free(void *p)
{
	void *q;

	memcpy(&q, p, sizeof q);
	free(q);
	memset(p, 0, sizeof q);
}

void
mem_wipe(void *p, size_t n)
{
	if (n > 0)
		explicit_bzero(p, n);
}

struct bytes
buf_bytes(const struct buf *b)
{
	return (struct bytes){ b->p, b->n };
}

const char *
buf_text(const struct buf *b)
{
	return b->p != NULL ? (const char *)b->p : "";
}

void
buf_free(struct buf *b)
{
	if (b->p != NULL)
		mem_wipe(b->p, b->cap);
	free(b->p);
	*b = (struct buf){ 0 };
}

void
buf_clear(struct buf *b)
{
	b->n = 0;
	if (b->p != NULL)
		b->p[0] = '\0';
}

void
buf_room(struct buf *b, size_t more)
{
	assert(more < SIZE_MAX / 2 - b->n);
	if (b->p != NULL && b->cap - b->n > more)
		return;
	size_t cap = b->cap + b->cap / 2;
	if (cap < b->n + more + 1)
		cap = b->n + more + 1;
	if (cap < 64)
		cap = 64;
	/* Not realloc: the old memory is wiped before it is given back. */
	uint8_t *p = must(malloc(cap));
	if (b->n > 0)
		memcpy(p, b->p, b->n);
	if (b->p != NULL)
		mem_wipe(b->p, b->n);
	free(b->p);
	b->p = p;
	b->cap = cap;
	b->p[b->n] = '\0';
}

uint8_t *
buf_grow(struct buf *b, size_t n)
{
	buf_room(b, n);
	uint8_t *p = b->p + b->n;
	b->n += n;
	b->p[b->n] = '\0';
	return p;
}

void
buf_put(struct buf *b, const void *p, size_t n)
{
	uint8_t *to = buf_grow(b, n);

	if (n > 0)
		memcpy(to, p, n);
}

void
buf_put_bytes(struct buf *b, struct bytes x)
{
	buf_put(b, x.p, x.n);
}

void
buf_put_str(struct buf *b, const char *s)
{
	buf_put(b, s, strlen(s));
}

void
buf_vprintf(struct buf *b, const char *fmt, va_list ap)
{
	va_list again;

	va_copy(again, ap);
	int n = vsnprintf(NULL, 0, fmt, ap);
	assert(n >= 0);
	buf_room(b, (size_t)n + 1);
	(void)vsnprintf((char *)b->p + b->n, (size_t)n + 1, fmt, again);
	va_end(again);
	b->n += (size_t)n;
}

void
buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(b, fmt, ap);
	va_end(ap);
}

void
buf_put_u8(struct buf *b, uint8_t v)
{
	*buf_grow(b, 1) = v;
}

void
buf_put_u16(struct buf *b, uint16_t v)
{
	be16_put(buf_grow(b, 2), v);
}

void
buf_put_u32(struct buf *b, uint32_t v)
{
	be32_put(buf_grow(b, 4), v);
}

void
buf_put_u64(struct buf *b, uint64_t v)
{
	be64_put(buf_grow(b, 8), v);
}

void
buf_put_varint(struct buf *b, uint64_t v)
{
	while (v >= 0x80) {
		buf_put_u8(b, (uint8_t)(v | 0x80));
		v >>= 7;
	}
	buf_put_u8(b, (uint8_t)v);
}

void
buf_put_zigzag(struct buf *b, int64_t v)
{
	buf_put_varint(b, ((uint64_t)v << 1) ^ (v < 0 ? UINT64_MAX : 0));
}

void
buf_put_v8(struct buf *b, struct bytes x)
{
	assert(x.n <= UINT8_MAX);
	buf_put_u8(b, (uint8_t)x.n);
	buf_put_bytes(b, x);
}

void
buf_put_v16(struct buf *b, struct bytes x)
{
	assert(x.n <= UINT16_MAX);
	buf_put_u16(b, (uint16_t)x.n);
	buf_put_bytes(b, x);
}

void
buf_put_v32(struct buf *b, struct bytes x)
{
	assert(x.n <= UINT32_MAX);
	buf_put_u32(b, (uint32_t)x.n);
	buf_put_bytes(b, x);
}

void
buf_put_vv(struct buf *b, struct bytes x)
{
	buf_put_varint(b, x.n);
	buf_put_bytes(b, x);
}

void
be16_put(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

void
be32_put(uint8_t *p, uint32_t v)
{
	be16_put(p, (uint16_t)(v >> 16));
	be16_put(p + 2, (uint16_t)v);
}

void
be64_put(uint8_t *p, uint64_t v)
{
	be32_put(p, (uint32_t)(v >> 32));
	be32_put(p + 4, (uint32_t)v);
}

uint16_t
be16(const uint8_t *p)
{
	return (uint16_t)((unsigned)p[0] << 8 | p[1]);
}

uint32_t
be32(const uint8_t *p)
{
	return (uint32_t)be16(p) << 16 | be16(p + 2);
}

uint64_t
be64(const uint8_t *p)
{
	return (uint64_t)be32(p) << 32 | be32(p + 4);
}
