/* SPDX-License-Identifier: ISC */
/* metadata_rows.c: rows of a query as JSON, and JSON as a file. */
#include "disclose/metadata.h"

#include "base/text.h"
#include "disclose/outdir.h"
#include "wire/jsonio.h"

#include <string.h>

void
metadata_put_time(json_t *j, const char *name, uint64_t time_ms)
{
	OWN(buf_free) struct buf text = { 0 };
	OWN(buf_free) struct buf number = { 0 };

	if (time_ms == 0)
		return;
	text_time(&text, (int64_t)time_ms);
	buf_printf(&number, "%s_ms", name);
	jsonio_put_text(j, name, buf_text(&text));
	jsonio_put_u64(j, buf_text(&number), time_ms);
}

static bool
zeros(struct bytes x)
{
	for (size_t i = 0; i < x.n; i++)
		if (x.p[i] != 0)
			return false;
	return true;
}

static void
put_column(json_t *j, const char *name, char kind, struct stmt *s, int i)
{
	OWN(buf_free) struct buf text = { 0 };

	switch (kind) {
	case 'h':
		if (zeros(stmt_got_bytes(s, i)))
			return;
		text_hex(&text, stmt_got_bytes(s, i));
		jsonio_put_text(j, name, buf_text(&text));
		return;
	case 'b':
		jsonio_put_bytes(j, name, stmt_got_bytes(s, i));
		return;
	case 's':
		jsonio_put_text(j, name, stmt_got_text(s, i));
		return;
	case 'y':
		jsonio_put_true(j, name, stmt_got_u64(s, i) != 0);
		return;
	case 't':
		metadata_put_time(j, name, stmt_got_u64(s, i));
		return;
	case 'c':
		jsonio_put_text(
		    j, name, circle_class_name((uint8_t)stmt_got_u64(s, i)));
		return;
	default:
		jsonio_put_u64(j, name, stmt_got_u64(s, i));
	}
}

json_t *
metadata_row(struct stmt *s, const char *columns)
{
	json_t *j = json_object();
	OWN(mem_free) char *list = mem_text(columns);
	char *next = NULL;
	int i = 0;

	for (char *c = strtok_r(list, " ", &next); c != NULL;
	     c = strtok_r(NULL, " ", &next)) {
		char *colon = strchr(c, ':');
		*colon = '\0';
		put_column(j, c, colon[1], s, i++);
	}
	return j;
}

int
metadata_rows(struct tx *tx, const struct id *uid, const char *sql,
    const char *columns, json_t **out, struct err *e)
{
	OWN(jsonio_free) json_t *list = json_array();
	OWN(stmt_done) struct stmt *s = NULL;
	bool row;

	if (sql_ask(tx, e, &s, sql, "i", uid) < 0)
		return -1;
	for (;;) {
		if (stmt_next(s, &row, e) < 0)
			return -1;
		if (!row)
			break;
		(void)json_array_append_new(list, metadata_row(s, columns));
	}
	*out = TAKE(list);
	return 0;
}

int
metadata_file(const char *out, const char *name, json_t *j, struct err *e)
{
	OWN(jsonio_free) json_t *own = j;
	OWN(mem_free) char *text = json_dumps(own, JSON_INDENT(2));
	OWN(buf_free) struct buf b = { 0 };

	buf_put_str(&b, text != NULL ? text : "null");
	buf_put_str(&b, "\n");
	return outdir_write(out, name, buf_bytes(&b), e);
}
