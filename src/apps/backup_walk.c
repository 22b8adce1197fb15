/* SPDX-License-Identifier: ISC */
/* backup_walk.c: directories, from the roots down. */
#include "apps/backup_in.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- directories ---- */

static size_t
path_push(struct run *r, const char *name, size_t n)
{
	size_t before = r->path.n;

	if (before > 0)
		buf_put_u8(&r->path, '/');
	buf_put(&r->path, name, n);
	return before;
}

static void
path_pop(struct run *r, size_t before)
{
	r->path.n = before;
	r->path.p[before] = '\0';
}

static bool
left_out(struct run *r, bool is_dir)
{
	struct bytes whole = buf_bytes(&r->path);
	struct bytes part = bytes_of(whole.p + r->root_n, whole.n - r->root_n);
	enum exclude_answer a = exclude_ask(r->exclude, part, is_dir);

	if (a == EXCLUDE_SILENT)
		a = exclude_ask(r->exclude, whole, is_dir);
	return a == EXCLUDE_YES;
}

static bool
lists(const struct capture_list *list, const char *name)
{
	size_t lo = 0, hi = capture_size(list);

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int c = strcmp(capture_at(list, mid)->name, name);
		if (c == 0)
			return true;
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return false;
}

static bool
opts_out(const struct capture_list *list, int fd)
{
	if (lists(list, "aumbry-home") && capture_is_aumbry_home(fd))
		return true;
	return (lists(list, ".nobackup") || lists(list, "CACHEDIR.TAG")) &&
	    exclude_by_tag(fd);
}

static void
free_list(struct capture_list **l)
{
	capture_list_free(l);
}

static int walk(struct run *r, int at, const char *name, struct err *e);

static int
walk_items(
    struct run *r, int fd, const struct capture_list *list, struct err *e)
{
	struct seen_dir old;

	(void)backup_node(r, NODE_DIR, buf_bytes(&r->path));
	seen_dir_find(r->seen, buf_bytes(&r->path), &old);
	for (size_t i = 0; i < capture_size(list); i++) {
		const struct capture_item *item = capture_at(list, i);
		size_t before = path_push(r, item->name, item->name_n);
		int rc = 0;
		if (item->error != 0) {
			struct err why;
			(void)err_set(&why,
			    item->error == ENOENT ? ERR_NOT_FOUND : ERR_IO,
			    "%s", strerror(item->error));
			backup_warn(r, &why, item->error != ENOENT);
		} else if (!left_out(r, item->type == ENTRY_DIRECTORY)) {
			rc = backup_take(r, fd, item, &old, e);
		}
		path_pop(r, before);
		if (rc < 0)
			return -1;
	}
	(void)backup_node(r, NODE_END, bytes_str(""));
	return backup_drain(r, e);
}

static int
walk_open(struct run *r, int fd, struct err *e)
{
	OWN(free_list) struct capture_list *list = NULL;
	struct err why;

	if (capture_list(fd, &list, &why) < 0) {
		backup_warn(r, &why, true);
		return 0;
	}
	if (opts_out(list, fd))
		return 0;
	if (walk_items(r, fd, list, e) < 0)
		return -1;
	for (size_t i = 0; i < capture_size(list); i++) {
		const struct capture_item *item = capture_at(list, i);
		if (item->error != 0 || item->type != ENTRY_DIRECTORY ||
		    (r->o->one_file_system && item->dev != r->root_dev))
			continue;
		size_t before = path_push(r, item->name, item->name_n);
		int rc = left_out(r, true) ? 0 : walk(r, fd, item->name, e);
		path_pop(r, before);
		if (rc < 0)
			return -1;
	}
	return 0;
}

static int
walk(struct run *r, int at, const char *name, struct err *e)
{
	OWN(fd_close) int fd = -1;
	struct err why;

	if (capture_open_dir(at, name, &fd, &why) < 0) {
		backup_warn(r, &why, why.code != ERR_NOT_FOUND);
		return 0;
	}
	return walk_open(r, fd, e);
}

/* ---- roots ---- */

int
backup_open_passage(int at, const char *name, int *fd, struct err *e)
{
	*fd = openat(at, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return *fd < 0 ? err_sys(e, "cannot pass") : 0;
}

/* Roots [lo, hi) that go through one child of a directory, or are it. */
struct passage {
	size_t hi;
	char *name;
	size_t n; /* bytes of it */
	bool root;
	struct capture_item item;
};

static void
passage_free(struct passage *p)
{
	free(p->name);
	p->name = NULL;
}

static int
find_passage(const struct run *r, int fd, size_t lo, size_t hi, size_t skip,
    struct passage *p, struct err *e)
{
	const char *name = r->roots[lo] + 1 + skip;

	p->n = strcspn(name, "/");
	p->name = strndup(name, p->n);
	p->root = name[p->n] == '\0';
	for (p->hi = lo + 1; p->hi < hi; p->hi++) {
		const char *other = r->roots[p->hi] + 1 + skip;
		if (strncmp(other, name, p->n) != 0 ||
		    (other[p->n] != '/' && other[p->n] != '\0'))
			break;
	}
	if (capture_stat(fd, p->name, &p->item, e) < 0)
		return err_in(e, "%s", r->roots[lo]);
	return 0;
}

static int
go_through(struct run *r, int fd, size_t lo, size_t skip,
    const struct passage *p, struct err *e)
{
	OWN(fd_close) int sub = -1;

	if (p->item.type != ENTRY_DIRECTORY)
		return 0;
	r->root_dev = p->item.dev;
	if (!p->root)
		return backup_open_passage(fd, p->name, &sub, e) < 0
		    ? err_in(e, "%s", r->roots[lo])
		    : backup_walk(r, sub, lo, p->hi, skip + p->n + 1, e);
	r->root_n = r->path.n + 1;
	if (capture_open_dir(fd, p->name, &sub, e) < 0)
		return err_in(e, "%s", r->roots[lo]);
	return walk_open(r, sub, e);
}

static int
walk_root(struct run *r, int fd, struct err *e)
{
	OWN(fd_close) int sub = -1;
	struct capture_item item;

	if (capture_stat(fd, ".", &item, e) < 0 ||
	    capture_open_dir(fd, ".", &sub, e) < 0)
		return -1;
	r->root_n = 0;
	r->root_dev = item.dev;
	return walk_open(r, sub, e);
}

int
backup_walk(
    struct run *r, int fd, size_t lo, size_t hi, size_t skip, struct err *e)
{
	struct seen_dir old;

	if (hi - lo == 1 && r->roots[lo][1 + skip] == '\0')
		return walk_root(r, fd, e); /* "/" itself */
	(void)backup_node(r, NODE_DIR, buf_bytes(&r->path));
	seen_dir_find(r->seen, buf_bytes(&r->path), &old);
	for (size_t i = lo, next; i < hi; i = next) {
		OWN(passage_free) struct passage p = { .name = NULL };
		if (find_passage(r, fd, i, hi, skip, &p, e) < 0)
			return -1;
		size_t before = path_push(r, p.name, p.n);
		r->passage = !p.root;
		int rc = backup_take(r, fd, &p.item, &old, e);
		r->passage = false;
		path_pop(r, before);
		if (rc < 0)
			return -1;
		next = p.hi;
	}
	(void)backup_node(r, NODE_END, bytes_str(""));
	for (size_t i = lo, next; i < hi; i = next) {
		OWN(passage_free) struct passage p = { .name = NULL };
		if (find_passage(r, fd, i, hi, skip, &p, e) < 0)
			return -1;
		size_t before = path_push(r, p.name, p.n);
		int rc = go_through(r, fd, i, skip, &p, e);
		path_pop(r, before);
		if (rc < 0)
			return -1;
		next = p.hi;
	}
	return backup_drain(r, e);
}

static int
by_text(const void *a, const void *b)
{
	/* A slash sorts first, so that siblings stand together. */
	const unsigned char *x = *(unsigned char *const *)a;
	const unsigned char *y = *(unsigned char *const *)b;

	while (*x != '\0' && *x == *y) {
		x++;
		y++;
	}
	int cx = *x == '/' ? 1 : *x == '\0' ? 0 : *x + 1;
	int cy = *y == '/' ? 1 : *y == '\0' ? 0 : *y + 1;
	return cx - cy;
}

int
backup_find_roots(struct run *r, struct err *e)
{
	size_t kept = 0;

	r->roots = mem_array(r->o->n_paths, sizeof *r->roots);
	for (size_t i = 0; i < r->o->n_paths; i++) {
		char *real = realpath(r->o->paths[i], NULL);
		if (real == NULL) {
			(void)err_sys(e, "%s", r->o->paths[i]);
			return err_remedy(e, "Check the path to back up.");
		}
		r->roots[r->n_roots++] = real;
	}
	qsort(r->roots, r->n_roots, sizeof *r->roots, by_text);
	for (size_t i = 0; i < r->n_roots; i++) {
		const char *above = kept > 0 ? r->roots[kept - 1] : NULL;
		size_t n = above != NULL ? strlen(above) : 0;
		if (above != NULL && strncmp(r->roots[i], above, n) == 0 &&
		    (n == 1 || r->roots[i][n] == '/' ||
			r->roots[i][n] == '\0')) {
			free(r->roots[i]);
			continue;
		}
		r->roots[kept++] = r->roots[i];
	}
	r->n_roots = kept;
	return 0;
}
