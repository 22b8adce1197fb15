/* SPDX-License-Identifier: ISC */
/* export_journal.c: what was done, line by line, so that a run can go on. */
#include "export/export_in.h"

#include "base/file.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PARTIAL_NEW EXPORT_PARTIAL ".new"

/* Some clocks of file systems have steps of seconds: FAT has two. */
#define PROBE_NS 123456700

/* ---- what is held of it ---- */

struct export_unit *
export_unit(struct export *x, const struct id *id)
{
	/* Lines of one snapshot stand together. */
	for (size_t i = x->n_units; i-- > 0;)
		if (id_equal(&x->units[i].id, id))
			return &x->units[i];
	x->units = mem_resize(x->units, x->n_units + 1, sizeof *x->units);
	struct export_unit *u = &x->units[x->n_units++];
	*u = (struct export_unit){ .id = *id };
	return u;
}

struct export_record *
export_find_record(const struct export *x, const char *path)
{
	for (size_t i = 0; i < x->n_records; i++)
		if (strcmp(x->records[i].path, path) == 0)
			return &x->records[i];
	return NULL;
}

struct export_record *
export_new_record(struct export *x, const char *path)
{
	x->records =
	    mem_resize(x->records, x->n_records + 1, sizeof *x->records);
	struct export_record *r = &x->records[x->n_records++];
	*r = (struct export_record){ .path = mem_text(path) };
	return r;
}

static void
take_record(struct export *x, const struct export_line *l, struct bytes line)
{
	const char *path = buf_text(&l->path);
	struct export_record *r = export_find_record(x, path);

	if (r == NULL)
		r = export_new_record(x, path);
	r->was = r->sha;
	r->sha = l->sha;
	buf_clear(&r->line);
	buf_put_bytes(&r->line, line);
}

static void
take_kept(struct export *x, const struct export_line *l, uint64_t at)
{
	struct export_kept *k = export_keep(x, buf_bytes(&l->path));

	k->content = l->content;
	k->former = l->former;
	k->at = at;
}

/* ---- reading ---- */

struct reading {
	struct export *x;
	bool partial;
	bool first;
	uint64_t until; /* lines from there on do not count */
	export_each_fn fn; /* of export_each */
	void *ctx;
};

static bool
ends_something(const struct export_line *l)
{
	return l->kind == EXPORT_SNAPSHOT ||
	    (l->kind == EXPORT_FILE && id_zero(&l->snapshot));
}

/* Lists begin and end on lines of their own. */
static bool
is_frame(const struct reading *r, struct bytes line)
{
	return !r->partial && (line.n == 0 || line.p[0] != '{');
}

/* How far is what was done whole? */
static int
find_end(void *ctx, struct bytes line, uint64_t at, struct err *e)
{
	struct reading *r = ctx;
	OWN(export_line_free) struct export_line l = { 0 };
	struct err ignored;

	(void)e;
	if (r->first ||
	    (export_line_parse(line, &l, &ignored) == 0 && ends_something(&l)))
		r->until = at + line.n + 1;
	r->first = false;
	return 0;
}

static int
take_head(struct export *x, struct bytes line, struct err *e)
{
	struct export_head head;

	if (export_head_parse(line, &head, e) < 0)
		return -1;
	if (!id_equal(&head.uid, &x->from.uid)) {
		(void)err_set(e, ERR_CONFLICT,
		    "%s has the export of another account", x->dir);
		return err_remedy(e, "Name another folder.");
	}
	x->begun_ms = head.begun_ms;
	return 0;
}

static struct bytes
bare(struct bytes line)
{
	return line.p[line.n - 1] == ',' ? bytes_of(line.p, line.n - 1) : line;
}

static int
take_line(void *ctx, struct bytes line, uint64_t at, struct err *e)
{
	struct reading *r = ctx;
	OWN(export_line_free) struct export_line l = { 0 };
	bool first = r->first;

	r->first = false;
	if (first)
		return take_head(r->x, line, e);
	if (at >= r->until || is_frame(r, line))
		return 0;
	if (export_line_parse(line, &l, e) < 0)
		return -1;
	if (l.drive) {
		take_kept(r->x, &l, at);
		return 0;
	}
	if (id_zero(&l.snapshot)) {
		if (l.kind == EXPORT_FILE)
			take_record(r->x, &l, bare(line));
		if (l.kind == EXPORT_LACKS) {
			buf_put_bytes(&r->x->lacked, bare(line));
			buf_put_u8(&r->x->lacked, '\n');
		}
		return 0;
	}
	struct export_unit *u = export_unit(r->x, &l.snapshot);
	if (l.kind == EXPORT_AGAIN) {
		u->from = at;
		u->done = false;
	} else if (l.kind == EXPORT_SNAPSHOT) {
		u->done = true;
		u->errors = l.errors;
		buf_clear(&u->folder);
		buf_put_bytes(&u->folder, buf_bytes(&l.path));
		buf_clear(&u->line);
		buf_put_bytes(&u->line, bare(line));
	}
	return 0;
}

static int
from_start(int fd, export_line_fn fn, struct reading *r, struct err *e)
{
	r->first = true;
	if (lseek(fd, 0, SEEK_SET) < 0)
		return err_sys(e, "reading the manifest");
	return export_lines(fd, fn, r, e);
}

static int
not_ours(const struct export *x, const char *name, struct err *e)
{
	if (e->code != ERR_RECORD_CORRUPT)
		return -1;
	(void)err_set(e, ERR_CONFLICT, "%s/%s is not as this program writes it",
	    x->dir, name);
	return err_remedy(e,
	    "Move it away and run this again: what is there and whole is not "
	    "copied again.");
}

/* there  false: it was cut off in its first line, and says nothing. */
static int
load_partial(struct export *x, const char *path, bool *there, struct err *e)
{
	struct reading r = { .x = x, .partial = true };
	/* A medium that is read-only can be looked at. */
	int flags = access(path, W_OK) == 0 ? O_RDWR : O_RDONLY;

	x->goes_on = true;
	if (export_open_file(x, EXPORT_PARTIAL, flags, &x->journal, e) < 0)
		return -1;
	if (from_start(x->journal, find_end, &r, e) < 0 ||
	    (r.until > 0 && from_start(x->journal, take_line, &r, e) < 0))
		return not_ours(x, EXPORT_PARTIAL, e);
	x->end = r.until;
	*there = x->end > 0;
	if (!*there)
		fd_close(&x->journal);
	return 0;
}

int
export_load(struct export *x, struct err *e)
{
	OWN(mem_free) char *partial = export_path(x, EXPORT_PARTIAL);
	OWN(mem_free) char *whole = export_path(x, EXPORT_MANIFEST);
	OWN(fd_close) int fd = -1;
	struct reading r = { .x = x, .until = UINT64_MAX };

	bool there = false;

	x->finished = file_exists(whole);
	if (file_exists(partial) && load_partial(x, partial, &there, e) < 0)
		return -1;
	if (there || !x->finished)
		return 0;
	if (export_open_file(x, EXPORT_MANIFEST, O_RDONLY, &fd, e) < 0)
		return -1;
	return from_start(fd, take_line, &r, e) < 0
	    ? not_ours(x, EXPORT_MANIFEST, e)
	    : 0;
}

/* ---- what counts of it ---- */

static int
each_line(void *ctx, struct bytes line, uint64_t at, struct err *e)
{
	struct reading *r = ctx;
	OWN(export_line_free) struct export_line l = { 0 };
	bool first = r->first;

	r->first = false;
	if (first || at >= r->until || is_frame(r, line))
		return 0;
	if (export_line_parse(line, &l, e) < 0)
		return -1;
	if (l.drive) {
		const struct export_kept *k =
		    export_find_kept(r->x, buf_bytes(&l.path));
		return k != NULL && k->at == at && !k->dropped
		    ? r->fn(r->ctx, &l, bare(line), e)
		    : 0;
	}
	if (id_zero(&l.snapshot) ||
	    (l.kind != EXPORT_FILE && l.kind != EXPORT_LACKS))
		return 0;
	const struct export_unit *u = export_unit(r->x, &l.snapshot);
	return u->done && at >= u->from ? r->fn(r->ctx, &l, bare(line), e) : 0;
}

int
export_each(struct export *x, export_each_fn fn, void *ctx, struct err *e)
{
	struct reading r = { .x = x,
		.partial = x->journal >= 0,
		.until = x->journal >= 0 ? x->end : UINT64_MAX,
		.fn = fn,
		.ctx = ctx };
	OWN(fd_close) int fd = -1;

	if (r.partial)
		return from_start(x->journal, each_line, &r, e);
	if (!x->finished)
		return 0;
	return export_open_file(x, EXPORT_MANIFEST, O_RDONLY, &fd, e) < 0
	    ? -1
	    : from_start(fd, each_line, &r, e);
}

/* ---- writing ---- */

/* Others of this machine have no business here; nor can all disks say so. */
static void
close_folder(struct export *x)
{
	struct stat st;

	if (fstat(x->fd, &st) == 0 && (st.st_mode & 077) != 0)
		(void)!fchmod(x->fd, 0700);
}

static void
probe(struct export *x)
{
	const struct timespec t[2] = { { .tv_nsec = PROBE_NS },
		{ .tv_sec = 1000000001, .tv_nsec = PROBE_NS } };
	OWN(fd_close) int fd = -1;
	struct err ignored;
	struct stat st;

	x->coarse = file_unnamed(x->fd, &fd, &ignored) == 0 &&
	    futimens(fd, t) == 0 && fstat(fd, &st) == 0 &&
	    (st.st_mtim.tv_sec != t[1].tv_sec ||
		st.st_mtim.tv_nsec != PROBE_NS);
}

/* A line of manifest.json, into the journal that goes on from it. */
static int
copy_line(
    void *ctx, const struct export_line *l, struct bytes line, struct err *e)
{
	struct export *x = ctx;
	OWN(buf_free) struct buf b = { 0 };

	/* Of a path there is one in a manifest. */
	if (l->drive)
		export_find_kept(x, buf_bytes(&l->path))->at = x->end;
	buf_put_bytes(&b, line);
	buf_put_u8(&b, '\n');
	x->end += b.n;
	return file_write_all(x->journal, buf_bytes(&b), e);
}

/* Those that end something come last: what is above is whole then. */
static void
put_ends(const struct export *x, struct buf *b)
{
	for (size_t i = 0; i < x->n_units; i++)
		if (x->units[i].done) {
			buf_put_bytes(b, buf_bytes(&x->units[i].line));
			buf_put_u8(b, '\n');
		}
	for (size_t i = 0; i < x->n_records; i++) {
		buf_put_bytes(b, buf_bytes(&x->records[i].line));
		buf_put_u8(b, '\n');
	}
}

static int
fill_journal(struct export *x, int fd, struct err *e)
{
	OWN(buf_free) struct buf b = { 0 };
	OWN(fd_close) int old = -1;
	struct reading r = {
		.x = x, .until = UINT64_MAX, .fn = copy_line, .ctx = x
	};

	export_put_head(&b, x, 0);
	if (file_write_all(fd, buf_bytes(&b), e) < 0)
		return -1;
	x->end = b.n;
	x->journal = fd;
	if (x->finished &&
	    (export_open_file(x, EXPORT_MANIFEST, O_RDONLY, &old, e) < 0 ||
		from_start(old, each_line, &r, e) < 0))
		return -1;
	buf_clear(&b);
	put_ends(x, &b);
	return export_append(x, buf_bytes(&b), true, e);
}

static int
make_journal(struct export *x, struct err *e)
{
	OWN(mem_free) char *now = export_path(x, PARTIAL_NEW);
	OWN(mem_free) char *path = export_path(x, EXPORT_PARTIAL);
	int fd = -1;

	(void)unlink(now);
	if (export_open_file(
		x, PARTIAL_NEW, O_RDWR | O_CREAT | O_EXCL, &fd, e) < 0)
		return -1;
	if (fill_journal(x, fd, e) < 0)
		return err_in(e, "%s", path);
	return rename(now, path) < 0 ? err_sys(e, "%s", path)
				     : file_sync_dir(x->dir, e);
}

int
export_begin(struct export *x, struct err *e)
{
	if (x->begun)
		return 0;
	close_folder(x);
	probe(x);
	if (x->journal < 0) {
		if (make_journal(x, e) < 0)
			return -1;
	} else if (ftruncate(x->journal, (off_t)x->end) < 0 ||
	    lseek(x->journal, (off_t)x->end, SEEK_SET) < 0) {
		return err_sys(e, "%s/%s", x->dir, EXPORT_PARTIAL);
	}
	x->begun = true;
	return 0;
}

int
export_append(struct export *x, struct bytes lines, bool sync, struct err *e)
{
	if (lseek(x->journal, (off_t)x->end, SEEK_SET) < 0 ||
	    file_write_all(x->journal, lines, e) < 0 ||
	    (sync && fsync(x->journal) < 0 && err_sys(e, "fsync") < 0))
		return err_in(e, "%s/%s", x->dir, EXPORT_PARTIAL);
	x->end += lines.n;
	return 0;
}
