/* SPDX-License-Identifier: ISC */
/* cli_words.c: what is said and shown: words, sizes, times, JSON. */
#include "cli/cli.h"

#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

const char *
cli_keep(struct cli *cli, const char *text)
{
	struct cli_kept *k = cli->kept;

	k->items = mem_resize(k->items, k->n + 1, sizeof *k->items);
	k->items[k->n] = mem_text(text);
	return k->items[k->n++];
}

static void PRINTF(1, 0) say(const char *fmt, va_list ap)
{
	OWN(buf_free) struct buf words = { 0 };
	OWN(buf_free) struct buf shown = { 0 };

	buf_vprintf(&words, fmt, ap);
	text_words(&shown, buf_bytes(&words));
	(void)fprintf(stderr, "%s\n", buf_text(&shown));
}

void
cli_say(const struct cli *cli, const char *fmt, ...)
{
	va_list ap;

	if (cli->quiet)
		return;
	va_start(ap, fmt);
	say(fmt, ap);
	va_end(ap);
}

void
cli_warn(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(fmt, ap);
	va_end(ap);
}

char *
cli_shown(struct bytes x)
{
	OWN(buf_free) struct buf b = { 0 };

	text_show(&b, x);
	return mem_text(buf_text(&b));
}

char *
cli_from(const char *address, const char *place)
{
	OWN(buf_free) struct buf b = { 0 };

	text_show(&b, bytes_str(address));
	if (place != NULL && place[0] != '\0') {
		buf_put_str(&b, " (near ");
		text_show(&b, bytes_str(place));
		buf_put_str(&b, ")");
	}
	return mem_text(buf_text(&b));
}

char *
cli_size(uint64_t bytes)
{
	OWN(buf_free) struct buf b = { 0 };

	text_size(&b, bytes);
	return mem_text(buf_text(&b));
}

char *
cli_time(uint64_t time_ms)
{
	return cli_time_s((int64_t)(time_ms / 1000));
}

char *
cli_time_s(int64_t time_s)
{
	time_t t = (time_t)time_s;
	struct tm tm;
	char s[32];

	if (localtime_r(&t, &tm) == NULL ||
	    strftime(s, sizeof s, "%Y-%m-%d %H:%M:%S", &tm) == 0)
		return mem_text("?");
	return mem_text(s);
}

json_t *
cli_json_bytes(struct bytes x)
{
	OWN(mem_free) char *shown = cli_shown(x);
	json_t *j = json_stringn((const char *)x.p, x.n);

	return j != NULL ? j : json_string(shown);
}

void
cli_json_raw(json_t *j, const char *key, struct bytes x)
{
	if (!text_is_utf8(x))
		jsonio_put_bytes(j, key, x);
}

void
cli_print_json(json_t *j)
{
	(void)json_dumpf(j, stdout, JSON_COMPACT);
	(void)putchar('\n');
	json_decref(j);
}
