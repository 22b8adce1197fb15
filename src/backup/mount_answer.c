/* SPDX-License-Identifier: ISC */
/* mount_answer.c: what the kernel asks, answered from trees and chunks. */
#define FUSE_USE_VERSION 31
#include "backup/mount_in.h"

#include "wire/digest.h"

#include <errno.h>
#include <fcntl.h>
#include <fuse3/fuse.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>

#define VALID_S 3600.0 /* what is in a snapshot never changes */

static struct mount *
mounted(void)
{
	return fuse_get_context()->private_data;
}

static int
failed(const char *path, const struct err *why)
{
	const struct mount_options *o = mounted()->o;

	if (why->code == ERR_NOT_FOUND)
		return -ENOENT;
	if (o->warn != NULL)
		o->warn(o->ctx, path, why);
	return why->code == ERR_CATEGORY_CLOSED ? -EACCES : -EIO;
}

/* ---- properties ---- */

static mode_t
kind_bits(enum entry_type type)
{
	static const mode_t bits[] = { 0, S_IFREG, S_IFDIR, S_IFLNK, S_IFIFO,
		S_IFSOCK, S_IFCHR, S_IFBLK };

	return (size_t)type < ARRAY_SIZE(bits) ? bits[type] : S_IFREG;
}

/* All names of one file have one number, here as where it was backed up. */
static ino_t
inode(
    const struct mount *m, size_t snap, struct bytes dir, const struct entry *x)
{
	OWN(buf_free) struct buf text = { 0 };
	struct digest hash;

	id_put(&text, &m->snaps[snap]->snapshot.id);
	if (x != NULL && x->nlink > 1) {
		uint8_t same[TREE_IDENTITY];
		tree_identity(x, same);
		buf_put_u8(&text, 1);
		buf_put(&text, same, sizeof same);
		buf_put_bytes(&text, x->content);
	} else if (x != NULL) {
		buf_put_u8(&text, 0);
		buf_put_bytes(&text, dir);
		buf_put_u8(&text, '/');
		buf_put_bytes(&text, x->name);
	}
	digest_of(buf_bytes(&text), &hash);
	return (ino_t)(be64(hash.b) | 2); /* not 0, not the root's 1 */
}

static void
entry_stat(const struct mount *m, size_t snap, struct bytes dir,
    const struct entry *x, struct stat *st)
{
	*st = (struct stat){
		.st_ino = inode(m, snap, dir, x),
		.st_mode = kind_bits(x->type) | (mode_t)x->mode,
		.st_nlink = x->nlink > 0 ? x->nlink : 1,
		.st_uid = x->uid,
		.st_gid = x->gid,
		.st_size =
		    (off_t)(x->type == ENTRY_SYMLINK ? x->target.n : x->size),
		.st_blksize = 131072,
		.st_blocks = (blkcnt_t)((extents_bytes(x) + 511) / 512),
		.st_rdev = makedev(x->rdev_major, x->rdev_minor),
		.st_mtim = { x->mtime_s, (long)x->mtime_ns },
		.st_atim = { x->mtime_s, (long)x->mtime_ns },
		.st_ctim = { x->ctime_s, (long)x->ctime_ns },
	};
}

/* Of what no snapshot holds: the root, `latest`, snapshots themselves. */
static void
made_stat(const struct mount *m, const struct mount_where *w, struct stat *st)
{
	size_t snap = w->place == PLACE_SNAPSHOT ? w->snap : m->latest;
	time_t t = m->n_snaps > 0
	    ? (time_t)(m->snaps[snap]->snapshot.time_ms / 1000)
	    : 0;

	*st = (struct stat){ .st_ino = 1,
		.st_mode = S_IFDIR | 0555,
		.st_nlink = 1,
		.st_uid = m->uid,
		.st_gid = m->gid,
		.st_mtim = { t, 0 },
		.st_atim = { t, 0 },
		.st_ctim = { t, 0 } };
	if (w->place == PLACE_SNAPSHOT)
		st->st_ino = inode(m, snap, bytes_str(""), NULL);
	if (w->place == PLACE_LATEST) {
		st->st_ino = 4;
		st->st_mode = S_IFLNK | 0777;
		st->st_size = (off_t)strlen(m->snaps[snap]->name);
	}
}

static void
where_stat(const struct mount *m, const struct mount_where *w, struct stat *st)
{
	struct bytes dir, name;

	if (w->place != PLACE_INSIDE) {
		made_stat(m, w, st);
		return;
	}
	tree_split(w->path, &dir, &name);
	entry_stat(m, w->snap, dir, &w->x, st);
}

/* ---- what the kernel asks ---- */

static void *
on_init(struct fuse_conn_info *conn, struct fuse_config *cfg)
{
	(void)conn;
	cfg->use_ino = 1;
	cfg->readdir_ino = 1;
	cfg->kernel_cache = 1;
	cfg->entry_timeout = VALID_S;
	cfg->attr_timeout = VALID_S;
	cfg->negative_timeout = 0; /* later snapshots come */
	return mounted();
}

static int
on_getattr(const char *path, struct stat *st, struct fuse_file_info *fi)
{
	struct mount *m = mounted();
	struct mount_where w;
	struct err e = { 0 };

	(void)fi;
	if (mount_look_up(m, path, &w, &e) < 0)
		return failed(path, &e);
	where_stat(m, &w, st);
	return 0;
}

static int
on_readlink(const char *path, char *out, size_t size)
{
	struct mount *m = mounted();
	struct mount_where w;
	struct err e = { 0 };

	if (mount_look_up(m, path, &w, &e) < 0)
		return failed(path, &e);
	struct bytes target = w.place == PLACE_LATEST
	    ? bytes_str(m->snaps[m->latest]->name)
	    : w.x.target;
	if (target.n == 0)
		return -EINVAL;
	size_t n = target.n < size ? target.n : size - 1;
	memcpy(out, target.p, n);
	out[n] = '\0';
	return 0;
}

static int
fill(fuse_fill_dir_t filler, void *to, struct bytes name, const struct stat *st)
{
	char text[ENTRY_NAME_MAX + 1];

	memcpy(text, name.p, name.n);
	text[name.n] = '\0';
	return filler(to, text, st, 0, 0) == 0 ? 0 : -ENOMEM;
}

static int
list_root(struct mount *m, fuse_fill_dir_t filler, void *to)
{
	struct mount_where w = { .place = PLACE_SNAPSHOT };
	struct stat st;

	mount_look_again(m);
	for (w.snap = 0; w.snap < m->n_snaps; w.snap++) {
		if (m->snaps[w.snap]->gone)
			continue;
		made_stat(m, &w, &st);
		if (fill(filler, to, bytes_str(m->snaps[w.snap]->name), &st) <
		    0)
			return -ENOMEM;
	}
	if (!mount_any_left(m))
		return 0;
	w.place = PLACE_LATEST;
	made_stat(m, &w, &st);
	return fill(filler, to, bytes_str("latest"), &st);
}

static int
list_dir(struct mount *m, const struct mount_where *w, fuse_fill_dir_t filler,
    void *to, struct err *e)
{
	const struct dirs_dir *d;

	/* What could not be read or was left out: the directory alone. */
	if (mount_dir(m, w->snap, w->path, &d, e) < 0)
		return e->code == ERR_NOT_FOUND ? 0 : -1;
	for (size_t i = 0; i < d->n; i++) {
		struct entry x;
		struct stat st;
		dirs_entry(d, i, &x);
		entry_stat(m, w->snap, w->path, &x, &st);
		if (fill(filler, to, x.name, &st) < 0)
			return err_set(e, ERR_IO, "the listing is too long");
	}
	return 0;
}

static int
on_readdir(const char *path, void *to, fuse_fill_dir_t filler, off_t at,
    struct fuse_file_info *fi, enum fuse_readdir_flags flags)
{
	struct mount *m = mounted();
	struct mount_where w;
	struct err e = { 0 };

	(void)at;
	(void)fi;
	(void)flags;
	if (mount_look_up(m, path, &w, &e) < 0)
		return failed(path, &e);
	if (w.place == PLACE_LATEST ||
	    (w.place == PLACE_INSIDE && w.x.type != ENTRY_DIRECTORY))
		return -ENOTDIR;
	if (fill(filler, to, bytes_str("."), NULL) < 0 ||
	    fill(filler, to, bytes_str(".."), NULL) < 0)
		return -ENOMEM;
	if (w.place == PLACE_ROOT)
		return list_root(m, filler, to);
	return list_dir(m, &w, filler, to, &e) < 0 ? failed(path, &e) : 0;
}

static int
on_open(const char *path, struct fuse_file_info *fi)
{
	OWN(mount_file_free) struct mount_file *o = mem_new(sizeof *o);
	struct mount *m = mounted();
	struct mount_where w;
	struct err e = { 0 };

	if ((fi->flags & O_ACCMODE) != O_RDONLY)
		return -EROFS;
	if (mount_look_up(m, path, &w, &e) < 0)
		return failed(path, &e);
	if (w.place != PLACE_INSIDE || w.x.type != ENTRY_REGULAR)
		return -EINVAL;
	entry_put(&o->raw, &w.x);
	if (mount_file_open(o, &e) < 0)
		return failed(path, &e);
	fi->fh = (uint64_t)(uintptr_t)TAKE(o);
	fi->keep_cache = 1;
	return 0;
}

static struct mount_file *
opened_of(const struct fuse_file_info *fi)
{
	/* The handle of FUSE is a number. */
	return (struct mount_file *)(uintptr_t)fi->fh;
}

static int
on_release(const char *path, struct fuse_file_info *fi)
{
	struct mount_file *o = opened_of(fi);

	(void)path;
	mount_file_free(&o);
	return 0;
}

static int
on_read(
    const char *path, char *to, size_t n, off_t at, struct fuse_file_info *fi)
{
	struct mount_file *o = opened_of(fi);
	struct err e = { 0 };
	uint64_t from = (uint64_t)at;

	if (at < 0)
		return -EINVAL;
	if (from >= o->x.size)
		return 0;
	if (n > o->x.size - from)
		n = (size_t)(o->x.size - from);
	if (n > INT32_MAX)
		n = INT32_MAX;
	return mount_file_read(mounted(), o, from, to, n, &e) < 0
	    ? failed(path, &e)
	    : (int)n;
}

static off_t
on_lseek(const char *path, off_t at, int whence, struct fuse_file_info *fi)
{
	const struct mount_file *o = opened_of(fi);
	uint64_t from = (uint64_t)at;

	(void)path;
	if (at < 0 || from >= o->x.size)
		return -ENXIO;
	size_t i = extents_at(&o->map, from);
	if (whence == SEEK_DATA) {
		if (i == o->map.n)
			return -ENXIO;
		return (
		    off_t)(o->map.list[i].at > from ? o->map.list[i].at : from);
	}
	if (whence != SEEK_HOLE)
		return -EINVAL;
	/* Extents may touch. */
	for (; i < o->map.n && o->map.list[i].at <= from; i++)
		from = o->map.list[i].at + o->map.list[i].n;
	return (off_t)(from < o->x.size ? from : o->x.size);
}

static int
on_listxattr(const char *path, char *to, size_t size)
{
	OWN(buf_free) struct buf names = { 0 };
	struct mount *m = mounted();
	struct mount_where w;
	struct err e = { 0 };
	struct bytes name, value;

	if (mount_look_up(m, path, &w, &e) < 0)
		return failed(path, &e);
	struct bytes rest = w.x.xattrs;
	while (entry_xattr_next(&rest, &name, &value)) {
		buf_put_bytes(&names, name);
		buf_put_u8(&names, 0);
	}
	if (size == 0)
		return (int)names.n;
	if (names.n > size)
		return -ERANGE;
	if (names.n > 0)
		memcpy(to, names.p, names.n);
	return (int)names.n;
}

static int
on_getxattr(const char *path, const char *wanted, char *to, size_t size)
{
	struct mount *m = mounted();
	struct mount_where w;
	struct err e = { 0 };
	struct bytes name, value;

	if (mount_look_up(m, path, &w, &e) < 0)
		return failed(path, &e);
	struct bytes rest = w.x.xattrs;
	while (entry_xattr_next(&rest, &name, &value)) {
		if (!bytes_equal(name, bytes_str(wanted)))
			continue;
		if (size == 0)
			return (int)value.n;
		if (value.n > size)
			return -ERANGE;
		if (value.n > 0)
			memcpy(to, value.p, value.n);
		return (int)value.n;
	}
	return -ENODATA;
}

static int
on_statfs(const char *path, struct statvfs *st)
{
	const struct mount *m = mounted();
	uint64_t bytes = 0, files = 0;

	(void)path;
	for (size_t i = 0; i < m->n_snaps; i++) {
		const struct snapshot *s = &m->snaps[i]->snapshot;
		bytes += s->bytes;
		files += s->files + s->dirs + s->others;
	}
	*st = (struct statvfs){ .f_bsize = 4096,
		.f_frsize = 4096,
		.f_blocks = (bytes + 4095) / 4096,
		.f_files = files,
		.f_flag = ST_RDONLY,
		.f_namemax = ENTRY_NAME_MAX };
	return 0;
}

const struct fuse_operations mount_operations = {
	.init = on_init,
	.getattr = on_getattr,
	.readlink = on_readlink,
	.readdir = on_readdir,
	.open = on_open,
	.release = on_release,
	.read = on_read,
	.lseek = on_lseek,
	.listxattr = on_listxattr,
	.getxattr = on_getxattr,
	.statfs = on_statfs,
};
