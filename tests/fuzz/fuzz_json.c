/* SPDX-License-Identifier: ISC */
/* fuzz_json.c: fields of JSON objects, of any type and value. */
#include "wire/jsonio.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was taken and is put again is taken again as the same. */
static void
take(const json_t *j, const char *key)
{
	OWN(jsonio_free) json_t *put = json_object();
	OWN(buf_free) struct buf bytes = { 0 };
	OWN(buf_free) struct buf list = { 0 };
	OWN(buf_free) struct buf again = { 0 };
	struct err e = { 0 };
	struct id id, id2;
	const char *text;
	uint64_t n, n2;

	(void)!jsonio_text(j, key, &text, &e);
	(void)jsonio_true(j, key);
	if (jsonio_u64(j, key, &n, &e) == 0) {
		jsonio_put_u64(put, "n", n);
		if (jsonio_u64(put, "n", &n2, &e) < 0 || n != n2)
			abort();
	}
	if (jsonio_id(j, key, &id, &e) == 0) {
		jsonio_put_id(put, "id", &id);
		if (jsonio_id(put, "id", &id2, &e) < 0 || !id_equal(&id, &id2))
			abort();
	}
	if (jsonio_bytes(j, key, 32, &bytes, &e) == 0 && bytes.n != 32)
		abort();
	buf_clear(&bytes);
	if (jsonio_bytes(j, key, 0, &bytes, &e) == 0) {
		jsonio_put_bytes(put, "b", buf_bytes(&bytes));
		if (jsonio_bytes(put, "b", bytes.n, &again, &e) < 0 ||
		    !bytes_equal(buf_bytes(&bytes), buf_bytes(&again)))
			abort();
	}
	if (jsonio_list(j, key, 4, &list, &e) == 0) {
		buf_clear(&again);
		jsonio_put_list(put, "l", buf_bytes(&list));
		if (jsonio_list(put, "l", 4, &again, &e) < 0 ||
		    !bytes_equal(buf_bytes(&list), buf_bytes(&again)))
			abort();
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	OWN(jsonio_free) json_t *j = NULL;
	struct err e = { 0 };
	const char *key;
	json_t *value;

	if (jsonio_parse(bytes_of(data, size), &j, &e) < 0)
		return 0;
	take(j, "absent");
	json_object_foreach(j, key, value) take(j, key);
	return 0;
}
