/* SPDX-License-Identifier: ISC */
/* put.c: files and folders of this machine, read and stored in the Drive. */
#include "drive/put_in.h"

#include "base/file.h"
#include "base/text.h"
#include "drive/ignore.h"
#include "files/secretfile.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BATCH_ITEMS 300 /* read, then committed */
#define BATCH_BYTES (64 * 1024 * 1024)

static void
item_free(struct put_item *x)
{
	buf_free(&x->name);
	buf_free(&x->local);
	buf_free(&x->target);
	content_in_taken_free(&x->taken);
	free(x);
}

static void
forget_items(struct put *p)
{
	for (size_t i = 0; i < p->n; i++)
		item_free(p->items[i]);
	p->n = 0;
	p->bytes = 0;
}

static void
put_free(struct put *p)
{
	if (p->n > 0 && p->d->in != NULL)
		content_in_drop(p->d->in);
	forget_items(p);
	free(p->items);
	while (p->dirs != NULL) {
		struct put_dir *next = p->dirs->next;
		buf_free(&p->dirs->name);
		free(p->dirs);
		p->dirs = next;
	}
	buf_free(&p->to);
}

/* ---- reading ---- */

static int
read_at(void *ctx, uint64_t at, void *to, size_t n, size_t *got, struct err *e)
{
	return file_pread_full(*(int *)ctx, to, n, at, got, e);
}

static int
data_at(void *ctx, uint64_t at, uint64_t *data, uint64_t *hole, struct err *e)
{
	int fd = *(int *)ctx;
	off_t end = lseek(fd, 0, SEEK_END);
	off_t from = lseek(fd, (off_t)at, SEEK_DATA);

	if (end < 0)
		return err_sys(e, "lseek");
	if (from < 0 && errno != ENXIO)
		from = (off_t)at; /* it knows of no holes */
	off_t to = from < 0 ? end : lseek(fd, from, SEEK_HOLE);
	*data = (uint64_t)(from < 0 ? end : from);
	*hole = (uint64_t)(to < 0 ? end : to);
	return 0;
}

/* Where it will be. */
static void
path_of(const struct put *p, const struct put_dir *dir, struct bytes name,
    struct buf *out)
{
	if (dir == NULL)
		buf_put_bytes(out, buf_bytes(&p->to));
	else
		path_of(p, dir->up, buf_bytes(&dir->name), out);
	buf_put_u8(out, '/');
	buf_put_bytes(out, name);
}

/* By the path that it has here, or gets there. */
static bool
is_secret(const struct put *p, const struct put_item *x)
{
	OWN(buf_free) struct buf there = { 0 };

	path_of(p, x->dir, buf_bytes(&x->name), &there);
	return secretfile_by_path(buf_bytes(&x->local), NULL) ||
	    secretfile_by_path(buf_bytes(&there), NULL);
}

static bool
same_file(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_size == b->st_size &&
	    a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	    a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
	    a->st_ctim.tv_sec == b->st_ctim.tv_sec &&
	    a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

static int
read_item(struct put *p, struct put_item *x, struct err *e)
{
	OWN(fd_close) int fd = -1;
	struct stat after;

	if (x->is_dir || S_ISLNK(x->st.st_mode))
		return 0;
	fd = open(buf_text(&x->local), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &x->st) < 0)
		return err_sys(e, "cannot be read");
	if (!S_ISREG(x->st.st_mode))
		return err_set(e, ERR_CONFLICT, "it is no file any more");
	const struct content_in_file f = { .secret = is_secret(p, x),
		.size = (uint64_t)x->st.st_size,
		.read = read_at,
		.data = data_at,
		.ctx = &fd };
	if (content_in_take(p->d->in, &f, &x->taken, e) < 0)
		return -1;
	if (fstat(fd, &after) < 0)
		return err_sys(e, "cannot be read");
	if (!same_file(&x->st, &after) || x->taken.size != f.size)
		return err_set(
		    e, ERR_FILE_CHANGING, "it changed while it was read");
	return 0;
}

static void
fails(struct put *p, struct bytes path, const struct err *why)
{
	p->result->failed++;
	if (p->ask->warn != NULL)
		p->ask->warn(p->ask->ctx, path, why);
}

/* ---- a batch ---- */

static int
begin(struct put *p, struct err *e)
{
	return p->d->in != NULL ? 0 : content_in_new(p->d->repo, &p->d->in, e);
}

static void
count(struct put *p)
{
	for (size_t i = 0; i < p->n; i++) {
		struct put_item *x = p->items[i];
		if (!x->planned)
			continue;
		x->planned = false;
		x->done = true;
		if (x->is_dir) {
			p->result->dirs++;
			continue;
		}
		if (x->same) {
			p->result->same++;
			continue;
		}
		p->result->files++;
		p->result->bytes += x->taken.size;
	}
	p->result->stored_bytes = content_in_stored(p->d->in);
	if (p->ask->progress != NULL)
		p->ask->progress(
		    p->ask->ctx, p->result->files, p->result->bytes);
}

static bool
left(const struct put *p)
{
	for (size_t i = 0; i < p->n; i++)
		if (!p->items[i]->done && !p->items[i]->failed)
			return true;
	return false;
}

static int
end_batch(struct put *p, struct err *e)
{
	if (content_in_flush(p->d->in, e) < 0)
		return -1;
	while (left(p)) {
		if (edit_commit(p->d, put_plan, p, e) < 0)
			return -1;
		count(p);
	}
	forget_items(p);
	return 0;
}

/* errors: what stops it all. */
static int
add_item(struct put *p, struct put_item *x, struct err *e)
{
	struct err why;

	if (edit_go_on(p->d, e) < 0) {
		item_free(x);
		return -1;
	}
	p->items[p->n++] = x;
	if (read_item(p, x, &why) < 0) {
		x->failed = true;
		if (why.code != ERR_NOT_FOUND && why.code != ERR_IO &&
		    why.code != ERR_CONFLICT && why.code != ERR_TOO_LARGE &&
		    why.code != ERR_FILE_CHANGING) {
			*e = why;
			return -1;
		}
		fails(p, buf_bytes(&x->local), &why);
	}
	p->bytes += x->taken.size;
	return p->n < BATCH_ITEMS && p->bytes < BATCH_BYTES ? 0
							    : end_batch(p, e);
}

/* ---- walking ---- */

static struct put_item *
new_item(struct put_dir *dir, struct bytes name, const char *local,
    const struct stat *st)
{
	struct put_item *x = mem_new(sizeof *x);

	x->dir = dir;
	x->st = *st;
	buf_put_bytes(&x->name, name);
	buf_put_str(&x->local, local);
	return x;
}

static int
add_link(struct put *p, struct put_item *x, struct err *e)
{
	char target[NODE_TARGET_MAX + 1];
	ssize_t n = readlink(buf_text(&x->local), target, sizeof target);
	struct err why;

	if (n > 0 && n <= NODE_TARGET_MAX) {
		buf_put(&x->target, target, (size_t)n);
		return add_item(p, x, e);
	}
	(void)err_set(&why, ERR_IO, "the link cannot be read");
	fails(p, buf_bytes(&x->local), &why);
	item_free(x);
	return 0;
}

static int add_folder(struct put *p, struct put_dir *up, struct bytes name,
    const char *local, const struct stat *st, struct err *e);

static int
add_any(struct put *p, struct put_dir *dir, struct bytes name,
    const char *local, const struct stat *st, struct err *e)
{
	struct err why;

	if (S_ISDIR(st->st_mode))
		return add_folder(p, dir, name, local, st, e);
	if (S_ISLNK(st->st_mode))
		return add_link(p, new_item(dir, name, local, st), e);
	if (S_ISREG(st->st_mode))
		return add_item(p, new_item(dir, name, local, st), e);
	(void)err_set(&why, ERR_IO,
	    "it is no file, folder or link, and cannot be stored");
	fails(p, bytes_str(local), &why);
	return 0;
}

static int
add_entry(struct put *p, struct put_dir *dir, const char *folder,
    const char *name, struct err *e)
{
	OWN(mem_free) char *path = file_join(folder, name);
	struct stat st;
	struct err why;

	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
	    ignore_own(bytes_str(name)))
		return 0;
	if (lstat(path, &st) < 0) {
		(void)err_sys(&why, "cannot be read");
		fails(p, bytes_str(path), &why);
		return 0;
	}
	return add_any(p, dir, bytes_str(name), path, &st, e);
}

static void
close_dir(DIR **d)
{
	if (*d != NULL)
		(void)closedir(*d);
}

static int
add_folder(struct put *p, struct put_dir *up, struct bytes name,
    const char *local, const struct stat *st, struct err *e)
{
	OWN(close_dir) DIR *folder = opendir(local);
	struct put_dir *dir = mem_new(sizeof *dir);
	struct dirent *x;
	struct err why;

	dir->up = up;
	dir->st = *st;
	buf_put_bytes(&dir->name, name);
	dir->next = p->dirs;
	p->dirs = dir;
	struct put_item *itself = new_item(dir, name, local, st);
	itself->is_dir = true;
	if (add_item(p, itself, e) < 0)
		return -1;
	if (folder == NULL) {
		(void)err_sys(&why, "cannot be read");
		fails(p, bytes_str(local), &why);
		return 0;
	}
	while (errno = 0, (x = readdir(folder)) != NULL)
		if (add_entry(p, dir, local, x->d_name, e) < 0)
			return -1;
	if (errno != 0) {
		(void)err_sys(&why, "not listed to its end");
		fails(p, bytes_str(local), &why);
	}
	return 0;
}

/* ---- */

/* All must be there before anything is stored. */
static int
look_at_all(const struct put_ask *ask, struct stat *st, struct err *e)
{
	for (size_t i = 0; i < ask->n; i++) {
		OWN(buf_free) struct buf shown = { 0 };
		text_show(&shown, bytes_str(ask->files[i]));
		if (stat(ask->files[i], &st[i]) < 0)
			return err_sys(e, "%s", buf_text(&shown));
	}
	return 0;
}

int
put_run(struct edit *d, const struct put_ask *ask, struct put_result *out,
    struct err *e)
{
	OWN(put_free) struct put p = { .d = d, .ask = ask, .result = out };
	OWN(buf_free) struct buf name = { 0 };
	OWN(mem_free) struct stat *st = mem_array(ask->n, sizeof *st);

	*out = (struct put_result){ 0 };
	p.items = mem_array(BATCH_ITEMS, sizeof(*p.items));
	if (look_at_all(ask, st, e) < 0 || put_where(&p, &name, e) < 0 ||
	    begin(&p, e) < 0)
		return -1;
	for (size_t i = 0; i < ask->n; i++) {
		struct bytes as = name.n > 0 ? buf_bytes(&name)
					     : put_base_name(ask->files[i]);
		if (add_any(&p, NULL, as, ask->files[i], &st[i], e) < 0)
			return -1;
	}
	if (end_batch(&p, e) < 0)
		return -1;
	return repo_save(d->repo, e);
}
