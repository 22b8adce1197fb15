/* SPDX-License-Identifier: ISC */
/* export_end.c: the manifest and the sums. */
#include "export/export_in.h"

#include "base/file.h"
#include "base/text.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define WAITS (256 * 1024) /* bytes that are written at once */
#define MANIFEST_NEW EXPORT_MANIFEST ".new"
#define SUMS_NEW EXPORT_SUMS ".new"

/* ---- files of many lines ---- */

struct writing {
	int fd;
	struct buf waits;
	struct digest_state *sum;
	bool first; /* of a list */
	const struct export *x;
	bool missing; /* it is the list of what is missing */
};

#define WRITING \
	{ \
		.fd = -1, .sum = digest_new() \
	}

static void
writing_free(struct writing *w)
{
	fd_close(&w->fd);
	buf_free(&w->waits);
	digest_free(&w->sum);
}

static int
flush(struct writing *w, struct err *e)
{
	digest_add(w->sum, buf_bytes(&w->waits));
	if (file_write_all(w->fd, buf_bytes(&w->waits), e) < 0)
		return err_in(e, "writing the manifest");
	buf_clear(&w->waits);
	return 0;
}

static int
flush_some(struct writing *w, struct err *e)
{
	return w->waits.n < WAITS ? 0 : flush(w, e);
}

static int
done(struct writing *w, struct digest *sum, struct err *e)
{
	if (flush(w, e) < 0)
		return -1;
	digest_end(w->sum, sum);
	return fsync(w->fd) < 0 ? err_sys(e, "writing the manifest") : 0;
}

static int
begin(struct export *x, const char *name, struct writing *w, struct err *e)
{
	OWN(mem_free) char *path = export_path(x, name);

	(void)unlink(path);
	return export_open_file(
	    x, name, O_WRONLY | O_CREAT | O_EXCL, &w->fd, e);
}

/* ---- the manifest ---- */

static int
put_item(struct writing *w, struct bytes line, struct err *e)
{
	buf_put_str(&w->waits, w->first ? "\n" : ",\n");
	buf_put_bytes(&w->waits, line);
	w->first = false;
	return flush_some(w, e);
}

static void
begin_list(struct writing *w, const char *name)
{
	buf_printf(&w->waits, "\"%s\": [", name);
	w->first = true;
}

/* Only a run that saw all of the Drive knows what is not in it any more. */
static int
put_drive(struct writing *w, const struct export_line *l, struct bytes line,
    struct err *e)
{
	OWN(buf_free) struct buf now = { 0 };
	OWN(jsonio_free) json_t *j = NULL;

	if (l->former || !export_find_kept(w->x, buf_bytes(&l->path))->former)
		return put_item(w, line, e);
	if (jsonio_parse(line, &j, e) < 0)
		return -1;
	jsonio_put_true(j, "former", true);
	jsonio_put(&now, j);
	return put_item(w, buf_bytes(&now), e);
}

static int
put_line(
    void *ctx, const struct export_line *l, struct bytes line, struct err *e)
{
	struct writing *w = ctx;

	if ((l->kind == EXPORT_LACKS) != w->missing)
		return 0;
	return l->drive ? put_drive(w, l, line, e) : put_item(w, line, e);
}

static int
put_files(struct export *x, struct writing *w, struct err *e)
{
	begin_list(w, "files");
	for (size_t i = 0; i < x->n_records; i++)
		if (put_item(w, buf_bytes(&x->records[i].line), e) < 0)
			return -1;
	if (export_each(x, put_line, w, e) < 0)
		return -1;
	buf_put_str(&w->waits, "\n],\n");
	return 0;
}

static int
put_missing(struct export *x, struct writing *w, struct err *e)
{
	size_t i;
	json_t *v;

	begin_list(w, "not_exported");
	json_array_foreach(x->lacks, i, v)
	{
		OWN(buf_free) struct buf line = { 0 };
		jsonio_put(&line, v);
		if (put_item(w, buf_bytes(&line), e) < 0)
			return -1;
	}
	w->missing = true;
	if (export_each(x, put_line, w, e) < 0)
		return -1;
	buf_put_str(&w->waits, "\n],\n");
	return 0;
}

static int
put_units(const struct export *x, struct writing *w, struct err *e)
{
	begin_list(w, "snapshots");
	for (size_t i = 0; i < x->n_units; i++)
		if (x->units[i].done &&
		    put_item(w, buf_bytes(&x->units[i].line), e) < 0)
			return -1;
	buf_put_str(&w->waits, "\n]\n}\n");
	return 0;
}

static int
write_manifest(struct export *x, struct digest *sum, struct err *e)
{
	OWN(writing_free) struct writing w = WRITING;

	w.x = x;
	if (begin(x, MANIFEST_NEW, &w, e) < 0)
		return -1;
	export_put_head(&w.waits, x, x->from.now_ms);
	w.waits.n -= 2; /* "}\n": the lists follow */
	buf_put_str(&w.waits, ",\n");
	return put_files(x, &w, e) < 0 || put_missing(x, &w, e) < 0 ||
		put_units(x, &w, e) < 0
	    ? -1
	    : done(&w, sum, e);
}

/* ---- the sums ---- */

/* As sha256sum writes it: a name that would break the line is escaped. */
static void
put_sum(struct buf *out, const struct digest *sum, struct bytes path)
{
	bool odd = false;

	for (size_t i = 0; i < path.n; i++)
		odd = odd || path.p[i] == '\n' || path.p[i] == '\r' ||
		    path.p[i] == '\\';
	if (odd)
		buf_put_u8(out, '\\');
	text_hex(out, bytes_of(sum->b, DIGEST_BYTES));
	buf_put_str(out, "  ");
	for (size_t i = 0; i < path.n; i++) {
		uint8_t c = path.p[i];
		if (c == '\n' || c == '\r' || c == '\\')
			buf_put_u8(out, '\\');
		buf_put_u8(out, c == '\n' ? 'n' : c == '\r' ? 'r' : c);
	}
	buf_put_u8(out, '\n');
}

static int
put_sum_line(
    void *ctx, const struct export_line *l, struct bytes line, struct err *e)
{
	struct writing *w = ctx;

	(void)line;
	if (l->kind != EXPORT_FILE || !l->regular || !l->summed)
		return 0;
	put_sum(&w->waits, &l->sha, buf_bytes(&l->path));
	return flush_some(w, e);
}

static int
write_sums(struct export *x, const struct digest *manifest, struct err *e)
{
	OWN(writing_free) struct writing w = WRITING;
	struct digest ignored;

	if (begin(x, SUMS_NEW, &w, e) < 0)
		return -1;
	put_sum(&w.waits, manifest, bytes_str(EXPORT_MANIFEST));
	for (size_t i = 0; i < x->n_records; i++)
		put_sum(&w.waits, &x->records[i].sha,
		    bytes_str(x->records[i].path));
	return export_each(x, put_sum_line, &w, e) < 0 ? -1
						       : done(&w, &ignored, e);
}

static int
put_in_place(
    const struct export *x, const char *from, const char *to, struct err *e)
{
	OWN(mem_free) char *old = export_path(x, from);
	OWN(mem_free) char *new = export_path(x, to);

	return rename(old, new) < 0 ? err_sys(e, "%s", new) : 0;
}

/* Of snapshots that were not asked for now. */
static void
say_gone(struct export *x)
{
	for (size_t i = 0; i < x->n_units; i++) {
		const struct export_unit *u = &x->units[i];
		struct err why = { 0 };
		if (!u->done || u->gone == 0)
			continue;
		(void)err_set(&why, ERR_NOT_FOUND,
		    "%llu files of it are not there any more; to have them "
		    "back: --snapshot %s",
		    (unsigned long long)u->gone, id_short(&u->id).s);
		x->counts.errors++;
		x->warn(x->ctx, buf_bytes(&u->folder), &why);
	}
}

/* Is what is missing the same as before? */
static bool
lacks_the_same(const struct export *x)
{
	OWN(buf_free) struct buf lines = { 0 };
	size_t i;
	json_t *v;

	json_array_foreach(x->lacks, i, v)
	{
		jsonio_put(&lines, v);
		buf_put_u8(&lines, '\n');
	}
	return bytes_equal(buf_bytes(&lines), buf_bytes(&x->lacked));
}

int
export_end(struct export *x, bool *fresh, struct err *e)
{
	OWN(mem_free) char *partial = export_path(x, EXPORT_PARTIAL);
	struct digest sum;

	*fresh = x->begun || x->goes_on || !x->finished || !lacks_the_same(x);
	say_gone(x);
	if (export_say_drive(x, e) < 0)
		return -1;
	if (!*fresh)
		return 0;
	if (export_begin(x, e) < 0 || write_manifest(x, &sum, e) < 0 ||
	    write_sums(x, &sum, e) < 0 ||
	    put_in_place(x, SUMS_NEW, EXPORT_SUMS, e) < 0 ||
	    /* From here on it is whole. */
	    put_in_place(x, MANIFEST_NEW, EXPORT_MANIFEST, e) < 0 ||
	    file_sync_dir(x->dir, e) < 0)
		return -1;
	(void)unlink(partial);
	return file_sync_dir(x->dir, e);
}
