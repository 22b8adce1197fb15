/* SPDX-License-Identifier: ISC */
/* vectors.h: hex fields of a JSON file of published vectors. */
#pragma once

#include "base/text.h"

#include <jansson.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
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
