/* SPDX-License-Identifier: ISC */
/* export_record.c: files that are of no snapshot. */
#include "export/export_in.h"

#include "base/file.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define NEW ".new" /* what it is called until it is whole */
#define RECORD_MAX ((size_t)1 << 30) /* bytes of one that is there */

void
export_lacks(struct export *x, struct bytes path, const struct err *why)
{
	(void)json_array_append_new(
	    x->lacks, export_lacks_json(path, why, NULL));
	x->counts.errors++;
	x->warn(x->ctx, path, why);
}

/* Is what is there somebody's own? Nothing there is nobody's. */
static int
whose(const struct export *x, const char *path, const struct digest *wanted,
    bool *same, bool *foreign, struct err *e)
{
	OWN(mem_free) char *whole = export_path(x, path);
	OWN(buf_free) struct buf there = { 0 };
	const struct export_record *r = export_find_record(x, path);
	struct digest sha;

	*same = *foreign = false;
	if (!file_exists(whole))
		return 0;
	if (file_read_regular(whole, RECORD_MAX, &there, e) < 0) {
		if (e->code != ERR_STATE_DAMAGED)
			return -1;
		e->code = ERR_CONFLICT;
		return err_remedy(e, "Move it away: an export has none there.");
	}
	digest_of(buf_bytes(&there), &sha);
	*same = digest_equal(&sha, wanted);
	*foreign = !*same && r != NULL && !digest_equal(&sha, &r->sha) &&
	    !digest_equal(&sha, &r->was);
	return 0;
}

/* Its line first: then either what is there is of a line, or it is not ours. */
static int
note(struct export *x, const char *path, struct bytes content,
    const char *source, struct err *e)
{
	struct export_record *r = export_find_record(x, path);
	OWN(buf_free) struct buf line = { 0 };
	struct digest sha;
	/* Nobody asks for its time. */
	const struct stat st = { .st_mode = S_IFREG | 0600,
		.st_size = (off_t)content.n,
		.st_mtim = { (time_t)(x->from.now_ms / 1000), 0 } };

	digest_of(content, &sha);
	const struct export_file f = { .path = bytes_str(path),
		.st = &st,
		.sha = &sha,
		.source = bytes_str(source) };
	export_put_file(&line, &f);
	if (export_append(x, buf_bytes(&line), true, e) < 0)
		return -1;
	if (r == NULL)
		r = export_new_record(x, path);
	r->was = r->sha;
	r->sha = sha;
	buf_clear(&r->line);
	buf_put(&r->line, line.p, line.n - 1);
	return 0;
}

/* What a run that was killed here has left goes. */
static void
sweep(const struct export *x, const char *path)
{
	OWN(mem_free) char *whole = export_path(x, path);
	OWN(buf_free) struct buf new = { 0 };

	buf_printf(&new, "%s" NEW, whole);
	(void)unlink(buf_text(&new));
}

static int
replace(const struct export *x, const char *path, struct bytes content,
    struct err *e)
{
	OWN(mem_free) char *whole = export_path(x, path);
	OWN(mem_free) char *above = file_above(whole);
	OWN(buf_free) struct buf name = { 0 };
	OWN(buf_free) struct buf new = { 0 };
	OWN(fd_close) int fd = -1;

	buf_printf(&name, "%s" NEW, path);
	buf_printf(&new, "%s" NEW, whole);
	if (export_open_file(
		x, buf_text(&name), O_WRONLY | O_CREAT | O_EXCL, &fd, e) < 0 ||
	    file_write_all(fd, content, e) < 0)
		return err_in(e, "%s", whole);
	if (fsync(fd) < 0 || rename(buf_text(&new), whole) < 0)
		return err_sys(e, "%s", whole);
	return file_sync_dir(above, e);
}

int
export_put_record(struct export *x, const char *path, struct bytes content,
    const char *source, struct err *e)
{
	OWN(mem_free) char *whole = export_path(x, path);
	OWN(mem_free) char *above = file_above(whole);
	const struct export_record *r = export_find_record(x, path);
	struct digest sha;
	bool same, foreign;
	struct err why = { 0 };

	digest_of(content, &sha);
	if (export_no_link(x, path, e) < 0)
		return -1;
	sweep(x, path);
	if (whose(x, path, &sha, &same, &foreign, e) < 0)
		return -1;
	if (foreign) {
		(void)err_set(&why, ERR_CONFLICT,
		    "it was changed since it was exported, and stays as it is");
		x->counts.errors++;
		x->warn(x->ctx, bytes_str(path), &why);
		return 0;
	}
	if (same && r != NULL && digest_equal(&r->sha, &sha))
		return 0;
	if (export_begin(x, e) < 0 || note(x, path, content, source, e) < 0)
		return -1;
	if (same)
		return 0;
	return file_mkdirs(above, 0700, e) < 0 ? -1
					       : replace(x, path, content, e);
}

int
export_record(struct export *x, const char *name, struct bytes content,
    const char *source, struct err *e)
{
	OWN(mem_free) char *path = file_join("account", name);

	return export_put_record(x, path, content, source, e);
}
