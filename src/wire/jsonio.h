/* SPDX-License-Identifier: ISC */
/* jsonio.h: fields of JSON objects, read with checks and written. */
#pragma once

#include "wire/id.h"

#include <jansson.h>

/* For OWN: one reference is given up. */
void jsonio_free(json_t **j);

/* errors: bad-request when text is no JSON object, or has a key twice. */
MUST_CHECK int jsonio_parse(struct bytes text, json_t **out, struct err *e);
/* Append compact text. */
void jsonio_put(struct buf *out, const json_t *j);

/* Fields. errors: bad-request, naming the field. Texts are borrowed. */
MUST_CHECK int jsonio_text(
    const json_t *j, const char *key, const char **out, struct err *e);
MUST_CHECK int jsonio_id(
    const json_t *j, const char *key, struct id *out, struct err *e);
MUST_CHECK int jsonio_u64(
    const json_t *j, const char *key, uint64_t *out, struct err *e);
/* Base64; appended. n: exact length wanted, 0 for any up to 64 KiB. */
MUST_CHECK int jsonio_bytes(
    const json_t *j, const char *key, size_t n, struct buf *out, struct err *e);
/* An array of base64 texts; each is appended as v16. */
MUST_CHECK int jsonio_list(const json_t *j, const char *key, size_t most,
    struct buf *out, struct err *e);
bool jsonio_true(const json_t *j, const char *key);

/* Set a field; bytes become base64. */
void jsonio_put_text(json_t *j, const char *key, const char *value);
void jsonio_put_id(json_t *j, const char *key, const struct id *id);
/* One more of a list, which is made when there is none. */
void jsonio_add_id(json_t *j, const char *key, const struct id *id);
void jsonio_put_u64(json_t *j, const char *key, uint64_t v);
void jsonio_put_bytes(json_t *j, const char *key, struct bytes x);
void jsonio_put_true(json_t *j, const char *key, bool value);
/* An array of base64 texts from v16-framed byte strings. */
void jsonio_put_list(json_t *j, const char *key, struct bytes framed);
