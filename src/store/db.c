/* SPDX-License-Identifier: ISC */
/* db.c: jobs, group commit and a pool of readers. */
#include "store/db_in.h"

#include <assert.h>
#include <stdlib.h>

#define GROUP_MAX 64 /* jobs that share one COMMIT */
#define READERS_MAX 32
#define READERS_IDLE 4 /* kept open when nobody reads */

struct job {
	db_job_fn *fn;
	void *arg;
	struct err *e;
	int rc;
	bool done;
	struct job *next;
};

struct db *
db_new(const char *path, enum err_code full)
{
	struct db *db = mem_new(sizeof *db);

	db->path = db_no_uri(path);
	db->full = full;
	db->last = &db->first;
	(void)pthread_mutex_init(&db->lock, NULL);
	(void)pthread_cond_init(&db->turn, NULL);
	(void)pthread_cond_init(&db->reader_back, NULL);
	return db;
}

bool
db_looks(const struct db *db)
{
	return db->look;
}

void
db_free(struct db **db)
{
	struct db *d = *db;

	if (d == NULL)
		return;
	assert(d->first == NULL && !d->leading);
	while (d->idle != NULL) {
		struct db_conn *c = d->idle;
		d->idle = c->next;
		db_conn_free(&c);
	}
	db_conn_free(&d->writer);
	if (d->attached_free != NULL)
		d->attached_free(d->attached);
	(void)pthread_cond_destroy(&d->reader_back);
	(void)pthread_cond_destroy(&d->turn);
	(void)pthread_mutex_destroy(&d->lock);
	db_drop_copy(d);
	free(d->path);
	free(d);
	*db = NULL;
}

void
db_attach(struct db *db, void *what, void (*free_fn)(void *))
{
	if (db->attached_free != NULL)
		db->attached_free(db->attached);
	db->attached = what;
	db->attached_free = free_fn;
}

void *
tx_attached(const struct tx *tx)
{
	return tx->c->db->attached;
}

/* Writing */

static int
run(struct tx *tx, const char *sql, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;

	if (stmt_new(tx, sql, &s, e) < 0)
		return -1;
	return stmt_run(s, e);
}

static void
run_job(struct db_conn *c, struct job *j)
{
	struct tx tx = { c };
	struct err also = { 0 };

	j->rc = run(&tx, "SAVEPOINT job", j->e);
	if (j->rc == 0) {
		j->rc = j->fn(&tx, j->arg, j->e);
		if (j->rc == 0)
			j->rc = run(&tx, "RELEASE SAVEPOINT job", j->e);
		else if (!db_lost(c) &&
		    (run(&tx, "ROLLBACK TO SAVEPOINT job", &also) < 0 ||
			run(&tx, "RELEASE SAVEPOINT job", &also) < 0))
			(void)!db_exec(c, "ROLLBACK", &also);
	}
}

/* All that ran in a transaction that did not become durable have failed. */
static void
fail_all(struct job *list, const struct err *why)
{
	for (struct job *j = list; j != NULL; j = j->next) {
		if (j->rc == 0)
			*j->e = *why;
		j->rc = -1;
	}
}

static struct job *
pop(struct db *db)
{
	(void)pthread_mutex_lock(&db->lock);
	struct job *j = db->first;
	if (j != NULL) {
		db->first = j->next;
		if (db->first == NULL)
			db->last = &db->first;
		j->next = NULL;
	}
	(void)pthread_mutex_unlock(&db->lock);
	return j;
}

/* Run what waits, also what arrives meanwhile; returns what was run. */
static struct job *
lead(struct db *db)
{
	struct db_conn *c = db->writer;
	struct tx tx = { c };
	struct job *ran = NULL, **end = &ran, *j;
	struct err e = { 0 };
	int rc = run(&tx, "BEGIN IMMEDIATE", &e);

	for (size_t n = 0; n < GROUP_MAX && (j = pop(db)) != NULL; n++) {
		*end = j;
		end = &j->next;
		if (rc < 0)
			continue; /* they wait for the same trouble */
		run_job(c, j);
		if (db_lost(c)) {
			rc = err_set(
			    &e, ERR_IO, "database: the transaction was undone");
			if (j->rc < 0)
				e = *j->e;
		}
	}
	if (rc == 0)
		rc = run(&tx, "COMMIT", &e);
	if (rc < 0) {
		struct err also = { 0 };
		if (!db_lost(c))
			(void)!db_exec(c, "ROLLBACK", &also);
		fail_all(ran, &e);
	}
	return ran;
}

int
db_write(struct db *db, db_job_fn *fn, void *arg, struct err *e)
{
	struct job mine = { .fn = fn, .arg = arg, .e = e };

	if (db->look)
		return err_set(
		    e, ERR_PERMISSION, "%s can only be read here", db->path);
	(void)pthread_mutex_lock(&db->lock);
	*db->last = &mine;
	db->last = &mine.next;
	while (!mine.done) {
		if (db->leading) {
			(void)pthread_cond_wait(&db->turn, &db->lock);
			continue;
		}
		db->leading = true;
		(void)pthread_mutex_unlock(&db->lock);
		struct job *ran = lead(db);
		(void)pthread_mutex_lock(&db->lock);
		while (ran != NULL) {
			/* Its owner may return as soon as done is set. */
			struct job *next = ran->next;
			ran->done = true;
			ran = next;
		}
		db->leading = false;
		(void)pthread_cond_broadcast(&db->turn);
	}
	(void)pthread_mutex_unlock(&db->lock);
	return mine.rc;
}

/* Reading */

int
db_reader_take(struct db *db, struct db_conn **out, struct err *e)
{
	struct db_conn *c;

	(void)pthread_mutex_lock(&db->lock);
	while (db->idle == NULL && db->n_readers >= READERS_MAX)
		(void)pthread_cond_wait(&db->reader_back, &db->lock);
	c = db->idle;
	if (c != NULL) {
		db->idle = c->next;
		db->n_idle--;
	} else {
		db->n_readers++;
	}
	(void)pthread_mutex_unlock(&db->lock);
	if (c == NULL && db_conn_reader(db, &c, e) < 0) {
		(void)pthread_mutex_lock(&db->lock);
		db->n_readers--;
		(void)pthread_cond_signal(&db->reader_back);
		(void)pthread_mutex_unlock(&db->lock);
		return -1;
	}
	*out = c;
	return 0;
}

void
db_reader_give(struct db *db, struct db_conn *c)
{
	(void)pthread_mutex_lock(&db->lock);
	if (db->n_idle < READERS_IDLE) {
		c->next = db->idle;
		db->idle = c;
		db->n_idle++;
		c = NULL;
	} else {
		db->n_readers--;
	}
	(void)pthread_cond_signal(&db->reader_back);
	(void)pthread_mutex_unlock(&db->lock);
	db_conn_free(&c);
}

int
db_read(struct db *db, db_job_fn *fn, void *arg, struct err *e)
{
	struct db_conn *c;
	struct err also = { 0 };

	if (db_reader_take(db, &c, e) < 0)
		return -1;
	struct tx tx = { c };
	int rc = run(&tx, "BEGIN", e);
	if (rc == 0)
		rc = fn(&tx, arg, e);
	if (!db_lost(c))
		(void)!db_exec(c, "ROLLBACK", &also);
	db_reader_give(db, c);
	return rc;
}
