/* SPDX-License-Identifier: ISC */
/* dbfile.c: names of the files that are one database. */
#include "tree/dbfile.h"

#define END(text) \
	{ \
		(const uint8_t *)(text), sizeof(text) - 1 \
	}

const struct bytes dbfile_ends[DBFILES] = { END(""), END("-wal"), END("-shm"),
	END("-journal") };

/* Without its ending; all of it when there is none, or nothing before it. */
static struct bytes
without_end(struct bytes name)
{
	for (size_t i = 1; i < DBFILES; i++) {
		size_t end = dbfile_ends[i].n;
		if (name.n > end &&
		    bytes_equal(
			bytes_of(name.p + name.n - end, end), dbfile_ends[i]))
			return bytes_of(name.p, name.n - end);
	}
	return name;
}

struct bytes
dbfile_stem(struct bytes name)
{
	struct bytes stem = without_end(name);

	return without_end(stem).n == stem.n ? stem : name;
}

bool
dbfile_is_companion(struct bytes name)
{
	return dbfile_stem(name).n < name.n;
}

bool
dbfile_begins(struct bytes head)
{
	static const uint8_t magic[DBFILE_HEAD] = "SQLite format 3";

	return head.n >= sizeof magic &&
	    bytes_equal(
		bytes_of(head.p, sizeof magic), bytes_of(magic, sizeof magic));
}
