/* SPDX-License-Identifier: ISC */
/* repo_log.c: appending, beginning anew, and reading what is whole. */
#include "link/repo_log.h"

#include "base/file.h"
#include "base/text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MARK_BYTES 12
#define HEADER_BYTES (MARK_BYTES + 4 + 8 + 8)
#define FRAMES_MAX (64u << 20) /* of one entry; written are 64 KiB and some */
#define SPARE_BYTES (4u << 20) /* of a log that is not worth beginning anew */
#define ZONES 2
#define NUMBER_MAX INT64_MAX /* so that there always is a next one */

static const uint8_t mark[MARK_BYTES] = "aumbry log\n"; /* and the NUL */

/* How far a zone's log goes. */
struct reach {
	struct id zone;
	bool known;
	uint64_t seq; /* all up to there */
	uint64_t bytes; /* of its files */
	uint64_t last; /* number of its newest file; 0: none */
	bool torn; /* which does not end with an entry */
};

struct repo_log {
	char *dir;
	struct reach zones[ZONES];
};

struct repo_log *
repo_log_new(const char *dir)
{
	struct repo_log *l = mem_new(sizeof *l);

	l->dir = mem_text(dir);
	return l;
}

void
repo_log_free(struct repo_log **l)
{
	if (*l != NULL)
		free((*l)->dir);
	free(*l);
	*l = NULL;
}

static char *
path_of(const char *dir, const struct id *zone, uint64_t number)
{
	OWN(buf_free) struct buf b = { 0 };

	buf_printf(&b, "%s/%s-%016llx", dir, id_text(zone).s,
	    (unsigned long long)number);
	return mem_text(buf_text(&b));
}

/* The numbers of a zone's files, ascending. */
struct numbers {
	uint64_t *list;
	size_t n;
};

static void
numbers_free(struct numbers *x)
{
	free(x->list);
}

static int
by_number(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void
close_dir(DIR **d)
{
	if (*d != NULL)
		(void)closedir(*d);
}

static int
list_files(
    const char *dir, const struct id *zone, struct numbers *out, struct err *e)
{
	OWN(close_dir) DIR *d = opendir(dir);
	const struct dirent *x;

	if (d == NULL)
		return errno == ENOENT ? 0 : err_sys(e, "%s", dir);
	while ((x = readdir(d)) != NULL) {
		OWN(buf_free) struct buf raw = { 0 };
		if (strlen(x->d_name) != ID_TEXT + 17 ||
		    strncmp(x->d_name, id_text(zone).s, ID_TEXT) != 0 ||
		    text_unhex(&raw, bytes_of(x->d_name + ID_TEXT + 1, 16)) <
			0 ||
		    be64(raw.p) > NUMBER_MAX)
			continue;
		out->list =
		    mem_resize(out->list, out->n + 1, sizeof *out->list);
		out->list[out->n++] = be64(raw.p);
	}
	if (out->n > 1)
		qsort(out->list, out->n, sizeof *out->list, by_number);
	return 0;
}

/* ---- how far it goes ---- */

struct header {
	uint32_t n;
	uint64_t since, seq;
};

static bool
header_parse(struct bytes x, struct header *out)
{
	struct scan s = scan_of(x);
	struct bytes m = scan_take(&s, MARK_BYTES);

	out->n = scan_u32(&s);
	out->since = scan_u64(&s);
	out->seq = scan_u64(&s);
	return scan_ok(&s) && bytes_equal(m, bytes_of(mark, MARK_BYTES)) &&
	    out->n <= FRAMES_MAX;
}

/* Headers alone: what is damaged shows when it is needed. */
static void
look_at(const char *path, struct reach *r)
{
	OWN(fd_close) int fd = -1;
	uint8_t raw[HEADER_BYTES];
	struct header h;
	struct err ignored;
	struct stat st;
	uint64_t at = 0;
	size_t got;

	r->torn = true;
	if (file_open_plain(path, O_RDONLY, &fd, &ignored) < 0 ||
	    fstat(fd, &st) < 0)
		return;
	r->bytes += (uint64_t)st.st_size;
	while (file_pread_full(fd, raw, sizeof raw, at, &got, &ignored) == 0 &&
	    got == sizeof raw && header_parse(bytes_of(raw, got), &h)) {
		uint64_t end = at + HEADER_BYTES + h.n + DIGEST_BYTES;
		if (end > (uint64_t)st.st_size)
			break;
		at = end;
		if (h.seq > r->seq && h.since <= r->seq)
			r->seq = h.seq;
	}
	r->torn = at != (uint64_t)st.st_size;
}

static struct reach *
reach_of(struct repo_log *l, const struct id *zone)
{
	OWN(numbers_free) struct numbers files = { 0 };
	struct reach *r = NULL;
	struct err ignored;

	for (size_t i = 0; i < ZONES; i++) {
		if (l->zones[i].known && id_equal(&l->zones[i].zone, zone))
			return &l->zones[i];
		if (r == NULL && !l->zones[i].known)
			r = &l->zones[i];
	}
	if (r == NULL || list_files(l->dir, zone, &files, &ignored) < 0)
		return NULL;
	*r = (struct reach){ .zone = *zone, .known = true };
	for (size_t i = 0; i < files.n; i++) {
		OWN(mem_free) char *path = path_of(l->dir, zone, files.list[i]);
		look_at(path, r);
		r->last = files.list[i];
	}
	return r;
}

/* ---- writing ---- */

/* What is written to a file at once. */
struct writing {
	uint64_t number; /* of the file */
	uint64_t since;
	bool sync;
	int fd;
	uint64_t bytes;
	uint64_t seq; /* of the last FRAME_END */
};

static int
put_entry(struct writing *w, uint64_t since, uint64_t seq, struct bytes frames,
    struct err *e)
{
	OWN(buf_free) struct buf b = { 0 };
	struct digest sum;

	buf_put(&b, mark, sizeof mark);
	buf_put_u32(&b, (uint32_t)frames.n);
	buf_put_u64(&b, since);
	buf_put_u64(&b, seq);
	buf_put_bytes(&b, frames);
	digest_of(buf_bytes(&b), &sum);
	digest_put(&b, &sum);
	w->bytes += b.n;
	return file_write_all(w->fd, buf_bytes(&b), e);
}

static int
sink(void *arg, struct bytes x, struct err *e)
{
	struct writing *w = arg;
	const size_t end = 1 + 8 + DIGEST_BYTES;

	if (x.n >= end && x.p[x.n - end] == FRAME_END)
		w->seq = be64(x.p + x.n - end + 1);
	return put_entry(w, 0, 0, x, e);
}

static int
write_since(struct repo_log *l, struct reach *r, struct writing *w,
    struct db *db, const struct zone_key *key, struct err *e)
{
	OWN(mem_free) char *path = path_of(l->dir, &r->zone, w->number);
	OWN(fd_close) int fd = -1;

	if (file_open_plain(path, O_WRONLY | O_CREAT | O_APPEND, &fd, e) < 0)
		return -1;
	w->fd = fd;
	r->last = w->number;
	r->torn = true;
	if (zone_changes(db, key, w->since, sink, w, e) < 0 ||
	    put_entry(w, w->since, w->seq, bytes_of(NULL, 0), e) < 0)
		return -1;
	if (w->sync && (fsync(fd) < 0 || file_sync_dir(l->dir, e) < 0))
		return err_sys(e, "%s", path);
	r->seq = w->seq;
	r->bytes += w->bytes;
	r->torn = false;
	return 0;
}

/* All there is into a new file; then the others are of no use. */
static int
begin_anew(struct repo_log *l, struct reach *r, struct db *db,
    const struct zone_key *key, struct err *e)
{
	OWN(numbers_free) struct numbers files = { 0 };
	struct reach fresh = *r;
	uint64_t number = r->last + 1;
	struct writing w = { .number = number, .sync = true };

	fresh.bytes = 0;
	if (write_since(l, &fresh, &w, db, key, e) < 0) {
		OWN(mem_free) char *path = path_of(l->dir, &r->zone, number);
		(void)unlink(path);
		return -1;
	}
	*r = fresh;
	if (list_files(l->dir, &r->zone, &files, e) < 0)
		return -1;
	for (size_t i = 0; i < files.n && files.list[i] < number; i++) {
		OWN(mem_free)
		char *path = path_of(l->dir, &r->zone, files.list[i]);
		(void)unlink(path);
	}
	return 0;
}

int
repo_log_anew(struct repo_log *l, struct db *db, const struct zone_key *key,
    struct err *e)
{
	struct reach *r = reach_of(l, &key->zone);

	if (r == NULL)
		return err_set(e, ERR_IO, "%s cannot be read", l->dir);
	return begin_anew(l, r, db, key, e);
}

static bool
zone_at(struct db *db, const struct zone_key *key, uint64_t *seq)
{
	OWN(buf_free) struct buf raw = { 0 };
	struct err ignored;
	struct head h;

	if (zone_head(db, key, &raw, &ignored) < 0 ||
	    head_parse(buf_bytes(&raw), &h, &ignored) < 0)
		return false;
	*seq = h.seq;
	return true;
}

static void
follow(struct repo_log *l, struct db *db, const struct zone_key *key, bool sync)
{
	struct reach *r = reach_of(l, &key->zone);
	struct err e;
	uint64_t seq;

	if (r == NULL || !zone_at(db, key, &seq) || seq == r->seq ||
	    file_mkdirs(l->dir, 0700, &e) < 0)
		return;
	/* A database that was put back: what is ahead of it is another story. */
	if (seq < r->seq) {
		(void)!begin_anew(l, r, db, key, &e);
		return;
	}
	struct writing w = { .number = r->last + (r->last == 0 || r->torn),
		.since = r->seq,
		.sync = sync };
	if (write_since(l, r, &w, db, key, &e) < 0 && e.code == ERR_RESYNC)
		(void)!begin_anew(l, r, db, key, &e);
}

void
repo_log_follow(struct repo_log *l, struct db *db, const struct zone_key *key)
{
	follow(l, db, key, false);
}

struct holding {
	const struct zone_key *key;
	uint64_t bytes;
};

static int
sum_records(struct tx *tx, void *arg, struct err *e)
{
	struct holding *h = arg;
	OWN(stmt_done) struct stmt *s = NULL;
	struct zone_info now;
	bool row;

	if (zone_find(tx, h->key, &now, e) < 0 ||
	    stmt_new(tx,
		"SELECT COALESCE(SUM(bytes), 0) FROM record WHERE number = ?",
		&s, e) < 0)
		return -1;
	stmt_u64(s, 1, now.number);
	if (stmt_next(s, &row, e) < 0)
		return -1;
	h->bytes = (row ? stmt_got_u64(s, 0) : 0) + now.seq * now.head_n;
	return 0;
}

void
repo_log_settle(struct repo_log *l, struct db *db, const struct zone_key *key)
{
	struct holding h = { key, 0 };
	struct reach *r = reach_of(l, &key->zone);
	struct err ignored;

	follow(l, db, key, true);
	if (r != NULL && db_read(db, sum_records, &h, &ignored) == 0 &&
	    r->bytes > 2 * h.bytes + SPARE_BYTES)
		(void)!begin_anew(l, r, db, key, &ignored);
}

/* ---- reading ---- */

/* The next place where an entry may begin; n when there is none. */
static size_t
next_mark(const uint8_t *p, size_t at, size_t n)
{
	const uint8_t *hit =
	    at < n ? memmem(p + at, n - at, mark, MARK_BYTES) : NULL;

	return hit != NULL ? (size_t)(hit - p) : n;
}

/* An entry that is whole; h is NULL where there is damage. */
typedef int (*entry_fn)(
    void *ctx, const struct header *h, struct bytes frames, struct err *e);

static int
walk(struct bytes x, entry_fn fn, void *ctx, struct err *e)
{
	for (size_t at = 0; at < x.n;) {
		struct bytes rest = bytes_of(x.p + at, x.n - at);
		struct header h;
		struct digest is;
		size_t n = 0;
		if (header_parse(rest, &h))
			n = HEADER_BYTES + h.n;
		bool whole = n > 0 && rest.n >= n + DIGEST_BYTES;
		if (whole) {
			digest_of(bytes_of(rest.p, n), &is);
			whole = bytes_equal(bytes_of(is.b, DIGEST_BYTES),
			    bytes_of(rest.p + n, DIGEST_BYTES));
		}
		if (fn(ctx, whole ? &h : NULL,
			whole ? bytes_of(rest.p + HEADER_BYTES, h.n)
			      : bytes_of(NULL, 0),
			e) < 0)
			return -1;
		at =
		    whole ? at + n + DIGEST_BYTES : next_mark(x.p, at + 1, x.n);
	}
	return 0;
}

struct reading {
	repo_log_fn fn;
	void *ctx;
	uint64_t *bad;
};

static int
hand_out(void *ctx, const struct header *h, struct bytes frames, struct err *e)
{
	struct reading *r = ctx;

	*r->bad += h == NULL;
	return frames.n == 0 ? 0 : r->fn(r->ctx, frames, e);
}

int
repo_log_read(
    struct bytes x, repo_log_fn fn, void *ctx, uint64_t *bad, struct err *e)
{
	struct reading r = { fn, ctx, bad };

	return walk(x, hand_out, &r, e);
}

static int
read_file(const char *path, entry_fn fn, void *ctx, struct err *e)
{
	OWN(fd_close) int fd = -1;
	struct stat st;

	if (file_open_plain(path, O_RDONLY, &fd, e) < 0)
		return -1;
	if (fstat(fd, &st) < 0)
		return err_sys(e, "%s", path);
	if (st.st_size == 0)
		return 0;
	size_t n = (size_t)st.st_size;
	uint8_t *p = mmap(NULL, n, PROT_READ, MAP_PRIVATE, fd, 0);
	if (p == MAP_FAILED)
		return err_sys(e, "map %s", path);
	int rc = walk(bytes_of(p, n), fn, ctx, e);
	(void)munmap(p, n);
	return rc;
}

int
repo_log_each(const char *dir, const struct id *zone, repo_log_fn fn, void *ctx,
    uint64_t *bad, struct err *e)
{
	OWN(numbers_free) struct numbers files = { 0 };
	struct reading r = { fn, ctx, bad };

	*bad = 0;
	if (list_files(dir, zone, &files, e) < 0)
		return -1;
	for (size_t i = 0; i < files.n; i++) {
		OWN(mem_free) char *path = path_of(dir, zone, files.list[i]);
		if (read_file(path, hand_out, &r, e) == 0)
			continue;
		if (e->code != ERR_STATE_DAMAGED)
			return -1;
		err_clear(e);
		(*bad)++;
	}
	return 0;
}

/* ---- is it what it is taken for? ---- */

struct looking {
	uint64_t seq; /* as in struct reach, of what is whole */
	bool spoilt; /* since the last follow-up that ended */
};

static int
look_into(void *ctx, const struct header *h, struct bytes frames, struct err *e)
{
	struct looking *l = ctx;

	(void)frames;
	(void)e;
	if (h == NULL) {
		l->spoilt = true;
	} else if (h->seq > 0) {
		if (!l->spoilt && h->seq > l->seq && h->since <= l->seq)
			l->seq = h->seq;
		l->spoilt = false;
	}
	return 0;
}

int
repo_log_look(
    const char *dir, const struct id *zone, bool *whole, struct err *e)
{
	OWN(repo_log_free) struct repo_log *l = repo_log_new(dir);
	OWN(numbers_free) struct numbers files = { 0 };
	struct looking is = { 0 };
	/* First, as it only grows. */
	const struct reach *said = reach_of(l, zone);

	if (list_files(dir, zone, &files, e) < 0)
		return -1;
	for (size_t i = 0; i < files.n; i++) {
		OWN(mem_free) char *path = path_of(dir, zone, files.list[i]);
		is.spoilt = false; /* a file that is torn has a next one */
		if (read_file(path, look_into, &is, e) < 0) {
			*whole = e->code == ERR_NOT_FOUND; /* written anew */
			if (!*whole && e->code != ERR_STATE_DAMAGED)
				return -1;
			err_clear(e);
			return 0;
		}
	}
	*whole = said == NULL || is.seq >= said->seq;
	return 0;
}
