/* SPDX-License-Identifier: ISC */
/* errjson.c: the error object over jansson. */
#include "wire/errjson.h"

#include "base/rune.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

static void
json_drop(json_t **j)
{
	json_decref(*j);
	*j = NULL;
}

/* Our messages may quote outside bytes; JSON wants UTF-8. */
static void
set_text(json_t *object, const char *key, const char *s)
{
	OWN(buf_free) struct buf shown = { 0 };

	if (!text_is_utf8(bytes_str(s))) {
		text_show(&shown, bytes_str(s));
		s = buf_text(&shown);
	}
	if (json_object_set_new(object, key, json_string(s)) < 0)
		abort();
}

static void
put_json(const json_t *j, struct buf *out)
{
	char *text = json_dumps(j, JSON_COMPACT);

	if (text == NULL)
		abort();
	buf_put_str(out, text);
	free(text);
}

void
errjson_make(const struct err *why, struct bytes detail, struct buf *out)
{
	OWN(json_drop) json_t *all = json_object();
	json_t *error = json_object();

	set_text(error, "code", err_name(why->code));
	set_text(error, "message",
	    why->msg[0] != '\0' ? why->msg : err_what(why->code));
	set_text(error, "remedy", err_fix(why));
	if (detail.n > 0) {
		json_t *d =
		    json_loadb((const char *)detail.p, detail.n, 0, NULL);
		if (!json_is_object(d))
			abort();
		if (json_object_set_new(error, "detail", d) < 0)
			abort();
	}
	if (json_object_set_new(all, "error", error) < 0)
		abort();
	put_json(all, out);
}

/* Copy for a terminal: cut to the room there is, nothing that is not seen. */
static void
copy_text(char *to, size_t room, const json_t *from)
{
	const char *s = json_string_value(from);
	size_t n = s != NULL ? strlen(s) : 0;

	if (n >= room) {
		n = room - 1;
		/* Never end inside a character of several bytes. */
		while (n > 0 && ((unsigned char)s[n] & 0xc0) == 0x80)
			n--;
	}
	struct bytes x = bytes_of(s, n);
	for (size_t i = 0; i < n;) {
		uint32_t r = 0;
		size_t step = rune_take(bytes_of(x.p + i, n - i), &r);
		bool seen = step > 0 && !rune_hides_at(x, i, step, r);
		step = step > 0 ? step : 1;
		for (size_t k = i; k < i + step; k++)
			to[k] = seen ? s[k] : '?';
		i += step;
	}
	to[n] = '\0';
}

int
errjson_parse(
    struct bytes body, struct err *why, struct buf *detail, struct err *e)
{
	struct err read = { 0 };

	if (body.n > ERRJSON_MAX)
		return err_set(e, ERR_TOO_LARGE,
		    "the error answer is larger than %d bytes", ERRJSON_MAX);
	OWN(json_drop)
	json_t *all = json_loadb(
	    (const char *)body.p, body.n, JSON_REJECT_DUPLICATES, NULL);
	const json_t *error = json_object_get(all, "error");
	const json_t *code = json_object_get(error, "code");
	if (!json_is_string(code))
		return err_set(e, ERR_BAD_REQUEST,
		    "the answer is an error, but not one of this protocol");
	copy_text(read.msg, sizeof read.msg, json_object_get(error, "message"));
	copy_text(
	    read.remedy, sizeof read.remedy, json_object_get(error, "remedy"));
	read.code = err_find(json_string_value(code), json_string_length(code));
	if (read.code == ERR_CODES || read.code == ERR_NONE) {
		char name[41];
		copy_text(name, sizeof name, code);
		read.code = ERR_INTERNAL;
		(void)err_in(&read, "error %s", name);
	}
	read.heard = read.msg[0] != '\0';
	/* What the catalogue says as well is ours. */
	read.remedy_heard = read.remedy[0] != '\0' &&
	    strcmp(read.remedy, err_fix(&(struct err){ .code = read.code })) !=
		0;
	const json_t *d = json_object_get(error, "detail");
	if (json_is_object(d))
		put_json(d, detail);
	*why = read;
	return 0;
}
