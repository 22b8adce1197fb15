/* SPDX-License-Identifier: ISC */
/* db_migrate.c: tables brought from version to version. */
#include "store/db_in.h"

struct migration {
	const char *module;
	const char *const *scripts;
	size_t n;
};

/* 0: no script of the module ran yet. */
static int
version_of(struct tx *tx, const char *module, uint64_t *have, struct err *e)
{
	OWN(stmt_done) struct stmt *get = NULL;
	bool row;

	if (stmt_new(tx, "SELECT version FROM schema_version WHERE module = ?",
		&get, e) < 0)
		return -1;
	stmt_text(get, 1, module);
	if (stmt_next(get, &row, e) < 0)
		return -1;
	*have = row ? stmt_got_u64(get, 0) : 0;
	return 0;
}

static int
migrate(struct tx *tx, void *arg, struct err *e)
{
	const struct migration *m = arg;
	OWN(stmt_done) struct stmt *drop = NULL;
	OWN(stmt_done) struct stmt *put = NULL;
	uint64_t have;

	if (tx_script(tx,
		"CREATE TABLE IF NOT EXISTS schema_version ("
		" module TEXT PRIMARY KEY, version INTEGER NOT NULL)",
		e) < 0 ||
	    version_of(tx, m->module, &have, e) < 0)
		return -1;
	if (have > m->n)
		return err_set(e, ERR_UPDATE_NEEDED,
		    "the tables of %s are of version %llu, this program knows "
		    "%zu",
		    m->module, (unsigned long long)have, m->n);
	if (have == m->n)
		return 0;
	for (size_t i = (size_t)have; i < m->n; i++)
		if (tx_script(tx, m->scripts[i], e) < 0)
			return err_in(e, "version %zu of %s", i + 1, m->module);
	if (stmt_new(tx, "DELETE FROM schema_version WHERE module = ?", &drop,
		e) < 0 ||
	    stmt_new(tx, "INSERT INTO schema_version VALUES (?, ?)", &put, e) <
		0)
		return -1;
	stmt_text(drop, 1, m->module);
	stmt_text(put, 1, m->module);
	stmt_u64(put, 2, m->n);
	return stmt_run(drop, e) < 0 ? -1 : stmt_run(put, e);
}

/* Nothing is brought up to date by who only looks, or works beside. */
static int
look_version(struct tx *tx, void *arg, struct err *e)
{
	const struct migration *m = arg;
	uint64_t have;
	bool any;

	if (db_has_table(tx, "schema_version", &any, e) < 0)
		return -1;
	if (!any)
		return err_set(
		    e, ERR_STATE_DAMAGED, "the database has no tables");
	if (version_of(tx, m->module, &have, e) < 0)
		return -1;
	if (have == m->n)
		return 0;
	(void)err_set(e, ERR_UPDATE_NEEDED,
	    "the tables of %s are of version %llu, this program reads %zu",
	    m->module, (unsigned long long)have, m->n);
	return have > m->n
	    ? -1
	    : err_remedy(e,
		  "Restart the server with this version, or stop it and run "
		  "aumbryd upgrade: both bring them up to date.");
}

struct looking {
	const char *module;
	uint64_t *out;
};

static int
look(struct tx *tx, void *arg, struct err *e)
{
	const struct looking *l = arg;
	bool any;

	*l->out = 0;
	if (db_has_table(tx, "schema_version", &any, e) < 0)
		return -1;
	return any ? version_of(tx, l->module, l->out, e) : 0;
}

int
db_version(struct db *db, const char *module, uint64_t *out, struct err *e)
{
	struct looking l = { module, out };

	return db_read(db, look, &l, e);
}

int
db_migrate(struct db *db, const char *module, const char *const *scripts,
    size_t n, struct err *e)
{
	struct migration m = { module, scripts, n };

	if (db->look || db->as_it_is)
		return db_read(db, look_version, &m, e);
	return db_write(db, migrate, &m, e);
}
