/* SPDX-License-Identifier: ISC */
/* errjson.h: a failure as the JSON body of an HTTP answer, and back. */
#pragma once

#include "base/buf.h"

/* Longest error body that errjson_parse reads, bytes: text, no data. */
#define ERRJSON_MAX (16 * 1024)

/*
 * Append {"error":{"code":…,"message":…,"remedy":…,"detail":…}}.
 *
 * detail  text of a JSON object, or empty: then there is no "detail".
 */
void errjson_make(const struct err *why, struct bytes detail, struct buf *out);

/*
 * Read what errjson_make wrote, on the other side.
 *
 * body    whatever came with a status that is not 2xx.
 * why     replaced: code, message and remedy; control characters become '?'.
 *         A code this program does not know is internal-error with the unknown
 *         name in the message.
 * detail  appended: text of the JSON object; nothing when there is none.
 * errors  too-large, bad-request when it is not such a body.
 */
MUST_CHECK int errjson_parse(
    struct bytes body, struct err *why, struct buf *detail, struct err *e);
