/* SPDX-License-Identifier: ISC */
/* watch.c: events of the kernel, and when a folder has settled. */
#include "drive/watch_in.h"

#include "base/file.h"
#include "drive/os.h"
#include "tree/dbfile.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#define MS ((int64_t)1000000)
#define QUIET (100 * MS)
#define RESTLESS (2000 * MS) /* a folder that never rests is told of by then */
#define WRITTEN (60000 * MS) /* and a file that is never closed by then */
#define REST (60000 * MS) /* between looks at what is not watched */

#define EVENTS \
	(IN_CREATE | IN_DELETE | IN_CLOSE_WRITE | IN_MODIFY | IN_MOVED_FROM | \
	    IN_MOVED_TO | IN_ATTRIB)
#define OPTIONS (IN_ONLYDIR | IN_DONT_FOLLOW | IN_EXCL_UNLINK)
#define ROOT_EVENTS (IN_MOVE_SELF | IN_DELETE_SELF)

/* A folder in which something happened. */
struct dirty {
	uint32_t folder;
	bool only_written; /* by MODIFY alone: nothing is done yet */
	bool deep; /* all in it is news */
	int64_t first_ns, last_ns;
};

struct watch {
	int fd;
	char *root; /* owned */
	struct watch_policy policy;
	struct folders folders;
	uint32_t watched;
	struct dirty *dirty;
	uint32_t n_dirty, dirty_cap;
	bool all; /* events were lost */
	bool limited;
	int64_t now_ns, rest_ns; /* when what is not watched was told last */
	/* Where a folder was moved from; its second half comes next. */
	uint32_t moving, cookie;
};

int
watch_new(const char *root, const struct watch_policy *policy,
    struct watch **out, struct err *e)
{
	OWN(fd_close) int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);

	if (fd < 0 && errno == EMFILE)
		return err_set(e, ERR_WATCH_LIMITED,
		    "this user has as many watchers as the system allows: "
		    "sudo sysctl fs.inotify.max_user_instances=1024");
	if (fd < 0)
		return err_sys(e, "inotify");
	struct watch *w = mem_new(sizeof *w);
	*w = (struct watch){ .fd = fd,
		.root = mem_text(root),
		.policy = *policy,
		.moving = NO_FOLDER };
	fd = -1;
	watch_folders_init(&w->folders);
	*out = w;
	return 0;
}

void
watch_free(struct watch **w)
{
	if (*w == NULL)
		return;
	fd_close(&(*w)->fd);
	watch_folders_free(&(*w)->folders);
	free((*w)->dirty);
	free((*w)->root);
	free(*w);
	*w = NULL;
}

int
watch_fd(const struct watch *w)
{
	return w->fd;
}

/* ---- what is told ---- */

static void
mark_dirty(struct watch *w, uint32_t i, bool only_written)
{
	struct folder *x = &w->folders.p[i];

	x->changed_s = (uint32_t)(w->now_ns / (1000 * MS));
	if (x->dirty == 0) {
		if (w->n_dirty == w->dirty_cap) {
			w->dirty_cap = w->dirty_cap * 2 + 16;
			w->dirty = mem_resize(
			    w->dirty, w->dirty_cap, sizeof *w->dirty);
		}
		w->dirty[w->n_dirty++] = (struct dirty){ i, only_written, false,
			w->now_ns, w->now_ns };
		x->dirty = w->n_dirty;
		return;
	}
	struct dirty *d = &w->dirty[x->dirty - 1];
	if (d->only_written && !only_written) {
		d->only_written = false;
		d->first_ns = w->now_ns;
	}
	if (d->only_written || !only_written)
		d->last_ns = w->now_ns;
}

/* All in it is news: scans may have looked while it was elsewhere. */
static void
mark_deep(struct watch *w, uint32_t i)
{
	mark_dirty(w, i, false);
	w->dirty[w->folders.p[i].dirty - 1].deep = true;
}

static void
clear_dirty(struct watch *w, uint32_t i)
{
	uint32_t at = w->folders.p[i].dirty;

	if (at == 0)
		return;
	w->dirty[at - 1] = w->dirty[--w->n_dirty];
	w->folders.p[i].dirty = 0;
	if (at - 1 < w->n_dirty)
		w->folders.p[w->dirty[at - 1].folder].dirty = at;
}

static int64_t
due_ns(const struct dirty *d)
{
	if (d->only_written)
		return d->first_ns + WRITTEN;
	return d->last_ns + QUIET < d->first_ns + RESTLESS
	    ? d->last_ns + QUIET
	    : d->first_ns + RESTLESS;
}

/* ---- watches of the kernel ---- */

static void
unwatch(struct watch *w, uint32_t i)
{
	if (w->folders.p[i].wd < 0)
		return;
	(void)inotify_rm_watch(w->fd, w->folders.p[i].wd);
	watch_folders_set_wd(&w->folders, i, -1);
	w->watched--;
}

/* It and all in it are not there any more, or not here. */
static void
forget(struct watch *w, uint32_t i)
{
	while (w->folders.p[i].below != NO_FOLDER)
		forget(w, w->folders.p[i].below);
	unwatch(w, i);
	clear_dirty(w, i);
	if (i != TOP_FOLDER)
		watch_folders_drop(&w->folders, i);
}

/* It is that folder, moved: its own event is still to come. */
static void
take_over(struct watch *w, uint32_t from, uint32_t to)
{
	struct folders *f = &w->folders;

	if (watch_folders_above(f, from, to) || from == TOP_FOLDER) {
		w->all = true; /* what we know is not what is */
		return;
	}
	watch_folders_set_wd(f, to, f->p[from].wd);
	watch_folders_set_wd(f, from, -1);
	w->all |= watch_folders_above(f, to, from);
	while (!w->all && f->p[from].below != NO_FOLDER) {
		uint32_t x = f->p[from].below;
		OWN(mem_free) char *name = mem_text(f->p[x].name);
		uint32_t there = watch_folders_child(f, to, bytes_str(name));
		if (there != NO_FOLDER)
			forget(w, there);
		watch_folders_move(f, x, to, bytes_str(name));
	}
	forget(w, from);
}

static void
kernel_path(const struct watch *w, uint32_t i, struct buf *out)
{
	buf_put_str(out, w->root);
	if (i != TOP_FOLDER)
		buf_put_u8(out, '/');
	watch_folders_path(&w->folders, i, out);
}

/* Ask the kernel to watch what is at its path now; asked again it says the
 * same number. -1: it is not there, or cannot be watched. */
static int
kernel_watch(struct watch *w, uint32_t i)
{
	OWN(buf_free) struct buf path = { 0 };
	uint32_t mask = EVENTS | OPTIONS | (i == TOP_FOLDER ? ROOT_EVENTS : 0);

	kernel_path(w, i, &path);
	int wd = inotify_add_watch(w->fd, buf_text(&path), mask);
	w->limited |= wd < 0 && (errno == ENOSPC || errno == ENOMEM);
	return wd;
}

/*
 * See to it that what is at its path is what is watched. What is heard may be
 * old news: the folder that an event speaks of can be another by now.
 *
 * returns  false: it was another, and what was known below it is forgotten.
 */
static bool
watch_folder(struct watch *w, uint32_t i)
{
	struct folders *f = &w->folders;
	int32_t was = f->p[i].wd;

	if (was < 0 && w->policy.most != 0 && w->watched >= w->policy.most) {
		w->limited = true;
		return true;
	}
	int32_t wd = kernel_watch(w, i);
	if (wd < 0 || wd == was)
		return true;
	if (was >= 0) {
		while (f->p[i].below != NO_FOLDER)
			forget(w, f->p[i].below);
		unwatch(w, i);
	}
	uint32_t other = watch_folders_wd(f, wd);
	if (other != NO_FOLDER) {
		take_over(w, other, i);
	} else {
		watch_folders_set_wd(f, i, wd);
		w->watched++;
	}
	return was < 0;
}

/* ---- events ---- */

static bool
is_ignored(const struct watch *w, uint32_t i, const struct inotify_event *x)
{
	OWN(buf_free) struct buf path = { 0 };

	if (x->len == 0)
		return false;
	if (i == TOP_FOLDER && strcmp(x->name, OS_OWN) == 0)
		return true;
	if (w->policy.ignored == NULL)
		return false;
	watch_folders_path(&w->folders, i, &path);
	if (path.n > 0)
		buf_put_u8(&path, '/');
	buf_put_str(&path, x->name);
	return w->policy.ignored(
	    w->policy.ctx, buf_bytes(&path), (x->mask & IN_ISDIR) != 0);
}

/* Something came to a name, or went from it: is it what we know? */
static void
look_at(struct watch *w, uint32_t i)
{
	OWN(buf_free) struct buf path = { 0 };
	struct stat st;

	kernel_path(w, i, &path);
	if (lstat(buf_text(&path), &st) < 0 || !S_ISDIR(st.st_mode))
		forget(w, i);
	else if (!watch_folder(w, i))
		mark_deep(w, i);
}

/* The second half of a move did not come: it is where we do not see. */
static void
moved_out(struct watch *w)
{
	uint32_t i = w->moving;

	w->moving = NO_FOLDER;
	if (i != NO_FOLDER)
		look_at(w, i);
}

static void
moved_to(struct watch *w, uint32_t i, struct bytes name)
{
	struct folders *f = &w->folders;
	uint32_t moved = w->moving, there = watch_folders_child(f, i, name);

	w->moving = NO_FOLDER;
	if (watch_folders_above(f, moved, i)) {
		w->all = true; /* what we know is not what is */
		return;
	}
	/* First the move: what it takes the place of may have been above it. */
	watch_folders_move(f, moved, i, name);
	if (there != NO_FOLDER && there != moved)
		forget(w, there);
	mark_deep(w, moved);
	/* Another may have got its old name before we heard of the move. */
	if (!watch_folder(w, moved))
		w->all = true;
}

/* Known already: a scan was faster, or it was elsewhere for a while. */
static void
look_again(struct watch *w, uint32_t above, uint32_t i, bool moved)
{
	OWN(mem_free) char *name = mem_text(w->folders.p[i].name);

	look_at(w, i);
	i = watch_folders_child(&w->folders, above, bytes_str(name));
	if (moved && i != NO_FOLDER)
		mark_deep(w, i);
}

/* It may be one that was here before, whose place a scan knows already: so a
 * scan of the folder it is in would not go into it. */
static void
came_in(struct watch *w, uint32_t above, struct bytes name)
{
	uint32_t i = watch_folders_new(&w->folders, above, name);

	look_at(w, i);
	i = watch_folders_child(&w->folders, above, name);
	if (i != NO_FOLDER)
		mark_deep(w, i);
}

/* A name of a folder in a watched one came or went. */
static void
on_folder(struct watch *w, uint32_t i, const struct inotify_event *x)
{
	struct bytes name = bytes_str(x->name);
	uint32_t there = watch_folders_child(&w->folders, i, name);

	if (x->mask & IN_MOVED_FROM) {
		w->moving = there;
		w->cookie = x->cookie;
	} else if ((x->mask & IN_MOVED_TO) != 0 && w->moving != NO_FOLDER)
		moved_to(w, i, name);
	else if (there != NO_FOLDER &&
	    (x->mask & (IN_MOVED_TO | IN_DELETE | IN_CREATE)) != 0)
		look_again(w, i, there, (x->mask & IN_MOVED_TO) != 0);
	else if ((x->mask & (IN_MOVED_TO | IN_CREATE)) != 0 &&
	    !is_ignored(w, i, x))
		came_in(w, i, name);
}

static void
on_event(struct watch *w, const struct inotify_event *x)
{
	if ((x->mask & IN_MOVED_TO) == 0 || x->cookie != w->cookie)
		moved_out(w);
	uint32_t i = watch_folders_wd(&w->folders, x->wd);
	if (x->mask & IN_Q_OVERFLOW)
		w->all = true;
	/* What was told before a folder was forgotten. */
	if (i == NO_FOLDER)
		return;
	if (x->mask & (IN_IGNORED | IN_UNMOUNT)) {
		watch_folders_set_wd(&w->folders, i, -1);
		w->watched--;
		mark_dirty(w, i, false);
		w->all |= i == TOP_FOLDER;
		return;
	}
	if (x->mask & ROOT_EVENTS)
		w->all = true;
	if ((x->mask & IN_ISDIR) != 0 && x->len > 0)
		on_folder(w, i, x);
	/* A database is open for days, and its log is written and not closed. */
	struct bytes name = bytes_str(x->len > 0 ? x->name : "");
	if (!is_ignored(w, i, x))
		mark_dirty(w, i,
		    (x->mask & IN_ALL_EVENTS) == IN_MODIFY &&
			!dbfile_is_companion(name));
}

static void
read_events(struct watch *w)
{
	_Alignas(struct inotify_event) char buf[64 * 1024];
	ssize_t n;

	while ((n = read(w->fd, buf, sizeof buf)) > 0)
		for (char *at = buf; at < buf + n;) {
			const struct inotify_event *x = (void *)at;
			on_event(w, x);
			at += sizeof *x + x->len;
		}
	moved_out(w);
}

void
watch_add(struct watch *w, const char *path)
{
	uint32_t at = TOP_FOLDER;

	read_events(w);
	while (*path != '\0') {
		size_t n = strcspn(path, "/");
		struct bytes name = bytes_of(path, n);
		uint32_t i = watch_folders_child(&w->folders, at, name);
		at = i == NO_FOLDER ? watch_folders_new(&w->folders, at, name)
				    : i;
		path += n + (path[n] == '/');
	}
	if (!watch_folder(w, at))
		mark_deep(w, at);
}

void
watch_prefer(struct watch *w, const char *path)
{
	struct folders *f = &w->folders;
	uint32_t at = watch_folders_find(f, path), oldest = NO_FOLDER;

	if (at == NO_FOLDER || f->p[at].wd >= 0)
		return;
	f->p[at].changed_s = (uint32_t)(w->now_ns / (1000 * MS));
	for (uint32_t i = TOP_FOLDER + 1; i < f->n; i++)
		if (f->p[i].name != NULL && f->p[i].wd >= 0 &&
		    (oldest == NO_FOLDER ||
			f->p[i].changed_s < f->p[oldest].changed_s))
			oldest = i;
	if (w->limited && oldest != NO_FOLDER &&
	    f->p[oldest].changed_s < f->p[at].changed_s)
		unwatch(w, oldest);
	(void)watch_folder(w, at);
}

/* ---- what is to be scanned ---- */

static void
tell(const struct watch *w, uint32_t i, bool deep, struct buf *dirs)
{
	watch_folders_path(&w->folders, i, dirs);
	if (deep && i != TOP_FOLDER)
		buf_put_u8(dirs, '/');
	buf_put_u8(dirs, '\0');
}

static int64_t
tell_rest(struct watch *w, struct buf *dirs)
{
	const struct folders *f = &w->folders;

	if (w->watched == f->used)
		return -1;
	if (w->rest_ns == 0)
		w->rest_ns = w->now_ns; /* they were scanned when added */
	if (w->now_ns - w->rest_ns < REST)
		return w->rest_ns + REST - w->now_ns;
	w->rest_ns = w->now_ns;
	for (uint32_t i = 0; i < f->n; i++)
		if (f->p[i].name != NULL && f->p[i].wd < 0)
			tell(w, i, false, dirs);
	return REST;
}

int64_t
watch_take(struct watch *w, int64_t now_ns, struct buf *dirs, bool *all)
{
	w->now_ns = now_ns;
	read_events(w);
	*all = w->all;
	w->all = false;
	int64_t next = tell_rest(w, dirs);
	for (uint32_t k = w->n_dirty; k > 0; k--) {
		const struct dirty *d = &w->dirty[k - 1];
		uint32_t i = d->folder;
		int64_t in = due_ns(d) - now_ns;
		if (in > 0 && !*all) {
			next = next < 0 || in < next ? in : next;
			continue;
		}
		if (!*all)
			tell(w, i, d->deep, dirs);
		clear_dirty(w, i);
	}
	return next;
}

/* ---- the limit ---- */

void
watch_state(const struct watch *w, struct watch_state *out)
{
	static const char file[] = "/proc/sys/fs/inotify/max_user_watches";
	OWN(buf_free) struct buf text = { 0 };
	struct err e;

	*out = (struct watch_state){ .folders = w->folders.used,
		.watched = w->watched,
		.limited = w->limited && w->watched < w->folders.used };
	if (!out->limited)
		return;
	if (file_read(file, 64, &text, &e) < 0)
		buf_clear(&text);
	(void)snprintf(out->limit, sizeof out->limit,
	    "fs.inotify.max_user_watches is %.*s: sudo sysctl "
	    "fs.inotify.max_user_watches=%ju",
	    (int)strcspn(buf_text(&text), "\n"), buf_text(&text),
	    (uintmax_t)(out->folders < 262144 ? 524288 : out->folders * 2));
}
