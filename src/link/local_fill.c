/* SPDX-License-Identifier: ISC */
/* local_fill.c: taking in what comes of a zone, much or little. */
/*
 * Little is kept in memory and written into the copy's own slot, all at once.
 * Of much, each FILL_BYTES go to a slot that nobody sees, in one transaction;
 * at the end the zone names that slot, or its rows move into the zone's own.
 * A slot that is left behind goes when nobody fills any: who fills holds a
 * shared lock, who cleans an exclusive one.
 */
#include "link/local_in.h"

#include "base/file.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#define FILL_BYTES ((size_t)4 * 1024 * 1024)
#define DROP_ROWS "20000" /* in one transaction */

struct local_fill {
	struct local *l;
	struct id zone;
	uint64_t slot; /* 0: all is in memory */
	int lock;
	bool placed; /* its records can be found by id */
	struct buf records; /* u64 seq | change */
	struct buf links; /* u64 seq | hash[32] */
};

struct local_fill *
local_fill_new(struct local *l, const struct id *zone)
{
	struct local_fill *f = mem_new(sizeof *f);

	f->l = l;
	f->zone = *zone;
	f->lock = -1;
	return f;
}

/* ---- slots ---- */

static int
run_u64(struct tx *tx, const char *sql, uint64_t a, uint64_t b, bool two,
    struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;

	if (stmt_new(tx, sql, &s, e) < 0)
		return -1;
	stmt_u64(s, 1, a);
	if (two)
		stmt_u64(s, 2, b);
	return stmt_run(s, e);
}

static int
new_slot(struct tx *tx, uint64_t *slot, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;
	bool row;

	if (tx_script(tx, "INSERT INTO slot DEFAULT VALUES", e) < 0 ||
	    stmt_new(tx, "SELECT max(slot) FROM slot", &s, e) < 0 ||
	    stmt_next(s, &row, e) < 0)
		return -1;
	*slot = stmt_got_u64(s, 0);
	return 0;
}

static int
lock_fills(const struct local *l, int how, int *fd)
{
	OWN(buf_free) struct buf path = { 0 };

	buf_printf(&path, "%s-fill", l->path);
	*fd = open(buf_text(&path), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (*fd >= 0 && flock(*fd, how) < 0)
		fd_close(fd);
	return *fd >= 0 ? 0 : -1;
}

struct drop_job {
	bool more;
};

static int
drop_job(struct tx *tx, void *arg, struct err *e)
{
	struct drop_job *j = arg;
	OWN(stmt_done) struct stmt *s = NULL;
	uint64_t slot, rows;
	bool row;

	if (stmt_new(tx, "SELECT max(slot) FROM slot", &s, e) < 0 ||
	    stmt_next(s, &row, e) < 0)
		return -1;
	slot = row ? stmt_got_u64(s, 0) : 0;
	stmt_done(&s);
	j->more = slot != 0;
	if (!j->more)
		return 0;
	if (run_u64(tx,
		"DELETE FROM held WHERE row IN (SELECT row FROM held"
		" WHERE slot = ? LIMIT " DROP_ROWS ")",
		slot, 0, false, e) < 0)
		return -1;
	rows = tx_changes(tx);
	if (run_u64(tx,
		"DELETE FROM place WHERE slot = ?1 AND id IN (SELECT id"
		" FROM place WHERE slot = ?1 LIMIT " DROP_ROWS ")",
		slot, 0, false, e) < 0)
		return -1;
	rows += tx_changes(tx);
	if (run_u64(tx,
		"DELETE FROM link WHERE slot = ?1 AND seq IN (SELECT seq"
		" FROM link WHERE slot = ?1 LIMIT " DROP_ROWS ")",
		slot, 0, false, e) < 0)
		return -1;
	rows += tx_changes(tx);
	return rows > 0
	    ? 0
	    : run_u64(tx, "DELETE FROM slot WHERE slot = ?", slot, 0, false, e);
}

/* What nobody sees goes, unless somebody may be filling it. */
static void
drop_slots(struct local *l)
{
	OWN(fd_close) int lock = -1;
	struct drop_job j = { true };
	struct err ignored; /* the next one that fills tries again */

	if (lock_fills(l, LOCK_EX | LOCK_NB, &lock) < 0)
		return;
	while (j.more && db_write(l->db, drop_job, &j, &ignored) == 0)
		;
}

void
local_fill_free(struct local_fill **fp)
{
	struct local_fill *f = *fp;

	if (f == NULL)
		return;
	fd_close(&f->lock);
	if (f->slot != 0)
		drop_slots(f->l);
	buf_free(&f->records);
	buf_free(&f->links);
	free(f);
	*fp = NULL;
}

/* ---- writing ---- */

static void
bind_record(struct stmt *s, uint64_t slot, const struct local_record *r)
{
	stmt_u64(s, 1, slot);
	stmt_bytes(s, 2, bytes_of(r->change.id.b, ID_BYTES));
	stmt_u64(s, 3, r->change.version);
	stmt_u64(s, 4, r->change.flags);
	stmt_u64(s, 5, r->change.key_epoch);
	stmt_u64(s, 6, r->seq);
	stmt_bytes(s, 7, r->change.refs);
	stmt_bytes(s, 8, r->change.ct);
}

#define INSERT_HELD \
	"INSERT INTO held (slot, id, version, flags, key_epoch, seq, refs, " \
	"ct)" \
	" VALUES (?, ?, ?, ?, ?, ?, ?, ?)"

static int
next_record(struct scan *s, struct local_record *r, struct err *e)
{
	r->seq = scan_u64(s);
	return change_take(s, &r->change, e);
}

static int
twice(const struct id *id, struct err *e)
{
	return err_set(e, ERR_RECORD_REPLAYED,
	    "the server handed out record %s twice", id_short(id).s);
}

/* Each of the records in memory goes into `slot`, in place of what is there. */
static int
put_each(struct tx *tx, struct local_fill *f, uint64_t slot, uint64_t before,
    struct err *e)
{
	OWN(stmt_done) struct stmt *find = NULL;
	OWN(stmt_done) struct stmt *put = NULL;
	OWN(stmt_done) struct stmt *drop = NULL;
	OWN(stmt_done) struct stmt *place = NULL;
	struct scan s = scan_of(buf_bytes(&f->records));
	struct local_record r;

	if (stmt_new(tx,
		"SELECT h.row, h.seq FROM place p JOIN held h ON h.row = p.row"
		" WHERE p.slot = ? AND p.id = ?",
		&find, e) < 0 ||
	    stmt_new(tx, INSERT_HELD, &put, e) < 0 ||
	    stmt_new(tx, "DELETE FROM held WHERE row = ?", &drop, e) < 0 ||
	    stmt_new(tx,
		"INSERT INTO place VALUES (?, ?, last_insert_rowid())"
		" ON CONFLICT (slot, id) DO UPDATE SET row = excluded.row",
		&place, e) < 0)
		return -1;
	while (s.n > 0) {
		bool row;
		if (next_record(&s, &r, e) < 0)
			return -1;
		stmt_u64(find, 1, slot);
		stmt_bytes(find, 2, bytes_of(r.change.id.b, ID_BYTES));
		if (stmt_next(find, &row, e) < 0)
			return -1;
		uint64_t at = row ? stmt_got_u64(find, 0) : 0;
		if (row && stmt_got_u64(find, 1) > before)
			return twice(&r.change.id, e);
		if (row && stmt_next(find, &row, e) < 0)
			return -1;
		stmt_u64(drop, 1, at);
		bind_record(put, slot, &r);
		stmt_u64(place, 1, slot);
		stmt_bytes(place, 2, bytes_of(r.change.id.b, ID_BYTES));
		if ((at != 0 && stmt_run(drop, e) < 0) ||
		    stmt_run(put, e) < 0 || stmt_run(place, e) < 0)
			return -1;
	}
	return 0;
}

static int
put_links(struct tx *tx, struct local_fill *f, uint64_t slot, struct err *e)
{
	OWN(stmt_done) struct stmt *put = NULL;
	struct scan s = scan_of(buf_bytes(&f->links));

	if (stmt_new(tx, "INSERT INTO link VALUES (?, ?, ?)", &put, e) < 0)
		return -1;
	while (s.n > 0) {
		stmt_u64(put, 1, slot);
		stmt_u64(put, 2, scan_u64(&s));
		stmt_bytes(put, 3, scan_take(&s, DIGEST_BYTES));
		if (stmt_run(put, e) < 0)
			return -1;
	}
	return 0;
}

static int
stage_job(struct tx *tx, void *arg, struct err *e)
{
	struct local_fill *f = arg;
	OWN(stmt_done) struct stmt *put = NULL;
	struct scan s = scan_of(buf_bytes(&f->records));
	struct local_record r;

	if ((f->slot == 0 && new_slot(tx, &f->slot, e) < 0) ||
	    stmt_new(tx, INSERT_HELD, &put, e) < 0)
		return -1;
	while (s.n > 0) {
		if (next_record(&s, &r, e) < 0)
			return -1;
		bind_record(put, f->slot, &r);
		if (stmt_run(put, e) < 0)
			return -1;
	}
	return put_links(tx, f, f->slot, e);
}

static int
stage(struct local_fill *f, struct err *e)
{
	if (f->slot == 0) {
		drop_slots(f->l);
		if (lock_fills(f->l, LOCK_SH, &f->lock) < 0)
			return err_sys(e, "%s-fill", f->l->path);
	}
	if (db_write(f->l->db, stage_job, f, e) < 0)
		return -1;
	buf_clear(&f->records);
	buf_clear(&f->links);
	return 0;
}

static int
added(struct local_fill *f, struct err *e)
{
	return f->records.n + f->links.n < FILL_BYTES ? 0 : stage(f, e);
}

int
local_fill_head(struct local_fill *f, uint64_t seq, const struct digest *hash,
    struct err *e)
{
	buf_put_u64(&f->links, seq);
	digest_put(&f->links, hash);
	return added(f, e);
}

int
local_fill_record(
    struct local_fill *f, const struct local_record *r, struct err *e)
{
	buf_put_u64(&f->records, r->seq);
	change_put(&f->records, &r->change);
	return added(f, e);
}

/* ---- taking in ---- */

struct take_job {
	struct local_fill *f;
	uint64_t before;
	const struct local_zone *z;
	bool all;
};

/* The index by id, made in its order. */
static int
place_job(struct tx *tx, void *arg, struct err *e)
{
	const struct local_fill *f = arg;

	if (run_u64(tx,
		"INSERT INTO place SELECT slot, id, row"
		" FROM held INDEXED BY held_seq WHERE slot = ? ORDER BY id",
		f->slot, 0, false, e) == 0)
		return 0;
	return e->code != ERR_CONFLICT
	    ? -1
	    : err_set(e, ERR_RECORD_REPLAYED,
		  "the server handed out a record twice");
}

static int
place_all(struct local_fill *f, struct err *e)
{
	if ((f->slot == 0 || f->records.n + f->links.n > 0) && stage(f, e) < 0)
		return -1;
	if (!f->placed && db_write(f->l->db, place_job, f, e) < 0)
		return -1;
	f->placed = true;
	return 0;
}

static int
put_zone(struct tx *tx, const struct take_job *j, uint64_t slot, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;
	OWN(buf_free) struct buf head = { 0 };

	if (stmt_new(tx,
		"INSERT INTO zone (zone, head, sum, slot) VALUES (?, ?, ?, ?)"
		" ON CONFLICT (zone) DO UPDATE SET head = excluded.head,"
		" sum = excluded.sum, slot = excluded.slot",
		&s, e) < 0)
		return -1;
	head_put(&head, &j->z->head);
	stmt_bytes(s, 1, bytes_of(j->f->zone.b, ID_BYTES));
	stmt_bytes(s, 2, buf_bytes(&head));
	stmt_bytes(s, 3, bytes_of(j->z->sum.b, DIGEST_BYTES));
	stmt_u64(s, 4, slot);
	return stmt_run(s, e);
}

/* What is there from the first new head on goes: another history held there. */
static int
drop_links(struct tx *tx, uint64_t slot, uint64_t first, struct err *e)
{
	return run_u64(tx, "DELETE FROM link WHERE slot = ? AND seq >= ?", slot,
	    first, true, e);
}

/* The first of the new heads; 0 without any. */
static int
first_link(
    struct tx *tx, const struct local_fill *f, uint64_t *first, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;
	struct scan in = scan_of(buf_bytes(&f->links));
	bool row;

	*first = in.n > 0 ? scan_u64(&in) : 0;
	if (f->slot == 0)
		return 0;
	if (stmt_new(tx, "SELECT min(seq) FROM link WHERE slot = ?", &s, e) < 0)
		return -1;
	stmt_u64(s, 1, f->slot);
	if (stmt_next(s, &row, e) < 0)
		return -1;
	*first = row ? stmt_got_u64(s, 0) : 0;
	return 0;
}

/* Little came: into the slot that is seen. */
static int
take_little(
    struct tx *tx, const struct take_job *j, uint64_t slot, struct err *e)
{
	struct local_fill *f = j->f;
	uint64_t first;

	if (slot == 0 &&
	    (new_slot(tx, &slot, e) < 0 ||
		run_u64(tx, "DELETE FROM slot WHERE slot = ?", slot, 0, false,
		    e) < 0))
		return -1;
	if (j->all &&
	    (run_u64(tx, "DELETE FROM held WHERE slot = ?", slot, 0, false, e) <
		    0 ||
		run_u64(tx, "DELETE FROM place WHERE slot = ?", slot, 0, false,
		    e) < 0))
		return -1;
	if (first_link(tx, f, &first, e) < 0 ||
	    (first > 0 && drop_links(tx, slot, first, e) < 0) ||
	    put_each(tx, f, slot, j->all ? 0 : j->before, e) < 0 ||
	    put_links(tx, f, slot, e) < 0)
		return -1;
	return put_zone(tx, j, slot, e);
}

/* A whole zone came: its slot takes the place of the one that was seen. */
static int
take_whole(
    struct tx *tx, const struct take_job *j, uint64_t slot, struct err *e)
{
	struct local_fill *f = j->f;
	OWN(stmt_done) struct stmt *s = NULL;
	uint64_t first;

	if (first_link(tx, f, &first, e) < 0 ||
	    stmt_new(tx,
		"INSERT INTO link SELECT ?, seq, hash FROM link"
		" WHERE slot = ? AND seq < ?",
		&s, e) < 0)
		return -1;
	stmt_u64(s, 1, f->slot);
	stmt_u64(s, 2, slot);
	stmt_u64(s, 3, first > 0 ? first : INT64_MAX);
	if (slot != 0 &&
	    (stmt_run(s, e) < 0 ||
		run_u64(tx, "INSERT INTO slot VALUES (?)", slot, 0, false, e) <
		    0))
		return -1;
	return run_u64(tx, "DELETE FROM slot WHERE slot = ?", f->slot, 0, false,
		   e) < 0
	    ? -1
	    : put_zone(tx, j, f->slot, e);
}

/* Much came on top of what is seen: its rows move there. */
static int
take_over(struct tx *tx, const struct take_job *j, uint64_t slot, struct err *e)
{
	const uint64_t from = j->f->slot;
	uint64_t first;

	if (first_link(tx, j->f, &first, e) < 0 ||
	    (first > 0 && drop_links(tx, slot, first, e) < 0) ||
	    run_u64(tx,
		"DELETE FROM held WHERE row IN (SELECT p.row FROM held h"
		" INDEXED BY held_seq JOIN place p ON p.slot = ? AND p.id = "
		"h.id"
		" WHERE h.slot = ?)",
		slot, from, true, e) < 0 ||
	    run_u64(tx,
		"INSERT INTO place SELECT ?, id, row FROM place WHERE slot = ?"
		" ORDER BY id"
		" ON CONFLICT (slot, id) DO UPDATE SET row = excluded.row",
		slot, from, true, e) < 0 ||
	    run_u64(tx, "UPDATE held SET slot = ? WHERE slot = ?", slot, from,
		true, e) < 0 ||
	    run_u64(tx, "UPDATE link SET slot = ? WHERE slot = ?", slot, from,
		true, e) < 0)
		return -1;
	return put_zone(tx, j, slot, e);
}

static int
take_job(struct tx *tx, void *arg, struct err *e)
{
	struct take_job *j = arg;
	struct local_zone now;
	uint64_t slot;

	if (local_zone_in(tx, &j->f->zone, &now, &slot, e) < 0)
		return -1;
	if (now.head.seq != j->before)
		return err_set(
		    e, ERR_CONFLICT, "another process has moved this copy");
	if (j->f->slot == 0)
		return take_little(tx, j, slot, e);
	return j->all || slot == 0 ? take_whole(tx, j, slot, e)
				   : take_over(tx, j, slot, e);
}

int
local_fill_take(struct local_fill *f, uint64_t before,
    const struct local_zone *z, bool all, struct err *e)
{
	struct take_job j = { f, before, z, all };

	if (f->slot != 0 && place_all(f, e) < 0)
		return -1;
	return db_write(f->l->db, take_job, &j, e);
}

/* ---- looking at it ---- */

struct look_job {
	const struct local_fill *f;
	const struct id *id;
	struct local_each each;
};

static int
look_job(struct tx *tx, void *arg, struct err *e)
{
	struct look_job *j = arg;

	return local_each_in(tx, j->f->slot, 0, j->id, &j->each, e);
}

int
local_fill_get(struct local_fill *f, const struct id *id, local_record_fn fn,
    void *ctx, struct err *e)
{
	struct look_job j = { f, id, { fn, ctx } };

	return place_all(f, e) < 0 ? -1 : db_read(f->l->db, look_job, &j, e);
}

int
local_fill_each(
    struct local_fill *f, local_record_fn fn, void *ctx, struct err *e)
{
	struct look_job j = { f, NULL, { fn, ctx } };

	if ((f->slot == 0 || f->records.n + f->links.n > 0) && stage(f, e) < 0)
		return -1;
	return db_read(f->l->db, look_job, &j, e);
}
