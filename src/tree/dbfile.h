/* SPDX-License-Identifier: ISC */
/* dbfile.h: names of the files that are one database. */
/*
 * SQLite keeps a database `x` in up to four files of one directory: itself,
 * `x-wal` and its index `x-shm`, and the rollback journal `x-journal`
 * (sqlite.org/tempfiles.html, 2.1 to 2.3). One of them beside another's from
 * another time is a database that is damaged.
 */
#pragma once

#include "base/buf.h"

#define DBFILES 4
#define DBFILE_END_MAX 8 /* bytes of the longest of dbfile_ends */

/* What each name ends with; that of the database with nothing. */
extern const struct bytes dbfile_ends[DBFILES];

/* The name of the database that a file is of, which is borrowed; any name may
 * be one. What is named as a companion's companion is a database itself. */
struct bytes dbfile_stem(struct bytes name);
/* Is it the name of a companion? */
bool dbfile_is_companion(struct bytes name);

/* Does a database begin so? An empty one has no bytes yet. */
#define DBFILE_HEAD 16 /* bytes: sqlite.org/fileformat.html, 1.3 */
bool dbfile_begins(struct bytes head);
