/* SPDX-License-Identifier: ISC */
/* db_in.h: for db*.c only: what a database and a connection are made of. */
/*
 * db.c and db_migrate.c stand on any engine. db_conn.c, db_open.c, db_stmt.c
 * and db_copy.c are SQLite's, as are struct stmt and struct db_conn: another
 * engine puts its own in their place.
 */
#pragma once

#include "store/db.h"

#include <pthread.h>

#define STMT_SLOTS 128 /* cached statements of one connection */

struct sqlite3;
struct sqlite3_stmt;

struct stmt {
	struct sqlite3_stmt *s;
	struct db_conn *c;
	uint64_t hash;
	bool cached, busy;
};

struct db_conn {
	struct sqlite3 *h;
	const struct db *db;
	enum err_code full;
	struct db_conn *next; /* in the pool */
	struct stmt slots[STMT_SLOTS];
};

struct tx {
	struct db_conn *c;
};

struct db {
	char *path;
	void *attached;
	void (*attached_free)(void *);
	enum err_code full;
	bool look; /* nothing may be written */
	bool as_it_is; /* no table may be changed */
	bool still; /* and nobody does: no locks, no log */
	char *copy; /* the folder of a copy that goes with us, or NULL */
	struct db_conn *writer; /* of the thread that leads; NULL to look */
	pthread_mutex_t lock; /* guards what follows */
	pthread_cond_t turn;
	bool leading;
	struct job *first, **last; /* waiting for a leader */
	struct db_conn *idle;
	size_t n_idle, n_readers;
	pthread_cond_t reader_back;
};

/* ---- db.c ---- */

/* A database that is not open yet; `full` is the code of a full disk. */
struct db *db_new(const char *path, enum err_code full);

/* A reading connection of the pool, which waits when all are taken; it goes
 * back by db_reader_give. */
MUST_CHECK int db_reader_take(
    struct db *db, struct db_conn **out, struct err *e);
void db_reader_give(struct db *db, struct db_conn *c);

/* ---- db_open.c ---- */

/* Is there a table, or an index, of that name? */
MUST_CHECK int db_has_table(
    struct tx *tx, const char *name, bool *has, struct err *e);

/* ---- db_conn.c ---- */

/* Say what the engine's code means, with its words. Returns -1. */
int db_fail(const struct db_conn *c, int rc, struct err *e);

/* Open one more connection to the database's file, and say `pragmas` to it. */
MUST_CHECK int db_conn_open(const struct db *db, const char *pragmas,
    struct db_conn **out, struct err *e);
/* Open one that cannot write, for the pool. */
MUST_CHECK int db_conn_reader(
    const struct db *db, struct db_conn **out, struct err *e);
/* With every statement that it has kept. */
void db_conn_free(struct db_conn **c);

/* Run statements that take no parameters and yield no rows. */
MUST_CHECK int db_exec(struct db_conn *c, const char *sql, struct err *e);
/* The engine has undone the whole transaction by itself. */
bool db_lost(const struct db_conn *c);

/* SQLite takes what begins so for a URI, and the file of another name. */
char *db_no_uri(const char *path);
/* A new file gets its mode from us, and its name reaches the disk. */
MUST_CHECK int db_make_file(const char *path, struct err *e);
/* A full disk has the code that the opener wants. Returns -1. */
int db_failed(const struct db *db, struct err *e);
/* Remove the copy that was made to be looked at, if one was. */
void db_drop_copy(struct db *db);
