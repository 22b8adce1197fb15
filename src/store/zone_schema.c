/* SPDX-License-Identifier: ISC */
/* zone_schema.c: the tables of zones, blobs and usage. */
#include "store/zone.h"

/*
 * The account comes first in each key; a record's is its zone's number, of one
 * account: both ids there would more than double the indexes and halve the
 * speed of commits. `sum` is zone_record_sum, `bytes` what
 * the record is charged, `refs` of a blob how many records name it. `loose`
 * holds files that no row of `blob` vouches for: 1 being written, 2 to be
 * removed, 3 in the trash. WITHOUT ROWID is SQLite's; another engine gets a
 * script of its own.
 */
static const char *const schema[] = {
	"CREATE TABLE zone ("
	" number INTEGER PRIMARY KEY,"
	" uid BLOB NOT NULL, zone BLOB NOT NULL, category INTEGER NOT NULL,"
	" seq INTEGER NOT NULL, head BLOB NOT NULL,"
	" tombstones_gone_below INTEGER NOT NULL,"
	" UNIQUE (uid, zone), UNIQUE (uid, category));"
	"CREATE TABLE head ("
	" uid BLOB NOT NULL, zone BLOB NOT NULL, seq INTEGER NOT NULL,"
	" received_ms INTEGER NOT NULL, bytes BLOB NOT NULL,"
	" PRIMARY KEY (uid, zone, seq)) WITHOUT ROWID;"
	"CREATE TABLE record ("
	" number INTEGER NOT NULL, id BLOB NOT NULL,"
	" version INTEGER NOT NULL, flags INTEGER NOT NULL,"
	" key_epoch INTEGER NOT NULL, seq INTEGER NOT NULL,"
	" time_ms INTEGER NOT NULL, bytes INTEGER NOT NULL,"
	" sum INTEGER NOT NULL, refs BLOB NOT NULL, ct BLOB NOT NULL,"
	" PRIMARY KEY (number, id));"
	"CREATE INDEX record_seq ON record (number, seq);"
	"CREATE INDEX record_tombstone ON record (number, seq)"
	" WHERE flags = 1;"
	"CREATE TABLE blob ("
	" uid BLOB NOT NULL, zone BLOB NOT NULL, id BLOB NOT NULL,"
	" file INTEGER NOT NULL, size INTEGER NOT NULL, checksum BLOB NOT NULL,"
	" refs INTEGER NOT NULL, finished_ms INTEGER NOT NULL,"
	" PRIMARY KEY (uid, zone, id)) WITHOUT ROWID;"
	"CREATE INDEX blob_idle ON blob (finished_ms) WHERE refs = 0;"
	"CREATE TABLE loose ("
	" uid BLOB NOT NULL, zone BLOB NOT NULL, file INTEGER NOT NULL,"
	" id BLOB NOT NULL, size INTEGER NOT NULL, state INTEGER NOT NULL,"
	" since_ms INTEGER NOT NULL,"
	" PRIMARY KEY (uid, zone, file)) WITHOUT ROWID;"
	"CREATE TABLE usage ("
	" uid BLOB PRIMARY KEY, bytes INTEGER NOT NULL, quota INTEGER NOT "
	"NULL)",
	/* 4096 is USAGE_BLOB; `size` of a loose row is what it is charged. */
	"ALTER TABLE usage ADD COLUMN trash INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE usage ADD COLUMN blobs INTEGER NOT NULL DEFAULT 0;"
	"UPDATE loose SET size = MAX(size, 4096) WHERE state = 1;"
	"UPDATE loose SET size = 0 WHERE state = 2;"
	"UPDATE usage SET bytes = (SELECT COALESCE(SUM(r.bytes), 0)"
	"  FROM record AS r JOIN zone AS z ON z.number = r.number"
	"  WHERE z.uid = usage.uid) +"
	" (SELECT COUNT(*) * 364 FROM head AS h WHERE h.uid = usage.uid) +"
	" (SELECT COALESCE(SUM(MAX(b.size, 4096)), 0) FROM blob AS b"
	"  WHERE b.uid = usage.uid) +"
	" (SELECT COALESCE(SUM(l.size), 0) FROM loose AS l"
	"  WHERE l.uid = usage.uid AND l.state = 1),"
	" blobs = (SELECT COUNT(*) FROM blob AS b WHERE b.uid = usage.uid) +"
	" (SELECT COUNT(*) FROM loose AS l WHERE l.uid = usage.uid);"
	"CREATE INDEX loose_writing ON loose (since_ms) WHERE state = 1;"
	"CREATE INDEX loose_removing ON loose (uid, zone, file)"
	" WHERE state = 2;"
	"CREATE INDEX loose_trash ON loose (since_ms) WHERE state = 3;"
	"CREATE INDEX loose_trash_of ON loose (uid, since_ms)"
	" WHERE state = 3;",
};

const char *const *
zone_schema(size_t *n)
{
	*n = ARRAY_SIZE(schema);
	return schema;
}

int
zone_open(struct db *db, struct err *e)
{
	return db_migrate(db, "zone", schema, ARRAY_SIZE(schema), e);
}
