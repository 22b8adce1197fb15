/* SPDX-License-Identifier: ISC */
/* sql.c: binding by a list of kinds. */
#include "store/sql.h"

#include <assert.h>
#include <stdarg.h>

static void
bind(struct stmt *s, const char *kinds, va_list ap)
{
	for (int i = 1; *kinds != '\0'; kinds++, i++) {
		switch (*kinds) {
		case 'i':
			stmt_bytes(s, i,
			    bytes_of(
				va_arg(ap, const struct id *)->b, ID_BYTES));
			break;
		case 'd':
			stmt_bytes(s, i,
			    bytes_of(va_arg(ap, const struct digest *)->b,
				DIGEST_BYTES));
			break;
		case 'b':
			stmt_bytes(s, i, va_arg(ap, struct bytes));
			break;
		case 'u':
			stmt_u64(s, i, va_arg(ap, uint64_t));
			break;
		case 'n':
			stmt_i64(s, i, va_arg(ap, int64_t));
			break;
		default:
			assert(*kinds == 's');
			stmt_text(s, i, va_arg(ap, const char *));
		}
	}
}

int
sql_run(struct tx *tx, struct err *e, const char *sql, const char *kinds, ...)
{
	OWN(stmt_done) struct stmt *s = NULL;
	va_list ap;

	if (stmt_new(tx, sql, &s, e) < 0)
		return -1;
	va_start(ap, kinds);
	bind(s, kinds, ap);
	va_end(ap);
	return stmt_run(s, e);
}

int
sql_ask(struct tx *tx, struct err *e, struct stmt **out, const char *sql,
    const char *kinds, ...)
{
	va_list ap;

	if (stmt_new(tx, sql, out, e) < 0)
		return -1;
	va_start(ap, kinds);
	bind(*out, kinds, ap);
	va_end(ap);
	return 0;
}

int
sql_next(struct stmt *s, struct err *e)
{
	bool row;

	return stmt_next(s, &row, e) < 0 ? -1 : row;
}

int
sql_first(struct tx *tx, struct err *e, struct stmt **out, bool *row,
    const char *sql, const char *kinds, ...)
{
	va_list ap;

	if (stmt_new(tx, sql, out, e) < 0)
		return -1;
	va_start(ap, kinds);
	bind(*out, kinds, ap);
	va_end(ap);
	return stmt_next(*out, row, e);
}

int
sql_count(struct tx *tx, struct err *e, uint64_t *n, const char *sql,
    const char *kinds, ...)
{
	OWN(stmt_done) struct stmt *s = NULL;
	va_list ap;
	bool row;

	if (stmt_new(tx, sql, &s, e) < 0)
		return -1;
	va_start(ap, kinds);
	bind(s, kinds, ap);
	va_end(ap);
	if (stmt_next(s, &row, e) < 0)
		return -1;
	*n = row ? stmt_got_u64(s, 0) : 0;
	return 0;
}

int
sql_gather(struct stmt *s, struct buf *out, struct err *e)
{
	int row;

	while ((row = sql_next(s, e)) > 0)
		buf_put_v16(out, stmt_got_bytes(s, 0));
	return row;
}
