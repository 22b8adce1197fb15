/* SPDX-License-Identifier: ISC */
/* manifest_list.c: the folder is read again, and listed. */
#include "disclose/manifest_in.h"

#include "base/file.h"
#include "base/text.h"
#include "files/filehash.h"
#include "wire/jsonio.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- one thing in the folder ---- */

/*
 * Open what its owner may not read, as it was restored with its mode: readable
 * for that moment.
 */
static int
open_any(int dir, const char *name, int flags, const struct stat *st)
{
	flags |= O_RDONLY | O_NOFOLLOW | O_CLOEXEC;
	int fd = openat(dir, name, flags);

	if (fd >= 0 || errno != EACCES ||
	    fchmodat(dir, name, (st->st_mode & 07777) | 0500, 0) < 0)
		return fd;
	fd = openat(dir, name, flags);
	(void)!fchmodat(dir, name, st->st_mode & 07777, 0);
	return fd;
}

/* What is said of one thing. */
struct thing {
	const struct stat *st;
	const struct digest *hash; /* of a file; else NULL */
	uint64_t size; /* of a file */
	struct bytes target; /* of a link */
};

static int
put_line(struct manifest_listing *l, struct bytes path, const struct thing *x,
    struct err *e)
{
	bool holes = x->hash != NULL && filehash_mostly_holes(x->st);
	OWN(jsonio_free) json_t *j = json_object();
	OWN(buf_free) struct buf hex = { 0 };
	OWN(buf_free) struct buf line = { 0 };
	OWN(buf_free) struct buf text = { 0 };

	text_hex(&hex, path);
	(void)json_object_set_new(j, "path", findings_path(path));
	/* What is no UTF-8 cannot be told from what looks like it. */
	if (!text_is_utf8(path))
		jsonio_put_text(j, "path_hex", buf_text(&hex));
	jsonio_put_text(j, "type", filehash_type(x->st->st_mode));
	buf_put_str(&line, l->first ? "\n" : ",\n");
	if (x->hash != NULL) {
		buf_clear(&hex);
		text_hex(&hex, bytes_of(x->hash->b, DIGEST_BYTES));
		jsonio_put_u64(j, "size", x->size);
		jsonio_put_text(
		    j, holes ? "sha256_of_data" : "sha256", buf_text(&hex));
		buf_printf(&text, "%s %12llu %s", buf_text(&hex),
		    (unsigned long long)x->size, holes ? "* " : " ");
	} else {
		buf_printf(
		    &text, "%-64s %12s  ", filehash_type(x->st->st_mode), "");
	}
	text_show(&text, path);
	if (x->target.p != NULL) {
		(void)json_object_set_new(
		    j, "target", findings_path(x->target));
		buf_put_str(&text, " -> ");
		text_show(&text, x->target);
	}
	buf_put_str(&text, "\n");
	jsonio_put(&line, j);
	l->first = false;
	return outfile_put(&l->json, buf_bytes(&line), e) < 0
	    ? -1
	    : outfile_put(&l->text, buf_bytes(&text), e);
}

static int
list_file(struct manifest_listing *l, int dir, const char *name,
    struct bytes path, const struct stat *st, struct err *e)
{
	OWN(fd_close) int fd = open_any(dir, name, 0, st);
	struct digest hash;
	uint64_t size;

	if (fd < 0)
		return err_sys(e, "%s", name);
	size = (uint64_t)st->st_size;
	if ((filehash_mostly_holes(st)
		    ? filehash_data(fd, st->st_size, &hash, e)
		    : filehash_all(fd, &size, &hash, e)) < 0)
		return err_in(e, "%s", name);
	l->files++;
	l->bytes += size;
	return put_line(l, path,
	    &(struct thing){ .st = st, .hash = &hash, .size = size }, e);
}

static int
list_link(struct manifest_listing *l, int dir, const char *name,
    struct bytes path, const struct stat *st, struct err *e)
{
	char target[4097];
	ssize_t n = readlinkat(dir, name, target, sizeof target);

	if (n < 0)
		return err_sys(e, "%s", name);
	return put_line(l, path,
	    &(struct thing){ .st = st, .target = bytes_of(target, (size_t)n) },
	    e);
}

/* ---- the folder ---- */

static void
names_free(struct dirent ***list)
{
	for (size_t i = 0; *list != NULL && (*list)[i] != NULL; i++)
		free((*list)[i]);
	free(*list);
	*list = NULL;
}

static int
by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

/* In order of their bytes, so that two manifests can be compared. */
static int
read_names(int fd, struct dirent ***out, struct err *e)
{
	struct dirent **list = NULL;
	int n = scandirat(fd, ".", &list, NULL, by_name);

	if (n < 0)
		return err_sys(e, "reading a folder");
	list = mem_resize(list, (size_t)n + 1, sizeof *list);
	list[n] = NULL;
	*out = list;
	return 0;
}

static int list_folder(
    struct manifest_listing *l, int fd, struct buf *path, struct err *e);

static int
list_one(struct manifest_listing *l, int dir, const char *name,
    struct buf *path, struct err *e)
{
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(e, "%s", name);
	if (S_ISREG(st.st_mode))
		return list_file(l, dir, name, buf_bytes(path), &st, e);
	if (S_ISLNK(st.st_mode))
		return list_link(l, dir, name, buf_bytes(path), &st, e);
	if (put_line(l, buf_bytes(path), &(struct thing){ .st = &st }, e) < 0)
		return -1;
	if (!S_ISDIR(st.st_mode))
		return 0;
	OWN(fd_close) int fd = open_any(dir, name, O_DIRECTORY, &st);
	return fd < 0 ? err_sys(e, "%s", name) : list_folder(l, fd, path, e);
}

static int
list_folder(struct manifest_listing *l, int fd, struct buf *path, struct err *e)
{
	OWN(names_free) struct dirent **list = NULL;
	size_t above = path->n;

	if (read_names(fd, &list, e) < 0)
		return -1;
	for (size_t i = 0; list[i] != NULL; i++) {
		const char *name = list[i]->d_name;
		if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
		    (above == 0 &&
			(strcmp(name, MANIFEST_JSON) == 0 ||
			    strcmp(name, MANIFEST_TEXT) == 0)))
			continue;
		if (above > 0)
			buf_put_str(path, "/");
		buf_put_str(path, name);
		if (list_one(l, fd, name, path, e) < 0)
			return -1;
		path->n = above;
	}
	return 0;
}

int
manifest_list(const char *out, struct manifest_listing *l, struct err *e)
{
	OWN(buf_free) struct buf path = { 0 };
	OWN(fd_close)
	int fd = open(out, O_DIRECTORY | O_RDONLY | O_CLOEXEC);

	return fd < 0 ? err_sys(e, "%s", out) : list_folder(l, fd, &path, e);
}

int
manifest_hash(
    const char *out, const char *name, struct digest *hash, struct err *e)
{
	OWN(mem_free) char *path = file_join(out, name);
	OWN(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
	uint64_t size;

	return fd < 0 ? err_sys(e, "%s", path)
		      : filehash_all(fd, &size, hash, e);
}
