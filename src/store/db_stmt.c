/* SPDX-License-Identifier: ISC */
/* db_stmt.c: statements of SQLite, kept prepared, bound and stepped. */
#include "store/db_in.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

#define STMT_PROBES 8

int
tx_script(struct tx *tx, const char *sql, struct err *e)
{
	return db_exec(tx->c, sql, e);
}

uint64_t
tx_changes(const struct tx *tx)
{
	return (uint64_t)sqlite3_changes64(tx->c->h);
}

static uint64_t
hash_text(const char *s)
{
	uint64_t h = 0xcbf29ce484222325; /* FNV-1a */

	for (; *s != '\0'; s++)
		h = (h ^ (uint8_t)*s) * 0x100000001b3;
	return h;
}

static int
prepare(struct stmt *s, const char *sql, unsigned flags, struct err *e)
{
	int rc = sqlite3_prepare_v3(s->c->h, sql, -1, flags, &s->s, NULL);

	return rc == SQLITE_OK ? 0 : db_fail(s->c, rc, e);
}

int
stmt_new(struct tx *tx, const char *sql, struct stmt **out, struct err *e)
{
	struct db_conn *c = tx->c;
	uint64_t hash = hash_text(sql);
	struct stmt *s = NULL;

	for (size_t i = 0; i < STMT_PROBES && s == NULL; i++) {
		struct stmt *slot = &c->slots[(hash + i) % STMT_SLOTS];
		if (slot->s == NULL ||
		    (!slot->busy && slot->hash == hash &&
			strcmp(sqlite3_sql(slot->s), sql) == 0))
			s = slot;
	}
	if (s != NULL && s->s == NULL) {
		*s = (struct stmt){ .c = c, .hash = hash, .cached = true };
		if (prepare(s, sql, SQLITE_PREPARE_PERSISTENT, e) < 0)
			return -1;
	} else if (s == NULL) {
		s = mem_new(sizeof *s);
		s->c = c;
		if (prepare(s, sql, 0, e) < 0) {
			free(s);
			return -1;
		}
	}
	s->busy = true;
	*out = s;
	return 0;
}

void
stmt_done(struct stmt **s)
{
	struct stmt *t = *s;

	*s = NULL;
	if (t == NULL)
		return;
	t->busy = false;
	(void)sqlite3_reset(t->s);
	(void)sqlite3_clear_bindings(t->s);
	if (!t->cached) {
		(void)sqlite3_finalize(t->s);
		free(t);
	}
}

/* Binding fails only for a column that is not there: our own mistake. */
static void
bound(int rc)
{
	assert(rc == SQLITE_OK);
	(void)rc;
}

void
stmt_i64(struct stmt *s, int i, int64_t v)
{
	bound(sqlite3_bind_int64(s->s, i, v));
}

void
stmt_u64(struct stmt *s, int i, uint64_t v)
{
	assert(v <= INT64_MAX);
	stmt_i64(s, i, (int64_t)v);
}

void
stmt_bytes(struct stmt *s, int i, struct bytes x)
{
	if (x.n == 0)
		bound(sqlite3_bind_zeroblob(s->s, i, 0));
	else
		bound(sqlite3_bind_blob64(s->s, i, x.p, x.n, SQLITE_STATIC));
}

void
stmt_text(struct stmt *s, int i, const char *text)
{
	bound(sqlite3_bind_text(s->s, i, text, -1, SQLITE_STATIC));
}

int
stmt_next(struct stmt *s, bool *row, struct err *e)
{
	int rc = sqlite3_step(s->s);

	*row = rc == SQLITE_ROW;
	if (rc == SQLITE_ROW)
		return 0;
	if (rc != SQLITE_DONE)
		(void)db_fail(s->c, rc, e);
	(void)sqlite3_reset(s->s);
	return rc == SQLITE_DONE ? 0 : -1;
}

int
stmt_run(struct stmt *s, struct err *e)
{
	bool row;

	if (stmt_next(s, &row, e) < 0)
		return -1;
	assert(!row);
	return 0;
}

int64_t
stmt_got_i64(struct stmt *s, int column)
{
	return sqlite3_column_int64(s->s, column);
}

uint64_t
stmt_got_u64(struct stmt *s, int column)
{
	int64_t v = stmt_got_i64(s, column);

	return v > 0 ? (uint64_t)v : 0;
}

struct bytes
stmt_got_bytes(struct stmt *s, int column)
{
	const void *p = sqlite3_column_blob(s->s, column);

	return bytes_of(p, (size_t)sqlite3_column_bytes(s->s, column));
}

const char *
stmt_got_text(struct stmt *s, int column)
{
	const unsigned char *t = sqlite3_column_text(s->s, column);

	return t != NULL ? (const char *)t : "";
}

void
stmt_got_copy(struct stmt *s, int column, void *out, size_t n)
{
	struct bytes x = stmt_got_bytes(s, column);

	if (x.n == n && n > 0)
		memcpy(out, x.p, n);
	else if (n > 0)
		memset(out, 0, n);
}
