/* SPDX-License-Identifier: ISC */
/* repo_mend.c: looking, importing, and taking the damaged one's place. */
#include "link/repo_mend.h"

#include "base/file.h"
#include "base/now.h"
#include "link/repo_file.h"
#include "link/repo_log.h"
#include "store/blob_dir.h"
#include "store/zone_check.h"
#include "store/zone_import.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define AT_ONCE (4u << 20) /* bytes of frames in one transaction */

/* ---- looking ---- */

struct looking {
	repo_mend_fn found;
	void *ctx;
	uint64_t n;
};

static void
tell(struct looking *l, enum err_code code, const char *text)
{
	struct err why;

	(void)err_set(&why, code, "repo.db: %s", text);
	l->n++;
	l->found(l->ctx, &why);
}

/* Blobs are asked for by who checks what needs them. */
static void
report(void *arg, const struct zone_finding *f)
{
	if (f->what == ERR_STATE_DAMAGED || f->what == ERR_RECORD_CORRUPT ||
	    f->what == ERR_HISTORY_FORKED)
		tell(arg, f->what, f->text);
}

static void
blobs_free(struct blob_store **s)
{
	if (*s != NULL)
		blob_store_free(s);
}

int
repo_mend_look(
    const char *dir, repo_mend_fn found, void *ctx, uint64_t *n, struct err *e)
{
	OWN(mem_free) char *path = file_join(dir, "repo.db");
	OWN(mem_free) char *blobs = file_join(dir, "blobs");
	OWN(db_free) struct db *db = NULL;
	OWN(blobs_free) struct blob_store *b = blob_dir_look(blobs);
	struct looking l = { found, ctx, 0 };
	int rc = db_look(path, &db, e);

	if (rc == 0)
		rc = zone_open(db, e);
	if (rc == 0) {
		const struct zone_store s = { db, b };
		rc = zone_check(&s, ZONE_CHECK_LOOK, report, &l, e);
	}
	if (rc < 0 &&
	    (e->code == ERR_STATE_DAMAGED || e->code == ERR_NOT_FOUND)) {
		tell(&l, ERR_STATE_DAMAGED, e->msg);
		err_clear(e);
		rc = 0;
	}
	*n = l.n;
	return rc;
}

/* ---- the log ---- */

int
repo_mend_look_log(
    const char *dir, repo_mend_fn found, void *ctx, uint64_t *n, struct err *e)
{
	OWN(repo_file_free) struct repo_file f = { .key = NULL };
	OWN(mem_free) char *log = file_join(dir, REPO_LOG);

	*n = 0;
	if (repo_file_look(dir, &f, e) < 0)
		return -1;
	const struct id *zones[] = { &f.backup, &f.keychain };
	for (size_t i = 0; i < ARRAY_SIZE(zones); i++) {
		bool whole;
		struct err why;
		if (repo_log_look(log, zones[i], &whole, e) < 0)
			return -1;
		if (whole)
			continue;
		(void)err_set(&why, ERR_STATE_DAMAGED,
		    "log/: what is needed when repo.db is lost is damaged");
		++*n;
		found(ctx, &why);
	}
	return 0;
}

int
repo_mend_log(const char *dir, struct err *e)
{
	OWN(repo_file_free) struct repo_file f = { .key = NULL };
	OWN(mem_free) char *path = file_join(dir, "repo.db");
	OWN(mem_free) char *log = file_join(dir, REPO_LOG);
	OWN(db_free) struct db *db = NULL;

	if (repo_file_look(dir, &f, e) < 0 || db_look(path, &db, e) < 0 ||
	    zone_open(db, e) < 0)
		return -1;
	const struct id *zones[] = { &f.backup, &f.keychain };
	for (size_t i = 0; i < ARRAY_SIZE(zones); i++) {
		OWN(repo_log_free) struct repo_log *l = repo_log_new(log);
		const struct zone_key key = { f.uid, *zones[i] };
		bool whole;
		if (repo_log_look(log, zones[i], &whole, e) < 0 ||
		    (!whole && repo_log_anew(l, db, &key, e) < 0))
			return -1;
	}
	return 0;
}

/* ---- making it anew ---- */

struct making {
	struct db *db;
	struct zone_key key;
	enum category category;
	struct buf frames;
	uint64_t bad;
	bool any;
};

static void
making_free(struct making *m)
{
	buf_free(&m->frames);
}

static int
put(struct making *m, size_t at_least, struct err *e)
{
	if (m->frames.n == 0 || m->frames.n < at_least)
		return 0;
	int rc =
	    zone_import(m->db, &m->key, m->category, buf_bytes(&m->frames), e);
	buf_clear(&m->frames);
	if (rc < 0 && e->code != ERR_RECORD_CORRUPT)
		return -1;
	m->bad += rc < 0;
	m->any |= rc == 0;
	return 0;
}

static int
take(void *ctx, struct bytes frames, struct err *e)
{
	struct making *m = ctx;

	buf_put_bytes(&m->frames, frames);
	return put(m, AT_ONCE, e);
}

/* What the database itself still gives out, where the log has nothing. */
static int
from_database(const char *dir, struct making *m, struct err *e)
{
	OWN(mem_free) char *path = file_join(dir, "repo.db");
	OWN(db_free) struct db *db = NULL;
	struct err ignored;

	if (db_look(path, &db, &ignored) == 0)
		(void)!zone_changes(db, &m->key, 0, take, m, &ignored);
	return put(m, 0, e);
}

static int
make_zone(const char *dir, struct making *m, struct err *e)
{
	OWN(mem_free) char *log = file_join(dir, REPO_LOG);
	uint64_t bad = 0;

	if (repo_log_each(log, &m->key.zone, take, m, &bad, e) < 0 ||
	    put(m, 0, e) < 0 || (!m->any && from_database(dir, m, e) < 0))
		return -1;
	m->bad += bad;
	return 0;
}

static int
make_all(
    const char *dir, struct db *db, struct repo_mend_result *out, struct err *e)
{
	OWN(repo_file_free) struct repo_file f = { .key = NULL };
	OWN(mem_free) char *blobs = file_join(dir, "blobs");
	OWN(blobs_free) struct blob_store *b = blob_dir_look(blobs);
	const struct zone_store s = { db, b };

	if (repo_file_look(dir, &f, e) < 0 || zone_open(db, e) < 0 ||
	    zone_import_blobs(&s, now_ms(), &out->blobs, e) < 0)
		return -1;
	const struct id *zones[] = { &f.backup, &f.keychain };
	const enum category list[] = { CATEGORY_BACKUP, CATEGORY_KEYCHAIN };
	for (size_t i = 0; i < ARRAY_SIZE(list); i++) {
		OWN(making_free)
		struct making m = { .db = db,
			.key = { f.uid, *zones[i] },
			.category = list[i] };
		if (make_zone(dir, &m, e) < 0)
			return -1;
		out->bad += m.bad;
		/* The keychain's begins with the first secret. */
		if (m.any && zone_import_end(db, &m.key, e) < 0)
			return -1;
		if (!m.any && list[i] == CATEGORY_BACKUP)
			return err_set(e, ERR_STATE_DAMAGED,
			    "neither the log nor the database has anything of "
			    "the backups");
	}
	return 0;
}

static void
drop_with_log(const char *path)
{
	static const char *const ends[] = { "", "-wal", "-shm" };

	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		OWN(buf_free) struct buf b = { 0 };
		buf_printf(&b, "%s%s", path, ends[i]);
		(void)unlink(buf_text(&b));
	}
}

static int
take_its_place(const char *dir, const char *fresh, struct err *e)
{
	OWN(mem_free) char *path = file_join(dir, "repo.db");
	OWN(mem_free) char *wal = file_join(dir, "repo.db-wal");
	OWN(mem_free) char *shm = file_join(dir, "repo.db-shm");
	OWN(mem_free) char *old = file_join(dir, "repo.db.damaged");

	if (file_exists(path) && rename(path, old) < 0)
		return err_sys(e, "rename to %s", old);
	/* The log of the old one is nothing for the new one. */
	(void)unlink(wal);
	(void)unlink(shm);
	if (rename(fresh, path) < 0)
		return err_sys(e, "rename to %s", path);
	return file_sync_dir(dir, e);
}

int
repo_mend(const char *dir, struct repo_mend_result *out, struct err *e)
{
	OWN(mem_free) char *fresh = file_join(dir, "repo.db.new");
	OWN(db_free) struct db *db = NULL;

	*out = (struct repo_mend_result){ 0 };
	drop_with_log(fresh);
	if (db_open(fresh, DB_OWN, &db, e) < 0 ||
	    make_all(dir, db, out, e) < 0) {
		db_free(&db);
		drop_with_log(fresh);
		return -1;
	}
	db_free(&db); /* folds its log in */
	return take_its_place(dir, fresh, e);
}
