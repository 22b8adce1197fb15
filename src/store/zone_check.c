/* SPDX-License-Identifier: ISC */
/* zone_check.c: one pass over each kind of thing that is stored. */
#include "store/zone_check.h"

#include "base/file.h"
#include "store/usage.h"
#include "store/zone_in.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE 256 /* rows read in one short transaction */
#define READ_BYTES (128 * 1024)

struct check {
	const struct zone_store *s;
	enum zone_check_depth depth;
	zone_report_fn *report;
	void *arg;
	struct zone_key key; /* the zone at hand */
};

static void PRINTF(4, 5) found(const struct check *c, enum err_code what,
    const struct id *id, const char *fmt, ...)
{
	struct zone_finding f = { .what = what, .key = c->key };
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	if (id != NULL)
		f.id = *id;
	f.text = text;
	c->report(c->arg, &f);
}

/* Heads */

/* The chain from 1 to the current head, as far as it can be told. */
static int
check_heads(
    struct check *c, struct tx *tx, const struct zone_info *now, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;
	struct digest prev = { { 0 } };
	enum head_format format = HEAD_PZH1;
	struct head h;
	struct err bad;
	uint64_t seq = 0;
	bool row, same = false;

	if (stmt_new(tx,
		"SELECT seq, bytes FROM head WHERE uid = ? AND zone = ?"
		" ORDER BY seq",
		&s, e) < 0)
		return -1;
	zone_bind_key(s, &c->key);
	for (;;) {
		if (stmt_next(s, &row, e) < 0)
			return -1;
		if (!row)
			break;
		struct bytes x = stmt_got_bytes(s, 1);
		seq++;
		if (stmt_got_u64(s, 0) != seq) {
			found(c, ERR_HISTORY_FORKED, NULL,
			    "head %llu is not there", (unsigned long long)seq);
			seq = stmt_got_u64(s, 0);
		} else if (head_parse(x, &h, &bad) < 0 || h.seq != seq ||
		    !id_equal(&h.owner, &c->key.uid) ||
		    !id_equal(&h.zone, &c->key.zone) ||
		    !digest_equal(&h.prev, &prev) || h.format < format) {
			found(c, ERR_RECORD_CORRUPT, NULL,
			    "head %llu does not follow the one before",
			    (unsigned long long)seq);
		} else {
			format = h.format;
		}
		same = bytes_equal(x, zone_head_of(now));
		digest_of(x, &prev);
	}
	if (seq != now->seq || !same)
		found(c, ERR_RECORD_CORRUPT, NULL,
		    "the current head is not the last of the chain");
	return 0;
}

/* Records */

struct records {
	struct digest_state *sum, *last;
	struct buf refs; /* every reference of the zone, each once a record */
	const struct zone_info *now;
};

static void
records_free(struct records *r)
{
	digest_free(&r->sum);
	digest_free(&r->last);
	buf_free(&r->refs);
}

static int
by_id(const void *a, const void *b)
{
	return id_cmp(a, b);
}

/* Append the ids of one record, without repetitions. */
static void
add_refs(struct buf *all, struct bytes refs)
{
	size_t n = 0;

	if (refs.n == 0)
		return;
	uint8_t *p = buf_grow(all, refs.n);
	memcpy(p, refs.p, refs.n);
	struct id *list = (struct id *)p; /* bytes only: no alignment */
	qsort(list, refs.n / ID_BYTES, ID_BYTES, by_id);
	for (size_t i = 0; i < refs.n / ID_BYTES; i++)
		if (n == 0 || !id_equal(&list[n - 1], &list[i]))
			list[n++] = list[i];
	all->n -= refs.n - n * ID_BYTES;
}

/* Columns: id, version, flags, key_epoch, seq, bytes, sum, refs, ct. */
static void
check_record(struct check *c, struct records *r, struct stmt *s)
{
	struct change x = { .version = stmt_got_u64(s, 1),
		.flags = (uint8_t)stmt_got_u64(s, 2),
		.key_epoch = (uint32_t)stmt_got_u64(s, 3),
		.refs = stmt_got_bytes(s, 7),
		.ct = stmt_got_bytes(s, 8) };
	uint64_t seq = stmt_got_u64(s, 4);
	uint8_t line[CHANGE_LINE_BYTES];

	stmt_got_copy(s, 0, x.id.b, ID_BYTES);
	if (zone_record_sum(r->sum, &x) != stmt_got_u64(s, 6))
		found(c, ERR_RECORD_CORRUPT, &x.id,
		    "a record is not what was stored");
	else if (seq == 0 || seq > r->now->seq ||
	    stmt_got_u64(s, 5) != x.ct.n + x.refs.n + USAGE_RECORD ||
	    x.refs.n % ID_BYTES != 0 ||
	    ((x.flags & CHANGE_DELETED) != 0) != (x.ct.n == 0))
		found(c, ERR_RECORD_CORRUPT, &x.id,
		    "a record's columns do not agree");
	if (x.refs.n % ID_BYTES == 0)
		add_refs(&r->refs, x.refs);
	if (seq == r->now->seq) {
		change_line(&x, line);
		digest_add(r->last, bytes_of(line, sizeof line));
	}
}

/* Each record by itself; those of the last commit also against its head. */
static int
check_records(struct check *c, struct tx *tx, struct records *r, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;
	struct digest last;
	struct err bad;
	struct head h;
	bool row;

	if (stmt_new(tx,
		"SELECT id, version, flags, key_epoch, seq, bytes, sum, refs,"
		" ct FROM record WHERE number = ? ORDER BY id",
		&s, e) < 0)
		return -1;
	stmt_u64(s, 1, r->now->number);
	do {
		if (stmt_next(s, &row, e) < 0)
			return -1;
		if (row)
			check_record(c, r, s);
	} while (row);
	digest_end(r->last, &last);
	if (head_parse(zone_head_of(r->now), &h, &bad) == 0 &&
	    !digest_equal(&h.changes_hash, &last))
		found(c, ERR_RECORD_CORRUPT, NULL,
		    "the records of the last commit are not those its head "
		    "names");
	return 0;
}

/* References that have no blob, counts that are not the references. */
static int
check_refs(struct check *c, struct tx *tx, struct buf *refs, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;
	struct id *list = (struct id *)refs->p; /* bytes only: no alignment */
	size_t n = refs->n / ID_BYTES, i = 0;
	struct id id;
	bool row;

	if (n > 0)
		qsort(list, n, ID_BYTES, by_id);
	if (stmt_new(tx,
		"SELECT id, refs FROM blob WHERE uid = ? AND zone = ?"
		" ORDER BY id",
		&s, e) < 0)
		return -1;
	zone_bind_key(s, &c->key);
	do {
		uint64_t named = 0;
		if (stmt_next(s, &row, e) < 0)
			return -1;
		if (row)
			stmt_got_copy(s, 0, id.b, ID_BYTES);
		for (; i < n && (!row || id_cmp(&list[i], &id) < 0); i++)
			if (i == 0 || !id_equal(&list[i - 1], &list[i]))
				found(c, ERR_BLOB_MISSING, &list[i],
				    "a record names a blob that is not there");
		for (; row && i < n && id_equal(&list[i], &id); i++)
			named++;
		if (row && named != stmt_got_u64(s, 1))
			found(c, ERR_STATE_DAMAGED, &id,
			    "%llu records name a blob, %llu are counted",
			    (unsigned long long)named,
			    (unsigned long long)stmt_got_u64(s, 1));
	} while (row);
	return 0;
}

static int
check_zone(struct tx *tx, void *arg, struct err *e)
{
	struct check *c = arg;
	struct zone_info now;

	if (zone_find(tx, &c->key, &now, e) < 0)
		return -1;
	OWN(records_free)
	struct records r = { digest_new(), digest_new(), { 0 }, &now };
	if (check_heads(c, tx, &now, e) < 0 || check_records(c, tx, &r, e) < 0)
		return -1;
	return check_refs(c, tx, &r.refs, e);
}

struct zones {
	struct zone_key *list; /* owned */
	size_t n;
};

static void
zones_free(struct zones *z)
{
	free(z->list);
	z->list = NULL;
}

static int
read_zones(struct tx *tx, void *arg, struct err *e)
{
	struct zones *z = arg;
	OWN(stmt_done) struct stmt *s = NULL;
	bool row;

	if (stmt_new(
		tx, "SELECT uid, zone FROM zone ORDER BY uid, zone", &s, e) < 0)
		return -1;
	while (stmt_next(s, &row, e) == 0) {
		if (!row)
			return 0;
		z->list = mem_resize(z->list, z->n + 1, sizeof *z->list);
		stmt_got_copy(s, 0, z->list[z->n].uid.b, ID_BYTES);
		stmt_got_copy(s, 1, z->list[z->n].zone.b, ID_BYTES);
		z->n++;
	}
	return -1;
}

static int
check_zones(struct check *c, struct err *e)
{
	OWN(zones_free) struct zones z = { NULL, 0 };

	if (db_read(c->s->db, read_zones, &z, e) < 0)
		return -1;
	for (size_t i = 0; i < z.n; i++) {
		c->key = z.list[i];
		if (db_read(c->s->db, check_zone, c, e) == 0 ||
		    e->code == ERR_NOT_FOUND)
			continue;
		if (e->code != ERR_STATE_DAMAGED)
			return -1;
		found(c, ERR_STATE_DAMAGED, NULL, "%s", e->msg);
	}
	c->key = (struct zone_key){ 0 };
	return 0;
}

/* Blobs */

struct page {
	struct zone_blob list[PAGE];
	size_t n;
	struct blob_name after;
	bool begun;
};

static int
read_page(struct tx *tx, void *arg, struct err *e)
{
	struct page *p = arg;
	OWN(stmt_done) struct stmt *s = NULL;
	const struct blob_name *a = &p->after;
	bool row;

	if (stmt_new(tx,
		p->begun
		    ? "SELECT uid, zone, id, file, size, checksum FROM blob"
		      " WHERE (uid, zone, id) > (?, ?, ?)"
		      " ORDER BY uid, zone, id LIMIT ?"
		    : "SELECT uid, zone, id, file, size, checksum FROM blob"
		      " ORDER BY uid, zone, id LIMIT ?",
		&s, e) < 0)
		return -1;
	stmt_u64(s, p->begun ? 4 : 1, PAGE);
	if (p->begun) {
		stmt_bytes(s, 1, bytes_of(a->uid.b, ID_BYTES));
		stmt_bytes(s, 2, bytes_of(a->zone.b, ID_BYTES));
		stmt_bytes(s, 3, bytes_of(a->id.b, ID_BYTES));
	}
	for (p->n = 0; p->n < PAGE; p->n++) {
		struct zone_blob *b = &p->list[p->n];
		if (stmt_next(s, &row, e) < 0)
			return -1;
		if (!row)
			return 0;
		stmt_got_copy(s, 0, b->name.uid.b, ID_BYTES);
		stmt_got_copy(s, 1, b->name.zone.b, ID_BYTES);
		stmt_got_copy(s, 2, b->name.id.b, ID_BYTES);
		b->name.file = stmt_got_u64(s, 3);
		b->sum.size = stmt_got_u64(s, 4);
		stmt_got_copy(s, 5, b->sum.sum.b, CHECKSUM_BYTES);
	}
	return 0;
}

/* The blob is still complete with this file: nobody removed it meanwhile. */
static bool
still(const struct check *c, const struct zone_blob *b)
{
	struct zone_blob now;
	struct err e = { 0 };

	return zone_blob_get(c->s, &c->key, &b->name.id, &now, &e) < 0
	    ? e.code != ERR_NOT_FOUND
	    : now.name.file == b->name.file;
}

static int
read_all(int fd, const struct zone_blob *b, bool *same, struct err *e)
{
	OWN(checksum_free) struct checksum_state *s = checksum_new();
	OWN(buf_free) struct buf x = { 0 };
	struct checksum sum;
	size_t got;

	uint8_t *p = buf_grow(&x, READ_BYTES);
	do {
		if (file_read_full(fd, p, READ_BYTES, &got, e) < 0)
			return -1;
		checksum_add(s, bytes_of(p, got));
	} while (got == READ_BYTES);
	checksum_end(s, &sum);
	*same = checksum_equal(&sum, &b->sum.sum);
	return 0;
}

static void
check_blob(struct check *c, const struct zone_blob *b)
{
	OWN(fd_close) int fd = -1;
	const struct id *id = &b->name.id;
	struct err e = { 0 };
	uint64_t size;
	bool same = true;

	if (blob_open(c->s->blobs, &b->name, &fd, &size, &e) < 0) {
		if (e.code != ERR_NOT_FOUND)
			found(c, ERR_IO, id, "%s", e.msg);
		else if (!still(c, b))
			return;
		else if (blob_untrash(c->s->blobs, &b->name, &e) == 0)
			found(c, ERR_NONE, id,
			    "a blob's file is back from the trash");
		else
			found(c, ERR_BLOB_MISSING, id,
			    "a blob's file is not there");
		return;
	}
	if (size != b->sum.size)
		found(c,
		    size < b->sum.size ? ERR_BLOB_TRUNCATED : ERR_BLOB_CORRUPT,
		    id, "a blob has %llu of %llu bytes",
		    (unsigned long long)size, (unsigned long long)b->sum.size);
	else if (c->depth == ZONE_CHECK_READ && read_all(fd, b, &same, &e) < 0)
		found(c, ERR_IO, id, "%s", e.msg);
	else if (!same)
		found(c, ERR_BLOB_CORRUPT, id,
		    "a blob does not have its SHA-256");
}

static void
page_free(struct page **p)
{
	free(*p);
	*p = NULL;
}

static int
check_blobs(struct check *c, struct err *e)
{
	OWN(page_free) struct page *p = mem_new(sizeof *p);

	do {
		if (db_read(c->s->db, read_page, p, e) < 0)
			return -1;
		for (size_t i = 0; i < p->n; i++) {
			p->after = p->list[i].name;
			c->key.uid = p->after.uid;
			c->key.zone = p->after.zone;
			check_blob(c, &p->list[i]);
		}
		p->begun = true;
	} while (p->n == PAGE);
	c->key = (struct zone_key){ 0 };
	return 0;
}

/* Files that nobody names */

struct owned {
	const struct blob_name *name;
	bool named;
};

static int
is_named(struct tx *tx, void *arg, struct err *e)
{
	struct owned *o = arg;
	OWN(stmt_done) struct stmt *s = NULL;

	if (stmt_new(tx,
		"SELECT 1 FROM blob"
		" WHERE uid = ? AND zone = ? AND id = ? AND file = ?"
		" UNION ALL SELECT 1 FROM loose"
		" WHERE uid = ? AND zone = ? AND id = ? AND file = ?"
		" AND state <> 3",
		&s, e) < 0)
		return -1;
	for (int i = 0; i < 8; i += 4) {
		stmt_bytes(s, i + 1, bytes_of(o->name->uid.b, ID_BYTES));
		stmt_bytes(s, i + 2, bytes_of(o->name->zone.b, ID_BYTES));
		stmt_bytes(s, i + 3, bytes_of(o->name->id.b, ID_BYTES));
		stmt_u64(s, i + 4, o->name->file);
	}
	return stmt_next(s, &o->named, e);
}

int
zone_file_named(
    struct db *db, const struct blob_name *name, bool *named, struct err *e)
{
	struct owned o = { name, false };
	int rc = db_read(db, is_named, &o, e);

	*named = o.named;
	return rc;
}

static int
check_file(const struct blob_name *name, void *arg, struct err *e)
{
	struct check *c = arg;
	bool named;

	/* The row comes before the file: no row now means an orphan. */
	if (zone_file_named(c->s->db, name, &named, e) < 0)
		return -1;
	if (named)
		return 0;
	c->key.uid = name->uid;
	c->key.zone = name->zone;
	found(c, ERR_NOT_FOUND, &name->id, "a file belongs to no blob");
	return 0;
}

/* Counters */

/* 400 and 364 are HEAD2_BYTES and HEAD1_BYTES, 4096 is USAGE_BLOB. */
static int
check_usage(struct tx *tx, void *arg, struct err *e)
{
	static const char *const what[] = { "bytes", "bytes of trash",
		"files of blobs" };
	struct check *c = arg;
	OWN(stmt_done) struct stmt *s = NULL;
	bool row;

	if (stmt_new(tx,
		"SELECT uid, bytes,"
		" (SELECT COALESCE(SUM(r.bytes), 0) FROM record AS r"
		"  JOIN zone AS z ON z.number = r.number"
		"  WHERE z.uid = u.uid) +"
		" (SELECT COALESCE(SUM(CASE WHEN LENGTH(h.bytes) = 400 THEN 400"
		"  ELSE 364 END), 0) FROM head AS h WHERE h.uid = u.uid) +"
		" (SELECT COALESCE(SUM(CASE WHEN b.size > 4096 THEN b.size"
		"  ELSE 4096 END), 0) FROM blob AS b WHERE b.uid = u.uid) +"
		" (SELECT COALESCE(SUM(l.size), 0) FROM loose AS l"
		"  WHERE l.uid = u.uid AND l.state = 1),"
		" trash, (SELECT COALESCE(SUM(l.size), 0) FROM loose AS l"
		"  WHERE l.uid = u.uid AND l.state <> 1),"
		" blobs, (SELECT COUNT(*) FROM blob AS b"
		"  WHERE b.uid = u.uid) +"
		" (SELECT COUNT(*) FROM loose AS l WHERE l.uid = u.uid)"
		" FROM usage AS u ORDER BY uid",
		&s, e) < 0)
		return -1;
	while (stmt_next(s, &row, e) == 0) {
		if (!row)
			return 0;
		stmt_got_copy(s, 0, c->key.uid.b, ID_BYTES);
		for (int i = 0; i < 3; i++)
			if (stmt_got_u64(s, 1 + 2 * i) !=
			    stmt_got_u64(s, 2 + 2 * i))
				found(c, ERR_STATE_DAMAGED, NULL,
				    "an account is charged %llu %s and has "
				    "%llu",
				    (unsigned long long)stmt_got_u64(
					s, 1 + 2 * i),
				    what[i],
				    (unsigned long long)stmt_got_u64(
					s, 2 + 2 * i));
	}
	return -1;
}

static void
damaged_engine(void *arg, const char *what)
{
	found(arg, ERR_STATE_DAMAGED, NULL, "database: %s", what);
}

/* Damage found by a pass is a finding, and the next pass runs. */
static int
passed(struct check *c, int rc, struct err *e)
{
	c->key = (struct zone_key){ 0 };
	if (rc == 0 || e->code != ERR_STATE_DAMAGED)
		return rc;
	found(c, ERR_STATE_DAMAGED, NULL, "%s", e->msg);
	return 0;
}

int
zone_check(const struct zone_store *s, enum zone_check_depth depth,
    zone_report_fn *report, void *arg, struct err *e)
{
	struct check c = { s, depth, report, arg, { { { 0 } }, { { 0 } } } };

	if (db_check(s->db, damaged_engine, &c, e) < 0 ||
	    passed(&c, check_zones(&c, e), e) < 0 ||
	    passed(&c, check_blobs(&c, e), e) < 0 ||
	    passed(&c, blob_each(s->blobs, check_file, &c, e), e) < 0)
		return -1;
	return passed(&c, db_read(s->db, check_usage, &c, e), e);
}
