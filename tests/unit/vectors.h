/* SPDX-License-Identifier: ISC */
/* vectors.h: JSON files of published vectors, and what makes them. */
#pragma once

#include "base/file.h"
#include "base/text.h"
#include "vault/devkey.h"

#include <jansson.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static inline json_t *
vectors_load(const char *path)
{
	json_t *j = json_load_file(path, 0, NULL);

	assert_non_null(j);
	return j;
}

/* The field's bytes, appended; nothing when it is absent. */
static inline void
vectors_hex(const json_t *j, const char *key, struct buf *out)
{
	const char *hex = json_string_value(json_object_get(j, key));

	if (hex != NULL)
		assert_int_equal(text_unhex(out, bytes_str(hex)), 0);
}

#define HEX(name, j, key) \
	OWN(buf_free) struct buf name = { 0 }; \
	vectors_hex(j, key, &name)

static inline void
assert_bytes(const void *got, size_t n, const struct buf *want)
{
	assert_int_equal(n, want->n);
	assert_memory_equal(got, want->p, n);
}

/* ---- files that are made here ---- */

/* The same at each run, and another one for each test. */
static inline struct digest
vectors_word(const char *test, const char *what, int i)
{
	OWN(buf_free) struct buf b = { 0 };
	struct digest d;

	buf_printf(&b, "%s test: %s %d", test, what, i);
	digest_of(buf_bytes(&b), &d);
	return d;
}

static inline struct devkey *
vectors_key(struct digest sign, struct digest kem)
{
	uint8_t raw[DEVKEY_BYTES];

	memcpy(raw, sign.b, 32);
	memcpy(raw + 32, kem.b, 32);
	return devkey_of(bytes_of(raw, sizeof raw));
}

static inline json_t *
hex_of(struct bytes x)
{
	OWN(buf_free) struct buf b = { 0 };

	text_hex(&b, x);
	return json_string(buf_text(&b));
}

/* The whole file; takes the JSON. */
static inline void
vectors_put(json_t *all, struct buf *out)
{
	OWN(mem_free) char *text = json_dumps(all, JSON_INDENT(1));

	json_decref(all);
	buf_put_str(out, text);
	buf_put_u8(out, '\n');
}

/* An exit status. */
static inline int
vectors_write(const char *path, json_t *all)
{
	OWN(buf_free) struct buf b = { 0 };
	struct err e = { 0 };

	vectors_put(all, &b);
	if (file_write(path, buf_bytes(&b), 0644, &e) == 0)
		return EXIT_SUCCESS;
	(void)fprintf(stderr, "%s\n", e.msg);
	return EXIT_FAILURE;
}

static inline void
assert_vectors(const char *path, json_t *all)
{
	OWN(buf_free) struct buf want = { 0 };
	OWN(buf_free) struct buf file = { 0 };
	struct err e = { 0 };

	vectors_put(all, &want);
	assert_int_equal(file_read(path, 1 << 20, &file, &e), 0);
	assert_bytes(file.p, file.n, &want);
}
