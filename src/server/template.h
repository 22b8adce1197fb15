/* SPDX-License-Identifier: ISC */
/* template.h: {number}, {code} and {message} in what an operator wrote. */
#pragma once

#include "base/buf.h"

#include <stdbool.h>

/* How a value is written so that it stays one value. */
enum template_as {
	TEMPLATE_PLAIN,
	TEMPLATE_PERCENT, /* of a URL, or of a form */
	TEMPLATE_JSON /* inside a JSON string */
};

struct template_values {
	const char *number, *code, *message; /* UTF-8 */
};

/* Append text with its templates filled in; other braces stay as they are. */
void template_fill(struct buf *out, const char *text, enum template_as as,
    const struct template_values *v);

/* Is "{name}" in the text? */
bool template_has(const char *text, const char *name);
