/* SPDX-License-Identifier: ISC */
/* template.c: filling in. */
#include "server/template.h"

#include <string.h>

static void
put_percent(struct buf *out, const char *s)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "abcdefghijklmnopqrstuvwxyz0123456789-._~";

	for (; *s != '\0'; s++)
		if (strchr(plain, *s) != NULL)
			buf_put_u8(out, (uint8_t)*s);
		else
			buf_printf(out, "%%%02X", (unsigned)(uint8_t)*s);
}

static void
put_json(struct buf *out, const char *s)
{
	for (; *s != '\0'; s++)
		if (*s == '"' || *s == '\\')
			buf_printf(out, "\\%c", *s);
		else if ((uint8_t)*s < 0x20)
			buf_printf(out, "\\u%04x", (unsigned)*s);
		else
			buf_put_u8(out, (uint8_t)*s);
}

/* The value that begins here, and the length of its name with braces. */
static const char *
value_at(const char *s, const struct template_values *v, size_t *n)
{
	const struct {
		const char *name, *value;
	} all[] = { { "{number}", v->number }, { "{code}", v->code },
		{ "{message}", v->message } };

	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		*n = strlen(all[i].name);
		if (strncmp(s, all[i].name, *n) == 0)
			return all[i].value;
	}
	return NULL;
}

void
template_fill(struct buf *out, const char *text, enum template_as as,
    const struct template_values *v)
{
	while (*text != '\0') {
		size_t n;
		const char *value = value_at(text, v, &n);
		if (value == NULL) {
			buf_put_u8(out, (uint8_t)*text++);
			continue;
		}
		if (as == TEMPLATE_PERCENT)
			put_percent(out, value);
		else if (as == TEMPLATE_JSON)
			put_json(out, value);
		else
			buf_put_str(out, value);
		text += n;
	}
}

bool
template_has(const char *text, const char *name)
{
	size_t n = strlen(name);

	for (; (text = strchr(text, '{')) != NULL; text++)
		if (strncmp(text + 1, name, n) == 0 && text[n + 1] == '}')
			return true;
	return false;
}
