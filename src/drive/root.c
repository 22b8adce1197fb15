/* SPDX-License-Identifier: ISC */
/* root.c: the mark of a root, and where roots may be. */
#include "drive/root.h"

#include "base/file.h"
#include "drive/os.h"
#include "link/homedir.h"
#include "wire/digest.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MAGIC "AUMBRYDR"
#define FORMAT 1
#define MARK "root" /* the file, in OS_OWN */
#define MARK_MAX 256 /* bytes; one of this format has 97 */

/* "DIR/.aumbry-drive/NAME", or the folder alone; in new memory. */
static char *
own_path(const char *dir, const char *name)
{
	OWN(mem_free) char *own = file_join(dir, OS_OWN);

	return name == NULL ? TAKE(own) : file_join(own, name);
}

static void
mark_put(struct buf *out, const struct root_mark *m)
{
	struct digest sum;

	buf_put_str(out, MAGIC);
	buf_put_u8(out, FORMAT);
	id_put(out, &m->account);
	id_put(out, &m->zone);
	id_put(out, &m->root);
	buf_put_u64(out, m->generation);
	digest_of(buf_bytes(out), &sum);
	digest_put(out, &sum);
}

static int
mark_parse(struct bytes x, struct root_mark *out, struct err *e)
{
	struct scan s = scan_of(x);
	struct bytes magic = scan_take(&s, strlen(MAGIC));
	uint8_t format = scan_u8(&s);
	struct root_mark m = { .account = id_take(&s),
		.zone = id_take(&s),
		.root = id_take(&s),
		.generation = scan_u64(&s) };
	struct digest is, sum = digest_take(&s);

	if (bytes_equal(magic, bytes_str(MAGIC)) && format > FORMAT)
		return err_set(
		    e, ERR_UPDATE_NEEDED, "the mark is of format %u", format);
	if (!scan_done(&s) || format != FORMAT || m.generation == 0 ||
	    !bytes_equal(magic, bytes_str(MAGIC)))
		return err_set(
		    e, ERR_DRIVE_ROOT_CHANGED, "the mark is not well-formed");
	digest_of(bytes_of(x.p, x.n - DIGEST_BYTES), &is);
	if (!digest_equal(&is, &sum))
		return err_set(
		    e, ERR_DRIVE_ROOT_CHANGED, "the mark is damaged");
	*out = m;
	return 0;
}

static int
mark_write(const char *dir, const struct root_mark *m, struct err *e)
{
	OWN(mem_free) char *path = own_path(dir, MARK);
	OWN(buf_free) struct buf b = { 0 };

	mark_put(&b, m);
	return file_write(path, buf_bytes(&b), 0600, e);
}

int
root_make(const char *dir, const struct root_mark *m, struct err *e)
{
	static const char *const folders[] = { NULL, "part", "gone" };

	for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
		OWN(mem_free) char *path = own_path(dir, folders[i]);
		if (file_mkdir_plain(path, 0700, e) < 0)
			return -1;
	}
	/* The folder was made on purpose before, and may be on a slow disk. */
	if (mark_write(dir, m, e) < 0)
		return -1;
	return file_sync_dir(dir, e);
}

int
root_read(const char *dir, struct root_mark *out, struct err *e)
{
	OWN(mem_free) char *path = own_path(dir, MARK);
	OWN(buf_free) struct buf b = { 0 };

	if (file_read_regular(path, MARK_MAX, &b, e) < 0) {
		if (e->code == ERR_NOT_FOUND)
			return err_set(e, ERR_DRIVE_ROOT_MISSING,
			    "%s: there is no mark of a root: %s", dir, path);
		if (e->code == ERR_TOO_LARGE || e->code == ERR_STATE_DAMAGED)
			return err_set(e, ERR_DRIVE_ROOT_CHANGED,
			    "%s is no mark of a root", path);
		return -1;
	}
	return mark_parse(buf_bytes(&b), out, e) < 0 ? err_in(e, "%s", path)
						     : 0;
}

/* Another account, or another server's zone, cannot take this folder over. */
static int
check_owner(const char *dir, const struct root_mark *is,
    const struct root_mark *mine, struct err *e)
{
	if (id_equal(&is->account, &mine->account) &&
	    id_equal(&is->zone, &mine->zone))
		return 0;
	return err_set(e, ERR_DRIVE_ROOT_OVERLAP,
	    "%s is kept in sync with another account", dir);
}

static int
read_known(const char *dir, const struct root_mark *known, struct root_mark *is,
    struct err *e)
{
	if (root_read(dir, is, e) < 0 || check_owner(dir, is, known, e) < 0)
		return -1;
	if (!id_equal(&is->root, &known->root))
		return err_set(e, ERR_DRIVE_ROOT_CHANGED,
		    "%s is another root than the one that was here", dir);
	uint64_t off = is->generation > known->generation
	    ? is->generation - known->generation
	    : known->generation - is->generation;
	if (off > 1)
		return err_set(e, ERR_DRIVE_ROOT_CHANGED,
		    "%s: its mark counts %ju, this device %ju", dir,
		    (uintmax_t)is->generation, (uintmax_t)known->generation);
	return 0;
}

int
root_check(const char *dir, const struct root_mark *known, struct err *e)
{
	struct root_mark is;

	return read_known(dir, known, &is, e);
}

int
root_count(const char *dir, struct root_mark *known, struct err *e)
{
	struct root_mark is;

	if (read_known(dir, known, &is, e) < 0)
		return -1;
	/* From the higher of the two: a count that was not finished is not
	 * taken for another one's. */
	if (is.generation < known->generation)
		is.generation = known->generation;
	is.generation++;
	if (mark_write(dir, &is, e) < 0)
		return -1;
	known->generation = is.generation;
	return 0;
}

/* ---- where a root may be ---- */

static int
real_path(const char *path, char **out, struct err *e)
{
	*out = realpath(path, NULL);
	return *out != NULL ? 0 : err_sys(e, "%s", path);
}

/* Is `path` within `dir`, or the same? Both are real. */
static bool
is_within(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	return strncmp(path, dir, n) == 0 &&
	    (path[n] == '\0' || path[n] == '/' || dir[n - 1] == '/');
}

/* By a bind mount it may be within itself: the inodes tell. */
static bool
same_folder(const char *a, const char *b)
{
	struct stat x, y;

	return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev &&
	    x.st_ino == y.st_ino;
}

static int
overlaps(struct err *e, const char *dir, const char *how, const char *other)
{
	return err_set(e, ERR_DRIVE_ROOT_OVERLAP, "%s %s %s", dir, how, other);
}

/* What is above it, up to "/": no home and no root. */
static int
check_above(const char *path, struct err *e)
{
	OWN(mem_free) char *at = mem_text(path);

	for (bool first = true; at[0] != '\0'; first = false) {
		OWN(mem_free) char *mark = own_path(at, MARK);
		if (homedir_is(at))
			return overlaps(
			    e, path, "is within a home of Aumbry:", at);
		if (!first && file_exists(mark))
			return overlaps(e, path,
			    "is within a folder that is kept in sync:", at);
		if (!first && same_folder(at, path))
			return overlaps(e, path, "is within itself:", at);
		*strrchr(at, '/') = '\0';
	}
	return 0;
}

static int
check_roots(const char *path, const char *const *roots, size_t n, struct err *e)
{
	for (size_t i = 0; i < n; i++) {
		char *real = realpath(roots[i], NULL);
		OWN(mem_free) char *root = real;
		if (root == NULL || strcmp(root, path) == 0)
			continue;
		if (is_within(path, root) || same_folder(path, root))
			return overlaps(e, path,
			    "is within a folder that is kept in sync:", root);
		if (is_within(root, path))
			return overlaps(e, path,
			    "has a folder in it that is kept in sync:", root);
	}
	return 0;
}

int
root_fits(const char *dir, const struct root_mark *mine,
    const char *const *roots, size_t n, char **path, struct err *e)
{
	OWN(mem_free) char *real = NULL;
	struct root_mark is;
	struct stat st;

	if (real_path(dir, &real, e) < 0)
		return -1;
	if (stat(real, &st) < 0)
		return err_sys(e, "%s", dir);
	if (!S_ISDIR(st.st_mode))
		return err_set(e, ERR_USAGE, "%s is no folder", dir);
	if (strcmp(real, "/") == 0)
		return err_set(e, ERR_USAGE,
		    "%s is the whole system: choose a folder in it", dir);
	if (check_above(real, e) < 0 || check_roots(real, roots, n, e) < 0)
		return -1;
	if (root_read(real, &is, e) == 0) {
		if (check_owner(real, &is, mine, e) < 0)
			return -1;
	} else if (e->code != ERR_DRIVE_ROOT_MISSING &&
	    e->code != ERR_DRIVE_ROOT_CHANGED)
		return -1;
	*path = TAKE(real);
	return 0;
}
