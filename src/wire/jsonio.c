/* SPDX-License-Identifier: ISC */
/* jsonio.c: JSON fields over jansson. */
#include "wire/jsonio.h"

#include "base/text.h"

#include <stdlib.h>
#include <string.h>

#define FIELD_MAX ((size_t)64 * 1024) /* decoded bytes in one field */
#define V16_MAX 65535 /* bytes that a v16 can hold */

void
jsonio_free(json_t **j)
{
	json_decref(*j);
	*j = NULL;
}

int
jsonio_parse(struct bytes text, json_t **out, struct err *e)
{
	json_t *j = json_loadb(
	    (const char *)text.p, text.n, JSON_REJECT_DUPLICATES, NULL);

	if (!json_is_object(j)) {
		json_decref(j);
		return err_set(e, ERR_BAD_REQUEST,
		    "what the other side sent is no JSON object");
	}
	*out = j;
	return 0;
}

void
jsonio_put(struct buf *out, const json_t *j)
{
	char *text = json_dumps(j, JSON_COMPACT);

	if (text == NULL)
		abort();
	buf_put_str(out, text);
	mem_wipe(text, strlen(text));
	free(text);
}

static int
missing(const char *key, struct err *e)
{
	return err_set(e, ERR_BAD_REQUEST,
	    "what the other side sent lacks a right \"%s\"", key);
}

int
jsonio_text(const json_t *j, const char *key, const char **out, struct err *e)
{
	const char *s = json_string_value(json_object_get(j, key));

	if (s == NULL)
		return missing(key, e);
	*out = s;
	return 0;
}

int
jsonio_id(const json_t *j, const char *key, struct id *out, struct err *e)
{
	const char *s = "";

	if (jsonio_text(j, key, &s, e) < 0)
		return -1;
	return id_parse(bytes_str(s), out) < 0 ? missing(key, e) : 0;
}

int
jsonio_u64(const json_t *j, const char *key, uint64_t *out, struct err *e)
{
	const json_t *v = json_object_get(j, key);

	if (!json_is_integer(v) || json_integer_value(v) < 0)
		return missing(key, e);
	*out = (uint64_t)json_integer_value(v);
	return 0;
}

int
jsonio_bytes(
    const json_t *j, const char *key, size_t n, struct buf *out, struct err *e)
{
	size_t before = out->n;
	const char *s = "";

	if (jsonio_text(j, key, &s, e) < 0)
		return -1;
	if (strlen(s) > FIELD_MAX * 4 / 3 + 4 ||
	    text_unbase64(out, bytes_str(s)) < 0 ||
	    (n != 0 && out->n - before != n)) {
		out->n = before;
		return missing(key, e);
	}
	return 0;
}

bool
jsonio_true(const json_t *j, const char *key)
{
	return json_is_true(json_object_get(j, key));
}

static void
put(json_t *j, const char *key, json_t *value)
{
	if (value == NULL || json_object_set_new(j, key, value) < 0)
		abort();
}

void
jsonio_put_text(json_t *j, const char *key, const char *value)
{
	put(j, key, json_string(value));
}

void
jsonio_put_id(json_t *j, const char *key, const struct id *id)
{
	put(j, key, json_string(id_text(id).s));
}

void
jsonio_add_id(json_t *j, const char *key, const struct id *id)
{
	if (json_object_get(j, key) == NULL)
		put(j, key, json_array());
	(void)json_array_append_new(
	    json_object_get(j, key), json_string(id_text(id).s));
}

void
jsonio_put_u64(json_t *j, const char *key, uint64_t v)
{
	put(j, key, json_integer((json_int_t)v));
}

void
jsonio_put_bytes(json_t *j, const char *key, struct bytes x)
{
	OWN(buf_free) struct buf b = { 0 };

	text_base64(&b, x);
	put(j, key, json_string(buf_text(&b)));
}

void
jsonio_put_true(json_t *j, const char *key, bool value)
{
	put(j, key, json_boolean(value));
}

void
jsonio_put_list(json_t *j, const char *key, struct bytes framed)
{
	json_t *list = json_array();
	struct scan s = scan_of(framed);

	while (s.n > 0 && scan_ok(&s)) {
		OWN(buf_free) struct buf b = { 0 };
		text_base64(&b, scan_v16(&s));
		if (json_array_append_new(list, json_string(buf_text(&b))) < 0)
			abort();
	}
	put(j, key, list);
}

int
jsonio_list(const json_t *j, const char *key, size_t most, struct buf *out,
    struct err *e)
{
	const json_t *list = json_object_get(j, key);

	if (!json_is_array(list) || json_array_size(list) > most)
		return missing(key, e);
	for (size_t i = 0; i < json_array_size(list); i++) {
		OWN(buf_free) struct buf b = { 0 };
		const char *s = json_string_value(json_array_get(list, i));
		if (s == NULL || text_unbase64(&b, bytes_str(s)) < 0 ||
		    b.n > V16_MAX)
			return missing(key, e);
		buf_put_v16(out, buf_bytes(&b));
	}
	return 0;
}
