/* SPDX-License-Identifier: ISC */
/* ignore.c: three lists, read again when they change. */
#include "drive/ignore.h"

#include "base/file.h"
#include "drive/os.h"
#include "link/homedir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* What programs leave for themselves, and what desktops do. */
static const char *const built_in[] = { ".DS_Store", "._*", "Thumbs.db",
	"desktop.ini", ".Trash-*", "lost+found/", ".nfs*", ".fuse_hidden*",
	".goutputstream-*", ".*.sw?", "*~", "#*#", ".#*", "~$*", "*.part",
	"*.crdownload" };
#define LOCKS ".~lock.*#" /* of LibreOffice */

enum { ROOT_LIST, DEVICE_LIST, LISTS };

/* A file, and as what it was read last. */
struct list {
	char *path; /* owned; NULL: there is none */
	bool there;
	struct stat was;
};

struct ignore {
	struct list lists[LISTS];
	struct exclude *own, *files;
	bool read;
	/* A directory that was asked about, and of which length the first of it
	 * and what is above it is ignored; SIZE_MAX: none of them is. */
	struct buf dir;
	size_t ignored_at;
};

static struct exclude *
exclude_own(bool share)
{
	struct exclude *x = exclude_new();
	struct err e;
	int rc = 0;

	exclude_source(x, "the list of what is ignored by itself");
	for (size_t i = 0; rc == 0 && i < ARRAY_SIZE(built_in); i++)
		rc = exclude_add_typed(x, bytes_str(built_in[i]), &e);
	if (rc == 0 && !share)
		rc = exclude_add_typed(x, bytes_str(LOCKS), &e);
	if (rc < 0)
		abort(); /* a line above that can match nothing */
	return x;
}

struct ignore *
ignore_new(const char *root, const char *device, bool share)
{
	struct ignore *x = mem_new(sizeof *x);

	x->lists[ROOT_LIST].path = file_join(root, IGNORE_NAME);
	if (device != NULL)
		x->lists[DEVICE_LIST].path = mem_text(device);
	x->own = exclude_own(share);
	x->files = exclude_new();
	x->ignored_at = SIZE_MAX;
	return x;
}

void
ignore_free(struct ignore **x)
{
	if (*x == NULL)
		return;
	for (size_t i = 0; i < LISTS; i++)
		free((*x)->lists[i].path);
	exclude_free(&(*x)->own);
	exclude_free(&(*x)->files);
	buf_free(&(*x)->dir);
	free(*x);
	*x = NULL;
}

static bool
same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

/* Is it as it was when it was read? */
static bool
is_same(const struct list *list)
{
	struct stat st;
	bool there = list->path != NULL && stat(list->path, &st) == 0 &&
	    !S_ISDIR(st.st_mode);

	if (!there || !list->there)
		return there == list->there;
	return st.st_ino == list->was.st_ino &&
	    st.st_size == list->was.st_size &&
	    same_time(&st.st_mtim, &list->was.st_mtim) &&
	    same_time(&st.st_ctim, &list->was.st_ctim);
}

/* A link is followed, as somebody here made it: those of the Drive are not
 * placed there. A directory has no lines. */
static int
open_list(struct list *list, int *fd, struct err *e)
{
	*fd = open(list->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (*fd < 0)
		return errno == ENOENT ? 0 : err_sys(e, "%s", list->path);
	if (fstat(*fd, &list->was) < 0)
		return err_sys(e, "%s", list->path);
	list->there = !S_ISDIR(list->was.st_mode);
	return list->there && !S_ISREG(list->was.st_mode)
	    ? err_set(e, ERR_USAGE,
		  "%s is no file, and has to say what is ignored", list->path)
	    : 0;
}

/* Add the lines of one, and what it is; not there is none. */
static int
add_list(struct list *list, struct exclude *to, struct err *e)
{
	OWN(buf_free) struct buf text = { 0 };
	OWN(fd_close) int fd = -1;

	list->there = false;
	if (list->path == NULL)
		return 0;
	if (open_list(list, &fd, e) < 0)
		return -1;
	if (!list->there)
		return 0;
	if (file_read_rest(fd, list->path, IGNORE_MAX, &text, e) < 0)
		return -1;
	exclude_source(to, list->path);
	if (exclude_add_lines(to, buf_bytes(&text), e) < 0)
		return err_in(e, "%s", list->path);
	return 0;
}

int
ignore_read(struct ignore *x, bool *changed, struct err *e)
{
	*changed = false;
	if (x->read && is_same(&x->lists[ROOT_LIST]) &&
	    is_same(&x->lists[DEVICE_LIST]))
		return 0;
	OWN(exclude_free) struct exclude *files = exclude_new();
	struct list lists[LISTS];
	memcpy(lists, x->lists, sizeof lists);
	for (size_t i = 0; i < LISTS; i++)
		if (add_list(&lists[i], files, e) < 0)
			return -1; /* and it is read anew the next time */
	memcpy(x->lists, lists, sizeof lists);
	exclude_free(&x->files);
	x->files = TAKE(files);
	x->read = true;
	buf_clear(&x->dir);
	x->ignored_at = SIZE_MAX;
	*changed = true;
	return 0;
}

static struct bytes
last_of(struct bytes path)
{
	const uint8_t *slash =
	    path.n == 0 ? NULL : memrchr(path.p, '/', path.n);
	size_t at = slash == NULL ? 0 : (size_t)(slash - path.p) + 1;

	return bytes_of(path.p + at, path.n - at);
}

/* Names of what is built in begin or end in few ways. */
static bool
may_be_built_in(struct bytes path)
{
	struct bytes name = last_of(path);

	return name.n > 0 &&
	    (strchr(".Tdl#~", name.p[0]) != NULL ||
		strchr("~td", name.p[name.n - 1]) != NULL);
}

bool
ignore_own(struct bytes name)
{
	return bytes_equal(name, bytes_str(OS_OWN)) ||
	    bytes_equal(name, bytes_str(HOMEDIR_MARKER));
}

/* One path by itself. */
static bool
ask_one(const struct ignore *x, struct bytes path, bool is_dir)
{
	if (ignore_own(last_of(path)))
		return true;
	enum exclude_answer answer = exclude_ask(x->files, path, is_dir);
	if (answer == EXCLUDE_SILENT && may_be_built_in(path))
		answer = exclude_ask(x->own, path, is_dir);
	return answer == EXCLUDE_YES;
}

static struct bytes
dir_of(struct bytes path)
{
	const uint8_t *slash =
	    path.n == 0 ? NULL : memrchr(path.p, '/', path.n);

	return bytes_of(path.p, slash == NULL ? 0 : (size_t)(slash - path.p));
}

/* How many bytes of both are the same directories. */
static size_t
common(struct bytes a, struct bytes b)
{
	size_t n = a.n < b.n ? a.n : b.n, at = 0, i;

	for (i = 0; i < n && a.p[i] == b.p[i]; i++)
		if (a.p[i] == '/')
			at = i;
	/* Either ended, where a name of the other does, too. */
	if (i == n && (a.n == b.n || (a.n > n ? a.p[n] : b.p[n]) == '/'))
		at = n;
	return at;
}

/* Directories near to each other are asked about in a row, and deep ones in any
 * order: what is known of one is known of all above it. */
static bool
dir_ignored(struct ignore *x, struct bytes dir)
{
	size_t known = common(dir, buf_bytes(&x->dir));

	if (x->ignored_at <= known)
		return true;
	if (known == dir.n)
		return false;
	buf_clear(&x->dir);
	buf_put_bytes(&x->dir, dir);
	x->ignored_at = SIZE_MAX;
	for (size_t i = known + 1; i <= dir.n; i++)
		if ((i == dir.n || dir.p[i] == '/') &&
		    ask_one(x, bytes_of(dir.p, i), true)) {
			x->ignored_at = i;
			return true;
		}
	return false;
}

bool
ignore_ask(struct ignore *x, struct bytes path, bool is_dir)
{
	return dir_ignored(x, dir_of(path)) ||
	    (path.n > 0 && ask_one(x, path, is_dir));
}

bool
ignore_asked(void *x, struct bytes path, bool is_dir)
{
	return ignore_ask(x, path, is_dir);
}
