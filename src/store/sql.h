/* SPDX-License-Identifier: ISC */
/* sql.h: a statement with its parameters in one call. */
/*
 * `kinds` has one letter for each `?`: i const struct id *, d const struct
 * digest *, b struct bytes, u uint64_t, n int64_t, s const char *.
 */
#pragma once

#include "store/db.h"
#include "wire/digest.h"
#include "wire/id.h"

/* Run a statement that yields no rows. */
MUST_CHECK int sql_run(
    struct tx *tx, struct err *e, const char *sql, const char *kinds, ...);

/* Prepare and bind; rows by stmt_next. What is bound must live as long. */
MUST_CHECK int sql_ask(struct tx *tx, struct err *e, struct stmt **out,
    const char *sql, const char *kinds, ...);

/* Step on: 1 when there is a row, 0 when none is left, -1. So the rows of a
 * statement are read by
 *
 *	while ((row = sql_next(s, e)) > 0)
 *		…
 *	return row;
 */
MUST_CHECK int sql_next(struct stmt *s, struct err *e);

/* Ask, and step to the first row. */
MUST_CHECK int sql_first(struct tx *tx, struct err *e, struct stmt **out,
    bool *row, const char *sql, const char *kinds, ...);

/* The number in the first column of the first row; 0 when there is none. */
MUST_CHECK int sql_count(struct tx *tx, struct err *e, uint64_t *n,
    const char *sql, const char *kinds, ...);

/* Append the first column of each row that is left, as v16. */
MUST_CHECK int sql_gather(struct stmt *s, struct buf *out, struct err *e);
